//! Checks of the autoscaler, and its defaults: bounds are those of Kubernetes' validation (`pkg/apis/autoscaling/validation`) and of KEDA's
//! (`CheckReplicaCountBoundsAreValid`).

use super::Checker;
use crate::profile::{
    Autoscaler, HostSize, Hpa, Keda, KedaQueues, Milli, QueueTarget, ResourceName, ResourceTarget, Scaler,
    ScalingAmount, ScalingBehaviour, ScalingMetric, ScalingPolicy, ScalingRules, SelectPolicy, WorkerMetric, Workers,
};
use crate::raw::autoscaler::{
    RawAutoscaler, RawBehaviour, RawHpa, RawKeda, RawMetric, RawPolicy, RawQueues, RawResource, RawRules, RawSelect,
    RawWorkerMetric,
};
use crate::units::Nanos;

/// `stabilizationWindowSeconds` at most.
const LONGEST_WINDOW: Nanos = Nanos::from_secs(3_600);
/// `periodSeconds` at most.
const LONGEST_PERIOD: Nanos = Nanos::from_secs(1_800);
/// The shortest time between two looks: a look a simulated millisecond would never end.
const SHORTEST_PERIOD: Nanos = Nanos::from_secs(1);
/// More than this and a sum of thousandths over the pods would not fit.
const LARGEST_VALUE: f64 = 1e12;

impl Checker {
    pub(super) fn autoscaler(&mut self, raw: RawAutoscaler, workers: &Workers) -> Option<Autoscaler> {
        let scaler = match (raw.hpa, raw.keda) {
            (Some(hpa), None) => Scaler::Hpa(self.under("hpa", |c| c.hpa(hpa, workers))),
            (None, Some(keda)) => Scaler::Keda(self.under("keda", |c| c.keda(keda, workers))),
            (Some(_), Some(_)) => {
                let help = "KEDA makes an HPA of its own: give its behaviour under [autoscaler.keda], and remove one of the two";
                self.note("keda", "two autoscalers of the same pods", "beside an hpa", help);
                return None;
            }
            (None, None) => {
                let help =
                    "give one of [autoscaler.hpa] and [autoscaler.keda], or leave [autoscaler] out for a fixed fleet";
                self.note("", "nothing says how it scales", "neither hpa nor keda", help);
                return None;
            }
        };
        let period = |c: &mut Self, key: &str, value: Option<Nanos>, default: Nanos| {
            let value = value.unwrap_or(default);
            if value < SHORTEST_PERIOD {
                c.note(key, format!("{value} is too short"), "below 1s", "give 1s or more");
            }
            value
        };
        let request = match raw.request {
            Some(request) => self.host_size("request", request),
            None => workers.pod,
        };
        let above = |limit: HostSize| request.cpu > limit.cpu || request.memory > limit.memory;
        if above(workers.pod) {
            let help = "lower the request, or raise workers.pod";
            self.note("request", "a pod requests more than it may use", "above workers.pod", help);
        }
        let autoscaler = Autoscaler {
            scaler,
            // Assumed: an image that is on the node, and a worker that connects and registers; Java and a cold node take longer.
            pod_startup: raw.pod_startup.unwrap_or(Nanos::from_secs(20)),
            // Kubernetes' default `periodSeconds` of a readiness probe.
            readiness_delay: raw.readiness_delay.unwrap_or(Nanos::from_secs(10)),
            request,
            sync_period: period(self, "sync_period", raw.sync_period, Hpa::SYNC_PERIOD),
            // Assumed: one resolution of metrics-server and one of the kubelet.
            metric_delay: raw.metric_delay.unwrap_or(Nanos::from_secs(30)),
            metric_window: period(self, "metric_window", raw.metric_window, Nanos::from_secs(15)),
        };
        let (fewest, most) = autoscaler.bounds();
        if let Some(pods) = workers.pods
            && !(fewest..=most).contains(&pods)
        {
            let help =
                "give workers.pods within the autoscaler's bounds, or leave it out: then it begins with the minimum";
            self.note("", format!("workers.pods = {pods} is outside of {fewest} to {most}"), "bounds", help);
        }
        Some(autoscaler)
    }

