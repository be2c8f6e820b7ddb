//! Documents as text for a terminal: never wider than asked for, readable without colour.

mod accuracy;
mod autoscale;
mod comparison;
mod latency;
mod layout;
mod measured;
mod plan;
mod run;
mod sweep;
mod validation;

pub use accuracy::{Order, accuracy, accuracy_markdown};
pub use autoscale::autoscale;
pub use comparison::comparison;
pub use measured::run_directory;
pub use plan::plan;
pub use run::run;
pub use sweep::sweep;
pub use validation::validation;

pub(crate) use accuracy::verdict as accuracy_verdict;
pub(crate) use comparison::{judgement, relative};
pub(crate) use latency::latency_rows;
pub(crate) use validation::row_judgement;

/// The width that the text is made for, in columns.
pub const WIDTH: usize = 100;
