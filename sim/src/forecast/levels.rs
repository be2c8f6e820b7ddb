//! Load levels, simulated, and what lies between them.

use rayon::prelude::*;

use plimsoll_profiles::profile::{Profile, SloTarget};
use plimsoll_profiles::units::Rate;

use crate::planner::{Demand, Dimension, Evaluator, metric};
use crate::temporal::{EndedEarly, SystemSize, Utilisations, shares_one_machine};

/// The resources that may be full, as plans call them.
pub const RESOURCES: [&str; 11] = [
    "frontend CPU",
    "history CPU",
    "matching CPU",
    "database CPU",
    "worker CPU",
    "worker activity slots",
    "worker workflow task slots",
    "history shard permits (busiest)",
    "history connections",
    "visibility database CPU",
    "PgBouncer's server connections",
];

/// One simulated load.
#[derive(Clone, Debug)]
pub struct Level {
    /// Starts per second.
    pub rate: f64,
    /// How busy each of [`RESOURCES`] was.
    pub busy: [f64; RESOURCES.len()],
    /// The promised quantiles, in seconds, in the order of the profile; `None` where there is no latency of that kind.
    pub latencies: Vec<Option<f64>>,
    /// Whether what came in went out.
    pub keeps_up: bool,
}

/// Levels and what follows from all of them.
pub(super) struct Ladder {
    /// Those that keep up, by rate, rising; at least one.
    pub levels: Vec<Level>,
    /// Starts per second at which the first resource is full.
    pub capacity: f64,
    /// Which.
    pub limit: &'static str,
}

/// Levels of a forecast.
const LEVELS: u32 = 14;
/// The lowest level as a part of the highest: idle hours are read off a line from there.
const LOWEST_PART: f64 = 0.02;
/// No level is simulated nearer than this to the rate at which the utilisation law says that something is full.
const HIGHEST_PART: f64 = 0.95;
/// Events of one level, and its fewest and most workflows.
const EVENT_BUDGET: f64 = 1.5e6;
const FEWEST: f64 = 1_500.0;
const MOST: f64 = 8_000.0;

/// Simulates the levels between the lowest and the highest load.
pub(super) fn simulate(
    evaluator: &Evaluator<'_>,
    demand: &Demand,
    size: SystemSize,
    lowest: f64,
    highest: f64,
) -> Ladder {
    let (law, law_limit) = law(evaluator.profile, demand, size);
    let top = highest.min(law * HIGHEST_PART);
    // From half the highest on, so that a line can be laid through them even for a load that never changes.
    let bottom = lowest.clamp(top * LOWEST_PART, 0.5 * top);
    let workflows = (EVENT_BUDGET / evaluator.events_per_workflow).clamp(FEWEST, MOST);
    let mut levels: Vec<Level> =
        rates(bottom, top).par_iter().map(|rate| level(evaluator, size, *rate, workflows)).collect();
    let falls = levels.iter().find(|level| !level.keeps_up).map(|level| level.rate);
    levels.retain(|level| level.keeps_up && falls.is_none_or(|rate| level.rate < rate));
    if levels.is_empty() {
        // Not even the least load is carried: what one workflow asks for says how busy it would be.
        let mut busy = [0.0; RESOURCES.len()];
        let index = RESOURCES.iter().position(|name| *name == law_limit).unwrap_or(0);
        busy[index] = (bottom / law).min(1.0);
        let latencies = vec![None; evaluator.profile.slo.targets.len()];
        levels.push(Level { rate: bottom, busy, latencies, keeps_up: false });
    }
    let (capacity, limit) = capacity(&levels, (law, law_limit));
    let capacity = falls.map_or(capacity, |rate| capacity.min(rate));
    Ladder { levels, capacity, limit }
}

