//! Comparing runs of known samples says what is known of them.
#![allow(clippy::unwrap_used)]

mod common;

use plimsoll_reports::compare::{Comparison, QuantityGroup, Tolerances, compare};
use plimsoll_reports::run_dir::{self, Run};
use plimsoll_reports::run_document::RunKind;

fn run_of(kind: RunKind, seconds: &[Vec<u64>]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(kind, seconds.len() as f64);
    run_dir::read(&common::write_run(folder.path(), &manifest, seconds)).unwrap()
}

fn of(a: &[Vec<u64>], b: &[Vec<u64>], tolerances: &Tolerances) -> Comparison {
    compare(&run_of(RunKind::Simulated, a), &run_of(RunKind::Simulated, b), tolerances)
}

#[test]
fn a_run_is_within_any_tolerance_of_itself() {
    let seconds = common::shape(60, 100, 0);
    let strict = Tolerances::from_toml("default = 0\nthroughput = 0\nlatency_floor_seconds = 0\n[latency]\n").unwrap();
    let comparison = of(&seconds, &seconds, &strict);
    assert!(comparison.within, "{}", comparison.verdict_text);
    assert_eq!(comparison.metrics.len(), 2);
    for metric in &comparison.metrics {
        assert_eq!(metric.wasserstein_relative, 0.0);
        assert_eq!(metric.largest_gap.unwrap().relative, 0.0);
        assert_eq!(metric.quantiles.iter().map(|q| q.quantile).collect::<Vec<_>>(), [0.5, 0.9, 0.95, 0.99]);
    }
    assert!(comparison.notes.is_empty(), "{:?}", comparison.notes);
}

#[test]
fn a_shift_is_found_at_every_quantile_with_its_size() {
    let comparison = of(&common::shape(60, 100, 0), &common::shape(60, 100, 1_000), &Tolerances::default());
    assert!(!comparison.within);
    let start = comparison.metrics.iter().find(|metric| metric.metric == "start").unwrap();
    // Every sample moves by 1 ms; buckets are up to 0.1 % wide.
    assert!((start.wasserstein_relative * start.mean_a - 0.001).abs() < 3e-6, "{}", start.wasserstein_relative);
    for q in &start.quantiles {
        assert!((q.b.estimate - q.a.estimate - 0.001).abs() < 5e-6, "{q:?}");
        assert!(q.difference.counts && !q.difference.intervals_overlap, "{q:?}");
    }
    assert!(comparison.verdict_text.contains("Outside tolerance: 8 of"), "{}", comparison.verdict_text);
}

#[test]
fn a_difference_within_the_intervals_does_not_count() {
    // Forty seconds of a bursty system: half of the seconds are slow. Moving two of them is within what chance does.
    let slow = |slow_seconds: usize| -> Vec<Vec<u64>> {
        (0..40).map(|second| vec![if second * 17 % 40 < slow_seconds { 90_000 } else { 30_000 }; 50]).collect()
    };
    let comparison = of(&slow(19), &slow(21), &Tolerances::default());
    let median = &comparison.metrics[0].quantiles[0];
    assert_eq!(median.quantile, 0.5);
    assert!(median.difference.beyond_tolerance, "{median:?}");
    assert!(median.difference.intervals_overlap && !median.difference.counts, "{median:?}");
    assert!(median.effective_samples.0 < 100.0, "two thousand samples, but forty seconds: {median:?}");
}

#[test]
fn tolerance_decides_for_numbers_without_an_interval() {
    // The fixture of the measured run has 12 % more statements than the simulated one.
    let seconds = common::shape(60, 100, 0);
    let (a, b) = (run_of(RunKind::Simulated, &seconds), run_of(RunKind::Measured, &seconds));
    let statements = |tolerances: &Tolerances| {
        let comparison = compare(&a, &b, tolerances);
        let found = comparison.quantities.iter().find(|quantity| quantity.name == "statements").unwrap().clone();
        (comparison.within, found)
    };
    let (within, found) = statements(&Tolerances::default());
    assert!(!within && found.difference.counts);
    assert_eq!(found.group, QuantityGroup::PerWorkflow);
    assert!((found.difference.relative.unwrap() - 0.12).abs() < 1e-9);

    let (within, found) = statements(&Tolerances::from_toml("[per_workflow]\nstatements = 0.15\n").unwrap());
    assert!(within && !found.difference.counts);
}

#[test]
fn resource_series_are_compared_by_their_means() {
    let seconds = common::shape(30, 100, 0);
    let comparison = of(&seconds, &seconds, &Tolerances::default());
    let cpu = comparison.quantities.iter().find(|quantity| quantity.name == "database_cpu").unwrap();
    assert_eq!((cpu.group, cpu.unit.as_str()), (QuantityGroup::Resource, "share"));
    assert!((cpu.a.estimate - 0.501).abs() < 1e-9 && cpu.a.low < cpu.a.estimate);
    // The empty column is in both files and has nothing to compare.
    assert!(!comparison.quantities.iter().any(|quantity| quantity.name == "backlog"));
}

#[test]
fn runs_with_nothing_in_common_are_not_within() {
    let mut a = run_of(RunKind::Simulated, &common::shape(5, 100, 0));
    let mut b = a.clone();
    a.manifest.summary = None;
    b.intervals.clear();
    b.resources.columns = vec!["other".into()];
    let comparison = compare(&a, &b, &Tolerances::default());
    assert!(!comparison.within);
    assert!(comparison.verdict_text.contains("nothing in common"));
    assert_eq!(comparison.only_in_a, ["e2e.response", "start", "backlog", "database_cpu"]);
    assert_eq!(comparison.only_in_b, ["other"]);
    assert!(comparison.notes.iter().any(|note| note.contains("no summary")));
}