    fn hpa(&mut self, raw: RawHpa, workers: &Workers) -> Hpa {
        let min_pods = raw.min_pods.unwrap_or(1);
        if min_pods == 0 {
            let help =
                "an HPA keeps at least 1 pod (0 needs the alpha gate HPAScaleToZero); [autoscaler.keda] goes to 0";
            self.note("min_pods", "an HPA does not go to zero", "zero", help);
        }
        self.pod_bounds(min_pods, raw.max_pods, workers);
        if raw.metrics.is_empty() {
            let help = "give at least one, e.g. { resource = \"cpu\", utilisation = 70 }";
            self.note("metrics", "an HPA without metrics never changes anything", "empty", help);
        }
        let metrics = raw.metrics.into_iter().enumerate();
        let metrics = self.under("metrics", |c| {
            metrics.filter_map(|(index, metric)| c.under(index, |c| c.metric(&metric))).collect()
        });
        Hpa {
            min_pods,
            max_pods: raw.max_pods,
            metrics,
            behaviour: raw.behaviour.map(|behaviour| self.under("behaviour", |c| c.behaviour(behaviour))),
            tolerance: self.number("tolerance", raw.tolerance.unwrap_or(Hpa::TOLERANCE), 0.0, 1.0),
            cpu_initialisation_period: raw.cpu_initialisation_period.unwrap_or(Hpa::CPU_INITIALISATION_PERIOD),
            initial_readiness_delay: raw.initial_readiness_delay.unwrap_or(Hpa::INITIAL_READINESS_DELAY),
            downscale_stabilisation: raw.downscale_stabilisation.unwrap_or(Hpa::DOWNSCALE_STABILISATION),
        }
    }

    fn pod_bounds(&mut self, min_pods: u32, max_pods: u32, workers: &Workers) {
        if max_pods == 0 || max_pods < min_pods {
            let help = "give max_pods of min_pods or more, and at least 1";
            self.note("max_pods", format!("at most {max_pods} pods, at least {min_pods}"), "below the minimum", help);
        } else if max_pods > workers.max_pods {
            let help = format!("lower it, or raise workers.max_pods ({})", workers.max_pods);
            self.note("max_pods", "more pods than workers.max_pods allows", "above workers.max_pods", help);
        }
    }

    fn metric(&mut self, raw: &RawMetric) -> Option<ScalingMetric> {
        let sources = [
            ("resource", raw.resource.is_some()),
            ("pods", raw.pods.is_some()),
            ("object", raw.object.is_some()),
            ("external", raw.external.is_some()),
        ];
        let targets = [
            ("utilisation", raw.utilisation.is_some()),
            ("average_value", raw.average_value.is_some()),
            ("value", raw.value.is_some()),
        ];
        let source = self.exactly_one(&sources, "what is measured")?;
        let target = self.exactly_one(&targets, "the value wanted")?;
        if raw.utilisation == Some(0) {
            self.note("utilisation", "a utilisation of zero", "zero", "give per cent of the request, e.g. 70");
        }
        let milli = |c: &mut Self, key: &str, value: Option<f64>| {
            let value = c.number(key, value.unwrap_or(1.0), 0.001, LARGEST_VALUE);
            Milli((value * 1_000.0).round() as i64)
        };
        let mut wrong = |help: &str| {
            self.note(target, format!("`{target}` is not a target of `{source}`"), "does not fit", help.to_owned());
            None
        };
        match (source, target) {
            ("resource", "value") => wrong("a resource has `utilisation` (per cent of the request) or `average_value`"),
            ("pods", "value" | "utilisation") => wrong("a metric of pods has `average_value`, the mean over the pods"),
            ("object" | "external", "utilisation") => {
                wrong("a number of all pods has `value`, or `average_value` to be divided by the pods")
            }
            ("resource", target) => {
                let resource = match raw.resource? {
                    RawResource::Cpu => ResourceName::Cpu,
                    RawResource::Memory => ResourceName::Memory,
                };
                let target = match target {
                    "utilisation" => ResourceTarget::Utilisation(raw.utilisation?.max(1)),
                    _ => ResourceTarget::Average(milli(self, "average_value", raw.average_value)),
                };
                Some(ScalingMetric::Resource { resource, target })
            }
            ("pods", _) => {
                let average = milli(self, "average_value", raw.average_value);
                Some(ScalingMetric::Pods { metric: worker_metric(raw.pods?), average })
            }
            (_, target) => {
                let metric = worker_metric(raw.object.or(raw.external)?);
                let target = match target {
                    "value" => QueueTarget::Value(milli(self, "value", raw.value)),
                    _ => QueueTarget::Average(milli(self, "average_value", raw.average_value)),
                };
                Some(ScalingMetric::Queue { metric, target })
            }
        }
    }

