#![allow(clippy::unwrap_used)]

use super::*;
use plimsoll_profiles::random::Streams;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The same contract on the standard library's heap.
#[derive(Default)]
struct Oracle {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    sequence: u64,
}

impl Oracle {
    fn push(&mut self, time: u64) -> u64 {
        self.sequence += 1;
        self.heap.push(Reverse((time, self.sequence)));
        self.sequence
    }

    fn pop(&mut self) -> Option<(Nanos, u64)> {
        self.heap.pop().map(|Reverse((time, sequence))| (Nanos(time), sequence))
    }
}

/// Random pushes and pops with a drifting population, checked against the oracle at every step.
fn interleave(
    seed: u32,
    steps: usize,
    peak: usize,
    mut delay: impl FnMut(&mut plimsoll_profiles::random::Stream) -> u64,
) -> (usize, usize) {
    let mut stream = Streams::new(7).stream("queue", "interleaving", seed);
    let (mut queue, mut oracle) = (EventQueue::new(), Oracle::default());
    let mut now = 0;
    let (mut to_ladder, mut to_tree) = (0, 0);
    let mut growing = true;
    for step in 0..steps {
        if queue.len() >= peak || stream.below(3 * peak as u64) == 0 {
            growing = false;
        } else if queue.is_empty() || stream.below(3 * peak as u64) == 0 {
            growing = true;
        }
        let ladder_before = queue.ladder.is_some();
        if stream.below(16) < if growing { 13 } else { 3 } {
            let time = now + delay(&mut stream);
            queue.push(Nanos(time), oracle.push(time));
        } else {
            if step % 3 == 0 {
                assert_eq!(
                    queue.peek_time().map(|time| time.0),
                    oracle.heap.peek().map(|top| top.0.0),
                    "seed {seed} step {step}"
                );
            }
            let popped = queue.pop();
            assert_eq!(popped, oracle.pop(), "seed {seed} step {step}");
            now = popped.map_or(now, |(time, _)| time.0);
        }
        assert_eq!(queue.len(), oracle.heap.len());
        to_ladder += usize::from(!ladder_before && queue.ladder.is_some());
        to_tree += usize::from(ladder_before && queue.ladder.is_none());
    }
    while let Some(expected) = oracle.pop() {
        assert_eq!(queue.pop(), Some(expected), "seed {seed} at the end");
    }
    assert_eq!(queue.pop(), None);
    (to_ladder, to_tree)
}

#[test]
fn order_is_that_of_a_sorted_list_for_any_interleaving() {
    for seed in 0..20 {
        interleave(seed, 20_000, 24, |stream| stream.below(30));
        interleave(seed, 20_000, 300, |stream| stream.below(1_000));
        interleave(seed, 40_000, 9_000, |stream| (stream.exponential() * 1e9) as u64);
    }
}
