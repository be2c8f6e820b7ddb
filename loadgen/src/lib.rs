//! Open-loop load for a real Temporal cluster, with Plimsoll's profiles and arrival schedules.
//!
//! | module | subject |
//! | --- | --- |
//! | [`calibrate`] | what a cluster's operations cost, measured |
//! | [`canary`] | how steady the machine is |
//! | [`cli`] | what the user typed |
//! | [`clock`] | time of a run, from its start |
//! | [`commands`] | one module per command |
//! | [`connect`] | where the target is, who we are to it, and connections to it |
//! | [`console`] | the answer on stdout, everything else on stderr |
//! | [`dispatch`] | every operation at its intended time, whatever the target does |
//! | [`driver`] | sends what the dispatcher hands over, and keeps the books about it |
//! | [`embedded`] | a server inside this program that speaks what the driver uses |
//! | [`engine`] | one load from its first start to the last answer |
//! | [`failure`] | what can go wrong, with the exit code and what to do |
//! | [`find_capacity`] | the highest rate that meets a promise, by a bounded search |
//! | [`identity`] | the run's id, and how everything the run starts is named by it |
//! | [`operations`] | the operation table beside a real server |
//! | [`profile_file`] | the profile a command was given |
//! | [`progress`] | how the run goes, on stderr |
//! | [`record`] | latencies by metric and second, counts to the unit |
//! | [`safety`] | what a run would do, whether it may, and when it stops by itself |
//! | [`samplers`] | what is read beside the load: services, PostgreSQL, processes, backlog, histories |
//! | `screen` | the same as a terminal UI (feature `tui`) |
//! | [`selftest`] | how fast this machine can generate before it is itself the bottleneck |
//! | [`validate`] | the model held against the cluster |
//! | [`verdict`] | a run judges itself |
//! | [`worker`] | the run's own workers, and what is heard of them |
//! | [`workload`] | a profile as work: what is started, what is sent to it, what its workers do |

pub mod calibrate;
pub mod canary;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod connect;
pub mod console;
pub mod dispatch;
pub mod driver;
pub mod embedded;
pub mod engine;
pub mod failure;
pub mod find_capacity;
pub mod identity;
pub mod operations;
pub mod profile_file;
pub mod progress;
pub mod record;
pub mod safety;
pub mod samplers;
#[cfg(feature = "tui")]
pub mod screen;
pub mod selftest;
pub mod validate;
pub mod verdict;
pub mod worker;
pub mod workload;
