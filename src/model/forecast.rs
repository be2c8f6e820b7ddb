//! A long horizon: load, storage and cost by month.

use plimsoll_profiles::prices::{CloudPrices, PriceFile};
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};
use plimsoll_profiles::{Document, World};
use plimsoll_reports::forecast::{
    FORECAST_SCHEMA_VERSION, ForecastDocument, ForecastLevel, ForecastMonth, ForecastPromise,
};
use plimsoll_reports::number;
use plimsoll_reports::plan_document::{PlanDocument, SizedPlan};
use plimsoll_sim::cost::{CloudMonth, Footprint, PodGroup, bills, one_machine, self_hosted, step_actions};
use plimsoll_sim::forecast::{
    Forecast, ForecastError, ForecastSettings, Hour, Month, RESOURCES, forecast as look_ahead,
};
use plimsoll_sim::planner::{self, metric};
use plimsoll_sim::temporal::{SystemSize, is_cloud, shares_one_machine};

use super::cost::{compared, known_plan};
use super::plan::span_label;
use super::{ModelError, PlanSettings, Watcher, calibration};

/// How far is looked, on what, and what it is paid for.
#[derive(Clone, Copy, Debug)]
pub struct LookAhead<'a> {
    /// Seed and threads.
    pub run: PlanSettings,
    /// How far ahead.
    pub horizon: Nanos,
    /// Whether the database begins empty; else it holds a retention of today's load.
    pub empty: bool,
    /// The plan whose sizes are taken; else the profile's, and what it leaves open by the utilisation law at today's peak.
    pub plan: Option<&'a PlanDocument>,
    /// Take the plan's sizes at its horizon, not today's.
    pub then: bool,
    /// Prices of self-hosting.
    pub prices: &'a PriceFile,
    /// Prices of Temporal Cloud.
    pub cloud: &'a CloudPrices,
    /// The plan that is counted; else each month's cheapest whose fee is known.
    pub cloud_plan: Option<&'a str>,
    /// People that self-hosting takes; else as the price file says.
    pub fte: Option<f64>,
}

const HOUR: Nanos = Nanos::from_secs(3_600);

/// Looks ahead.
///
/// # Errors
/// See [`ModelError`].
pub fn forecast(
    document: &Document,
    settings: &LookAhead<'_>,
    watcher: &dyn Watcher,
) -> Result<ForecastDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    known_plan(settings.cloud, settings.cloud_plan)?;
    let cancelled = || watcher.is_cancelled();
    let size = match settings.plan {
        Some(plan) => planned(&profile, plan, settings.then),
        None => planner::provision(&profile, &calibration, settings.run.seed, &cancelled),
    };
    let say = |what: &str| watcher.say(what);
    let ahead = ForecastSettings {
        seed: settings.run.seed,
        threads: settings.run.threads.get(),
        horizon: settings.horizon,
        bin: HOUR,
        empty: settings.empty,
        cancelled: &cancelled,
        progress: &say,
    };
    let found = look_ahead(&profile, &calibration, size, &ahead).map_err(|error| match error {
        ForecastError::Cancelled => ModelError::Cancelled,
        other => ModelError::Unsupported(other.to_string()),
    })?;
    let actions = step_actions(&profile).iter().map(|row| row.share * row.actions).sum();
    Ok(rendered(&profile, &found, actions, settings))
}

/// The sizes of a plan, in the profile's terms.
fn planned(profile: &Profile, plan: &PlanDocument, then: bool) -> SystemSize {
    let later =
        SizedPlan { workers: plan.workers.clone(), server: plan.server.clone(), database: plan.database.clone() };
    let sized = if then { &later } else { &plan.now };
    let mut size = SystemSize::of(profile);
    let workers = &sized.workers;
    size.workers.pods.count = workers.pods.max(1);
    size.workers.pods.cores = Cores::new(workers.cpu);
    size.workers.activity_slots = workers.activity_slots;
    size.workers.workflow_task_slots = workers.workflow_task_slots;
    size.workers.activity_pollers = workers.pollers.activity;
    size.workers.workflow_task_pollers = workers.pollers.workflow;
    size.workers.cached_workflows = workers.cached_workflows;
    if !is_cloud(profile) {
        size.frontend.count = sized.server.frontend.pods.max(1);
        size.history.count = sized.server.history.pods.max(1);
        size.matching.count = sized.server.matching.pods.max(1);
        size.worker_service.count = sized.server.worker.pods.max(1);
        size.history_shards = plan.history_shards.max(1);
        size.database = Cores::new(f64::from(sized.database.vcpu.max(1)));
        if sized.database.visibility_vcpu > 0 {
            size.visibility_database = Cores::new(f64::from(sized.database.visibility_vcpu));
        }
    }
    size
}

