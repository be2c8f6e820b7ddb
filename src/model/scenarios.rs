//! Failures: those of a profile's events, and the standard set.

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase, Process};
use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Event, EventKind, Profile};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::scenario_document::{
    FailureImpact, FailureReport, FailureRequests, PreventionReport, RefusedScenario, SCENARIOS_SCHEMA_VERSION,
    Scenario, ScenariosDocument, SimulatedSizes, TimelinePoint,
};
use plimsoll_sim::planner::{LONGEST_WAIT, PEAK_WINDOW};
use plimsoll_sim::scenarios::{self, Case, Studied, Study, Tried};
use plimsoll_sim::temporal::{FailureCounts, Load, Program, Sample, Settings, SystemSize};

use super::{ModelError, ScenarioSettings, Watcher, simulate, words};

/// Before a failure the run is watched for so long.
const BEFORE: Nanos = Nanos::from_secs(300);
/// Longest warm-up: what runs longer than that is cut short by the model anyway.
const LONGEST_WARMUP: Nanos = Nanos::from_secs(600);
const SHORTEST_WARMUP: Nanos = Nanos::from_secs(60);
/// Statistics of a scenario, in intervals that divide a minute.
const INTERVAL: Nanos = Nanos::from_secs(2);
const MOST_OPEN: u32 = 2_000_000;

/// The standard failures, each alone.
pub fn standard(
    profile: &Profile,
    calibration: &Calibration,
    settings: &ScenarioSettings,
    watcher: &dyn Watcher,
) -> Result<ScenariosDocument, ModelError> {
    let cancelled = || watcher.is_cancelled();
    let rate = profile.arrivals.peak(PEAK_WINDOW).rate;
    if rate == Rate::ZERO {
        let message = "the arrival schedule starts no workflow; give its phases a rate or make them longer";
        return Err(ModelError::Unsupported(message.to_owned()));
    }
    let mut warnings = Vec::new();
    watcher.say("sizes");
    let size = simulate::sized(profile, calibration, settings.seed, &cancelled, &mut warnings);
    let warmup = warm_up(profile);
    let (failures, refused) = scenarios::standard(profile, &size);
    let mut cases = Vec::new();
    for failure in failures {
        let length = warmup + BEFORE + failure.duration + settings.after;
        let event = Event { at: warmup + BEFORE, duration: failure.duration, kind: failure.kind };
        let mut profile = at_rate(profile, rate, length);
        profile.events = vec![event];
        cases.push((failure.name, Case { profile, size }, run_settings(settings.seed, warmup, length)));
    }
    let longest = cases.iter().map(|(_, case, _)| case.profile.arrivals.duration()).max().unwrap_or_default();
    let study = Study {
        calibration,
        settings: run_settings(settings.seed, warmup, longest),
        threads: settings.threads.get(),
        prevention: settings.prevention,
        cancelled: &cancelled,
        progress: &|what| watcher.say(what),
    };
    watcher.say("without any failure");
    let without = study.without(&Case { profile: at_rate(profile, rate, longest), size });
    let studied = study.all(&cases, &without);
    let scenarios: Vec<Scenario> = cases
        .iter()
        .zip(&studied)
        .filter_map(|((name, case, _), studied)| Some((name, case, studied.as_ref()?.first()?)))
        .map(|(name, case, studied)| Scenario {
            name: name.clone(),
            failure: report(&case.profile.events[0], studied),
            timeline: timeline(&case.profile.events[0], studied),
        })
        .collect();
    if scenarios.is_empty() {
        return Err(ModelError::Cancelled);
    }
    if scenarios.len() < cases.len() {
        warnings.push(format!("interrupted: {} of {} failures were simulated", scenarios.len(), cases.len()));
    }
    let missed = without.iter().filter(|minute| minute.missed).count();
    if missed * 10 > without.len() {
        warnings.push(format!(
            "without any failure the promises are missed in {missed} of {} minutes: what is lost counts only the others",
            without.len()
        ));
    }
    warnings.extend(quietest(rate));
    Ok(ScenariosDocument {
        schema_version: SCENARIOS_SCHEMA_VERSION,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        seed: settings.seed,
        rate_per_second: rate.as_per_second(),
        sizes: sizes(&size),
        slo: promises(profile),
        warmup_seconds: warmup.as_secs_f64(),
        missed_without: missed as f64,
        scenarios,
        refused: refused
            .into_iter()
            .map(|refusal| RefusedScenario { name: refusal.name, reason: refusal.reason })
            .collect(),
        warnings,
    })
}

