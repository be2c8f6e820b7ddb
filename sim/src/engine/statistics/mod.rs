//! Output statistics: averages over time and over observations, distributions, and intervals that keep their promise.

mod histogram;
mod interval;
mod steady_state;
mod stopping;
mod tally;
mod time_weighted;

pub use histogram::{ClassCounts, Insufficient, LatencyHistogram, MIN_TAIL_SAMPLES};
pub use interval::{Interval, student_t_quantile};
pub use plimsoll_profiles::random::{normal_cdf, normal_quantile};
pub use steady_state::{BatchMeans, BatchMeansResult, Truncation, lag_one_correlation, mser5, warm_up_suffices};
pub use stopping::{Decision, SequentialStopping};
pub use tally::Tally;
pub use time_weighted::TimeWeighted;

#[cfg(test)]
mod tests;
