//! Times of a workflow's tasks one by one: how long each waited for a worker, and how long it took.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run_dir::{Buckets, RunDirError};

/// Name of the file within a run directory.
pub const STEPS_FILE: &str = "steps.json";

/// One span of one task of a workflow.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepKey {
    /// Workflow type.
    pub workflow: String,
    /// Its n-th task of the kind, from 1, in the order in which they were scheduled.
    pub ordinal: u32,
    /// Workflow task or activity.
    pub task: StepTask,
    /// Which span of it.
    pub span: StepSpan,
}

/// Kinds of tasks.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum StepTask {
    /// A workflow task.
    WorkflowTask,
    /// An activity task; the attempt that ended it.
    Activity,
}

/// Spans between a task's events.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum StepSpan {
    /// From its scheduled event to its started event.
    ScheduleToStart,
    /// From its started event to its completed event.
    StartToComplete,
}

impl StepKey {
    /// The kind and the span, as tolerance files name them: `activity.schedule_to_start`.
    pub fn kind(&self) -> String {
        let task = match self.task {
            StepTask::WorkflowTask => "workflow_task",
            StepTask::Activity => "activity",
        };
        let span = match self.span {
            StepSpan::ScheduleToStart => "schedule_to_start",
            StepSpan::StartToComplete => "start_to_complete",
        };
        format!("{task}.{span}")
    }

    /// As people read it: `workflow task 2, schedule-to-start`.
    pub fn words(&self) -> String {
        let task = match self.task {
            StepTask::WorkflowTask => "workflow task",
            StepTask::Activity => "activity",
        };
        let span = match self.span {
            StepSpan::ScheduleToStart => "schedule-to-start",
            StepSpan::StartToComplete => "start-to-complete",
        };
        format!("{task} {}, {span}", self.ordinal)
    }
}

/// Times by step. In a run directory they are `steps.json`, from server event times of workflows that started within the
/// measured window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    times: BTreeMap<StepKey, Buckets>,
}

/// A step as the file holds it.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    key: StepKey,
    /// Nanoseconds and how often.
    nanoseconds: Vec<(u64, u64)>,
}

impl StepTimes {
    /// No steps.
    pub fn new() -> Self {
        StepTimes::default()
    }

    /// Steps from times in nanoseconds, in any order.
    pub fn of(times: impl IntoIterator<Item = (StepKey, Vec<u64>)>) -> Self {
        let mut steps = StepTimes::new();
        for (key, nanoseconds) in times {
            steps.add(key, Buckets::from_pairs(nanoseconds.into_iter().map(|value| (value, 1))));
        }
        steps
    }

    /// Adds times of a step, in nanoseconds, to those it has.
    pub fn add(&mut self, key: StepKey, times: Buckets) {
        let of_step = self.times.entry(key).or_default();
        *of_step = Buckets::merged([&*of_step, &times]);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The times of a step, in nanoseconds.
    pub fn get(&self, key: &StepKey) -> Option<&Buckets> {
        self.times.get(key)
    }

    /// Steps in the order of the workflow type and the ordinal.
    pub fn iter(&self) -> impl Iterator<Item = (&StepKey, &Buckets)> {
        self.times.iter()
    }

    /// Reads `steps.json` of a run directory; none where there is no such file.
    ///
    /// # Errors
    /// When it cannot be read or is not what [`StepTimes::write`] writes.
    pub fn read(folder: &Path) -> Result<Self, RunDirError> {
        let file = folder.join(STEPS_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(StepTimes::new()),
            Err(source) => return Err(RunDirError::Io { file, source }),
        };
        let written: Vec<Written> = serde_json::from_str(&text).map_err(|error| RunDirError::Content {
            file,
            line: error.line().max(1),
            found: error.to_string(),
            expected: "a list of steps: workflow, ordinal, task, span, nanoseconds".into(),
        })?;
        let mut steps = StepTimes::new();
        for step in written {
            steps.add(step.key, Buckets::from_pairs(step.nanoseconds));
        }
        Ok(steps)
    }

    /// Writes `steps.json` into a run directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunDirError> {
        let file = folder.join(STEPS_FILE);
        let each = self.times.iter();
        let written: Vec<Written> =
            each.map(|(key, buckets)| Written { key: key.clone(), nanoseconds: buckets.iter().collect() }).collect();
        let text = serde_json::to_string(&written)
            .map_err(|error| RunDirError::Unwritable(format!("{}: {error}", file.display())))?;
        fs::write(&file, text + "\n").map_err(|source| RunDirError::Io { file, source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(task: StepTask, ordinal: u32, span: StepSpan) -> StepKey {
        StepKey { workflow: "Order".into(), ordinal, task, span }
    }

    #[test]
    fn steps_come_back_from_their_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(StepTimes::read(folder.path()).unwrap().is_empty());
        let steps = StepTimes::of([
            (key(StepTask::Activity, 1, StepSpan::ScheduleToStart), vec![7, 5, 7]),
            (key(StepTask::WorkflowTask, 2, StepSpan::StartToComplete), vec![9]),
        ]);
        steps.write(folder.path()).unwrap();
        assert_eq!(StepTimes::read(folder.path()).unwrap(), steps);
        let text = fs::read_to_string(folder.path().join(STEPS_FILE)).unwrap();
        assert!(text.contains(r#""task":"activity","span":"schedule_to_start","nanoseconds":[[5,1],[7,2]]"#), "{text}");
        fs::write(folder.path().join(STEPS_FILE), "[\n{}]").unwrap();
        assert!(StepTimes::read(folder.path()).unwrap_err().to_string().contains("steps.json:2"));
    }

    #[test]
    fn steps_follow_the_workflow() {
        let steps = StepTimes::of(
            [(StepTask::Activity, 2), (StepTask::Activity, 1), (StepTask::WorkflowTask, 1)]
                .map(|(task, ordinal)| (key(task, ordinal, StepSpan::ScheduleToStart), vec![1])),
        );
        let words: Vec<String> = steps.iter().map(|(key, _)| key.words()).collect();
        assert_eq!(
            words,
            ["workflow task 1, schedule-to-start", "activity 1, schedule-to-start", "activity 2, schedule-to-start"]
        );
    }
}
