//! What a cluster's operations cost: small workloads, counted, and costs separated from them.
//!
//! | module | subject |
//! | --- | --- |
//! | [`shape`] | a small workload as a profile |
//! | [`workloads`] | the fixed set of them: fitted, and held out |
//! | [`bench`](mod@bench) | runs one on the cluster |
//! | [`counters`] | everything counted |
//! | [`reader`] | reads it, at one moment |
//! | [`statement`] | Temporal's SQL statements by the operation table's names |
//! | [`store`] | finished workloads as files, so that a calibration can go on |
//! | [`speed`](mod@speed) | which runs met the machine at another speed |
//! | [`costs`] | CPU costs by regression, with intervals and what cannot be separated |
//! | [`nnls`] | the regression itself: least squares without negative values |
//! | [`direct`] | what is measured as it is: WAL, execution times, idle load, growth, batching |
//! | [`analysis`] | all of it together, and the model beside what was measured |
//! | [`file`](mod@file) | the calibration file |
//! | [`text`] | the same for people |

pub mod analysis;
pub mod bench;
pub mod costs;
pub mod counters;
pub mod direct;
pub mod file;
pub mod nnls;
pub mod reader;
pub mod shape;
pub mod speed;
pub mod statement;
pub mod store;
pub mod text;
pub mod workloads;
