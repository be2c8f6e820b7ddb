//! A simulation as a run.

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Event, EventKind, Profile, SloTarget};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::quantity::Interval;
use plimsoll_reports::run_dir::{Phase, Scenario};
use plimsoll_reports::run_document::{
    Counts, CpuSeconds, Latencies, PerWorkflow, Quantiles, RUN_SCHEMA_VERSION, Requests, RunDocument, RunKind,
};
use plimsoll_sim::planner::{self, LONGEST_WAIT, PEAK_WINDOW, metric};
use plimsoll_sim::scenarios::Case;
use plimsoll_sim::temporal::{
    EndedEarly, Load, Metric, Outcome, Process, Program, Promise, Settings, SystemSize, Work, is_cloud,
    simulate_with_steps,
};

use super::autoscale;
use super::plan::{latency_curves, span_label};
use super::series::{columns, intervals, mean_rows, resources};
use super::{LoadWindow, ModelError, SimulateSettings, SimulatedRun, Watcher, rollout, scenarios, words};

/// A schedule that starts more workflows than this is cut to its peak, unless the whole is asked for.
const MOST_WORKFLOWS: f64 = 30_000.0;
/// The same where the fleet follows the load: what happens between the peaks is the question.
const MOST_AUTOSCALED: f64 = 120_000.0;
/// Intervals of a run, at most.
const MOST_INTERVALS: u64 = 600;
/// The same where events make short peaks.
const MOST_INTERVALS_WITH_EVENTS: u64 = 2_400;
/// Open workflows finish after the last start; those that take longer are reported as unfinished.
const DRAIN: Nanos = Nanos::from_secs(1_800);
/// A load that is sent to a cluster is simulated until so many workflows were started, by replications with the same intended times: what is compared with
/// the cluster is what the model expects, not one draw of it.
const POOLED_WORKFLOWS: f64 = 8_000.0;
/// Replications, at most.
const MOST_REPLICATIONS: u32 = 16;
/// Waits of a run that is sent to a cluster, or in which pods come and go, are waited for, and time-outs that outlive it cost it nothing.
const WAITED_FOR: Nanos = Nanos::from_secs(365 * 86_400);

/// Simulates the profile on its cluster.
///
/// # Errors
/// When the schedule starts nothing, or when interrupted before anything was measured.
pub fn run(
    profile: &Profile,
    calibration: &Calibration,
    settings: &SimulateSettings,
    watcher: &dyn Watcher,
) -> Result<SimulatedRun, ModelError> {
    let cancelled = &|| watcher.is_cancelled();
    let mut warnings = Vec::new();
    let (profile, cut_off) = shortened(profile, settings.whole, &mut warnings);
    let profile = autoscale::with_first_pods(&profile);
    let size = sized(&profile, calibration, settings.seed, cancelled, &mut warnings);
    let duration = profile.arrivals.duration();
    let warmup = warmup(&profile);
    let measured = duration.saturating_sub(warmup);
    scenarios::unseen(&profile, warmup, &mut warnings);
    let longest_wait = if profile.rollout.is_some() { WAITED_FOR } else { LONGEST_WAIT };
    let by_minutes = !profile.events.is_empty();
    let stretch = Stretch { warmup, measured, longest_wait, replications: 1, by_minutes };
    let mut run = simulated(&profile, calibration, size, settings.seed, stretch, warnings, cancelled)?;
    run.scenario.begins_at_seconds = 0.0 - cut_off.as_secs_f64();
    if by_minutes && !watcher.is_cancelled() {
        let case = Case { profile, size };
        let simulation = simulation(settings.seed, stretch);
        run.document.failures = scenarios::of_run(&case, calibration, simulation, settings.threads.get(), watcher);
    }
    Ok(run)
}

/// Until workflows that were started at the begin are over, a fifth of the schedule at most.
fn warmup(profile: &Profile) -> Nanos {
    let residence = Program::of(profile).mean_residence(profile, LONGEST_WAIT);
    Nanos(profile.arrivals.duration().0 / 5).min(Nanos(residence.0 * 5 / 4) + Nanos::from_secs(1))
}