/// A minute of few workflows shows a high quantile badly.
fn quietest(rate: Rate) -> Option<String> {
    let each = rate.as_per_second() * 60.0;
    (each < 100.0).then(|| format!("at {each:.0} workflows a minute one late task may make a minute count as missed"))
}

/// What the events of a run did: the run again without them, and with what might have prevented each.
pub(super) fn of_run(
    case: &Case,
    calibration: &Calibration,
    settings: Settings,
    threads: usize,
    watcher: &dyn Watcher,
) -> Vec<FailureReport> {
    let cancelled = || watcher.is_cancelled();
    let study = Study {
        calibration,
        settings: Settings { drain: Nanos::ZERO, ..settings },
        threads,
        prevention: true,
        cancelled: &cancelled,
        progress: &|what| watcher.say(what),
    };
    watcher.say("without the events");
    let without = study.without(case);
    let cases = [("the profile's events".to_owned(), case.clone(), study.settings)];
    let studied = study.all(&cases, &without).pop().flatten().unwrap_or_default();
    studied.iter().map(|studied| report(&case.profile.events[studied.event], studied)).collect()
}

fn warm_up(profile: &Profile) -> Nanos {
    let residence = Program::of(profile).mean_residence(profile, LONGEST_WAIT);
    // Whole minutes, so that the failure begins with one.
    let minutes = (residence.0 * 5 / 4).div_ceil(SHORTEST_WARMUP.0).max(1);
    Nanos(minutes * SHORTEST_WARMUP.0).min(LONGEST_WARMUP)
}

/// The profile with one rate for so long, and no events.
fn at_rate(profile: &Profile, rate: Rate, length: Nanos) -> Profile {
    let phase = Phase { duration: length, pattern: Pattern::Constant(rate), process: Process::Poisson };
    Profile { arrivals: Arrivals { phases: vec![phase] }, events: Vec::new(), ..profile.clone() }
}

fn run_settings(seed: u64, warmup: Nanos, length: Nanos) -> Settings {
    Settings {
        seed,
        replication: 0,
        load: Load::Schedule,
        warmup,
        filled_at: Nanos::ZERO,
        measured: length.saturating_sub(warmup),
        drain: Nanos::ZERO,
        interval: INTERVAL,
        sample: true,
        longest_wait: LONGEST_WAIT,
        retention_deletes: false,
        max_events: u64::MAX,
        max_open: MOST_OPEN,
    }
}

fn promises(profile: &Profile) -> Vec<String> {
    let seconds = |limit: Nanos| plimsoll_reports::number::seconds(limit.as_secs_f64());
    profile.slo.targets.iter().map(|target| format!("{} ≤ {}", words::promise(target), seconds(target.limit))).collect()
}

fn sizes(size: &SystemSize) -> SimulatedSizes {
    SimulatedSizes {
        worker_pods: size.workers.pods.count,
        activity_slots: size.workers.activity_slots,
        frontend_pods: size.frontend.count,
        history_pods: size.history.count,
        matching_pods: size.matching.count,
        history_shards: size.history_shards,
        database_cores: size.database.get(),
    }
}

