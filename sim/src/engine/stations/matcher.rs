//! Tasks meet pollers.

use super::report::{Account, Report};
use plimsoll_profiles::units::Nanos;
use std::collections::VecDeque;

/// A task queue with its pollers: whoever comes first waits for the other side, in order of arrival.
#[derive(Clone, Debug)]
pub struct Matcher {
    backlog: VecDeque<(Nanos, u32)>,
    pollers: VecDeque<u32>,
    poller_area: u128,
    poller_changed: Nanos,
    account: Account,
}

/// The measurements of a matcher.
#[derive(Clone, Debug, PartialEq)]
pub struct MatcherReport {
    /// The backlog as a station: waiting is the backlog, [`Report::mean_wait`] its age when matched (0 for a sync match);
    /// a match is start and completion at once, so nobody is ever in service.
    pub station: Report,
    /// Tasks that met a waiting poller on arrival.
    pub sync_matches: u64,
    /// The time average of waiting pollers.
    pub mean_pollers: f64,
    /// The age of the oldest task in the backlog; zero when it is empty.
    pub oldest: Nanos,
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Matcher {
    /// No tasks and no pollers.
    pub fn new() -> Self {
        Matcher {
            backlog: VecDeque::new(),
            pollers: VecDeque::new(),
            poller_area: 0,
            poller_changed: Nanos::ZERO,
            account: Account::new(Nanos::ZERO, 0),
        }
    }

    #[inline]
    fn advance(&mut self, now: Nanos) {
        self.poller_area += u128::from(now.0 - self.poller_changed.0) * self.pollers.len() as u128;
        self.poller_changed = now;
        self.account.advance(now, self.backlog.len() as u64, 0);
    }

    /// A task comes. The answer is the poller that takes it at once (a sync match); without one it joins the backlog.
    #[inline]
    pub fn offer_task(&mut self, now: Nanos, token: u32) -> Option<u32> {
        self.advance(now);
        self.account.arrive();
        if let Some(poller) = self.pollers.pop_front() {
            self.account.start(0);
            self.account.complete();
            return Some(poller);
        }
        self.backlog.push_back((now, token));
        self.account.wait(self.backlog.len() as u64);
        None
    }

    /// A poller comes. The answer is the oldest task of the backlog; without one the poller waits.
    #[inline]
    pub fn offer_poller(&mut self, now: Nanos, poller: u32) -> Option<u32> {
        self.advance(now);
        let Some((arrived, token)) = self.backlog.pop_front() else {
            self.pollers.push_back(poller);
            return None;
        };
        self.account.start_waited(now, arrived, 0);
        self.account.complete();
        Some(token)
    }

    /// A waiting poller gives up (its long poll timed out); false when it was not waiting.
    ///
    /// Pollers that time out are the oldest, so the search from the front is short.
    pub fn withdraw_poller(&mut self, now: Nanos, poller: u32) -> bool {
        let Some(place) = self.pollers.iter().position(|waiting| *waiting == poller) else { return false };
        self.advance(now);
        self.pollers.remove(place);
        true
    }

    /// A waiting task is taken back (it timed out or was cancelled); false when it was not waiting. Takes time linear in the backlog.
    pub fn withdraw_task(&mut self, now: Nanos, token: u32) -> bool {
        let Some(place) = self.backlog.iter().position(|waiting| waiting.1 == token) else { return false };
        self.advance(now);
        let arrived = self.backlog[place].0;
        self.backlog.remove(place);
        self.account.renege(now, arrived);
        true
    }

    /// Tasks waiting for a poller.
    #[inline]
    pub fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Pollers waiting for a task.
    #[inline]
    pub fn pollers(&self) -> usize {
        self.pollers.len()
    }

    /// When the oldest task of the backlog came.
    pub fn oldest(&self) -> Option<Nanos> {
        self.backlog.front().map(|waiting| waiting.0)
    }

    /// Forgets the measurements so far, at the end of the warm-up; tasks and pollers stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.advance(now);
        self.poller_area = 0;
        self.account.reset(now, self.backlog.len() as u64);
    }

    /// The measurements since the last reset.
    pub fn report(&mut self, now: Nanos) -> MatcherReport {
        self.advance(now);
        let station = self.account.report(now, self.backlog.len() as u64, self.backlog.iter().map(|waiting| waiting.0));
        let window = station.window.0 as f64;
        MatcherReport {
            sync_matches: station.starts - station.waited,
            mean_pollers: if window == 0.0 { self.pollers.len() as f64 } else { self.poller_area as f64 / window },
            oldest: self.oldest().map_or(Nanos::ZERO, |arrived| now - arrived),
            station,
        }
    }
}
