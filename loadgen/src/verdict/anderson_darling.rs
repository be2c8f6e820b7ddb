//! The Anderson–Darling test of exponential gaps whose rate is known.

/// Upper tail of A² when the distribution is fully known: probability, and the value that is exceeded with it.
///
/// Stephens, "Tests based on EDF statistics", in D'Agostino & Stephens, *Goodness-of-Fit Techniques* (1986), table 4.2.
const KNOWN: [(f64, f64); 8] = [
    (0.25, 1.248),
    (0.15, 1.610),
    (0.10, 1.933),
    (0.05, 2.492),
    (0.025, 3.070),
    (0.01, 3.880),
    (0.005, 4.500),
    (0.001, 6.000),
];

/// Gaps below this share of their mean are taken as this: two sends in one nanosecond have a finite logarithm.
const SMALLEST: f64 = 1e-12;

/// A² of gaps in units of their intended mean (exponential with mean 1 when they are those of a Poisson process), and
/// the largest distance of the distribution functions. `None` without gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    /// Anderson and Darling's statistic.
    pub a_squared: f64,
    /// Kolmogorov's distance max |F_n − F|.
    pub distance: f64,
    /// Gaps.
    pub samples: usize,
}

impl Exponential {
    /// Of gaps in any order.
    pub fn of(gaps: &[f64]) -> Option<Self> {
        if gaps.is_empty() {
            return None;
        }
        let mut sorted: Vec<f64> = gaps.iter().map(|gap| gap.max(SMALLEST)).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len() as f64;
        let mut sum = 0.0;
        let mut distance = 0.0f64;
        for (index, gap) in sorted.iter().enumerate() {
            let below = index as f64;
            // ln F(x) = ln(1 − e⁻ˣ); ln(1 − F) of the mirrored one is −x.
            let log_below = libm::log(-libm::expm1(-gap));
            let log_above = -sorted[sorted.len() - 1 - index];
            sum += (2.0 * below + 1.0) * (log_below + log_above);
            let share = -libm::expm1(-gap);
            distance = distance.max(share - below / count).max((below + 1.0) / count - share);
        }
        Some(Exponential { a_squared: -count - sum / count, distance, samples: sorted.len() })
    }

    /// Whether exponential gaps give so large an A² with a probability below `level`, which is rounded down to one of
    /// the tabulated ones (0.25 to 0.001).
    pub fn rejected_at(&self, level: f64) -> bool {
        let limit = KNOWN.iter().find(|(probability, _)| *probability <= level).map_or(f64::INFINITY, |(_, a)| *a);
        self.a_squared > limit
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::random::Streams;

    fn rejected(trials: u64, level: f64, gap: impl Fn(&mut plimsoll_profiles::random::Stream) -> f64) -> f64 {
        let mut rejected = 0;
        for trial in 0..trials {
            let mut stream = Streams::new(trial).stream("anderson-darling", "trial", 0);
            let gaps: Vec<f64> = (0..500).map(|_| gap(&mut stream)).collect();
            rejected += u64::from(Exponential::of(&gaps).unwrap().rejected_at(level));
        }
        rejected as f64 / trials as f64
    }

    #[test]
    fn exponential_gaps_are_rejected_as_often_as_the_level_says() {
        // Standard error of 4,000 trials: 0.34 points at 5 %, 0.16 at 1 %.
        for (level, within) in [(0.10, 0.015), (0.05, 0.011), (0.01, 0.005)] {
            let share = rejected(4_000, level, |stream| stream.exponential());
            assert!((share - level).abs() < within, "{level}: {share}");
        }
    }

    #[test]
    fn other_gaps_are_rejected() {
        assert!(rejected(200, 0.01, |stream| stream.exponential() * 1.3) > 0.99, "another rate");
        assert_eq!(rejected(50, 0.001, |stream| 0.5 + 0.5 * stream.exponential()), 1.0, "never below half");
        assert_eq!(rejected(50, 0.001, |_| 1.0), 1.0, "evenly spaced");
        assert_eq!(rejected(50, 0.001, |stream| if stream.uniform() < 0.5 { 0.0 } else { 2.0 }), 1.0, "in pairs");
    }

    #[test]
    fn the_statistic_is_the_integral_it_is_defined_by() {
        // A² = n ∫ (F_n − F)² / (F (1 − F)) dF (Anderson & Darling 1952), by the midpoint rule.
        let mut stream = Streams::new(5).stream("anderson-darling", "integral", 0);
        let gaps: Vec<f64> = (0..40).map(|_| 1.2 * stream.exponential()).collect();
        let mut shares: Vec<f64> = gaps.iter().map(|gap| 1.0 - (-gap).exp()).collect();
        shares.sort_unstable_by(f64::total_cmp);
        let steps = 400_000;
        let integral: f64 = (0..steps)
            .map(|step| {
                let share = (f64::from(step) + 0.5) / f64::from(steps);
                let below = shares.partition_point(|other| *other <= share) as f64 / shares.len() as f64;
                (below - share).powi(2) / (share * (1.0 - share)) / f64::from(steps)
            })
            .sum();
        let a_squared = Exponential::of(&gaps).unwrap().a_squared;
        assert!((a_squared - 40.0 * integral).abs() < 1e-3, "{a_squared} {}", 40.0 * integral);
    }

    #[test]
    fn the_distance_of_a_constant_is_by_hand() {
        // All at 1: F jumps from 0 to 1 where the exponential is at 1 − 1/e.
        let all = Exponential::of(&[1.0; 50]).unwrap();
        assert!((all.distance - (1.0 - (-1.0f64).exp())).abs() < 1e-12, "{}", all.distance);
        assert_eq!(Exponential::of(&[]), None);
    }
}
