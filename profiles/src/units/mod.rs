//! Quantities with their unit in the type.
//!
//! After parsing, no function takes a bare number of seconds, bytes or events per second.

mod display;
mod parse;
mod text;

pub use display::Brief;
pub use parse::UnitError;
pub(crate) use parse::{Quantity, quoted};

use std::ops::{Add, AddAssign, Mul, Sub};

/// Integer nanoseconds: a span of time, or an instant as the span since the start of a run.
///
/// 2^64 ns are 584 years. Arithmetic is exact; overflow panics in debug builds and is a programming
/// error in release builds, because every input is bounded to [`Nanos::MAX_INPUT`] when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Zero.
    pub const ZERO: Nanos = Nanos(0);
    /// Later than every instant of a run.
    pub const FOREVER: Nanos = Nanos(u64::MAX);
    /// The longest span a profile may hold: 100 years.
    pub const MAX_INPUT: Nanos = Nanos(100 * 365 * 86_400 * 1_000_000_000);

    /// Whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Nanos(micros * 1_000)
    }

    /// Whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Nanos(millis * 1_000_000)
    }

    /// Whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Nanos(secs * 1_000_000_000)
    }

    /// Seconds, rounded to the nearest nanosecond; negative and not-a-number become zero, values past the range saturate.
    pub fn from_secs_f64(secs: f64) -> Self {
        Nanos((secs * 1e9).round() as u64)
    }

    /// Seconds as a float, for output and for formulas.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Rounded to what a reader needs: `850us`, `40ms`, `1.93s`, `30d`. The plain `Display` is exact and parses back.
    pub fn brief(self) -> Brief {
        Brief(self)
    }

    /// The difference, or zero where `other` is later.
    pub fn saturating_sub(self, other: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(other.0))
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, other: Nanos) -> Nanos {
        Nanos(self.0 + other.0)
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Nanos) {
        self.0 += other.0;
    }
}

impl Sub for Nanos {
    type Output = Nanos;
    fn sub(self, other: Nanos) -> Nanos {
        Nanos(self.0 - other.0)
    }
}

impl Mul<u64> for Nanos {
    type Output = Nanos;
    fn mul(self, factor: u64) -> Nanos {
        Nanos(self.0 * factor)
    }
}

/// Events per second: arrivals, requests, statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// Zero events per second.
    pub const ZERO: Rate = Rate(0.0);

    /// The highest rate a profile may hold: a thousand million per second.
    pub const MAX_INPUT: f64 = 1e9;

    /// A rate from events per second.
    ///
    /// # Panics
    /// In debug builds, when the value is negative or not finite.
    pub fn per_second(value: f64) -> Self {
        debug_assert!(value.is_finite() && value >= 0.0, "rate {value}");
        Rate(value)
    }

    /// Events per second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The largest size a profile may hold: 1 EiB.
    pub const MAX_INPUT: Bytes = Bytes(1 << 60);

    /// Kibibytes.
    pub const fn kib(n: u64) -> Self {
        Bytes(n << 10)
    }

    /// Mebibytes.
    pub const fn mib(n: u64) -> Self {
        Bytes(n << 20)
    }

    /// Gibibytes.
    pub const fn gib(n: u64) -> Self {
        Bytes(n << 30)
    }
}

/// Processor cores; fractions are shares of a core, as Kubernetes' `250m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Cores(f64);

impl Cores {
    /// The most cores a profile may hold.
    pub const MAX_INPUT: f64 = 1e6;

    /// A number of cores.
    ///
    /// # Panics
    /// In debug builds, when the value is negative or not finite.
    pub fn new(value: f64) -> Self {
        debug_assert!(value.is_finite() && value >= 0.0, "cores {value}");
        Cores(value)
    }

    /// The number of cores.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// Never.
    pub const ZERO: Probability = Probability(0.0);
    /// Always.
    pub const ONE: Probability = Probability(1.0);

    /// A probability.
    ///
    /// # Panics
    /// In debug builds, when the value is outside 0 to 1.
    pub fn new(value: f64) -> Self {
        debug_assert!((0.0..=1.0).contains(&value), "probability {value}");
        Probability(value)
    }

    /// The number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}
