//! Measured runs: their counts, their summary, and how they are read by the rest.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/measured.rs"]
mod fixture;

use std::fs;

use fixture::Story;
use plimsoll_reports::compare::{Tolerances, compare};
use plimsoll_reports::run_dir::{self, MeasuredCounts, RunVerdict, Trust};
use plimsoll_reports::run_document::{RunKind, SteadyState};
use plimsoll_reports::{html, measured};

#[test]
fn a_measured_run_reads_back_with_its_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), Story::Steady);
    let measurement = run.manifest.measurement.clone().unwrap();
    assert_eq!(measurement.counts.contradiction(), None);
    assert_eq!(measurement.target.namespace, "default");
    assert_eq!(run_dir::read(folder.path()).unwrap(), run);
    let schemas = plimsoll_reports::schema::all();
    let schema = &schemas.iter().find(|schema| schema.name == "run").unwrap().schema;
    let document = serde_json::to_value(&run.manifest).unwrap();
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn counts_that_do_not_add_up_are_refused_with_the_line_and_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = fixture::write(folder.path(), Story::Steady);
    let file = folder.path().join("run.json");
    let write =
        |manifest: &run_dir::Manifest| fs::write(&file, serde_json::to_string_pretty(manifest).unwrap()).unwrap();

    run.manifest.measurement.as_mut().unwrap().counts.completed -= 1;
    write(&run.manifest);
    let complaint = run_dir::read(folder.path()).unwrap_err().to_string();
    assert!(complaint.contains("run.json:") && complaint.contains("offered"), "{complaint}");
    assert!(complaint.contains("offered = sent + unsent"), "{complaint}");

    run.manifest.measurement.as_mut().unwrap().counts.completed += 1;
    run.manifest.sent.sent -= 1;
    write(&run.manifest);
    assert!(run_dir::read(folder.path()).is_err(), "the two counts must agree");

    // A run under way has not counted yet.
    run.manifest.verdict = RunVerdict { verdict: Trust::Incomplete, reasons: Vec::new() };
    write(&run.manifest);
    assert!(run_dir::read(folder.path()).is_ok());
}

#[test]
fn manifests_of_the_first_version_read_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(RunKind::Simulated, 20.0);
    common::write_run(folder.path(), &manifest, &common::shape(20, 200, 0));
    let file = folder.path().join("run.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("measurement"), "a simulated run has none");
    let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
    old["schema_version"] = 1.into();
    old["summary"]["schema_version"] = 1.into();
    old["summary"]["counts"].as_object_mut().unwrap().remove("unsent");
    fs::write(&file, old.to_string()).unwrap();
    let read = run_dir::read(folder.path()).unwrap().manifest;
    assert_eq!(read.summary.unwrap().per_workflow, manifest.summary.unwrap().per_workflow);
}

#[test]
fn a_summary_is_over_the_measured_window_and_has_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), Story::Steady);
    let summary = run.manifest.summary.clone().unwrap();
    assert_eq!((summary.warmup_seconds, summary.measured_seconds), (30.0, 150.0));
    let e2e = summary.latency.e2e.as_ref().unwrap();
    let in_window: u64 = run
        .intervals
        .iter()
        .filter(|interval| interval.metric == "e2e.response" && interval.start.as_secs_f64() >= 30.0)
        .map(|interval| interval.buckets.total())
        .sum();
    assert_eq!(e2e.samples, in_window);
    // Ten servers, 167 ms each, offered 40/s: three in ten starts wait; the median is near ln 2 of the mean service time.
    let median = e2e.p50.unwrap();
    assert!(median.low < median.estimate && median.estimate < median.high && (0.1..0.2).contains(&median.estimate));
    assert!(e2e.effective_samples.unwrap() <= e2e.samples as f64);
    assert!((summary.throughput_per_second - 40.0).abs() < 3.0, "{}", summary.throughput_per_second);
    assert!((summary.offered_per_second - 40.0).abs() < 3.0, "{}", summary.offered_per_second);
    assert!(
        summary.latency.further.contains_key("e2e.service") && !summary.latency.further.contains_key("dispatch_lag")
    );
    // 41 statements a workflow above the idle 20/s.
    let statements = summary.per_workflow.statements.unwrap();
    assert!((statements - 41.0).abs() < 0.5, "{statements}");
    assert_eq!(summary.per_workflow.history_bytes, None, "nobody measured it");
    assert_eq!(summary.counts.unsent, 3);
    assert!(summary.warnings.iter().any(|text| text.contains("postgresql") && text.contains("10 times")));
}

#[test]
fn an_overloaded_run_has_no_quantiles_of_what_grows() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), Story::Overloaded);
    let summary = run.manifest.summary.clone().unwrap();
    let e2e = summary.latency.e2e.unwrap();
    assert!(e2e.samples > 1_000 && e2e.p50.is_none() && e2e.p99.is_none());
    assert_eq!(summary.steady_state, Some(SteadyState::Overloaded));
    // The start call did not wait for what is overloaded.
    assert!(summary.latency.start.unwrap().p50.is_some());
}

#[test]
fn a_killed_run_is_summarised_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), Story::Steady);
    let whole = run.manifest.summary.clone().unwrap();
    let mut killed = run.clone();
    killed.manifest.summary = None;
    killed.manifest.verdict.verdict = Trust::Incomplete;
    killed.intervals.retain(|interval| interval.start.as_secs_f64() < 100.0);
    let summary = measured::summarise(&killed, SteadyState::Undecided).unwrap();
    assert!(summary.latency.e2e.as_ref().unwrap().samples < whole.latency.e2e.unwrap().samples);
    assert_eq!(summary.measured_seconds, 70.0, "what there is of it, not what was wanted");
    killed.manifest.measurement.as_mut().unwrap().counts = MeasuredCounts::default();
    let page = html::run(&summary, Some(&killed));
    assert!(page.contains("Incomplete") && page.contains("killed before it counted"));
    let simulated = common::manifest(RunKind::Simulated, 20.0);
    let folder = tempfile::tempdir().unwrap();
    let simulated = run_dir::read(&common::write_run(folder.path(), &simulated, &common::shape(20, 10, 0))).unwrap();
    assert_eq!(measured::summarise(&simulated, SteadyState::Steady), None);
}

#[test]
fn measured_runs_are_compared_with_each_other_and_with_simulated_ones() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (steady, frozen) = (fixture::write(a.path(), Story::Steady), fixture::write(b.path(), Story::Frozen));
    let same = compare(&steady, &steady, &Tolerances::default());
    assert!(same.within, "{}", same.verdict_text);
    let different = compare(&steady, &frozen, &Tolerances::default());
    let start = different.metrics.iter().find(|metric| metric.metric == "start").unwrap();
    // Two seconds in which nothing was sent are one event: not enough for a p99, but the distributions differ.
    assert!(start.quantiles.iter().all(|q| q.quantile < 0.99), "{:?}", start.quantiles);
    assert!(start.wasserstein_relative > 0.5, "{}", start.wasserstein_relative);
    assert!(different.notes.iter().any(|note| note.contains("SUSPECT")), "{:?}", different.notes);

    // The start call has the same name on both sides.
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(RunKind::Simulated, 40.0);
    let simulated = run_dir::read(&common::write_run(folder.path(), &manifest, &common::shape(40, 100, 0))).unwrap();
    let both = compare(&simulated, &steady, &Tolerances::default());
    let names: Vec<&str> = both.metrics.iter().map(|metric| metric.metric.as_str()).collect();
    assert_eq!(names, ["e2e.response", "start"]);
    assert!(both.quantities.iter().any(|quantity| quantity.name == "statements"));
}
