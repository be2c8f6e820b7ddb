//! From counted workloads to a calibration: costs, their intervals, and how well the model does with them on workloads they were not fitted to.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Profile, Span};
use plimsoll_profiles::units::{Bytes, Nanos};
use plimsoll_sim::temporal::{Metric, Outcome, Process};
use serde::{Deserialize, Serialize};

use super::bench::Measured;
use super::costs::{Estimate, Fit, PROCESSES, Run, counts, work_shares};
use super::counters::Counters;
use super::direct::{Counted, Kept, Value, image_size, values};
use super::speed::{Idle, at_usual_speed, other_speeds, slowness, stolen, usual_speed, with_latencies};
use super::store::Cluster;
use super::workloads::Workload;
use crate::failure::Failure;
use crate::operations::expected::simulated;

/// A workload and what was counted of it, repeat by repeat.
#[derive(Clone, Debug)]
pub struct Repeats {
    /// The workload.
    pub workload: Workload,
    /// Its profile, as the model runs it.
    pub profile: Profile,
    /// What was counted, one for each repeat.
    pub measured: Vec<Measured>,
}

/// A figure of a workload: the model's beside the measured one, per workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The workload.
    pub workload: String,
    /// Whether costs were not fitted to it.
    pub held_out: bool,
    /// What.
    pub figure: String,
    /// By the model, with the new calibration.
    pub model: f64,
    /// The mean over the repeats.
    pub measured: f64,
    /// The lowest and the highest repeat.
    pub range: [f64; 2],
}

impl Figure {
    /// How far the model is off, as a share of what was measured.
    pub fn error(&self) -> f64 {
        if self.measured.abs() < 1e-12 { 0.0 } else { self.model / self.measured - 1.0 }
    }
}

/// Everything a calibration found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Version of the format.
    pub schema_version: u32,
    /// The cluster.
    pub cluster: Cluster,
    /// CPU costs.
    pub costs: Vec<Estimate>,
    /// Costs that are only known together.
    pub pairs: Vec<(String, String, f64)>,
    /// What was measured as it is.
    pub values: Vec<Value>,
    /// What was not measured.
    pub kept: Vec<Kept>,
    /// The model beside the measurements.
    pub quality: Vec<Figure>,
    /// Mean time of an fsync, milliseconds; `None` where PostgreSQL does not time them.
    pub fsync_ms: Option<f64>,
    /// CPU seconds of the canary's computation, its mean in the middle run: costs are those of a machine of this speed. `None` where it was
    /// not run.
    #[serde(default)]
    pub canary: Option<f64>,
    /// The highest rate of starts that the cluster kept up with.
    pub measured_up_to: f64,
    /// What the reader has to know of these measurements.
    pub notes: Vec<String>,
}

/// Workflows that the model runs of a workload: its own noise is small beside the measurement's.
const SIMULATED: f64 = 600.0;
/// Costs change how often a process sleeps when work comes, and so what they are fitted to.
const ROUNDS: u32 = 3;
/// A tick of a workload's end later than this much of its length: it was not carried.
const BEHIND: f64 = 1.35;
/// Other programs that use so much of the busy time make CPU figures say little (as in `benches/src/counts`).
const OTHERS: f64 = 0.2;

