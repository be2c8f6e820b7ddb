//! Settings of an autoscaler: the least pod-hours that keep the promises over the whole arrival curve.
//!
//! Each candidate is simulated over the curve with the same arrivals and the same random numbers. The search goes along one setting at a
//! time, in turns, until no single change is better; what it finds must also keep the promises with other random numbers. The promises are those
//! of the profile, over all latencies of the curve; the minutes in which they were broken are told beside it.

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{
    Autoscaler, Keda, Milli, Profile, QueueTarget, ResourceName, ResourceTarget, Scaler, ScalingBehaviour,
    ScalingMetric, SloTarget,
};
use plimsoll_profiles::units::Nanos;

use super::evaluate::metric;
use super::plan::PlanError;
use crate::engine::replications;
use crate::scaling::{ScalingSummary, minutes_lost, summary};
use crate::temporal::{EndedEarly, Settings, SystemSize, simulate};

/// What a change of direction within ten minutes counts as, in pod-hours: one pod for ten minutes. Assumed: what it throws away is caches and what was
/// under way, which no pod-hour shows.
pub const FLAP_COST: f64 = 1.0 / 6.0;
/// Turns through all settings, at most.
const MOST_TURNS: u32 = 3;
/// Of the best candidates so many are tried with other random numbers.
const CONFIRMED: usize = 20;

/// How settings are searched for.
pub struct AutoscaleSearch<'a> {
    /// The workload, with an autoscaler.
    pub profile: &'a Profile,
    /// The costs.
    pub calibration: &'a Calibration,
    /// The cluster; worker pods are the autoscaler's.
    pub size: SystemSize,
    /// How the curve is simulated.
    pub simulation: Settings,
    /// Threads.
    pub threads: usize,
    /// Asks whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Hears what is being tried.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// The settings that are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Knobs {
    /// Fewest pods.
    pub min_pods: u32,
    /// Most pods.
    pub max_pods: u32,
    /// CPU utilisation in per cent of the request, where that is a metric.
    pub cpu: Option<u32>,
    /// The target of the metric of waiting tasks, where there is one.
    pub backlog: Option<Milli>,
    /// The scale-down window.
    pub down_window: Nanos,
}

/// What became of one promise over the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePromise {
    /// The promise.
    pub target: SloTarget,
    /// The quantile over all latencies of the curve.
    pub quantile: Nanos,
}

/// One fleet over the curve.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveRun {
    /// Pods over time.
    pub scaling: ScalingSummary,
    /// Every promise that the workload has latencies for.
    pub promises: Vec<CurvePromise>,
    /// Minutes in which a promise was broken, of all minutes.
    pub minutes: (u32, u32),
    /// All work was done in the end.
    pub finished: bool,
}

impl CurveRun {
    /// Whether every promise is kept over the curve.
    pub fn kept(&self) -> bool {
        self.finished && self.promises.iter().all(|promise| promise.quantile <= promise.target.limit)
    }

    /// Pod-hours, and what flapping counts as.
    pub fn cost(&self) -> f64 {
        self.scaling.pod_hours + FLAP_COST * f64::from(self.scaling.reversals)
    }

    /// The quantile of the worst promise, as a multiple of its limit.
    fn excess(&self) -> f64 {
        let ratio = |promise: &CurvePromise| promise.quantile.0 as f64 / promise.target.limit.0.max(1) as f64;
        let worst = self.promises.iter().map(ratio).fold(0.0, f64::max);
        if self.finished { worst } else { worst + 1e6 }
    }

    /// Better: what keeps the promises, then what costs less; of what does not, what breaks them less.
    fn better_than(&self, other: &CurveRun) -> bool {
        match (self.kept(), other.kept()) {
            (true, true) => self.cost() < other.cost() - 1e-9,
            (false, false) => self.excess() < other.excess(),
            (kept, _) => kept,
        }
    }
}

/// Settings that were found, beside what was written and a fixed fleet.
#[derive(Clone, Debug)]
pub struct AutoscalePlan {
    /// The smallest fixed fleet that keeps the promises, and its run; the largest tried where none does.
    pub fixed: (u32, CurveRun),
    /// The settings as the profile has them, and their run.
    pub written: (Knobs, CurveRun),
    /// The best settings, and their run.
    pub found: (Knobs, CurveRun),
    /// The autoscaler with them.
    pub autoscaler: Autoscaler,
    /// Whether they keep the promises with other random numbers too.
    pub confirmed: bool,
    /// Simulations.
    pub simulations: u32,
}

