//! A whole plan: today, the horizon, what breaks first, and why each number is what it is.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{ClusterKind, Profile, Visibility};
use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};

use super::curve::LoadPoint;
use super::database::DatabaseSize;
use super::demand::{Demand, LIMITED, limit_of};
use super::dimension::{DATABASE_CORES, Dimension};
use super::evaluate::{Evaluator, Verdict};
use super::search::{Found, Infeasible, Reason, broken, limit};
use super::storage::Storage;
use crate::temporal::{EndedEarly, IdleLoad, Pods, Process, Program, SystemSize, is_cloud, shares_one_machine};

/// How a plan is made.
pub struct PlanSettings<'a> {
    /// Seed of the common random numbers.
    pub seed: u64,
    /// Threads; the answer is the same for any number.
    pub threads: usize,
    /// Asked now and then whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told what is going on.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// Why there is no plan at all.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The operating system refused threads.
    #[error("cannot start {threads} threads: {message}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What it said.
        message: String,
    },
    /// Nothing arrives.
    #[error("the arrival schedule starts no workflow, so there is nothing to plan for")]
    NoLoad,
}

/// Why a number is what it is.
#[derive(Clone, Copy, Debug)]
pub struct Why {
    /// The number.
    pub dimension: Dimension,
    /// The reason.
    pub reason: Reason,
}

/// The size for one load.
pub struct Sized {
    /// Peak starts per second, headroom excluded.
    pub peak: Rate,
    /// The rate it was sized for.
    pub planned: Rate,
    /// Everything, spare pods included.
    pub size: SystemSize,
    /// Without the spare pods: what the simulation ran on.
    pub needed: SystemSize,
    /// The simulation of `needed` at `planned`.
    pub verdict: Verdict,
    /// Reasons.
    pub why: Vec<Why>,
    /// The database.
    pub database: DatabaseSize,
    /// Mean starts per second over the schedule.
    pub mean_rate: Rate,
    /// Why it does not fit, if it does not.
    pub infeasible: Option<Infeasible>,
}

/// A resource and when it is full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limiting {
    /// Which.
    pub resource: &'static str,
    /// Utilisation at the planned rate, one pod of each kind lost.
    pub utilisation: f64,
    /// Starts per second at which it is full.
    pub saturates_at: Rate,
}

/// Temporal Cloud's limit on actions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CloudCheck {
    /// Actions per workflow.
    pub actions_per_workflow: f64,
    /// Needed at the horizon's peak.
    pub needed: Rate,
    /// Allowed.
    pub allowed: Rate,
}

/// The answer.
pub struct Plan {
    /// Today.
    pub now: Sized,
    /// At the horizon.
    pub horizon: Sized,
    /// What one workflow asks for.
    pub demand: Demand,
    /// What one workflow leaves.
    pub storage: Storage,
    /// Resources by load at the horizon, most loaded first.
    pub limiting: Vec<Limiting>,
    /// Latency against load on the horizon's system without its spare pods.
    pub curve: Vec<LoadPoint>,
    /// Where its first promise breaks, at the latest where the first resource is full; `None` for a plan that does not fit.
    pub knee: Option<Rate>,
    /// On Temporal Cloud.
    pub cloud: Option<CloudCheck>,
    /// Mean time a workflow is open.
    pub lifetime: Nanos,
    /// Events simulated.
    pub events: u64,
    /// Simulations run.
    pub simulations: u32,
}

/// Times the plan is enlarged after a closer look.
const CONFIRMATIONS: usize = 8;
/// Peaks shorter than this are the queue's business, not the plan's.
pub const PEAK_WINDOW: Nanos = Nanos::from_secs(60);

/// Plans a profile.
///
/// # Errors
/// When interrupted, or when nothing arrives. A workload that cannot be carried is an answer, not an error: see [`Sized::infeasible`].
pub fn plan(profile: &Profile, calibration: &Calibration, settings: &PlanSettings<'_>) -> Result<Plan, PlanError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build()
        .map_err(|error| PlanError::Threads { threads: settings.threads, message: error.to_string() })?;
    pool.install(|| plan_within(profile, calibration, settings))
}