/// Fits a calibration to what was counted.
///
/// # Errors
/// When nothing was counted that can be fitted.
pub fn analyse(
    all: &[Repeats],
    idle: &Idle,
    cluster: &Cluster,
    base: &Calibration,
) -> Result<(Findings, Calibration), Failure> {
    let mut notes = Vec::new();
    let flush = fsync_seconds(all);
    let (measured, canary) = (all, usual_speed(all));
    let base = &base_at(base, canary);
    let mut calibration = base.clone();
    let all: Vec<Repeats> = all.iter().map(|one| at_usual_speed(on_this_disk(one, flush), canary)).collect();
    let all = all.as_slice();
    // What is measured as it is comes first: it changes what the model counts.
    let outcomes = simulate_all(all, &calibration);
    let counted: Vec<Counted> = all.iter().zip(&outcomes).flat_map(|(one, outcomes)| counted(one, outcomes)).collect();
    let (values, mut kept) = values(&counted, &idle.at(canary), base, cluster.history_shards);
    values.iter().for_each(|value| put(value, &mut calibration));

    let mut fit = None;
    for _ in 0..ROUNDS {
        let outcomes = simulate_all(all, &calibration);
        let runs: Vec<Run> = measured
            .iter()
            .zip(&outcomes)
            .filter(|(one, _)| !one.workload.held_out)
            .flat_map(|(one, outcomes)| runs(one, &counts(outcomes, &calibration), idle, canary))
            .collect();
        match Fit::of(&runs, base, 1) {
            Ok(found) => {
                found.put_into(&mut calibration);
                fit = Some(found);
            }
            Err(why) => {
                kept.push(Kept {
                    what: "[cpu]".to_owned(),
                    why: format!(
                        "no CPU of the services' and the database's processes was seen on this machine ({why})"
                    ),
                });
                break;
            }
        }
    }
    let outcomes = simulate_all(all, &calibration);
    let image = image_size(&counted.iter().collect::<Vec<_>>()).unwrap_or(FULL_PAGE_IMAGE);
    let quality: Vec<Figure> = measured
        .iter()
        .zip(&outcomes)
        .flat_map(|(one, outcomes)| {
            let shares = work_shares(&counts(outcomes, &calibration), &calibration);
            figures(one, outcomes, &measured_figures(one, idle, image, shares, canary))
        })
        .collect();
    notes.extend(remarks(measured));
    notes.extend(other_speeds(measured, canary));
    notes.extend(stolen(measured));
    let Fit { costs, pairs } = fit.unwrap_or(Fit { costs: Vec::new(), pairs: Vec::new() });
    let findings = Findings {
        schema_version: super::store::SCHEMA_VERSION,
        cluster: cluster.clone(),
        costs,
        pairs,
        values,
        kept,
        quality,
        fsync_ms: flush.map(|seconds| seconds * 1e3),
        canary,
        measured_up_to: carried(all),
        notes,
    };
    Ok((findings, calibration))
}

/// Mean time of an fsync; `None` where PostgreSQL does not time them.
fn fsync_seconds(all: &[Repeats]) -> Option<f64> {
    let sum = |name: &str| -> f64 {
        all.iter().flat_map(|one| &one.measured).filter_map(|one| one.counters.wal.get(name)).sum()
    };
    let (fsyncs, seconds) = (sum("fsyncs"), sum("fsync_seconds"));
    (fsyncs > 0.0 && seconds > 0.0).then(|| seconds / fsyncs)
}

/// The workload on the disk that was measured: how long a flush takes belongs to the cluster and not to the calibration.
fn on_this_disk(one: &Repeats, flush: Option<f64>) -> Repeats {
    let mut one = one.clone();
    if let Some(seconds) = flush {
        one.profile.cluster.database.fsync = Span::MeanCv { mean: Nanos::from_secs_f64(seconds), cv: FLUSHES_VARY };
    }
    one
}

/// Coefficient of variation of a flush on a local disk, as the model assumes it.
const FLUSHES_VARY: f64 = 1.0;

fn simulate_all(all: &[Repeats], calibration: &Calibration) -> Vec<Vec<Outcome>> {
    all.iter()
        .map(|one| {
            let count = f64::from(one.workload.count);
            let replications = (SIMULATED / count).ceil().max(3.0) as u32;
            let mut profile = one.profile.clone();
            profile.workers.sdk_cpu = calibration.generator.unwrap_or(profile.workers.sdk_cpu);
            (0..replications).map(|number| simulated(&profile, one.workload.rate, count, number, calibration)).collect()
        })
        .collect()
}

fn per_workflow(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    let offered: f64 = outcomes.iter().map(|outcome| outcome.counts.offered as f64).sum();
    outcomes.iter().map(of).sum::<f64>() / offered.max(1.0)
}

