//! What can go wrong with a run directory.

use std::io;
use std::path::PathBuf;

/// An error of reading or writing a run directory; it names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirError {
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file's content is not what the format asks for.
    #[error("{}:{line}: {found}; expected {expected}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is there.
        found: String,
        /// What the format asks for.
        expected: String,
    },
    /// The manifest is of a newer format.
    #[error("{}: schema_version {found}, this program reads up to {supported}; use a newer plimsoll", file.display())]
    TooNew {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that can be read.
        supported: u32,
    },
    /// The caller gave something the format cannot hold.
    #[error("{0}")]
    Unwritable(String),
}
