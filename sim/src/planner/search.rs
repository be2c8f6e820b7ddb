//! The smallest size that keeps the promises at one rate.

use rayon::prelude::*;

use plimsoll_profiles::profile::{SloMetric, SloTarget};
use plimsoll_profiles::units::{Nanos, Rate};

use super::demand::Demand;
use super::dimension::Dimension;
use super::evaluate::{Evaluator, Verdict, metric};
use crate::engine::analytic::MultiServer;
use crate::temporal::{EndedEarly, Process, SystemSize};

/// Why a number is not one less.
#[derive(Clone, Copy, Debug)]
pub enum Reason {
    /// It is the smallest the profile or high availability allows.
    Fewest,
    /// The profile fixes it.
    Fixed,
    /// One less cannot carry the load: the utilisation law.
    Saturates {
        /// The smaller value.
        value: u32,
        /// Utilisation it would have.
        utilisation: f64,
    },
    /// One less leaves too little room in a number that can never be changed.
    Margin {
        /// The smaller value.
        value: u32,
        /// Mean utilisation of a shard's permit with it.
        utilisation: f64,
    },
    /// One less breaks a promise.
    Breaks {
        /// The smaller value.
        value: u32,
        /// Which promise.
        target: SloTarget,
        /// What it comes to, if the simulation came to its end.
        reaches: Option<Nanos>,
        /// Utilisation of the resource.
        utilisation: f64,
    },
}

/// The answer of a search.
pub struct Found {
    /// Pods without the spare one.
    pub size: SystemSize,
    /// The simulation of that size.
    pub verdict: Verdict,
    /// For each dimension why it is not less.
    pub reasons: Vec<(Dimension, Reason)>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Infeasible {
    /// No allowed number of this is enough.
    TooSmall {
        /// Of what.
        dimension: Dimension,
        /// The most allowed.
        most: u32,
        /// Its utilisation with that.
        utilisation: f64,
    },
    /// A promise breaks though nothing is loaded: the latency without queueing is already too long.
    Floor {
        /// Which promise.
        target: SloTarget,
        /// What an idle, generous system reaches.
        reaches: Nanos,
    },
    /// A promise breaks with the most loaded resource at its largest.
    Limit {
        /// Which promise.
        target: SloTarget,
        /// What the largest system reaches, if it keeps up at all.
        reaches: Option<Nanos>,
        /// The most loaded resource that cannot be made larger.
        dimension: Dimension,
        /// Its utilisation.
        utilisation: f64,
    },
    /// Asked to stop.
    Cancelled,
}

/// The seed's utilisation at most: above it a queue's tail decides, which the simulation is for.
const SEED_UTILISATION: f64 = 0.9;
/// Mean utilisation of the shards' permits at the horizon at most. One permit is one server, workflows fall on shards by
/// chance, and the number can never be changed: the busiest of 512 is then about a quarter busy.
pub(super) const SHARD_UTILISATION: f64 = 0.1;
/// Resources at least this loaded get more when a promise breaks.
const LOADED: f64 = 0.87;
/// Below this no resource is to blame.
const IDLE: f64 = 0.4;
/// Rounds of raising; each raises at least one number.
const ROUNDS: usize = 24;

impl Evaluator<'_> {
    /// Finds the smallest size for a rate. `fixed` holds a dimension at its value in `start`.
    pub fn search(
        &self,
        start: SystemSize,
        demand: &Demand,
        rate: Rate,
        fixed: Option<Dimension>,
    ) -> Result<Found, Infeasible> {
        let mut size = self.seed_size(start, demand, rate, fixed)?;
        let mut verdict = None;
        for _ in 0..ROUNDS {
            let result = self.evaluate(size, rate);
            if result.outcome.ended_early == Some(EndedEarly::Cancelled) {
                return Err(Infeasible::Cancelled);
            }
            if result.kept() {
                verdict = Some(result);
                break;
            }
            size = self.raised(size, &result, demand, rate, fixed)?;
        }
        let Some(verdict) = verdict else {
            let last = self.evaluate(size, rate);
            return Err(limit(&last, Dimension::WorkerPods));
        };
        // Measured at this size and rate: processes that are busy pay less often for waking up.
        let refined = demand.refined(&verdict.outcome);
        Ok(self.descend(size, verdict, &refined, rate, fixed))
    }

    fn choices(&self, dimension: Dimension, size: &SystemSize, fixed: Option<Dimension>) -> Vec<u32> {
        if fixed == Some(dimension) {
            return vec![dimension.get(size)];
        }
        dimension.choices(self.profile, size)
    }

