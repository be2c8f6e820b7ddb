//! Stations: where tasks wait and are served.
//!
//! A station is passive. The model tells it what happens (a task arrives, a service ends) and it answers what follows (this task starts now);
//! scheduling the end of that service is the model's business. Tasks are `u32` tokens that mean something only to the model.
//! Every station keeps exact time integrals in whole nanoseconds and gives a [`Report`] at any time;
//! `reset_statistics` forgets the warm-up but no task.

mod batch;
mod delay;
mod fcfs;
mod matcher;
mod permit;
mod pool;
mod processor_sharing;
mod report;
mod time_slicing;

pub use batch::{BatchReport, BatchServer};
pub use delay::Delay;
pub use fcfs::{Arrival, Fcfs};
pub use matcher::{Matcher, MatcherReport};
pub use permit::{Permit, Priority};
pub use pool::ConnectionPool;
pub use processor_sharing::ProcessorSharing;
pub use report::Report;
pub use time_slicing::{Ended, TimeSlicing, WakeUp};

#[cfg(test)]
mod tests;
