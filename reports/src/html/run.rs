//! A run as a page.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::parts::{Cell, Figure, State, figure, notes, page, table, tile, verdict};
use super::{bars, finding};
use crate::chart::{self, BROAD, HALF, Role};
use crate::compare;
use crate::number;
use crate::plan_document::Utilisation;
use crate::quantity::{Interval, QuantileCurve};
use crate::run_dir::{Buckets, Run, Trust};
use crate::run_document::{RunDocument, RunKind, SteadyState};
use crate::text::latency_rows;
use crate::wording;

/// Points of a latency series.
const POINTS_OVER_TIME: usize = 120;

/// A run as one offline HTML page; with the directory it came from, also its verdict and its series over time.
pub fn run(document: &RunDocument, directory: Option<&Run>) -> String {
    if let Some(directory) = directory
        && let Some(measurement) = &directory.manifest.measurement
    {
        return super::measured::page(document, directory, measurement);
    }
    let curves: Vec<&QuantileCurve> = document.latency_curves.iter().collect();
    let body = html! {
        (banner(document, directory))
        (notes(&remarks(document, directory)))
        @if let Some(directory) = directory { (super::timeline::section(directory)) }
        h2 { "Latency" }
        p class="lead" { "From the intended start: a late start counts as waiting. Intervals are of 95 %." }
        div class="card" { (latency(document)) }
        @if !curves.is_empty() { (super::percentile_figure("percentiles", "Latency percentiles", &curves, &[], BROAD)) }
        h2 { "Resources and cost" }
        p class="lead" { "Over the measured window; costs per workflow started from outside, its children included." }
        div class="pair" { (utilisation(document)) (per_workflow(document)) }
        @if let Some(rollout) = &document.rollout { (super::rollout::section("Rollout", rollout)) }
        @if let Some(scaling) = &document.scaling { (super::autoscale::scaling(scaling)) }
        @if let Some(directory) = directory { (over_time(directory)) }
        @if !document.not_modelled.is_empty() {
            h2 { "Not modelled" }
            div class="card" { (table("Not modelled", "", &["", "may change the result"], document.not_modelled.iter().map(|item| {
                vec![Cell::Text(item.what.clone()), Cell::Prose(item.effect.clone())]
            }).collect())) }
        }
        h2 { "Where this comes from" }
        (origin(document, directory))
    };
    page(&format!("Run: {}", document.profile), "run", "run.json", document, &body)
}

/// What a run is called.
pub(super) fn kind_word(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Simulated => "simulated",
        RunKind::Measured => "measured",
    }
}

/// State and word of a run's verdict about itself.
pub(super) fn trust(verdict: Trust) -> (State, &'static str) {
    let state = match verdict {
        Trust::Valid => State::Good,
        Trust::Suspect | Trust::Incomplete => State::Warn,
        Trust::Invalid => State::Bad,
    };
    (state, verdict.word())
}

fn banner(document: &RunDocument, directory: Option<&Run>) -> Markup {
    let counts = &document.counts;
    let lost = counts.failed as f64 / counts.offered.max(1) as f64;
    let (state, word) = match directory {
        Some(run) => {
            let (state, word) = trust(run.manifest.verdict.verdict);
            (state, wording::capital(&word.to_lowercase()))
        }
        None => (State::Good, wording::capital(kind_word(document.kind))),
    };
    let sentence = format!(
        "{} of the {} offered, over {} after {} of warm-up.",
        number::rate(document.throughput_per_second),
        number::rate(document.offered_per_second),
        number::seconds(document.measured_seconds),
        number::seconds(document.warmup_seconds)
    );
    let p99 = |quantiles: &Option<crate::run_document::Quantiles>| {
        let interval = quantiles.as_ref().and_then(|quantiles| quantiles.p99);
        interval.map_or_else(|| number::MISSING.to_string(), |interval| number::seconds(interval.estimate))
    };
    let busiest = document.utilisation.iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
    let tiles = [
        tile("End to end p99", p99(&document.latency.e2e), "from the intended start"),
        tile("Start p99", p99(&document.latency.start), "the start call"),
        tile(
            "Failed",
            number::percent(lost),
            format!("{} of {}", number::count(counts.failed), number::count(counts.offered)),
        ),
        match busiest {
            Some((resource, share)) => tile("Busiest", number::percent(*share), resource.clone()),
            None => tile("Busiest", number::MISSING, "not recorded"),
        },
    ];
    let about =
        format!("{} on {} · {} · seed {}", document.profile, document.cluster, kind_word(document.kind), document.seed);
    verdict(state, &word, &sentence, &about, &tiles)
}

