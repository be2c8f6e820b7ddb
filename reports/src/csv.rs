//! Documents as CSV: one table each, values in base units (seconds, bytes, shares), a header with the unit.

use std::collections::BTreeSet;

use ::csv::Writer;

use crate::compare::{self, Comparison, Difference};
use crate::number;
use crate::plan_document::PlanDocument;
use crate::quantity::Interval;
use crate::rollout_document::RolloutsDocument;
use crate::run_document::{Latencies, Quantiles, RunDocument};
use crate::scaling_document::AutoscaleDocument;
use crate::scenario_document::{FailureImpact, ScenariosDocument};
use crate::sizes;
use crate::sweep_document::SweepDocument;
use crate::text::{judgement, latency_rows, row_judgement};
use crate::validation::Validation;

/// The table of numbers: `number,label,now,horizon,why`, values as people read them.
pub fn plan(document: &PlanDocument) -> String {
    let mut table = Table::new(["number", "label", "now", "horizon", "why"]);
    for row in sizes::rows(document) {
        table.push([row.number, row.label, row.now, row.horizon, row.why]);
    }
    table.finish()
}

/// `fleet,kept,pod_hours,fewest_pods,most_pods,scale_events,reversals,slo_minutes_lost,minutes`: one row per fleet of `plan --autoscale`.
pub fn autoscale(document: &AutoscaleDocument) -> String {
    let mut table = Table::new([
        "fleet",
        "kept",
        "pod_hours",
        "fewest_pods",
        "most_pods",
        "scale_events",
        "reversals",
        "slo_minutes_lost",
        "minutes",
    ]);
    for fleet in &document.fleets {
        let scaling = &fleet.scaling;
        table.push([
            fleet.name.clone(),
            fleet.kept.to_string(),
            scaling.pod_hours.to_string(),
            scaling.fewest_pods.to_string(),
            scaling.most_pods.to_string(),
            (scaling.scale_ups + scaling.scale_downs).to_string(),
            scaling.reversals.to_string(),
            scaling.slo_minutes_lost.to_string(),
            scaling.minutes.to_string(),
        ]);
    }
    table.finish()
}

/// `number,value,low,high`: one row per number of a run; low and high are empty where there is no interval.
pub fn run(document: &RunDocument) -> String {
    let mut table = Table::new(["number", "value", "low", "high"]);
    let mut plain = |name: String, value: f64| table.push([name, value.to_string(), String::new(), String::new()]);
    plain("throughput_per_second".into(), document.throughput_per_second);
    plain("offered_per_second".into(), document.offered_per_second);
    plain("measured_seconds".into(), document.measured_seconds);
    plain("warmup_seconds".into(), document.warmup_seconds);
    let counts = &document.counts;
    for (name, count) in [
        ("offered", counts.offered),
        ("completed", counts.completed),
        ("failed", counts.failed),
        ("unfinished", counts.unfinished),
    ] {
        plain(format!("counts.{name}"), count as f64);
    }
    for (name, _, value) in compare::per_workflow(document) {
        plain(format!("per_workflow.{name}"), value);
    }
    for (resource, share) in &document.utilisation {
        plain(format!("utilisation.{resource}"), *share);
    }
    if let Some(scaling) = &document.scaling {
        for (name, value) in [
            ("pod_hours", scaling.pod_hours),
            ("mean_pods", scaling.mean_pods),
            ("fewest_pods", f64::from(scaling.fewest_pods)),
            ("most_pods", f64::from(scaling.most_pods)),
            ("scale_ups", f64::from(scaling.scale_ups)),
            ("scale_downs", f64::from(scaling.scale_downs)),
            ("reversals", f64::from(scaling.reversals)),
            ("slo_minutes_lost", f64::from(scaling.slo_minutes_lost)),
        ] {
            plain(format!("scaling.{name}"), value);
        }
    }
    for (metric, quantiles) in latency_rows(&document.latency) {
        let empty = String::new;
        table.push([format!("latency.{metric}.samples"), quantiles.samples.to_string(), empty(), empty()]);
        table.push([format!("latency.{metric}.mean"), quantiles.mean.to_string(), empty(), empty()]);
        for (name, interval) in by_name(quantiles) {
            let cells = interval.map_or([empty(), empty(), empty()], |i| {
                [i.estimate.to_string(), i.low.to_string(), i.high.to_string()]
            });
            let [value, low, high] = cells;
            table.push([format!("latency.{metric}.{name}"), value, low, high]);
        }
    }
    table.finish()
}

