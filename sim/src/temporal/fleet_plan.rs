//! What of a profile moves its worker pods.

use plimsoll_profiles::profile::{CutOffActivities, Profile, Rollout, RolloutDrain};

use super::fleet::{CutOff, Drain, FleetPlan};
use super::rollout::{ForcedRollback, RolloutController};
use super::rollout_rolling::RollingBounds;
use super::system::SystemSize;

impl FleetPlan {
    /// The pods of a profile whose worker pods come and go, beginning with as many as `size` has; `None` where they are the same all the time.
    pub fn of(profile: &Profile, size: &SystemSize) -> Option<FleetPlan> {
        match &profile.rollout {
            Some(rollout) => Some(FleetPlan::of_rollout(rollout, size.workers.pods.count, ForcedRollback::No)),
            None => crate::scaling::fleet_plan(profile),
        }
    }

    /// The pods of a rollout.
    pub fn of_rollout(rollout: &Rollout, replicas: u32, forced: ForcedRollback) -> FleetPlan {
        // The old pods, the new ones, and the old ones again after a rollback, while all of them drain.
        let most = 3 * replicas + RollingBounds::of(rollout, replicas).max_surge;
        FleetPlan {
            pods: replicas,
            most,
            start_up: rollout.start_up,
            readiness: rollout.readiness,
            drain: drain(&rollout.drain),
            events: Vec::new(),
            controllers: vec![Box::new(RolloutController::new(rollout.clone(), replicas, forced))],
        }
    }
}

fn drain(drain: &RolloutDrain) -> Drain {
    Drain {
        graceful_timeout: drain.graceful_timeout,
        grace: drain.grace,
        cut_off: match drain.cut_off {
            CutOffActivities::Fail => CutOff::Fails,
            CutOffActivities::Lost => CutOff::Lost,
            CutOffActivities::RunOn => CutOff::RunsOn,
        },
    }
}
