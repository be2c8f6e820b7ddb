//! Open-loop load for a real Temporal cluster, with Plimsoll's profiles and arrival schedules.
//!
//! | module | subject |
//! | --- | --- |
//! | [`clock`] | time of a run, from its start |
//! | [`identity`] | the run's id, and how everything the run starts is named by it |
//! | [`failure`] | what can go wrong, with the exit code and what to do |
//! | [`dispatch`] | every operation at its intended time, whatever the target does |
//! | [`record`] | latencies by metric and second, counts to the unit |

pub mod clock;
pub mod dispatch;
pub mod failure;
pub mod identity;
pub mod record;
