//! What a run does when something breaks: in each case its files are valid, its counts add up, and it says what happened.
//!
//! | module | what breaks |
//! | --- | --- |
//! | `server` | frontend, history, PostgreSQL, the connection: on a real cluster |
//! | `generator` | the generator itself, its disk, its clock, its user's patience |
//! | `access` | certificates, namespace, password |
//!
//! Tests that need a real cluster are ignored in a plain `cargo test`; `.ci/load.sh` runs them, and by hand:
//! `cargo test -p plimsoll-load --test faults -- --ignored --test-threads 1`. They use the cluster whose environment file
//! `PLIMSOLL_TEST_ENV` names, else bring up one of their own for each test. Where there is no cluster to be had they say why and
//! pass, unless `PLIMSOLL_CLUSTER=required`. Everything is on loopback, a few starts per second, and bounded in time.

#![allow(clippy::unwrap_used)]

mod access;
mod cluster;
mod generator;
mod run;
mod server;
