//! The rules with which the Prometheus adapter (kubernetes-sigs/prometheus-adapter) serves the backlog to the HorizontalPodAutoscaler.

use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::metrics::server;

/// A metric that the adapter serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum External {
    /// Tasks of both kinds.
    Backlog,
    /// Workflow tasks.
    Workflow,
    /// Activities.
    Activity,
}

impl External {
    const ALL: [External; 3] = [External::Backlog, External::Workflow, External::Activity];

    /// What a profile's autoscaler calls it.
    pub fn of(asked: &str) -> Option<Self> {
        match asked {
            "backlog" | "whole_backlog" => Some(External::Backlog),
            "workflow_backlog" => Some(External::Workflow),
            "activity_backlog" => Some(External::Activity),
            _ => None,
        }
    }

    /// As the autoscaler asks for it; the first is the source documents' name.
    pub fn name(self) -> &'static str {
        match self {
            External::Backlog => "temporal_task_queue_backlog",
            External::Workflow => "temporal_task_queue_backlog_workflow",
            External::Activity => "temporal_task_queue_backlog_activity",
        }
    }

    fn selector(self) -> &'static str {
        match self {
            External::Backlog => "",
            External::Workflow => ",task_type=\"Workflow\"",
            External::Activity => ",task_type=\"Activity\"",
        }
    }
}

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
    let rule = |served: External| {
        let selector = format!("taskqueue=~\"{}\"{}", context.task_queue_pattern(), served.selector());
        Rule {
            series_query: format!("{metric}{{{selector}}}"),
            resources: Namespaced { namespaced: false },
            name: Name { r#as: served.name() },
            metrics_query: format!("sum(<<.Series>>{{{selector},<<.LabelMatchers>>}})"),
        }
    };
    let rules = Rules { external_rules: External::ALL.map(rule).into() };
    let about = [
        format!(
            "Prometheus adapter: the backlog of task queue \"{}\" over all partitions, of both kinds of tasks and of each.",
            context.task_queue
        ),
        "In the adapter's Helm chart these are the values under `rules.external`.".to_owned(),
        "It is one number for the whole fleet, so it is an external metric and not one of pods: the autoscaler divides it by the pods.".to_owned(),
    ];
    Ok(vec![context.yaml(Kind::Adapter, "monitoring/prometheus-adapter.yaml", &about, &rules)?])
}
