//! Time of a run.

use std::time::{Duration, Instant};

use plimsoll_profiles::units::Nanos;

/// Tells the time of a run: nanoseconds from its start, on the machine's monotonic clock.
///
/// The wall clock is read once, for the manifest; a step of it during the run changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    origin: Instant,
    started_at: jiff::Timestamp,
}

impl RunClock {
    /// A clock whose zero is now.
    pub fn start() -> Self {
        RunClock::starting_in(Duration::ZERO)
    }

    /// A clock whose zero is `delay` from now: what is scheduled for zero can be prepared before.
    pub fn starting_in(delay: Duration) -> Self {
        let started_at = jiff::Timestamp::now();
        RunClock { origin: Instant::now() + delay, started_at: started_at.checked_add(delay).unwrap_or(started_at) }
    }

    /// Now; zero before the start.
    pub fn now(&self) -> Nanos {
        self.at(Instant::now())
    }

    /// The run's time at an instant; zero before the start.
    pub fn at(&self, instant: Instant) -> Nanos {
        Nanos(u64::try_from(instant.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX))
    }

    /// The instant of a time of the run.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.origin + Duration::from_nanos(at.0)
    }

    /// Wall-clock time of the start.
    pub fn started_at(&self) -> jiff::Timestamp {
        self.started_at
    }
}
