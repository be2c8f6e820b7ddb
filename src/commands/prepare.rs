//! What `plan`, `simulate` and `sweep` do before and after the model.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::cancel::Cancel;
use crate::cli::ModelArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::model::ModelError;
use crate::progress::Progress;

/// Progress on stderr that Ctrl-C cancels.
///
/// # Errors
/// When the system does not let the process watch for signals.
pub fn progress(console: &Console) -> Result<Progress, Failure> {
    let cancel = Cancel::on_signals().map_err(|error| Failure::io("watch for", Path::new("Ctrl-C"), &error))?;
    Ok(Progress::new(console.quiet, cancel))
}

/// As many threads as asked for, or one per core.
pub fn threads(arguments: &ModelArgs) -> NonZeroUsize {
    arguments.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// A model's error as the command's.
pub fn failure(error: ModelError) -> Failure {
    match error {
        ModelError::Problems(problems) => Failure::Problems(problems),
        ModelError::Unsupported(message) => Failure::usage(message),
        ModelError::Cancelled => Failure::Interrupted,
    }
}
