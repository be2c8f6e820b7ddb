//! The workers' HorizontalPodAutoscaler.

use serde::Serialize;

use super::EmittedFile;
use super::adapter::External as Served;
use super::autoscaler::{AskedHpa, AskedMetric};
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::kubernetes::{Object, TargetRef, cpu, memory, worker_metadata, worker_reference};
use super::scaling::{Behaviour, CPU_PERCENT, MEMORY_PERCENT, Scaling};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HpaSpec {
    scale_target_ref: TargetRef,
    min_replicas: u32,
    max_replicas: u32,
    metrics: Vec<Metric>,
    #[serde(rename = "behavior", skip_serializing_if = "Option::is_none")]
    behaviour: Option<Behaviour>,
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
    Utilization {
        average_utilization: u32,
    },
    #[serde(rename_all = "camelCase")]
    AverageValue {
        average_value: String,
    },
    Value {
        value: String,
    },
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let scaling = Scaling::of(context)?;
    let mut about = vec![
        format!(
            "HorizontalPodAutoscaler of the workers of \"{}\". Apply this or the KEDA ScaledObject, not both.",
            context.plan.profile
        ),
        scaling.bounds_why.clone(),
    ];
    let metrics = match &scaling.asked.hpa {
        Some(asked) => {
            about.push("Metrics and behaviour are the profile's; percentages are of the requests.".to_owned());
            asked_metrics(context, asked, &mut about)?
        }
        None => metrics_of_the_plan(context, &scaling, &mut about),
    };
    let hpa = Object {
        api_version: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: worker_metadata(context),
        spec: HpaSpec {
            scale_target_ref: worker_reference(context),
            // 0 is KEDA's business: it needs a feature gate here.
            min_replicas: scaling.min.max(1),
            max_replicas: scaling.max,
            metrics,
            behaviour: scaling.behaviour,
        },
    };
    Ok(vec![context.yaml(Kind::Hpa, "kubernetes/autoscaling-hpa/hpa.yaml", &about, &hpa)?])
}

fn metrics_of_the_plan(context: &Context<'_>, scaling: &Scaling, about: &mut Vec<String>) -> Vec<Metric> {
    let resource = |name, average_utilization| Metric::Resource {
        resource: Resource { name, target: Target::Utilization { average_utilization } },
    };
    let mut metrics = vec![resource("cpu", CPU_PERCENT), resource("memory", MEMORY_PERCENT)];
    about.push(format!(
        "CPU {CPU_PERCENT} % and memory {MEMORY_PERCENT} % are the source documents' numbers; they are of the requests."
    ));
    // On Temporal Cloud the server's own metrics are not there for the adapter: KEDA asks the task queue itself.
    if context.is_cloud() {
        let why =
            "Without a metric of the backlog, which Temporal Cloud's server does not export: with KEDA there is one.";
        about.push(why.to_owned());
        return metrics;
    }
    about.push(format!(
        "Backlog per pod {}: {}. The Prometheus adapter serves it (`plimsoll emit adapter`).",
        scaling.backlog_per_pod, scaling.backlog_why
    ));
    metrics
        .push(external(Served::Backlog, Target::AverageValue { average_value: scaling.backlog_per_pod.to_string() }));
    metrics
}

fn external(served: Served, target: Target) -> Metric {
    Metric::External { external: External { metric: MetricName { name: served.name() }, target } }
}

fn asked_metrics(context: &Context<'_>, asked: &AskedHpa, about: &mut Vec<String>) -> Result<Vec<Metric>, EmitError> {
    let mut metrics = Vec::new();
    for metric in &asked.metrics {
        match asked_metric(metric) {
            // The adapter reads the server's own metrics.
            Ok(Metric::External { external }) if context.is_cloud() => about.push(format!(
                "Left out: {}, which Temporal Cloud's server does not export: with KEDA there is one.",
                external.metric.name
            )),
            Ok(metric) => metrics.push(metric),
            Err(name) => about.push(format!("Left out: {name}, which no rule of the adapter serves.")),
        }
    }
    if metrics.is_empty() { Err(EmitError::NoMetric) } else { Ok(metrics) }
}

/// A metric as Kubernetes has it, or the name of one that nobody serves. One of pods of which each has an equal share of the backlog, or
/// reports all of it, is computed like the whole backlog by its mean over the pods, or by itself.
fn asked_metric(asked: &AskedMetric) -> Result<Metric, String> {
    if let Some(resource) = &asked.resource {
        let name = if resource == "memory" { "memory" } else { "cpu" };
        let target = match (asked.utilisation, asked.average_value) {
            (Some(average_utilization), _) => Target::Utilization { average_utilization },
            (None, average) => {
                let average = average.unwrap_or(0.0);
                let average_value = if name == "cpu" { cpu(average) } else { memory(average as u64) };
                Target::AverageValue { average_value }
            }
        };
        return Ok(Metric::Resource { resource: Resource { name, target } });
    }
    let name = [&asked.pods, &asked.object, &asked.external].into_iter().flatten().next().cloned().unwrap_or_default();
    let served = Served::of(&name).ok_or(name.clone())?;
    let quantity = |value: f64| super::alerts::number(value);
    let whole_of_each_pod = asked.pods.is_some() && name == "whole_backlog";
    let target = match (asked.average_value, asked.value) {
        (Some(value), _) if whole_of_each_pod => Target::Value { value: quantity(value) },
        (Some(average), _) => Target::AverageValue { average_value: quantity(average) },
        (None, value) => Target::Value { value: quantity(value.unwrap_or(0.0)) },
    };
    Ok(external(served, target))
}
