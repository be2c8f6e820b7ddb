//! The discrete-event engine: event queue, event loop, stations, statistics.
//!
//! Time is integer nanoseconds. Events at the same time are handled in the order in which they were scheduled. A run is a function
//! of the model and its random streams: the same bytes on any machine, for any number of threads.

pub mod analytic;
mod determinism;
pub mod laws;
mod queue;
mod replications;
mod simulation;
mod stations;
pub mod statistics;

pub use determinism::{Divergence, RunningHash, check_determinism};
pub use queue::EventQueue;
pub use replications::{ThreadsError, replications};
pub use simulation::{Model, Schedule, Simulation};
pub use stations::{
    Arrival, BatchReport, BatchServer, ConnectionPool, Delay, Ended, Fcfs, Matcher, MatcherReport, Permit, Priority,
    ProcessorSharing, Report, TimeSlicing, WakeUp,
};
pub use statistics::{
    BatchMeans, ClassCounts, Insufficient, Interval, LatencyHistogram, SequentialStopping, Tally, TimeWeighted,
};
