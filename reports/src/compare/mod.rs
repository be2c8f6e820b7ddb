//! Two runs, simulated or measured, side by side: quantile by quantile, resource by resource, with intervals.
//!
//! A difference counts only if it is beyond the tolerance *and* the two 95 % intervals do not overlap; see
//! [`statistics`] for how the intervals are made and where they end. Numbers that a run gives without an interval
//! (work per workflow, utilisation, throughput) have a point for one: for them the tolerance alone decides.
//! What differs is explained by a table of rules ([`Explanation`]), with the residuals by operation ([`Residual`]) and
//! the course of each resource ([`SeriesComparison`]) beside it.

mod curves;
mod document;
mod events;
mod explain;
mod residuals;
mod series;
pub mod statistics;
mod tolerances;

use std::collections::{BTreeMap, BTreeSet};

pub use curves::{QuantilePair, canonical_metrics, curve, curve_quantiles, merged};
pub use document::{
    COMPARISON_SCHEMA_VERSION, ComparedRun, Comparison, Difference, MetricComparison, QuantileComparison, QuantileGap,
    QuantityComparison, QuantityGroup,
};
pub(crate) use document::{is_zero, relative};
pub use events::{EpisodePair, LatencyPair, LinePair, TimelineComparison};
pub use explain::Explanation;
pub(crate) use explain::explain_validation;
pub(crate) use residuals::requests_by_service;
pub use residuals::{Residual, ResidualClass};
pub(crate) use series::storage_growth;
pub use series::{SeriesComparison, SeriesPoint};
pub use tolerances::{Tolerance, Tolerances};

use crate::number;
use crate::quantity::Interval;
use crate::run_dir::columns::{COMPLETED, FAILED, OFFERED};
use crate::run_dir::{Buckets, Run, Trust};
use crate::run_document::{RunDocument, RunKind, SteadyState};
use crate::wording;

/// The quantiles that are judged.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

/// Compares run `b` with the reference `a`.
pub fn compare(a: &Run, b: &Run, tolerances: &Tolerances) -> Comparison {
    let (metrics, metrics_a, metrics_b) = common(&canonical_metrics(a), &canonical_metrics(b));
    let metrics: Vec<MetricComparison> =
        metrics.into_iter().filter_map(|metric| compare_metric(a, b, metric, tolerances)).collect();

    let mut quantities = Vec::new();
    if let (Some(a), Some(b)) = (&a.manifest.summary, &b.manifest.summary) {
        quantities.extend(compare_summaries(a, b, tolerances));
    }
    let names = |run: &Run| run.resources.columns.clone();
    let (names_a, names_b) = (names(a), names(b));
    let (columns, columns_a, columns_b) = common(&as_strs(&names_a), &as_strs(&names_b));
    // What a simulation offers and completes is compared as throughput.
    let simulated = [a, b].iter().any(|run| run.manifest.kind == RunKind::Simulated);
    let again = |column: &str| simulated && [OFFERED, COMPLETED, FAILED].contains(&column);
    let judged = columns.iter().filter(|column| !again(column));
    quantities.extend(judged.filter_map(|column| compare_column(a, b, column, tolerances)));
    quantities.extend(compare_storage(a, b, tolerances));
    let timelines = events::timelines(a, b);
    quantities.extend(timelines.iter().flat_map(|timelines| events::quantities(timelines, tolerances)));
    let of_the_system = columns.iter().filter(|column| !series::of_the_generator(column));
    let series = of_the_system.filter_map(|column| series::compare(a, b, column)).collect();

    let counted = metrics.iter().flat_map(|metric| &metric.quantiles).filter(|q| q.difference.counts).count()
        + quantities.iter().filter(|quantity| quantity.difference.counts).count();
    let compared = metrics.iter().map(|metric| metric.quantiles.len()).sum::<usize>() + quantities.len();
    let mut comparison = Comparison {
        schema_version: COMPARISON_SCHEMA_VERSION,
        a: compared_run(a),
        b: compared_run(b),
        within: counted == 0 && compared > 0,
        verdict_text: verdict_text(&metrics, &quantities, compared, counted),
        metrics,
        quantities,
        series,
        timelines,
        residuals: residuals::residuals(a, b),
        explanations: Vec::new(),
        only_in_a: metrics_a.into_iter().chain(columns_a).map(str::to_string).collect(),
        only_in_b: metrics_b.into_iter().chain(columns_b).map(str::to_string).collect(),
        notes: notes(a, b),
    };
    comparison.explanations = explain::explain(&comparison, a, b);
    comparison
}

