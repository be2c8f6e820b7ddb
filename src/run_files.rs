//! Run directories on disk.

use std::path::Path;

use plimsoll_reports::run_dir::{self, MANIFEST_FILE, Run, RunDirError};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, plain};

/// Reads a run from its directory, or from the run.json in it.
///
/// # Errors
/// When a file is missing or is not what it should be.
pub fn read(path: &Path, console: &Console) -> Result<Run, Failure> {
    let folder = match path.file_name() {
        Some(name) if name == MANIFEST_FILE => match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        },
        _ => path,
    };
    let run = run_dir::read(folder).map_err(|error| failure(&error))?;
    for note in &run.notes {
        console.note(&format!("{}: {note}", folder.display()));
    }
    Ok(run)
}

/// A run directory's error as a failure: what the system refuses is I/O, the rest is content.
pub fn failure(error: &RunDirError) -> Failure {
    match error {
        RunDirError::Io { file, source } => Failure::Message(
            Exit::Io,
            format!("cannot use {}: {}; expected a run directory", file.display(), plain(source)),
        ),
        other => Failure::usage(other.to_string()),
    }
}
