//! Rollouts of a new worker version: what they did, and the three strategies beside each other.

use plimsoll_profiles::profile::{Rollout, RolloutStrategy};
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{Document, World};
use plimsoll_reports::rollout_document::{
    PodBounds, ROLLOUTS_SCHEMA_VERSION, RollbackDocument, RolloutDocument, RolloutLatency, RolloutMilestone,
    RolloutQuantiles, RolloutsDocument, SourceRow, StrategyOutcome,
};
use plimsoll_sim::engine::LatencyHistogram;
use plimsoll_sim::temporal::{
    FleetPlan, FleetRecord, ForcedRollback, Latencies, Metric, Milestone, Outcome, simulate_with_fleet,
};

use super::{ModelError, SimulateSettings, Watcher, simulate};
use crate::rules::strategy;

/// The latencies that a rollout may change, by their names in documents.
const METRICS: [Metric; 3] = [Metric::EndToEnd, Metric::ScheduleToStartWorkflow, Metric::ScheduleToStartActivity];

/// The three strategies on one profile, each as the profile describes it and taken back when the new version is first out.
///
/// # Errors
/// When the profile has no `[rollout]`, or as [`super::simulate`].
pub fn rollouts(
    document: &Document,
    settings: &SimulateSettings,
    watcher: &dyn Watcher,
) -> Result<RolloutsDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let Some(rollout) = profile.rollout.clone() else {
        return Err(ModelError::Unsupported(
            "the profile has no [rollout]: add one with at least strategy = \"rolling\" (or \"blue_green\", \"canary\"), \
             and say when it begins with at = \"5min\""
                .to_owned(),
        ));
    };
    let calibration = super::calibration(document, &profile)?;
    let cancelled = || watcher.is_cancelled();
    let mut warnings = Vec::new();
    let (size, engine) = simulate::rollout_settings(&profile, &calibration, settings.seed, &cancelled, &mut warnings);
    let replicas = size.workers.pods.count;
    let mut strategies = Vec::new();
    for strategy in RolloutStrategy::ALL {
        let rollout = Rollout { strategy, ..rollout.clone() };
        let run = |forced| {
            watcher.say(&format!(
                "simulating {}{}",
                strategy.name(),
                if forced == ForcedRollback::No { "" } else { ", taken back" }
            ));
            let plan = FleetPlan::of_rollout(&rollout, replicas, forced);
            let outcome = simulate_with_fleet(&profile, &calibration, size, engine, plan, &cancelled);
            if watcher.is_cancelled() {
                return Err(ModelError::Cancelled);
            }
            summary(&rollout, replicas, &outcome, engine.warmup, engine.interval).ok_or(ModelError::Cancelled)
        };
        let (plain, taken_back) = (run(ForcedRollback::No)?, run(ForcedRollback::WhenFirstOut)?);
        warnings.extend(warning(&plain).map(|warning| format!("{}: {warning}", strategy.name())));
        strategies.push(StrategyOutcome {
            strategy: strategy.name().to_owned(),
            source: source_row(strategy),
            rollout: plain,
            taken_back,
        });
    }
    Ok(RolloutsDocument {
        schema_version: ROLLOUTS_SCHEMA_VERSION,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        seed: settings.seed,
        replicas,
        chosen: rollout.strategy.name().to_owned(),
        strategies,
        warnings,
    })
}

fn source_row(strategy: RolloutStrategy) -> SourceRow {
    let row = strategy::matrix_row(strategy.name());
    SourceRow {
        complexity: row.complexity.to_owned(),
        rollback_speed: row.rollback_speed.to_owned(),
        resource_cost: row.resource_cost.to_owned(),
        risk: row.risk.to_owned(),
        best_for: row.best_for.join(", "),
        temporal_feature: row.temporal_feature.to_owned(),
    }
}

/// What the reader of a rollout should know.
pub fn warning(rollout: &RolloutDocument) -> Option<String> {
    if rollout.milestones.is_empty() {
        return Some(
            "the run ended before the rollout began: make the arrival schedule longer, or `at` earlier".to_owned(),
        );
    }
    let is_over = rollout.gone_seconds.is_some();
    (!is_over).then(|| {
        "the run ended before the rollout was over: make the arrival schedule longer, or the rollout's waits shorter"
            .to_owned()
    })
}