impl Knobs {
    /// Those of an autoscaler.
    pub fn of(autoscaler: &Autoscaler) -> Knobs {
        let window = |behaviour: &Option<ScalingBehaviour>, default: Nanos| {
            behaviour.as_ref().map_or(default, |behaviour| behaviour.scale_down.window)
        };
        match &autoscaler.scaler {
            Scaler::Hpa(hpa) => {
                let cpu = hpa.metrics.iter().find_map(|metric| match metric {
                    ScalingMetric::Resource {
                        resource: ResourceName::Cpu,
                        target: ResourceTarget::Utilisation(cpu),
                    } => Some(*cpu),
                    _ => None,
                });
                let backlog = hpa.metrics.iter().find_map(target_of);
                let down_window = window(&hpa.behaviour, hpa.downscale_stabilisation);
                Knobs { min_pods: hpa.min_pods, max_pods: hpa.max_pods, cpu, backlog, down_window }
            }
            Scaler::Keda(keda) => Knobs {
                min_pods: keda.min_pods,
                max_pods: keda.max_pods,
                cpu: None,
                backlog: Some(Milli::whole(keda.target_queue_size.into())),
                down_window: window(&keda.behaviour, ScalingBehaviour::default_of_kubernetes().scale_down.window),
            },
        }
    }

    /// An autoscaler with these settings.
    pub fn applied(&self, autoscaler: &Autoscaler) -> Autoscaler {
        let mut autoscaler = autoscaler.clone();
        match &mut autoscaler.scaler {
            Scaler::Hpa(hpa) => {
                (hpa.min_pods, hpa.max_pods) = (self.min_pods, self.max_pods);
                let mut backlog = self.backlog;
                for metric in &mut hpa.metrics {
                    if let ScalingMetric::Resource {
                        resource: ResourceName::Cpu,
                        target: ResourceTarget::Utilisation(percent),
                    } = metric
                    {
                        *percent = self.cpu.unwrap_or(*percent);
                    } else if target_of(metric).is_some()
                        && let Some(backlog) = backlog.take()
                    {
                        set_target(metric, backlog);
                    }
                }
                match &mut hpa.behaviour {
                    Some(behaviour) => behaviour.scale_down.window = self.down_window,
                    None => hpa.downscale_stabilisation = self.down_window,
                }
            }
            Scaler::Keda(keda) => self.applied_to_keda(keda),
        }
        autoscaler
    }

    fn applied_to_keda(&self, keda: &mut Keda) {
        (keda.min_pods, keda.max_pods) = (self.min_pods, self.max_pods);
        if let Some(backlog) = self.backlog {
            keda.target_queue_size = (backlog.0 / 1_000).max(1) as u32;
        }
        let mut behaviour = keda.behaviour.clone().unwrap_or_else(ScalingBehaviour::default_of_kubernetes);
        if behaviour.scale_down.window != self.down_window {
            behaviour.scale_down.window = self.down_window;
            keda.behaviour = Some(behaviour);
        }
    }
}

fn target_of(metric: &ScalingMetric) -> Option<Milli> {
    match metric {
        ScalingMetric::Resource { .. } => None,
        ScalingMetric::Pods { average, .. } => Some(*average),
        ScalingMetric::Queue { target: QueueTarget::Value(target) | QueueTarget::Average(target), .. } => Some(*target),
    }
}

fn set_target(metric: &mut ScalingMetric, wanted: Milli) {
    match metric {
        ScalingMetric::Resource { .. } => {}
        ScalingMetric::Pods { average, .. } => *average = wanted,
        ScalingMetric::Queue { target: QueueTarget::Value(target) | QueueTarget::Average(target), .. } => {
            *target = wanted
        }
    }
}

/// Which setting a turn goes along.
#[derive(Clone, Copy)]
enum Along {
    Min,
    Cpu,
    Window,
    Backlog,
    Max,
}

impl Along {
    const ALL: [Along; 5] = [Along::Min, Along::Cpu, Along::Window, Along::Backlog, Along::Max];

