//! Why a command could not give its answer.

use std::io;
use std::path::Path;

use plimsoll_profiles::Problems;

use crate::exit::Exit;

/// Ends a command; printed on stderr by [`crate::console::Console::failure`].
#[derive(Debug)]
pub enum Failure {
    /// What is wrong, in one or more sentences that name the file or flag and what was expected.
    Message(Exit, String),
    /// A document with errors in it, each shown in its place.
    Problems(Problems),
    /// Whoever read our output has read enough.
    BrokenPipe,
    /// Ctrl-C.
    Interrupted,
}

impl Failure {
    /// Wrong use or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::Message(Exit::Usage, message.into())
    }

    /// A file that cannot be read or written.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Failure::Message(Exit::Io, format!("cannot {doing} {}: {}", path.display(), plain(error)))
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Message(exit, _) => *exit,
            Failure::Problems(_) => Exit::Usage,
            Failure::BrokenPipe => Exit::Success,
            Failure::Interrupted => Exit::Interrupted,
        }
    }
}

/// The error without Rust's "(os error 2)".
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}
