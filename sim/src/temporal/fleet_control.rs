//! Whoever starts and stops worker pods by what is to be seen: autoscalers, rollouts.

use std::fmt::Debug;

use plimsoll_profiles::units::{Bytes, Nanos, Probability};

use super::fleet::{PodCounts, PodState};
use super::fleet_versions::{OLD, VersionsSeen};
use super::model::{Event, Model};
use super::rollout::Milestone;
use crate::engine::Schedule;

/// Looks at the fleet every few seconds and says what is to be done.
pub trait FleetController: Debug + Send {
    /// When it looks first.
    fn first_look(&self) -> Nanos;

    /// Sees the fleet; what it wants done, in order.
    fn look(&mut self, seen: &FleetObservation) -> Vec<FleetAction>;

    /// How long after a look it looks again; `None`: only when pods change.
    fn looks_again(&self) -> Option<Nanos>;

    /// Whether it also looks whenever a pod comes into another state.
    fn looks_at_changes(&self) -> bool {
        false
    }
}

/// What a controller wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum FleetAction {
    /// So many pods are started, as far as there is room for them; those that have been absent longest.
    Start(u32),
    /// A pod drains as the plan says.
    Drain(u32),
    /// A pod is killed.
    Kill(u32),
    /// So many pods are started that run the new or the old version, and poll the task queues of one of them.
    StartVersion {
        /// How many.
        pods: u32,
        /// Which code they run.
        version: u8,
        /// Whose task queues they poll.
        queue: u8,
    },
    /// A rollout begins: which share of its activity attempts the new version fails beside those that fail anyway, and whether it has task
    /// queues of its own.
    NewVersion {
        /// Attempts that it fails.
        defect: Option<Probability>,
        /// Worker versioning.
        own_queues: bool,
    },
    /// Which share of new runs the new version's queues get.
    Ramp(f64),
    /// Every open run goes on with the task queues of this version.
    MoveRuns(u8),
    /// What a rollout is judged by is counted from now on.
    BeginWatching,
    /// A rollout is so far.
    Milestone(Milestone),
    /// Something worth a mark on a chart.
    Mark(String),
}

/// A pod as a controller sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PodObservation {
    /// Which.
    pub pod: u32,
    /// Which version of the code it runs.
    pub version: u8,
    /// Starting, ready or draining.
    pub state: PodState,
    /// When it came into that state.
    pub since: Nanos,
    /// Cores it used on average since the controller looked last.
    pub cpu: f64,
    /// Memory: the idle process, its running activities and its cached workflows.
    pub memory: Bytes,
    /// Activities running.
    pub activities: u64,
    /// Workflow tasks running.
    pub workflow_tasks: u64,
    /// Workflows in its sticky cache.
    pub cached: u32,
}

/// The fleet as a controller sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetObservation {
    /// Now.
    pub at: Nanos,
    /// When it looked before; zero at the first look.
    pub before: Nanos,
    /// How many pods there are.
    pub counts: PodCounts,
    /// Each pod that is there, by number.
    pub pods: Vec<PodObservation>,
    /// Workflow tasks that wait, in sticky queues too.
    pub workflow_backlog: u64,
    /// Activities that wait.
    pub activity_backlog: u64,
    /// Activity slots of one pod.
    pub activity_slots: u32,
    /// Workflow task slots of one pod.
    pub workflow_task_slots: u32,
    /// Workflows started and not yet closed.
    pub open_workflows: u32,
    /// What is seen of two versions, of a rollout.
    pub versions: VersionsSeen,
}

/// What a controller saw last.
#[derive(Clone, Debug)]
pub(super) struct Look {
    at: Nanos,
    /// CPU of each pod until then.
    cpu: Vec<Nanos>,
    /// Which look at the clock is due: one that changes brought forward is not made twice.
    due: Nanos,
}

impl Look {
    pub(super) fn first(pods: usize) -> Self {
        Look { at: Nanos::ZERO, cpu: vec![Nanos::ZERO; pods], due: Nanos::ZERO }
    }
}

impl Model {
    /// A controller's time has come.
    pub(super) fn fleet_control(&mut self, index: u32, schedule: &mut Schedule<Event>) {
        self.controller_looks(index as usize, schedule);
        let Some(fleet) = &mut self.fleet else { return };
        if let Some(period) = fleet.plan.controllers[index as usize].looks_again() {
            let due = schedule.now() + period.max(Nanos::from_millis(1));
            fleet.looks[index as usize].due = due;
            schedule.at(due, Event::FleetControl(index));
        }
    }