fn verdict_text(
    metrics: &[MetricComparison],
    quantities: &[QuantityComparison],
    compared: usize,
    counted: usize,
) -> String {
    if compared == 0 {
        return "The runs have nothing in common to compare.".into();
    }
    if counted == 0 {
        return format!("Within tolerance: none of {compared} numbers differs by more than is allowed.");
    }
    let quantiles = metrics.iter().flat_map(|metric| {
        metric.quantiles.iter().map(move |q| {
            (format!("{} {}", wording::metric(&metric.metric), number::quantile(q.quantile)), q.difference)
        })
    });
    let others = quantities.iter().map(|quantity| {
        let name = match quantity.group {
            QuantityGroup::PerWorkflow | QuantityGroup::Requests => wording::per_workflow(&quantity.name),
            QuantityGroup::Event => quantity.name.clone(),
            _ => wording::column(&quantity.name),
        };
        (name, quantity.difference)
    });
    let worst = quantiles
        .chain(others)
        .filter(|(_, difference)| difference.counts)
        .map(|(name, difference)| (name, difference.relative.unwrap_or(f64::INFINITY)))
        .max_by(|(_, x), (_, y)| x.abs().total_cmp(&y.abs()));
    let worst = match worst {
        Some((name, relative)) if relative.is_finite() => {
            format!(" Furthest: {name}, {}.", number::difference(relative))
        }
        Some((name, _)) => format!(" Furthest: {name}, which was 0."),
        None => String::new(),
    };
    format!("Outside tolerance: {counted} of {compared} numbers differ by more than is allowed.{worst}")
}

fn compared_run(run: &Run) -> ComparedRun {
    let manifest = &run.manifest;
    ComparedRun {
        kind: manifest.kind,
        profile: manifest.profile_name.clone(),
        cluster: manifest.cluster_name.clone(),
        seed: manifest.seed,
    }
}

fn notes(a: &Run, b: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, run) in [("first", a), ("second", b)] {
        let verdict = &run.manifest.verdict;
        if verdict.verdict != Trust::Valid {
            notes.push(format!("the {name} run is {}: {}", verdict.verdict.word(), verdict.reasons.join("; ")));
        }
        match run.manifest.summary.as_ref().and_then(|summary| summary.steady_state) {
            Some(SteadyState::Overloaded) => notes.push(format!(
                "the {name} run's target did not keep up: its latencies grew as long as the load lasted, so that what is compared here is the length of the run"
            )),
            Some(SteadyState::Drifting) => notes.push(format!("the {name} run was not in a steady state")),
            _ => {}
        }
        if run.manifest.summary.is_none() {
            notes.push(format!("the {name} run has no summary: only its histograms and series are compared"));
        }
        notes.extend(run.notes.iter().cloned());
    }
    if a.manifest.profile != b.manifest.profile {
        notes.push("the runs' profiles differ".into());
    }
    notes
}

/// Names in both, only in the first, only in the second; each sorted.
fn common<'a>(a: &[&'a str], b: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let a: BTreeSet<&str> = a.iter().copied().collect();
    let b: BTreeSet<&str> = b.iter().copied().collect();
    let both = a.intersection(&b).copied().collect();
    (both, a.difference(&b).copied().collect(), b.difference(&a).copied().collect())
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn compare_metric(a: &Run, b: &Run, metric: &str, tolerances: &Tolerances) -> Option<MetricComparison> {
    let (intervals_a, intervals_b) = (curves::intervals(a, metric), curves::intervals(b, metric));
    let (parts_a, parts_b) = (intervals_a.iter().collect::<Vec<_>>(), intervals_b.iter().collect::<Vec<_>>());
    let (all_a, all_b) = (Buckets::merged(&intervals_a), Buckets::merged(&intervals_b));
    let (mean_a, mean_b) = (all_a.mean()?, all_b.mean()?);

    let mut quantiles = Vec::new();
    for q in QUANTILES {
        let estimate_a = statistics::quantile(&parts_a, &all_a, q);
        let estimate_b = statistics::quantile(&parts_b, &all_b, q);
        let (Some(of_a), Some(of_b)) = (estimate_a, estimate_b) else { continue };
        let tolerance = tolerances.latency(metric, q);
        quantiles.push(QuantileComparison {
            quantile: q,
            a: of_a.seconds,
            b: of_b.seconds,
            effective_samples: (of_a.effective_samples, of_b.effective_samples),
            difference: Difference::judge(&of_a.seconds, &of_b.seconds, tolerance, tolerances.latency_floor_seconds),
        });
    }
    Some(MetricComparison {
        metric: metric.to_string(),
        samples_a: all_a.total(),
        samples_b: all_b.total(),
        mean_a: mean_a / 1e9,
        mean_b: mean_b / 1e9,
        quantiles,
        wasserstein_relative: statistics::wasserstein(&all_a, &all_b)? / mean_a.max(1.0),
        largest_gap: largest_gap(&all_a, &all_b),
        pairs: curves::pairs(&all_a, &all_b),
        curve_a: curve(metric, &all_a),
        curve_b: curve(metric, &all_b),
    })
}

fn largest_gap(a: &Buckets, b: &Buckets) -> Option<QuantileGap> {
    if a.total().min(b.total()) < 100 {
        return None;
    }
    (1..=99)
        .filter_map(|percent| {
            let quantile = f64::from(percent) / 100.0;
            let (of_a, of_b) = (a.quantile(quantile)? as f64, b.quantile(quantile)? as f64);
            (of_a > 0.0).then(|| QuantileGap { quantile, relative: (of_b - of_a) / of_a })
        })
        .max_by(|x, y| x.relative.abs().total_cmp(&y.relative.abs()))
}