fn remarks(document: &RunDocument, directory: Option<&Run>) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(run) = directory {
        remarks.extend(run.manifest.verdict.reasons.iter().cloned());
        remarks.extend(run.notes.iter().cloned());
    }
    remarks.extend(document.warnings.iter().cloned());
    remarks
}

pub(super) fn latency(document: &RunDocument) -> Markup {
    let missing = match document.steady_state {
        Some(SteadyState::Overloaded) => "growing",
        _ => "too few",
    };
    let value = |interval: &Option<Interval>| match interval {
        Some(interval) => number::seconds(interval.estimate),
        None => missing.into(),
    };
    let range = |interval: &Option<Interval>| match interval {
        Some(i) => format!("{} – {}", number::seconds(i.low), number::seconds(i.high)),
        None => number::MISSING.into(),
    };
    let measured = document.kind == RunKind::Measured;
    let rows = latency_rows(&document.latency).into_iter().map(|(name, q)| {
        let mut row = vec![
            Cell::Text(wording::capital(&wording::metric(name))),
            Cell::Number(value(&q.p50)),
            Cell::Number(value(&q.p90)),
            Cell::Number(value(&q.p95)),
            Cell::Main(value(&q.p99)),
            Cell::Number(range(&q.p99)),
        ];
        if measured {
            row.push(Cell::Number(value(&q.p999)));
        }
        row.extend([Cell::Number(number::seconds(q.mean)), Cell::Number(number::count(q.samples))]);
        if measured {
            let effective = q.effective_samples.map_or_else(|| number::MISSING.into(), |n| number::count(n as u64));
            row.push(Cell::Number(effective));
        }
        row
    });
    let mut header = vec!["", "p50", "p90", "p95", "p99", "p99 interval"];
    header.extend(if measured { &["p99.9", "mean", "samples", "effective"][..] } else { &["mean", "samples"] });
    table("Latency", "", &header, rows.collect())
}

pub(super) fn utilisation(document: &RunDocument) -> Markup {
    let mut usage: Vec<Utilisation> = document
        .utilisation
        .iter()
        .map(|(resource, mean)| Utilisation { resource: wording::column(resource), mean: *mean })
        .collect();
    usage.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    bars("Utilisation", &finding::utilisation(&usage), "mean", usage.iter().map(|u| (u.resource.clone(), u.mean)))
}

pub(super) fn per_workflow(document: &RunDocument) -> Markup {
    let rows = compare::per_workflow(document).into_iter().map(|(key, unit, value)| {
        vec![Cell::Text(wording::per_workflow(key)), Cell::Main(wording::with_unit(value, unit))]
    });
    html! {
        section class="card" {
            h3 { "Per workflow" }
            (table("Per workflow", "", &["", "each"], rows.collect()))
        }
    }
}

fn over_time(run: &Run) -> Markup {
    let mut figures: Vec<Markup> =
        run.metrics().into_iter().filter_map(|metric| latency_over_time(run, metric)).collect();
    let units: BTreeMap<&str, &str> =
        run.manifest.resources.iter().map(|column| (column.name.as_str(), column.unit.as_str())).collect();
    for column in &run.resources.columns {
        let unit = units.get(column.as_str()).copied().unwrap_or("");
        figures.extend(resource_over_time(run, column, unit));
    }
    html! {
        @if !figures.is_empty() {
            h2 { "Over time" }
            p class="lead" { "The whole run, warm-up included." }
            @for pair in figures.chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
        }
    }
}

