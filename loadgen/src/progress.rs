//! How the run goes, on stderr: a screen (feature `tui`) or one line that changes on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::Phase;

#[cfg(feature = "tui")]
use crate::screen::Screen;

/// Seconds between lines where stderr is no terminal.
const EVERY: u64 = 5;

/// What there is to say about the last second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// Time of the run.
    pub at: Nanos,
    /// Intended starts per second.
    pub offered: f64,
    /// Starts sent per second.
    pub sent: f64,
    /// Workflows completed per second.
    pub completed: f64,
    /// Requests without an answer.
    pub in_flight: usize,
    /// Workflows started and not ended.
    pub open: u64,
    /// Operations that wait at the in-flight cap.
    pub waiting: usize,
    /// Median and p99 of `start.response` over the last second.
    pub start: Option<(Nanos, Nanos)>,
    /// Median and p99 of `e2e.response` over the last second.
    pub e2e: Option<(Nanos, Nanos)>,
    /// Starts refused and workflows failed so far.
    pub failed: u64,
    /// Tasks waiting on the server, where that is sampled.
    pub backlog: Option<f64>,
}

/// Shows how the run goes.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
    ticks: u64,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Lines,
    Bar(ProgressBar),
    #[cfg(feature = "tui")]
    Screen(Box<Screen>),
}

impl Progress {
    /// On stderr, unless the user asked for quiet. The run has these phases.
    #[cfg_attr(not(feature = "tui"), allow(unused_variables))]
    pub fn new(quiet: bool, phases: &[Phase]) -> Self {
        let shown = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, false) => Shown::Lines,
            #[cfg(feature = "tui")]
            (false, true) => Screen::open(phases).map_or_else(|_| bar(), |screen| Shown::Screen(Box::new(screen))),
            #[cfg(not(feature = "tui"))]
            (false, true) => bar(),
        };
        Progress { shown, ticks: 0 }
    }

    /// Says it; called once a second.
    pub fn say(&mut self, snapshot: &Snapshot, phase: &str) {
        self.ticks += 1;
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines if self.ticks.is_multiple_of(EVERY) => eprintln!("{}", line(snapshot, phase)),
            Shown::Lines => {}
            Shown::Bar(bar) => bar.set_message(line(snapshot, phase)),
            #[cfg(feature = "tui")]
            Shown::Screen(screen) => screen.show(snapshot, phase),
        }
    }

    /// Says something that stays.
    pub fn note(&self, text: &str) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => eprintln!("{text}"),
            Shown::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            #[cfg(feature = "tui")]
            Shown::Screen(_) => crate::console::say(text),
        }
    }

    /// Takes the line or the screen away.
    pub fn finish(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
        self.shown = Shown::Nothing;
    }
}

fn bar() -> Shown {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    Shown::Bar(bar)
}

fn line(snapshot: &Snapshot, phase: &str) -> String {
    let seconds = snapshot.at.0 / 1_000_000_000;
    let mut text = format!(
        "{:02}:{:02} {phase} · offered {}/s sent {}/s done {}/s · open {} in flight {}",
        seconds / 60,
        seconds % 60,
        rate(snapshot.offered),
        rate(snapshot.sent),
        rate(snapshot.completed),
        snapshot.open,
        snapshot.in_flight
    );
    if snapshot.waiting > 0 {
        text.push_str(&format!(" waiting {}", snapshot.waiting));
    }
    for (name, quantiles) in [("start", snapshot.start), ("e2e", snapshot.e2e)] {
        if let Some((p50, p99)) = quantiles {
            text.push_str(&format!(" · {name} p50 {} p99 {}", p50.brief(), p99.brief()));
        }
    }
    if let Some(backlog) = snapshot.backlog {
        text.push_str(&format!(" · backlog {backlog:.0}"));
    }
    if snapshot.failed > 0 {
        text.push_str(&format!(" · {} failed", snapshot.failed));
    }
    text
}

fn rate(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_only_what_there_is() {
        let snapshot = Snapshot { at: Nanos::from_secs(75), offered: 10.0, sent: 9.5, open: 3, ..Snapshot::default() };
        assert_eq!(
            line(&snapshot, "phase 1"),
            "01:15 phase 1 · offered 10.0/s sent 9.5/s done 0.0/s · open 3 in flight 0"
        );
        let quantiles = Some((Nanos::from_millis(9), Nanos::from_millis(41)));
        let busy = Snapshot { start: quantiles, waiting: 7, failed: 2, ..snapshot };
        assert!(line(&busy, "drain").ends_with("waiting 7 · start p50 9ms p99 41ms · 2 failed"));
    }
}
