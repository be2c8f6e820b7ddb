//! The operations that are run alone: each is a small workflow less smaller ones, so that what is left is what the operation does.

use crate::calibrate::shape::{ACTIVITY, NOTHING, Shape, activity};

/// A command of a workflow task, as far as it makes statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// ScheduleActivityTask.
    Activity,
    /// StartTimer, whose timer fires before the run's time-out.
    Timer,
    /// StartTimer, whose timer would fire later.
    TimerNeverFires,
    /// StartChildWorkflowExecution.
    Child,
    /// CompleteWorkflowExecution, or the run is failed or cancelled.
    Close,
    /// ContinueAsNewWorkflowExecution.
    Continue,
}

/// A workflow and what its program makes happen, in order: the model's logic is code, so what it adds to the operation table's statements
/// is written down here, and a test holds it against the model's own sum.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The workflow.
    pub shape: Shape,
    /// The runs (its own, its successors', its children's): each a list of completed workflow tasks with their commands.
    pub runs: Vec<Vec<Vec<Command>>>,
    /// Events that schedule a workflow task: the end of an activity, a timer, a signal, a cancellation, a child's start and end.
    pub wakes: u32,
    /// Activity attempts started while no other of the run is.
    pub attempts: u32,
    /// Runs that are started with a time-out.
    pub timeouts: u32,
}

/// An operation: what a workflow does more than others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// The workflow that does it.
    pub of: &'static str,
    /// The workflows that do all of that but this.
    pub less: &'static [&'static str],
    /// How often it is in it.
    pub times: u32,
}

