//! Which uncertain input moves the plan most.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};

use super::demand::Demand;
use super::dimension::Dimension;
use super::evaluate::Evaluator;
use crate::temporal::{Program, SystemSize};

/// What the utilisation law asks for in one world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Influence {
    /// Worker pods, spare excluded.
    pub worker_pods: u32,
    /// History pods, spare excluded.
    pub history_pods: u32,
    /// Database cores.
    pub database_vcpu: u32,
    /// Mean time a workflow is open.
    pub lifetime: Nanos,
}

/// Utilisation that a quick answer keeps below; the same for all worlds, so that only the input makes the difference.
const UTILISATION: f64 = 0.8;

/// Sizes one world by a pilot and the utilisation law alone: quick, and the same way for every world.
pub fn influence(
    profile: &Profile,
    calibration: &Calibration,
    seed: u64,
    peak: Rate,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Influence {
    let evaluator = Evaluator::new(profile, calibration, seed, cancelled);
    let start = super::plan::worker_sizes(profile, SystemSize::of(profile));
    let rate = Rate::per_second(peak.as_per_second() * (1.0 + profile.growth.headroom) * profile.growth.factor);
    let (demand, _) = evaluator.pilot(start, rate);
    let fewest = |dimension: Dimension| {
        let choices = dimension.choices(profile, &start);
        let enough =
            |value: &u32| dimension.predicted_utilisation(&demand, rate, &dimension.set(start, *value)) <= UTILISATION;
        choices.iter().copied().find(enough).or(choices.last().copied()).unwrap_or(1)
    };
    Influence {
        worker_pods: fewest(Dimension::WorkerPods),
        history_pods: fewest(Dimension::History),
        database_vcpu: fewest(Dimension::Database),
        lifetime: Program::of(profile).mean_lifetime(profile),
    }
}

/// A system for a profile that leaves numbers open, without a search: what the utilisation law asks for at the peak, at 70 % at
/// most. What the profile fixes stays.
pub fn provision(
    profile: &Profile,
    calibration: &Calibration,
    seed: u64,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> SystemSize {
    let evaluator = Evaluator::new(profile, calibration, seed, cancelled);
    let size = super::plan::worker_sizes(profile, SystemSize::of(profile));
    let rate = profile.arrivals.peak(super::plan::PEAK_WINDOW).rate;
    if rate == Rate::ZERO {
        return size;
    }
    let (demand, _) = evaluator.pilot(size, rate);
    provision_for(profile, &demand, rate)
}

/// The same where the demands are known.
pub fn provision_for(profile: &Profile, demand: &Demand, rate: Rate) -> SystemSize {
    let mut size = super::plan::worker_sizes(profile, SystemSize::of(profile));
    for dimension in Dimension::ALL {
        let choices = dimension.choices(profile, &size);
        let so_far = size;
        let most_busy = if dimension == Dimension::Shards { super::search::SHARD_UTILISATION } else { 0.7 };
        let enough =
            |value: &u32| dimension.predicted_utilisation(demand, rate, &dimension.set(so_far, *value)) <= most_busy;
        let value = choices.iter().copied().find(enough).or(choices.last().copied()).unwrap_or(1);
        size = dimension.set(size, value);
    }
    super::plan::with_spares(profile, size)
}
