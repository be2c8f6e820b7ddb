//! The model held against the cluster: the same load simulated once and run several times.
//!
//! | file | subject |
//! | --- | --- |
//! | [`repeats`] | which runs count, and whether another is needed |
//! | [`machine`] | how much the machine's speed moved in a run |
//! | [`cluster`] | what the model has to be told of the cluster that is run against |
//! | [`observer`] | what is read beside a run: counters before and after it, histories after it |
//! | [`per_workflow`] | counters as costs of a workflow |
//! | [`steps`] | a history as times of single tasks |

pub mod cluster;
pub mod machine;
pub mod observer;
pub mod per_workflow;
pub mod repeats;
pub mod steps;

pub use observer::{Observed, Observer};
pub use repeats::{Repeats, Try};
