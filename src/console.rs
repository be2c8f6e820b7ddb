//! The two streams: the answer on stdout, everything else on stderr.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::AnsiColor;
use plimsoll_reports::text::WIDTH;

use plimsoll_reports::diagnostics;

use crate::cli::{Color, DisplayArgs};
use crate::failure::Failure;

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// No progress and no notes.
    pub quiet: bool,
    verbosity: u8,
    color: ColorChoice,
}

impl Console {
    /// As the user's flags, NO_COLOR and the terminal say.
    pub fn new(display: DisplayArgs) -> Self {
        let color = match display.color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto => ColorChoice::Auto,
        };
        Console { quiet: display.quiet, verbosity: display.verbose, color }
    }

    /// Writes the answer.
    ///
    /// # Errors
    /// [`Failure::BrokenPipe`] when nobody reads it.
    pub fn answer(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.choice(&io::stdout()));
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::io("write", std::path::Path::new("the answer to stdout"), &error),
        })
    }

    /// Something the user should know beside the answer.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// Something only a `-v` user wants to know.
    pub fn detail(&self, text: &str) {
        if self.verbosity > 0 && !self.quiet {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// Why there is no answer.
    pub fn failure(&self, failure: &Failure) {
        let red = AnsiColor::Red.on_default().bold();
        match failure {
            Failure::BrokenPipe => {}
            Failure::Interrupted => self.stderr("interrupted\n"),
            Failure::Message(_, message) => self.stderr(&format!("{red}error:{red:#} {message}\n")),
            Failure::Problems(problems) => {
                let colour = self.choice(&io::stderr()) != ColorChoice::Never;
                self.stderr(&diagnostics::text(problems, width(), colour));
            }
        }
    }

    /// Whether the answer may hold colour, and how wide it may be.
    pub fn page(&self) -> (usize, bool) {
        let width = if io::stdout().is_terminal() { width() } else { WIDTH };
        (width, self.choice(&io::stdout()) != ColorChoice::Never)
    }

    fn choice(&self, stream: &impl IsTerminal) -> ColorChoice {
        match self.color {
            ColorChoice::Auto if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) => {
                ColorChoice::Never
            }
            ColorChoice::Auto if !stream.is_terminal() => ColorChoice::Never,
            choice => choice,
        }
    }

    /// Nobody is left to tell when stderr itself fails.
    fn stderr(&self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.choice(&io::stderr()));
        let _ = stderr.write_all(text.as_bytes());
    }
}

/// The terminal's width, at most [`WIDTH`].
fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(WIDTH, |(columns, _)| usize::from(columns.0));
    columns.clamp(40, WIDTH)
}
