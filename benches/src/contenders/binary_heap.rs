//! M/M/10 as an expert writes it by hand: one loop over `std::collections::BinaryHeap`.
//!
//! The key is one `u128`, time above sequence number above kind of event: a single comparison orders two events.
//! An event that is followed by another takes its place at the top of the heap, instead of a pop and a push.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};

use crate::draws::QueueDraws;
use crate::mm10::{Outcome, Recorder, SERVERS, Task};

const ARRIVAL: u128 = 0;
const DEPARTURE: u128 = 1;

/// Gives the events of one time the order in which they were scheduled.
struct Keys {
    scheduled: u64,
}

impl Keys {
    #[inline]
    fn key(&mut self, time: u64, kind: u128) -> Reverse<u128> {
        self.scheduled += 1;
        Reverse(u128::from(time) << 64 | u128::from(self.scheduled) << 1 | kind)
    }
}

/// Simulates `task`.
pub fn run(task: Task) -> Outcome {
    let mut draws = QueueDraws::new(task.seed);
    let mut record = Recorder::new();
    let mut pending: BinaryHeap<Reverse<u128>> = BinaryHeap::with_capacity(64);
    let mut keys = Keys { scheduled: 0 };
    let mut queue: VecDeque<u64> = VecDeque::with_capacity(1024);
    let mut busy = 0u32;
    let mut to_arrive = task.customers;
    let mut end = 0;

    pending.push(keys.key(draws.inter_arrival().0, ARRIVAL));
    loop {
        let Some(mut top) = pending.peek_mut() else { break };
        let now = (top.0 >> 64) as u64;
        end = now;
        if top.0 & 1 == ARRIVAL {
            to_arrive -= 1;
            if to_arrive > 0 {
                *top = keys.key(now + draws.inter_arrival().0, ARRIVAL);
                drop(top);
            } else {
                PeekMut::pop(top);
            }
            if busy < SERVERS {
                busy += 1;
                record.busy_servers(now, busy);
                record.wait(0);
                pending.push(keys.key(now + draws.service().0, DEPARTURE));
            } else {
                queue.push_back(now);
                record.queue_length(now, queue.len());
            }
        } else if let Some(arrived) = queue.pop_front() {
            *top = keys.key(now + draws.service().0, DEPARTURE);
            record.queue_length(now, queue.len());
            record.wait(now - arrived);
        } else {
            PeekMut::pop(top);
            busy -= 1;
            record.busy_servers(now, busy);
        }
    }
    record.finish(end)
}
