//! The accuracy suite: workloads simulated and measured on a real cluster, and what came out.

pub mod loads;
pub mod results;
pub mod runner;
pub mod suite;
