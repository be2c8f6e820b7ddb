//! Kubernetes' horizontal pod autoscaler: from metrics to a number of pods.
//!
//! As its controller computes it (`pkg/controller/podautoscaler/horizontal.go`, version 1.30), one [`PodAutoscaler::sync`] for one pass of its
//! loop. A scale event is forgotten when a newer one of its direction takes its place and it is older than that direction's longest period:
//! where the other direction's periods are longer, the controller then allows less than its policies say, never more.

use plimsoll_profiles::profile::{
    HostSize, Hpa, QueueTarget, ResourceName, ResourceTarget, ScalingAmount, ScalingMetric, ScalingRules, SelectPolicy,
};
use plimsoll_profiles::units::Nanos;

use super::replicas::{self, PodStatus, Pods, Proposal, Reading, Sensing, Unavailable};

/// What the controller's old rule allows at once, where there is no `behaviour`: so many times as many pods …
const SCALE_UP_FACTOR: f64 = 2.0;
/// … or so many.
const SCALE_UP_AT_LEAST: f64 = 4.0;

/// Pods of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// How many there should be (`spec.replicas`).
    pub wanted: u32,
    /// How many there are, those told to stop not counted (`status.replicas`).
    pub there: u32,
}

/// What one pass of the loop sees.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Now.
    pub now: Nanos,
    /// The target's pods.
    pub pods: &'a [PodStatus],
    /// One for each metric of the specification, in its order.
    pub readings: &'a [MetricReading],
}

/// What is known of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricReading {
    /// Of each pod, in the order of the pods.
    OfPods(Vec<Option<Reading>>),
    /// One number, in thousandths.
    OfQueue(i64),
    /// Nothing: the metrics API had no answer.
    None,
}

/// What one pass of the loop comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How many pods there should be.
    pub replicas: u32,
    /// What the metrics asked for, before windows, policies and bounds; none where they were not asked or had no answer.
    pub recommended: Option<u32>,
    /// What held it back or decided.
    pub limit: Limit,
}

