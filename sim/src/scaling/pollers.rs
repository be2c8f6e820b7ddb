//! Poller autoscaling: how many polls a worker keeps open, and what the server suggests.
//!
//! The worker's side as Core has it (`temporalio-sdk-core` 0.10.1, `pollers/poll_buffer.rs`, `PollScalerReportHandle`; Go's
//! `internal_worker_base.go` does the same); the server's as matching has it (`service/matching/physical_task_queue_manager.go`,
//! `makePollerScalingDecisionImpl`, and `matching.pollerScaling…` in `common/dynamicconfig/constants.go`).

use plimsoll_profiles::PollerAutoscaling;
use plimsoll_profiles::units::Nanos;

/// A poll that found its task after waiting so long: one poller fewer (`matching.pollerScalingWaitTime`).
const WAITED_LONG: Nanos = Nanos::from_secs(1);
/// A backlog older than this: one poller more (`matching.pollerScalingBacklogAgeScaleUp`).
const BACKLOG_OLD: Nanos = Nanos::from_millis(200);
/// Tasks added per task dispatched above which a queue falls behind.
const FALLS_BEHIND: f64 = 1.2;
/// A worker compares two periods of this length to see whether more polls bring more tasks.
pub const INGESTION_PERIOD: Nanos = Nanos::from_millis(100);

/// What a poll came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollResult {
    /// A task, and what the server suggests.
    Task(Option<i32>),
    /// Nothing: the long poll ended.
    Empty,
    /// `RESOURCE_EXHAUSTED`.
    Exhausted,
}

/// How many polls of one kind a worker keeps open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollerScaler {
    bounds: PollerAutoscaling,
    target: u32,
    /// The server has made a suggestion, so it will suggest more again.
    saw_suggestion: bool,
    ingested: [u32; 2],
    may_grow: bool,
}

impl PollerScaler {
    /// A worker at its start.
    pub fn new(bounds: PollerAutoscaling) -> Self {
        PollerScaler { bounds, target: bounds.initial, saw_suggestion: false, ingested: [0; 2], may_grow: true }
    }

    /// Polls it keeps open now.
    pub fn target(&self) -> u32 {
        self.target
    }

    /// A poll has come back.
    pub fn poll_returned(&mut self, result: PollResult) {
        match result {
            PollResult::Task(suggestion) => {
                self.ingested[0] += 1;
                let Some(delta) = suggestion else { return };
                self.saw_suggestion = true;
                if delta < 0 {
                    self.set(self.target.saturating_sub(delta.unsigned_abs()));
                } else if self.may_grow {
                    self.set(self.target.saturating_add(delta.unsigned_abs()));
                }
            }
            PollResult::Empty if self.saw_suggestion => self.set(self.target.saturating_sub(1)),
            PollResult::Exhausted if self.saw_suggestion => self.set(self.target / 2),
            PollResult::Empty | PollResult::Exhausted => {}
        }
    }

    /// An [`INGESTION_PERIOD`] is over: more polls are of use only while more tasks come.
    pub fn period_over(&mut self) {
        let [this, last] = self.ingested;
        self.may_grow = this >= (f64::from(last) * 1.1) as u32;
        self.ingested = [0, this];
    }

    fn set(&mut self, target: u32) {
        self.target = target.clamp(self.bounds.minimum, self.bounds.maximum);
    }
}

/// What matching knows when it hands a task to a poll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueState {
    /// Tasks that wait.
    pub backlog: u64,
    /// How long the oldest of them does.
    pub backlog_age: Nanos,
    /// Tasks added per second.
    pub added: f64,
    /// Tasks dispatched per second.
    pub dispatched: f64,
    /// Whether it is the root partition: the others see too little of the queue.
    pub root: bool,
}

