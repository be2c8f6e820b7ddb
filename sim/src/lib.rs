//! The discrete-event engine, the Temporal model on it, the capacity planner, what it costs, and a year ahead.

pub mod cost;
pub mod engine;
pub mod forecast;
pub mod planner;
pub mod scaling;
pub mod scenarios;
pub mod temporal;
