//! KEDA's Temporal scaler: KEDA itself takes a fleet from 0 to 1 and back, an HPA that it makes does the rest.
//!
//! As `pkg/scalers/temporal.go` (what is asked and when it is active), `pkg/scaling/executor/scale_scaledobjects.go` (from and to zero) and
//! `apis/keda/v1alpha1/scaledobject_types.go` (the HPA's bounds) of KEDA 2.17 have it. The HPA's metric is external, with an average value:
//! it counts all pods there are, ready or not, and asks KEDA anew at each of its passes.

use plimsoll_profiles::profile::{Hpa, Keda, KedaQueues, Milli, QueueTarget, ScalingMetric, WorkerMetric};
use plimsoll_profiles::units::Nanos;

/// KEDA's scale loop for one `ScaledObject`.
#[derive(Clone, Debug)]
pub struct KedaScaler {
    spec: Keda,
    last_active: Option<Nanos>,
}

impl KedaScaler {
    /// One that has not polled yet.
    pub fn new(spec: Keda) -> Self {
        KedaScaler { spec, last_active: None }
    }

    /// What it was told.
    pub fn spec(&self) -> &Keda {
        &self.spec
    }

    /// A look at the queue, once a polling interval: the number of pods it sets, if it sets one.
    pub fn poll(&mut self, now: Nanos, backlog: u64, wanted: u32) -> Option<u32> {
        let Keda { min_pods, idle_pods, activation_target_queue_size, .. } = self.spec;
        if backlog > u64::from(activation_target_queue_size) {
            self.last_active = Some(now);
            let starts = wanted == 0 || (idle_pods.is_some() && wanted < min_pods);
            return starts.then_some(min_pods.max(1));
        }
        let above_idle = idle_pods.is_some_and(|idle| wanted > idle);
        if above_idle || (wanted > 0 && min_pods == 0) {
            // Nobody has been active since KEDA looks: then it does not wait.
            let cool = self.last_active.is_none_or(|active| active + self.spec.cooldown_period < now);
            return cool.then_some(idle_pods.unwrap_or(min_pods));
        }
        (idle_pods.is_none() && wanted < min_pods).then_some(min_pods)
    }

    /// The HPA that KEDA makes; it is switched off while no pod is wanted.
    pub fn hpa(spec: &Keda) -> Hpa {
        let metric = match spec.queues {
            KedaQueues::Both => WorkerMetric::Backlog,
            KedaQueues::Workflow => WorkerMetric::WorkflowBacklog,
            KedaQueues::Activity => WorkerMetric::ActivityBacklog,
        };
        let target = QueueTarget::Average(Milli::whole(spec.target_queue_size.into()));
        Hpa {
            // An HPA's minimum is at least 1.
            min_pods: spec.min_pods.max(1),
            max_pods: spec.max_pods,
            metrics: vec![ScalingMetric::Queue { metric, target }],
            behaviour: spec.behaviour.clone(),
            tolerance: Hpa::TOLERANCE,
            cpu_initialisation_period: Hpa::CPU_INITIALISATION_PERIOD,
            initial_readiness_delay: Hpa::INITIAL_READINESS_DELAY,
            downscale_stabilisation: Hpa::DOWNSCALE_STABILISATION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(min_pods: u32, idle_pods: Option<u32>) -> Keda {
        Keda {
            min_pods,
            max_pods: 100,
            idle_pods,
            polling_interval: Nanos::from_secs(30),
            cooldown_period: Nanos::from_secs(300),
            target_queue_size: 5,
            activation_target_queue_size: 10,
            queues: KedaQueues::Both,
            behaviour: None,
        }
    }

    fn secs(seconds: u64) -> Nanos {
        Nanos::from_secs(seconds)
    }

    #[test]
    fn the_first_pod_starts_above_the_activation_threshold_only() {
        let mut keda = KedaScaler::new(spec(0, None));
        assert_eq!(keda.poll(secs(30), 10, 0), None);
        assert_eq!(keda.poll(secs(60), 11, 0), Some(1));
        assert_eq!(keda.poll(secs(90), 500, 1), None, "from 1 on the HPA decides");
    }

    #[test]
    fn it_starts_with_the_minimum_where_that_is_above_one() {
        let mut keda = KedaScaler::new(spec(3, None));
        assert_eq!(keda.poll(secs(30), 11, 0), Some(3));
    }

    #[test]
    fn the_last_pods_go_after_the_cooldown_period_and_not_before() {
        let mut keda = KedaScaler::new(spec(0, None));
        assert_eq!(keda.poll(secs(0), 11, 4), None);
        for at in (30..=300).step_by(30) {
            assert_eq!(keda.poll(secs(at), 0, 4), None, "at {at} s");
        }
        assert_eq!(keda.poll(secs(330), 0, 4), Some(0));
        assert_eq!(keda.poll(secs(360), 0, 0), None);
    }

    #[test]
    fn work_within_the_cooldown_period_begins_it_anew() {
        let mut keda = KedaScaler::new(spec(0, None));
        keda.poll(secs(0), 11, 1);
        assert_eq!(keda.poll(secs(290), 11, 1), None);
        assert_eq!(keda.poll(secs(590), 0, 1), None);
        assert_eq!(keda.poll(secs(591), 0, 1), Some(0));
    }

    #[test]
    fn pods_that_never_had_work_go_without_waiting() {
        let mut keda = KedaScaler::new(spec(0, None));
        assert_eq!(keda.poll(secs(30), 0, 2), Some(0));
    }

    #[test]
    fn with_a_minimum_keda_never_goes_below_it_and_repairs_what_is() {
        let mut keda = KedaScaler::new(spec(2, None));
        assert_eq!(keda.poll(secs(30), 0, 5), None, "down to the minimum is the HPA's");
        assert_eq!(keda.poll(secs(60), 0, 1), Some(2));
    }

    #[test]
    fn an_idle_count_is_left_for_the_minimum_and_taken_again_after_the_cooldown() {
        let mut keda = KedaScaler::new(spec(4, Some(0)));
        assert_eq!(keda.poll(secs(30), 0, 0), None);
        assert_eq!(keda.poll(secs(60), 11, 0), Some(4));
        assert_eq!(keda.poll(secs(90), 0, 4), None);
        assert_eq!(keda.poll(secs(361), 0, 4), Some(0));
    }

    #[test]
    fn the_hpa_it_makes_wants_the_target_per_pod_of_an_external_metric() {
        let hpa = KedaScaler::hpa(&spec(0, None));
        assert_eq!((hpa.min_pods, hpa.max_pods), (1, 100));
        let target = QueueTarget::Average(Milli(5_000));
        assert_eq!(hpa.metrics, [ScalingMetric::Queue { metric: WorkerMetric::Backlog, target }]);
    }
}