    /// For each dimension the fewest that the utilisation law allows.
    fn seed_size(
        &self,
        start: SystemSize,
        demand: &Demand,
        rate: Rate,
        fixed: Option<Dimension>,
    ) -> Result<SystemSize, Infeasible> {
        let mut size = start;
        for dimension in Dimension::ALL {
            let choices = self.choices(dimension, &start, fixed);
            // Pollers depend on the pods chosen before them.
            let so_far = size;
            let utilisation = |value: u32| dimension.predicted_utilisation(demand, rate, &dimension.set(so_far, value));
            let most_busy = if dimension == Dimension::Shards { SHARD_UTILISATION } else { SEED_UTILISATION };
            let largest = choices.last().copied().unwrap_or(1);
            let enough = |value: &u32| match dimension {
                // Many slots stay quick close to full: Erlang's formula says how close.
                Dimension::WorkerPods if self.slots_limit(demand, rate, &dimension.set(so_far, *value)) => {
                    self.slots_suffice(demand, rate, &dimension.set(so_far, *value))
                }
                _ => utilisation(*value) <= most_busy,
            };
            let value = choices.iter().copied().find(enough).unwrap_or(largest);
            if utilisation(value) >= 1.0 {
                return Err(Infeasible::TooSmall { dimension, most: value, utilisation: utilisation(value) });
            }
            size = dimension.set(size, value);
        }
        Ok(size)
    }

    /// Whether activity slots, not CPU, are what worker pods are needed for.
    fn slots_limit(&self, demand: &Demand, rate: Rate, size: &SystemSize) -> bool {
        let fleet = &size.workers;
        let slots = demand.activities(rate) / f64::from(fleet.pods.count * fleet.activity_slots);
        let cores = demand.cores(Process::Worker, rate) / (f64::from(fleet.pods.count) * fleet.pods.cores.get());
        slots > 1.1 * cores
    }

    /// Whether the slots keep the promised wait as M/M/c: activities of any distribution wait less than exponential ones of the
    /// same mean, as long as they vary less.
    fn slots_suffice(&self, demand: &Demand, rate: Rate, size: &SystemSize) -> bool {
        let slots = size.workers.pods.count * size.workers.activity_slots;
        let activities = demand.per_workflow(demand.work.activities) * rate.as_per_second();
        let busy = demand.activities(rate);
        if activities <= 0.0 || busy <= 0.0 {
            return true;
        }
        let Some(queue) = MultiServer::new(slots, Rate::per_second(activities), Rate::per_second(activities / busy))
        else {
            return false;
        };
        let targets = self.profile.slo.targets.iter();
        let mut waits = targets.filter(|target| target.metric == SloMetric::ScheduleToStartActivity);
        // Half of what is promised is left for the way to the worker.
        waits.all(|target| queue.wait_quantile_seconds(target.quantile) <= 0.5 * target.limit.as_secs_f64())
            && busy / f64::from(slots) < 0.99
    }

    /// A larger size after a promise broke: every loaded resource gets more.
    pub(super) fn raised(
        &self,
        size: SystemSize,
        verdict: &Verdict,
        demand: &Demand,
        rate: Rate,
        fixed: Option<Dimension>,
    ) -> Result<SystemSize, Infeasible> {
        let mut loads: Vec<(Dimension, f64)> = Dimension::ALL
            .into_iter()
            .map(|d| {
                let measured = d.measured_utilisation(&verdict.outcome);
                (d, measured.max(d.predicted_utilisation(demand, rate, &size)))
            })
            .collect();
        loads.sort_by(|a, b| b.1.total_cmp(&a.1));
        let next = |dimension: Dimension| {
            let now = dimension.get(&size);
            self.choices(dimension, &size, fixed).into_iter().find(|value| *value > now)
        };
        let mut raised = size;
        for (dimension, load) in loads.iter().copied().filter(|(_, load)| *load >= LOADED) {
            if let Some(value) = next(dimension) {
                // Far above what it can do, steps of one would take for ever.
                let grown = (f64::from(dimension.get(&size)) * (load / 0.95).max(1.0)) as u32;
                let choices = self.choices(dimension, &size, fixed);
                let value = choices.into_iter().find(|c| *c >= grown.max(value)).unwrap_or(value);
                raised = dimension.set(raised, value);
            }
        }
        if raised != size {
            return Ok(raised);
        }
        // Nothing is that loaded: pollers may be too few to be waiting when a task comes, else the busiest gets more.
        if let Some(value) = next(Dimension::Pollers) {
            return Ok(Dimension::Pollers.set(size, value));
        }
        let busiest = loads.iter().copied().find(|(d, load)| *load >= IDLE && next(*d).is_some());
        if let Some((dimension, _)) = busiest {
            let value = next(dimension).unwrap_or(dimension.get(&size));
            return Ok(dimension.set(size, value));
        }
        Err(limit(verdict, loads[0].0))
    }

