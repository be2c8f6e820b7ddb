//! Open-loop load for a real Temporal cluster, with Plimsoll's profiles and arrival schedules.
//!
//! | module | subject |
//! | --- | --- |
//! | [`clock`] | time of a run, from its start |
//! | [`embedded`] | a server inside this program that speaks what the driver uses, with set delays, errors and freezes |
//! | [`identity`] | the run's id, and how everything the run starts is named by it |
//! | [`failure`] | what can go wrong, with the exit code and what to do |

pub mod clock;
pub mod embedded;
pub mod failure;
pub mod identity;
