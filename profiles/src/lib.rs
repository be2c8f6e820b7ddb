//! What people write for Plimsoll, read and checked: units, workload and cluster profiles, calibration files,
//! and the arrival schedule that simulator and load generator share.
//!
//! The way of a profile: [`Document::read`] makes a tree in which every value knows its place, lays `--set` overrides and
//! the cluster it `use`s into it, and finds the uncertain inputs; [`Document::profile`] picks one [`World`], reads the
//! tree into the written shape (`raw`) and checks it into the types of [`profile`]. What is wrong is told as [`Problems`].

pub mod arrivals;
pub mod calibration;
mod check;
mod document;
pub mod prices;
mod problems;
pub mod profile;
pub mod random;
mod raw;
mod schema;
mod sdk;
pub mod shipped;
pub mod units;
mod world;

pub use document::{Document, KeyPlace};
pub use problems::{Problem, Problems, Source};
pub use schema::{cluster_schema, profile_schema};
pub use sdk::{EAGER_ACTIVITIES_PER_TASK, PollerAutoscaling, PollerSplit, SdkDefaults};
pub use world::{Level, UncertainInput, World};