/// Rates from `bottom` to `top`: half of them in equal ratios, half in the upper half at equal distances, where queues grow.
fn rates(bottom: f64, top: f64) -> Vec<f64> {
    let half = LEVELS / 2;
    let geometric = (0..half).map(|i| bottom * libm::pow(top / bottom, f64::from(i) / f64::from(half)));
    let upper = bottom.max(0.5 * top);
    let linear = (0..=half).map(|i| upper + (top - upper) * f64::from(i) / f64::from(half));
    let mut rates: Vec<f64> = geometric.chain(linear).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup_by(|b, a| *b / *a < 1.02);
    rates
}

fn level(evaluator: &Evaluator<'_>, size: SystemSize, rate: f64, workflows: f64) -> Level {
    let verdict = evaluator.run(size, Rate::per_second(rate), workflows);
    let outcome = &verdict.outcome;
    let latency = |target: &SloTarget| {
        let histogram = outcome.recorder.total(metric(target.metric)).inner();
        (!histogram.is_empty()).then(|| histogram.value_at_quantile(target.quantile) as f64 / 1e9)
    };
    Level {
        rate,
        busy: busy(&outcome.utilisation),
        latencies: evaluator.profile.slo.targets.iter().map(latency).collect(),
        keeps_up: outcome.ended_early != Some(EndedEarly::Overloaded),
    }
}

fn busy(u: &Utilisations) -> [f64; RESOURCES.len()] {
    [
        u.frontend,
        u.history,
        u.matching,
        u.database,
        u.workers,
        u.activity_slots,
        u.workflow_task_slots,
        u.history_shard,
        u.connections,
        u.visibility_database,
        u.server_connections,
    ]
}

/// The rate at which something is full by the utilisation law, and what.
fn law(profile: &Profile, demand: &Demand, size: SystemSize) -> (f64, &'static str) {
    let one = Rate::per_second(1.0);
    if let Some(cores) = shares_one_machine(profile) {
        let all: f64 = demand.cpu.iter().map(|cpu| cpu.as_secs_f64()).sum();
        return (cores.get() / all.max(1e-12), "database CPU");
    }
    let name = |dimension: Dimension| match dimension {
        Dimension::WorkerPods => "worker CPU",
        Dimension::Frontend => "frontend CPU",
        Dimension::History => "history CPU",
        Dimension::Matching => "matching CPU",
        Dimension::Shards => "history shard permits (busiest)",
        Dimension::Database | Dimension::Pollers => "database CPU",
    };
    let loads = Dimension::ALL.into_iter().filter(|dimension| *dimension != Dimension::Pollers);
    let loads = loads.map(|dimension| (dimension.predicted_utilisation(demand, one, &size), name(dimension)));
    let (most, limit) = loads.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, "database CPU"));
    (1.0 / most.max(1e-12), limit)
}

