//! Each rule that explains a difference fires on a pair made for it, and none on runs that are alike.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::compare::{Comparison, Tolerances, compare};
use plimsoll_reports::run_dir::{Buckets, IntervalHistogram, ResourceColumn, ResourceSeries, Run};
use plimsoll_reports::run_document::{RunDocument, RunKind};

/// Seconds of a run.
const SECONDS: u64 = 120;

/// A run in which everything there is to compare is present: latencies around 10 to 40 ms, all series even.
fn run(kind: RunKind) -> Run {
    let mut manifest = common::manifest(kind, SECONDS as f64);
    let summary = common::run();
    let mut requests = summary.per_workflow.requests.clone();
    requests.frontend = BTreeMap::from([("PollWorkflowTaskQueue".into(), 3.0), ("StartWorkflowExecution".into(), 1.0)]);
    let mut per_workflow = summary.per_workflow.clone();
    per_workflow.requests = requests;
    manifest.summary = Some(RunDocument {
        kind,
        warmup_seconds: 0.0,
        measured_seconds: SECONDS as f64,
        throughput_per_second: 20.0,
        offered_per_second: 20.0,
        per_workflow,
        ..summary
    });
    let columns = [
        ("history_cpu", "cores"),
        ("database_cpu", "cores"),
        ("wal_bytes", "bytes/s"),
        ("full_page_images", "1/s"),
        ("open_workflows", "workflows"),
        ("database_bytes", "bytes"),
    ];
    manifest.resources = columns.map(|(name, unit)| ResourceColumn { name: name.into(), unit: unit.into() }).to_vec();
    let wave = |second: u64| 1.0 + 0.05 * (second % 4) as f64;
    let rows = (0..SECONDS).map(|second| {
        let at = second as f64;
        let w = wave(second);
        (
            at,
            vec![
                Some(0.4 * w),
                Some(0.6 * w),
                Some(3e6 * w),
                Some(10.0 * w),
                Some(15.0 * w),
                Some(1e9 + 20_000.0 * 20.0 * at),
            ],
        )
    });
    let mut run = Run {
        manifest,
        intervals: Vec::new(),
        resources: ResourceSeries { columns: columns.map(|(name, _)| name.to_string()).to_vec(), rows: rows.collect() },
        notes: Vec::new(),
    };
    for (metric, milliseconds) in [
        ("e2e.response", 40.0),
        ("start", 10.0),
        ("schedule_to_start.workflow", 8.0),
        ("schedule_to_start.activity", 6.0),
    ] {
        set_latency(&mut run, metric, milliseconds, 1.0);
    }
    run
}

/// A metric whose slowest 3 % of the samples are `tail` times slower than they would be.
fn set_latency(run: &mut Run, metric: &str, milliseconds: f64, tail: f64) {
    run.intervals.retain(|interval| interval.metric != metric);
    for second in 0..SECONDS {
        let samples = (0..100u64).map(|i| {
            let place = (i * 37 + second * 11) % 100;
            let factor = 0.8 + 0.004 * place as f64;
            let factor = if place >= 97 { factor * tail } else { factor };
            ((milliseconds * factor * 1e6) as u64, 1)
        });
        run.intervals.push(IntervalHistogram {
            metric: metric.into(),
            start: Nanos::from_secs(second),
            length: Nanos::from_secs(1),
            buckets: Buckets::from_pairs(samples),
        });
    }
}

fn summary(run: &mut Run) -> &mut RunDocument {
    run.manifest.summary.as_mut().unwrap()
}

fn series(run: &mut Run, column: &str, of: impl Fn(f64, f64) -> f64) {
    let index = run.resources.columns.iter().position(|name| name == column).unwrap();
    for (seconds, values) in &mut run.resources.rows {
        values[index] = values[index].map(|value| of(*seconds, value));
    }
}

fn scale(value: &mut Option<f64>, factor: f64) {
    *value = value.map(|value| value * factor);
}