/// The sizes and settings with which a profile's rollouts are simulated: its whole schedule.
pub fn rollout_settings(
    profile: &Profile,
    calibration: &Calibration,
    seed: u64,
    cancelled: &(dyn Fn() -> bool + Sync),
    warnings: &mut Vec<String>,
) -> (SystemSize, Settings) {
    let size = sized(profile, calibration, seed, cancelled, warnings);
    let warmup = warmup(profile);
    let measured = profile.arrivals.duration().saturating_sub(warmup);
    let stretch = Stretch { warmup, measured, longest_wait: WAITED_FOR, replications: 1, by_minutes: false };
    (size, simulation(seed, stretch))
}

/// Simulates what a load generator sends: all of it up to the end of the window, with the same intended times.
///
/// # Errors
/// As [`run`].
pub fn load(
    profile: &Profile,
    calibration: &Calibration,
    window: &LoadWindow,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<SimulatedRun, ModelError> {
    let mut profile = autoscale::with_first_pods(profile);
    let until = window.until.min(profile.arrivals.duration());
    if until < profile.arrivals.duration()
        && let Some(sent) = profile.arrivals.window(Nanos::ZERO, until)
    {
        profile.arrivals = sent;
    }
    // Ramp and warm-up come before the schedule that events are counted from.
    profile.events.iter_mut().for_each(|event| event.at += window.measured_from);
    profile.rollout.iter_mut().for_each(|rollout| rollout.at += window.measured_from);
    let mut warnings = Vec::new();
    let size = sized(&profile, calibration, window.seed, cancelled, &mut warnings);
    let warmup = window.measured_from.min(until);
    let expected = profile.arrivals.mean_rate().as_per_second() * until.as_secs_f64();
    let replications = (POOLED_WORKFLOWS / expected.max(1.0)).ceil().clamp(1.0, f64::from(MOST_REPLICATIONS)) as u32;
    let measured = until.saturating_sub(warmup);
    let stretch = Stretch { warmup, measured, longest_wait: WAITED_FOR, replications, by_minutes: false };
    let mut run = simulated(&profile, calibration, size, window.seed, stretch, warnings, cancelled)?;
    run.scenario.begins_at_seconds = window.measured_from.as_secs_f64();
    Ok(run)
}

/// What of the schedule is measured, and how long a wait of a workflow holds the simulation up.
#[derive(Clone, Copy)]
struct Stretch {
    warmup: Nanos,
    measured: Nanos,
    longest_wait: Nanos,
    /// Runs with the same intended times, counted together.
    replications: u32,
    /// Intervals divide a minute.
    by_minutes: bool,
}

fn simulation(seed: u64, stretch: Stretch) -> Settings {
    let Stretch { warmup, measured, longest_wait, by_minutes, .. } = stretch;
    let second = Nanos::from_secs(1);
    // A load that ends before anything of it is measured has one interval, not one per nanosecond.
    let longest = if measured > Nanos::ZERO { measured } else { second };
    let most = if by_minutes { MOST_INTERVALS_WITH_EVENTS } else { MOST_INTERVALS };
    let interval = Nanos(measured.0.div_ceil(most)).max(second);
    let interval = if by_minutes { plimsoll_sim::scenarios::interval(interval) } else { interval };
    Settings {
        seed,
        replication: 0,
        load: Load::Schedule,
        warmup,
        measured,
        drain: DRAIN,
        interval: interval.min(longest),
        sample: true,
        filled_at: Nanos::ZERO,
        longest_wait,
        retention_deletes: false,
        max_events: u64::MAX,
        max_open: 2_000_000,
    }
}

fn simulated(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    seed: u64,
    stretch: Stretch,
    mut warnings: Vec<String>,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<SimulatedRun, ModelError> {
    let Stretch { warmup, measured, replications, .. } = stretch;
    let simulation = simulation(seed, stretch);
    let interval = simulation.interval;
    let fails = |event: &Event| !matches!(event.kind, EventKind::WorkersStop { .. } | EventKind::Burst { .. });
    let held_up = profile.events.iter().any(fails);
    let mut outcome = simulate_with_steps(profile, calibration, size, simulation, cancelled);
    let counts = (outcome.counts, outcome.unfinished);
    let mut rows = vec![resources(&outcome.samples, interval, held_up)];
    for replication in 1..replications {
        if outcome.ended_early.is_some() {
            break;
        }
        let settings = Settings { replication, ..simulation };
        let more = simulate_with_steps(profile, calibration, size, settings, cancelled);
        rows.push(resources(&more.samples, interval, held_up));
        outcome.merge(more);
    }
    if outcome.counts.offered == 0 {
        if outcome.ended_early == Some(EndedEarly::Cancelled) {
            return Err(ModelError::Cancelled);
        }
        return Err(ModelError::Unsupported(
            "the arrival schedule starts no workflow; give its phases a rate or make them longer".to_owned(),
        ));
    }
    warn(&outcome, &mut warnings);
    let rollout = profile
        .rollout
        .as_ref()
        .and_then(|rollout| rollout::summary(rollout, outcome.size.workers.pods.count, &outcome, warmup, interval));
    warnings.extend(rollout.as_ref().and_then(rollout::warning));
    let scaling = autoscale::scaling(profile, &outcome, (warmup, measured), interval);
    let document = document(profile, calibration, &outcome, (seed, warmup, measured), counts, warnings);
    Ok(SimulatedRun {
        document: RunDocument { rollout, scaling, ..document },
        slo_met: slo_met(profile, &outcome),
        phases: phases(profile),
        versions: BTreeMap::from([
            ("temporal".to_owned(), profile.cluster.temporal_version.clone()),
            ("database".to_owned(), profile.cluster.database.engine.clone()),
            ("calibration".to_owned(), calibration.name.clone()),
        ]),
        intervals: intervals(&outcome, warmup, interval),
        resource_columns: columns(held_up),
        resources: mean_rows(rows),
        scenario: Scenario::default(),
        steps: outcome.steps,
    })
}

/// A long schedule's stretch around its peak, and how much of the schedule comes before it.
pub(super) fn shortened(profile: &Profile, whole: bool, warnings: &mut Vec<String>) -> (Profile, Nanos) {
    let mut profile = profile.clone();
    let expected = profile.arrivals.mean_rate().as_per_second() * profile.arrivals.duration().as_secs_f64();
    let most = if profile.autoscaler.is_some() { MOST_AUTOSCALED } else { MOST_WORKFLOWS };
    // A rollout lasts as long as it lasts.
    if whole || expected <= most || profile.rollout.is_some() {
        return (profile, Nanos::ZERO);
    }
    let peak = profile.arrivals.peak(PEAK_WINDOW);
    let length = Nanos::from_secs_f64(most / 2.0 / peak.rate.as_per_second().max(1e-9));
    let end = profile.arrivals.duration();
    let start = Nanos((peak.start.0 + PEAK_WINDOW.0 / 2).saturating_sub(length.0 / 2)).min(end.saturating_sub(length));
    if let Some(stretch) = profile.arrivals.window(start, start + length) {
        warnings.push(format!(
            "simulated {} around the schedule's peak (from {} on); --whole simulates all {} of it, about {} workflows",
            span_label(length),
            span_label(start),
            span_label(end),
            plimsoll_reports::number::large_count(expected as u64)
        ));
        profile.arrivals = stretch;
        let within = |event: &Event| event.at >= start && event.at < start + length;
        let left_out = profile.events.iter().filter(|event| !within(event)).count();
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} of {} events begin outside the simulated stretch and are left out; --whole simulates them",
                profile.events.len()
            ));
        }
        profile.events.retain(within);
        profile.events.iter_mut().for_each(|event| event.at = event.at.saturating_sub(start));
        return (profile, start);
    }
    (profile, Nanos::ZERO)
}