    fn name(self) -> &'static str {
        match self {
            Along::Min => "fewest pods",
            Along::Cpu => "CPU target",
            Along::Window => "scale-down window",
            Along::Backlog => "backlog target",
            Along::Max => "most pods",
        }
    }

    /// Other values of it; `most` is the most pods that were in use, `fixed` what a fixed fleet needs.
    fn candidates(self, knobs: Knobs, lowest: u32, most: u32, fixed: u32) -> Vec<Knobs> {
        let mut list: Vec<Knobs> = match self {
            Along::Min => {
                let mut pods = vec![knobs.min_pods.saturating_sub(1), knobs.min_pods + 1, lowest.max(1), 2, 3];
                pods.extend((1..=8).map(|eighth| fixed * eighth / 8));
                let fits = |pods: &u32| *pods >= lowest && *pods <= knobs.max_pods;
                pods.into_iter().filter(fits).map(|min_pods| Knobs { min_pods, ..knobs }).collect()
            }
            Along::Cpu => match knobs.cpu {
                None => Vec::new(),
                Some(_) => [40, 50, 60, 70, 80, 90, 100].map(|cpu| Knobs { cpu: Some(cpu), ..knobs }).to_vec(),
            },
            Along::Window => {
                let windows = [0, 60, 120, 180, 300, 600].map(Nanos::from_secs);
                windows.map(|down_window| Knobs { down_window, ..knobs }).to_vec()
            }
            Along::Backlog => match knobs.backlog {
                None => Vec::new(),
                Some(Milli(target)) => {
                    let targets = [target / 20, target / 5, target / 2, target * 2, target * 5];
                    let whole = |target: i64| Milli((target / 1_000).max(1) * 1_000);
                    targets.map(|target| Knobs { backlog: Some(whole(target)), ..knobs }).to_vec()
                }
            },
            Along::Max => {
                let pods = [most, most * 7 / 8, most * 3 / 4, fixed, fixed + fixed.div_ceil(4)];
                let fits = |pods: &u32| *pods >= knobs.min_pods.max(1);
                pods.into_iter().filter(fits).map(|max_pods| Knobs { max_pods, ..knobs }).collect()
            }
        };
        list.retain(|other| *other != knobs);
        list.sort_unstable();
        list.dedup();
        list
    }
}

/// Simulations done so far.
struct Tried<'a, 'b> {
    search: &'a AutoscaleSearch<'b>,
    autoscaler: &'a Autoscaler,
    runs: BTreeMap<Knobs, CurveRun>,
    simulations: u32,
}

/// Searches settings for the profile's autoscaler.
///
/// # Errors
/// When stopped, or when there are no threads.
pub fn plan_autoscale(search: &AutoscaleSearch<'_>, autoscaler: &Autoscaler) -> Result<AutoscalePlan, PlanError> {
    let mut tried = Tried { search, autoscaler, runs: BTreeMap::new(), simulations: 0 };
    let written = Knobs::of(autoscaler);
    tried.try_all("the settings as written", vec![written])?;
    let written = (written, tried.runs[&written].clone());
    let fixed = tried.fixed_fleet(written.1.scaling.most.max(1))?;
    let mut best = written.clone();
    // An HPA keeps a pod at the least; KEDA goes to zero, but its idle count is below its minimum.
    let lowest = match &autoscaler.scaler {
        Scaler::Keda(keda) if keda.idle_pods.is_none() => 0,
        _ => 1,
    };
    for _ in 0..MOST_TURNS {
        let begin = best.0;
        for along in Along::ALL {
            let candidates = along.candidates(best.0, lowest, best.1.scaling.most, fixed.0);
            tried.try_all(along.name(), candidates.clone())?;
            for knobs in candidates {
                if tried.runs[&knobs].better_than(&best.1) {
                    best = (knobs, tried.runs[&knobs].clone());
                }
            }
        }
        if best.0 == begin {
            break;
        }
    }
    let (found, confirmed) = tried.confirm(best)?;
    Ok(AutoscalePlan {
        fixed,
        autoscaler: found.0.applied(autoscaler),
        written,
        found,
        confirmed,
        simulations: tried.simulations,
    })
}

impl Tried<'_, '_> {
    fn try_all(&mut self, what: &str, mut candidates: Vec<Knobs>) -> Result<(), PlanError> {
        candidates.retain(|knobs| !self.runs.contains_key(knobs));
        let profiles: Vec<Profile> = candidates.iter().map(|knobs| self.scaled(knobs)).collect();
        let runs = self.simulate_all(what, &profiles, 0)?;
        self.runs.extend(candidates.into_iter().zip(runs));
        Ok(())
    }

    /// The profile with these settings; it begins with what it has, within their bounds.
    fn scaled(&self, knobs: &Knobs) -> Profile {
        let mut profile = self.search.profile.clone();
        let first = crate::scaling::first_pods(&profile, self.autoscaler);
        profile.workers.pods = Some(first.clamp(knobs.min_pods, knobs.max_pods));
        profile.autoscaler = Some(knobs.applied(self.autoscaler));
        profile
    }

