//! The planner as a library: what the programs `plimsoll` and `plimsoll-load` share.
//!
//! `plimsoll` prints and writes what [`model`] finds; `plimsoll-load validate` simulates with it what it is about to run. No part of
//! it touches a terminal or links the Temporal SDK.
//!
//! | module | subject |
//! | --- | --- |
//! | [`lint`] | the production checklists as checks on a profile and on imported histories |
//! | [`model`] | the simulator joined to the documents of `plimsoll-reports`: plans, simulated runs, their directories |
//! | [`payloads`] | payloads as histories in JSON hold them |
//! | [`rules`] | the rule-of-thumb calculators that stand beside a plan |

pub mod lint;
pub mod model;
pub mod payloads;
pub mod rules;
