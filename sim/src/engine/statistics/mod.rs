//! Output statistics: averages over time and over observations, distributions, and intervals that keep their promise.

mod histogram;
mod tally;
mod time_weighted;

pub use histogram::{Insufficient, LatencyHistogram, MIN_TAIL_SAMPLES};
pub use tally::Tally;
pub use time_weighted::TimeWeighted;