/// `strategy,taken_back,number,value`: one row per number of each strategy, spans in seconds; empty where there is none.
pub fn rollouts(document: &RolloutsDocument) -> String {
    let mut table = Table::new(["strategy", "taken_back", "number", "value"]);
    for outcome in &document.strategies {
        for (taken_back, rollout) in [("no", &outcome.rollout), ("yes", &outcome.taken_back)] {
            let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            let back = rollout.rollback.as_ref().and_then(|rollback| rollback.back_seconds);
            let mut row = |number: &str, value: String| {
                table.push([outcome.strategy.clone(), taken_back.to_owned(), number.to_owned(), value]);
            };
            row("complete_seconds", optional(rollout.complete_seconds));
            row("gone_seconds", optional(rollout.gone_seconds));
            row("back_seconds", optional(back));
            row("fewest_ready", rollout.pods.fewest_ready.to_string());
            row("most_pods", rollout.pods.most.to_string());
            row("most_pods_with_draining", rollout.pods.most_with_draining.to_string());
            row("pod_hours", rollout.pod_hours.to_string());
            row("extra_pod_hours", rollout.extra_pod_hours.to_string());
            row("activities_cut_off", rollout.activities_cut_off.to_string());
            row("caches_lost", rollout.caches_lost.to_string());
            row("histories_replayed", rollout.histories_replayed.to_string());
            row("new_version_attempts", rollout.new_version_attempts.to_string());
            row("new_version_failed", rollout.new_version_failed.to_string());
        }
    }
    table.finish()
}

/// One row per quantile and number; `judgement` is `ok`, `within chance` or `DIFFERS`.
pub fn comparison(document: &Comparison) -> String {
    let mut table = Table::new([
        "group",
        "name",
        "quantile",
        "unit",
        "a",
        "a_low",
        "a_high",
        "b",
        "b_low",
        "b_high",
        "difference",
        "tolerance",
        "judgement",
    ]);
    let mut push = |place: [String; 4], a: &Interval, b: &Interval, difference: &Difference| {
        let values = [a.estimate, a.low, a.high, b.estimate, b.low, b.high].map(|value| value.to_string());
        let relative = difference.relative.map_or(String::new(), |relative| relative.to_string());
        let rest = [relative, difference.tolerance.to_string(), judgement(difference).to_string()];
        table.push(place.into_iter().chain(values).chain(rest));
    };
    for metric in &document.metrics {
        for q in &metric.quantiles {
            let place = ["latency".into(), metric.metric.clone(), number::quantile(q.quantile), "s".into()];
            push(place, &q.a, &q.b, &q.difference);
        }
    }
    for quantity in &document.quantities {
        let group = quantity.group.heading().to_lowercase().replace(' ', "_");
        let place = [group, quantity.name.clone(), String::new(), quantity.unit.clone()];
        push(place, &quantity.a, &quantity.b, &quantity.difference);
    }
    table.finish()
}

/// One row per number and step; `judgement` is `ok`, `as the runs`, `OUTSIDE` or `not judged`.
pub fn validation(document: &Validation) -> String {
    let mut table = Table::new([
        "group",
        "metric",
        "workflow",
        "ordinal",
        "quantile",
        "unit",
        "predicted",
        "measured",
        "low",
        "high",
        "error",
        "spread",
        "tolerance",
        "judgement",
    ]);
    for row in document.rows.iter().chain(&document.steps) {
        let (low, high) = row.range();
        let optional = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let group = serde_json::to_value(row.group).ok().and_then(|value| value.as_str().map(str::to_string));
        let step = row.step.as_ref();
        table.push([
            group.unwrap_or_default(),
            row.metric.clone(),
            step.map_or(String::new(), |step| step.workflow.clone()),
            step.map_or(String::new(), |step| step.ordinal.to_string()),
            row.quantile.map_or(String::new(), number::quantile),
            row.unit.clone(),
            row.predicted.to_string(),
            row.measured.to_string(),
            low.to_string(),
            high.to_string(),
            optional(row.error),
            optional(row.spread),
            row.tolerance.to_string(),
            row_judgement(row).to_string(),
        ]);
    }
    table.finish()
}

