//! Pollers of workers: each takes a slot, polls a queue until it gets a task, and polls again.
//!
//! A poll for workflow tasks asks either the normal queue or the sticky queue of its worker, never both: a start that comes while no poll
//! of any worker is at the normal queue is written to matching's database, however many polls wait at sticky ones.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{PollerAutoscaling, PollerSplit};

use super::fleet::PodState;
use super::model::{Event, Model};
use super::state::{Chain, Purpose};
use super::system::WorkerFleet;
use super::workflow::forwards;
use crate::engine::Schedule;

/// How the workflow task pollers of a worker are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WorkflowPollers {
    /// At the start: those that ask the normal queue.
    pub normal: u32,
    /// Those that ask the sticky one.
    pub sticky: u32,
    /// Each poll asks the queue with fewer polls, whatever its poller asked before.
    balanced: bool,
}

impl WorkflowPollers {
    /// Those of a profile's SDK. Pollers that scale do so by queue: each has its own.
    pub(super) fn of(profile: &Profile, fleet: &WorkerFleet) -> Self {
        let pollers = fleet.workflow_task_pollers;
        let split = profile.sdk.defaults().poller_split;
        let (normal, sticky) = match split.fixed(pollers) {
            _ if fleet.cached_workflows == 0 => (pollers, 0),
            _ if profile.workers.poller_autoscaling => (pollers, pollers),
            Some(fixed) => fixed,
            // One of each is the fewest; of an odd number the sticky queue has one more.
            None => ((pollers / 2).max(1), pollers.div_ceil(2)),
        };
        let balanced = split == PollerSplit::Balanced && sticky > 0 && !profile.workers.poller_autoscaling;
        WorkflowPollers { normal, sticky, balanced }
    }

    /// Both kinds.
    pub(super) fn all(self) -> u32 {
        self.normal + self.sticky
    }
}

impl Model {
    /// At the start every poller that has a slot is already waiting at its queue.
    pub(super) fn open_pollers(&mut self) {
        let fleet = self.size.workers;
        let WorkflowPollers { normal, sticky, .. } = self.workflow_pollers;
        for pod in 0..fleet.pods.count {
            // In turns, so that a worker with few slots has a poll at each queue.
            for index in 0..normal.max(sticky) {
                let kinds = [(false, index < normal), (true, index < sticky)];
                for (sticky, _) in kinds.into_iter().filter(|(_, is_there)| *is_there) {
                    let worker = &mut self.workers[pod as usize];
                    if worker.workflow_slots == 0 {
                        worker.park_workflow_poller(sticky);
                    } else {
                        worker.workflow_slots -= 1;
                        worker.polls[usize::from(sticky)] += 1;
                        self.workflow_tasks.offer_poller(pod, sticky);
                    }
                }
            }
            for _ in 0..fleet.activity_pollers {
                let worker = &mut self.workers[pod as usize];
                if worker.activity_slots == 0 {
                    worker.activity_pollers += 1;
                } else {
                    worker.activity_slots -= 1;
                    self.activity_tasks.offer_poller(Nanos::ZERO, pod);
                    let polls = &mut self.forwarders.activity_polls;
                    let (partition, _) = polls.sets_out();
                    polls.arrives(partition);
                    polls.waits(partition);
                }
            }
        }
    }

    /// A slot that no activity holds: a poller takes it, or it is free.
    pub(super) fn free_activity_slot(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        self.workers[pod as usize].activity_slots += 1;
        self.wake_activity_poller(pod, schedule);
    }

    /// A workflow task slot is free again.
    pub(super) fn leave_workflow_slot(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        let worker = &mut self.workers[pod as usize];
        worker.workflow_tasks.sub(schedule.now(), 1);
        worker.workflow_slots += 1;
        self.wake_workflow_poller(pod, schedule);
    }

    /// A poll has brought a workflow task; its poller polls again as soon as it has another slot.
    pub(super) fn workflow_poll_returned(&mut self, pod: u32, sticky: bool, schedule: &mut Schedule<Event>) {
        let worker = &mut self.workers[pod as usize];
        worker.polls[usize::from(sticky)] -= 1;
        worker.park_workflow_poller(sticky);
        self.wake_workflow_poller(pod, schedule);
    }

    /// The same of an activity's.
    pub(super) fn activity_poller_free(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        self.workers[pod as usize].activity_pollers += 1;
        self.wake_activity_poller(pod, schedule);
    }

    /// A poller that waits takes a free slot, and polls; false where either is wanting.
    pub(super) fn wake_workflow_poller(&mut self, pod: u32, schedule: &mut Schedule<Event>) -> bool {
        let queue = self.workers[pod as usize].queue;
        let sticky_backlog = self.workflow_queue(queue).sticky_backlog(pod) > 0;
        let balanced = self.workflow_pollers.balanced;
        let worker = &mut self.workers[pod as usize];
        if worker.workflow_slots == 0 || worker.workflow_pollers == 0 {
            return false;
        }
        let [normal_polls, sticky_polls] = worker.polls;
        let bound_to_sticky = worker.workflow_pollers - worker.normal_pollers;
        let sticky = match balanced {
            true => sticky_backlog || sticky_polls <= normal_polls,
            // A queue without a poll comes first.
            false => bound_to_sticky > 0 && (worker.normal_pollers == 0 || (sticky_polls == 0 && normal_polls > 0)),
        };
        worker.workflow_pollers -= 1;
        worker.normal_pollers = match balanced {
            true => worker.normal_pollers.min(worker.workflow_pollers),
            false => worker.normal_pollers - u32::from(!sticky),
        };
        worker.workflow_slots -= 1;
        worker.polls[usize::from(sticky)] += 1;
        self.poll_workflow_tasks(pod, sticky, schedule);
        true
    }