/// The sizes the profile gives; what it leaves open as the utilisation law asks for.
pub(super) fn sized(
    profile: &Profile,
    calibration: &Calibration,
    seed: u64,
    cancelled: &(dyn Fn() -> bool + Sync),
    warnings: &mut Vec<String>,
) -> SystemSize {
    let services = &profile.cluster.services;
    let open = [services.frontend.pods, services.history.pods, services.matching.pods, profile.workers.pods];
    let database_open = profile.cluster.database.vcpu.is_none() || profile.cluster.history_shards.is_none();
    if !open.contains(&None) && !database_open {
        return SystemSize::of(profile);
    }
    let size = planner::provision(profile, calibration, seed, cancelled);
    let workers = format!("{} worker pods", size.workers.pods.count);
    let server = format!(
        ", {} frontend, {} history, {} matching pods, {} shards, {} database cores",
        size.frontend.count,
        size.history.count,
        size.matching.count,
        size.history_shards,
        size.database.get()
    );
    let server = if is_cloud(profile) { String::new() } else { server };
    warnings.push(format!(
        "the profile leaves sizes open; simulated with {workers}{server}: at most 70 % busy at the peak, one pod of each kind spare"
    ));
    size
}

fn warn(outcome: &Outcome, warnings: &mut Vec<String>) {
    match outcome.ended_early {
        Some(EndedEarly::Overloaded) => {
            warnings.push("ended early: the system does not keep up with the load".to_owned())
        }
        Some(EndedEarly::Cancelled) => warnings.push("interrupted: shorter than the schedule".to_owned()),
        Some(EndedEarly::Events) => warnings.push("ended early at the limit of events".to_owned()),
        None if outcome.unfinished > 0 => {
            warnings.push(format!(
                "{} workflows were still running {} after the last start",
                outcome.unfinished,
                span_label(DRAIN)
            ));
        }
        None => {}
    }
}