/// What the server suggests with a task, where it is not too soon after its last suggestion.
pub fn suggestion(waited: Nanos, queue: &QueueState) -> Option<i32> {
    if waited >= WAITED_LONG {
        return Some(-1);
    }
    if queue.backlog > 0 && queue.backlog_age > BACKLOG_OLD {
        return Some(1);
    }
    (queue.root && queue.added / queue.dispatched > FALLS_BEHIND).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_profiles::random::Streams;

    const QUIET: QueueState =
        QueueState { backlog: 0, backlog_age: Nanos::ZERO, added: 10.0, dispatched: 10.0, root: true };

    #[test]
    fn a_worker_starts_with_five_and_follows_the_server() {
        let mut pollers = PollerScaler::new(PollerAutoscaling::DEFAULT);
        assert_eq!(pollers.target(), 5);
        pollers.poll_returned(PollResult::Task(Some(1)));
        pollers.poll_returned(PollResult::Task(Some(1)));
        pollers.poll_returned(PollResult::Task(Some(-1)));
        pollers.poll_returned(PollResult::Task(None));
        assert_eq!(pollers.target(), 6);
    }

    #[test]
    fn empty_polls_count_only_once_the_server_has_shown_that_it_suggests() {
        let mut pollers = PollerScaler::new(PollerAutoscaling::DEFAULT);
        pollers.poll_returned(PollResult::Empty);
        pollers.poll_returned(PollResult::Exhausted);
        assert_eq!(pollers.target(), 5);
        pollers.poll_returned(PollResult::Task(Some(0)));
        pollers.poll_returned(PollResult::Empty);
        assert_eq!(pollers.target(), 4);
        pollers.poll_returned(PollResult::Exhausted);
        assert_eq!(pollers.target(), 2);
        (0..9).for_each(|_| pollers.poll_returned(PollResult::Empty));
        assert_eq!(pollers.target(), 1, "the minimum");
    }

    #[test]
    fn more_polls_that_bring_no_more_tasks_are_not_added() {
        let mut pollers = PollerScaler::new(PollerAutoscaling::DEFAULT);
        (0..100).for_each(|_| pollers.poll_returned(PollResult::Task(None)));
        pollers.period_over();
        (0..109).for_each(|_| pollers.poll_returned(PollResult::Task(None)));
        pollers.period_over();
        pollers.poll_returned(PollResult::Task(Some(1)));
        assert_eq!(pollers.target(), 5, "109 is less than a tenth more than 100");
        (0..130).for_each(|_| pollers.poll_returned(PollResult::Task(None)));
        pollers.period_over();
        pollers.poll_returned(PollResult::Task(Some(1)));
        assert_eq!(pollers.target(), 6);
    }

    #[test]
    fn the_target_stays_within_its_bounds_whatever_comes() {
        for seed in 0..20 {
            let mut random = Streams::new(seed).stream("test", "pollers", 0);
            let mut pollers = PollerScaler::new(PollerAutoscaling::DEFAULT);
            for _ in 0..2_000 {
                match random.below(6) {
                    0 => pollers.poll_returned(PollResult::Empty),
                    1 => pollers.poll_returned(PollResult::Exhausted),
                    2 => pollers.period_over(),
                    n => pollers.poll_returned(PollResult::Task(Some(n as i32 * 7 - 28))),
                }
                assert!((1..=100).contains(&pollers.target()), "seed {seed}: {}", pollers.target());
            }
        }
    }

    #[test]
    fn the_server_wants_fewer_polls_where_they_wait_and_more_where_tasks_do() {
        assert_eq!(suggestion(Nanos::from_secs(1), &QUIET), Some(-1));
        assert_eq!(suggestion(Nanos::from_millis(999), &QUIET), None);
        let aged = |millis| QueueState { backlog: 3, backlog_age: Nanos::from_millis(millis), root: false, ..QUIET };
        assert_eq!(suggestion(Nanos::ZERO, &aged(200)), None);
        assert_eq!(suggestion(Nanos::ZERO, &aged(201)), Some(1));
        let behind = |root| QueueState { added: 12.1, root, ..QUIET };
        assert_eq!(suggestion(Nanos::ZERO, &behind(true)), Some(1));
        assert_eq!(suggestion(Nanos::ZERO, &behind(false)), None, "only the root sees the rates");
    }
}
