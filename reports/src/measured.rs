//! The results of a measured run, from what its directory holds.
//!
//! The same function makes the summary that the load generator writes at the end of a run, and the one that a report
//! shows of a run that was killed.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare;
use crate::compare::statistics;
use crate::quantity::{Interval, QuantileCurve};
use crate::run_dir::{Buckets, IntervalHistogram, Measurement, Run, SamplerProblem, columns};
use crate::run_document::{
    Counts, CpuSeconds, Latencies, PerWorkflow, Quantiles, RUN_SCHEMA_VERSION, Requests, RunDocument, RunKind,
    SteadyState,
};

/// The metric of the interval log that tells how late starts were sent: of the generator, not of the target.
pub const DISPATCH_LAG: &str = "dispatch_lag";

/// Under overload, a latency whose median moves by more than this share, from the first third of the window to the last,
/// grows with the queue; others (a start call that another resource answers) do not (own choice, as the verdict's drift).
pub const MOVED: f64 = 0.20;

/// The results of a measured run; `None` where the manifest has no measurement, as that of a simulated run.
///
/// Latencies, rates, utilisation and numbers per workflow are over the measured window of the measurement, counts over
/// the whole run. Quantiles come with the 95 % intervals of [`statistics`], and are absent where fewer than ten
/// samples lie beyond them. Where the target was overloaded, latencies grow as long as the load lasts, and no
/// quantile of them is defined: those whose median moved by more than [`MOVED`] get none.
pub fn summarise(run: &Run, steady_state: SteadyState) -> Option<RunDocument> {
    let measurement = run.manifest.measurement.as_ref()?;
    let metrics: Vec<&str> = run.metrics().into_iter().filter(|metric| *metric != DISPATCH_LAG).collect();
    let mut latency = Latencies::default();
    let mut latency_curves = Vec::new();
    for metric in metrics {
        let Some(quantiles) = quantiles(run, metric, steady_state) else { continue };
        latency_curves.push(curve(run, metric));
        match metric {
            "e2e.response" => latency.e2e = Some(quantiles),
            "start.response" | "start" => latency.start = Some(quantiles),
            "schedule_to_start.workflow" => latency.schedule_to_start_workflow = Some(quantiles),
            "schedule_to_start.activity" => latency.schedule_to_start_activity = Some(quantiles),
            other => {
                latency.further.insert(other.to_owned(), quantiles);
            }
        }
    }
    let counts = &measurement.counts;
    // A run that was killed has less than it wanted.
    let last =
        run.intervals.iter().map(|interval| (interval.start + interval.length).as_secs_f64()).fold(0.0, f64::max);
    let seconds = (measurement.window.end_seconds.min(last) - measurement.window.start_seconds).max(0.0);
    let throughput = mean(run, columns::COMPLETED).or_else(|| {
        let completed = latency.e2e.as_ref()?.samples;
        (seconds > 0.0).then(|| completed as f64 / seconds)
    });
    let throughput_per_second = throughput.unwrap_or(0.0);
    Some(RunDocument {
        schema_version: RUN_SCHEMA_VERSION,
        kind: RunKind::Measured,
        profile: run.manifest.profile_name.clone(),
        cluster: run.manifest.cluster_name.clone(),
        seed: run.manifest.seed,
        steady_state: Some(steady_state),
        per_workflow: per_workflow(run, measurement, throughput_per_second),
        latency,
        latency_curves,
        throughput_per_second,
        offered_per_second: mean(run, columns::OFFERED).unwrap_or(0.0),
        counts: Counts {
            offered: counts.offered,
            completed: counts.completed,
            failed: counts.failed,
            unfinished: counts.unfinished,
            unsent: counts.unsent,
        },
        utilisation: utilisation(run, measurement),
        measured_seconds: seconds,
        warmup_seconds: measurement.window.start_seconds,
        events_simulated: 0,
        scaling: None,
        not_modelled: Vec::new(),
        warnings: warnings(measurement),
    })
}

