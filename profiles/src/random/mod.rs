//! Named random streams and the distributions of spans drawn from them.
//!
//! Every source of chance has a stream of its own, named by (source, purpose, replication): a change in one part of a
//! model leaves the draws of all others as they were, so that two variants can be compared on common random numbers.
//!
//! The way from a seed to a number is fixed for ever; stored runs depend on it:
//! 1. the names are hashed by FNV-1a (64 bits) over `source`, a zero byte, `purpose`, a zero byte;
//! 2. seed, hash and replication are folded through the finaliser of SplitMix64 (Steele, Lea, Flood 2014);
//! 3. four consecutive outputs of SplitMix64 are the state of xoshiro256++ (Blackman, Vigna 2019).

mod distribution;
mod special;
mod ziggurat;

pub use distribution::{Distribution, QuantileCurve, QuantileError};
pub use special::{normal_cdf, normal_quantile};

use crate::units::Probability;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use ziggurat::Tables;

/// The streams of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub const fn new(seed: u64) -> Self {
        Streams { seed }
    }

    /// The stream of one purpose of one source in one replication; the same arguments always give the same numbers.
    pub fn stream(&self, source: &str, purpose: &str, replication: u32) -> Stream {
        let names = source.bytes().chain([0]).chain(purpose.bytes()).chain([0]);
        let name_hash = names.fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        let mut state = mix(mix(self.seed.wrapping_add(GOLDEN)) ^ name_hash);
        state = mix(state.wrapping_add(u64::from(replication).wrapping_mul(GOLDEN)));
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            state = state.wrapping_add(GOLDEN);
            word.copy_from_slice(&mix(state).to_le_bytes());
        }
        Stream { generator: Xoshiro256PlusPlus::from_seed(bytes), tables: Tables::get() }
    }
}

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;
/// 2^64 divided by the golden ratio, the increment of SplitMix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of independent random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: Xoshiro256PlusPlus,
    tables: &'static Tables,
}

impl Stream {
    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform on [0, 1): a multiple of 2^-53.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Uniform on (0, 1): an odd multiple of 2^-53, never 0 and never 1.
    #[inline]
    pub fn uniform_open(&mut self) -> f64 {
        ((self.next_u64() >> 12) as f64 + 0.5) * 2f64.powi(-52)
    }

    /// Exponential of mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        ziggurat::exponential(self, self.tables)
    }

    /// Normal of mean 0 and standard deviation 1.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        ziggurat::normal(self, self.tables)
    }

    /// Uniform on 0..n, without bias (Lemire 2019).
    ///
    /// # Panics
    /// When `n` is zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "there is no number below zero");
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// True with the probability given.
    #[inline]
    pub fn chance(&mut self, p: Probability) -> bool {
        self.uniform() < p.get()
    }
}

#[cfg(test)]
mod tests;
