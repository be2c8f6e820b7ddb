//! The hold model: with n events pending, take the earliest, schedule it again a random time later, and so on.
//! The classic measure of an event list (Vaucher and Duval 1975; Jones 1986).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::EventQueue;

use crate::contenders::{PLIMSOLL, POP_PUSH, REPLACE_TOP};
use crate::draws::HoldDraws;
use crate::interleave::{Contender, Measured, interleave};

/// The distribution of the time to the next occurrence of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Increment {
    /// Exponential, mean one second.
    Exponential,
    /// 90 % uniform on 0 to 0.1 s, 10 % uniform on 0 to 1,000 s: task events among long timers, as in Temporal.
    Bimodal,
}

impl Increment {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Increment::Exponential => "exponential",
            Increment::Bimodal => "bimodal",
        }
    }
}

/// An event list with a number as the event.
pub trait EventList {
    /// An empty list; `pending` events will be in it.
    fn with_capacity(pending: usize) -> Self;
    /// Schedules `event` at `time` (nanoseconds).
    fn push(&mut self, time: u64, event: u32);
    /// Takes the earliest event; those at one time in the order they were scheduled.
    fn pop(&mut self) -> Option<(u64, u32)>;
    /// Takes the earliest event and schedules it again at the time `next` gives for it.
    #[inline]
    fn hold(&mut self, next: impl FnOnce(u64, u32) -> u64) {
        if let Some((time, event)) = self.pop() {
            self.push(next(time, event), event);
        }
    }
}

/// The engine's own queue.
pub struct EngineQueue(EventQueue<u32>);

impl EventList for EngineQueue {
    fn with_capacity(_: usize) -> Self {
        Self(EventQueue::new())
    }

    #[inline]
    fn push(&mut self, time: u64, event: u32) {
        self.0.push(Nanos(time), event);
    }

    #[inline]
    fn pop(&mut self) -> Option<(u64, u32)> {
        self.0.pop().map(|(time, event)| (time.0, event))
    }
}

/// `std::collections::BinaryHeap`, at its best: time, sequence number and event packed in one `u128` key.
pub struct StdBinaryHeap {
    heap: BinaryHeap<Reverse<u128>>,
    scheduled: u32,
}

impl StdBinaryHeap {
    #[inline]
    fn key(&mut self, time: u64, event: u32) -> Reverse<u128> {
        // 2^32 sequence numbers are enough for a benchmark; the general case needs a wider, slower key.
        self.scheduled += 1;
        Reverse(u128::from(time) << 64 | u128::from(self.scheduled) << 32 | u128::from(event))
    }
}

impl EventList for StdBinaryHeap {
    fn with_capacity(pending: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(pending + 1), scheduled: 0 }
    }

    #[inline]
    fn push(&mut self, time: u64, event: u32) {
        let key = self.key(time, event);
        self.heap.push(key);
    }

    #[inline]
    fn pop(&mut self) -> Option<(u64, u32)> {
        let Reverse(key) = self.heap.pop()?;
        Some(((key >> 64) as u64, key as u32))
    }
}

/// The same heap, where the event scheduled again takes its old place at the top: no pop, no push.
/// Shown for comparison, not part of a target: it is the heap that knows of the hold, not a queue that is pushed to.
pub struct ReplaceTop(StdBinaryHeap);

impl EventList for ReplaceTop {
    fn with_capacity(pending: usize) -> Self {
        Self(StdBinaryHeap::with_capacity(pending))
    }

    #[inline]
    fn push(&mut self, time: u64, event: u32) {
        self.0.push(time, event);
    }

    #[inline]
    fn pop(&mut self) -> Option<(u64, u32)> {
        self.0.pop()
    }

    #[inline]
    fn hold(&mut self, next: impl FnOnce(u64, u32) -> u64) {
        let Some(&Reverse(key)) = self.0.heap.peek() else { return };
        let again = self.0.key(next((key >> 64) as u64, key as u32), key as u32);
        if let Some(mut top) = self.0.heap.peek_mut() {
            *top = again;
        }
    }
}

/// What a number of holds led to: equal for all lists that keep the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Time of the last event taken, nanoseconds.
    pub clock: u64,
    /// A checksum over the events in the order they were taken.
    pub checksum: u64,
}

/// A hold model in progress.
pub struct Hold<L> {
    list: L,
    draws: HoldDraws,
    increment: Increment,
    state: State,
}

