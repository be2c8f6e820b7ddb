//! The rule with which the Prometheus adapter (kubernetes-sigs/prometheus-adapter) serves the backlog to the HorizontalPodAutoscaler.

use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::metrics::server;

/// The metric as the autoscaler asks for it: the source documents' name.
pub(super) const BACKLOG: &str = "temporal_task_queue_backlog";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    external_rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    series_query: String,
    resources: Namespaced,
    name: Name,
    metrics_query: String,
}

#[derive(Serialize)]
struct Namespaced {
    namespaced: bool,
}

#[derive(Serialize)]
struct Name {
    r#as: &'static str,
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    context.self_hosted(Kind::Adapter)?;
    let metric = server("approximate_backlog_count");
    let queue = format!("taskqueue=~\"{}\"", context.task_queue_pattern());
    let rules = Rules {
        external_rules: vec![Rule {
            series_query: format!("{metric}{{{queue}}}"),
            resources: Namespaced { namespaced: false },
            name: Name { r#as: BACKLOG },
            metrics_query: format!("sum(<<.Series>>{{{queue},<<.LabelMatchers>>}})"),
        }],
    };
    let about = [
        format!("Prometheus adapter: the backlog of task queue \"{}\", over all partitions and both kinds of tasks, as {BACKLOG}.", context.task_queue),
        "In the adapter's Helm chart these are the values under `rules.external`.".to_owned(),
        "It is one number for the whole fleet, so it is an external metric and not one of pods: the autoscaler divides it by the pods.".to_owned(),
    ];
    Ok(vec![context.yaml(Kind::Adapter, "monitoring/prometheus-adapter.yaml", &about, &rules)?])
}