fn point(value: f64) -> Interval {
    Interval { estimate: value, low: value, high: value }
}

fn compare_summaries(a: &RunDocument, b: &RunDocument, tolerances: &Tolerances) -> Vec<QuantityComparison> {
    let quantity = |group, name: &str, unit: &str, of_a: f64, of_b: f64, tolerance: Tolerance, floor: f64| {
        let (of_a, of_b) = (point(of_a), point(of_b));
        let difference = Difference::judge(&of_a, &of_b, tolerance, floor);
        QuantityComparison { group, name: name.into(), unit: unit.into(), a: of_a, b: of_b, difference }
    };
    let mut quantities = Vec::new();
    for (name, of_a, of_b) in [
        ("workflows offered", a.offered_per_second, b.offered_per_second),
        ("workflows completed", a.throughput_per_second, b.throughput_per_second),
    ] {
        // A measured run without the generator's columns does not know what was offered.
        if name == "workflows offered" && (of_a <= 0.0 || of_b <= 0.0) {
            continue;
        }
        let tolerance = tolerances.throughput.unwrap_or(tolerances.default);
        quantities.push(quantity(QuantityGroup::Throughput, name, "1/s", of_a, of_b, tolerance, 0.0));
    }
    let of_b: BTreeMap<&str, f64> = per_workflow(b).into_iter().map(|(name, _, value)| (name, value)).collect();
    for (name, unit, of_a) in per_workflow(a) {
        let Some(of_b) = of_b.get(name).copied() else { continue };
        let tolerance = tolerances.named(&tolerances.per_workflow, name);
        quantities.push(quantity(QuantityGroup::PerWorkflow, name, unit, of_a, of_b, tolerance, 0.0));
    }
    let of_b: BTreeMap<&str, f64> = requests_by_service(b).into_iter().collect();
    for (service, of_a) in requests_by_service(a) {
        let Some(of_b) = of_b.get(service).copied() else { continue };
        let name = format!("requests.{service}");
        let tolerance = tolerances.named(&tolerances.per_workflow, &name);
        quantities.push(quantity(QuantityGroup::Requests, &name, "", of_a, of_b, tolerance, 0.0));
    }
    for (resource, of_a) in &a.utilisation {
        let Some(of_b) = b.utilisation.get(resource) else { continue };
        let tolerance = tolerances.named(&tolerances.utilisation, resource);
        let floor = tolerances.utilisation_floor;
        quantities.push(quantity(QuantityGroup::Utilisation, resource, "share", *of_a, *of_b, tolerance, floor));
    }
    quantities
}

/// Name, unit and value of every per-workflow number that the run has.
pub(crate) fn per_workflow(run: &RunDocument) -> Vec<(&'static str, &'static str, f64)> {
    let per = &run.per_workflow;
    let cpu = &per.cpu_seconds;
    let all = [
        ("statements", "", per.statements),
        ("write_transactions", "", per.write_transactions),
        ("state_transitions", "", per.state_transitions),
        ("fsyncs", "", per.fsyncs),
        ("wal_bytes", "bytes", per.wal_bytes),
        ("history_bytes", "bytes", per.history_bytes),
        ("cpu_seconds.frontend", "s", cpu.frontend),
        ("cpu_seconds.history", "s", cpu.history),
        ("cpu_seconds.matching", "s", cpu.matching),
        ("cpu_seconds.database", "s", cpu.database),
    ];
    all.into_iter().filter_map(|(name, unit, value)| Some((name, unit, value?))).collect()
}

fn compare_column(a: &Run, b: &Run, column: &str, tolerances: &Tolerances) -> Option<QuantityComparison> {
    let mean = |run: &Run| {
        let values: Vec<f64> = series::measured(run, column).into_iter().map(|(_, value)| value).collect();
        statistics::mean(&values)
    };
    let (of_a, of_b) = (mean(a)?, mean(b)?);
    let unit = curves::units(a).get(column).copied().unwrap_or("");
    let floor = if unit == "share" { tolerances.utilisation_floor } else { 0.0 };
    let difference = Difference::judge(&of_a, &of_b, tolerances.named(&tolerances.resource, column), floor);
    Some(QuantityComparison {
        group: QuantityGroup::Resource,
        name: column.to_string(),
        unit: unit.to_string(),
        a: of_a,
        b: of_b,
        difference,
    })
}

/// Growth per workflow of what both runs store.
fn compare_storage(a: &Run, b: &Run, tolerances: &Tolerances) -> Vec<QuantityComparison> {
    let of_b: BTreeMap<String, f64> = storage_growth(b).into_iter().collect();
    let both = storage_growth(a).into_iter().filter_map(|(name, of_a)| Some((of_a, *of_b.get(&name)?, name)));
    both.map(|(of_a, of_b, name)| {
        let (of_a, of_b) = (point(of_a), point(of_b));
        let difference = Difference::judge(&of_a, &of_b, tolerances.named(&tolerances.storage, &name), 0.0);
        QuantityComparison { group: QuantityGroup::Storage, name, unit: "bytes".into(), a: of_a, b: of_b, difference }
    })
    .collect()
}
