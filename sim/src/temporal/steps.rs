//! Where the time of a workflow goes, task by task: what the events of its history would say.
//!
//! The server dates an event when it makes it, before the write that makes it durable: an event's time here is the instant its chain
//! decided what to write. Times are of workflows started from outside, of their first run, intended within the measured window.

use std::collections::BTreeMap;

use plimsoll_profiles::units::Nanos;

use super::state::Run;

/// A task of a workflow, counted in the order of its history from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepTask {
    /// Its n-th workflow task, those that timed out included.
    WorkflowTask(u32),
    /// The n-th activity that it schedules.
    Activity(u32),
}

/// Which part of a task's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepPart {
    /// From its scheduled event to its started event; of an activity its first attempt's only.
    ScheduleToStart,
    /// From its started event to its completed event, or the one that ends it otherwise.
    StartToClose,
}

/// A part of a task's time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Workflow type.
    pub workflow: String,
    /// Task.
    pub task: StepTask,
    /// Part.
    pub part: StepPart,
}

/// One time: when the workflow was intended to start, and how long it took.
pub type StepTime = (Nanos, Nanos);

/// All times by task, each list in the order the tasks ended.
pub type StepTimes = BTreeMap<Step, Vec<StepTime>>;

/// Keeps the times while a simulation runs.
#[derive(Debug)]
pub(super) struct Steps {
    workflows: Vec<String>,
    /// Workflows intended from here on are recorded, …
    from: Nanos,
    /// … to here.
    until: Nanos,
    /// When each chain decided.
    decided: Vec<Nanos>,
    /// The time of the events that are being written.
    now: Option<Nanos>,
    runs: Vec<RunSteps>,
    activities: Vec<ActivitySteps>,
    times: BTreeMap<(u32, StepTask, StepPart), Vec<StepTime>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct RunSteps {
    tasks: u32,
    /// A task is scheduled and not started.
    waits: bool,
    scheduled: Nanos,
    started: Nanos,
    activities: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct ActivitySteps {
    /// Which of its run's activities.
    number: u32,
    scheduled: Nanos,
    started: Nanos,
}

impl Steps {
    pub(super) fn new(workflows: Vec<String>, from: Nanos, until: Nanos) -> Self {
        Steps {
            workflows,
            from,
            until,
            decided: Vec::new(),
            now: None,
            runs: Vec::new(),
            activities: Vec::new(),
            times: BTreeMap::new(),
        }
    }

    /// A chain has decided what it will write.
    pub(super) fn decided(&mut self, chain: u32, now: Nanos) {
        *place(&mut self.decided, chain) = now;
    }

    /// What a chain wrote is durable: the events made until [`Steps::written`] bear its time.
    pub(super) fn writes(&mut self, chain: u32) {
        self.now = self.decided.get(chain as usize).copied();
    }

    /// All effects of the write have happened.
    pub(super) fn written(&mut self) {
        self.now = None;
    }

    fn at(&self, now: Nanos) -> Nanos {
        self.now.unwrap_or(now)
    }

    /// A workflow was started; its index may have been another's.
    pub(super) fn run_started(&mut self, run: u32) {
        *place(&mut self.runs, run) = RunSteps::default();
    }

    pub(super) fn task_scheduled(&mut self, run: u32, now: Nanos) {
        let at = self.at(now);
        let state = place(&mut self.runs, run);
        state.tasks += 1;
        state.waits = true;
        state.scheduled = at;
    }

    /// A workflow task has started; one that no event scheduled before is scheduled with it.
    pub(super) fn task_started(&mut self, id: u32, run: &Run, now: Nanos) {
        let at = self.at(now);
        let state = place(&mut self.runs, id);
        if !std::mem::take(&mut state.waits) {
            state.tasks += 1;
            state.scheduled = at;
        }
        state.started = at;
        let (task, waited) = (StepTask::WorkflowTask(state.tasks), at.saturating_sub(state.scheduled));
        self.record(run, task, StepPart::ScheduleToStart, waited);
    }

    pub(super) fn task_completed(&mut self, id: u32, run: &Run, now: Nanos) {
        let at = self.at(now);
        let state = place(&mut self.runs, id);
        let (task, took) = (StepTask::WorkflowTask(state.tasks), at.saturating_sub(state.started));
        self.record(run, task, StepPart::StartToClose, took);
    }

    pub(super) fn activity_scheduled(&mut self, run: u32, activity: u32, now: Nanos) {
        let at = self.at(now);
        let state = place(&mut self.runs, run);
        state.activities += 1;
        let number = state.activities;
        *place(&mut self.activities, activity) = ActivitySteps { number, scheduled: at, started: at };
    }

    /// An attempt has started.
    pub(super) fn activity_started(&mut self, id: u32, attempt: u32, run: &Run, now: Nanos) {
        let at = self.at(now);
        let Some(state) = self.activities.get_mut(id as usize) else { return };
        state.started = at;
        if attempt > 1 {
            return;
        }
        let (task, waited) = (StepTask::Activity(state.number), at.saturating_sub(state.scheduled));
        self.record(run, task, StepPart::ScheduleToStart, waited);
    }

    /// The last attempt has ended.
    pub(super) fn activity_ended(&mut self, id: u32, run: &Run, now: Nanos) {
        let at = self.at(now);
        let Some(state) = self.activities.get(id as usize) else { return };
        let (task, took) = (StepTask::Activity(state.number), at.saturating_sub(state.started));
        self.record(run, task, StepPart::StartToClose, took);
    }

    fn record(&mut self, run: &Run, task: StepTask, part: StepPart, took: Nanos) {
        if run.root && run.runs_made == 0 && (self.from..self.until).contains(&run.intended) {
            self.times.entry((run.workflow, task, part)).or_default().push((run.intended, took));
        }
    }

    pub(super) fn times(self) -> StepTimes {
        let named = |((workflow, task, part), times): ((u32, StepTask, StepPart), Vec<StepTime>)| {
            let workflow = self.workflows.get(workflow as usize)?.clone();
            Some((Step { workflow, task, part }, times))
        };
        self.times.into_iter().filter_map(named).collect()
    }
}

/// The item of an index, made when there is none yet.
fn place<T: Clone + Default>(list: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}
