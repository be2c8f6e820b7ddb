//! From the first start to the last answer.

use std::time::{Duration, Instant};

use plimsoll_profiles::units::Nanos;

use super::monitor::Monitor;
use super::seconds;
use crate::clock::RunClock;
use crate::commands::interrupts::Interrupts;
use crate::console::Console;
use crate::engine::Engine;

/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// After a Ctrl-C, open workflows are waited for no longer than this.
const INTERRUPTED_DRAIN: Nanos = Nanos::from_secs(15);

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Everything was sent, and either all of it ended or the drain did.
    Complete,
    /// Ctrl-C at this time.
    Interrupted(Nanos),
    /// A rule ended it: when, and what it found.
    Aborted(Nanos, String),
    /// The files could not be written.
    Unwritable(Nanos, String),
}

/// A run under way, and what may end it.
pub struct Course<'a> {
    /// What sends.
    pub engine: Engine,
    /// What sees.
    pub monitor: &'a Monitor,
    /// Ctrl-C.
    pub interrupts: Interrupts,
    /// Time.
    pub clock: RunClock,
    /// The user.
    pub console: &'a Console,
}

impl Course<'_> {
    /// Waits for the end: all done, or the drain over, or stopped from outside. Nothing is in the books any more after it.
    pub async fn run(&mut self, until: Nanos, drain: Nanos) -> End {
        let end = self.sending(until + drain).await;
        self.engine.stop_sending();
        if end != End::Complete {
            let at_most = drain.min(INTERRUPTED_DRAIN);
            self.console.note(&format!(
                "stopped sending; waiting up to {at_most} for what is open (Ctrl-C again ends at once)"
            ));
            self.draining(Instant::now() + Duration::from_nanos(at_most.0)).await;
        }
        self.engine.abort();
        end
    }

    async fn sending(&mut self, last: Nanos) -> End {
        let last = self.clock.instant(last);
        loop {
            if self.interrupts.count() > 0 {
                let at = self.clock.now();
                self.console.note(&format!("interrupted at {}", seconds(at)));
                return End::Interrupted(at);
            }
            if self.engine.is_done() || (Instant::now() >= last && self.engine.driver().starts_done()) {
                return End::Complete;
            }
            let shown = self.monitor.shown();
            if let Some(problem) = shown.problem {
                return End::Unwritable(self.clock.now(), problem);
            }
            if let Some(why) = shown.abort {
                self.console.warn(&format!("the run is aborted: {why}"));
                return End::Aborted(self.clock.now(), why);
            }
            self.pause().await;
        }
    }

    async fn draining(&mut self, last: Instant) {
        let before = self.interrupts.count();
        while !self.engine.is_done() && Instant::now() < last {
            if self.interrupts.count() > before.max(1) {
                self.console.note("interrupted again: ending at once");
                return;
            }
            self.pause().await;
        }
    }

    async fn pause(&mut self) {
        tokio::select! {
            () = self.interrupts.next() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
