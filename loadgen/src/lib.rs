//! Open-loop load for a real Temporal cluster, with Plimsoll's profiles and arrival schedules.
//!
//! | module | subject |
//! | --- | --- |
//! | [`clock`] | time of a run, from its start |
//! | [`identity`] | the run's id, and how everything the run starts is named by it |
//! | [`failure`] | what can go wrong, with the exit code and what to do |
//! | [`verdict`] | what a run thinks of itself: VALID, SUSPECT or INVALID, with reasons |

pub mod clock;
pub mod failure;
pub mod identity;
pub mod verdict;
