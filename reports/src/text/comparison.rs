//! A comparison as text.

use super::layout::{Page, Style, Table};
use crate::compare::{Comparison, Difference, Explanation, QuantityComparison, QuantityGroup, Residual, ResidualClass};
use crate::number;
use crate::wording;

/// The comparison for a terminal of `width` columns (below 60 it is taken as 60).
pub fn comparison(document: &Comparison, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let (a, b) = (&document.a, &document.b);
    page.ends(
        &format!("{} on {}", a.profile, a.cluster),
        &format!("{} (seed {}) against {} (seed {})", b.word(), b.seed, a.word(), a.seed),
    );
    page.paragraph(if document.within { Style::Good } else { Style::Bad }, &document.verdict_text);
    page.gap();
    explanations(&mut page, &document.explanations);

    let mut table = Table::new(&["Latency", "first", "second", "difference", "allowed", ""]);
    for metric in &document.metrics {
        for quantile in &metric.quantiles {
            table.push(
                style(&quantile.difference),
                vec![
                    // The quantile first: a long name is cut at its end.
                    format!("{} {}", number::quantile(quantile.quantile), metric.metric),
                    number::seconds(quantile.a.estimate),
                    number::seconds(quantile.b.estimate),
                    relative(&quantile.difference),
                    quantile.difference.allowed().words("s"),
                    judgement(&quantile.difference).into(),
                ],
            );
        }
    }
    if !table.rows.is_empty() {
        page.table(&table);
        page.gap();
    }
    for metric in &document.metrics {
        let gap = metric.largest_gap.map_or(String::new(), |gap| {
            format!("; furthest apart at {}, {}", number::quantile(gap.quantile), number::difference(gap.relative))
        });
        let distance = number::percent(metric.wasserstein_relative);
        let text = format!("{}: on average a sample moves by {distance} of the mean{gap}", metric.metric);
        page.hanging(Style::Plain, &wording::sentence(&text), 2);
    }
    page.gap();

    let (events, others): (Vec<_>, Vec<_>) =
        document.quantities.iter().partition(|quantity| quantity.group == QuantityGroup::Event);
    quantities(&mut page, "Quantity", others.iter().map(|quantity| (quantity.name.as_str(), *quantity)));
    // Each event in a table of its own: its name is too long for a row.
    for rows in events.chunk_by(|a, b| event_and_number(a).0 == event_and_number(b).0) {
        if let Some(first) = rows.first() {
            page.paragraph(Style::Bold, &wording::capital(event_and_number(first).0));
        }
        quantities(&mut page, "", rows.iter().map(|quantity| (event_and_number(quantity).1, *quantity)));
    }
    residuals(&mut page, &document.residuals);
    for (which, names) in [("first", &document.only_in_a), ("second", &document.only_in_b)] {
        if !names.is_empty() {
            page.hanging(Style::Plain, &format!("Only in the {which} run: {}.", names.join(", ")), 2);
        }
    }
    for note in &document.notes {
        page.hanging(Style::Bold, &format!("Note: {}", wording::sentence(note)), 2);
    }
    page.finish()
}

/// `workers stop at 60 s: backlog peak` in its two parts.
fn event_and_number(quantity: &QuantityComparison) -> (&str, &str) {
    quantity.name.split_once(": ").unwrap_or(("", &quantity.name))
}

/// Numbers by what they are called here, with their judgements.
fn quantities<'a>(page: &mut Page, title: &str, rows: impl Iterator<Item = (&'a str, &'a QuantityComparison)>) {
    let mut table = Table::new(&[title, "first", "second", "difference", "allowed", ""]);
    for (name, quantity) in rows {
        table.push(
            style(&quantity.difference),
            vec![
                name.to_owned(),
                value(quantity.a.estimate, &quantity.unit),
                value(quantity.b.estimate, &quantity.unit),
                relative(&quantity.difference),
                quantity.difference.allowed().words(&quantity.unit),
                judgement(&quantity.difference).into(),
            ],
        );
    }
    if !table.rows.is_empty() {
        page.table(&table);
        page.gap();
    }
}

/// What differs and what is responsible, a paragraph each.
pub(super) fn explanations(page: &mut Page, explanations: &[Explanation]) {
    for explanation in explanations {
        let evidence = explanation.evidence.join(", ");
        let text =
            format!("- {} ({evidence}) Look at {}", explanation.finding, wording::sentence(&explanation.responsible));
        page.hanging(Style::Plain, &text, 2);
    }
    page.gap();
}

/// A value with its unit, unless the unit is but the noun of the name: `open_workflows 12`.
fn value(value: f64, unit: &str) -> String {
    match unit {
        "workflows" | "tasks" | "activities" | "connections" | "requests" | "operations" => number::quantity(value),
        _ => wording::with_unit(value, unit),
    }
}

/// Residuals that are told in text: what is smaller is in the documents.
const MOST_RESIDUALS: usize = 8;
/// A class of work that differs by less than this share is left to the documents.
const TOLD: f64 = 0.02;

fn residuals(page: &mut Page, residuals: &[Residual]) {
    let size = |residual: &Residual| residual.relative.map_or(f64::INFINITY, f64::abs);
    let mut told: Vec<&Residual> = residuals.iter().filter(|residual| size(residual) > TOLD).collect();
    told.sort_by(|a, b| size(b).total_cmp(&size(a)));
    if told.is_empty() {
        return;
    }
    let mut table = Table::new(&["Per workflow, by operation", "first", "second", "difference", ""]);
    for residual in told.iter().take(MOST_RESIDUALS) {
        let what = match residual.class {
            ResidualClass::Other => String::new(),
            class => class.heading().to_lowercase(),
        };
        table.push(
            Style::Plain,
            vec![
                residual.name.clone(),
                wording::with_unit(residual.a, &residual.unit),
                wording::with_unit(residual.b, &residual.unit),
                residual.relative.map_or_else(|| "was 0".into(), number::difference),
                what,
            ],
        );
    }
    page.table(&table);
    if told.len() > MOST_RESIDUALS {
        page.paragraph(Style::Dim, &format!("and {} more (--format json)", told.len() - MOST_RESIDUALS));
    }
    page.gap();
}

/// In words, what became of a difference: text must not depend on colour.
pub fn judgement(difference: &Difference) -> &'static str {
    match (difference.counts, difference.beyond_tolerance) {
        (true, _) => "DIFFERS",
        (false, true) => "within chance",
        (false, false) => "ok",
    }
}

/// The relative difference, or that the reference is 0.
pub fn relative(difference: &Difference) -> String {
    difference.relative.map_or_else(|| "was 0".into(), number::difference)
}

fn style(difference: &Difference) -> Style {
    if difference.counts { Style::Bad } else { Style::Plain }
}