fn report(event: &Event, studied: &Studied) -> FailureReport {
    let best =
        studied.best().and_then(|best| studied.prevention.iter().position(|prevention| prevention.what == best.what));
    FailureReport {
        kind: event.kind.name().to_owned(),
        at_seconds: event.at.as_secs_f64(),
        for_seconds: event.duration.as_secs_f64(),
        impact: impact(event, &studied.tried),
        requests: requests(&studied.tried.failures),
        prevention: studied
            .prevention
            .iter()
            .map(|prevention| PreventionReport {
                what: prevention.what.clone(),
                impact: impact(event, &prevention.tried),
            })
            .collect(),
        best,
    }
}

fn impact(event: &Event, tried: &Tried) -> FailureImpact {
    let i = &tried.impact;
    // A milder event may be over sooner than the one it is held against; its backlog then is gone before that one's end.
    let since = |at: Nanos, from: Nanos| at.as_secs_f64() - from.as_secs_f64();
    FailureImpact {
        backlog_before: i.backlog_before,
        backlog_peak: i.backlog_peak,
        backlog_peak_at_seconds: since(i.backlog_peak_at, event.at),
        open_workflows_peak: u64::from(i.open_peak),
        slo_minutes_lost: i.slo_lost.as_secs_f64() / 60.0,
        backlog_gone_seconds: i.backlog_gone.map(|at| since(at, event.until())),
        time_to_recover_seconds: i.recovered.map(|at| since(at, event.at)),
        watched_seconds: since(i.watched_until, event.at).max(0.0),
        workflows_failed: tried.workflows.failed,
        workflows_unfinished: tried.unfinished,
        overloaded: tried.overloaded,
    }
}

fn requests(counts: &FailureCounts) -> FailureRequests {
    FailureRequests {
        failed_calls: counts.failed_calls,
        retries: counts.retries,
        longest_wait_seconds: counts.longest_wait.as_secs_f64(),
        given_up: counts.given_up,
        shards_moved: counts.shards_moved,
        connections_opened: counts.connections_opened,
        activities_cut: counts.activities_cut,
        workflow_tasks_cut: counts.workflow_tasks_cut,
        poisoned: counts.poisoned,
        poisoned_attempts: counts.poisoned_attempts,
        refused_attempts: counts.refused_attempts,
        started_since_backup: counts.started_since_backup,
        closed_since_backup: counts.closed_since_backup,
        activities_since_backup: counts.activities_since_backup,
        backup_age_seconds: counts.backup_age.as_secs_f64(),
    }
}

fn timeline(event: &Event, studied: &Studied) -> Vec<TimelinePoint> {
    let at = |end: Nanos| -> Option<&Sample> { studied.samples.iter().rev().find(|sample| sample.at <= end) };
    let from = event.at.saturating_sub(BEFORE);
    let minutes = studied.minutes.iter().filter(|minute| minute.from >= from);
    minutes
        .filter_map(|minute| {
            let (begin, end) = (at(minute.from), at(minute.until)?);
            let before = begin.map_or(0, |sample| sample.counts.completed);
            Some(TimelinePoint {
                at_seconds: minute.until.as_secs_f64() - event.at.as_secs_f64(),
                backlog: end.backlog,
                held_up: end.held_up,
                open_workflows: u64::from(end.open),
                completed: end.counts.completed - before,
                activities: end.activities,
                slo_missed: minute.missed,
            })
        })
        .collect()
}

/// Events that nothing of can be seen: they begin after the schedule's end, or in the warm-up.
pub(super) fn unseen(profile: &Profile, warmup: Nanos, warnings: &mut Vec<String>) {
    let end = profile.arrivals.duration();
    for event in &profile.events {
        let name = event.kind.name();
        if event.at >= end {
            warnings.push(format!(
                "the event {name} at {} begins after the schedule's end, {end}: it is not seen",
                event.at
            ));
        } else if event.at < warmup && !matches!(event.kind, EventKind::Burst { .. }) {
            warnings.push(format!(
                "the event {name} at {} begins within the warm-up of {warmup}: minutes lost before its end are not counted",
                event.at
            ));
        }
    }
}