/// The rate at which the first resource is full, from a line through the levels; the law's where there is only one level.
fn capacity(levels: &[Level], law: (f64, &'static str)) -> (f64, &'static str) {
    let Some(high) = levels.last() else { return law };
    let Some(low) = levels.iter().rfind(|level| level.rate < 0.7 * high.rate) else { return law };
    let full = |index: usize| {
        let slope = (high.busy[index] - low.busy[index]) / (high.rate - low.rate);
        if slope <= 0.0 { f64::INFINITY } else { high.rate + (1.0 - high.busy[index]).max(0.0) / slope }
    };
    let first = (0..RESOURCES.len()).map(|index| (full(index), RESOURCES[index])).min_by(|a, b| a.0.total_cmp(&b.0));
    match first {
        Some((rate, limit)) if rate.is_finite() => (rate, limit),
        _ => law,
    }
}

/// What a load between the levels has: utilisations on a line, latencies on a line of their logarithms.
pub(super) struct Between {
    pub busy: [f64; RESOURCES.len()],
    pub latencies: Vec<Option<f64>>,
    /// What waits for workers grow by beyond the highest level.
    pub strain: f64,
}

/// Nearer than this to its capacity a system is taken as this near: an hour does not see the queue of a steady state at 1.
const NEAREST: f64 = 0.995;

impl Ladder {
    /// At a rate; beyond the highest level its latencies, and the line of utilisations up to one.
    pub(super) fn at(&self, rate: f64) -> Between {
        let above = self.levels.partition_point(|level| level.rate <= rate);
        let last = self.levels.len() - 1;
        let (a, b) = match above {
            _ if last == 0 => (0, 0),
            0 => (0, 1),
            index if index > last => (last - 1, last),
            index => (index - 1, index),
        };
        let (low, high) = (&self.levels[a], &self.levels[b]);
        let span = high.rate - low.rate;
        let part = if span > 0.0 { (rate - low.rate) / span } else { 0.0 };
        let busy = std::array::from_fn(|i| (low.busy[i] + (high.busy[i] - low.busy[i]) * part).clamp(0.0, 1.0));
        let inside = part.clamp(0.0, 1.0);
        let latencies = low.latencies.iter().zip(&high.latencies).map(|(low, high)| match (low, high) {
            (Some(low), Some(high)) => {
                let (low, high) = (libm::log(low.max(1e-9)), libm::log(high.max(1e-9)));
                Some(libm::exp(low + (high - low) * inside))
            }
            (low, high) => high.or(*low),
        });
        // In heavy traffic waits grow as 1 / (1 − ρ) (Kingman 1961).
        let spare = |rate: f64| 1.0 - (rate / self.capacity.max(1e-9)).min(NEAREST);
        let strain = if rate > self.levels[last].rate { spare(self.levels[last].rate) / spare(rate) } else { 1.0 };
        Between { busy, latencies: latencies.collect(), strain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(rate: f64, busy: f64, latency: f64) -> Level {
        let mut all = [0.0; RESOURCES.len()];
        all[1] = busy;
        all[3] = 0.1 + rate / 1_000.0;
        Level { rate, busy: all, latencies: vec![Some(latency)], keeps_up: true }
    }

    #[test]
    fn between_levels_lies_a_line_and_beyond_them_no_less_than_nothing() {
        let ladder =
            Ladder { levels: vec![level(10.0, 0.1, 0.01), level(50.0, 0.5, 0.1)], capacity: 100.0, limit: "x" };
        let at = ladder.at(30.0);
        assert!((at.busy[1] - 0.3).abs() < 1e-9);
        assert!((at.latencies[0].unwrap_or(0.0) - 0.001f64.sqrt()).abs() < 1e-9, "{:?}", at.latencies);
        assert!((ladder.at(100.0).busy[1] - 1.0).abs() < 1e-9);
        assert_eq!(ladder.at(100.0).latencies[0].map(|l| (l * 1e3).round()), Some(100.0));
        // Half of the capacity is spare at the highest level, half a per cent at the capacity.
        assert!((ladder.at(100.0).strain - 100.0).abs() < 1e-6 && (at.strain - 1.0).abs() < 1e-9);
        assert!(ladder.at(0.0).busy[1].abs() < 1e-9);
    }

    #[test]
    fn the_capacity_is_where_the_first_line_reaches_one() {
        let (rate, limit) = capacity(&[level(10.0, 0.1, 0.01), level(50.0, 0.5, 0.1)], (1.0, "law"));
        assert!((rate - 100.0).abs() < 1e-9);
        assert_eq!(limit, "history CPU");
    }

    #[test]
    fn rates_rise_from_the_lowest_to_the_highest() {
        let rates = rates(2.0, 100.0);
        assert!((rates[0] - 2.0).abs() < 1e-9 && (rates[rates.len() - 1] - 100.0).abs() < 1e-9, "{rates:?}");
        assert!(rates.windows(2).all(|pair| pair[0] < pair[1]) && rates.len() >= 10, "{rates:?}");
        assert_eq!(super::rates(5.0, 5.0).len(), 1);
    }
}
