#![allow(clippy::unwrap_used)]

use super::*;
use crate::units::Nanos;

const DRAWS: usize = 400_000;

fn stream(purpose: &str) -> Stream {
    Streams::new(20_261_121).stream("tests", purpose, 0)
}

fn draws(purpose: &str, mut draw: impl FnMut(&mut Stream) -> f64) -> Vec<f64> {
    let mut stream = stream(purpose);
    (0..DRAWS).map(|_| draw(&mut stream)).collect()
}

/// The first four raw moments within five standard errors of the exact ones.
fn assert_moments(values: &[f64], exact: [f64; 8]) {
    let count = values.len() as f64;
    for power in 1..=4 {
        let sample = values.iter().map(|value| value.powi(power as i32)).sum::<f64>() / count;
        let error = ((exact[2 * power - 1] - exact[power - 1].powi(2)) / count).sqrt();
        assert!(
            (sample - exact[power - 1]).abs() < 5.0 * error,
            "moment {power}: {sample}, exact {}",
            exact[power - 1]
        );
    }
}

/// The test of Kolmogorov and Smirnov at the level of 0.1 %.
fn assert_distribution(mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let distance = values.iter().enumerate().fold(0.0f64, |largest, (rank, value)| {
        let p = cdf(*value);
        largest.max((p - rank as f64 / count).abs()).max(((rank + 1) as f64 / count - p).abs())
    });
    assert!(distance < 1.95 / count.sqrt(), "distance {distance}");
}

/// Computed by an independent program from the algorithm in the module's description.
#[test]
fn streams_give_the_same_numbers_for_ever() {
    let mut raw = Streams::new(42).stream("history", "service time", 3);
    let first: Vec<u64> = (0..4).map(|_| raw.next_u64()).collect();
    assert_eq!(
        first,
        [18_091_760_401_025_557_902, 4_681_500_133_757_883_269, 11_237_110_279_093_492_192, 7_140_872_471_537_820_597]
    );
    let mut mixed = Streams::new(42).stream("history", "service time", 3);
    assert_eq!(mixed.uniform(), 0.980_756_296_543_956_5);
    assert!((mixed.exponential() - 0.408_217_263_923_317_14).abs() < 1e-14);
    assert!((mixed.normal() + 0.502_263_953_956_905_5).abs() < 1e-14);
    assert_eq!(mixed.below(1_000_003), 387_108);
}

#[test]
fn every_part_of_a_name_makes_another_stream() {
    let streams = Streams::new(1);
    let mut firsts = vec![
        streams.stream("a", "b", 0).next_u64(),
        streams.stream("a", "b", 1).next_u64(),
        streams.stream("a", "c", 0).next_u64(),
        streams.stream("b", "b", 0).next_u64(),
        streams.stream("ab", "", 0).next_u64(),
        streams.stream("", "ab", 0).next_u64(),
        Streams::new(2).stream("a", "b", 0).next_u64(),
    ];
    firsts.extend((2..1000).map(|replication| streams.stream("a", "b", replication).next_u64()));
    let count = firsts.len();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), count);
}

#[test]
fn streams_of_neighbouring_replications_are_uncorrelated() {
    let streams = Streams::new(9);
    let mut product = 0.0;
    for replication in 0..200 {
        let mut here = streams.stream("a", "b", replication);
        let mut there = streams.stream("a", "b", replication + 1);
        product += (0..1000).map(|_| (here.uniform() - 0.5) * (there.uniform() - 0.5)).sum::<f64>();
    }
    let correlation = product * 12.0 / 200_000.0;
    assert!(correlation.abs() < 5.0 / 200_000f64.sqrt(), "{correlation}");
}

#[test]
fn uniform_numbers_are_uniform() {
    let values = draws("uniform", Stream::uniform);
    assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
    assert_moments(&values, std::array::from_fn(|i| 1.0 / (i as f64 + 2.0)));
    assert_distribution(values, |x| x);
    let open = draws("uniform open", Stream::uniform_open);
    assert!(open.iter().all(|value| *value > 0.0 && *value < 1.0));
    assert_distribution(open, |x| x);
}

#[test]
fn exponential_numbers_are_exponential_also_in_the_tail() {
    let values = draws("exponential", Stream::exponential);
    assert_moments(&values, [1.0, 2.0, 6.0, 24.0, 120.0, 720.0, 5040.0, 40320.0]);
    // Past 7.697 the ziggurat's layers end.
    let tail: Vec<f64> =
        values.iter().filter(|value| **value > 7.697_117_470_131_05).map(|v| v - 7.697_117_470_131_05).collect();
    let expected = DRAWS as f64 * (-7.697_117_470_131_05f64).exp();
    assert!(
        (tail.len() as f64 - expected).abs() < 5.0 * expected.sqrt(),
        "{} in the tail, {expected} expected",
        tail.len()
    );
    assert_distribution(tail, |x| 1.0 - (-x).exp());
    assert_distribution(values, |x| 1.0 - (-x).exp());
}