    /// The same for activities.
    pub(super) fn wake_activity_poller(&mut self, pod: u32, schedule: &mut Schedule<Event>) -> bool {
        let worker = &mut self.workers[pod as usize];
        if worker.activity_slots == 0 || worker.activity_pollers == 0 {
            return false;
        }
        worker.activity_slots -= 1;
        worker.activity_pollers -= 1;
        self.poll_activities(pod, schedule);
        true
    }

    /// A poll on its way to matching; only one at the normal queue is forwarded.
    fn poll_workflow_tasks(&mut self, pod: u32, sticky: bool, schedule: &mut Schedule<Event>) {
        if self.workers[pod as usize].stops > 0 {
            return self.give_up_poll(Purpose::PollWorkflow, pod, sticky, schedule);
        }
        let mut chain = self.poll(Purpose::PollWorkflow, pod);
        chain.flag = sticky;
        // A partition with a backlog of its own answers the poll itself.
        let queue = self.workers[pod as usize].queue;
        if !sticky && self.workflow_queue(queue).normal_backlog() == 0 {
            chain.forwards = forwards(self.calibration.matching.poll_forwards_workflow);
        }
        self.launch(chain, schedule);
    }

    fn poll_activities(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        if self.workers[pod as usize].stops > 0 {
            return self.give_up_poll(Purpose::PollActivity, pod, false, schedule);
        }
        let mut chain = self.poll(Purpose::PollActivity, pod);
        let (partition, forwards) = self.forwarders.activity_polls.sets_out();
        chain.partition = partition as u8;
        let queue = self.workers[pod as usize].queue;
        if self.activity_queue(queue).backlog() == 0 {
            chain.forwards = forwards;
        }
        self.launch(chain, schedule);
    }

    fn poll(&mut self, purpose: Purpose, pod: u32) -> Chain {
        let shard = self.random.route.below(u64::from(self.size.history_shards)) as u32;
        let mut chain = self.chain(purpose, OperationKind::Query, pod, shard);
        chain.place = self.visits.poll();
        chain
    }

    /// A poll reaches its partition.
    pub(super) fn poll_arrives(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        if chain.purpose == Purpose::PollActivity {
            self.forwarders.activity_polls.arrives(u32::from(chain.partition));
        }
        self.polled(chain.purpose, chain.target, chain.flag, u32::from(chain.partition), schedule);
    }

    /// A poll looks for a task.
    pub(super) fn polled(
        &mut self,
        purpose: Purpose,
        pod: u32,
        sticky: bool,
        partition: u32,
        schedule: &mut Schedule<Event>,
    ) {
        if self.workers[pod as usize].stops > 0 {
            return self.give_up_poll(purpose, pod, sticky, schedule);
        }
        let queue = self.workers[pod as usize].queue;
        if purpose == Purpose::PollWorkflow {
            if let Some(run) = self.workflow_queue(queue).offer_poller(pod, sticky) {
                self.deliver_workflow_task(run, pod, sticky, schedule);
                if self.adds_poller(purpose, pod) {
                    self.workers[pod as usize].park_workflow_poller(sticky);
                    self.wake_workflow_poller(pod, schedule);
                }
            }
        } else if let Some(activity) = self.activity_queue(queue).offer_poller(schedule.now(), pod) {
            self.deliver_activity(activity, pod, schedule);
            if self.adds_poller(purpose, pod) {
                self.activity_poller_free(pod, schedule);
            }
        } else {
            self.forwarders.activity_polls.waits(partition);
        }
    }

    /// A task had waited for the poller that took it: where pollers scale, the server suggests one more (server,
    /// `service/matching/poller_scaling`). Fewer again is not modelled: idle pollers cost next to nothing.
    fn adds_poller(&mut self, purpose: Purpose, pod: u32) -> bool {
        let added = &mut self.workers[pod as usize].added_pollers[usize::from(purpose == Purpose::PollActivity)];
        let room = *added < PollerAutoscaling::DEFAULT.maximum - PollerAutoscaling::DEFAULT.initial;
        let adds = self.poller_autoscaling && room;
        *added += u32::from(adds);
        adds
    }

    /// A poll that its worker no longer makes; a draining worker may be done with it.
    fn give_up_poll(&mut self, purpose: Purpose, pod: u32, sticky: bool, schedule: &mut Schedule<Event>) {
        self.park_poller(purpose, pod, sticky);
        if self.workers[pod as usize].state == PodState::Draining {
            self.end_drain_if_empty(pod, schedule);
        }
    }

    /// A poll whose worker has stopped: the call is cancelled, its slot is free.
    pub(super) fn park_poller(&mut self, purpose: Purpose, pod: u32, sticky: bool) {
        let worker = &mut self.workers[pod as usize];
        if purpose == Purpose::PollWorkflow {
            worker.polls[usize::from(sticky)] -= 1;
            worker.park_workflow_poller(sticky);
            worker.workflow_slots += 1;
        } else {
            worker.activity_pollers += 1;
            worker.activity_slots += 1;
        }
    }
}
