//! Two versions of the workers' code beside each other.
//!
//! With *worker versioning* each version has task queues of its own: a new run is given to one of them, and its tasks go to that one's
//! queue until the run is closed (pinned) or moved. A child runs on its parent's version. Without it both versions poll the same queues, and
//! whoever polls first gets the task.
//!
//! The forwarders between a queue's partitions are counted once for both versions.

use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Nanos, Probability};

use super::backlog::Backlog;
use super::matching::{ActivityQueue, WorkflowTaskQueue};
use super::model::{Event, Model};
use super::state::NONE;
use super::system::Settings;
use crate::engine::{LatencyHistogram, Schedule};

/// The version that is there at the begin.
pub const OLD: u8 = 0;
/// The version that is rolled out.
pub const NEW: u8 = 1;

/// The task queues of the new version.
pub(super) struct NewVersion {
    workflow_tasks: WorkflowTaskQueue,
    activity_tasks: ActivityQueue,
    /// Share of new runs that it gets.
    share: f64,
    /// Open runs of both versions, children included.
    open: [u32; 2],
}

/// What a controller sees of two versions, since it began to watch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VersionsSeen {
    /// Activity attempts that ended on the new version.
    pub attempts: u64,
    /// Of them failed.
    pub failed: u64,
    /// End-to-end p99 of the workflows that ended; none with fewer than a thousand.
    pub end_to_end_p99: Option<Nanos>,
    /// Open runs of the old and of the new version's queues; all are the old's where both have the same.
    pub open_runs: [u32; 2],
}

/// What a rollout is judged by.
#[derive(Debug)]
pub(super) struct Watched {
    random: Stream,
    defect: Option<Probability>,
    attempts: u64,
    failed: u64,
    /// None until somebody watches.
    latency: Option<Box<LatencyHistogram>>,
}

impl Watched {
    pub(super) fn new(settings: &Settings) -> Self {
        let random = Streams::new(settings.seed).stream("temporal", "rollout", settings.replication);
        Watched { random, defect: None, attempts: 0, failed: 0, latency: None }
    }

    /// Everything is counted from now on.
    pub(super) fn begin(&mut self) {
        (self.attempts, self.failed) = (0, 0);
        self.latency = Some(Box::new(LatencyHistogram::new()));
    }

    pub(super) fn attempt(&mut self, version: u8, failed: bool) {
        self.attempts += u64::from(version == NEW);
        self.failed += u64::from(version == NEW && failed);
    }

    pub(super) fn ended(&mut self, latency: Nanos) {
        if let Some(latencies) = &mut self.latency {
            latencies.record(latency);
        }
    }
}

impl Model {
    /// The workflow task queues of a version.
    #[inline]
    pub(super) fn workflow_queue(&mut self, version: u8) -> &mut WorkflowTaskQueue {
        match &mut self.new_version {
            Some(new) if version == NEW => &mut new.workflow_tasks,
            _ => &mut self.workflow_tasks,
        }
    }

    /// The activity queue of a version.
    #[inline]
    pub(super) fn activity_queue(&mut self, version: u8) -> &mut ActivityQueue {
        match &mut self.new_version {
            Some(new) if version == NEW => &mut new.activity_tasks,
            _ => &mut self.activity_tasks,
        }
    }

    /// Which version's queue an activity goes to: its workflow's.
    #[inline]
    pub(super) fn queue_of_activity(&self, activity: u32) -> u8 {
        self.runs[self.activities[activity].run].queue
    }

    /// Workflow tasks and activities that wait for a worker.
    pub(super) fn backlogs(&self) -> [usize; 2] {
        let mut waiting = [self.workflow_tasks.backlog(), self.activity_tasks.backlog()];
        if let Some(new) = &self.new_version {
            waiting[0] += new.workflow_tasks.backlog();
            waiting[1] += new.activity_tasks.backlog();
        }
        waiting
    }

    /// Polls that wait for a workflow task and for an activity.
    pub(super) fn waiting_polls(&self) -> [usize; 2] {
        let mut waiting = [self.workflow_tasks.pollers(), self.activity_tasks.pollers()];
        if let Some(new) = &self.new_version {
            waiting[0] += new.workflow_tasks.pollers();
            waiting[1] += new.activity_tasks.pollers();
        }
        waiting
    }