#[test]
fn normal_numbers_are_normal_also_in_the_tail() {
    let values = draws("normal", Stream::normal);
    assert_moments(&values, [0.0, 1.0, 0.0, 3.0, 0.0, 15.0, 0.0, 105.0]);
    let edge = 3.654_152_885_361_009;
    let mut stream = stream("normal tail");
    let tail = (0..4_000_000).filter(|_| stream.normal().abs() > edge).count() as f64;
    let expected = 4e6 * 2.0 * normal_cdf(-edge);
    assert!((tail - expected).abs() < 5.0 * expected.sqrt(), "{tail} in the tail, {expected} expected");
    assert_distribution(values, normal_cdf);
}

#[test]
fn bounded_numbers_are_unbiased() {
    let mut stream = stream("below");
    let mut counts = [0u32; 7];
    (0..DRAWS).for_each(|_| counts[stream.below(7) as usize] += 1);
    let expected = DRAWS as f64 / 7.0;
    let chi2: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    assert!(chi2 < 22.46, "chi-square {chi2} with 6 degrees of freedom");
    // With a bound of 3/4 of the range, a biased method would give the lower half 2/3 of the draws.
    let bound = 3 << 62;
    let low = (0..DRAWS).filter(|_| stream.below(bound) < bound / 2).count() as f64 / DRAWS as f64;
    assert!((low - 0.5).abs() < 0.005, "{low}");
    assert_eq!(stream.below(1), 0);
}

#[test]
fn chance_is_as_likely_as_it_says() {
    let mut stream = stream("chance");
    let hits = (0..DRAWS).filter(|_| stream.chance(Probability::new(0.3))).count() as f64;
    assert!((hits / DRAWS as f64 - 0.3).abs() < 0.004, "{hits}");
    assert!((0..1000).all(|_| stream.chance(Probability::ONE) && !stream.chance(Probability::ZERO)));
}

#[test]
fn the_normal_quantile_inverts_the_distribution_function() {
    for (p, z) in
        [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (0.999_9, 3.719_016_485_455_68), (1e-10, -6.361_340_902_404_056)]
    {
        assert!((normal_quantile(p) - z).abs() < 1e-12 * (1.0 + z.abs()), "{p}: {}", normal_quantile(p));
    }
    for i in 1..2000 {
        let p = f64::from(i) / 2000.0;
        assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-14, "{p}");
    }
    assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
}

/// Sample mean and quantiles agree with those the distribution states.
fn assert_states_itself(name: &str, distribution: &Distribution) {
    let mut stream = stream(name);
    let mut samples: Vec<f64> = (0..DRAWS).map(|_| distribution.sample(&mut stream).as_secs_f64()).collect();
    let count = DRAWS as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let deviation = (samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count).sqrt();
    let stated = distribution.mean().as_secs_f64();
    assert!((mean - stated).abs() <= 5.0 * deviation / count.sqrt() + 1e-9, "{name}: mean {mean}, stated {stated}");
    samples.sort_by(f64::total_cmp);
    for p in [0.01, 0.1, 0.5, 0.9, 0.99, 0.999] {
        let at = |p: f64| samples[((p * count) as usize).min(DRAWS - 1)];
        let error = 5.0 * (p * (1.0 - p) / count).sqrt();
        let (low, high) = (at((p - error).max(0.0)), at((p + error).min(1.0)));
        let stated = distribution.quantile(p).as_secs_f64();
        assert!(low - 2e-9 <= stated && stated <= high + 2e-9, "{name}: quantile {p} {stated} outside {low}..{high}");
    }
}

fn shapes() -> Vec<(&'static str, Distribution)> {
    let ms = Nanos::from_millis;
    let measured = [(0.5, ms(20)), (0.9, ms(80)), (0.99, ms(90)), (0.999, ms(900))];
    vec![
        ("constant", Distribution::Constant(ms(5))),
        ("exponential", Distribution::Exponential { mean: ms(300) }),
        ("lognormal 0.5", Distribution::from_mean_cv(ms(300), 0.5)),
        ("lognormal 2", Distribution::from_mean_cv(ms(300), 2.0)),
        ("two quantiles", Distribution::from_quantiles(&[(0.5, ms(100)), (0.99, ms(450))]).unwrap()),
        ("four quantiles", Distribution::from_quantiles(&measured).unwrap()),
        ("uniform", Distribution::Uniform { low: ms(10), high: ms(30) }),
        ("few nanoseconds", Distribution::Uniform { low: Nanos(3), high: Nanos(3) }),
    ]
}