fn document(
    profile: &Profile,
    calibration: &Calibration,
    outcome: &Outcome,
    (seed, warmup, measured): (u64, Nanos, Nanos),
    (counts, unfinished): (plimsoll_sim::temporal::Counts, u64),
    warnings: Vec<String>,
) -> RunDocument {
    let (work, workflows) = outcome.work_and_workflows();
    let per = |count: u64| Some(count as f64 / workflows.max(1.0));
    let cpu = |process: Process| Some(work.cpu[process as usize].as_secs_f64() / workflows.max(1.0));
    let requests = |process: Process| {
        let mut methods = work.requests.by_method(process, calibration);
        methods.values_mut().for_each(|count| *count /= workflows.max(1.0));
        methods
    };
    let latency = |metric: Metric| quantiles(outcome, metric);
    RunDocument {
        schema_version: RUN_SCHEMA_VERSION,
        kind: RunKind::Simulated,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        seed,
        steady_state: None,
        per_workflow: PerWorkflow {
            statements: per(work.statements + work.visibility_statements),
            write_transactions: per(work.write_transactions),
            state_transitions: per(work.state_transitions),
            fsyncs: per(work.fsyncs),
            wal_bytes: per(work.wal_bytes),
            history_bytes: per(work.history_bytes),
            table_bytes: table_bytes(work, calibration, workflows),
            cpu_seconds: CpuSeconds {
                frontend: cpu(Process::Frontend),
                history: cpu(Process::History),
                matching: cpu(Process::Matching),
                database: cpu(Process::Database),
            },
            requests: Requests {
                frontend: requests(Process::Frontend),
                history: requests(Process::History),
                matching: requests(Process::Matching),
            },
        },
        latency: Latencies {
            e2e: latency(Metric::EndToEnd),
            start: latency(Metric::Start),
            schedule_to_start_workflow: latency(Metric::ScheduleToStartWorkflow),
            schedule_to_start_activity: latency(Metric::ScheduleToStartActivity),
            further: BTreeMap::new(),
        },
        latency_curves: latency_curves(outcome),
        throughput_per_second: outcome.throughput(),
        offered_per_second: outcome.measured_offered as f64 / outcome.measured.as_secs_f64(),
        counts: Counts {
            offered: counts.offered,
            completed: counts.completed,
            failed: counts.failed,
            unfinished,
            unsent: 0,
        },
        utilisation: utilisation(profile, outcome),
        rollout: None,
        measured_seconds: measured.as_secs_f64(),
        warmup_seconds: warmup.as_secs_f64(),
        events_simulated: outcome.events,
        failures: Vec::new(),
        not_modelled: words::not_modelled(profile),
        scaling: None,
        warnings,
    }
}