/// Why a number of pods is what it is: the reasons of the condition `ScalingLimited`, and those for which it is not computed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing (`DesiredWithinRange`).
    WithinRange,
    /// The minimum (`TooFewReplicas`).
    TooFew,
    /// The maximum (`TooManyReplicas`).
    TooMany,
    /// A policy upwards (`ScaleUpLimit`).
    ScaleUp,
    /// A policy downwards (`ScaleDownLimit`).
    ScaleDown,
    /// No pod is wanted, and the minimum is not 0: the autoscaler is switched off (`ScalingDisabled`).
    Disabled,
    /// Too few metrics have a value (`FailedGet…Metric`).
    NoMetrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recommendation {
    pub(super) replicas: u32,
    pub(super) at: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScaleEvent {
    pub(super) change: u32,
    pub(super) at: Nanos,
}

/// An autoscaler with its memory.
#[derive(Clone, Debug)]
pub struct PodAutoscaler {
    spec: Hpa,
    request: HostSize,
    pub(super) recommendations: Vec<Recommendation>,
    pub(super) ups: Vec<ScaleEvent>,
    pub(super) downs: Vec<ScaleEvent>,
}

impl PodAutoscaler {
    /// One that has seen nothing yet, for pods of this request.
    pub fn new(spec: Hpa, request: HostSize) -> Self {
        PodAutoscaler { spec, request, recommendations: Vec::new(), ups: Vec::new(), downs: Vec::new() }
    }

    /// What it was told.
    pub fn spec(&self) -> &Hpa {
        &self.spec
    }

    /// One pass of the loop.
    pub fn sync(&mut self, replicas: Replicas, observation: &Observation<'_>) -> Decision {
        let Replicas { wanted, .. } = replicas;
        let now = observation.now;
        if self.recommendations.is_empty() {
            self.recommendations.push(Recommendation { replicas: wanted, at: now });
        }
        let (min, max) = (self.spec.min_pods, self.spec.max_pods);
        let decision = if wanted == 0 && min != 0 {
            Decision { replicas: 0, recommended: None, limit: Limit::Disabled }
        } else if wanted > max {
            Decision { replicas: max, recommended: None, limit: Limit::TooMany }
        } else if wanted < min {
            Decision { replicas: min, recommended: None, limit: Limit::TooFew }
        } else {
            match self.of_metrics(replicas, observation) {
                None => Decision { replicas: wanted, recommended: None, limit: Limit::NoMetrics },
                Some(recommended) => {
                    let (replicas, limit) = self.normalised(now, wanted, recommended);
                    Decision { replicas, recommended: Some(recommended), limit }
                }
            }
        };
        if decision.replicas != wanted {
            self.store_event(now, wanted, decision.replicas);
        }
        decision
    }

    /// What the metrics ask for: the most of them. None when all are without an answer, or one is and the others would scale down.
    fn of_metrics(&self, replicas: Replicas, observation: &Observation<'_>) -> Option<u32> {
        let metrics = self.spec.metrics.iter().zip(observation.readings);
        let proposals: Vec<_> =
            metrics.map(|(metric, reading)| self.of_metric(metric, reading, replicas, observation)).collect();
        let most = proposals.iter().flatten().map(|proposal| proposal.replicas).max()?;
        let all_answered = proposals.len() == self.spec.metrics.len() && proposals.iter().all(Result::is_ok);
        (all_answered || most >= replicas.wanted).then_some(most)
    }

    fn of_metric(
        &self,
        metric: &ScalingMetric,
        reading: &MetricReading,
        replicas: Replicas,
        observation: &Observation<'_>,
    ) -> Result<Proposal, Unavailable> {
        let sensing = Sensing {
            tolerance: self.spec.tolerance,
            cpu_initialisation_period: self.spec.cpu_initialisation_period,
            initial_readiness_delay: self.spec.initial_readiness_delay,
        };
        let pods = Pods { status: observation.pods, now: observation.now, sensing };
        let wanted = replicas.wanted;
        match (metric, reading) {
            (ScalingMetric::Resource { resource, target }, MetricReading::OfPods(readings)) => {
                let cpu = *resource == ResourceName::Cpu;
                match target {
                    ResourceTarget::Utilisation(percent) => {
                        let requests = vec![self.requested(*resource); pods.status.len()];
                        replicas::by_utilisation(&pods, readings, &requests, cpu, *percent, wanted)
                    }
                    ResourceTarget::Average(target) => replicas::by_average(&pods, readings, cpu, target.0, wanted),
                }
            }
            (ScalingMetric::Pods { average, .. }, MetricReading::OfPods(readings)) => {
                replicas::by_average(&pods, readings, false, average.0, wanted)
            }
            (ScalingMetric::Queue { target: QueueTarget::Value(target), .. }, MetricReading::OfQueue(value)) => {
                replicas::by_value(&pods, *value, target.0, wanted)
            }
            (ScalingMetric::Queue { target: QueueTarget::Average(target), .. }, MetricReading::OfQueue(value)) => {
                Ok(replicas::by_value_per_pod(*value, target.0, replicas.there, self.spec.tolerance))
            }
            _ => Err(Unavailable::NoReadings),
        }
    }

    /// In thousandths of a core or of a byte.
    fn requested(&self, resource: ResourceName) -> i64 {
        match resource {
            ResourceName::Cpu => (self.request.cpu.get() * 1_000.0).round() as i64,
            ResourceName::Memory => self.request.memory.0 as i64 * 1_000,
        }
    }

    fn normalised(&mut self, now: Nanos, current: u32, recommended: u32) -> (u32, Limit) {
        match self.spec.behaviour.clone() {
            None => {
                let stabilised = self.stabilise(now, recommended);
                within_old_rule(current, stabilised, self.spec.min_pods, self.spec.max_pods)
            }
            Some(behaviour) => {
                let windows = [behaviour.scale_up.window, behaviour.scale_down.window];
                let stabilised = self.stabilise_both(now, current, recommended, windows);
                self.within_policies(now, current, stabilised, &behaviour.scale_up, &behaviour.scale_down)
            }
        }
    }

    /// Without `behaviour`: the highest recommendation of the scale-down window.
    pub(super) fn stabilise(&mut self, now: Nanos, recommended: u32) -> u32 {
        let window = self.spec.downscale_stabilisation;
        let is_old = |recommendation: &Recommendation| recommendation.at + window < now;
        let recent = self.recommendations.iter().filter(|recommendation| !is_old(recommendation));
        let highest = recent.map(|recommendation| recommendation.replicas).fold(recommended, u32::max);
        let old = self.recommendations.iter().rposition(is_old);
        self.remember(old, Recommendation { replicas: recommended, at: now });
        highest
    }

    /// With `behaviour`: not above the lowest recommendation of the window upwards, and not below the highest of the one downwards.
    pub(super) fn stabilise_both(&mut self, now: Nanos, current: u32, recommended: u32, windows: [Nanos; 2]) -> u32 {
        let within = |recommendation: &&Recommendation, window: Nanos| recommendation.at + window > now;
        let of = |window: Nanos| {
            let recent = self.recommendations.iter().filter(move |recommendation| within(recommendation, window));
            recent.map(|recommendation| recommendation.replicas)
        };
        let [up_window, down_window] = windows;
        let lowest = of(up_window).fold(recommended, u32::min);
        let highest = of(down_window).fold(recommended, u32::max);
        let longest = up_window.max(down_window);
        let old = self.recommendations.iter().rposition(|recommendation| recommendation.at + longest < now);
        self.remember(old, Recommendation { replicas: recommended, at: now });
        current.max(lowest).min(highest)
    }

    /// A recommendation that no longer counts gives its place to the new one.
    fn remember(&mut self, old: Option<usize>, recommendation: Recommendation) {
        match old {
            Some(place) => self.recommendations[place] = recommendation,
            None => self.recommendations.push(recommendation),
        }
    }

    pub(super) fn within_policies(
        &self,
        now: Nanos,
        current: u32,
        desired: u32,
        up: &ScalingRules,
        down: &ScalingRules,
    ) -> (u32, Limit) {
        if desired > current {
            let allowed = self.most_allowed(now, current, up).max(i64::from(current)).min(i64::from(u32::MAX)) as u32;
            let max = self.spec.max_pods;
            let (most, limit) = if max > allowed { (allowed, Limit::ScaleUp) } else { (max, Limit::TooMany) };
            if desired > most {
                return (most, limit);
            }
        } else if desired < current {
            let allowed = self.fewest_allowed(now, current, down).min(i64::from(current)).max(0) as u32;
            let min = self.spec.min_pods;
            let (fewest, limit) = if min < allowed { (allowed, Limit::ScaleDown) } else { (min, Limit::TooFew) };
            if desired < fewest {
                return (fewest, limit);
            }
        }
        (desired, Limit::WithinRange)
    }

    /// Pods at the begin of a period that ends now.
    fn at_period_start(&self, now: Nanos, current: u32, period: Nanos) -> i64 {
        let changed = |events: &[ScaleEvent]| -> i64 { changed_within(events, period, now).into() };
        i64::from(current) - changed(&self.ups) + changed(&self.downs)
    }

    pub(super) fn most_allowed(&self, now: Nanos, current: u32, rules: &ScalingRules) -> i64 {
        let allowed = rules.policies.iter().map(|policy| {
            let start = self.at_period_start(now, current, policy.period);
            match policy.amount {
                ScalingAmount::Pods(pods) => start + i64::from(pods),
                // Rounded up: a small share of few pods would never add one.
                ScalingAmount::Percent(percent) => (start as f64 * (1.0 + f64::from(percent) / 100.0)).ceil() as i64,
            }
        });
        match rules.select {
            SelectPolicy::Disabled => i64::from(current),
            SelectPolicy::Min => allowed.min().unwrap_or(i64::MAX),
            SelectPolicy::Max => allowed.max().unwrap_or(i64::MIN),
        }
    }

    pub(super) fn fewest_allowed(&self, now: Nanos, current: u32, rules: &ScalingRules) -> i64 {
        let allowed = rules.policies.iter().map(|policy| {
            let start = self.at_period_start(now, current, policy.period);
            match policy.amount {
                ScalingAmount::Pods(pods) => start - i64::from(pods),
                ScalingAmount::Percent(percent) => (start as f64 * (1.0 - f64::from(percent) / 100.0)) as i64,
            }
        });
        match rules.select {
            SelectPolicy::Disabled => i64::from(current),
            SelectPolicy::Min => allowed.max().unwrap_or(i64::MIN),
            SelectPolicy::Max => allowed.min().unwrap_or(i64::MAX),
        }
    }

    /// Without `behaviour` nothing is kept: no policy asks for it.
    fn store_event(&mut self, now: Nanos, before: u32, after: u32) {
        let Some(behaviour) = &self.spec.behaviour else { return };
        if after > before {
            store(&mut self.ups, &behaviour.scale_up, now, after - before);
        } else {
            store(&mut self.downs, &behaviour.scale_down, now, before - after);
        }
    }
}

/// A scale event takes the place of one that is older than every period of its direction.
pub(super) fn store(events: &mut Vec<ScaleEvent>, rules: &ScalingRules, now: Nanos, change: u32) {
    let longest = rules.policies.iter().map(|policy| policy.period).max().unwrap_or(Nanos::ZERO);
    let event = ScaleEvent { change, at: now };
    match events.iter().rposition(|event| event.at + longest < now) {
        Some(place) => events[place] = event,
        None => events.push(event),
    }
}

/// Pods added or taken away within a period that ends now.
pub(super) fn changed_within(events: &[ScaleEvent], period: Nanos, now: Nanos) -> u32 {
    events.iter().filter(|event| event.at + period > now).map(|event| event.change).sum()
}

/// The rule where there is no `behaviour`.
pub(super) fn within_old_rule(current: u32, desired: u32, min: u32, max: u32) -> (u32, Limit) {
    let allowed = (SCALE_UP_FACTOR * f64::from(current)).max(SCALE_UP_AT_LEAST) as u32;
    let (most, limit) = if max > allowed { (allowed, Limit::ScaleUp) } else { (max, Limit::TooMany) };
    if desired < min {
        return (min, Limit::TooFew);
    }
    if desired > most {
        return (most, limit);
    }
    (desired, Limit::WithinRange)
}
