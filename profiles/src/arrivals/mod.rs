//! When workflows are started: an open-loop schedule of intended times that simulator and load generator share.

mod pattern;
mod schedule;
mod short;
mod trace;
mod weekly;

use std::sync::Arc;

use crate::units::{Nanos, Rate};

pub use pattern::Peak;
pub use schedule::{Schedule, Split};
pub use short::ShortFormError;
pub(crate) use trace::parse_trace;

/// The arrival schedule of a profile: phases one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// At least one.
    pub phases: Vec<Phase>,
}

/// One phase of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// How long.
    pub duration: Nanos,
    /// How the rate goes.
    pub pattern: Pattern,
    /// How arrivals follow the rate.
    pub process: Process,
}

/// How the arrival rate goes over a phase.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Always the same.
    Constant(Rate),
    /// A straight line.
    Ramp {
        /// At the begin.
        from: Rate,
        /// At the end.
        to: Rate,
    },
    /// A sine curve over the day.
    Diurnal {
        /// Half a period from the peak.
        low: Rate,
        /// At the peak.
        high: Rate,
        /// Time of day of the peak.
        peak_at: Nanos,
        /// Time of day at which the phase begins.
        begins_at: Nanos,
        /// Length of one wave.
        period: Nanos,
    },
    /// Two-state Markov-modulated Poisson process; begins calm, stays exponentially distributed times in each state.
    Mmpp {
        /// Rate between bursts.
        calm: Rate,
        /// Rate in a burst.
        burst: Rate,
        /// Mean time between bursts.
        mean_calm: Nanos,
        /// Mean length of a burst.
        mean_burst: Nanos,
    },
    /// Recorded times from the begin of the phase, sorted, all below its duration.
    Trace(Arc<[Nanos]>),
}

/// How arrivals follow the rate of a phase; a trace is what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Process {
    /// A Poisson process with this rate.
    #[default]
    Poisson,
    /// Evenly spaced in expected arrivals; the first at the phase's begin.
    Even,
    /// Exactly so many, at independent times distributed as the rate (a Poisson process on the condition of its count).
    /// Traces and bursts have no count.
    Count(u64),
}