    /// Pods came into other states.
    pub(super) fn fleet_changed(&mut self, schedule: &mut Schedule<Event>) {
        let Some(fleet) = &mut self.fleet else { return };
        fleet.changed = false;
        for index in 0..fleet.plan.controllers.len() {
            let Some(fleet) = &self.fleet else { return };
            let controller = &fleet.plan.controllers[index];
            if controller.looks_at_changes() && controller.first_look() <= schedule.now() {
                self.controller_looks(index, schedule);
            }
        }
    }

    fn controller_looks(&mut self, index: usize, schedule: &mut Schedule<Event>) {
        let seen = self.observe(index, schedule.now());
        let Some(fleet) = &mut self.fleet else { return };
        let actions = fleet.plan.controllers[index].look(&seen);
        for action in actions {
            self.act(action, schedule);
        }
    }

    fn act(&mut self, action: FleetAction, schedule: &mut Schedule<Event>) {
        let Some(fleet) = &mut self.fleet else { return };
        match action {
            FleetAction::Start(pods) => self.start_pods(pods, OLD, OLD, schedule),
            FleetAction::StartVersion { pods, version, queue } => self.start_pods(pods, version, queue, schedule),
            FleetAction::NewVersion { defect, own_queues } => self.new_version_comes(defect, own_queues),
            FleetAction::Ramp(share) => self.ramp(share),
            FleetAction::MoveRuns(to) => self.move_runs(to, schedule),
            FleetAction::BeginWatching => fleet.watched.begin(),
            FleetAction::Milestone(milestone) => {
                fleet.record.marks.push((schedule.now(), milestone.to_string()));
                fleet.record.milestones.push((schedule.now(), milestone));
            }
            FleetAction::Drain(pod) => self.pod_drains(pod, schedule),
            FleetAction::Kill(pod) => self.pod_killed(pod, schedule),
            FleetAction::Mark(what) => fleet.record.marks.push((schedule.now(), what)),
        }
    }

    fn start_pods(&mut self, pods: u32, version: u8, queue: u8, schedule: &mut Schedule<Event>) {
        for pod in self.longest_absent(pods) {
            let worker = &mut self.workers[pod as usize];
            (worker.version, worker.queue) = (version, queue);
            self.pod_starts(pod, schedule);
        }
    }

    /// Pods to be started: what is left of their earlier lives is gone by then.
    fn longest_absent(&self, count: u32) -> Vec<u32> {
        let Some(fleet) = &self.fleet else { return Vec::new() };
        let mut absent: Vec<u32> =
            (0..fleet.pods.len() as u32).filter(|pod| self.pod_state(*pod) == Some(PodState::Absent)).collect();
        absent.sort_by_key(|pod| (fleet.pods[*pod as usize].since, *pod));
        absent.truncate(count as usize);
        absent
    }

    fn observe(&mut self, index: usize, now: Nanos) -> FleetObservation {
        let cpu: Vec<Nanos> = (0..self.workers.len() as u32).map(|pod| self.cpu_of_pod(pod, now)).collect();
        let mut seen = FleetObservation {
            at: now,
            before: Nanos::ZERO,
            counts: self.pod_counts(),
            pods: Vec::new(),
            workflow_backlog: self.backlogs()[0] as u64,
            activity_backlog: self.backlogs()[1] as u64,
            activity_slots: self.size.workers.activity_slots,
            workflow_task_slots: self.size.workers.workflow_task_slots,
            open_workflows: self.open_roots,
            versions: self.versions_seen(),
        };
        let Some(fleet) = &mut self.fleet else { return seen };
        let look = &mut fleet.looks[index];
        seen.before = look.at;
        let window = (now - look.at).as_secs_f64();
        for (pod, worker) in self.workers.iter().enumerate().filter(|(_, worker)| worker.state != PodState::Absent) {
            let used = cpu[pod].saturating_sub(look.cpu[pod]).as_secs_f64();
            let cached = worker.cached.min(self.size.workers.cached_workflows);
            let memory = fleet.memory_base.0
                + worker.activity_memory.value()
                + fleet.memory_per_cached_workflow.0 * u64::from(cached);
            seen.pods.push(PodObservation {
                pod: pod as u32,
                version: worker.version,
                state: worker.state,
                since: fleet.pods[pod].since,
                cpu: if window > 0.0 { used / window } else { 0.0 },
                memory: Bytes(memory),
                activities: worker.activities.value(),
                workflow_tasks: worker.workflow_tasks.value(),
                cached,
            });
        }
        // A look between two at the clock does not shorten what the next of those averages over.
        if look.due <= now {
            look.at = now;
            look.cpu = cpu;
        }
        seen
    }
}