fn plan_within(profile: &Profile, calibration: &Calibration, settings: &PlanSettings<'_>) -> Result<Plan, PlanError> {
    let peak = profile.arrivals.peak(PEAK_WINDOW).rate;
    if peak == Rate::ZERO {
        return Err(PlanError::NoLoad);
    }
    let mean = profile.arrivals.mean_rate();
    let growth = &profile.growth;
    let at_horizon = |rate: Rate| Rate::per_second(rate.as_per_second() * growth.factor);
    let mut evaluator = Evaluator::new(profile, calibration, settings.seed, settings.cancelled);
    let mut start = worker_sizes(profile, SystemSize::of(profile));
    (settings.progress)("measuring what one workflow asks for");
    let planned = |rate: Rate| Rate::per_second(rate.as_per_second() * (1.0 + growth.headroom));
    let (demand, pilot) = evaluator.pilot(start, planned(peak));
    let started = pilot.outcome.measured_offered.max(1) as f64;
    evaluator.events_per_workflow = (pilot.outcome.measured_events as f64 / started).max(50.0);
    start.visibility_database = visibility_cores(profile, start, &demand, planned(at_horizon(peak)));
    let storage = Storage::of(profile, calibration, &demand);
    let lifetime = Program::of(profile).mean_lifetime(profile);
    let sizer = Sizer { evaluator: &evaluator, demand: &demand, storage: &storage, lifetime, start };

    (settings.progress)("sizing for the horizon");
    let horizon = sizer.size(at_horizon(peak), planned(at_horizon(peak)), at_horizon(mean), None)?;
    let shards = Dimension::Shards.set(start, horizon.size.history_shards);
    let sizer_now = Sizer { start: shards, ..sizer };
    (settings.progress)("sizing for today, drawing latency against load");
    let limits = limiting(profile, calibration, &horizon);
    let full = limits.first().map_or(horizon.planned, |limiting| limiting.saturates_at);
    let (now, curve) = rayon::join(
        || sizer_now.size(peak, planned(peak), mean, Some(Dimension::Shards)),
        || match horizon.infeasible {
            Some(_) => None,
            None => Some(evaluator.load_curve(horizon.needed, horizon.planned, full)),
        },
    );
    let now = now?;
    let (curve, knee) = curve.map_or((Vec::new(), None), |(points, knee)| (points, Some(knee)));
    if (settings.cancelled)() {
        return Err(PlanError::Cancelled);
    }
    let (events, simulations) = evaluator.spent();
    Ok(Plan {
        limiting: match horizon.infeasible {
            Some(_) => asked_for(&demand, &horizon, limits),
            None => limits,
        },
        cloud: cloud(profile, &demand, horizon.planned),
        now,
        horizon,
        demand,
        storage,
        curve,
        knee,
        lifetime,
        events,
        simulations,
    })
}

#[derive(Clone, Copy)]
struct Sizer<'a> {
    evaluator: &'a Evaluator<'a>,
    demand: &'a Demand,
    storage: &'a Storage,
    lifetime: Nanos,
    start: SystemSize,
}

impl Sizer<'_> {
    fn size(&self, peak: Rate, planned: Rate, mean: Rate, fixed: Option<Dimension>) -> Result<Sized, PlanError> {
        let profile = self.evaluator.profile;
        let found = self.evaluator.search(self.start, self.demand, planned, fixed);
        let (found, infeasible) = match found {
            // Today's plan is inside the horizon's; the one that is bought is looked at more closely.
            Ok(found) if fixed.is_none() => self.confirmed(found, planned, fixed),
            Ok(found) => (found, None),
            Err(Infeasible::Cancelled) => return Err(PlanError::Cancelled),
            Err(why) => (self.largest(planned, fixed), Some(why)),
        };
        let size = with_spares(profile, found.size);
        let database = DatabaseSize::of(
            profile,
            self.evaluator.calibration,
            self.storage,
            self.demand,
            (&size, &found.verdict.outcome),
            mean,
            self.lifetime,
        );
        let why =
            found.reasons.iter().map(|(dimension, reason)| Why { dimension: *dimension, reason: *reason }).collect();
        Ok(Sized {
            peak,
            planned,
            size,
            needed: found.size,
            verdict: found.verdict,
            why,
            database,
            mean_rate: mean,
            infeasible,
        })
    }

    /// Simulates the plan once more with more workflows; where those show that a promise is broken after all, what is loaded gets more.
    fn confirmed(&self, mut found: Found, planned: Rate, fixed: Option<Dimension>) -> (Found, Option<Infeasible>) {
        for _ in 0..CONFIRMATIONS {
            let verdict = self.evaluator.confirm(found.size, planned);
            if verdict.kept() || verdict.outcome.ended_early == Some(EndedEarly::Cancelled) {
                found.verdict = verdict;
                return (found, None);
            }
            let larger = match self.evaluator.raised(found.size, &verdict, self.demand, planned, fixed) {
                Ok(larger) => larger,
                Err(why) => {
                    found.verdict = verdict;
                    return (found, Some(why));
                }
            };
            for dimension in Dimension::ALL.into_iter().filter(|d| d.get(&larger) != d.get(&found.size)) {
                let reason = broken(dimension, dimension.get(&found.size), &verdict);
                found.reasons.retain(|(of, _)| *of != dimension);
                found.reasons.push((dimension, reason));
            }
            found.reasons.sort_by_key(|(of, _)| *of);
            found.size = larger;
            found.verdict = verdict;
        }
        found.verdict = self.evaluator.confirm(found.size, planned);
        let most_loaded = Dimension::ALL
            .into_iter()
            .max_by(|a, b| {
                let load = |d: &Dimension| d.measured_utilisation(&found.verdict.outcome);
                load(a).total_cmp(&load(b))
            })
            .unwrap_or(Dimension::WorkerPods);
        let infeasible = (!found.verdict.kept()).then(|| limit(&found.verdict, most_loaded));
        (found, infeasible)
    }

    /// For a load that no allowed size carries: what the utilisation law asks for, as far as it is allowed.
    fn largest(&self, rate: Rate, fixed: Option<Dimension>) -> Found {
        let mut size = self.start;
        for dimension in Dimension::ALL {
            if fixed == Some(dimension) {
                continue;
            }
            let choices = dimension.choices(self.evaluator.profile, &self.start);
            let enough = |value: &u32| {
                dimension.predicted_utilisation(self.demand, rate, &dimension.set(self.start, *value)) <= 0.8
            };
            let value = choices.iter().copied().find(enough).or(choices.last().copied()).unwrap_or(1);
            size = dimension.set(size, value);
        }
        Found { size, verdict: self.evaluator.evaluate(size, rate), reasons: Vec::new() }
    }
}