    fn simulate_all(&mut self, what: &str, profiles: &[Profile], replication: u32) -> Result<Vec<CurveRun>, PlanError> {
        if profiles.is_empty() {
            return Ok(Vec::new());
        }
        let search = self.search;
        (search.progress)(&format!("{what}: {} to try, {} simulated", profiles.len(), self.simulations));
        let threads = search.threads.max(1);
        let runs =
            replications(profiles.len() as u32, threads, |index| search.run(&profiles[index as usize], replication))
                .map_err(|error| PlanError::Threads { threads, message: error.to_string() })?;
        self.simulations += profiles.len() as u32;
        runs.into_iter().collect::<Option<Vec<_>>>().ok_or(PlanError::Cancelled)
    }

    /// The smallest fixed fleet that keeps the promises, by bisection.
    fn fixed_fleet(&mut self, guess: u32) -> Result<(u32, CurveRun), PlanError> {
        let most = self.search.profile.workers.max_pods;
        let mut runs: BTreeMap<u32, CurveRun> = BTreeMap::new();
        let (mut low, mut high) = (0, None);
        let mut next = guess.min(most);
        loop {
            let run = match runs.get(&next) {
                Some(run) => run.clone(),
                None => {
                    let mut profile = self.search.profile.clone();
                    (profile.autoscaler, profile.workers.pods) = (None, Some(next));
                    let mut tried = self.simulate_all(&format!("a fixed fleet of {next} pods"), &[profile], 0)?;
                    let Some(run) = tried.pop() else { return Err(PlanError::Cancelled) };
                    runs.insert(next, run.clone());
                    run
                }
            };
            if run.kept() {
                high = Some(next);
            } else {
                low = next;
            }
            next = match high {
                None if low >= most => return Ok((low, runs[&low].clone())),
                None => (low * 3 / 2 + 1).min(most),
                Some(high) if high - low <= 1 => return Ok((high, runs[&high].clone())),
                Some(high) => low + (high - low) / 2,
            };
        }
    }

    /// The best settings that also keep the promises with other random numbers.
    fn confirm(&mut self, best: (Knobs, CurveRun)) -> Result<((Knobs, CurveRun), bool), PlanError> {
        if !best.1.kept() {
            return Ok((best, false));
        }
        let mut kept: Vec<_> =
            self.runs.iter().filter(|(_, run)| run.kept()).map(|(knobs, run)| (*knobs, run.clone())).collect();
        kept.sort_by(|(_, a), (_, b)| a.cost().total_cmp(&b.cost()));
        for (knobs, run) in kept.into_iter().take(CONFIRMED) {
            let again = self.simulate_all("with other random numbers", &[self.scaled(&knobs)], 1)?;
            if again.iter().all(CurveRun::kept) {
                return Ok(((knobs, run), true));
            }
        }
        Ok((best, false))
    }
}

impl AutoscaleSearch<'_> {
    /// Simulates the curve; `None` when told to stop.
    fn run(&self, profile: &Profile, replication: u32) -> Option<CurveRun> {
        let mut size = self.size;
        size.workers.pods.count = profile.workers.pods.unwrap_or(1).max(1);
        let settings = Settings { replication, seed: self.simulation.seed + u64::from(replication), ..self.simulation };
        let outcome = simulate(profile, self.calibration, size, settings, &|| (self.cancelled)());
        if outcome.ended_early == Some(EndedEarly::Cancelled) {
            return None;
        }
        let (from, until) = (settings.warmup, settings.warmup + settings.measured);
        let scaling = match &outcome.fleet {
            Some(fleet) => summary(fleet, from, until),
            None => {
                let pods = size.workers.pods.count;
                let pod_hours = f64::from(pods) * settings.measured.as_secs_f64() / 3_600.0;
                ScalingSummary { pod_hours, fewest: pods, most: pods, ..ScalingSummary::default() }
            }
        };
        let targets = &profile.slo.targets;
        let promises = targets.iter().filter_map(|target| {
            let histogram = outcome.recorder.total(metric(target.metric));
            let quantile = Nanos(histogram.inner().value_at_quantile(target.quantile));
            (histogram.count() > 0).then_some(CurvePromise { target: *target, quantile })
        });
        Some(CurveRun {
            scaling,
            promises: promises.collect(),
            minutes: minutes_lost(&outcome.recorder, settings.interval, targets),
            finished: outcome.unfinished == 0 && outcome.ended_early.is_none(),
        })
    }
}
