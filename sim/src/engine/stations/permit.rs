//! Permits with two priorities.

use super::report::{Account, Report};
use plimsoll_profiles::units::Nanos;
use std::collections::VecDeque;

/// Who gets a freed permit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before all of low priority.
    High,
    /// Only when none of high priority waits.
    Low,
}

/// One or more permits (a lock, a semaphore): high priority before low, first come, first served within each.
///
/// The history shard's context lock of the Temporal server is one permit of this kind (`common/locks/priority_semaphore`).
#[derive(Clone, Debug)]
pub struct Permit {
    permits: u32,
    held: u32,
    high: VecDeque<(Nanos, u32)>,
    low: VecDeque<(Nanos, u32)>,
    account: Account,
}

impl Permit {
    /// This many permits.
    pub fn new(permits: u32) -> Self {
        Permit {
            permits,
            held: 0,
            high: VecDeque::new(),
            low: VecDeque::new(),
            account: Account::new(Nanos::ZERO, u64::from(permits)),
        }
    }

    #[inline]
    fn advance(&mut self, now: Nanos) {
        self.account.advance(now, self.waiting() as u64, u64::from(self.held));
    }

    /// A task asks for a permit. The answer is the task that gets one now, which is this one or none.
    #[inline]
    pub fn arrive(&mut self, now: Nanos, token: u32, priority: Priority) -> Option<u32> {
        self.advance(now);
        self.account.arrive();
        if self.held < self.permits {
            self.held += 1;
            self.account.start(u64::from(self.held));
            return Some(token);
        }
        match priority {
            Priority::High => self.high.push_back((now, token)),
            Priority::Low => self.low.push_back((now, token)),
        }
        self.account.wait(self.waiting() as u64);
        None
    }

    /// A task gives its permit back. The answer is the task that gets it now, if any waits.
    #[inline]
    pub fn complete(&mut self, now: Nanos, _token: u32) -> Option<u32> {
        debug_assert!(self.held > 0, "a permit was given back that nobody held");
        self.advance(now);
        self.account.complete();
        self.held -= 1;
        let (arrived, token) = self.high.pop_front().or_else(|| self.low.pop_front())?;
        self.held += 1;
        self.account.start_waited(now, arrived, u64::from(self.held));
        Some(token)
    }

    /// The number of permits held.
    pub fn held(&self) -> u32 {
        self.held
    }

    /// The number waiting, of both priorities.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.high.len() + self.low.len()
    }

    /// Forgets the measurements so far, at the end of the warm-up; the tasks stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.advance(now);
        self.account.reset(now, self.population());
    }

    /// The measurements since the last reset; servers are permits.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.advance(now);
        let waiting = self.high.iter().chain(&self.low).map(|waiting| waiting.0);
        self.account.report(now, self.population(), waiting)
    }

    fn population(&self) -> u64 {
        u64::from(self.held) + self.waiting() as u64
    }
}
