//! Workers that stop and come back: what the server and the other workers see of it.
//!
//! A worker that is told to stop (`worker.Stop()`, SIGTERM) ends its long polls, finishes what it has in hand, and tells the server
//! that its sticky queue is gone (`ShutdownWorker`). From then on its workflows' tasks go to the normal queue
//! (`StickyWorkerUnavailable`, [src] `service/matching`, server 1.31). Tasks already in its sticky queue wait there until their
//! schedule-to-start time-out, then they are scheduled again on the normal queue. When it comes back its cache is empty.
//!
//! While no worker polls, tasks gather in matching's database at the rate they arrive. They are taken out of it again, oldest
//! first, as fast as the returned workers are: a backlog of b drains in b / (capacity − arrival rate).

use std::collections::VecDeque;

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::{self, EventKind};
use plimsoll_profiles::units::Nanos;

use super::failures::{nodes, on_one};
use super::model::{Event, Model};
use super::state::{NONE, Purpose};
use super::system::SystemSize;
use crate::engine::Schedule;

/// Worker pods that do not work for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Which of them.
    pub workers: StoppedWorkers,
    /// When they stop.
    pub from: Nanos,
    /// When they are back; [`Nanos::FOREVER`] for never.
    pub until: Nanos,
}

/// Which worker pods an outage stops, of those that are there when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedWorkers {
    /// All, and those that are started meanwhile.
    All,
    /// So many from the first on, counted from 0; pods beyond the fleet are ignored.
    From {
        /// The first.
        first: u32,
        /// How many.
        pods: u32,
    },
    /// Those on one of so many nodes or zones.
    OnOneOf(u32),
}

impl Outage {
    /// All workers stop.
    pub fn of_all_workers(from: Nanos, until: Nanos) -> Self {
        Outage { workers: StoppedWorkers::All, from, until }
    }

    /// One worker pod stops.
    pub fn of_worker(pod: u32, from: Nanos, until: Nanos) -> Self {
        Outage { workers: StoppedWorkers::From { first: pod, pods: 1 }, from, until }
    }

    /// Those of a profile's events.
    pub(super) fn of_events(events: &[profile::Event], size: &SystemSize) -> Vec<Outage> {
        let outage = |event: &profile::Event| {
            let workers = stopped(&event.kind, size)?;
            Some(Outage { workers, from: event.at, until: event.until() })
        };
        events.iter().filter_map(outage).collect()
    }
}

/// The workers that an event stops, if it does.
pub(super) fn stopped(kind: &EventKind, size: &SystemSize) -> Option<StoppedWorkers> {
    match *kind {
        EventKind::WorkersStop { pods: None, first: 0 } | EventKind::RegionLost { .. } => Some(StoppedWorkers::All),
        EventKind::WorkersStop { pods, first } => Some(StoppedWorkers::From { first, pods: pods.unwrap_or(u32::MAX) }),
        EventKind::NodeLost { of, .. } => Some(StoppedWorkers::OnOneOf(of.unwrap_or(nodes(size)))),
        EventKind::ZoneLost { of, .. } => Some(StoppedWorkers::OnOneOf(of)),
        _ => None,
    }
}

/// An outage of a model, and whom it has stopped.
#[derive(Clone, Debug)]
pub(super) struct PlannedOutage {
    workers: StoppedWorkers,
    /// Pods it has stopped: the same come back, however the fleet has changed.
    stopped: Vec<u32>,
}

/// Runs whose workflow task waits in the sticky queue of a stopped worker.
#[derive(Clone, Debug, Default)]
pub(super) struct LostSticky {
    /// When its schedule-to-start time-out is over, and the run, in order of time: the time-out is the same for all.
    waiting: VecDeque<(Nanos, u32)>,
}

impl LostSticky {
    fn add(&mut self, until: Nanos, runs: VecDeque<u32>) {
        self.waiting.extend(runs.into_iter().map(|run| (until, run)));
    }

