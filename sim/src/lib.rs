//! The discrete-event engine, the Temporal model on it, and the capacity planner.

pub mod engine;
pub mod planner;
pub mod scenarios;
pub mod temporal;