fn counted(one: &Repeats, outcomes: &[Outcome]) -> Vec<Counted> {
    let closed_runs = per_workflow(outcomes, |outcome| outcome.work.closed_runs as f64);
    let history_bytes = per_workflow(outcomes, |outcome| outcome.work.history_bytes as f64);
    let of = |measured: &Measured| Counted {
        counters: measured.counters.clone(),
        workflows: f64::from(measured.workflows),
        busy_seconds: measured.busy_seconds,
        closed_runs,
        history_bytes,
        one_run: one.workload.one_run,
    };
    one.measured.iter().map(of).collect()
}

fn runs(one: &Repeats, counts: &[f64], idle: &Idle, usual: Option<f64>) -> Vec<Run> {
    let of = |measured: &Measured| {
        let workflows = f64::from(measured.workflows);
        let each = measured.counters.per_workflow(&idle.at(measured.canary), workflows);
        Run {
            counts: counts.to_vec(),
            cpu_ms: PROCESSES.map(|(_, name)| each.cpu.get(name).map(|seconds| seconds * 1e3)),
            workflows,
            slowness: slowness(measured, usual),
        }
    };
    one.measured.iter().map(of).collect()
}

/// Puts a measured value into a calibration, as the file will have it.
fn put(value: &Value, calibration: &mut Calibration) {
    let nanos = |unit: f64| Nanos::from_secs_f64(value.value * unit);
    let bytes = Bytes(value.value.round().max(0.0) as u64);
    let (cpu, statements, wal, stored) =
        (&mut calibration.cpu, &mut calibration.statements, &mut calibration.wal, &mut calibration.bytes);
    match (value.section.as_str(), value.key.as_str()) {
        ("cpu", "idle_frontend") => cpu.idle_frontend = nanos(1e-3),
        ("cpu", "idle_history") => cpu.idle_history = nanos(1e-3),
        ("cpu", "idle_matching") => cpu.idle_matching = nanos(1e-3),
        ("cpu", "idle_worker") => cpu.idle_worker = nanos(1e-3),
        ("cpu", "idle_database") => cpu.idle_database = nanos(1e-3),
        ("statements", "mean") => statements.mean = nanos(1e-6),
        ("statements", "begin") => statements.begin = nanos(1e-6),
        ("statements", "commit") => statements.commit = nanos(1e-6),
        ("statements", "read") => statements.read = nanos(1e-6),
        ("statements", "lock") => statements.lock = nanos(1e-6),
        ("statements", "write") => statements.write = nanos(1e-6),
        ("statements", "range_delete") => statements.range_delete = nanos(1e-6),
        ("wal", "history_node") => wal.history_node = bytes,
        ("wal", "history_tree") => wal.history_tree = bytes,
        ("wal", "executions") => wal.executions = bytes,
        ("wal", "current_executions") => wal.current_executions = bytes,
        ("wal", "task") => wal.task = bytes,
        ("wal", "commit") => wal.commit = bytes,
        ("wal", "visibility") => wal.visibility = bytes,
        ("matching", "poll_forwards_workflow") => calibration.matching.poll_forwards_workflow = value.value,
        ("queues", "checkpoint_interval") => calibration.queues.checkpoint_interval = nanos(1.0),
        ("bytes", "history_node_row") => stored.history_node_row = bytes,
        ("bytes", "history_tree") => stored.history_tree = bytes,
        ("bytes", "visibility_heap") => stored.visibility_heap = bytes,
        ("bytes", "visibility_indexes") => stored.visibility_indexes = bytes,
        _ => {}
    }
}

/// Mean size of a full-page image in the WAL of such runs, where these say nothing of it: as in `sim/tests/temporal_support/shapes.rs`.
const FULL_PAGE_IMAGE: f64 = 4_800.0;

