//! Progress of long work on stderr, and its cancel flag.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cancel::Cancel;
use crate::model::Watcher;

/// A line on stderr that says what is being done, while stderr is a terminal; shared between threads.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    cancel: Cancel,
}

impl Progress {
    /// Shown when stderr is a terminal and the user did not ask for quiet.
    pub fn new(quiet: bool, cancel: Cancel) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        if visible {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Progress { bar, cancel }
    }

    /// Says what is being done now, e.g. "history pods: trying 4".
    pub fn say(&self, what: impl Into<String>) {
        if !self.bar.is_hidden() {
            self.bar.set_message(what.into());
        }
    }

    /// Whether long work must stop and hand back what it has.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Progress {
    fn is_cancelled(&self) -> bool {
        Progress::is_cancelled(self)
    }

    fn say(&self, what: &str) {
        Progress::say(self, what);
    }
}
