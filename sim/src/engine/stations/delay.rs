//! Delays without a limit.

use super::Report;
use super::report::Account;
use plimsoll_profiles::units::Nanos;

/// A station where nobody waits (infinitely many servers): it counts.
#[derive(Clone, Debug)]
pub struct Delay {
    present: u64,
    account: Account,
}

impl Default for Delay {
    fn default() -> Self {
        Self::new()
    }
}

impl Delay {
    /// An empty station.
    pub fn new() -> Self {
        Delay { present: 0, account: Account::new(Nanos::ZERO, 0) }
    }

    /// A task comes, and its service begins.
    #[inline]
    pub fn arrive(&mut self, now: Nanos) {
        self.account.advance(now, 0, self.present);
        self.account.arrive();
        self.present += 1;
        self.account.start(self.present);
    }

    /// A task leaves.
    #[inline]
    pub fn complete(&mut self, now: Nanos) {
        debug_assert!(self.present > 0, "a task left that never came");
        self.account.advance(now, 0, self.present);
        self.account.complete();
        self.present -= 1;
    }

    /// The number present.
    pub fn present(&self) -> u64 {
        self.present
    }

    /// Forgets the measurements so far, at the end of the warm-up; the tasks stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.account.advance(now, 0, self.present);
        self.account.reset(now, self.present);
    }

    /// The measurements since the last reset; the busy servers are the tasks present.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.account.advance(now, 0, self.present);
        self.account.report(now, self.present, std::iter::empty())
    }
}
