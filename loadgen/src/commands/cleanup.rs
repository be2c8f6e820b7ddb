//! `plimsoll-load cleanup`.

use crate::cli::CleanupArgs;
use crate::console::Console;
use crate::failure::{Exit, Failure};

/// Terminates what a run left open.
///
/// # Errors
/// When the run's id is wrong, or the target is not reached.
pub fn run(_: &CleanupArgs, _: &Console) -> Result<Exit, Failure> {
    Err(Failure::usage("cleanup is not there yet"))
}
