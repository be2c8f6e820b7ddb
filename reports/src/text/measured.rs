//! A measured run as text: its verdict about itself, the counts that add up, its results, its checks.

use super::layout::{Page, Style, Table};
use crate::number;
use crate::run_dir::{CheckOutcome, Measurement, Run, RunVerdict, TableGrowth, Trust};
use crate::run_document::{RunDocument, SteadyState};
use crate::timeline::Timeline;
use crate::wording;

/// A run for a terminal of `width` columns, with what its directory says about it: a measured run's verdict comes first.
pub fn run_directory(document: &RunDocument, directory: &Run, width: usize, colour: bool) -> String {
    let mut results = super::run(document, width, colour);
    let events = super::timeline(&Timeline::of(directory), width, colour);
    if !events.is_empty() {
        results.push('\n');
        results.push_str(&events);
    }
    let Some(measurement) = &directory.manifest.measurement else { return results };
    let mut page = Page::new(width, colour);
    verdict(&mut page, &directory.manifest.verdict, document);
    page.gap();
    counts(&mut page, measurement);
    page.gap();
    let mut text = page.finish();
    text.push_str(&results);
    let mut page = Page::new(width, colour);
    growth(&mut page, measurement);
    checks(&mut page, measurement);
    for note in &directory.notes {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(note)), 2);
    }
    text.push('\n');
    text.push_str(&page.finish());
    text
}

fn verdict(page: &mut Page, verdict: &RunVerdict, document: &RunDocument) {
    let overloaded = document.steady_state == Some(SteadyState::Overloaded);
    let style = match verdict.verdict {
        Trust::Valid if !overloaded => Style::Good,
        Trust::Valid => Style::Bold,
        _ => Style::Bad,
    };
    let word =
        if overloaded && verdict.verdict == Trust::Valid { "VALID, of an overload" } else { verdict.verdict.word() };
    page.paragraph(style, word);
    for reason in &verdict.reasons {
        page.hanging(Style::Plain, &format!("- {}", wording::sentence(reason)), 2);
    }
}

fn counts(page: &mut Page, measurement: &Measurement) {
    let counts = &measurement.counts;
    let mut table = Table::new(&["Starts", "", ""]);
    for (name, count, note) in [
        ("completed", counts.completed, ""),
        ("failed", counts.failed, "refused, or the workflow failed"),
        ("unfinished", counts.unfinished, "not seen to close"),
        ("unsent", counts.unsent, ""),
        ("offered", counts.offered, "the sum of these"),
        ("delayed", counts.delayed, "sent late at the in-flight cap"),
    ] {
        let style = if name == "offered" { Style::Bold } else { Style::Plain };
        table.push(style, vec![name.into(), number::count(count), note.into()]);
    }
    page.table(&table);
}

/// What the run left behind in the database, in a sentence.
fn growth(page: &mut Page, measurement: &Measurement) {
    let Some(largest) = measurement.table_growth.first() else { return };
    let per_start = |bytes: f64| number::storage(bytes.max(0.0) / measurement.counts.sent.max(1) as f64);
    let all: f64 = measurement.table_growth.iter().map(TableGrowth::bytes).sum();
    page.paragraph(
        Style::Plain,
        &format!(
            "The database grew by {} per start sent, {} of it in {}.",
            per_start(all),
            per_start(largest.bytes()),
            largest.table
        ),
    );
    page.gap();
}

fn checks(page: &mut Page, measurement: &Measurement) {
    if measurement.checks.is_empty() {
        return;
    }
    let mut table = Table::new(&["Check", "", "found", "limit"]);
    for check in &measurement.checks {
        let value = |value: Option<f64>| match value {
            Some(value) if matches!(check.unit.as_str(), "starts" | "workflows" | "samples") => number::quantity(value),
            Some(value) => wording::with_unit(value, &check.unit),
            None => number::MISSING.into(),
        };
        let style = match check.outcome {
            CheckOutcome::Suspect | CheckOutcome::Invalid => Style::Bad,
            _ => Style::Plain,
        };
        let cells = vec![check.check.clone(), check.outcome.word().into(), value(check.found), value(check.limit)];
        table.push(style, cells);
    }
    page.table(&table);
}