/// The rules that fire when the second run is changed, and the comparison.
fn fired(change: impl Fn(&mut Run)) -> (Vec<String>, Comparison) {
    let a = run(RunKind::Simulated);
    let mut b = run(RunKind::Measured);
    change(&mut b);
    let comparison = compare(&a, &b, &Tolerances::default());
    (comparison.explanations.iter().map(|found| found.rule.clone()).collect(), comparison)
}

#[test]
fn runs_that_are_alike_need_no_explanation() {
    let (rules, comparison) = fired(|_| {});
    assert_eq!(rules, [] as [&str; 0], "{:#?}", comparison.explanations);
    assert!(comparison.within);
    assert!(comparison.metrics.len() == 4 && comparison.series.len() == 6 && !comparison.residuals.is_empty());
}

#[test]
fn each_rule_fires_on_the_pair_made_for_it_and_names_the_number() {
    type Change = fn(&mut Run);
    let cases: [(&str, Change, &str); 19] = [
        ("offered_load", |run| summary(run).offered_per_second = 30.0, "workflows offered +50 %"),
        (
            "operation_table",
            |run| scale(&mut summary(run).per_workflow.statements, 1.2),
            "SQL statements per workflow +20 %",
        ),
        (
            "requests",
            |run| {
                summary(run).per_workflow.requests.frontend.insert("PollWorkflowTaskQueue".into(), 5.0);
            },
            "Requests to frontend per workflow +50 %",
        ),
        (
            "service_cost",
            |run| scale(&mut summary(run).per_workflow.cpu_seconds.history, 0.7),
            "CPU, history per workflow −30 %",
        ),
        (
            "database_cost",
            |run| scale(&mut summary(run).per_workflow.cpu_seconds.database, 1.3),
            "CPU, database per workflow +30 %",
        ),
        ("idle_load", |run| series(run, "history_cpu", |_, value| value + 0.2), "history CPU +"),
        (
            "full_page_images",
            |run| {
                scale(&mut summary(run).per_workflow.wal_bytes, 1.5);
                series(run, "full_page_images", |_, value| value * 3.0);
            },
            "full-page images +200 %",
        ),
        ("wal_rows", |run| scale(&mut summary(run).per_workflow.wal_bytes, 1.5), "WAL per workflow +50 %"),
        (
            "event_sizes",
            |run| scale(&mut summary(run).per_workflow.history_bytes, 1.5),
            "Event history per workflow +50 %",
        ),
        (
            "storage",
            |run| series(run, "database_bytes", |at, value| value + 10_000.0 * 20.0 * at),
            "database bytes per workflow +50 %",
        ),
        (
            "group_commit",
            |run| scale(&mut summary(run).per_workflow.fsyncs, 0.5),
            "WAL flushes (fsync) per workflow −50 %",
        ),
        (
            "waiting_tail",
            |run| set_latency(run, "schedule_to_start.activity", 6.0, 9.0),
            "activity schedule-to-start p99 +",
        ),
        (
            "dispatch",
            |run| set_latency(run, "schedule_to_start.workflow", 16.0, 1.0),
            "workflow task schedule-to-start p50 +100 %",
        ),
        ("start_path", |run| set_latency(run, "start", 15.0, 1.0), "start p50 +50 %"),
        ("start_tail", |run| set_latency(run, "start", 10.0, 6.0), "start p99 +"),
        ("own_time", |run| set_latency(run, "e2e.response", 60.0, 1.0), "end to end p50 +50 %"),
        ("capacity", |run| summary(run).throughput_per_second = 15.0, "workflows completed −25 %"),
        ("backlog", |run| series(run, "open_workflows", |at, value| value + 4.0 * at), "open workflows grow by 4"),
        (
            "bursts",
            |run| series(run, "wal_bytes", |at, value| if at % 24.0 < 4.0 { value * 6.0 } else { 0.0 }),
            "WAL bytes",
        ),
    ];
    // The twentieth rule is of a backlog that drains, which only a validation judges: see there.
    for (rule, change, evidence) in cases {
        let (rules, comparison) = fired(change);
        let found = comparison.explanations.iter().find(|found| found.rule == rule);
        let found =
            found.unwrap_or_else(|| panic!("{rule} did not fire, but {rules:?}: {:#?}", comparison.verdict_text));
        let said = found.evidence.join("; ");
        assert!(said.contains(evidence), "{rule} says {said:?}, not {evidence:?}");
        assert!(!found.responsible.is_empty() && found.finding.ends_with('.'));
    }
}

