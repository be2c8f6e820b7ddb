//! The accuracy of the model over many workloads as a page.

use maud::html;

use super::parts::{Cell, State, page, table, tile, verdict};
use super::validation::rows_table;
use crate::number;
use crate::text;
use crate::validation::{self, AccuracyTable};
use crate::wording;

/// The accuracy table as one offline HTML page: each number over all workloads, then every row, worst first.
pub fn accuracy(document: &AccuracyTable) -> String {
    let metrics = document.by_metric();
    let share = |value: Option<f64>| value.map_or_else(|| number::MISSING.into(), number::percent);
    let summary = metrics.iter().map(|metric| {
        let row = &metric.worst.row;
        let state = if metric.within == metric.rows { State::Good } else { State::Bad };
        vec![
            Cell::Text(metric.metric.clone()),
            Cell::State(state, format!("{} of {}", metric.within, metric.rows)),
            Cell::Main(share(metric.median_error)),
            Cell::Number(share(metric.median_spread)),
            Cell::Number(row.allowed().words(&row.unit)),
            Cell::Main(validation::error_words(row)),
            Cell::Text(metric.worst.workload.clone()),
        ]
    });
    let header = ["number", "within", "median error", "median spread", "allowed", "worst error", "of workload"];
    let summary = table("Accuracy by number", "", &header, summary.collect());
    let rows: Vec<_> = document.worst_first().into_iter().map(|row| (Some(row), &row.row)).collect();
    let (state, word) =
        if document.within() { (State::Good, "Within tolerance") } else { (State::Bad, "Outside tolerance") };
    let sentence = text::accuracy_verdict(document);
    let sentence = sentence.split_once(": ").map_or(sentence.as_str(), |(_, rest)| rest);
    let mut tiles = Vec::new();
    if let Some(worst) = rows.first().and_then(|(row, _)| *row) {
        tiles.push(tile(
            "Worst error",
            validation::error_words(&worst.row),
            format!("{}, {}", validation::name(&worst.row), worst.workload),
        ));
    }
    let body = html! {
        (verdict(state, word, &wording::capital(sentence), "The model against measured clusters", &tiles))
        h2 { "Each number over all workloads" }
        p class="lead" { "The median of the sizes of the errors, beside the median spread of repeated runs; the number with the worst row first." }
        div class="card" { (summary) }
        h2 { "Every row" }
        p class="lead" { "Predicted, measured (the median over the runs), error and spread; worst first." }
        div class="card" { (rows_table("Rows", "number", &rows)) }
    };
    page(word, "accuracy", "accuracy.json", document, &body)
}
