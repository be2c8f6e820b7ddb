//! The latency table that runs and sweeps share.

use crate::number;
use crate::quantity::Interval;
use crate::run_document::{Latencies, Quantiles};
use crate::wording;

/// Column titles.
pub const LATENCY_HEADER: [&str; 7] = ["Latency", "p50", "p90", "p95", "p99", "mean", "samples"];

/// The metrics that a run has, by their names in the document.
pub fn latency_rows(latency: &Latencies) -> Vec<(&str, &Quantiles)> {
    let named = [
        ("e2e", &latency.e2e),
        ("start", &latency.start),
        ("schedule_to_start_workflow", &latency.schedule_to_start_workflow),
        ("schedule_to_start_activity", &latency.schedule_to_start_activity),
    ];
    let further = latency.further.iter().map(|(name, quantiles)| (name.as_str(), quantiles));
    named.into_iter().filter_map(|(name, quantiles)| Some((name, quantiles.as_ref()?))).chain(further).collect()
}

/// A row under [`LATENCY_HEADER`]; `missing` stands where there is no quantile.
pub fn latency_cells(name: &str, quantiles: &Quantiles, missing: &str) -> Vec<String> {
    let cell = |interval: &Option<Interval>| match interval {
        Some(interval) => number::seconds(interval.estimate),
        None => missing.into(),
    };
    let short = match name {
        "e2e" => "end to end".to_owned(),
        "schedule_to_start_workflow" => "schedule-to-start, workflow".to_owned(),
        "schedule_to_start_activity" => "schedule-to-start, activity".to_owned(),
        // By the server's events: the part that tells two of them apart must fit the column.
        other if other.starts_with("history.") => {
            wording::metric(other).replace("workflow task", "wf. task").replace("activity", "act.")
        }
        other => wording::metric(other),
    };
    vec![
        short,
        cell(&quantiles.p50),
        cell(&quantiles.p90),
        cell(&quantiles.p95),
        cell(&quantiles.p99),
        number::seconds(quantiles.mean),
        number::count(quantiles.samples),
    ]
}
