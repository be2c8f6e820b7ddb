//! What payloads cost: CPU for each KiB and passage.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_sim::temporal::{Outcome, Process};
use temporal_support::{on_measured_machine, run, settings};

/// Workflows of one activity, all four payloads of this size; `workers` are further keys of `[workers]`.
fn one_activity(payload: &str, cached: Option<u32>) -> Outcome {
    let steps = format!(
        r#"{{ activity = "a", takes = "0s", input = "{payload}", output = "{payload}", start_to_close = "60s" }}"#
    );
    let workflow = format!(
        "[[workflow]]\ntype = \"Root\"\nshare = 1.0\ninput = \"{payload}\"\nresult = \"{payload}\"\nsteps = [ {steps} ]\n"
    );
    let mut profile = on_measured_machine(&workflow, 4.0);
    profile.workers.cached_workflows = cached.or(profile.workers.cached_workflows);
    run(&profile, settings(1, 4.0, 400.0))
}

/// Milliseconds of a process per workflow.
fn cpu_ms(outcome: &Outcome, process: Process) -> f64 {
    outcome.work.cpu[process as usize].as_secs_f64() * 1e3 / outcome.counts.offered as f64
}

#[test]
fn each_passage_of_a_payload_costs_cpu() {
    let (small, large) = (one_activity("10B", None), one_activity("64KiB", None));
    let costs = Calibration::reference().cpu;
    // Start, first task and its answer, activity and its answer, second task (which brings the activity's input and output) and its answer,
    // the result: nine at frontend and history. Four of them pass matching on the way to a worker, four are written.
    for (process, passages, cost) in [
        (Process::Frontend, 9.0, costs.frontend_payload),
        (Process::History, 9.0, costs.history_payload),
        (Process::Matching, 4.0, costs.matching_payload),
        (Process::Database, 4.0, costs.database_payload),
    ] {
        let expected = passages * 64.0 * cost.as_secs_f64() * 1e3;
        let more = cpu_ms(&large, process) - cpu_ms(&small, process);
        // Busier processes sleep less, and collect garbage more often.
        assert!((more / expected - 1.0).abs() < 0.25, "{process:?}: {more} ms more, expected {expected}");
    }
}

#[test]
fn a_worker_without_a_cache_is_sent_the_whole_history_again() {
    let (cached, not) = (one_activity("64KiB", None), one_activity("64KiB", Some(0)));
    // The workflow's input, once more.
    let again = 64.0 * Calibration::reference().cpu.frontend_payload.as_secs_f64() * 1e3;
    let (with, without) = (cpu_ms(&cached, Process::Frontend), cpu_ms(&not, Process::Frontend));
    assert!(without - with > 0.5 * again, "{without} against {with} ms, expected {again} more");
}
