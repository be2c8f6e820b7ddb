//! What a run measured: latencies by metric and second, counts to the unit, and the files they go to.
//!
//! | file | subject |
//! | --- | --- |
//! | [`metric`] | the metrics' names |
//! | [`recorder`] | histograms that many threads record into, emptied once a second |
//! | [`ledger`] | what became of every intended start |
//! | [`errors`] | refusals and failures by kind |
//! | [`files`] | the run directory while the run lasts |
//!
//! A latency belongs to the second in which its operation was *intended*, not to the one in which its answer came. So the
//! measured window is a set of operations, whenever they end: the slow ones among the last are not cut off, and warm-up that
//! is answered late does not leak in. The log is still written every second: a second's histogram may be continued by later
//! lines with the same start time.

pub mod errors;
pub mod files;
pub mod ledger;
pub mod metric;
pub mod recorder;

pub use errors::Errors;
pub use files::RunFiles;
pub use ledger::{Ledger, Tally};
pub use metric::Metric;
pub use recorder::{Recorder, Recording};
