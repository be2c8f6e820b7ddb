//! M/M/10 as an expert writes it by hand: one loop over `std::collections::BinaryHeap`, in two ways.
//!
//! The key is one `u128`, time above sequence number above kind of event: a single comparison orders two events.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use crate::draws::QueueDraws;
use crate::mm10::{Outcome, Recorder, SERVERS, Task};

const ARRIVAL: u128 = 0;
const DEPARTURE: u128 = 1;

struct Station {
    draws: QueueDraws,
    record: Recorder,
    queue: VecDeque<u64>,
    busy: u32,
    to_arrive: u64,
    scheduled: u64,
}

impl Station {
    fn new(task: Task) -> Self {
        Self {
            draws: QueueDraws::new(task.seed),
            record: Recorder::new(),
            queue: VecDeque::with_capacity(1024),
            busy: 0,
            to_arrive: task.customers,
            scheduled: 0,
        }
    }

    /// The key of an event; those at one time keep the order in which they were scheduled.
    #[inline]
    fn key(&mut self, time: u64, kind: u128) -> Reverse<u128> {
        self.scheduled += 1;
        Reverse(u128::from(time) << 64 | u128::from(self.scheduled) << 1 | kind)
    }

    #[inline]
    fn next_arrival(&mut self, now: u64) -> Option<Reverse<u128>> {
        if self.to_arrive == 0 {
            return None;
        }
        self.to_arrive -= 1;
        let time = now + self.draws.inter_arrival().0;
        Some(self.key(time, ARRIVAL))
    }

    /// A customer comes; the departure, when the service begins at once.
    #[inline]
    fn arrive(&mut self, now: u64) -> Option<Reverse<u128>> {
        if self.busy == SERVERS {
            self.queue.push_back(now);
            self.record.queue_length(now, self.queue.len());
            return None;
        }
        self.busy += 1;
        self.record.busy_servers(now, self.busy);
        self.record.wait(0);
        let time = now + self.draws.service().0;
        Some(self.key(time, DEPARTURE))
    }

    /// A customer leaves; the departure of the next, when one waited.
    #[inline]
    fn depart(&mut self, now: u64) -> Option<Reverse<u128>> {
        let Some(arrived) = self.queue.pop_front() else {
            self.busy -= 1;
            self.record.busy_servers(now, self.busy);
            return None;
        };
        self.record.queue_length(now, self.queue.len());
        self.record.wait(now - arrived);
        let time = now + self.draws.service().0;
        Some(self.key(time, DEPARTURE))
    }
}

/// Simulates `task` the plain way: every event is popped, what follows is pushed.
pub fn pop_push(task: Task) -> Outcome {
    let mut station = Station::new(task);
    let mut pending = BinaryHeap::with_capacity(64);
    let mut end = 0;
    pending.extend(station.next_arrival(0));
    while let Some(Reverse(key)) = pending.pop() {
        let now = (key >> 64) as u64;
        end = now;
        if key & 1 == DEPARTURE {
            if let Some(departure) = station.depart(now) {
                pending.push(departure);
            }
            continue;
        }
        if let Some(arrival) = station.next_arrival(now) {
            pending.push(arrival);
        }
        if let Some(departure) = station.arrive(now) {
            pending.push(departure);
        }
    }
    station.record.finish(end)
}

/// Simulates `task` the fast way: an event that is followed by another of its kind gives it its place at the top of the heap.
///
/// Only a loop that knows its model can do so: an engine hands the event out before it learns what follows.
pub fn replace_top(task: Task) -> Outcome {
    let mut station = Station::new(task);
    let mut pending = BinaryHeap::with_capacity(64);
    let mut end = 0;
    pending.extend(station.next_arrival(0));
    loop {
        let Some(mut top) = pending.peek_mut() else { break };
        let now = (top.0 >> 64) as u64;
        end = now;
        let is_departure = top.0 & 1 == DEPARTURE;
        let again = if is_departure { station.depart(now) } else { station.next_arrival(now) };
        match again {
            Some(key) => {
                *top = key;
                drop(top);
            }
            None => {
                PeekMut::pop(top);
            }
        }
        if !is_departure && let Some(departure) = station.arrive(now) {
            pending.push(departure);
        }
    }
    station.record.finish(end)
}
