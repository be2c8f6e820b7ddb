//! `plimsoll-load worker`.

use crate::cli::WorkerArgs;
use crate::console::Console;
use crate::failure::{Exit, Failure};

/// Runs a worker process of a run.
///
/// # Errors
/// When the target is not reached.
pub fn run(_: &WorkerArgs, _: &Console) -> Result<Exit, Failure> {
    Err(Failure::usage("worker processes are not there yet"))
}
