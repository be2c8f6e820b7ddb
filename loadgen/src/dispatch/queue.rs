//! Operations in the order of their times.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use plimsoll_profiles::units::Nanos;

/// Something with its intended time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    /// When it is intended, from the start of the run.
    pub at: Nanos,
    /// What.
    pub what: T,
}

/// Gives back the earliest first; of equal times the one that came first.
#[derive(Debug)]
pub struct Queue<T> {
    sequence: u64,
    heap: BinaryHeap<Reverse<Entry<T>>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { sequence: 0, heap: BinaryHeap::new() }
    }
}

impl<T> Queue<T> {
    /// Adds one.
    pub fn push(&mut self, operation: Timed<T>) {
        self.heap.push(Reverse(Entry { at: operation.at, sequence: self.sequence, what: operation.what }));
        self.sequence += 1;
    }

    /// The time of the earliest.
    pub fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the earliest.
    pub fn pop(&mut self) -> Option<Timed<T>> {
        self.heap.pop().map(|Reverse(entry)| Timed { at: entry.at, what: entry.what })
    }
}

#[derive(Debug)]
struct Entry<T> {
    at: Nanos,
    sequence: u64,
    what: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Nanos, u64) {
        (self.at, self.sequence)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