    /// There is a new version from now on.
    pub(super) fn new_version_comes(&mut self, defect: Option<Probability>, own_queues: bool) {
        let Some(fleet) = &mut self.fleet else { return };
        fleet.watched.defect = defect;
        if !own_queues || self.new_version.is_some() {
            return;
        }
        let streams = Streams::new(self.settings.seed);
        let partitions = self.forwarders.partitions();
        let backlog = |purpose| Backlog::new(partitions, streams.stream("temporal", purpose, self.settings.replication));
        let runs = self.runs.indices();
        let open = runs.into_iter().filter(|run| !self.runs[*run].closed).count() as u32;
        self.new_version = Some(Box::new(NewVersion {
            workflow_tasks: WorkflowTaskQueue::new(
                self.workers.len() as u32,
                backlog("workflow task partitions of the new version"),
            ),
            activity_tasks: ActivityQueue::new(backlog("activity partitions of the new version")),
            share: 0.0,
            open: [open, 0],
        }));
    }

    /// The new version gets this share of new runs.
    pub(super) fn ramp(&mut self, share: f64) {
        if let Some(new) = &mut self.new_version {
            new.share = share;
        }
    }

    /// A new run is given to one of the versions.
    pub(super) fn draw_version(&mut self, run: u32) {
        let (Some(new), Some(fleet)) = (&mut self.new_version, &mut self.fleet) else { return };
        let version = match new.share {
            share if share <= 0.0 => OLD,
            share if share >= 1.0 => NEW,
            share => u8::from(fleet.watched.random.uniform() < share),
        };
        new.open[usize::from(version)] += 1;
        self.runs[run].queue = version;
    }

    /// A child runs on its parent's version.
    pub(super) fn inherit_version(&mut self, child: u32, parent: u32) {
        let version = self.runs[parent].queue;
        self.runs[child].queue = version;
        if let Some(new) = &mut self.new_version {
            new.open[usize::from(version)] += 1;
        }
    }

    /// A run is closed.
    pub(super) fn leave_version(&mut self, run: u32) {
        let version = self.runs[run].queue;
        if let Some(new) = &mut self.new_version {
            new.open[usize::from(version)] -= 1;
        }
    }

    /// Every open run goes on with another version from its next task on: its cache is of no use any more, and what waits for a worker waits for one of
    /// that version.
    pub(super) fn move_runs(&mut self, to: u8, schedule: &mut Schedule<Event>) {
        let mut cached = 0;
        for run in self.runs.indices() {
            let from = std::mem::replace(&mut self.runs[run].queue, to);
            if self.runs[run].closed || from == to {
                continue;
            }
            cached += u64::from(self.runs[run].sticky_pod != NONE);
            self.leave_cache(run);
            if let Some(new) = &mut self.new_version {
                new.open[usize::from(from)] -= 1;
                new.open[usize::from(to)] += 1;
            }
        }
        if let Some(fleet) = &mut self.fleet {
            fleet.record.caches_lost += cached;
        }
        let from = if to == NEW { OLD } else { NEW };
        // Those of closed runs go along: whoever takes them drops them.
        let runs: Vec<u32> = std::iter::from_fn(|| self.workflow_queue(from).take_waiting()).collect();
        for run in runs {
            self.workflow_task_spooled(run, schedule);
        }
        let now = schedule.now();
        let activities: Vec<u32> = std::iter::from_fn(|| self.activity_queue(from).take_waiting(now)).collect();
        for activity in activities {
            self.activity_spooled(activity, schedule);
        }
    }

    /// Whether the new version's defect makes an attempt fail.
    pub(super) fn defect_strikes(&mut self) -> bool {
        let Some(fleet) = &mut self.fleet else { return false };
        let watched = &mut fleet.watched;
        watched.defect.is_some_and(|defect| watched.random.chance(defect))
    }

    /// What is to be seen of the versions now.
    pub(super) fn versions_seen(&self) -> VersionsSeen {
        let Some(fleet) = &self.fleet else { return VersionsSeen::default() };
        let watched = &fleet.watched;
        VersionsSeen {
            attempts: watched.attempts,
            failed: watched.failed,
            end_to_end_p99: watched.latency.as_ref().and_then(|latencies| latencies.quantile(0.99).ok()),
            open_runs: self.new_version.as_ref().map_or([self.open_roots, 0], |new| new.open),
        }
    }
}