    /// The one key of several that is given.
    fn exactly_one(&mut self, keys: &[(&'static str, bool)], what: &str) -> Option<&'static str> {
        let given: Vec<&'static str> = keys.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
        if let [one] = given.as_slice() {
            return Some(one);
        }
        let all: Vec<String> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
        let help = format!("give exactly one of {}", all.join(", "));
        match given.get(1) {
            None => self.note("", format!("{what} is missing"), "missing", help),
            Some(second) => self.note(second, format!("{what} is given twice"), "one too many", help),
        }
        None
    }

    fn behaviour(&mut self, raw: RawBehaviour) -> ScalingBehaviour {
        let default = ScalingBehaviour::default_of_kubernetes();
        ScalingBehaviour {
            scale_up: self.under("scale_up", |c| c.rules(raw.scale_up, default.scale_up)),
            scale_down: self.under("scale_down", |c| c.rules(raw.scale_down, default.scale_down)),
        }
    }

    fn rules(&mut self, raw: Option<RawRules>, default: ScalingRules) -> ScalingRules {
        let Some(raw) = raw else { return default };
        let window = raw.window.unwrap_or(default.window);
        if window > LONGEST_WINDOW {
            self.note("window", format!("{window} is too long"), "above 1h", "Kubernetes allows at most 1h");
        }
        let policies = match raw.policies {
            None => default.policies,
            Some(policies) => {
                if policies.is_empty() {
                    let help = "give at least one, or leave `policies` out for Kubernetes' own; `select = \"disabled\"` allows no change";
                    self.note("policies", "no policy allows anything", "empty", help);
                }
                let policies = policies.into_iter().enumerate();
                self.under("policies", |c| {
                    policies.filter_map(|(index, policy)| c.under(index, |c| c.policy(&policy))).collect()
                })
            }
        };
        let select = match raw.select {
            None | Some(RawSelect::Max) => SelectPolicy::Max,
            Some(RawSelect::Min) => SelectPolicy::Min,
            Some(RawSelect::Disabled) => SelectPolicy::Disabled,
        };
        ScalingRules { window, select, policies }
    }

    fn policy(&mut self, raw: &RawPolicy) -> Option<ScalingPolicy> {
        if raw.period < SHORTEST_PERIOD || raw.period > LONGEST_PERIOD {
            let message = format!("a period of {}", raw.period);
            self.note("period", message, "out of range", "Kubernetes allows 1s to 30m");
        }
        let keys = [("pods", raw.pods.is_some()), ("percent", raw.percent.is_some())];
        let key = self.exactly_one(&keys, "how much may change")?;
        if raw.pods.or(raw.percent) == Some(0) {
            let help = "give 1 or more; `select = \"disabled\"` allows no change";
            self.note(key, "a policy that allows no change", "zero", help);
        }
        let amount = match (raw.pods, raw.percent) {
            (Some(pods), _) => ScalingAmount::Pods(pods),
            (None, percent) => ScalingAmount::Percent(percent?),
        };
        Some(ScalingPolicy { amount, period: raw.period })
    }

    fn keda(&mut self, raw: RawKeda, workers: &Workers) -> Keda {
        let (min_pods, max_pods) = (raw.min_pods.unwrap_or(0), raw.max_pods.unwrap_or(Keda::MAX_PODS));
        self.pod_bounds(min_pods, max_pods, workers);
        if let Some(idle) = raw.idle_pods {
            if idle > 0 {
                let help = "the HPA that KEDA makes would raise any other number to min_pods at once";
                self.note("idle_pods", "KEDA supports an idle count of 0 only", "not 0", help);
            } else if min_pods == 0 {
                let help = "remove it: without it KEDA goes to min_pods, which is 0";
                self.note("idle_pods", "the idle count is not below min_pods", "not below 0", help);
            }
        }
        let target = self.not_zero("target_queue_size", raw.target_queue_size, "tasks per pod");
        let interval = raw.polling_interval.unwrap_or(Keda::POLLING_INTERVAL);
        if interval < SHORTEST_PERIOD {
            self.note("polling_interval", format!("{interval} is too short"), "below 1s", "give 1s or more");
        }
        Keda {
            min_pods,
            max_pods,
            idle_pods: raw.idle_pods,
            polling_interval: interval,
            cooldown_period: raw.cooldown_period.unwrap_or(Keda::COOLDOWN_PERIOD),
            target_queue_size: target.unwrap_or(Keda::TARGET_QUEUE_SIZE).max(1),
            activation_target_queue_size: raw.activation_target_queue_size.unwrap_or(0),
            queues: match raw.queues {
                None | Some(RawQueues::Both) => KedaQueues::Both,
                Some(RawQueues::Workflow) => KedaQueues::Workflow,
                Some(RawQueues::Activity) => KedaQueues::Activity,
            },
            behaviour: raw.behaviour.map(|behaviour| self.under("behaviour", |c| c.behaviour(behaviour))),
        }
    }
}

fn worker_metric(raw: RawWorkerMetric) -> WorkerMetric {
    match raw {
        RawWorkerMetric::Backlog => WorkerMetric::Backlog,
        RawWorkerMetric::WholeBacklog => WorkerMetric::WholeBacklog,
        RawWorkerMetric::WorkflowBacklog => WorkerMetric::WorkflowBacklog,
        RawWorkerMetric::ActivityBacklog => WorkerMetric::ActivityBacklog,
        RawWorkerMetric::ActivitySlotsUsed => WorkerMetric::ActivitySlotsUsed,
        RawWorkerMetric::WorkflowSlotsUsed => WorkerMetric::WorkflowSlotsUsed,
    }
}