/// The smallest size sold with which visibility's own database is at most 60 % busy: upserts wait for nobody, but must not
/// fall behind.
fn visibility_cores(profile: &Profile, size: SystemSize, demand: &Demand, rate: Rate) -> Cores {
    match profile.cluster.visibility {
        Visibility::SeparateDatabase { vcpu: None, .. } => {
            let busy = demand.cores(Process::VisibilityDatabase, rate);
            let enough = DATABASE_CORES.into_iter().find(|cores| busy <= 0.6 * f64::from(*cores));
            Cores::new(f64::from(enough.unwrap_or(192)))
        }
        _ => size.visibility_database,
    }
}

/// One pod more of each kind that the planner chooses, so that one may be lost.
pub(super) fn with_spares(profile: &Profile, needed: SystemSize) -> SystemSize {
    if !profile.growth.survive_pod_loss {
        return needed;
    }
    let mut size = needed;
    size.workers.pods.count += 1;
    if is_cloud(profile) || shares_one_machine(profile).is_some() {
        return size;
    }
    size.frontend.count += 1;
    size.history.count += 1;
    size.matching.count += 1;
    size
}

/// Slots and cache as far as the profile leaves them open: the SDK's defaults, but no more than the pod's memory holds.
pub(super) fn worker_sizes(profile: &Profile, mut size: SystemSize) -> SystemSize {
    let workers = &profile.workers;
    let usable = workers.pod.memory.0.saturating_sub(workers.memory_base.0) as f64 * 0.9;
    if workers.cached_workflows.is_none() {
        // At most a third of the memory for the cache: a miss costs a replay, a missing slot costs latency.
        let room = usable / 3.0 / workers.memory_per_cached_workflow.0.max(1) as f64;
        size.workers.cached_workflows = size.workers.cached_workflows.min(room.max(10.0) as u32);
    }
    if workers.activity_slots.is_none() {
        let cache = f64::from(size.workers.cached_workflows) * workers.memory_per_cached_workflow.0 as f64;
        let activity = heaviest_activity(profile).0.max(1) as f64;
        let room = (usable - cache) / activity;
        size.workers.activity_slots = size.workers.activity_slots.min(room.max(1.0) as u32);
    }
    size.workers.activity_pollers = size.workers.activity_pollers.min(size.workers.activity_slots);
    size.workers.workflow_task_pollers = size.workers.workflow_task_pollers.min(size.workers.workflow_task_slots);
    size
}

fn heaviest_activity(profile: &Profile) -> Bytes {
    let program = Program::of(profile);
    program.activities.iter().map(|activity| activity.memory).max().unwrap_or(profile.workers.memory_per_activity)
}

