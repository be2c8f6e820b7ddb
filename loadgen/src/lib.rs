//! Open-loop load for a real Temporal cluster, with Plimsoll's profiles and arrival schedules.
//!
//! | module | subject |
//! | --- | --- |
//! | [`clock`] | time of a run, from its start |
//! | [`canary`] | how steady the machine is |
//! | [`identity`] | the run's id, and how everything the run starts is named by it |
//! | [`connect`] | where the target is, who we are to it, and connections to it |
//! | [`samplers`] | what is read beside the load: services, PostgreSQL, processes, backlog, histories |
//! | [`failure`] | what can go wrong, with the exit code and what to do |

pub mod canary;
pub mod clock;
pub mod connect;
pub mod failure;
pub mod identity;
pub mod samplers;
