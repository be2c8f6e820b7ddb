//! A cluster that is filled without queues, and then simulated for a few seconds, is the one that a whole simulated warm-up gives.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_sim::temporal::{Load, Metric, Outcome, Settings};
use temporal_support::{on_measured_machine, run, settings};

/// Three activities of seconds: 60 workflows in the system at 4/s, one core of two busy.
const WORKFLOWS: &str = r#"
[[workflow]]
type = "Root"
steps = [
  { activity = "a", takes = { p50 = "4s", p99 = "12s" }, start_to_close = "1min" },
  { activity = "b", takes = "5s", start_to_close = "1min" },
  { timer = "3s" },
  { activity = "c", takes = "2s", start_to_close = "1min", fails = 0.1 },
]
"#;

fn measured(seed: u64, filled_at: Nanos) -> Outcome {
    let warmup = Nanos::from_secs(30);
    let window = Settings {
        warmup,
        filled_at,
        measured: Nanos::from_secs(200),
        drain: Nanos::ZERO,
        load: Load::Poisson(Rate::per_second(4.0)),
        ..settings(seed, 4.0, 1.0)
    };
    run(&on_measured_machine(WORKFLOWS, 4.0), window)
}

#[test]
fn what_is_measured_after_a_filled_warm_up_is_what_is_measured_after_a_simulated_one() {
    let whole = measured(7, Nanos::ZERO);
    let filled = measured(7, Nanos::from_secs(27));
    assert!(filled.events < whole.events, "{} events, {} with the warm-up", filled.events, whole.events);
    let close = |what: &str, a: f64, b: f64, tolerance: f64| {
        assert!((a / b - 1.0).abs() < tolerance, "{what}: {a} filled, {b} simulated");
    };
    // The same seed: the same starts, durations and failures, so only the edges of the window differ.
    close("activities in slots", filled.populations.activities, whole.populations.activities, 0.01);
    close("CPU", filled.utilisation.database, whole.utilisation.database, 0.03);
    close("statements", filled.measured_work.statements as f64, whole.measured_work.statements as f64, 0.01);
    for metric in [Metric::ScheduleToStartWorkflow, Metric::ScheduleToStartActivity, Metric::Start] {
        let median = |outcome: &Outcome| outcome.recorder.total(metric).inner().value_at_quantile(0.5) as f64;
        close("median", median(&filled), median(&whole), 0.06);
    }
}

#[test]
fn workflows_are_in_the_system_from_the_first_measured_moment() {
    let filled = measured(3, Nanos::from_secs(27));
    // Little's law: four a second, for about four, five and two seconds in a slot.
    let mean = filled.populations.activities;
    assert!((40.0..55.0).contains(&mean), "{mean} activities in slots");
    assert!(!filled.falls_behind(), "{} more under way at the end than at the begin", filled.under_way.1);
}
