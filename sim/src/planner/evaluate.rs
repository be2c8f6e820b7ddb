//! One size at one rate: are the promises kept?

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Profile, SloMetric, SloTarget};
use plimsoll_profiles::units::{Nanos, Rate};

use crate::temporal::{
    EndedEarly, Load, Metric, Outcome, Program, Promise, Recorder, Settings, SystemSize, simulate_until,
};

/// Simulates sizes for the planner, and counts what that took.
pub struct Evaluator<'a> {
    /// The workload.
    pub profile: &'a Profile,
    /// The costs.
    pub calibration: &'a Calibration,
    /// Seed: the same for all sizes, so that they meet the same workflows.
    pub seed: u64,
    /// Asks whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Mean time a workflow spends in the simulation when nothing queues.
    pub residence: Nanos,
    /// Events one workflow takes, measured by the pilot.
    pub events_per_workflow: f64,
    events: AtomicU64,
    simulations: AtomicU32,
}

/// What became of one promise.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The promise.
    pub target: SloTarget,
    /// Kept, broken or undecided.
    pub promise: Promise,
}

/// What became of all promises on one size.
pub struct Verdict {
    /// The simulation.
    pub outcome: Outcome,
    /// Each promise that the workload has latencies for.
    pub promises: Vec<Kept>,
}

/// Waits longer than this do not hold a simulation up.
pub const LONGEST_WAIT: Nanos = Nanos::from_secs(5);

/// The end of a long warm-up, in which queues may build up in a cluster that has been filled without them.
const SETTLING: Nanos = Nanos::from_secs(3);

/// Events of one evaluation, at most (but for the fewest samples a quantile needs).
const EVENT_BUDGET: f64 = 1.0e6;
/// Fewest workflows of one evaluation.
const FEWEST_WORKFLOWS: f64 = 600.0;

/// Events of the last, longest evaluation.
const CONFIRM_BUDGET: f64 = 4.0e6;
/// Workflows of it: five batches of a thousand decide a p99 that has one sample per workflow.
const CONFIRM_WORKFLOWS: f64 = 5_500.0;

impl Verdict {
    /// Whether every promise is kept. One that the samples do not decide counts as kept when its estimate is.
    pub fn kept(&self) -> bool {
        self.outcome.ended_early.is_none() && self.promises.iter().all(|kept| kept.holds(&self.outcome))
    }

    /// The promise that is broken by most.
    pub fn worst(&self) -> Option<&Kept> {
        let excess = |kept: &&Kept| {
            let value = self.outcome.recorder.total(metric(kept.target.metric)).inner();
            value.value_at_quantile(kept.target.quantile) as f64 / kept.target.limit.0.max(1) as f64
        };
        self.promises.iter().filter(|kept| !kept.holds(&self.outcome)).max_by(|a, b| excess(a).total_cmp(&excess(b)))
    }
}

impl Kept {
    fn holds(&self, outcome: &Outcome) -> bool {
        match self.promise {
            Promise::Kept => true,
            Promise::Broken => false,
            Promise::Undecided => {
                let histogram = outcome.recorder.total(metric(self.target.metric));
                histogram.inner().value_at_quantile(self.target.quantile) <= self.target.limit.0
            }
        }
    }
}

/// The simulator's name for what a promise is about.
pub fn metric(metric: SloMetric) -> Metric {
    match metric {
        SloMetric::Start => Metric::Start,
        SloMetric::ScheduleToStartWorkflow => Metric::ScheduleToStartWorkflow,
        SloMetric::ScheduleToStartActivity => Metric::ScheduleToStartActivity,
        SloMetric::EndToEnd => Metric::EndToEnd,
    }
}

/// Whether a quantile is beyond its limit where so many of all latencies are: more than the share 1 − q, told exactly for decimal quantiles, whose
/// complements have no exact binary number.
pub(crate) fn is_beyond(quantile: f64, late: u64, all: u64) -> bool {
    late as f64 > (1.0 - quantile) * all as f64 + 1e-9
}

