//! The workers' HorizontalPodAutoscaler.

use serde::Serialize;

use super::EmittedFile;
use super::adapter;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::kubernetes::{Object, TargetRef, worker_metadata, worker_reference};
use super::scaling::{CPU_PERCENT, MEMORY_PERCENT, Scaling};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HpaSpec {
    scale_target_ref: TargetRef,
    min_replicas: u32,
    max_replicas: u32,
    metrics: Vec<Metric>,
    behavior: Behavior,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Metric {
    Resource { resource: Resource },
    External { external: External },
}

#[derive(Serialize)]
struct Resource {
    name: &'static str,
    target: Target,
}

#[derive(Serialize)]
struct External {
    metric: MetricName,
    target: Target,
}

#[derive(Serialize)]
struct MetricName {
    name: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Target {
    #[serde(rename_all = "camelCase")]
    Utilization { average_utilization: u32 },
    #[serde(rename_all = "camelCase")]
    AverageValue { average_value: String },
}

/// How fast pods come and go: the source documents' numbers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Behavior {
    scale_down: Direction,
    scale_up: Direction,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Direction {
    stabilization_window_seconds: u32,
    policies: Vec<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    select_policy: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    r#type: &'static str,
    value: u32,
    period_seconds: u32,
}

impl Behavior {
    pub fn of_the_sources() -> Self {
        let policy = |r#type, value, period_seconds| Policy { r#type, value, period_seconds };
        Behavior {
            scale_down: Direction {
                stabilization_window_seconds: 300,
                policies: vec![policy("Percent", 50, 60)],
                select_policy: None,
            },
            scale_up: Direction {
                stabilization_window_seconds: 0,
                policies: vec![policy("Percent", 100, 15), policy("Pods", 5, 15)],
                select_policy: Some("Max"),
            },
        }
    }
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let scaling = Scaling::of(context);
    let resource = |name, average_utilization| Metric::Resource {
        resource: Resource { name, target: Target::Utilization { average_utilization } },
    };
    let mut metrics = vec![resource("cpu", CPU_PERCENT), resource("memory", MEMORY_PERCENT)];
    // On Temporal Cloud the server's own metrics are not there for the adapter: KEDA asks the task queue itself.
    if !context.is_cloud() {
        metrics.push(Metric::External {
            external: External {
                metric: MetricName { name: adapter::BACKLOG },
                target: Target::AverageValue { average_value: scaling.backlog_per_pod.to_string() },
            },
        });
    }
    let hpa = Object {
        api_version: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: worker_metadata(context),
        spec: HpaSpec {
            scale_target_ref: worker_reference(context),
            min_replicas: scaling.min,
            max_replicas: scaling.max,
            metrics,
            behavior: Behavior::of_the_sources(),
        },
    };
    let mut about = vec![
        format!("HorizontalPodAutoscaler of the workers of \"{}\". Apply this or the KEDA ScaledObject, not both.", context.plan.profile),
        format!("minReplicas carries the mean load, maxReplicas is as far as workers help: {}.", scaling.max_why),
        format!("CPU {CPU_PERCENT} %, memory {MEMORY_PERCENT} % and the behaviour are the source documents' numbers; percentages are of the requests."),
    ];
    about.push(match context.is_cloud() {
        false => format!(
            "Backlog per pod {}: {}. The Prometheus adapter serves it (`plimsoll emit adapter`).",
            scaling.backlog_per_pod, scaling.backlog_why
        ),
        true => "Without a metric of the backlog, which Temporal Cloud's server does not export: with KEDA there is one.".to_owned(),
    });
    Ok(vec![context.yaml(Kind::Hpa, "kubernetes/autoscaling-hpa/hpa.yaml", &about, &hpa)?])
}
