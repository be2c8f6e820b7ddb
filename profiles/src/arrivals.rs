//! When workflows are started.

use crate::units::Nanos;

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
}
