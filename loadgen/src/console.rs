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

    /// Writes the answer. A reader that went away is no error: the files have everything.
    ///
    /// # Errors
    /// When stdout cannot be written for another reason.
    pub fn answer(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.choice(&io::stdout()));
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::io(format!("cannot write the answer to stdout: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Something the user should know beside the answer.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// Something the user has to know, asked for quiet or not.
    pub fn warn(&self, text: &str) {
        let yellow = AnsiColor::Yellow.on_default().bold();
        self.stderr(&format!("{yellow}warning:{yellow:#} {text}\n"));
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
        #[cfg(feature = "tui")]
        if held_back(text) {
            return;
        }
        let mut stderr = AutoStream::new(io::stderr().lock(), self.choice(&io::stderr()));
        let _ = stderr.write_all(text.as_bytes());
    }
}

/// What is to be written when the terminal is given back; `None` while it is the shell's.
#[cfg(feature = "tui")]
static HELD: parking_lot::Mutex<Option<Vec<String>>> = parking_lot::Mutex::new(None);

/// Holds back from now on what is written to stderr: a screen is on it.
#[cfg(feature = "tui")]
pub(crate) fn hold() {
    HELD.lock().get_or_insert_default();
}

/// What is held back, a line each, without colour.
#[cfg(feature = "tui")]
pub(crate) fn held() -> Vec<String> {
    let texts = HELD.lock().clone().unwrap_or_default();
    let plain: String = anstream::adapter::strip_str(&texts.concat()).to_string();
    plain.lines().map(str::to_owned).collect()
}

/// Writes what was held back.
#[cfg(feature = "tui")]
pub(crate) fn release() {
    let held = HELD.lock().take();
    let choice = if std::env::var_os("NO_COLOR").is_some() { ColorChoice::Never } else { ColorChoice::Auto };
    let mut stderr = AutoStream::new(io::stderr().lock(), choice);
    for text in held.into_iter().flatten() {
        let _ = stderr.write_all(text.as_bytes());
    }
}

/// Writes a line to stderr, or holds it back.
#[cfg(feature = "tui")]
pub(crate) fn say(text: &str) {
    let line = format!("{text}\n");
    if !held_back(&line) {
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

#[cfg(feature = "tui")]
fn held_back(text: &str) -> bool {
    let mut held = HELD.lock();
    match held.as_mut() {
        Some(held) => {
            held.push(text.to_owned());
            true
        }
        None => false,
    }
}

/// The terminal's width, at most [`WIDTH`].
fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(WIDTH, |(columns, _)| usize::from(columns.0));
    columns.clamp(40, WIDTH)
}
