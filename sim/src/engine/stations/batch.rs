//! Group commit.

use super::report::{Account, Report};
use plimsoll_profiles::units::Nanos;
use std::collections::VecDeque;

/// A server that flushes everything that gathered during the previous flush: group commit of a write-ahead log.
///
/// ```
/// use plimsoll_profiles::units::Nanos;
/// use plimsoll_sim::engine::BatchServer;
///
/// let mut log = BatchServer::new(None);
/// assert!(log.arrive(Nanos(0), 1)); // a flush begins: schedule its end
/// assert!(!log.arrive(Nanos(1), 2)); // one is in progress: 2 and 3 gather
/// assert!(!log.arrive(Nanos(2), 3));
/// assert_eq!(log.complete(Nanos(5)), (&[1][..], true)); // 1 is durable; the flush of 2 and 3 begins
/// assert_eq!(log.complete(Nanos(9)), (&[2, 3][..], false));
/// ```
#[derive(Clone, Debug)]
pub struct BatchServer {
    max_batch: usize,
    flushing: bool,
    waiting: VecDeque<(Nanos, u32)>,
    batch: Vec<u32>,
    done: Vec<u32>,
    flushes: u64,
    largest_batch: u64,
    account: Account,
}

/// The measurements of a batch server.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchReport {
    /// Waiting and service of the tasks; one server, busy while a flush is in progress.
    pub station: Report,
    /// Flushes begun.
    pub flushes: u64,
    /// Tasks per flush begun; 0 without flushes.
    pub mean_batch: f64,
    /// The most tasks in one flush.
    pub largest_batch: u64,
}

impl BatchServer {
    /// A server that takes at most `max_batch` tasks per flush, or all that wait.
    ///
    /// # Panics
    /// When `max_batch` is zero.
    pub fn new(max_batch: Option<usize>) -> Self {
        assert_ne!(max_batch, Some(0), "a flush takes at least one task");
        BatchServer {
            max_batch: max_batch.unwrap_or(usize::MAX),
            flushing: false,
            waiting: VecDeque::new(),
            batch: Vec::new(),
            done: Vec::new(),
            flushes: 0,
            largest_batch: 0,
            account: Account::new(Nanos::ZERO, 1),
        }
    }

    #[inline]
    fn advance(&mut self, now: Nanos) {
        self.account.advance(now, self.waiting.len() as u64, u64::from(self.flushing));
    }

    /// A task comes. True when a flush begins now, whose end the model has to schedule.
    #[inline]
    pub fn arrive(&mut self, now: Nanos, token: u32) -> bool {
        self.advance(now);
        self.account.arrive();
        if !self.flushing {
            self.flushing = true;
            self.batch.push(token);
            self.account.start(1);
            self.count_flush();
            return true;
        }
        self.waiting.push_back((now, token));
        self.account.wait(self.waiting.len() as u64);
        false
    }

    /// A task comes that the flush in progress still takes along, because it has not begun to write.
    ///
    /// Only while a flush is in progress.
    #[inline]
    pub fn join(&mut self, now: Nanos, token: u32) {
        debug_assert!(self.flushing, "nothing to join");
        self.advance(now);
        self.account.arrive();
        self.account.start(1);
        self.batch.push(token);
        self.largest_batch = self.largest_batch.max(self.batch.len() as u64);
    }

    /// The flush in progress ends. The answer is its tasks, in order of arrival, and whether another flush begins now.
    pub fn complete(&mut self, now: Nanos) -> (&[u32], bool) {
        debug_assert!(self.flushing, "a flush ended that never began");
        self.advance(now);
        std::mem::swap(&mut self.batch, &mut self.done);
        self.batch.clear();
        for _ in 0..self.done.len() {
            self.account.complete();
        }
        let next = self.waiting.len().min(self.max_batch);
        for _ in 0..next {
            let Some((arrived, token)) = self.waiting.pop_front() else { break };
            self.account.start_waited(now, arrived, 1);
            self.batch.push(token);
        }
        self.flushing = next > 0;
        if self.flushing {
            self.count_flush();
        }
        (&self.done, self.flushing)
    }

    fn count_flush(&mut self) {
        self.flushes += 1;
        self.largest_batch = self.largest_batch.max(self.batch.len() as u64);
    }

    /// Tasks in the flush in progress.
    pub fn in_flight(&self) -> usize {
        self.batch.len()
    }

    /// Tasks gathered for the next flush.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets the measurements so far, at the end of the warm-up; the tasks stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.advance(now);
        self.account.reset(now, self.population());
        (self.flushes, self.largest_batch) = (0, 0);
    }

    /// The measurements since the last reset.
    pub fn report(&mut self, now: Nanos) -> BatchReport {
        self.advance(now);
        let station = self.account.report(now, self.population(), self.waiting.iter().map(|waiting| waiting.0));
        let mean_batch = if self.flushes == 0 { 0.0 } else { station.starts as f64 / self.flushes as f64 };
        BatchReport { station, flushes: self.flushes, mean_batch, largest_batch: self.largest_batch }
    }

    fn population(&self) -> u64 {
        (self.batch.len() + self.waiting.len()) as u64
    }
}
