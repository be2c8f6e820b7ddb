//! Runs whose course is known, for tests.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::units::Nanos;

use crate::run_dir::{Buckets, IntervalHistogram, ResourceColumn, ResourceSeries, Run, Scenario, columns};
use crate::run_document::RunDocument;
use crate::validation::fixture::run_of;

/// Ten workflows a second for five minutes; from 60 s to 80 s of the schedule nobody works, then 20 tasks a second are done.
///
/// So 200 tasks wait at 80 s, and 10 a second more go than come: the last one is done at 100 s. Who comes at `t` in between waits
/// until 80 s and then for those before him: `80 − t + 10 (t − 60) / 20`, which is 20 s at 60 s and 10 s at 80 s, and goes down to 0 at 100 s.
/// Everybody else waits for 10 ms. `shift` is the time that passes before the schedule begins, `stall` what the outage is multiplied by.
pub(crate) fn outage(shift: u64, stall: f64) -> Run {
    let mut summary: RunDocument = serde_json::from_str(include_str!("../../tests/fixtures/run.json")).unwrap();
    summary.offered_per_second = 10.0;
    summary.warmup_seconds = shift as f64;
    summary.measured_seconds = 300.0;
    let mut run = run_of(summary);
    run.manifest.profile = r#"{
        "slo": {"schedule_to_start_workflow": {"p99": "200ms"}},
        "event": [{"at": "60s", "for": "20s", "kind": "workers_stop"}]
    }"#
    .into();
    run.manifest.scenario = Some(Scenario { begins_at_seconds: shift as f64, marks: Vec::new() });
    let column = |name: &str, unit: &str| ResourceColumn { name: name.into(), unit: unit.into() };
    run.manifest.resources = vec![
        column(columns::BACKLOG, "tasks"),
        column(columns::OFFERED, "1/s"),
        column(columns::COMPLETED, "1/s"),
        column("worker_pods_ready", "pods"),
        column("worker_cpu", "cores"),
    ];
    let rows = (1..=300u32).map(|second| {
        let t = f64::from(second);
        let ready = if (60.0..80.0).contains(&t) { 0.0 } else { 4.0 };
        let completed = match t {
            t if t > 60.0 && t <= 80.0 => 0.0,
            t if t > 80.0 && t <= 100.0 => 20.0,
            _ => 10.0,
        };
        let values = [waiting(t) * stall, 10.0, completed, ready, completed / 20.0];
        (t + shift as f64, values.into_iter().map(Some).collect())
    });
    run.resources = ResourceSeries {
        columns: run.manifest.resources.iter().map(|column| column.name.clone()).collect(),
        rows: rows.collect(),
    };
    run.intervals = (0..300u32)
        .map(|second| {
            let each = (0..10u32).map(|i| wait(f64::from(second) + f64::from(i) / 10.0) * stall);
            IntervalHistogram {
                metric: "schedule_to_start.workflow".into(),
                start: Nanos::from_secs(u64::from(second) + shift),
                length: Nanos::from_secs(1),
                buckets: Buckets::from_pairs(each.map(|seconds| ((seconds.max(0.01) * 1e9) as u64, 1))),
            }
        })
        .collect();
    run
}

/// Tasks waiting at an instant.
fn waiting(t: f64) -> f64 {
    (((t - 60.0).clamp(0.0, 20.0)) * 10.0 - (t - 80.0).max(0.0) * 10.0).max(0.0)
}

/// How long a task waits that is scheduled at an instant.
fn wait(t: f64) -> f64 {
    if !(60.0..100.0).contains(&t) {
        return 0.01;
    }
    80.0 - t + (t - 60.0) / 2.0
}