/// Growth of the tables whose rows the calibration knows, by name.
fn table_bytes(work: &Work, calibration: &Calibration, workflows: f64) -> BTreeMap<String, f64> {
    let rows = work.history_rows as f64 * calibration.bytes.history_node_row.0 as f64;
    let tables = [
        ("history_node", work.history_bytes as f64 + rows),
        ("executions", work.closed_runs as f64 * calibration.bytes.executions.0 as f64),
    ];
    let grown = tables.into_iter().filter(|(_, bytes)| *bytes > 0.0);
    grown.map(|(table, bytes)| (table.to_owned(), bytes / workflows.max(1.0))).collect()
}

fn quantiles(outcome: &Outcome, metric: Metric) -> Option<Quantiles> {
    let histogram = outcome.recorder.total(metric);
    let mean = histogram.mean()?.as_secs_f64();
    let quantile = |q: f64| {
        let interval = outcome.quantile(metric, q)?;
        Some(Interval { estimate: interval.estimate, low: interval.low.max(0.0), high: interval.high })
    };
    Some(Quantiles {
        samples: histogram.count(),
        mean,
        p50: quantile(0.5),
        p90: quantile(0.9),
        p95: quantile(0.95),
        p99: quantile(0.99),
        p999: None,
        effective_samples: None,
    })
}

fn utilisation(profile: &Profile, outcome: &Outcome) -> BTreeMap<String, f64> {
    let u = &outcome.utilisation;
    let mut list = vec![
        ("worker_cpu", u.workers),
        ("worker_activity_slots", u.activity_slots),
        ("worker_workflow_task_slots", u.workflow_task_slots),
    ];
    if !is_cloud(profile) {
        list.extend([
            ("frontend_cpu", u.frontend),
            ("history_cpu", u.history),
            ("matching_cpu", u.matching),
            ("database_cpu", u.database),
            ("history_shard_permit_busiest", u.history_shard),
            ("history_connections", u.connections),
            ("wal_flush", u.wal),
        ]);
        let visibility = ("visibility_database_cpu", u.visibility_database);
        let bouncer = ("pgbouncer_connections", u.server_connections);
        list.extend([visibility, bouncer].into_iter().filter(|(_, used)| *used > 0.0));
    }
    list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `None` where nothing was broken and some promise was not put to the test: nothing of its kind happened.
fn slo_met(profile: &Profile, outcome: &Outcome) -> Option<bool> {
    let happened = |target: &&SloTarget| outcome.recorder.total(metric(target.metric)).count() > 0;
    let mut met = true;
    for target in profile.slo.targets.iter().filter(happened) {
        match outcome.promise(metric(target.metric), target.quantile, target.limit) {
            Promise::Kept => {}
            Promise::Broken => met = false,
            Promise::Undecided => {
                let interval = outcome.quantile(metric(target.metric), target.quantile)?;
                met &= interval.estimate <= target.limit.as_secs_f64();
            }
        }
    }
    (!met || profile.slo.targets.iter().all(|target| happened(&target))).then_some(met)
}

fn phases(profile: &Profile) -> Vec<Phase> {
    let mut start = 0.0;
    let mut list = Vec::new();
    for (index, phase) in profile.arrivals.phases.iter().enumerate() {
        let end = start + phase.duration.as_secs_f64();
        list.push(Phase { name: format!("phase {}", index + 1), start_seconds: start, end_seconds: end });
        start = end;
    }
    list
}
