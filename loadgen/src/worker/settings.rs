//! How a worker is set up: the profile's numbers, or those its SDK has by default.

use std::net::SocketAddr;
use std::time::Duration;

use plimsoll_profiles::PollerAutoscaling;
use plimsoll_profiles::profile::{Profile, Sdk};
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder, WorkerTuner};
use temporalio_sdk::runtime::{AutoscalingOptions, PollerBehavior};

/// Pollers of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pollers {
    /// So many.
    Fixed(u32),
    /// They scale by themselves.
    Autoscaling(PollerAutoscaling),
}

/// The settings of each worker of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// Workers: one per pod of the profile.
    pub workers: u32,
    /// Workflow task slots of each.
    pub workflow_task_slots: u32,
    /// Activity slots of each.
    pub activity_slots: u32,
    /// Local activity slots of each.
    pub local_activity_slots: u32,
    /// Workflow task pollers of each.
    pub workflow_task_pollers: Pollers,
    /// Activity task pollers of each.
    pub activity_pollers: Pollers,
    /// Sticky cache of each, in workflows.
    pub cached_workflows: u32,
    /// How long a task waits in the sticky queue.
    pub sticky_timeout: Duration,
    /// Heartbeats without a time-out are sent no more often than this.
    pub heartbeat_throttle: Duration,
    /// Heartbeats are sent at least this often.
    pub longest_heartbeat_throttle: Duration,
    /// Where the first worker serves the SDK's metrics; each further one at the next port, and with port 0 each at a free one.
    pub sdk_metrics: Option<SocketAddr>,
    /// The SDK whose names those metrics have.
    pub sdk: Sdk,
}

impl WorkerSettings {
    /// What the profile says; where it says nothing, the defaults of its SDK, as in the simulator.
    pub fn of(profile: &Profile) -> Self {
        let (workers, defaults) = (&profile.workers, profile.sdk.defaults());
        let pollers = |given: Option<u32>, default: u32| match workers.poller_autoscaling {
            true => Pollers::Autoscaling(PollerAutoscaling::DEFAULT),
            false => Pollers::Fixed(given.unwrap_or(default)),
        };
        let span = |span: plimsoll_profiles::units::Nanos| Duration::from_nanos(span.0);
        WorkerSettings {
            workers: workers.pods.unwrap_or(1),
            workflow_task_slots: workers.workflow_task_slots.unwrap_or(defaults.workflow_task_slots),
            activity_slots: workers.activity_slots.unwrap_or(defaults.activity_slots),
            local_activity_slots: workers.local_activity_slots.unwrap_or(defaults.local_activity_slots),
            workflow_task_pollers: pollers(workers.workflow_task_pollers, defaults.workflow_task_pollers),
            activity_pollers: pollers(workers.activity_pollers, defaults.activity_pollers),
            cached_workflows: workers.cached_workflows.unwrap_or(defaults.cached_workflows),
            sticky_timeout: span(defaults.sticky_timeout),
            heartbeat_throttle: span(defaults.heartbeat_throttle),
            longest_heartbeat_throttle: span(defaults.longest_heartbeat_throttle),
            sdk_metrics: None,
            sdk: profile.sdk,
        }
    }

    pub(super) fn tuner(&self) -> WorkerTuner {
        let slots = |count: u32| FixedSizeSlotSupplier::new(count as usize);
        TunerHolder::builder()
            .workflow_task_slot_supplier(slots(self.workflow_task_slots))
            .activity_task_slot_supplier(slots(self.activity_slots))
            .local_activity_task_slot_supplier(slots(self.local_activity_slots))
            .nexus_task_slot_supplier(slots(1))
            .build()
            .into()
    }

    /// The SDK refuses fewer than two workflow task pollers beside a sticky cache: one for each queue.
    pub(super) fn workflow_task_behaviour(&self) -> PollerBehavior {
        match self.workflow_task_pollers {
            Pollers::Fixed(count) if self.cached_workflows > 0 => PollerBehavior::SimpleMaximum(count.max(2) as usize),
            pollers => behaviour(pollers),
        }
    }

    pub(super) fn activity_behaviour(&self) -> PollerBehavior {
        behaviour(self.activity_pollers)
    }
}

fn behaviour(pollers: Pollers) -> PollerBehavior {
    match pollers {
        Pollers::Fixed(count) => PollerBehavior::SimpleMaximum(count as usize),
        Pollers::Autoscaling(scaling) => PollerBehavior::Autoscaling(
            AutoscalingOptions::builder()
                .minimum(scaling.minimum as usize)
                .maximum(scaling.maximum as usize)
                .initial(scaling.initial as usize)
                .build(),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use plimsoll_profiles::{Document, World, shipped};

    use super::*;

    fn settings(overrides: &[&str]) -> WorkerSettings {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let text = shipped::profile("one-activity").unwrap().text;
        let document = Document::parse(text, "one-activity.toml", &overrides).unwrap();
        WorkerSettings::of(&document.profile(&World::mid()).unwrap())
    }

    #[test]
    fn a_worker_is_set_up_as_the_profile_says_and_else_as_its_sdk_does() {
        let settings = settings(&[]);
        assert_eq!((settings.workers, settings.activity_slots, settings.workflow_task_slots), (1, 200, 200));
        assert_eq!(settings.activity_pollers, Pollers::Fixed(8));
        let go = plimsoll_profiles::profile::Sdk::Go.defaults();
        assert_eq!(settings.cached_workflows, go.cached_workflows);
        assert_eq!(settings.local_activity_slots, go.local_activity_slots);
    }

    #[test]
    fn one_poller_beside_a_sticky_cache_becomes_two() {
        let settings = settings(&["workers.workflow_task_pollers=1", "workers.activity_pollers=1"]);
        assert_eq!(settings.workflow_task_behaviour(), PollerBehavior::SimpleMaximum(2));
        assert_eq!(settings.activity_behaviour(), PollerBehavior::SimpleMaximum(1));
    }
}
