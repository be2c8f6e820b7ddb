//! Averages over time.

use plimsoll_profiles::units::Nanos;

/// A whole number that changes in time, with its exact integral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWeighted {
    value: u64,
    changed: Nanos,
    window_start: Nanos,
    area: u128,
    max: u64,
}

impl TimeWeighted {
    /// A number with this value from `now` on.
    pub fn new(now: Nanos, value: u64) -> Self {
        TimeWeighted { value, changed: now, window_start: now, area: 0, max: value }
    }

    /// The value now.
    #[inline]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// Gives it another value from `now` on.
    #[inline]
    pub fn set(&mut self, now: Nanos, value: u64) {
        self.area += u128::from(now.0 - self.changed.0) * u128::from(self.value);
        self.changed = now;
        self.value = value;
        self.max = self.max.max(value);
    }

    /// Raises it.
    #[inline]
    pub fn add(&mut self, now: Nanos, amount: u64) {
        self.set(now, self.value + amount);
    }

    /// Lowers it; by more than the value is a programming error.
    #[inline]
    pub fn sub(&mut self, now: Nanos, amount: u64) {
        self.set(now, self.value - amount);
    }

    /// The integral since the last reset, in value × nanoseconds.
    pub fn area(&self, now: Nanos) -> u128 {
        self.area + u128::from(now.0 - self.changed.0) * u128::from(self.value)
    }

    /// The largest value since the last reset, that at the reset included.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The average since the last reset; the value itself over an empty window.
    pub fn mean(&self, now: Nanos) -> f64 {
        let window = now.0 - self.window_start.0;
        if window == 0 { self.value as f64 } else { self.area(now) as f64 / window as f64 }
    }

    /// Forgets the past, at the end of the warm-up; the value stays.
    pub fn reset(&mut self, now: Nanos) {
        *self = TimeWeighted::new(now, self.value);
    }
}
