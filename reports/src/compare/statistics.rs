//! Quantiles with intervals, means with intervals, and the distance of two distributions.
//!
//! # Method
//! A quantile's interval is the distribution-free one of order statistics: the quantiles at `q ± t·√(q(1−q)/n)`
//! (David & Nagaraja, *Order Statistics*, 3rd ed., 7.1). It asks for independent samples, and latencies of neighbours in
//! a queue are not; so `n` is the effective sample size. The measured window is cut into 30 batches of neighbouring
//! intervals, and the variance of the share of samples at or below the estimate is taken from the batches (a ratio
//! estimate, since batches differ in size; Asmussen & Glynn, *Stochastic Simulation*, IV.5 and III.4a):
//! `n_eff = q(1−q) / Var(F̂)`, at most the number of samples. `t` is Student's for one degree of freedom less than
//! there are batches.
//!
//! # Limits
//! Batches must be long against the memory of the system: close to saturation, or over a window of a few relaxation
//! times, the intervals are too narrow. With fewer than ten intervals in the log the samples are taken as independent.
//! No quantile is given where fewer than ten effective samples lie beyond it.

use crate::quantity::Interval;
use crate::run_dir::Buckets;

/// Batches a window is cut into.
const BATCHES: usize = 30;
/// Below this, there are too few batches to estimate a variance.
const FEWEST_BATCHES: usize = 10;
/// Effective samples that must lie beyond a quantile on either side.
const FEWEST_TAIL_SAMPLES: f64 = 10.0;
const NANOS_PER_SECOND: f64 = 1e9;

/// A quantile in seconds, and the effective sample size behind its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantileEstimate {
    /// Seconds, with the 95 % confidence interval.
    pub seconds: Interval,
    /// Independent samples that would tell as much.
    pub effective_samples: f64,
}

/// The quantile of samples that come in consecutive intervals of time; `None` where the tail has too few that tell something
/// of their own: what it would be in another run is not known then.
pub fn quantile(intervals: &[&Buckets], all: &Buckets, q: f64) -> Option<QuantileEstimate> {
    let estimate = observed_quantile(intervals, all, q)?;
    ((1.0 - q).min(q) * estimate.effective_samples >= FEWEST_TAIL_SAMPLES).then_some(estimate)
}

/// What the quantile was in this run, `None` where fewer than ten samples lie beyond it. A tail that is a single event (the target stood
/// still once) has samples enough for that, and an interval so wide that nobody takes it for what the next run will show.
pub fn observed_quantile(intervals: &[&Buckets], all: &Buckets, q: f64) -> Option<QuantileEstimate> {
    let estimate = all.quantile(q)?;
    let total = all.total() as f64;
    let batches = batch_counts(intervals, estimate);
    let effective_samples = effective_samples(&batches, total);
    if (1.0 - q).min(q) * total < FEWEST_TAIL_SAMPLES {
        return None;
    }
    let width = student_t975(batches.len()) * (q * (1.0 - q) / effective_samples).sqrt();
    let seconds = Interval {
        estimate: estimate as f64 / NANOS_PER_SECOND,
        low: all.quantile(q - width)? as f64 / NANOS_PER_SECOND,
        high: all.quantile(q + width)? as f64 / NANOS_PER_SECOND,
    };
    Some(QuantileEstimate { seconds, effective_samples })
}

/// Samples at or below the threshold, and samples, by batch.
fn batch_counts(intervals: &[&Buckets], threshold: u64) -> Vec<(f64, f64)> {
    if intervals.len() < FEWEST_BATCHES {
        return Vec::new();
    }
    let batches = intervals.len().min(BATCHES);
    let mut counts = vec![(0.0, 0.0); batches];
    for (index, buckets) in intervals.iter().enumerate() {
        let batch = &mut counts[index * batches / intervals.len()];
        batch.0 += buckets.at_most(threshold) as f64;
        batch.1 += buckets.total() as f64;
    }
    counts
}

