//! What `plan`, `simulate` and `sweep` do before and after the model.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::cancel::Cancel;
use crate::cli::ModelArgs;
use crate::failure::Failure;
use crate::model::ModelError;

/// Ctrl-C asks to stop from here on: call it before the first file is made, so that none is left half made.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub fn cancel() -> Result<Cancel, Failure> {
    Cancel::on_signals().map_err(|error| Failure::io("watch for", Path::new("Ctrl-C"), &error))
}

/// More threads than this, where there are fewer cores, only wait for each other.
const MOST_THREADS: usize = 64;

/// As many threads as asked for, within reason, or one per core.
pub fn threads(arguments: &ModelArgs) -> NonZeroUsize {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let most = NonZeroUsize::new(MOST_THREADS).unwrap_or(cores).max(cores);
    arguments.threads.map_or(cores, |asked| asked.min(most))
}

/// A model's error as the command's.
pub fn failure(error: ModelError) -> Failure {
    match error {
        ModelError::Problems(problems) => Failure::Problems(problems),
        ModelError::Unsupported(message) => Failure::usage(message),
        ModelError::Cancelled => Failure::Interrupted,
    }
}
