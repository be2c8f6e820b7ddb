//! The event loop.

use super::EventQueue;
use plimsoll_profiles::units::Nanos;

/// What happens at events: the state of the simulated system and its reaction to each kind of event.
pub trait Model {
    /// A small plain value, usually an enum with indices: it is copied into the queue and out.
    type Event: Copy;

    /// Reacts to an event at the time `schedule.now()`.
    fn handle(&mut self, event: Self::Event, schedule: &mut Schedule<Self::Event>);
}

/// The clock and the pending events.
#[derive(Clone, Debug)]
pub struct Schedule<E> {
    queue: EventQueue<E>,
    now: Nanos,
    handled: u64,
}

impl<E: Copy> Schedule<E> {
    /// The time of the event being handled, or where the last run ended.
    #[inline]
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Lets `event` happen at `time`, after all events already scheduled for that time.
    ///
    /// # Panics
    /// In debug builds, when `time` has passed.
    #[inline]
    pub fn at(&mut self, time: Nanos, event: E) {
        debug_assert!(time >= self.now, "scheduled at {time:?}, which is before now, {:?}", self.now);
        self.queue.push(time, event);
    }

    /// Lets `event` happen after `delay`.
    #[inline]
    pub fn after(&mut self, delay: Nanos, event: E) {
        self.queue.push(self.now + delay, event);
    }

    /// The number of events scheduled and not yet handled.
    #[inline]
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// The number of events handled since the start.
    #[inline]
    pub fn events_handled(&self) -> u64 {
        self.handled
    }
}

/// A model with its schedule.
///
/// ```
/// use plimsoll_profiles::units::Nanos;
/// use plimsoll_sim::engine::{Model, Schedule, Simulation};
///
/// struct Clock { ticks: u32 }
///
/// impl Model for Clock {
///     type Event = ();
///     fn handle(&mut self, _tick: (), schedule: &mut Schedule<()>) {
///         self.ticks += 1;
///         schedule.after(Nanos::from_secs(1), ());
///     }
/// }
///
/// let mut simulation = Simulation::new(Clock { ticks: 0 });
/// simulation.schedule_mut().at(Nanos::ZERO, ());
/// simulation.run_until(Nanos::from_secs(10));
/// assert_eq!(simulation.model().ticks, 11);
/// ```
#[derive(Clone, Debug)]
pub struct Simulation<M: Model> {
    model: M,
    schedule: Schedule<M::Event>,
}

impl<M: Model> Simulation<M> {
    /// A simulation at time zero with nothing scheduled.
    pub fn new(model: M) -> Self {
        Simulation { model, schedule: Schedule { queue: EventQueue::new(), now: Nanos::ZERO, handled: 0 } }
    }

    /// Handles every event up to and including the time `end`; then it is `end`.
    pub fn run_until(&mut self, end: Nanos) {
        while let Some((time, event)) = self.schedule.queue.pop_until(end) {
            self.handle(time, event);
        }
        self.schedule.now = self.schedule.now.max(end);
    }

    /// Handles events while the predicate, asked before each, holds and any are left. The clock stays at the last event.
    pub fn run_while(&mut self, mut predicate: impl FnMut(&M, &Schedule<M::Event>) -> bool) {
        while predicate(&self.model, &self.schedule) {
            let Some((time, event)) = self.schedule.queue.pop() else { return };
            self.handle(time, event);
        }
    }

    /// Handles the next event not later than `end` and returns it with its time.
    pub fn step(&mut self, end: Nanos) -> Option<(Nanos, M::Event)> {
        let (time, event) = self.schedule.queue.pop_until(end)?;
        self.handle(time, event);
        Some((time, event))
    }

    #[inline]
    fn handle(&mut self, time: Nanos, event: M::Event) {
        debug_assert!(time >= self.schedule.now, "an event lies in the past");
        self.schedule.now = time;
        self.schedule.handled += 1;
        self.model.handle(event, &mut self.schedule);
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, to change it between runs.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule<M::Event> {
        &self.schedule
    }

    /// The schedule, to set first events.
    pub fn schedule_mut(&mut self) -> &mut Schedule<M::Event> {
        &mut self.schedule
    }

    /// Model and schedule together, for set-up code that needs both.
    pub fn parts_mut(&mut self) -> (&mut M, &mut Schedule<M::Event>) {
        (&mut self.model, &mut self.schedule)
    }

    /// The model, when the run is over.
    pub fn into_model(self) -> M {
        self.model
    }
}
