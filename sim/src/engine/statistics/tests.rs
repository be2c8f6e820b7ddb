#![allow(clippy::unwrap_used)]

use super::*;
use plimsoll_profiles::units::Nanos;

#[test]
fn student_t_agrees_with_published_tables() {
    // Abramowitz and Stegun, table 26.10; NIST handbook 1.3.6.7.2.
    for (p, degrees, expected) in [
        (0.975, 1, 12.706_204_736),
        (0.975, 2, 4.302_652_730),
        (0.975, 9, 2.262_157_163),
        (0.975, 19, 2.093_024_054),
        (0.9995, 3, 12.923_978_637),
        (0.9995, 19, 3.883_405_853),
        (0.9995, 4, 8.610_301_581),
        (0.95, 30, 1.697_260_887),
        (0.975, 100, 1.983_971_519),
        (0.9995, 199, 3.340_086_556),
        (0.9995, 200, 3.339_835_406),
        (0.975, 1_000, 1.962_339_081),
    ] {
        let t = student_t_quantile(p, degrees);
        assert!((t - expected).abs() < 1e-6 * expected, "t({p}, {degrees}) = {t}, expected {expected}");
        assert!((student_t_quantile(1.0 - p, degrees) + t).abs() < 1e-9 * t);
    }
}

#[test]
fn expansion_and_finite_sums_meet_where_they_change_over() {
    for p in [0.6, 0.9, 0.975, 0.9995] {
        let (below, above) = (student_t_quantile(p, 199), student_t_quantile(p, 200));
        assert!(above < below && below - above < 1e-3 * below, "{p}: {below} {above}");
    }
}

#[test]
fn time_weighted_mean_is_the_integral_over_the_window() {
    let mut number = TimeWeighted::new(Nanos(0), 2);
    number.add(Nanos(10), 3);
    number.sub(Nanos(30), 4);
    assert_eq!(number.area(Nanos(40)), 2 * 10 + 5 * 20 + 10);
    assert_eq!(number.mean(Nanos(40)), 130.0 / 40.0);
    assert_eq!(number.max(), 5);
    number.reset(Nanos(40));
    assert_eq!((number.max(), number.area(Nanos(50)), number.value()), (1, 10, 1));
    assert_eq!(number.mean(Nanos(40)), 1.0);
}

#[test]
fn merged_tallies_equal_one_tally() {
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i * i % 97) + 1e6).collect();
    let (mut whole, mut left, mut right) = (Tally::new(), Tally::new(), Tally::new());
    for (place, value) in values.iter().enumerate() {
        whole.record(*value);
        if place < 300 { left.record(*value) } else { right.record(*value) }
    }
    left.merge(&right);
    left.merge(&Tally::new());
    assert_eq!((left.count(), left.min(), left.max()), (whole.count(), whole.min(), whole.max()));
    assert!((left.mean().unwrap() - whole.mean().unwrap()).abs() < 1e-6);
    assert!((left.variance().unwrap() / whole.variance().unwrap() - 1.0).abs() < 1e-9);
    let exact = values.iter().map(|v| (v - whole.mean().unwrap()).powi(2)).sum::<f64>() / 999.0;
    assert!((whole.variance().unwrap() / exact - 1.0).abs() < 1e-9);
}

#[test]
fn a_quantile_without_enough_tail_is_insufficient_not_a_number() {
    let mut histogram = LatencyHistogram::new();
    (1..=1000).for_each(|i| histogram.record(Nanos(i * 1_000_000)));
    assert_eq!(histogram.quantile(0.99), Err(Insufficient { tail_samples: 10, needed: 20 }));
    let median = histogram.quantile(0.5).unwrap();
    assert!((median.0 as f64 / 500e6 - 1.0).abs() < 1e-3);
    assert_eq!(histogram.mean(), Some(Nanos(500_500_000)));
    assert!(LatencyHistogram::new().quantile(0.5).is_err());
    assert!(BatchMeans::new(10, 0.95).quantile(&vec![1.0; 5_000], 0.99).is_err());
    assert!(BatchMeans::new(10, 0.95).quantile(&vec![1.0; 50_000], 0.99).is_ok());
}

#[test]
fn a_histogram_has_the_counts_and_quantiles_of_hdrhistogram() {
    let mut stream = plimsoll_profiles::random::Streams::new(3).stream("histogram", "spans", 0);
    let mut spans: Vec<u64> = (0..20_000).map(|i| stream.next_u64() >> (i % 64)).collect();
    spans.extend([0, 1, 2_047, 2_048, 2_049, 4_095, 4_096, u64::MAX - 1]);
    let (mut ours, mut other) = (LatencyHistogram::new(), LatencyHistogram::new());
    let mut hdr = hdrhistogram::Histogram::<u64>::new(3).unwrap();
    for (i, &span) in spans.iter().enumerate() {
        if i % 3 == 0 { &mut other } else { &mut ours }.record(Nanos(span));
        hdr.record(span).unwrap();
        assert!(i % 5_000 > 0 || ours.inner().len() == ours.count(), "asked between records");
    }
    ours.merge(&other);
    let same = spans.iter().all(|&span| ours.inner().count_at(span) == hdr.count_at(span));
    assert!(same);
    assert_eq!((ours.count(), ours.max()), (hdr.len(), Some(Nanos(hdr.max()))));
    assert_eq!((ours.inner().min(), ours.inner().mean()), (hdr.min(), hdr.mean()));
    for q in [0.01, 0.1, 0.5, 0.9, 0.99] {
        assert_eq!(ours.quantile(q), Ok(Nanos(hdr.value_at_quantile(q))));
    }
    ours.reset();
    assert!(ours.count() == 0 && ours.inner().is_empty());
}

#[test]
fn mser_deletes_a_transient_and_leaves_a_stationary_series() {
    let noise = |i: usize| ((i * 2_654_435_761) % 1000) as f64 / 1000.0;
    let transient: Vec<f64> = (0..2000).map(|i| noise(i) + if i < 300 { 5.0 } else { 0.0 }).collect();
    let found = mser5(&transient);
    assert!((290..=400).contains(&found.delete) && found.conclusive, "{found:?}");
    assert!(warm_up_suffices(&transient, 500) && !warm_up_suffices(&transient, 100));
    let drifting: Vec<f64> = (0..2000).map(|i| i as f64).collect();
    assert!(!mser5(&drifting).conclusive);
}

#[test]
fn stopping_looks_at_doublings_and_ends_at_the_maximum() {
    let mut rule = SequentialStopping::new(0.01, 0.95, 10, 30);
    assert_eq!(rule.decide(), Decision::Continue(10));
    (0..10).for_each(|i| rule.record(100.0 + 20.0 * f64::from(i % 2)));
    assert_eq!(rule.decide(), Decision::Continue(10));
    (0..10).for_each(|i| rule.record(100.0 + 20.0 * f64::from(i % 2)));
    assert_eq!(rule.decide(), Decision::Continue(10));
    (0..10).for_each(|i| rule.record(100.0 + 20.0 * f64::from(i % 2)));
    assert!(matches!(rule.decide(), Decision::Exhausted(interval) if interval.contains(110.0)));
    let mut rule = SequentialStopping::new(0.5, 0.95, 10, 30);
    (0..10).for_each(|i| rule.record(100.0 + 20.0 * f64::from(i % 2)));
    assert!(matches!(rule.decide(), Decision::Precise(_)));
}
