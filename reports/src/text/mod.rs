//! Documents as text for a terminal: never wider than asked for, readable without colour.

mod comparison;
mod latency;
mod layout;
mod measured;
mod plan;
mod run;
mod sweep;

pub use comparison::comparison;
pub use measured::run_directory;
pub use plan::plan;
pub use run::run;
pub use sweep::sweep;

pub(crate) use comparison::{judgement, relative};
pub(crate) use latency::latency_rows;

/// The width that the text is made for, in columns.
pub const WIDTH: usize = 100;