#[test]
fn samples_have_the_mean_and_the_quantiles_that_are_stated() {
    for (name, distribution) in shapes() {
        assert_states_itself(name, &distribution);
        assert_states_itself(name, &distribution.scaled(3.5));
    }
}

#[test]
fn a_scaled_distribution_is_scaled_at_every_quantile() {
    for (name, distribution) in shapes() {
        let scaled = distribution.scaled(2.0);
        for p in [0.05, 0.5, 0.95, 0.9999] {
            let (one, two) = (distribution.quantile(p).0 as f64, scaled.quantile(p).0 as f64);
            assert!((two - 2.0 * one).abs() <= 2.0 + 1e-9 * two, "{name} at {p}: {one} {two}");
        }
    }
}

#[test]
fn mean_and_cv_give_that_mean_and_that_cv() {
    let mean = Nanos::from_millis(250);
    assert_eq!(Distribution::from_mean_cv(mean, 0.0), Distribution::Constant(mean));
    for cv in [0.1, 1.0, 3.0] {
        let Distribution::LogNormal { sigma, .. } = Distribution::from_mean_cv(mean, cv) else { panic!("lognormal") };
        assert!(((sigma * sigma).exp_m1().sqrt() - cv).abs() < 1e-12);
        assert!(Distribution::from_mean_cv(mean, cv).mean().0.abs_diff(mean.0) <= 1);
    }
}

#[test]
fn given_quantiles_come_back_and_the_tail_goes_on_rising() {
    let ms = Nanos::from_millis;
    let points = [(0.5, ms(20)), (0.9, ms(80)), (0.95, ms(80)), (0.99, ms(400))];
    for count in 2..=4 {
        let distribution = Distribution::from_quantiles(&points[..count]).unwrap();
        for (level, span) in &points[..count] {
            let quantile = distribution.quantile(*level).0;
            assert!(quantile.abs_diff(span.0) <= 2, "{count} points at {level}: {quantile}");
        }
        let mut last = Nanos::ZERO;
        for i in 1..1000 {
            let next = distribution.quantile(f64::from(i) / 1000.0);
            assert!(next >= last, "{count} points, {i}");
            last = next;
        }
    }
    let distribution = Distribution::from_quantiles(&points).unwrap();
    assert!(distribution.quantile(0.999) > ms(800) && distribution.quantile(1.0) == Nanos::MAX_INPUT);
    assert_eq!(
        Distribution::from_quantiles(&[(0.5, ms(3)), (0.9, ms(3)), (0.99, ms(3))]),
        Ok(Distribution::Constant(ms(3)))
    );
}

#[test]
fn quantiles_that_make_no_distribution_are_refused() {
    let ms = Nanos::from_millis;
    let refused = |points: &[(f64, Nanos)]| Distribution::from_quantiles(points).unwrap_err();
    assert_eq!(refused(&[]), QuantileError::TooFew(0));
    assert_eq!(refused(&[(0.5, ms(1))]), QuantileError::TooFew(1));
    assert_eq!(refused(&[(0.0, ms(1)), (0.5, ms(2))]), QuantileError::Level(0.0));
    assert_eq!(refused(&[(0.5, ms(1)), (1.0, ms(2))]), QuantileError::Level(1.0));
    assert!(matches!(refused(&[(0.5, ms(1)), (f64::NAN, ms(2))]), QuantileError::Level(_)));
    assert_eq!(refused(&[(0.5, ms(0)), (0.9, ms(2))]), QuantileError::Zero(0.5));
    assert_eq!(refused(&[(0.5, ms(3)), (0.9, ms(2))]), QuantileError::NotRising { level: 0.9, span: ms(2) });
    assert_eq!(refused(&[(0.5, ms(3)), (0.5, ms(4))]), QuantileError::NotRising { level: 0.5, span: ms(4) });
}

#[test]
fn samples_never_exceed_the_longest_input() {
    let absurd = Distribution::LogNormal { mu: 60.0, sigma: 30.0 };
    let mut stream = stream("absurd");
    assert!((0..1000).all(|_| absurd.sample(&mut stream) <= Nanos::MAX_INPUT));
    let widest = Distribution::Uniform { low: Nanos::ZERO, high: Nanos::MAX_INPUT };
    assert!((0..1000).all(|_| widest.sample(&mut stream) <= Nanos::MAX_INPUT));
}