/// Resources by their load at the planned rate. The WAL is not among them: the busier it is, the more commits share a flush, so its busy
/// share says nothing about its limit.
fn limiting(profile: &Profile, calibration: &Calibration, sized: &Sized) -> Vec<Limiting> {
    let u = &sized.verdict.outcome.utilisation;
    let size = &sized.needed;
    let cpu = IdleLoad::of(calibration, size.history_shards);
    // What an empty cluster uses does not grow with the load.
    let idle = |cpu: Nanos, cores: f64| cpu.as_secs_f64() / cores.max(1e-9);
    let of_pods = |cpu: Nanos, pods: Pods| idle(cpu, f64::from(pods.count) * pods.cores.get());
    let mut list = vec![
        ("worker activity slots", u.activity_slots, 0.0),
        ("worker workflow task slots", u.workflow_task_slots, 0.0),
    ];
    if let Some(cores) = shares_one_machine(profile) {
        list.push(("the machine's CPU", u.database, idle(cpu.cpu(), cores.get())));
    } else {
        list.push(("worker CPU", u.workers, 0.0));
    }
    if !is_cloud(profile) && shares_one_machine(profile).is_none() {
        list.extend([
            ("frontend CPU", u.frontend, of_pods(cpu.frontend, size.frontend)),
            ("history CPU", u.history, of_pods(cpu.history, size.history)),
            ("matching CPU", u.matching, of_pods(cpu.matching, size.matching)),
            ("database CPU", u.database, idle(cpu.database, size.database.get())),
            ("visibility database CPU", u.visibility_database, 0.0),
        ]);
    }
    if !is_cloud(profile) {
        list.push(("history shard permits (busiest)", u.history_shard, 0.0));
        list.push(("history connections", u.connections, 0.0));
        list.push(("PgBouncer's server connections", u.server_connections, 0.0));
        list.extend(LIMITED.map(|process| (rate_limit(process), served(profile, calibration, sized, process), 0.0)));
    }
    let planned = sized.planned.as_per_second();
    let mut list: Vec<Limiting> = list
        .into_iter()
        .filter(|(_, utilisation, idle)| utilisation > idle)
        .map(|(resource, utilisation, idle)| Limiting {
            resource,
            utilisation,
            saturates_at: Rate::per_second(planned * (1.0 - idle).max(0.0) / (utilisation - idle)),
        })
        .collect();
    list.sort_by(|a, b| a.saturates_at.as_per_second().total_cmp(&b.saturates_at.as_per_second()));
    list
}

fn rate_limit(process: Process) -> &'static str {
    match process {
        Process::Frontend => "frontend rate limit",
        Process::History => "history rate limit",
        _ => "matching rate limit",
    }
}

/// Requests that a service's pods served, over what their rate limits allow.
fn served(profile: &Profile, calibration: &Calibration, sized: &Sized, process: Process) -> f64 {
    let outcome = &sized.verdict.outcome;
    let pods = match process {
        Process::Frontend => sized.needed.frontend,
        Process::History => sized.needed.history,
        _ => sized.needed.matching,
    };
    let requests = outcome.measured_work.requests.served(process, calibration) / outcome.measured.as_secs_f64();
    limit_of(profile, process).map_or(0.0, |limit| requests / (limit.as_per_second() * f64::from(pods.count)))
}

/// A system that falls behind is measured at what it does, not at what it is asked for: that, the utilisation law says.
fn asked_for(demand: &Demand, sized: &Sized, mut limits: Vec<Limiting>) -> Vec<Limiting> {
    let fleet = &sized.needed.workers;
    let slots = f64::from(fleet.pods.count * fleet.activity_slots);
    let cores = f64::from(fleet.pods.count) * fleet.pods.cores.get();
    let of_limit = |process, pods: Pods| demand.limit_utilisation(process, sized.planned, pods.count);
    for limit in &mut limits {
        let predicted = match limit.resource {
            "worker CPU" => demand.cores(Process::Worker, sized.planned) / cores,
            "worker activity slots" => demand.activities(sized.planned) / slots,
            "frontend CPU" => Dimension::Frontend.predicted_utilisation(demand, sized.planned, &sized.needed),
            "history CPU" => Dimension::History.predicted_utilisation(demand, sized.planned, &sized.needed),
            "matching CPU" => Dimension::Matching.predicted_utilisation(demand, sized.planned, &sized.needed),
            "database CPU" => Dimension::Database.predicted_utilisation(demand, sized.planned, &sized.needed),
            "frontend rate limit" => of_limit(Process::Frontend, sized.needed.frontend),
            "history rate limit" => of_limit(Process::History, sized.needed.history),
            "matching rate limit" => of_limit(Process::Matching, sized.needed.matching),
            "history shard permits (busiest)" => {
                Dimension::Shards.predicted_utilisation(demand, sized.planned, &sized.needed)
            }
            _ => 0.0,
        };
        if predicted > limit.utilisation {
            limit.utilisation = predicted;
            limit.saturates_at = Rate::per_second(sized.planned.as_per_second() / predicted);
        }
    }
    limits.sort_by(|a, b| a.saturates_at.as_per_second().total_cmp(&b.saturates_at.as_per_second()));
    limits
}

fn cloud(profile: &Profile, demand: &Demand, planned: Rate) -> Option<CloudCheck> {
    let ClusterKind::Cloud(limits) = &profile.cluster.kind else {
        return None;
    };
    let actions_per_workflow = demand.per_workflow(demand.work.actions);
    let needed = Rate::per_second(planned.as_per_second() * actions_per_workflow);
    Some(CloudCheck { actions_per_workflow, needed, allowed: limits.actions_per_second })
}
