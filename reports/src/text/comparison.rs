//! A comparison as text.

use super::layout::{Page, Style, Table};
use crate::compare::{Comparison, Difference};
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
                    number::percent(quantile.difference.tolerance),
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

    let mut table = Table::new(&["Quantity", "first", "second", "difference", "allowed", ""]);
    for quantity in &document.quantities {
        table.push(
            style(&quantity.difference),
            vec![
                quantity.name.clone(),
                wording::with_unit(quantity.a.estimate, &quantity.unit),
                wording::with_unit(quantity.b.estimate, &quantity.unit),
                relative(&quantity.difference),
                number::percent(quantity.difference.tolerance),
                judgement(&quantity.difference).into(),
            ],
        );
    }
    if !table.rows.is_empty() {
        page.table(&table);
        page.gap();
    }
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
