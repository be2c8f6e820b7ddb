//! Proof that a run depends on its inputs alone.

use super::{Model, Simulation};
use plimsoll_profiles::units::Nanos;
use std::hash::{Hash, Hasher};

/// A hash of one event after another that is the same on every machine (FNV-1a over 64-bit words in little-endian order).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningHash(u64);

impl Default for RunningHash {
    fn default() -> Self {
        RunningHash(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for RunningHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as i64 as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(29);
    }
}

/// Two runs of the same inputs went different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "two runs of the same inputs differ from event {event_number} on: at {first:?} in the first, at {second:?} in the second"
)]
pub struct Divergence {
    /// The number of the first event that differs in its time, its kind or the draws made in it, counted from 1.
    pub event_number: u64,
    /// Its time in the first run; `None` when that had ended.
    pub first: Option<Nanos>,
    /// Its time in the second run; `None` when that had ended.
    pub second: Option<Nanos>,
}

/// Runs the same simulation twice, side by side, up to and including `end`, and compares after each event its time, the event itself and `fingerprint`.
///
/// The fingerprint should hash what draws leave behind, at best the next number of a clone of each stream, so that a draw more or less is found at the event that
/// made it. The answer is the hash of the whole run, the same on any machine.
///
/// # Errors
/// The first event that differs.
pub fn check_determinism<M>(
    make: impl Fn() -> Simulation<M>,
    end: Nanos,
    fingerprint: impl Fn(&M, &mut RunningHash),
) -> Result<u64, Divergence>
where
    M: Model,
    M::Event: Hash,
{
    let mut runs = [make(), make()];
    let mut hashes = [RunningHash::default(); 2];
    for event_number in 1.. {
        let mut times = [None; 2];
        for ((run, hash), time) in runs.iter_mut().zip(&mut hashes).zip(&mut times) {
            let Some((now, event)) = run.step(end) else { continue };
            *time = Some(now);
            hash.write_u64(now.0);
            event.hash(hash);
            fingerprint(run.model(), hash);
        }
        let [first, second] = times;
        if first != second || hashes[0] != hashes[1] {
            return Err(Divergence { event_number, first, second });
        }
        if first.is_none() {
            break;
        }
    }
    Ok(hashes[0].finish())
}