impl<L: EventList> Hold<L> {
    /// `pending` events at times from the distribution's residual life: the model is in its steady state at once.
    pub fn new(pending: u32, increment: Increment, seed: u64) -> Self {
        let mut draws = HoldDraws::new(seed);
        let mut list = L::with_capacity(pending as usize);
        for event in 0..pending {
            list.push(draws.residual(increment), event);
        }
        Self { list, draws, increment, state: State { clock: 0, checksum: 0 } }
    }

    /// Does `holds` holds.
    pub fn run(&mut self, holds: u64) -> State {
        let Self { list, draws, increment, state } = self;
        for _ in 0..holds {
            list.hold(|time, event| {
                state.clock = time;
                state.checksum = state.checksum.rotate_left(5) ^ u64::from(event);
                time + draws.next(*increment)
            });
        }
        self.state
    }
}

/// One size and distribution, measured for two lists.
pub struct Compared {
    /// Events pending.
    pub pending: u32,
    /// Distribution of the increments.
    pub increment: Increment,
    /// The lists.
    pub measured: Vec<Measured<State>>,
}

/// Measures all lists at all sizes, interleaved: sizes are compared with each other too.
///
/// They live through all rounds. Before the first, every event is held once on average, so that each list has the
/// shape it has in the middle of a run.
pub fn compare(sizes: &[u32], increment: Increment, holds: u64, rounds: usize, seed: u64) -> Vec<Compared> {
    fn contender<L: EventList + 'static>(
        name: &'static str,
        (pending, increment, holds, seed): (u32, Increment, u64, u64),
    ) -> Contender<'static, State> {
        let mut hold = Hold::<L>::new(pending, increment, seed);
        hold.run(u64::from(pending));
        Contender { name, units: holds, run: Box::new(move || hold.run(holds)) }
    }
    let lists = |&pending: &u32| {
        let model = (pending, increment, holds, seed);
        [
            contender::<EngineQueue>(PLIMSOLL, model),
            contender::<StdBinaryHeap>(POP_PUSH, model),
            contender::<ReplaceTop>(REPLACE_TOP, model),
        ]
    };
    let mut measured = interleave(sizes.iter().flat_map(lists).collect(), rounds).into_iter();
    let of_size = |&pending: &u32| Compared { pending, increment, measured: measured.by_ref().take(3).collect() };
    sizes.iter().map(of_size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The simplest list that can be right: a sorted vector.
    struct Sorted(Vec<(u64, u64, u32)>, u64);

    impl EventList for Sorted {
        fn with_capacity(_: usize) -> Self {
            Sorted(Vec::new(), 0)
        }
        fn push(&mut self, time: u64, event: u32) {
            self.1 += 1;
            let key = (time, self.1, event);
            let place = self.0.partition_point(|other| *other > key);
            self.0.insert(place, key);
        }
        fn pop(&mut self) -> Option<(u64, u32)> {
            self.0.pop().map(|(time, _, event)| (time, event))
        }
    }

    #[test]
    fn the_lists_take_the_same_events_in_the_same_order() {
        for increment in [Increment::Exponential, Increment::Bimodal] {
            let want = Hold::<Sorted>::new(300, increment, 7).run(3_000);
            assert_eq!(Hold::<EngineQueue>::new(300, increment, 7).run(3_000), want, "{increment:?}");
            assert_eq!(Hold::<StdBinaryHeap>::new(300, increment, 7).run(3_000), want, "{increment:?}");
            assert_eq!(Hold::<ReplaceTop>::new(300, increment, 7).run(3_000), want, "{increment:?}");
        }
    }

    #[test]
    fn the_model_starts_in_its_steady_state() {
        // n events of mean increment m: a hold advances the clock by m / n on average, from the first on.
        for (increment, mean) in [(Increment::Exponential, 1.0), (Increment::Bimodal, 50.045)] {
            let mut hold = Hold::<StdBinaryHeap>::new(10_000, increment, 3);
            for part in 0..4 {
                let before = hold.state.clock;
                let holds = 20_000;
                let advance = (hold.run(holds).clock - before) as f64 / 1e9;
                let want = mean * holds as f64 / 10_000.0;
                assert!((advance / want - 1.0).abs() < 0.15, "{increment:?}, part {part}: {advance} s, want {want} s");
            }
        }
    }
}
