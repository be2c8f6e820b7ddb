//! The manifest, the report and the answer.

use plimsoll_reports::run_dir::{Manifest, RunVerdict, Sent, Trust};

use super::course::End;
use super::monitor::Monitored;
use super::prepare::Prepared;
use super::seconds;
use crate::cli::RunArgs;
use crate::console::Console;
use crate::driver::Books;
use crate::engine::Engine;
use crate::failure::{Exit, Failure};
use crate::record::Metric;
use crate::record::totals::quantile;

/// A run that has ended.
pub struct Finished<'a> {
    /// The flags.
    pub arguments: &'a RunArgs,
    /// What was run.
    pub prepared: &'a Prepared,
    /// The manifest it began with.
    pub manifest: Manifest,
    /// The books.
    pub books: Books,
    /// What sent.
    pub engine: Engine,
    /// What was seen.
    pub monitored: Monitored,
    /// How it ended.
    pub end: End,
    /// The user.
    pub console: &'a Console,
}

/// Writes the final manifest, prints the answer, and says how the command ends.
///
/// # Errors
/// When the answer cannot be written.
pub async fn finish(mut run: Finished<'_>) -> Result<Exit, Failure> {
    let tally = run.books.ledger.whole();
    let mut reasons = Vec::new();
    match &run.end {
        End::Complete => {}
        End::Interrupted(at) => reasons.push(format!("interrupted at {}", seconds(*at))),
        End::Aborted(at, why) => reasons.push(format!("aborted at {}: {why}", seconds(*at))),
        End::Unwritable(at, why) => reasons.push(format!("ended at {}: {why}", seconds(*at))),
    }
    let manifest = Manifest {
        sent: Sent { offered: tally.offered, sent: tally.sent, unsent: tally.unsent, failed: tally.failed },
        verdict: RunVerdict { verdict: if reasons.is_empty() { Trust::Valid } else { Trust::Suspect }, reasons },
        ..run.manifest
    };
    run.monitored.files.finish(&manifest);
    let mut text = format!(
        "{}\noffered {} = completed {} + failed {} + unfinished {} + unsent {}\n",
        manifest.verdict.verdict.word(),
        tally.offered,
        tally.completed,
        tally.failed,
        tally.unfinished,
        tally.unsent
    );
    for metric in Metric::ALL {
        if let Some(histogram) = run.monitored.totals.of(metric) {
            text.push_str(&format!(
                "{:<28} {:>8}  p50 {:>8}  p99 {:>8}  max {:>8}\n",
                metric.name(),
                histogram.len(),
                quantile(histogram, 0.5).brief().to_string(),
                quantile(histogram, 0.99).brief().to_string(),
                quantile(histogram, 1.0).brief().to_string(),
            ));
        }
    }
    for (operation, kind, error) in run.books.errors.kinds() {
        text.push_str(&format!("{operation}: {kind}: {} × {}\n", error.count, error.example));
    }
    run.console.answer(&text)?;
    if let Some(problem) = run.monitored.files.problem() {
        return Err(Failure::io(format!("{problem}; the run directory ends there")));
    }
    let _ = (&run.engine, run.arguments, run.prepared);
    Ok(match run.end {
        End::Interrupted(_) => Exit::Interrupted,
        _ => Exit::Success,
    })
}