impl<'a> Evaluator<'a> {
    /// An evaluator for a profile.
    pub fn new(
        profile: &'a Profile,
        calibration: &'a Calibration,
        seed: u64,
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Evaluator {
            profile,
            calibration,
            seed,
            cancelled,
            residence: Program::of(profile).mean_residence(profile, LONGEST_WAIT),
            events_per_workflow: 400.0,
            events: AtomicU64::new(0),
            simulations: AtomicU32::new(0),
        }
    }

    /// Events handled and simulations run so far.
    pub fn spent(&self) -> (u64, u32) {
        (self.events.load(Ordering::Relaxed), self.simulations.load(Ordering::Relaxed))
    }

    /// Simulates a size at a rate until the promises are decided.
    pub fn evaluate(&self, size: SystemSize, rate: Rate) -> Verdict {
        let workflows = (EVENT_BUDGET / self.events_per_workflow).max(FEWEST_WORKFLOWS);
        self.run(size, rate, workflows)
    }

    /// Simulates the chosen size once more with more workflows, for the intervals of the report.
    pub fn confirm(&self, size: SystemSize, rate: Rate) -> Verdict {
        let filling = rate.as_per_second() * self.residence.as_secs_f64();
        let affordable = CONFIRM_BUDGET / self.events_per_workflow - filling;
        let workflows = affordable.clamp(2.0 * FEWEST_WORKFLOWS, CONFIRM_WORKFLOWS);
        self.run(size, rate, workflows)
    }

    /// Simulates a size at a rate for about so many workflows.
    pub fn run(&self, size: SystemSize, rate: Rate, workflows: f64) -> Verdict {
        let per_second = rate.as_per_second();
        let warmup = Nanos(self.residence.0 * 5 / 4) + Nanos::from_secs(1);
        let measured = Nanos::from_secs_f64(workflows / per_second);
        let held = per_second * self.residence.as_secs_f64();
        let settings = Settings {
            filled_at: if warmup > SETTLING * 2 { warmup.saturating_sub(SETTLING) } else { Nanos::ZERO },
            seed: self.seed,
            replication: 0,
            load: Load::Poisson(rate),
            warmup,
            measured,
            drain: Nanos::ZERO,
            interval: Nanos((measured.0 / 20).max(1_000_000)),
            sample: false,
            longest_wait: LONGEST_WAIT,
            retention_deletes: true,
            max_events: (self.events_per_workflow * (workflows + held * 2.0) * 8.0) as u64 + 2_000_000,
            // What Little's law expects, several times over: beyond that the system does not keep up.
            max_open: (held * 3.0 + per_second * 10.0 + 6.0 * held.sqrt()) as u32 + 500,
        };
        let targets = self.profile.slo.targets.clone();
        let few = (workflows / 8.0) as u64;
        let enough = move |recorder: &Recorder| {
            let seen = recorder.total(Metric::ScheduleToStartWorkflow).count();
            if seen < few {
                return false;
            }
            let decide = |t: &SloTarget| recorder.promise(metric(t.metric), t.quantile, t.limit, 0.999);
            let has = |t: &&SloTarget| recorder.total(metric(t.metric)).count() > 0;
            targets.iter().filter(has).any(|t| decide(t) == Promise::Broken)
        };
        let mut outcome =
            simulate_until(self.profile, self.calibration, size, settings, &|| (self.cancelled)(), &enough);
        if outcome.ended_early.is_none() && outcome.falls_behind() {
            outcome.ended_early = Some(EndedEarly::Overloaded);
        }
        self.events.fetch_add(outcome.events, Ordering::Relaxed);
        self.simulations.fetch_add(1, Ordering::Relaxed);
        let promises = self
            .profile
            .slo
            .targets
            .iter()
            .filter(|target| {
                outcome.ended_early == Some(EndedEarly::Overloaded)
                    || outcome.recorder.total(metric(target.metric)).count() > 0
            })
            .map(|target| Kept {
                target: *target,
                promise: outcome.promise(metric(target.metric), target.quantile, target.limit),
            })
            .collect();
        Verdict { outcome, promises }
    }
}