fn rendered(profile: &Profile, found: &Forecast, actions: f64, settings: &LookAhead<'_>) -> ForecastDocument {
    let days = |at: Nanos| at.as_secs_f64() / 86_400.0;
    let started: f64 = found.months.iter().map(|month| month.started).sum();
    let promises: Vec<ForecastPromise> = found
        .targets
        .iter()
        .map(|target| ForecastPromise {
            name: format!("{} {}", metric(target.metric).name().replace('_', " "), number::quantile(target.quantile)),
            limit_seconds: target.limit.as_secs_f64(),
        })
        .collect();
    let unfit = found.first_unfit();
    let levels = found.levels.iter().map(|level| {
        let busy = RESOURCES.iter().zip(level.busy).max_by(|a, b| a.1.total_cmp(&b.1));
        let (busiest, busy) = busy.map_or(("", 0.0), |(name, busy)| (*name, busy));
        ForecastLevel {
            per_second: level.rate,
            busiest: named(profile, busiest),
            busy,
            seconds: level.latencies.clone(),
        }
    });
    let months: Vec<ForecastMonth> =
        found.months.iter().map(|month| rendered_month(profile, found, month, actions, settings)).collect();
    ForecastDocument {
        schema_version: FORECAST_SCHEMA_VERSION,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        system: system(profile, &found.size),
        fits: unfit.is_none(),
        finding: finding(profile, found, &promises, settings.horizon),
        unfit_after_days: unfit.map(|hour| days(hour.at)),
        horizon_days: days(settings.horizon),
        capacity_per_second: found.capacity.as_per_second(),
        limit: named(profile, found.limit),
        mean_per_second: started / settings.horizon.as_secs_f64().max(1.0),
        started,
        levels: levels.collect(),
        promises,
        prices: format!("{} ({}, read {})", settings.prices.name, settings.prices.region, settings.prices.read),
        cloud_plan: settings.cloud_plan.unwrap_or("each month's cheapest").to_owned(),
        events_simulated: found.events,
        simulations: found.simulations,
        seed: settings.run.seed,
        warnings: warnings(profile, settings),
        months,
    }
}

/// A resource by the name that people know it by.
fn named(profile: &Profile, resource: &str) -> String {
    match resource {
        // Where everything shares one machine, its CPU is counted there.
        "database CPU" | "visibility database CPU" if shares_one_machine(profile).is_some() => {
            "the machine's CPU".to_owned()
        }
        other => other.to_owned(),
    }
}

fn system(profile: &Profile, size: &SystemSize) -> String {
    let workers = match size.workers.pods.count {
        1 => "1 worker pod".to_owned(),
        pods => format!("{pods} worker pods"),
    };
    if let Some(cores) = shares_one_machine(profile) {
        return format!("one machine of {} cores and {} history shards", cores.get(), size.history_shards);
    }
    if is_cloud(profile) {
        return workers;
    }
    format!(
        "{workers}, {} frontend, {} history, {} matching pods, {} history shards, {} database cores",
        size.frontend.count,
        size.history.count,
        size.matching.count,
        size.history_shards,
        size.database.get()
    )
}

/// What happens first, in a sentence.
fn finding(profile: &Profile, found: &Forecast, promises: &[ForecastPromise], horizon: Nanos) -> String {
    let peak = found.months.iter().map(|month| month.peak).fold(0.0, f64::max);
    let full = format!("{} is full at {}", named(profile, found.limit), number::rate(found.capacity.as_per_second()));
    let Some(hour) = found.first_unfit() else {
        return format!("Fits for {}: {full}, the busiest hour has {}.", span_label(horizon), number::rate(peak));
    };
    let month = hour.at.0 / (HOUR.0 * plimsoll_sim::forecast::HOURS_PER_MONTH) + 1;
    let hours: f64 = found.months.iter().map(|month| month.unfit.as_secs_f64() / 3_600.0).sum();
    format!(
        "No longer fits {} (month {month}), at {}: {}. {} of {} hours do not fit; {full}.",
        if hour.at == Nanos::ZERO {
            "from the first hour on".to_owned()
        } else {
            format!("after {}", span_label(hour.at))
        },
        number::rate(hour.offered),
        reason(hour, promises),
        number::count(hours.round() as u64),
        number::count(found.hours.len() as u64),
    )
}

