//! Times of single tasks, as the reports have them.

use plimsoll_reports::validation::{StepKey, StepSpan, StepTask, StepTimes};
use plimsoll_sim::temporal::{self, StepPart};

/// The simulator's times of single tasks under the names that measured ones have.
pub fn step_times(simulated: &temporal::StepTimes) -> StepTimes {
    StepTimes::of(simulated.iter().map(|(step, times)| {
        let (task, ordinal) = match step.task {
            temporal::StepTask::WorkflowTask(ordinal) => (StepTask::WorkflowTask, ordinal),
            temporal::StepTask::Activity(ordinal) => (StepTask::Activity, ordinal),
        };
        let span = match step.part {
            StepPart::ScheduleToStart => StepSpan::ScheduleToStart,
            StepPart::StartToClose => StepSpan::StartToComplete,
        };
        let key = StepKey { workflow: step.workflow.clone(), ordinal, task, span };
        (key, times.iter().map(|(_, took)| took.0).collect())
    }))
}
