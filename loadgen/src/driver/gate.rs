//! The in-flight cap.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::operation::Operation;
use crate::dispatch::Timed;

/// Lets at most so many requests out at once. What comes on top waits, in order; what is too much even for that is handed back.
#[derive(Debug)]
pub struct Gate<T = Operation> {
    most_in_flight: usize,
    most_waiting: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    in_flight: usize,
    waiting: VecDeque<Timed<T>>,
    closed: bool,
}

/// What became of an operation at the gate.
#[derive(Debug)]
pub enum Entry<T = Operation> {
    /// It may be sent; [`Gate::leave`] has to be called when it is done.
    Free(Timed<T>),
    /// It waits; a [`Gate::leave`] will give it back.
    Waits,
    /// Too many wait, or the gate is closed.
    Refused(Timed<T>),
}

impl<T> Gate<T> {
    /// At least one may be in flight.
    pub fn new(most_in_flight: usize, most_waiting: usize) -> Self {
        let state = State { in_flight: 0, waiting: VecDeque::new(), closed: false };
        Gate { most_in_flight: most_in_flight.max(1), most_waiting, state: Mutex::new(state) }
    }

    /// Asks to send.
    pub fn enter(&self, operation: Timed<T>) -> Entry<T> {
        let mut state = self.state.lock();
        if state.closed {
            return Entry::Refused(operation);
        }
        if state.in_flight < self.most_in_flight {
            state.in_flight += 1;
            return Entry::Free(operation);
        }
        if state.waiting.len() >= self.most_waiting {
            return Entry::Refused(operation);
        }
        state.waiting.push_back(operation);
        Entry::Waits
    }

    /// One is done; its place goes to the one that has waited longest.
    pub fn leave(&self) -> Option<Timed<T>> {
        let mut state = self.state.lock();
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.in_flight = state.in_flight.saturating_sub(1);
        }
        next
    }

    /// Lets nothing more out; gives back what waits.
    pub fn close(&self) -> VecDeque<Timed<T>> {
        let mut state = self.state.lock();
        state.closed = true;
        std::mem::take(&mut state.waiting)
    }

    /// Requests out now.
    pub fn in_flight(&self) -> usize {
        self.state.lock().in_flight
    }

    /// Operations that wait now.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_profiles::units::Nanos;
    use proptest::prelude::*;

    use super::*;

    fn operation(number: u64) -> Timed<u64> {
        Timed { at: Nanos(number), what: number }
    }

    proptest! {
        /// Nothing gets lost or doubled at the gate, the cap holds, and who waits longest goes first.
        #[test]
        fn every_operation_leaves_the_gate_exactly_once(
            cap in 1usize..5, room in 0usize..8, steps in prop::collection::vec(any::<bool>(), 0..300),
        ) {
            let gate: Gate<u64> = Gate::new(cap, room);
            let (mut offered, mut sent, mut refused, mut out) = (0u64, Vec::new(), Vec::new(), 0usize);
            for enters in steps {
                if enters {
                    match gate.enter(operation(offered)) {
                        Entry::Free(operation) => { sent.push(operation.what); out += 1; }
                        Entry::Waits => {}
                        Entry::Refused(operation) => refused.push(operation.what),
                    }
                    offered += 1;
                } else if out > 0 {
                    match gate.leave() {
                        Some(operation) => sent.push(operation.what),
                        None => out -= 1,
                    }
                }
                prop_assert!(out <= cap && gate.waiting() <= room);
                prop_assert_eq!(gate.in_flight(), out);
            }
            let left: Vec<u64> = gate.close().into_iter().map(|operation| operation.what).collect();
            prop_assert!(sent.is_sorted());
            let mut all = [sent, refused, left].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..offered).collect::<Vec<_>>());
            prop_assert!(matches!(gate.enter(operation(offered)), Entry::Refused(_)));
        }
    }
}