    /// One whose time-out is over.
    fn take_due(&mut self, now: Nanos) -> Option<u32> {
        let (_, run) = *self.waiting.front().filter(|(until, _)| *until <= now)?;
        self.waiting.pop_front();
        Some(run)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Model {
    /// Plans the outages.
    pub(super) fn plan_outages(&mut self, outages: &[Outage], schedule: &mut Schedule<Event>) {
        for (index, outage) in outages.iter().enumerate() {
            self.outages.push(PlannedOutage { workers: outage.workers, stopped: Vec::new() });
            if outage.from >= outage.until {
                continue;
            }
            schedule.at(outage.from, Event::WorkersStop(index as u32));
            if outage.until < Nanos::FOREVER {
                schedule.at(outage.until, Event::WorkersReturn(index as u32));
            }
        }
    }

    /// The pods that are meant, as the fleet is now.
    pub(super) fn pods_of(&self, workers: StoppedWorkers) -> Vec<u32> {
        let all = 0..self.workers.len() as u32;
        let there = all.clone().filter(|pod| !self.is_gone(*pod));
        match workers {
            StoppedWorkers::All => all.collect(),
            StoppedWorkers::From { first, pods } => there.skip(first as usize).take(pods as usize).collect(),
            StoppedWorkers::OnOneOf(of) => {
                let count = on_one(there.clone().count() as u32, of);
                there.take(count as usize).collect()
            }
        }
    }

    /// Workers stop: their long polls end, their caches are gone.
    pub(super) fn workers_stop(&mut self, outage: u32, schedule: &mut Schedule<Event>) {
        let stopped = self.pods_of(self.outages[outage as usize].workers);
        for pod in &stopped {
            self.workers[*pod as usize].stops += 1;
            if self.workers[*pod as usize].stops == 1 {
                self.end_polls(*pod, schedule);
            }
        }
        self.outages[outage as usize].stopped = stopped;
    }

    /// A worker ends its polls, and its sticky queue is gone: how many workflows its cache held.
    pub(super) fn end_polls(&mut self, pod: u32, schedule: &mut Schedule<Event>) -> u32 {
        self.withdraw_polls(pod, schedule);
        let cached = self.workers[pod as usize].cached;
        self.forget_cache(pod);
        let queue = self.workers[pod as usize].queue;
        let waiting = self.workflow_queue(queue).close_sticky(pod);
        if !waiting.is_empty() {
            self.lost_sticky.add(schedule.now() + self.sticky_timeout, waiting);
            schedule.after(self.sticky_timeout, Event::StickyTasksLost);
        }
        cached
    }

    /// A worker's long polls end; its cache stays.
    fn withdraw_polls(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        let queue = self.workers[pod as usize].queue;
        let (normal, sticky) = self.workflow_queue(queue).withdraw_pollers(pod);
        let activity = self.activity_queue(queue).withdraw_pollers(schedule.now(), pod);
        (0..activity).for_each(|_| self.forwarders.activity_polls.take_any());
        (0..normal).for_each(|_| self.park_poller(Purpose::PollWorkflow, pod, false));
        (0..sticky).for_each(|_| self.park_poller(Purpose::PollWorkflow, pod, true));
        (0..activity).for_each(|_| self.park_poller(Purpose::PollActivity, pod, false));
    }

    /// Workers are back: every poller with a slot polls.
    pub(super) fn workers_return(&mut self, outage: u32, schedule: &mut Schedule<Event>) {
        for pod in std::mem::take(&mut self.outages[outage as usize].stopped) {
            self.workers[pod as usize].stops -= 1;
            if self.workers[pod as usize].stops == 0 {
                self.begin_polls(pod, schedule);
            }
        }
    }

    /// A worker with an empty cache polls.
    pub(super) fn begin_polls(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        // Those whose task was on its way to it when it stopped.
        self.forget_cache(pod);
        self.wake_pollers(pod, schedule);
    }

    fn wake_pollers(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        while self.wake_workflow_poller(pod, schedule) {}
        while self.wake_activity_poller(pod, schedule) {}
    }

    /// A worker's connection is gone: it makes no polls, and keeps its cache.
    pub(super) fn cut_polls(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        self.workers[pod as usize].stops += 1;
        if self.workers[pod as usize].stops == 1 {
            self.withdraw_polls(pod, schedule);
        }
    }

    /// It has one again.
    pub(super) fn polls_again(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        self.workers[pod as usize].stops -= 1;
        if self.workers[pod as usize].stops == 0 {
            self.wake_pollers(pod, schedule);
        }
    }

    /// Sticky tasks of stopped workers time out: they are scheduled again, for any worker.
    pub(super) fn sticky_tasks_lost(&mut self, schedule: &mut Schedule<Event>) {
        while let Some(run) = self.lost_sticky.take_due(schedule.now()) {
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

#[cfg(test)]
mod tests {
    use plimsoll_profiles::calibration::Calibration;
    use plimsoll_profiles::units::Rate;
    use plimsoll_profiles::{Document, World, shipped};

    use super::*;
    use crate::temporal::{CutOff, Drain, FleetPlan, PodEvent, Settings};

    #[test]
    fn an_outage_is_of_pods_that_are_there() {
        let seconds = Nanos::from_secs;
        let text = shipped::profile("one-activity").expect("a shipped profile").text;
        let document = Document::parse(text, "p.toml", &[]).unwrap_or_else(|problems| panic!("{problems}"));
        let profile = document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}"));
        let plan = FleetPlan {
            pods: 2,
            most: 4,
            start_up: seconds(1),
            readiness: Nanos::ZERO,
            drain: Drain { graceful_timeout: seconds(300), grace: seconds(360), cut_off: CutOff::Lost },
            events: vec![(seconds(2), PodEvent::Starts(2)), (seconds(5), PodEvent::Killed(0))],
            controllers: Vec::new(),
        };
        let settings = Settings::counted(Rate::per_second(1.0), 10.0, 0);
        let (calibration, size) = (Calibration::reference(), SystemSize::of(&profile));
        let mut simulation = Model::simulation_with_fleet(&profile, &calibration, size, settings, &[], Some(plan));
        let mut of = |until, workers| {
            simulation.run_until(seconds(until));
            simulation.model().pods_of(workers)
        };
        let first = StoppedWorkers::From { first: 0, pods: 1 };
        assert_eq!((of(1, first), of(1, StoppedWorkers::OnOneOf(2))), (vec![0], vec![0]));
        assert_eq!((of(6, first), of(6, StoppedWorkers::OnOneOf(2))), (vec![1], vec![1]));
        assert_eq!(of(6, StoppedWorkers::From { first: 1, pods: u32::MAX }), [2]);
        assert_eq!(of(6, StoppedWorkers::All), [0, 1, 2, 3], "and whoever starts meanwhile");
    }

    #[test]
    fn a_sticky_task_waits_for_its_own_time_out_whoever_stopped_before() {
        let seconds = Nanos::from_secs;
        let mut lost = LostSticky::default();
        lost.add(seconds(5), [1, 2].into());
        lost.add(seconds(8), [3].into());
        let mut due = |at| std::iter::from_fn(|| lost.take_due(seconds(at))).collect::<Vec<_>>();
        assert_eq!((due(4), due(5), due(7), due(8)), (vec![], vec![1, 2], vec![], vec![3]));
        assert_eq!(lost.len(), 0);
    }
}
