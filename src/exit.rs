//! Exit codes: a script can tell "too small" from "mistyped" from "broken".

use std::process::ExitCode;

/// How the program ends.
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
    /// What an external subcommand ended with.
    Foreign(u8),
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
            Exit::Foreign(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