    /// Makes each number as small as the others allow, then all together.
    fn descend(
        &self,
        size: SystemSize,
        verdict: Verdict,
        demand: &Demand,
        rate: Rate,
        fixed: Option<Dimension>,
    ) -> Found {
        let least: Vec<Least> =
            Dimension::ALL.par_iter().map(|dimension| self.least(*dimension, size, demand, rate, fixed)).collect();
        let mut reasons: Vec<(Dimension, Reason)> = least.iter().map(|least| (least.dimension, least.reason)).collect();
        let mut all = size;
        for least in &least {
            all = least.dimension.set(all, least.value);
        }
        for _ in 0..ROUNDS {
            if all == size {
                break;
            }
            let together = self.evaluate(all, rate);
            if together.kept() {
                return Found { size: all, verdict: together, reasons };
            }
            // Each alone could be that small, not all at once: the most loaded of them gets one step back.
            let back = Dimension::ALL
                .into_iter()
                .filter(|dimension| dimension.get(&all) < dimension.get(&size))
                .max_by(|a, b| {
                    let load = |d: &Dimension| d.measured_utilisation(&together.outcome);
                    load(a).total_cmp(&load(b))
                });
            let Some(dimension) = back else { break };
            let now = dimension.get(&all);
            // What the smaller one did is now the reason.
            let reason = broken(dimension, now, &together);
            reasons.iter_mut().filter(|(of, _)| *of == dimension).for_each(|(_, why)| *why = reason);
            let choices = self.choices(dimension, &size, fixed);
            let next = choices.into_iter().find(|value| *value > now).unwrap_or(dimension.get(&size));
            all = dimension.set(all, next);
        }
        Found { size, verdict, reasons }
    }

    /// The least of one number that keeps the promises while the others stay, and why it is not one less.
    fn least(
        &self,
        dimension: Dimension,
        size: SystemSize,
        demand: &Demand,
        rate: Rate,
        fixed: Option<Dimension>,
    ) -> Least {
        let now = dimension.get(&size);
        let least = |value, reason| Least { dimension, value, reason };
        let choices = self.choices(dimension, &size, fixed);
        if choices.len() <= 1 {
            return least(now, Reason::Fixed);
        }
        let predicted = |value| dimension.predicted_utilisation(demand, rate, &dimension.set(size, value));
        let smaller: Vec<u32> = choices.into_iter().filter(|value| *value < now).collect();
        let Some(next) = smaller.last().copied() else {
            return least(now, Reason::Fewest);
        };
        if dimension == Dimension::Shards {
            return least(now, Reason::Margin { value: next, utilisation: predicted(next) });
        }
        // Smaller values that the utilisation law already rules out need no simulation.
        let hopeless = smaller.iter().filter(|value| predicted(**value) >= 1.0).count();
        let mut reason = match hopeless {
            0 => Reason::Fewest,
            n => Reason::Saturates { value: smaller[n - 1], utilisation: predicted(smaller[n - 1]) },
        };
        let candidates = &smaller[hopeless..];
        let (mut low, mut high) = (0, candidates.len());
        // The nearest first: the seed is usually right or one too many.
        let mut probe = high.saturating_sub(1);
        while low < high {
            let value = candidates[probe];
            let verdict = self.evaluate(dimension.set(size, value), rate);
            if verdict.kept() {
                high = probe;
            } else {
                low = probe + 1;
                reason = broken(dimension, value, &verdict);
            }
            probe = low + (high - low) / 2;
        }
        least(candidates.get(high).copied().unwrap_or(now), reason)
    }
}

/// Why a size that cannot grow any more does not keep the promises.
pub(super) fn limit(verdict: &Verdict, dimension: Dimension) -> Infeasible {
    let Some(kept) = verdict.worst().or(verdict.promises.first()) else {
        return Infeasible::Cancelled;
    };
    let histogram = verdict.outcome.recorder.total(metric(kept.target.metric)).inner();
    let reaches =
        verdict.outcome.ended_early.is_none().then(|| Nanos(histogram.value_at_quantile(kept.target.quantile)));
    let utilisation = dimension.measured_utilisation(&verdict.outcome);
    match reaches {
        Some(reaches) if utilisation < IDLE => Infeasible::Floor { target: kept.target, reaches },
        _ => Infeasible::Limit { target: kept.target, reaches, dimension, utilisation },
    }
}

/// The least value of one number.
struct Least {
    dimension: Dimension,
    value: u32,
    reason: Reason,
}

/// The reason that a simulation gives against a value.
pub(super) fn broken(dimension: Dimension, value: u32, verdict: &Verdict) -> Reason {
    let utilisation = dimension.measured_utilisation(&verdict.outcome);
    let Some(worst) = verdict.worst() else {
        return Reason::Saturates { value, utilisation };
    };
    let histogram = verdict.outcome.recorder.total(metric(worst.target.metric)).inner();
    let finished = verdict.outcome.ended_early.is_none();
    let reaches = finished.then(|| Nanos(histogram.value_at_quantile(worst.target.quantile)));
    Reason::Breaks { value, target: worst.target, reaches, utilisation }
}