/// What was measured, run by run. CPU is that of a machine of the usual speed: of each process's, the share that is work went by the canary.
/// A run of another speed has no latencies, unless all runs are.
fn measured_figures(
    one: &Repeats,
    idle: &Idle,
    image: f64,
    shares: [f64; PROCESSES.len()],
    usual: Option<f64>,
) -> Vec<Vec<(String, f64)>> {
    let with_latencies = with_latencies(one, usual);
    let of = |(measured, with_latencies): (&Measured, bool)| {
        let mut each = measured.counters.per_workflow(&idle.at(measured.canary), f64::from(measured.workflows));
        for ((_, name), share) in PROCESSES.iter().zip(shares) {
            if let Some(seconds) = each.cpu.get_mut(*name) {
                *seconds /= 1.0 + share * (slowness(measured, usual) - 1.0);
            }
        }
        let mut list = counted_figures(&each, image);
        if with_latencies {
            list.extend([("p50 ms".to_owned(), measured.latency_ms[0]), ("p90 ms".to_owned(), measured.latency_ms[1])]);
        }
        list
    };
    one.measured.iter().zip(with_latencies).map(of).collect()
}

fn counted_figures(each: &Counters, image: f64) -> Vec<(String, f64)> {
    let kinds = each.kinds();
    let calls =
        |name: &str| kinds.iter().filter(|(kind, _)| kind.name() == name).map(|(_, sum)| sum.calls).sum::<f64>();
    let wal = |name: &str| each.wal.get(name).copied().unwrap_or(0.0);
    let mut list = vec![
        ("statements".to_owned(), kinds.values().map(|sum| sum.calls).sum()),
        ("write transactions".to_owned(), calls("commit")),
        ("fsyncs".to_owned(), wal("fsyncs")),
        ("WAL bytes".to_owned(), wal("bytes") - wal("images") * image),
    ];
    for (_, name) in PROCESSES {
        if let Some(seconds) = each.cpu.get(name) {
            list.push((format!("CPU ms {name}"), seconds * 1e3));
        }
    }
    if let Some(transitions) = each.requests.get("state transitions") {
        list.insert(0, ("state transitions".to_owned(), *transitions));
    }
    list
}

fn modelled_figure(outcomes: &[Outcome], figure: &str) -> Option<f64> {
    let each = |of: &dyn Fn(&Outcome) -> f64| Some(per_workflow(outcomes, of));
    let cpu = |process: Process| each(&|outcome| outcome.work.cpu[process as usize].as_secs_f64() * 1e3);
    match figure {
        "state transitions" => each(&|outcome| outcome.work.state_transitions as f64),
        "statements" => each(&|outcome| (outcome.work.statements + outcome.work.visibility_statements) as f64),
        "write transactions" => each(&|outcome| outcome.work.write_transactions as f64),
        "fsyncs" => each(&|outcome| outcome.work.fsyncs as f64),
        "WAL bytes" => each(&|outcome| outcome.work.wal_bytes as f64),
        "CPU ms frontend" => cpu(Process::Frontend),
        "CPU ms history" => cpu(Process::History),
        "CPU ms matching" => cpu(Process::Matching),
        "CPU ms database" => cpu(Process::Database),
        "CPU ms generator" => cpu(Process::Worker),
        "p50 ms" => quantile(outcomes, 0.5),
        "p90 ms" => quantile(outcomes, 0.9),
        _ => None,
    }
}