fn effective_samples(batches: &[(f64, f64)], total: f64) -> f64 {
    let below: f64 = batches.iter().map(|(below, _)| below).sum();
    let share = below / total;
    if batches.is_empty() || share <= 0.0 || share >= 1.0 {
        return total;
    }
    let count = batches.len() as f64;
    let squares: f64 = batches.iter().map(|(below, size)| (below - share * size).powi(2)).sum();
    let variance = count / (count - 1.0) * squares / (total * total);
    if variance <= 0.0 {
        return total;
    }
    (share * (1.0 - share) / variance).min(total)
}

/// The mean of a time series with its interval from batch means; a point below ten values.
pub fn mean(values: &[f64]) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    let estimate = values.iter().sum::<f64>() / values.len() as f64;
    if values.len() < FEWEST_BATCHES {
        return Some(Interval { estimate, low: estimate, high: estimate });
    }
    let batches = values.len().min(BATCHES);
    let mut sums = vec![(0.0, 0.0); batches];
    for (index, value) in values.iter().enumerate() {
        let batch = &mut sums[index * batches / values.len()];
        batch.0 += value;
        batch.1 += 1.0;
    }
    let count = batches as f64;
    let squares: f64 = sums.iter().map(|(sum, size)| (sum / size - estimate).powi(2)).sum();
    let width = student_t975(batches) * (squares / (count - 1.0) / count).sqrt();
    Some(Interval { estimate, low: estimate - width, high: estimate + width })
}

/// Student's t at 97.5 % for one degree of freedom less than there are batches; the normal's without batches.
/// Cornish–Fisher expansion (Abramowitz & Stegun 26.7.5), within 0.001 from 9 degrees of freedom on.
fn student_t975(batches: usize) -> f64 {
    const Z: f64 = 1.959_963_985;
    if batches < 2 {
        return Z;
    }
    let freedom = (batches - 1) as f64;
    let cube = Z.powi(3);
    let fifth = Z.powi(5);
    Z + (cube + Z) / (4.0 * freedom)
        + (5.0 * fifth + 16.0 * cube + 3.0 * Z) / (96.0 * freedom.powi(2))
        + (3.0 * Z.powi(7) + 19.0 * fifth + 17.0 * cube - 15.0 * Z) / (384.0 * freedom.powi(3))
}

/// Wasserstein-1 distance in nanoseconds: the area between the two distribution functions, which is the average way a
/// sample of one has to move to make the other (Vallender 1974). `None` without samples on a side.
pub fn wasserstein(a: &Buckets, b: &Buckets) -> Option<f64> {
    let (total_a, total_b) = (a.total() as f64, b.total() as f64);
    if total_a == 0.0 || total_b == 0.0 {
        return None;
    }
    let mut steps: Vec<(u64, f64)> = a.iter().map(|(value, count)| (value, count as f64 / total_a)).collect();
    steps.extend(b.iter().map(|(value, count)| (value, -(count as f64) / total_b)));
    steps.sort_by_key(|(value, _)| *value);
    let mut area = 0.0;
    let mut gap = 0.0;
    let mut last = steps.first()?.0;
    for (value, step) in steps {
        area += f64::abs(gap) * (value - last) as f64;
        gap += step;
        last = value;
    }
    Some(area)
}

/// Slope of the least-squares line through points of x and y; `None` for fewer than two different x.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let (squares, products, _) = deviations(points.iter().copied())?;
    (squares > 0.0).then(|| products / squares)
}

/// Pearson's correlation; `None` for fewer than two pairs, or where a side does not vary.
pub fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let (of_x, products, of_y) = deviations(pairs)?;
    // Sums of what should be 0 leave some 1e-16 of the values.
    (of_x > 1e-18 && of_y > 1e-18).then(|| (products / (of_x * of_y).sqrt()).clamp(-1.0, 1.0))
}

