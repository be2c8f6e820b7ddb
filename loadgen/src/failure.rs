//! Why a command could not give its answer.

use std::fmt;

use plimsoll_profiles::Problems;

/// How the program ends: the codes are those of `plimsoll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Success,
    /// The command worked and found something: SLO not met, regression, outside tolerance.
    Finding,
    /// Wrong use or configuration.
    Usage,
    /// The run cannot be trusted.
    InvalidRun,
    /// A file could not be read or written, or the target was not reached.
    Io,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Finding => 1,
            Exit::Usage => 2,
            Exit::InvalidRun => 3,
            Exit::Io => 4,
            Exit::Interrupted => 130,
        }
    }
}

/// Ends a command; printed on stderr.
#[derive(Debug)]
pub enum Failure {
    /// What is wrong, in one or more sentences that name the file, flag or address, what was expected and what to do.
    Message(Exit, String),
    /// A document with errors in it, each shown in its place.
    Problems(Problems),
}

impl Failure {
    /// Wrong use or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::Message(Exit::Usage, message.into())
    }

    /// The target was not reached, or a file could not be read or written.
    pub fn io(message: impl Into<String>) -> Self {
        Failure::Message(Exit::Io, message.into())
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Message(exit, _) => *exit,
            Failure::Problems(_) => Exit::Usage,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Message(_, message) => f.write_str(message),
            Failure::Problems(_) => f.write_str("the profile has errors"),
        }
    }
}

impl std::error::Error for Failure {}