#[test]
fn a_cause_is_not_named_where_another_explains_it() {
    // More statements cost more CPU and more WAL: the operation table alone is to blame.
    let (rules, _) = fired(|run| {
        let per = &mut summary(run).per_workflow;
        scale(&mut per.statements, 1.3);
        scale(&mut per.cpu_seconds.database, 1.3);
        scale(&mut per.cpu_seconds.history, 1.3);
        scale(&mut per.wal_bytes, 1.3);
        set_latency(run, "start", 15.0, 1.0);
    });
    assert_eq!(rules, ["operation_table"]);
    // More polls cost matching CPU: the polls are to blame.
    let (rules, _) = fired(|run| {
        summary(run).per_workflow.requests.frontend.insert("PollWorkflowTaskQueue".into(), 5.0);
        scale(&mut summary(run).per_workflow.cpu_seconds.frontend, 1.3);
    });
    assert_eq!(rules, ["requests"]);
    // WAL is blamed on rows only where full-page images are known to be alike.
    let (rules, _) = fired(|run| {
        scale(&mut summary(run).per_workflow.wal_bytes, 1.5);
        series(run, "full_page_images", |_, value| value * 3.0);
    });
    assert!(rules.contains(&"full_page_images".to_string()) && !rules.contains(&"wal_rows".to_string()), "{rules:?}");
    // A median that differs takes its tail with it.
    let (rules, _) = fired(|run| set_latency(run, "start", 15.0, 1.0));
    assert_eq!(rules, ["start_path"]);
}

#[test]
fn two_runs_of_a_kind_blame_the_system_and_not_the_model() {
    let (a, mut b) = (run(RunKind::Measured), run(RunKind::Measured));
    scale(&mut summary(&mut b).per_workflow.fsyncs, 0.5);
    let found = compare(&a, &b, &Tolerances::default()).explanations;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].responsible.contains("the flush time of the device"), "{found:#?}");
    let found = fired(|run| scale(&mut summary(run).per_workflow.fsyncs, 0.5)).1.explanations;
    assert!(found[0].responsible.contains("group commit"), "{found:#?}");
}

#[test]
fn residuals_name_the_method_that_differs() {
    let (_, comparison) = fired(|run| {
        summary(run).per_workflow.requests.frontend.insert("PollWorkflowTaskQueue".into(), 5.0);
        summary(run).per_workflow.requests.frontend.remove("StartWorkflowExecution");
    });
    let of = |name: &str| comparison.residuals.iter().find(|residual| residual.name == name).unwrap();
    let poll = of("PollWorkflowTaskQueue");
    assert_eq!((poll.a, poll.b, poll.residual), (3.0, 5.0, 2.0));
    assert_eq!((of("StartWorkflowExecution").b, of("StartWorkflowExecution").relative), (0.0, Some(-1.0)));
    // 0.4 cores over 20 workflows a second, with the wave on top.
    assert!((of("history_cpu").a - 0.4 * 1.075 / 20.0).abs() < 1e-9);
}

#[test]
fn series_say_how_far_apart_and_of_what_course_two_runs_are() {
    let (_, comparison) = fired(|run| {
        series(run, "history_cpu", |_, value| value * 1.5);
        series(run, "open_workflows", |at, value| value + 2.0 * at);
    });
    let of = |name: &str| comparison.series.iter().find(|series| series.name == name).unwrap();
    let cpu = of("history_cpu");
    assert!((cpu.mean_gap.unwrap() - 0.5).abs() < 1e-9, "{cpu:?}");
    assert!((cpu.correlation.unwrap() - 1.0).abs() < 1e-9, "the same course");
    let open = of("open_workflows");
    assert!((open.growth_b - open.growth_a - 2.0).abs() < 0.02, "{} {}", open.growth_a, open.growth_b);
    assert!(open.growth_a.abs() < 0.05);
}