/// The median over the replications of each run's own quantile (nearest rank): a run too short for its steady state is compared with its like.
fn quantile(outcomes: &[Outcome], q: f64) -> Option<f64> {
    let of = |outcome: &Outcome| {
        let mut values: Vec<u64> = outcome.recorder.values(Metric::EndToEnd)?.collect();
        values.sort_unstable();
        let rank = (q * values.len() as f64).ceil().max(1.0) as usize;
        values.get(rank - 1).map(|value| *value as f64 / 1e6)
    };
    let mut all: Vec<f64> = outcomes.iter().filter_map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

fn figures(one: &Repeats, outcomes: &[Outcome], repeats: &[Vec<(String, f64)>]) -> Vec<Figure> {
    // One with latencies names them all.
    let Some(longest) = repeats.iter().max_by_key(|list| list.len()) else { return Vec::new() };
    longest
        .iter()
        .filter_map(|(figure, _)| {
            let of = |list: &Vec<(String, f64)>| list.iter().find(|(name, _)| name == figure).map(|(_, value)| *value);
            let all: Vec<f64> = repeats.iter().filter_map(of).collect();
            Some(Figure {
                workload: one.workload.name.to_owned(),
                held_out: one.workload.held_out,
                figure: figure.clone(),
                model: modelled_figure(outcomes, figure)?,
                measured: all.iter().sum::<f64>() / all.len() as f64,
                range: [all.iter().copied().fold(f64::MAX, f64::min), all.iter().copied().fold(f64::MIN, f64::max)],
            })
        })
        .collect()
}

/// The base's costs on a machine of the runs' speed, where that of both is known: what the runs do not say is taken from there.
fn base_at(base: &Calibration, canary: Option<f64>) -> Calibration {
    base.clone().on_machine(canary.map(Nanos::from_secs_f64)).unwrap_or_else(|_| base.clone())
}

/// The highest rate at which the workflows ended about as fast as they were started.
fn carried(all: &[Repeats]) -> f64 {
    let was = |one: &&Repeats| {
        let length = f64::from(one.workload.count) / one.workload.rate.as_per_second();
        one.measured.iter().all(|measured| measured.lost == 0 && measured.busy_seconds < length * BEHIND + 1.0)
    };
    all.iter().filter(was).map(|one| one.workload.rate.as_per_second()).fold(0.0, f64::max)
}

fn remarks(all: &[Repeats]) -> Vec<String> {
    let mut notes = Vec::new();
    let disturbed: Vec<&str> = all
        .iter()
        .filter(|one| one.measured.iter().any(|run| run.own_cores < (1.0 - OTHERS) * run.busy_cores - 0.05))
        .map(|one| one.workload.name)
        .collect();
    if !disturbed.is_empty() {
        notes.push(format!(
            "other programs used more than a fifth of the machine's busy time during {} of {} workloads ({}): CPU costs and latencies are theirs, too. \
             Counts, bytes and statements are good. Delete the files of these workloads and run again when the machine is quiet",
            disturbed.len(),
            all.len(),
            disturbed.join(", ")
        ));
    }
    for one in all {
        let lost: u32 = one.measured.iter().map(|measured| measured.lost).sum();
        if lost > 0 {
            notes.push(format!("{}: {lost} workflows were refused or did not end in time", one.workload.name));
        }
    }
    notes
}

/// The worst error of a latency over the workloads that were held out, 0 where none was.
pub fn latency_error(quality: &[Figure]) -> f64 {
    let latencies = quality
        .iter()
        .filter(|figure| figure.held_out && figure.figure.ends_with(" ms") && figure.figure.starts_with('p'));
    latencies.map(|figure| figure.error().abs()).fold(0.0, f64::max)
}

/// The worst error of each figure over the workloads that were held out, in words.
pub fn known_error(quality: &[Figure]) -> String {
    let held: std::collections::BTreeSet<&str> =
        quality.iter().filter(|figure| figure.held_out).map(|figure| figure.workload.as_str()).collect();
    let mut order: Vec<&str> = Vec::new();
    quality.iter().for_each(|figure| {
        if !order.contains(&figure.figure.as_str()) {
            order.push(&figure.figure);
        }
    });
    let worst = |name: &str| {
        let of_this = quality.iter().filter(|figure| figure.held_out && figure.figure == name);
        of_this.map(|figure| figure.error().abs()).reduce(f64::max)
    };
    let words: Vec<String> =
        order.iter().filter_map(|name| Some(format!("{name} {:.0} %", worst(name)? * 100.0))).collect();
    match held.len() {
        0 => "no workload was held out: nothing is known of its error".to_owned(),
        count => format!("On {count} workloads it was not fitted to, the largest error: {}", words.join(", ")),
    }
}