/// The workflows.
pub fn trials() -> Vec<Trial> {
    use Command::{Activity, Child, Close, Continue, Timer, TimerNeverFires};
    let trial = |shape: Shape, runs: &[&[&[Command]]], wakes: u32, attempts: u32| Trial {
        shape,
        runs: runs.iter().map(|run| run.iter().map(|task| task.to_vec()).collect()).collect(),
        wakes,
        attempts,
        timeouts: 0,
    };
    let timer = r#"{ timer = "1200ms" }"#;
    // Longer than anything that is measured: it fires in nobody's window. Shorter than the longest wait that the model goes through.
    let long = r#"{ timer = "50min" }"#;
    let signal = r#"{ wait_signal = "s", after = "300ms", payload = "10B" }"#;
    let update = r#"{ update = "u", after = "300ms", input = "10B", output = "10B" }"#;
    let with = Shape::with;
    vec![
        trial(Shape::of("empty", NOTHING), &[&[&[Close]]], 0, 0),
        trial(Shape::of("activity", ACTIVITY), &[&[&[Activity], &[Close]]], 1, 1),
        trial(
            Shape::of("activities", &format!("{ACTIVITY}, {ACTIVITY}, {ACTIVITY}")),
            &[&[&[Activity], &[Activity], &[Activity], &[Close]]],
            3,
            3,
        ),
        trial(Shape::of("timer", timer), &[&[&[Timer], &[Close]]], 1, 0),
        trial(Shape::of("signal", signal), &[&[&[], &[Close]]], 1, 0),
        trial(
            Shape::of("query", &format!("{{ query = \"q\", count = 3, output = \"10B\" }}, {signal}")),
            &[&[&[], &[Close]]],
            1,
            0,
        ),
        trial(Shape::of("update", update), &[&[&[], &[Close]]], 0, 0),
        trial(Shape::of("updates", &format!("{update}, {update}, {update}")), &[&[&[], &[], &[], &[Close]]], 0, 0),
        trial(
            Shape::of("child", r#"{ child = "Child" }"#).and_child(timer),
            &[&[&[Child], &[], &[Close]], &[&[Timer], &[Close]]],
            3,
            0,
        ),
        trial(
            Shape::of("continue_as_new", &format!("{timer}, {{ continue_as_new = {{ runs = 1 }} }}")),
            &[&[&[Timer], &[Continue]], &[&[Timer], &[Close]]],
            2,
            0,
        ),
        trial(
            Shape::of(
                "local_activity",
                r#"{ local_activity = "l", takes = "0s", cpu = "200us", output = "10B", count = 3 }"#,
            ),
            &[&[&[Close]]],
            0,
            0,
        ),
        trial(
            Shape::of("heartbeat", &activity("2500ms", r#", heartbeat = { every = "1s", timeout = "1200ms" }"#)),
            &[&[&[Activity], &[Close]]],
            1,
            1,
        ),
        trial(
            Shape::of("retry", &activity("0s", r#", fails_first = 1, retry = { initial = "100ms", backoff = 1.0 }"#)),
            &[&[&[Activity], &[Close]]],
            1,
            2,
        ),
        trial(
            Shape::of("activity_failed", &activity("0s", ", fails = 1.0, non_retryable = 1.0")),
            &[&[&[Activity], &[Close]]],
            1,
            1,
        ),
        trial(
            with("cancel", r#"cancelled = { probability = 1.0, after = "500ms" }"#, long),
            &[&[&[Timer], &[Close]]],
            1,
            0,
        ),
        trial(with("terminate", r#"terminated = { probability = 1.0, after = "500ms" }"#, long), &[&[&[Timer]]], 0, 0),
        Trial {
            timeouts: 1,
            ..trial(with("run_timeout", r#"run_timeout = "1500ms""#, long), &[&[&[TimerNeverFires]]], 0, 0)
        },
        trial(
            with("signal_with_start", r#"signal_with_start = "s""#, r#"{ wait_signal = "s", payload = "10B" }"#),
            &[&[&[Close]]],
            0,
            0,
        ),
        trial(Shape::of("upsert", r#"{ upsert_search_attributes = "k", payload = "10B" }"#), &[&[&[Close]]], 0, 0),
    ]
}

/// The operations.
pub const OPERATIONS: [Operation; 19] = [
    operation(
        "start",
        "a workflow that does nothing: start, one workflow task, close, the client's wait",
        "empty",
        &[],
        1,
    ),
    operation("activity", "an activity, with the workflow task after it", "activity", &["empty"], 1),
    operation("further_activity", "one more activity after another", "activities", &["activity"], 2),
    operation("timer", "a timer, with the workflow task after it", "timer", &["empty"], 1),
    operation("signal", "a signal, with the workflow task after it", "signal", &["empty"], 1),
    operation("query", "a query that the worker's cache answers", "query", &["signal"], 3),
    operation("update", "an update, with its workflow task", "update", &["empty"], 1),
    operation("further_update", "one more update after another", "updates", &["update"], 2),
    operation("child", "a child workflow, beside a workflow and what the child does", "child", &["empty", "timer"], 1),
    operation("continue_as_new", "one run more of the same", "continue_as_new", &["timer"], 1),
    operation("local_activity", "a local activity", "local_activity", &["empty"], 3),
    operation("heartbeat", "an activity's heartbeat, and the checks of its time-out", "heartbeat", &["activity"], 2),
    operation("retry", "an attempt that fails and is made again", "retry", &["activity"], 1),
    operation(
        "activity_failed",
        "an activity that fails for good, and its workflow with it",
        "activity_failed",
        &["empty"],
        1,
    ),
    operation("cancel", "a timer that runs, and the workflow's cancellation", "cancel", &["empty"], 1),
    operation("terminate", "a timer that runs, and the workflow's termination", "terminate", &["empty"], 1),
    operation("run_timeout", "a timer that runs, and the end of the run's time", "run_timeout", &["empty"], 1),
    operation("signal_with_start", "a signal that comes with the start", "signal_with_start", &["empty"], 1),
    operation("upsert", "search attributes upserted in the first workflow task", "upsert", &["empty"], 1),
];

const fn operation(
    name: &'static str,
    what: &'static str,
    of: &'static str,
    less: &'static [&'static str],
    times: u32,
) -> Operation {
    Operation { name, what, of, less, times }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_made_of_trials() {
        let trials = trials();
        let known = |name: &str| trials.iter().any(|trial| trial.shape.name == name);
        for operation in &OPERATIONS {
            assert!(known(operation.of) && operation.less.iter().all(|name| known(name)), "{operation:?}");
        }
        for trial in &trials {
            assert!(
                OPERATIONS.iter().any(|operation| operation.of == trial.shape.name),
                "{} is of no use",
                trial.shape.name
            );
        }
    }
}
