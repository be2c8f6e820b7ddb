//! A run as text.

use super::latency::{LATENCY_HEADER, latency_cells, latency_rows};
use super::layout::{Page, Style, Table};
use crate::compare;
use crate::number;
use crate::run_document::{RunDocument, RunKind, SteadyState};
use crate::wording;

/// The run for a terminal of `width` columns (below 60 it is taken as 60).
pub fn run(document: &RunDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let kind = match document.kind {
        RunKind::Simulated => "simulated",
        RunKind::Measured => "measured",
    };
    page.ends(&format!("{} on {}", document.profile, document.cluster), &format!("{kind} · seed {}", document.seed));
    let counts = &document.counts;
    page.paragraph(
        Style::Bold,
        &format!(
            "{} of {} offered, over {} after {} of warm-up.",
            number::rate(document.throughput_per_second),
            number::rate(document.offered_per_second),
            number::seconds(document.measured_seconds),
            number::seconds(document.warmup_seconds),
        ),
    );
    page.paragraph(
        Style::Plain,
        &format!(
            "{} offered: {} completed, {} failed, {} unfinished at the end.",
            number::count(counts.offered),
            number::count(counts.completed),
            number::count(counts.failed),
            number::count(counts.unfinished)
        ),
    );
    page.gap();
    latency(&mut page, document);
    page.gap();
    per_workflow(&mut page, document);
    page.gap();
    utilisation(&mut page, document);
    page.gap();
    if let Some(scaling) = &document.scaling {
        super::autoscale::scaling(&mut page, scaling);
        page.gap();
    }
    if !document.not_modelled.is_empty() {
        let list: Vec<String> =
            document.not_modelled.iter().map(|item| format!("{} ({})", item.what, item.effect)).collect();
        page.hanging(Style::Plain, &format!("Not modelled: {}.", list.join("; ")), 2);
    }
    for warning in &document.warnings {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(warning)), 2);
    }
    if document.events_simulated > 0 {
        page.paragraph(Style::Dim, &format!("{} events", number::large_count(document.events_simulated)));
    }
    page.finish()
}

fn latency(page: &mut Page, document: &RunDocument) {
    let rows = latency_rows(&document.latency);
    if rows.is_empty() {
        return;
    }
    let overloaded = document.steady_state == Some(SteadyState::Overloaded);
    let missing = if overloaded { "growing" } else { "few" };
    let mut table = Table::new(&LATENCY_HEADER);
    for (name, quantiles) in rows {
        table.push(Style::Plain, latency_cells(name, quantiles, missing));
    }
    page.table(&table);
}

fn per_workflow(page: &mut Page, document: &RunDocument) {
    let mut table = Table::new(&["Per workflow", "", ""]);
    for (name, unit, value) in compare::per_workflow(document) {
        table.push(Style::Plain, vec![wording::per_workflow(name), wording::with_unit(value, unit), String::new()]);
    }
    page.table(&table);
}

fn utilisation(page: &mut Page, document: &RunDocument) {
    let mut busiest: Vec<(&String, &f64)> = document.utilisation.iter().collect();
    busiest.sort_by(|(name, x), (other, y)| y.total_cmp(x).then(name.cmp(other)));
    let mut table = Table::new(&["Utilisation", "mean", ""]);
    for (resource, share) in busiest {
        let bar = "█".repeat((share.clamp(0.0, 1.0) * 30.0).round() as usize);
        table.push(Style::Plain, vec![resource.clone(), number::percent(*share), bar]);
    }
    if !table.rows.is_empty() {
        page.table(&table);
    }
}