fn quantiles(run: &Run, metric: &str, steady_state: SteadyState) -> Option<Quantiles> {
    let intervals: Vec<&Buckets> = run.measured(metric).into_iter().map(|interval| &interval.buckets).collect();
    let all = Buckets::merged(intervals.iter().copied());
    let mean = all.mean()? / 1e9;
    let estimate = |q: f64| statistics::observed_quantile(&intervals, &all, q);
    let defined = steady_state != SteadyState::Overloaded || !moved(run, metric);
    let interval =
        |q: f64| -> Option<Interval> { defined.then(|| estimate(q)).flatten().map(|estimate| estimate.seconds) };
    Some(Quantiles {
        samples: all.total(),
        mean,
        p50: interval(0.5),
        p90: interval(0.9),
        p95: interval(0.95),
        p99: interval(0.99),
        p999: interval(0.999),
        effective_samples: estimate(0.5).map(|estimate| estimate.effective_samples),
    })
}

/// Whether the median of the window's last third is far from that of its first.
fn moved(run: &Run, metric: &str) -> bool {
    let intervals = run.measured(metric);
    let third = intervals.len() / 3;
    let median = |part: &[&IntervalHistogram]| {
        Buckets::merged(part.iter().map(|interval| &interval.buckets)).quantile(0.5).map(|nanos| nanos as f64)
    };
    match (median(&intervals[..third]), median(&intervals[intervals.len() - third..])) {
        (Some(first), Some(last)) => (last / first.max(1.0) - 1.0).abs() > MOVED,
        _ => true,
    }
}

fn curve(run: &Run, metric: &str) -> QuantileCurve {
    compare::curve(metric, &run.merged(metric))
}

/// Mean of a column over the measured window.
fn mean(run: &Run, column: &str) -> Option<f64> {
    let (begin, end) = run.window();
    let values: Vec<f64> = run
        .resources
        .column(column)
        .into_iter()
        .filter(|(seconds, _)| *seconds > begin.as_secs_f64() && *seconds <= end.as_secs_f64())
        .map(|(_, value)| value)
        .collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What the resource columns say per completed workflow, the idle baseline subtracted.
fn per_workflow(run: &Run, measurement: &Measurement, throughput: f64) -> PerWorkflow {
    let each = |column: &str| {
        let idle = measurement.idle_baseline.get(column).copied().unwrap_or(0.0);
        let loaded = mean(run, column)?;
        (throughput > 0.0).then(|| (loaded - idle).max(0.0) / throughput)
    };
    PerWorkflow {
        statements: each("statements"),
        write_transactions: each("write_transactions"),
        state_transitions: each("state_transitions"),
        fsyncs: each("fsyncs"),
        wal_bytes: each("wal_bytes"),
        history_bytes: each("history_bytes"),
        table_bytes: BTreeMap::new(),
        cpu_seconds: CpuSeconds {
            frontend: each("frontend_cpu"),
            history: each("history_cpu"),
            matching: each("matching_cpu"),
            database: each("database_cpu"),
        },
        requests: Requests::default(),
    }
}

/// Columns that are shares, and the generator's own CPU.
fn utilisation(run: &Run, measurement: &Measurement) -> BTreeMap<String, f64> {
    let names: BTreeSet<&str> = run
        .manifest
        .resources
        .iter()
        .filter(|column| column.unit == "share")
        .map(|column| column.name.as_str())
        .collect();
    let mut usage: BTreeMap<String, f64> =
        names.into_iter().filter_map(|name| Some((name.to_owned(), mean(run, name)?))).collect();
    if let Some(cpu) = measurement.generator_cpu.filter(|cpu| cpu.limit_cores > 0.0) {
        usage.insert(columns::GENERATOR_CPU.to_owned(), cpu.mean_cores / cpu.limit_cores);
    }
    usage
}

fn warnings(measurement: &Measurement) -> Vec<String> {
    let problem = |failed: &SamplerProblem| {
        let times = if failed.times == 1 { "once".to_owned() } else { format!("{} times", failed.times) };
        format!("the sampler {} failed {times}: {}", failed.sampler, failed.problem)
    };
    measurement.sampler_problems.iter().map(problem).collect()
}