pub(super) fn latency_over_time(run: &Run, metric: &str) -> Option<Markup> {
    let seconds = run.by_start(metric);
    // Merged to at most so many points: a p99 of sixty samples is noise.
    let groups: Vec<(f64, Buckets)> = seconds
        .chunks(seconds.len().div_ceil(POINTS_OVER_TIME).max(1))
        .map(|part| (part[0].0.as_secs_f64(), Buckets::merged(part.iter().map(|(_, buckets)| *buckets))))
        .collect();
    let of = |q: f64| -> Vec<(f64, f64)> {
        groups.iter().filter_map(|(start, all)| Some((*start, all.quantile(q)? as f64 / 1e9))).collect()
    };
    let (median, high) = (of(0.5), of(0.99));
    let (at, worst) = high.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if median.len() < 2 {
        return None;
    }
    let rows = median.iter().zip(&high).step_by(median.len().div_ceil(60)).map(|((seconds, p50), (_, p99))| {
        vec![
            Cell::Text(number::seconds(*seconds)),
            Cell::Number(number::seconds(*p50)),
            Cell::Number(number::seconds(*p99)),
        ]
    });
    let name = wording::capital(&wording::metric(metric));
    let numbers = table(&name, "", &["at", "p50", "p99"], rows.collect());
    Some(figure(Figure {
        id: &format!("time-{}", identifier(metric)),
        title: &name,
        finding: format!("Highest p99: {}, at {}.", number::seconds(worst), number::seconds(at)),
        legend: vec![(Role::Series(0), "p50".into()), (Role::Series(1), "p99".into())],
        shape: HALF,
        draw: &|shape| chart::time(&[median.clone(), high.clone()], &number::seconds, true, shape),
        numbers,
    }))
}

pub(super) fn resource_over_time(run: &Run, column: &str, unit: &str) -> Option<Markup> {
    let values = run.resources.column(column);
    let (at, highest) = values.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if values.len() < 2 {
        return None;
    }
    let label = |value: f64| wording::with_unit(value, unit);
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
    let rows = values
        .iter()
        .step_by(values.len().div_ceil(60))
        .map(|(seconds, value)| vec![Cell::Text(number::seconds(*seconds)), Cell::Number(label(*value))]);
    let name = wording::capital(&wording::column(column));
    let numbers = table(&name, "", &["at", "value"], rows.collect());
    Some(figure(Figure {
        id: &format!("resource-{}", identifier(column)),
        title: &name,
        finding: format!("Mean {}, highest {} at {}.", label(mean), label(highest), number::seconds(at)),
        legend: Vec::new(),
        shape: HALF,
        draw: &|shape| chart::time(std::slice::from_ref(&values), &|value| wording::tick(value, unit), false, shape),
        numbers,
    }))
}

/// A name as an element's id.
pub(super) fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn origin(document: &RunDocument, directory: Option<&Run>) -> Markup {
    let counts = &document.counts;
    html! {
        section class="card" {
            dl class="facts" {
                dt { "Counts" } dd { (number::count(counts.offered)) " offered: " (number::count(counts.completed)) " completed, " (number::count(counts.failed)) " failed, " (number::count(counts.unfinished)) " unfinished" }
                dt { "Seed" } dd { (document.seed) }
                @if document.events_simulated > 0 { dt { "Events" } dd { (number::large_count(document.events_simulated)) } }
                @if let Some(run) = directory {
                    @for (component, version) in &run.manifest.versions { dt { (wording::capital(component)) } dd { (version) } }
                    @if let Some(started) = &run.manifest.clock.started_at { dt { "Started" } dd { (started) } }
                    @for phase in &run.manifest.phases {
                        dt { (wording::capital(&phase.name)) } dd { (number::seconds(phase.start_seconds)) " to " (number::seconds(phase.end_seconds)) }
                    }
                }
            }
            @if let Some(run) = directory {
                details { summary { "The profile" } pre { code { (run.manifest.profile) } } }
                details { summary { "The cluster" } pre { code { (run.manifest.cluster) } } }
            }
        }
    }
}
