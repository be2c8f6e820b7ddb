//! Timers of time-outs that no longer matter: they stay in the timer queue, and reading them costs something.

use std::collections::VecDeque;

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use crate::engine::Schedule;

/// Which time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// A workflow task's start-to-close: the same for all.
    WorkflowTask,
    /// A workflow task's schedule-to-start on its sticky queue: the same for all.
    Sticky,
    /// An activity's.
    Activity,
}

/// The reads planned.
#[derive(Clone, Debug)]
pub(super) struct TimerReads {
    /// By shard and time-out: the read planned last.
    planned: Vec<[Nanos; 3]>,
    /// Of the two constant time-outs, in order of time: only the first of each is an event, so that thousands of reads to
    /// come do not make every other event slower.
    queues: [VecDeque<(Nanos, u32)>; 2],
}

impl TimerReads {
    pub(super) fn new(shards: u32) -> Self {
        TimerReads { planned: vec![[Nanos::ZERO; 3]; shards as usize], queues: [VecDeque::new(), VecDeque::new()] }
    }
}

impl Model {
    /// Plans the read that a time-out's timer will cause; timers of one shard close together share it.
    pub(super) fn plan_timer_read(&mut self, shard: u32, delay: Nanos, kind: Timeout, schedule: &mut Schedule<Event>) {
        let at = schedule.now() + delay;
        let queue = shard as usize % self.timer_reads.planned.len();
        let planned = &mut self.timer_reads.planned[queue][kind as usize];
        if *planned != Nanos::ZERO && at <= *planned + self.calibration.queues.timer_read_window {
            return;
        }
        *planned = at;
        if kind == Timeout::Activity {
            return schedule.at(at, Event::TimerRead(shard));
        }
        let queue = &mut self.timer_reads.queues[kind as usize];
        queue.push_back((at, shard));
        if queue.len() == 1 {
            schedule.at(at, Event::TimerReads(kind));
        }
    }

    /// A shard reads its timer queue.
    pub(super) fn timer_read(&mut self, shard: u32, schedule: &mut Schedule<Event>) {
        self.background(OperationKind::TimeoutNoop, shard, schedule);
    }

    /// The first planned read of a constant time-out is due.
    pub(super) fn timer_reads_due(&mut self, kind: Timeout, schedule: &mut Schedule<Event>) {
        let queue = &mut self.timer_reads.queues[kind as usize];
        let Some((_, shard)) = queue.pop_front() else { return };
        if let Some((next, _)) = queue.front() {
            schedule.at(*next, Event::TimerReads(kind));
        }
        self.timer_read(shard, schedule);
    }
}
