//! Workers that stop and come back: what the server and the other workers see of it.
//!
//! A worker that is told to stop (`worker.Stop()`, SIGTERM) ends its long polls, finishes what it has in hand, and tells the server
//! that its sticky queue is gone (`ShutdownWorker`). From then on its workflows' tasks go to the normal queue
//! (`StickyWorkerUnavailable`, [src] `service/matching`, server 1.31). Tasks already in its sticky queue wait there until their
//! schedule-to-start time-out, then they are scheduled again on the normal queue. When it comes back its cache is empty.
//!
//! While no worker polls, tasks gather in matching's database at the rate they arrive. They are taken out of it again, oldest
//! first, as fast as the returned workers are: a backlog of b drains in b / (capacity − arrival rate).

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::{self, EventKind};
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::state::{NONE, Purpose};
use crate::engine::Schedule;

/// Worker pods that do not work for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The first of the pods.
    pub first_pod: u32,
    /// How many; pods beyond the fleet are ignored.
    pub pods: u32,
    /// When they stop.
    pub from: Nanos,
    /// When they are back; [`Nanos::FOREVER`] for never.
    pub until: Nanos,
}

impl Outage {
    /// All workers stop.
    pub fn of_all_workers(from: Nanos, until: Nanos) -> Self {
        Outage { first_pod: 0, pods: u32::MAX, from, until }
    }

    /// One worker pod stops.
    pub fn of_worker(pod: u32, from: Nanos, until: Nanos) -> Self {
        Outage { first_pod: pod, pods: 1, from, until }
    }

    /// Those of a profile's events.
    pub(super) fn of_events(events: &[profile::Event]) -> Vec<Outage> {
        let outage = |event: &profile::Event| match event.kind {
            EventKind::WorkersStop { pods } => {
                let until = event.at + event.duration;
                Outage { pods: pods.unwrap_or(u32::MAX), ..Outage::of_all_workers(event.at, until) }
            }
        };
        events.iter().map(outage).collect()
    }

    fn range(&self, fleet: u32) -> std::ops::Range<u32> {
        self.first_pod.min(fleet)..self.first_pod.saturating_add(self.pods).min(fleet)
    }
}

impl Model {
    /// Plans the outages.
    pub(super) fn plan_outages(&mut self, outages: &[Outage], schedule: &mut Schedule<Event>) {
        self.outages = outages.to_vec();
        for (index, outage) in outages.iter().enumerate().filter(|(_, outage)| outage.from < outage.until) {
            schedule.at(outage.from, Event::WorkersStop(index as u32));
            if outage.until < Nanos::FOREVER {
                schedule.at(outage.until, Event::WorkersReturn(index as u32));
            }
        }
    }

    /// Workers stop: their long polls end, their caches are gone.
    pub(super) fn workers_stop(&mut self, outage: u32, schedule: &mut Schedule<Event>) {
        for pod in self.outages[outage as usize].range(self.size.workers.pods.count) {
            self.workers[pod as usize].stops += 1;
            if self.workers[pod as usize].stops > 1 {
                continue;
            }
            self.end_polls(pod, schedule);
        }
    }

    /// A worker ends its polls, and its sticky queue is gone: how many workflows its cache held.
    pub(super) fn end_polls(&mut self, pod: u32, schedule: &mut Schedule<Event>) -> u32 {
        let queue = self.workers[pod as usize].queue;
        let (normal, sticky) = self.workflow_queue(queue).withdraw_pollers(pod);
        let activity = self.activity_queue(queue).withdraw_pollers(schedule.now(), pod);
        (0..activity).for_each(|_| self.forwarders.activity_polls.take_any());
        (0..normal).for_each(|_| self.park_poller(Purpose::PollWorkflow, pod, false));
        (0..sticky).for_each(|_| self.park_poller(Purpose::PollWorkflow, pod, true));
        (0..activity).for_each(|_| self.park_poller(Purpose::PollActivity, pod, false));
        let cached = self.workers[pod as usize].cached;
        self.forget_cache(pod);
        let waiting = self.workflow_queue(queue).close_sticky(pod);
        if !waiting.is_empty() {
            self.lost_sticky.extend(waiting);
            schedule.after(self.sticky_timeout, Event::StickyTasksLost);
        }
        cached
    }

    /// Workers are back: every poller with a slot polls.
    pub(super) fn workers_return(&mut self, outage: u32, schedule: &mut Schedule<Event>) {
        for pod in self.outages[outage as usize].range(self.size.workers.pods.count) {
            self.workers[pod as usize].stops -= 1;
            if self.workers[pod as usize].stops > 0 {
                continue;
            }
            self.begin_polls(pod, schedule);
        }
    }

    /// A worker with an empty cache polls.
    pub(super) fn begin_polls(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        // Those whose task was on its way to it when it stopped.
        self.forget_cache(pod);
        while self.wake_workflow_poller(pod, schedule) {}
        while self.wake_activity_poller(pod, schedule) {}
    }

    /// Sticky tasks of stopped workers time out: they are scheduled again, for any worker.
    pub(super) fn sticky_tasks_lost(&mut self, schedule: &mut Schedule<Event>) {
        for run in std::mem::take(&mut self.lost_sticky) {
            let shard = self.runs[run].shard;
            // The time-out's timer writes the new task as any timer does its event.
            self.background(OperationKind::TimerFired, shard, schedule);
            self.reschedule_workflow_task(run, schedule);
        }
    }

    /// The pod whose sticky queue a run's task goes to; none when that worker has stopped.
    pub(super) fn sticky_worker(&mut self, run: u32) -> Option<u32> {
        let pod = self.runs[run].sticky_pod;
        if pod == NONE {
            return None;
        }
        let worker = &self.workers[pod as usize];
        if worker.stops > 0 || worker.queue != self.runs[run].queue {
            self.runs[run].sticky_pod = NONE;
            self.workers[pod as usize].cached -= 1;
            return None;
        }
        Some(pod)
    }

    fn forget_cache(&mut self, pod: u32) {
        if self.workers[pod as usize].cached == 0 {
            return;
        }
        for run in self.runs.all_mut().filter(|run| run.sticky_pod == pod) {
            run.sticky_pod = NONE;
        }
        self.workers[pod as usize].cached = 0;
    }
}
