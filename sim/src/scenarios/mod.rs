//! Failures tried on a profile: what each does to backlog and promises, how long that lasts, and what would have prevented it.
//!
//! A simulation with the failure is held against one without: a minute is lost where a promise is missed with it and kept without. What would have
//! prevented it is simulated too, with the same random numbers ([`remedies`]).

mod impact;
mod minutes;
mod remedies;
mod standard;
mod study;

pub use impact::{Impact, impact, window};
pub use minutes::{Minute, minutes};
pub use remedies::{Case, Remedy, remedies};
pub use standard::{Failure, Refusal, standard};
pub use study::{Prevention, Studied, Study, Tried};

use plimsoll_profiles::units::Nanos;

/// The interval of a run's statistics that whole minutes are made of: the shortest divisor of a minute that is not below `at_least`, or a minute.
pub fn interval(at_least: Nanos) -> Nanos {
    const DIVISORS: [u64; 12] = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60];
    let fits = DIVISORS.into_iter().map(Nanos::from_secs).find(|interval| *interval >= at_least);
    fits.unwrap_or(Nanos::from_secs(60))
}
