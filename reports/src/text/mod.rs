//! Documents as text for a terminal: never wider than asked for, readable without colour.

mod accuracy;
mod autoscale;
mod comparison;
mod latency;
pub(crate) mod layout;
mod lint;
mod measured;
mod plan;
pub(crate) mod rollout;
mod run;
mod scenarios;
mod sweep;
mod timeline;
mod validation;

pub use accuracy::{Order, accuracy, accuracy_markdown};
pub use autoscale::autoscale;
pub use comparison::comparison;
pub use lint::{lint, lint_rules};
pub use measured::run_directory;
pub use plan::plan;
pub use rollout::rollouts;
pub use run::run;
pub use scenarios::scenarios;
pub use sweep::sweep;
pub use timeline::timeline;
pub use validation::validation;

pub(crate) use accuracy::verdict as accuracy_verdict;
pub(crate) use comparison::{judgement, relative};
pub(crate) use latency::latency_rows;
pub(crate) use scenarios::prevention;
pub(crate) use validation::row_judgement;

/// The width that the text is made for, in columns.
pub const WIDTH: usize = 100;
