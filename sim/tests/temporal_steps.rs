//! Times of single tasks: what the events of a history say.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::{
    Load, Metric, Outcome, Settings, StepPart, StepTask, SystemSize, simulate, simulate_with_steps,
};
use temporal_support::on_measured_machine;

const SEQUENCE: &str = r#"[[workflow]]
type = "Root"
input = "10B"
steps = [
  { activity = "a", takes = "20ms", count = 2 },
  { activity = "b", takes = "5ms", fails_first = 1, retry = { initial = "100ms", backoff = 1.0 } },
]
"#;

fn settings(rate: f64) -> Settings {
    Settings {
        seed: 3,
        replication: 0,
        load: Load::Poisson(plimsoll_profiles::units::Rate::per_second(rate)),
        warmup: Nanos::from_secs(2),
        measured: Nanos::from_secs(30),
        drain: Nanos::from_secs(60),
        interval: Nanos::from_secs(1),
        sample: false,
        filled_at: Nanos::ZERO,
        longest_wait: Nanos::from_secs(60),
        retention_deletes: false,
        max_events: u64::MAX,
        max_open: 100_000,
    }
}

fn outcome(rate: f64) -> Outcome {
    let profile = on_measured_machine(SEQUENCE, rate);
    let size = SystemSize::of(&profile);
    simulate_with_steps(&profile, &Calibration::reference(), size, settings(rate), &|| false)
}

fn times(outcome: &Outcome, task: StepTask, part: StepPart) -> Vec<u64> {
    let found = outcome.steps.iter().find(|(step, _)| step.task == task && step.part == part);
    found.unwrap_or_else(|| panic!("{task:?} {part:?}")).1.iter().map(|(_, took)| took.0).collect()
}

#[test]
fn each_task_of_a_sequence_has_its_times_for_every_workflow() {
    let outcome = outcome(5.0);
    let workflows = times(&outcome, StepTask::WorkflowTask(1), StepPart::ScheduleToStart).len();
    assert!(workflows > 100, "{workflows}");
    let tasks = (1..=4).map(StepTask::WorkflowTask).chain((1..=3).map(StepTask::Activity));
    for task in tasks {
        for part in [StepPart::ScheduleToStart, StepPart::StartToClose] {
            // Workflow tasks that signals or races add have further numbers; these are there for all.
            assert_eq!(times(&outcome, task, part).len(), workflows, "{task:?} {part:?}");
        }
    }
    assert_eq!(outcome.steps.len(), 14, "{:?}", outcome.steps.keys());
}

#[test]
fn an_activity_takes_as_long_as_its_code_and_its_answer() {
    let outcome = outcome(2.0);
    let took = times(&outcome, StepTask::Activity(1), StepPart::StartToClose);
    assert!(took.iter().all(|took| (20_000_000..200_000_000).contains(took)), "{took:?}");
    // Of a retried activity the last attempt, without the failed one and the back-off.
    let retried = times(&outcome, StepTask::Activity(3), StepPart::StartToClose);
    assert!(retried.iter().all(|took| (5_000_000..100_000_000).contains(took)), "{retried:?}");
}

#[test]
fn keeping_times_changes_nothing_else() {
    let profile = on_measured_machine(SEQUENCE, 5.0);
    let size = SystemSize::of(&profile);
    let without = simulate(&profile, &Calibration::reference(), size, settings(5.0), &|| false);
    let with = outcome(5.0);
    assert_eq!((without.events, without.counts, without.work), (with.events, with.counts, with.work));
    let all = |outcome: &Outcome| outcome.recorder.values(Metric::EndToEnd).unwrap().collect::<Vec<_>>();
    assert_eq!(all(&without), all(&with));
    assert!(without.steps.is_empty());
}

#[test]
fn activities_side_by_side_are_counted_in_the_order_they_are_written() {
    let steps: Vec<String> = (1..=3)
        .map(|n| format!(r#"{{ activity = "a{n}", takes = "{}ms", start_to_close = "60s" }}"#, n * 100))
        .collect();
    let workflow = format!("[[workflow]]\ntype = \"Root\"\nsteps = [ {{ parallel = [ {} ] }} ]\n", steps.join(", "));
    let profile = on_measured_machine(&workflow, 2.0);
    let size = SystemSize::of(&profile);
    let outcome = simulate_with_steps(&profile, &Calibration::reference(), size, settings(2.0), &|| false);
    for n in 1..=3 {
        let took = times(&outcome, StepTask::Activity(n), StepPart::StartToClose);
        let expected = u64::from(n) * 100_000_000;
        assert!(took.iter().all(|took| (expected..expected + 90_000_000).contains(took)), "{n}: {took:?}");
    }
}
