//! Several runs on one page.

use maud::{Markup, html};
use serde::Serialize;

use super::named_percentiles;
use super::parts::{Cell, page, table};
use super::run::{kind_word, trust};
use super::timeline::scenarios;
use crate::chart::{HALF, Role, SERIES};
use crate::number;
use crate::quantity::{Interval, QuantileCurve};
use crate::run_dir::Trust;
use crate::run_document::{Quantiles, RunDocument};
use crate::timeline::{ScenarioSummary, Timeline};
use crate::wording;

/// A run in a list.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct RunEntry {
    /// What to call it, e.g. its folder.
    pub name: String,
    /// Its verdict about itself.
    pub verdict: Trust,
    /// Its results.
    pub run: RunDocument,
    /// What its events cost; absent where it has no directory, or nothing happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioSummary>,
}

/// A list of runs as one offline HTML page, with their percentile curves over each other.
pub fn runs(entries: &[RunEntry]) -> String {
    runs_over_time(entries, &[])
}

/// As [`runs`], with the runs' timelines beside each other where anything happened in one of them.
pub fn runs_over_time(entries: &[RunEntry], timelines: &[(String, Timeline)]) -> String {
    let rows = entries.iter().map(|entry| {
        let run = &entry.run;
        let p99 = |quantiles: &Option<Quantiles>| {
            let interval: Option<&Interval> = quantiles.as_ref().and_then(|quantiles| quantiles.p99.as_ref());
            Cell::Number(interval.map_or_else(|| number::MISSING.into(), |i| number::seconds(i.estimate)))
        };
        let busiest = run.utilisation.iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let (state, word) = trust(entry.verdict);
        vec![
            Cell::Text(entry.name.clone()),
            Cell::State(state, format!("{}, {}", word.to_lowercase(), kind_word(run.kind))),
            Cell::Main(number::rate(run.throughput_per_second)),
            p99(&run.latency.e2e),
            p99(&run.latency.start),
            p99(&run.latency.schedule_to_start_workflow),
            p99(&run.latency.schedule_to_start_activity),
            Cell::Prose(busiest.map_or(String::new(), |(name, share)| format!("{name} {}", number::percent(*share)))),
        ]
    });
    let header = [
        "run",
        "verdict",
        "completed",
        "end to end p99",
        "start p99",
        "workflow task wait p99",
        "activity wait p99",
        "busiest",
    ];
    let mut metrics: Vec<&str> = Vec::new();
    for curve in entries.iter().flat_map(|entry| &entry.run.latency_curves) {
        if !metrics.contains(&curve.metric.as_str()) {
            metrics.push(&curve.metric);
        }
    }
    let figures: Vec<Markup> = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let with: Vec<(&str, &QuantileCurve)> = entries
                .iter()
                .filter_map(|entry| {
                    Some((entry.name.as_str(), entry.run.latency_curves.iter().find(|curve| curve.metric == *metric)?))
                })
                .take(SERIES)
                .collect();
            let curves: Vec<&QuantileCurve> = with.iter().map(|(_, curve)| *curve).collect();
            let legend = with.iter().enumerate().map(|(i, (name, _))| (Role::Series(i), name.to_string())).collect();
            let name = wording::capital(&wording::metric(metric));
            let p99s = with.iter().filter_map(|(name, curve)| Some((*name, super::finding::at(&curve.points, 0.99)?)));
            let slowest = p99s.max_by(|a, b| a.1.total_cmp(&b.1));
            let finding = match slowest {
                Some((name, p99)) => format!("Highest p99: {}, in {name}.", number::seconds(p99)),
                None => "Too few samples for a p99.".into(),
            };
            named_percentiles(&format!("metric-{index}"), &name, finding, legend, &curves, &[], HALF)
        })
        .collect();
    let body = html! {
        h1 class="title" { (entries.len()) " runs" }
        div class="card" { (table("Runs", "", &header, rows.collect())) }
        (scenarios(timelines))
        @if !timelines.is_empty() { h2 { "Latency" } }
        @if entries.len() > SERIES { p class="lead" { "The charts show the first " (SERIES) " runs." } }
        @for pair in figures.chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
    };
    page("Runs", "runs", "runs.json", &entries, &body)
}
