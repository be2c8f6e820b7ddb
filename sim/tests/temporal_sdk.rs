//! What clients and workers cost beside the code they run: their SDK.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::SdkCosts;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::{Metric, Outcome, Process};
use temporal_support::{on_measured_machine, run, settings};

/// Workflows of these steps at 2/s, so that hardly anything queues.
fn with(steps: &str, costs: SdkCosts) -> Outcome {
    let workflow = format!("[[workflow]]\ntype = \"Root\"\nshare = 1.0\nsteps = [ {steps} ]\n");
    let mut profile = on_measured_machine(&workflow, 2.0);
    profile.workers.sdk_cpu = costs;
    run(&profile, settings(1, 2.0, 300.0))
}

const NONE: SdkCosts = SdkCosts {
    workflow_task: Nanos::ZERO,
    activity: Nanos::ZERO,
    local_activity: Nanos::ZERO,
    client_request: Nanos::ZERO,
    wake: Nanos::ZERO,
    idle_core: Nanos::ZERO,
};
const COST: Nanos = Nanos::from_millis(3);
const ACTIVITY: &str = r#"{ activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s" }"#;
const LOCAL: &str = r#"{ local_activity = "l", takes = "4ms", output = "10B", count = 2 }"#;

/// Milliseconds of CPU of clients and workers per workflow.
fn cpu_ms(outcome: &Outcome) -> f64 {
    outcome.work.cpu[Process::Worker as usize].as_secs_f64() * 1e3 / outcome.counts.offered as f64
}

fn median_ms(outcome: &Outcome, metric: Metric) -> f64 {
    let mut values: Vec<u64> = outcome.recorder.values(metric).unwrap().collect();
    values.sort_unstable();
    values[values.len() / 2] as f64 / 1e6
}

#[test]
fn without_costs_clients_and_workers_use_no_cpu() {
    assert_eq!(cpu_ms(&with(ACTIVITY, NONE)), 0.0);
}

#[test]
fn each_call_of_a_client_costs_cpu_and_comes_that_much_later() {
    let (free, costly) = (with(ACTIVITY, NONE), with(ACTIVITY, SdkCosts { client_request: COST, ..NONE }));
    // The start, and the wait for the result.
    assert!((cpu_ms(&costly) - 6.0).abs() < 0.05, "{}", cpu_ms(&costly));
    let later = median_ms(&costly, Metric::Start) - median_ms(&free, Metric::Start);
    assert!((2.5..3.8).contains(&later), "a start is {later} ms later");
}

#[test]
fn workflow_tasks_activities_and_local_activities_cost_what_is_said() {
    let of = |steps: &str, costs: SdkCosts| cpu_ms(&with(steps, costs));
    let tasks = of(ACTIVITY, SdkCosts { workflow_task: COST, ..NONE });
    assert!((tasks - 6.0).abs() < 0.05, "two workflow tasks: {tasks}");
    let activities = of(ACTIVITY, SdkCosts { activity: COST, ..NONE });
    assert!((activities - 3.0).abs() < 0.05, "one activity: {activities}");
    let local = with(LOCAL, SdkCosts { local_activity: COST, ..NONE });
    assert_eq!(local.work.local_activities, 2 * local.counts.offered);
    assert!((cpu_ms(&local) - 6.0).abs() < 0.05, "two local activities: {}", cpu_ms(&local));
}

#[test]
fn a_local_activitys_cost_comes_beside_what_it_takes() {
    let (free, costly) = (with(LOCAL, NONE), with(LOCAL, SdkCosts { local_activity: COST, ..NONE }));
    let later = median_ms(&costly, Metric::EndToEnd) - median_ms(&free, Metric::EndToEnd);
    assert!((5.0..7.5).contains(&later), "a workflow with two of them takes {later} ms longer");
}

#[test]
fn a_program_that_sleeps_costs_more() {
    let asleep = with(ACTIVITY, SdkCosts { workflow_task: COST, wake: COST, ..NONE });
    // Hardly any two tasks meet at this rate: nearly each wakes it.
    let wake_ups = asleep.work.wake_ups[Process::Worker as usize] as f64 / asleep.counts.offered as f64;
    assert!((cpu_ms(&asleep) - 6.0 - 3.0 * wake_ups).abs() < 0.05, "{} ms, {wake_ups} times", cpu_ms(&asleep));
    assert!(wake_ups > 1.5, "{wake_ups}");
}