/// One row per failure; `prevention` is what helped most, with its own numbers behind it. Times in seconds from the failure's begin.
pub fn scenarios(document: &ScenariosDocument) -> String {
    let mut header = vec!["failure", "kind", "at_seconds", "for_seconds"];
    header.extend(["backlog_before", "backlog_peak", "backlog_peak_at_seconds", "open_workflows_peak"]);
    header.extend(["slo_minutes_lost", "backlog_gone_seconds", "time_to_recover_seconds"]);
    header.extend(["workflows_failed", "workflows_unfinished", "failed_calls", "retries", "given_up"]);
    header.extend(["prevention", "prevention_backlog_peak", "prevention_slo_minutes_lost"]);
    header.push("prevention_time_to_recover_seconds");
    let mut table = Table::new(header);
    let optional = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for scenario in &document.scenarios {
        let failure = &scenario.failure;
        let (impact, requests, best) = (&failure.impact, &failure.requests, failure.best());
        let of_best = |value: fn(&FailureImpact) -> Option<f64>| optional(best.and_then(|best| value(&best.impact)));
        table.push([
            scenario.name.clone(),
            failure.kind.clone(),
            failure.at_seconds.to_string(),
            failure.for_seconds.to_string(),
            impact.backlog_before.to_string(),
            impact.backlog_peak.to_string(),
            impact.backlog_peak_at_seconds.to_string(),
            impact.open_workflows_peak.to_string(),
            impact.slo_minutes_lost.to_string(),
            optional(impact.backlog_gone_seconds),
            optional(impact.time_to_recover_seconds),
            impact.workflows_failed.to_string(),
            impact.workflows_unfinished.to_string(),
            requests.failed_calls.to_string(),
            requests.retries.to_string(),
            requests.given_up.to_string(),
            best.map_or(String::new(), |best| best.what.clone()),
            of_best(|impact| Some(impact.backlog_peak as f64)),
            of_best(|impact| Some(impact.slo_minutes_lost)),
            of_best(|impact| impact.time_to_recover_seconds),
        ]);
    }
    table.finish()
}

/// One row per point: the varied keys, then throughput, counts, latencies in seconds, utilisation.
pub fn sweep(document: &SweepDocument) -> String {
    let resources: BTreeSet<&String> = document.points.iter().flat_map(|point| point.utilisation.keys()).collect();
    let mut header: Vec<String> = document.vary.clone();
    header.extend(["offered_per_second", "throughput_per_second", "offered", "completed", "failed"].map(String::from));
    header.extend(["unfinished", "slo_met"].map(String::from));
    for metric in METRICS {
        header.extend(["p50", "p90", "p95", "p99"].map(|name| format!("{metric}.{name}_seconds")));
    }
    header.extend(resources.iter().map(|resource| format!("utilisation.{resource}")));
    let mut table = Table::new(header);
    for point in &document.points {
        let mut row = point.settings.clone();
        row.resize(document.vary.len(), String::new());
        row.extend([point.offered_per_second, point.throughput_per_second].map(|value| value.to_string()));
        let counts = &point.counts;
        row.extend([counts.offered, counts.completed, counts.failed, counts.unfinished].map(|count| count.to_string()));
        row.push(point.slo_met.map_or(String::new(), |met| met.to_string()));
        for metric in METRICS {
            let quantiles = of_metric(&point.latency, metric);
            for index in 0..4 {
                let interval = quantiles.and_then(|quantiles| by_name(quantiles)[index].1);
                row.push(interval.map_or(String::new(), |interval| interval.estimate.to_string()));
            }
        }
        for resource in &resources {
            row.push(point.utilisation.get(*resource).map_or(String::new(), |share| share.to_string()));
        }
        table.push(row);
    }
    table.finish()
}

const METRICS: [&str; 4] = ["e2e", "start", "schedule_to_start_workflow", "schedule_to_start_activity"];

fn of_metric<'a>(latency: &'a Latencies, metric: &str) -> Option<&'a Quantiles> {
    latency_rows(latency).into_iter().find(|(name, _)| *name == metric).map(|(_, quantiles)| quantiles)
}

fn by_name(quantiles: &Quantiles) -> [(&'static str, Option<&Interval>); 4] {
    [
        ("p50", quantiles.p50.as_ref()),
        ("p90", quantiles.p90.as_ref()),
        ("p95", quantiles.p95.as_ref()),
        ("p99", quantiles.p99.as_ref()),
    ]
}

/// CSV into memory.
pub(crate) struct Table(Writer<Vec<u8>>);

impl Table {
    pub(crate) fn new<S: AsRef<[u8]>>(header: impl IntoIterator<Item = S>) -> Self {
        let mut table = Table(Writer::from_writer(Vec::new()));
        table.push(header);
        table
    }

    pub(crate) fn push<S: AsRef<[u8]>>(&mut self, row: impl IntoIterator<Item = S>) {
        // A vector takes everything; the only other error is a row of another length, which is a mistake here.
        self.0.write_record(row).expect("rows have the header's length");
    }

    pub(crate) fn finish(self) -> String {
        let bytes = self.0.into_inner().expect("a vector takes everything");
        String::from_utf8(bytes).expect("made of strings")
    }
}
