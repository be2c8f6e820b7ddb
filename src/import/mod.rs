//! Profiles from what really happened: workflow histories and arrival traces.

pub mod history;
pub mod trace;

mod text;
