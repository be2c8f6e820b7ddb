//! Waiting for a time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use plimsoll_profiles::units::Nanos;

use super::inbox::{Inbox, Notice};
use crate::clock::RunClock;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The time has come.
    Due,
    /// Something is in the inbox.
    Mail,
    /// There was no time to wait for, and nothing will come into the inbox any more.
    Closed,
    /// A stop was asked for.
    Stopped,
}

/// Time as a dispatcher needs it.
pub trait Pace {
    /// Now.
    fn now(&self) -> Nanos;

    /// Waits for a time (at most; `None`: for the inbox alone), the inbox, or a stop.
    fn wait_until<T>(&self, at: Option<Nanos>, inbox: &Inbox<T>) -> Wake;
}

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct RealTime {
    clock: RunClock,
    spin: Duration,
}

impl RealTime {
    /// Waits by sleeping only: no processor time while waiting, and some 50 to 100 µs late.
    ///
    /// To be called on the thread that waits: it asks the kernel to wake this thread on time (timer slack of 1 ns) instead of
    /// up to 50 µs later together with others, which is Linux' default (prctl(2), PR_SET_TIMERSLACK).
    pub fn sleeping(clock: RunClock) -> Self {
        RealTime::spinning(clock, Duration::ZERO)
    }

    /// As [`RealTime::sleeping`], but wakes `spin` before the time and yields in a loop until it has come.
    pub fn spinning(clock: RunClock, spin: Duration) -> Self {
        // Where it is refused the wait is a little less precise, and the lag says so.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        RealTime { clock, spin }
    }
}

impl Pace for RealTime {
    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn wait_until<T>(&self, at: Option<Nanos>, inbox: &Inbox<T>) -> Wake {
        let at = at.map(|at| self.clock.instant(at));
        loop {
            let now = Instant::now();
            let left = at.map(|at| at.saturating_duration_since(now));
            let notice = match left {
                None => inbox.wait(None, false),
                Some(left) if left > self.spin => inbox.wait(Some(now + (left - self.spin)), true),
                Some(_) => inbox.notice(),
            };
            match notice {
                Notice::Stopped => return Wake::Stopped,
                Notice::Mail => return Wake::Mail,
                Notice::Closed if at.is_none() => return Wake::Closed,
                Notice::Closed | Notice::None => {}
            }
            match at {
                Some(at) if Instant::now() >= at => return Wake::Due,
                _ if self.spin > Duration::ZERO => rustix::thread::sched_yield(),
                _ => {}
            }
        }
    }
}
