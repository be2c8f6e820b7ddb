//! Uncertain inputs and the worlds they span.

use std::collections::BTreeMap;

use crate::random::Streams;

/// Which of the three estimates of an uncertain input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The low estimate, thought of as the 10th percentile.
    Low,
    /// The middle estimate, the median.
    Mid,
    /// The high estimate, the 90th percentile.
    High,
}

/// An input that a profile gives as `{ low, mid, high }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncertainInput {
    /// Its key, dotted as `--set` takes it.
    pub path: String,
    /// The low estimate as written.
    pub low: String,
    /// The middle estimate as written.
    pub mid: String,
    /// The high estimate as written.
    pub high: String,
}

/// One choice of every uncertain input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    sample: Option<(u64, u32)>,
    levels: BTreeMap<String, Level>,
}

impl World {
    /// Every uncertain input at its middle estimate.
    pub fn mid() -> Self {
        World::default()
    }

    /// World number `n` of the sample with this seed.
    ///
    /// Each input is low, mid or high with probability 0.3, 0.4, 0.3: Swanson's rule, which keeps mean and variance
    /// of most distributions when the estimates are P10, P50, P90 (Hurst, Brown & Swanson 2000, "Swanson's 30-40-30
    /// rule", AAPG Bulletin 84). An input's level depends on nothing but seed, `n` and its path, so that a further
    /// uncertain input changes no other.
    pub fn sampled(seed: u64, n: u32) -> Self {
        World { sample: Some((seed, n)), levels: BTreeMap::new() }
    }

    /// The same world with the input at `path` at this level.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, level: Level) -> Self {
        self.levels.insert(path.into(), level);
        self
    }

    /// The level of the input at `path`.
    pub fn level(&self, path: &str) -> Level {
        if let Some(level) = self.levels.get(path) {
            return *level;
        }
        let Some((seed, n)) = self.sample else { return Level::Mid };
        match Streams::new(seed).stream(path, "world", n).uniform() {
            u if u < 0.3 => Level::Low,
            u if u < 0.7 => Level::Mid,
            _ => Level::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_worlds_follow_thirty_forty_thirty() {
        let n = 30_000u32;
        let count = |level| (0..n).filter(|i| World::sampled(7, *i).level("a.b") == level).count() as f64;
        for (level, p) in [(Level::Low, 0.3), (Level::Mid, 0.4), (Level::High, 0.3)] {
            let (mean, sigma) = (f64::from(n) * p, (f64::from(n) * p * (1.0 - p)).sqrt());
            assert!((count(level) - mean).abs() < 4.0 * sigma, "{level:?}: {} of {n}", count(level));
        }
    }

    #[test]
    fn inputs_of_a_sampled_world_are_independent() {
        let n = 30_000u32;
        let both = |i: &u32| {
            let world = World::sampled(1, *i);
            world.level("a") == Level::Low && world.level("b") == Level::Low
        };
        let count = (0..n).filter(both).count() as f64;
        assert!((count - 0.09 * f64::from(n)).abs() < 4.0 * (f64::from(n) * 0.09 * 0.91).sqrt(), "{count}");
    }

    #[test]
    fn a_chosen_level_wins_over_the_sample() {
        let world = World::sampled(1, 1).with("a", Level::High);
        assert_eq!(world.level("a"), Level::High);
        assert_eq!(World::mid().level("a"), Level::Mid);
    }
}