/// Sums of squares of x around its mean, of products, and of squares of y.
fn deviations(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<(f64, f64, f64)> {
    let count = pairs.clone().count() as f64;
    if count < 2.0 {
        return None;
    }
    let (sum_x, sum_y) = pairs.clone().fold((0.0, 0.0), |(x, y), pair| (x + pair.0, y + pair.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    Some(pairs.fold((0.0, 0.0, 0.0), |(xx, xy, yy), (x, y)| {
        let (x, y) = (x - mean_x, y - mean_y);
        (xx + x * x, xy + x * y, yy + y * y)
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hdrhistogram::Histogram;

    #[test]
    fn a_shifted_distribution_is_as_far_away_as_it_was_shifted() {
        let a = Buckets::from_pairs([(100, 3), (200, 5), (350, 2)]);
        let b = Buckets::from_pairs([(117, 3), (217, 5), (367, 2)]);
        assert!((wasserstein(&a, &b).unwrap() - 17.0).abs() < 1e-9);
        assert_eq!(wasserstein(&a, &a), Some(0.0));
        assert_eq!(wasserstein(&a, &Buckets::default()), None);
    }

    #[test]
    fn the_distance_does_not_depend_on_the_number_of_samples() {
        // Half of the mass moves by 100: 50. By hand; b has twice the samples.
        let a = Buckets::from_pairs([(100, 4)]);
        let b = Buckets::from_pairs([(100, 4), (200, 4)]);
        assert!((wasserstein(&a, &b).unwrap() - 50.0).abs() < 1e-9);
        assert!((wasserstein(&b, &a).unwrap() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn two_point_masses_are_as_far_apart_as_their_points() {
        let at = |value| Buckets::from_pairs([(value, 7)]);
        assert_eq!(wasserstein(&at(1_000), &at(4_500)), Some(3_500.0));
        assert_eq!(wasserstein(&at(4_500), &at(1_000)), Some(3_500.0));
        assert_eq!(wasserstein(&at(9), &at(9)), Some(0.0));
    }

    #[test]
    fn scaled_exponentials_are_apart_by_the_difference_of_their_means() {
        // One is a monotone map of the other, so that all mass moves the same way: W₁ is |m₂ − m₁|, which is 25 % of m₁.
        let mut uniform = Uniform(11);
        let samples: Vec<f64> = (0..200_000).map(|_| uniform.exponential(1.0)).collect();
        let (a, b) = (buckets_of(samples.iter().copied()), buckets_of(samples.iter().map(|value| value * 1.25)));
        let relative = wasserstein(&a, &b).unwrap() / a.mean().unwrap();
        assert!((relative - 0.25).abs() < 0.001, "{relative}");
        // Of samples of their own, as chance allows: 1.25·√(1/200,000) is 0.3 %.
        let other = buckets_of((0..200_000).map(|_| uniform.exponential(1.0) * 1.25));
        let relative = wasserstein(&a, &other).unwrap() / a.mean().unwrap();
        assert!((relative - 0.25).abs() < 0.015, "{relative}");
    }

    #[test]
    fn the_distance_is_a_metric() {
        let mut uniform = Uniform(5);
        let mut any = || Buckets::from_pairs((0..50).map(|_| ((uniform.exponential(1e-6)) as u64, 1)));
        let (a, b, c) = (any(), any(), any());
        let distance = |x: &Buckets, y: &Buckets| wasserstein(x, y).unwrap();
        assert!((distance(&a, &b) - distance(&b, &a)).abs() < 1e-6);
        assert!(distance(&a, &c) <= distance(&a, &b) + distance(&b, &c) + 1e-6);
    }

    #[test]
    fn slope_and_correlation_are_those_of_the_textbook() {
        let line: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i), 3.0 - 0.5 * f64::from(i))).collect();
        assert!((slope(&line).unwrap() + 0.5).abs() < 1e-12);
        assert!((correlation(line.iter().copied()).unwrap() + 1.0).abs() < 1e-12);
        // Anscombe's first set (1973): slope 0.500, correlation 0.816.
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let set: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        assert!((slope(&set).unwrap() - 0.500).abs() < 0.001);
        assert!((correlation(set.iter().copied()).unwrap() - 0.816).abs() < 0.001);
        assert_eq!(slope(&[(1.0, 2.0)]), None);
        assert_eq!(correlation([(1.0, 2.0), (2.0, 2.0)].into_iter()), None);
    }

    #[test]
    fn students_t_is_that_of_the_tables() {
        for (batches, t) in [(10, 2.262), (20, 2.093), (30, 2.045)] {
            assert!((student_t975(batches) - t).abs() < 0.001, "{batches}: {}", student_t975(batches));
        }
    }

    /// SplitMix64 (Steele, Lea & Flood 2014): enough for a coverage test, and no dependency.
    struct Uniform(u64);
    impl Uniform {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + 1e-17
        }
        fn exponential(&mut self, rate: f64) -> f64 {
            -self.next().ln() / rate
        }
    }

    /// Share of experiments whose interval holds the true quantile.
    fn coverage(q: f64, truth: f64, mut experiment: impl FnMut(u64) -> Vec<Buckets>) -> f64 {
        let experiments = 400;
        let mut held = 0;
        for seed in 0..experiments {
            let intervals = experiment(seed);
            let all = Buckets::merged(&intervals);
            let estimate = quantile(&intervals.iter().collect::<Vec<_>>(), &all, q).expect("enough samples").seconds;
            // A bucket of the histogram is up to 0.1 % wide.
            if estimate.low * 0.999 <= truth && truth <= estimate.high * 1.001 {
                held += 1;
            }
        }
        f64::from(held) / experiments as f64
    }

    fn buckets_of(seconds: impl IntoIterator<Item = f64>) -> Buckets {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in seconds {
            histogram.record((value * 1e9) as u64).unwrap();
        }
        Buckets::of(&histogram)
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say_for_independent_samples() {
        for (q, truth) in [(0.5, 0.5f64.ln().abs()), (0.99, 0.01f64.ln().abs())] {
            let share = coverage(q, truth, |seed| {
                let mut uniform = Uniform(seed * 7919 + 1);
                (0..60).map(|_| buckets_of((0..100).map(|_| uniform.exponential(1.0)))).collect()
            });
            assert!((0.92..=0.985).contains(&share), "p{q}: {share}");
        }
    }

    #[test]
    fn intervals_hold_the_truth_for_the_waiting_times_of_a_queue() {
        // M/M/1, ρ = 0.5: P(W > x) = ρ·exp(−(1−ρ)x). Neighbours are correlated; taken as independent, the share is
        // far too low, which the second half shows.
        let queue = |seed: u64| {
            let mut uniform = Uniform(seed * 104_729 + 3);
            let mut wait = 0.0;
            let mut customer = || {
                wait = f64::max(0.0, wait + uniform.exponential(1.0) - uniform.exponential(0.5));
                wait
            };
            (0..200).for_each(|_| {
                customer();
            });
            (0..60).map(|_| buckets_of((0..300).map(|_| customer()))).collect::<Vec<_>>()
        };
        let truth = (0.5f64 / 0.1).ln() / 0.5;
        let share = coverage(0.9, truth, queue);
        assert!((0.92..=0.985).contains(&share), "{share}");

        let naive = coverage(0.9, truth, |seed| vec![Buckets::merged(&queue(seed))]);
        assert!(naive < 0.85, "{naive}");
    }

    #[test]
    fn too_few_tail_samples_give_no_quantile() {
        let some = buckets_of((1..=500).map(f64::from));
        assert!(quantile(&[&some], &some, 0.9).is_some());
        assert_eq!(quantile(&[&some], &some, 0.99), None);
        assert_eq!(quantile(&[], &Buckets::default(), 0.5), None);
    }

    #[test]
    fn a_constant_has_a_point_for_an_interval() {
        assert_eq!(mean(&[2.0; 40]), Some(Interval { estimate: 2.0, low: 2.0, high: 2.0 }));
        assert_eq!(mean(&[]), None);
    }
}