fn reason(hour: &Hour, promises: &[ForecastPromise]) -> String {
    if hour.backlog > 0.0 {
        return format!("{} workflows wait at the end of that hour", number::large_count(hour.backlog as u64));
    }
    let broken = promises.iter().zip(&hour.latencies);
    let broken = broken.filter_map(|(promise, seconds)| Some((promise, (*seconds)?)));
    match broken.into_iter().find(|(promise, seconds)| *seconds > promise.limit_seconds) {
        Some((promise, seconds)) => {
            format!("{} {} > {}", promise.name, number::seconds(seconds), number::seconds(promise.limit_seconds))
        }
        None => "work is left from the hours before".to_owned(),
    }
}

fn rendered_month(
    profile: &Profile,
    found: &Forecast,
    month: &Month,
    actions: f64,
    settings: &LookAhead<'_>,
) -> ForecastMonth {
    let per_workflow = found.storage.per_workflow().max(1.0);
    let kept = month.mean_stored / per_workflow;
    let history = kept * found.history_bytes;
    let active = (month.mean * found.lifetime.as_secs_f64() * found.history_bytes).min(history);
    let bills = bills(
        settings.cloud,
        &CloudMonth {
            actions: month.started * actions,
            peak_actions: Rate::per_second(month.peak * actions),
            active_gb: active / 1e9,
            retained_gb: (history - active) / 1e9,
            replicated: false,
            fairness: false,
        },
    );
    let plan = compared(&bills, settings.cloud_plan);
    let bill = bills.iter().find(|bill| bill.plan == plan);
    let own = self_hosted(settings.prices, &footprint(profile, &found.size, month.most_stored), settings.fte);
    let workers = own.workers.usd.unwrap_or(0.0);
    ForecastMonth {
        month: month.number,
        hours: month.length.as_secs_f64() / 3_600.0,
        started: month.started,
        mean_per_second: month.mean,
        peak_per_second: month.peak,
        busiest: named(profile, month.busiest),
        busy: month.busy,
        worst_seconds: month.worst.clone(),
        unfit_hours: month.unfit.as_secs_f64() / 3_600.0,
        backlog: month.backlog,
        stored_bytes: month.stored,
        visibility_bytes: month.stored / per_workflow * found.storage.visibility(),
        history_bytes: history,
        actions: month.started * actions,
        self_hosted_usd: if is_cloud(profile) { workers } else { own.total() },
        cloud_usd: bill.map_or(0.0, |bill| bill.total()) + workers,
        capacity_units: bill.map_or(1, |bill| bill.units),
    }
}

/// The system that does not change, with what is stored; I/O beyond what storage includes and backups are the plan's business.
fn footprint(profile: &Profile, size: &SystemSize, stored: f64) -> Footprint {
    let services = &profile.cluster.services;
    let group = |name: &str, pods: plimsoll_sim::temporal::Pods, memory| PodGroup {
        name: name.to_owned(),
        pods: pods.count,
        cores: pods.cores,
        memory,
        on_cloud_too: name == "workers",
    };
    let memory = profile.cluster.database.memory;
    let cores = size.database;
    if let Some(machine) = one_machine(profile) {
        return Footprint {
            pods: vec![machine],
            database: Cores::new(0.0),
            memory: Bytes(0),
            storage: stored,
            iops: 0.0,
            backups: 0.0,
        };
    }
    Footprint {
        pods: vec![
            group("frontend", size.frontend, services.frontend.limit.memory),
            group("history", size.history, services.history.limit.memory),
            group("matching", size.matching, services.matching.limit.memory),
            group("worker service", size.worker_service, services.worker.limit.memory),
            group("workers", size.workers.pods, profile.workers.pod.memory),
        ],
        database: cores,
        // Managed PostgreSQL is sold with 4 GiB per core and more.
        memory: memory.unwrap_or(Bytes::gib(4 * cores.get().ceil() as u64)),
        storage: stored,
        iops: 0.0,
        backups: 0.0,
    }
}

fn warnings(profile: &Profile, settings: &LookAhead<'_>) -> Vec<String> {
    let mut list = Vec::new();
    if settings.plan.is_none() {
        list.push("sizes are the profile's, and what it leaves open is at most 70 % busy at today's peak; --plan takes a plan's".to_owned());
    }
    if profile.growth.factor == 1.0 {
        list.push("the profile's load does not grow (growth.factor = 1)".to_owned());
    }
    list.push(
        "each hour is a steady state at its mean load: bursts within an hour are not seen; every pod is up".to_owned(),
    );
    if settings.fte.is_none() && settings.prices.people.as_ref().is_none_or(|people| people.fte.is_none()) {
        list.push("people are not counted: give --fte".to_owned());
    }
    if is_cloud(profile) {
        list.push("on Temporal Cloud the server is not sized: the self-hosted column has the workers only".to_owned());
    }
    list
}