/// What a rollout did in a run.
pub fn summary(
    rollout: &Rollout,
    replicas: u32,
    outcome: &Outcome,
    warmup: Nanos,
    interval: Nanos,
) -> Option<RolloutDocument> {
    let record = outcome.fleet.as_ref()?;
    let when = |is: &dyn Fn(&Milestone) -> bool| {
        record.milestones.iter().find(|(_, milestone)| is(milestone)).map(|(at, _)| *at)
    };
    let begins = when(&|m| *m == Milestone::Begins).unwrap_or(rollout.at);
    // Of a rolling update that is taken back, the old pods are gone first and the new ones later.
    let gone = record.milestones.iter().rfind(|(_, m)| *m == Milestone::Gone).map(|(at, _)| *at);
    let until = gone.unwrap_or(record.end).max(begins);
    let since = |at: Nanos| at.saturating_sub(begins).as_secs_f64();
    let rolls_back = record.milestones.iter().find_map(|(at, milestone)| match milestone {
        Milestone::RollsBack { why } => Some((*at, why.clone())),
        _ => None,
    });
    let back = when(&|m| *m == Milestone::RolledBack);
    let pod_hours = record.pod_hours(begins, until);
    let waits: Vec<f64> = record.cut.iter().map(|cut| (cut.noticed - cut.at).as_secs_f64()).collect();
    Some(RolloutDocument {
        strategy: rollout.strategy.name().to_owned(),
        replicas,
        begins_seconds: begins.as_secs_f64(),
        complete_seconds: when(&|m| *m == Milestone::Complete).map(since),
        gone_seconds: gone.map(since),
        rollback: rolls_back.map(|(at, why)| RollbackDocument {
            decided_seconds: since(at),
            why,
            back_seconds: back.map(|back| (back - at).as_secs_f64()),
        }),
        pods: pods(record, begins, until),
        pod_hours,
        extra_pod_hours: pod_hours - f64::from(replicas) * since(until) / 3_600.0,
        activities_cut_off: record.cut.len() as u64,
        mean_wait_for_retry_seconds: (!waits.is_empty()).then(|| waits.iter().sum::<f64>() / waits.len() as f64),
        activities_lost_on_their_way: record.lost_on_their_way,
        workflow_tasks_lost: record.tasks_lost,
        caches_lost: record.caches_lost,
        histories_replayed: record.replays.iter().filter(|at| (begins..=until).contains(at)).count() as u64,
        new_version_attempts: record.attempts[1],
        new_version_failed: record.failed_attempts[1],
        milestones: record
            .milestones
            .iter()
            .map(|(at, milestone)| RolloutMilestone { at_seconds: at.as_secs_f64(), what: milestone.to_string() })
            .collect(),
        latency: METRICS
            .into_iter()
            .filter_map(|metric| latency(metric, outcome, warmup, interval, begins, until))
            .collect(),
    })
}

fn pods(record: &FleetRecord, begins: Nanos, until: Nanos) -> PodBounds {
    let before = record.changes.iter().rposition(|change| change.at < begins).unwrap_or(0);
    let during = || record.changes[before..].iter().filter(|change| change.at <= until).map(|change| change.pods);
    PodBounds {
        fewest_ready: during().map(|pods| pods.ready).min().unwrap_or(0),
        most: during().map(|pods| pods.ready + pods.starting).max().unwrap_or(0),
        most_with_draining: during().map(|pods| pods.all()).max().unwrap_or(0),
    }
}

fn latency(
    metric: Metric,
    outcome: &Outcome,
    warmup: Nanos,
    interval: Nanos,
    begins: Nanos,
    until: Nanos,
) -> Option<RolloutLatency> {
    let mut parts: [LatencyHistogram; 3] = std::array::from_fn(|_| LatencyHistogram::new());
    for (index, latencies) in outcome.recorder.intervals(metric).enumerate() {
        let at = warmup + interval * index as u64;
        let part = usize::from(at >= begins) + usize::from(at >= until);
        add(&mut parts[part], latencies);
    }
    let quantiles = |part: &LatencyHistogram| {
        let p50 = part.quantile(0.5).ok()?.as_secs_f64();
        let p99 = part.quantile(0.99).ok().map(|p99| p99.as_secs_f64());
        Some(RolloutQuantiles { samples: part.count(), p50, p99 })
    };
    let [before, during, after] = parts.each_ref().map(quantiles);
    before.or(during).or(after)?;
    Some(RolloutLatency { metric: metric.name().to_owned(), before, during, after })
}

fn add(histogram: &mut LatencyHistogram, latencies: &Latencies) {
    latencies.counts().for_each(|(value, count)| histogram.record_many(Nanos(value), count));
}
