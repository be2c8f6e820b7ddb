//! A run in which nobody works for a while, for pages and texts.
#![allow(dead_code, clippy::unwrap_used)]

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::{
    Buckets, IntervalHistogram, Manifest, Mark, MarkKind, ResourceColumn, ResourceSeries, Run, Scenario,
};

/// Ten workflows a second for five minutes, nobody works from 60 s to 80 s of the schedule; pods come and go, and an autoscaler acts.
pub fn run(manifest: Manifest, shift: u64, stall: f64) -> Run {
    let column = |name: &str, unit: &str| ResourceColumn { name: name.into(), unit: unit.into() };
    let mark = |at: f64, label: &str, kind| Mark {
        at_seconds: at + shift as f64,
        until_seconds: None,
        label: label.into(),
        kind,
    };
    let manifest = Manifest {
        profile: r#"{
            "slo": {"schedule_to_start": {"p99": "200ms"}, "end_to_end": {"p99": "500ms"}},
            "event": [{"at": "60s", "for": "20s", "kind": "workers_stop"}]
        }"#
        .into(),
        scenario: Some(Scenario {
            begins_at_seconds: shift as f64,
            marks: vec![
                mark(90.0, "scaled from 4 to 8 pods", MarkKind::Action),
                mark(200.0, "scaled <from> 8 & to 4 pods", MarkKind::Action),
            ],
        }),
        resources: vec![
            column("backlog", "tasks"),
            column("backlog_workflow_tasks", "tasks"),
            column("backlog_activities", "tasks"),
            column("offered", "1/s"),
            column("completed", "1/s"),
            column("worker_pods_ready", "pods"),
            column("worker_pods_starting", "pods"),
            column("worker_pods_draining", "pods"),
            column("history_cpu", "cores"),
            column("worker_cpu", "cores"),
        ],
        ..manifest
    };
    let rows = (1..=300u32).map(|second| {
        let t = f64::from(second);
        let waiting = (((t - 60.0).clamp(0.0, 20.0)) * 10.0 - (t - 80.0).max(0.0) * 10.0).max(0.0) * stall;
        let completed = if t > 60.0 && t <= 80.0 {
            0.0
        } else if t > 80.0 && t <= 100.0 {
            20.0
        } else {
            10.0
        };
        let ready = if (60.0..80.0).contains(&t) {
            0.0
        } else if (95.0..200.0).contains(&t) {
            8.0
        } else {
            4.0
        };
        let starting = if (90.0..95.0).contains(&t) { 4.0 } else { 0.0 };
        let draining = if (200.0..230.0).contains(&t) { 4.0 } else { 0.0 };
        let values = [
            waiting,
            waiting * 0.4,
            waiting * 0.6,
            10.0,
            completed,
            ready,
            starting,
            draining,
            0.3 + completed / 50.0,
            completed / 20.0,
        ];
        (t + shift as f64, values.into_iter().map(Some).collect())
    });
    let resources =
        ResourceSeries { columns: manifest.resources.iter().map(|c| c.name.clone()).collect(), rows: rows.collect() };
    let wait = |t: f64| if (60.0..100.0).contains(&t) { (80.0 - t + (t - 60.0) / 2.0) * stall } else { 0.01 };
    let mut intervals = Vec::new();
    for (metric, base) in
        [("schedule_to_start.workflow", 0.004), ("schedule_to_start.activity", 0.006), ("e2e.response", 0.05)]
    {
        for second in 0..300u32 {
            let each = (0..20u32).map(|i| {
                let noise = 1.0 + f64::from((second * 7 + i * 13) % 29) / 20.0;
                wait(f64::from(second) + f64::from(i) / 20.0).max(0.01) + base * noise
            });
            intervals.push(IntervalHistogram {
                metric: metric.into(),
                start: Nanos::from_secs(u64::from(second) + shift),
                length: Nanos::from_secs(1),
                buckets: Buckets::from_pairs(each.map(|seconds| ((seconds * 1e9) as u64, 1))),
            });
        }
    }
    Run { manifest, intervals, resources, notes: Vec::new() }
}
