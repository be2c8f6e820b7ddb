//! The workers' Deployment.

use plimsoll_profiles::profile::{Activity, Span, Step};
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::Nanos;
use serde::Serialize;

use super::EmittedFile;
use super::autoscaler;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::kubernetes::{Amounts, LabelSelector, Map, Object, Resources, map, worker_labels, worker_metadata};
use super::rollout::{self, Pods};
use super::scaling::whole_seconds;
use crate::number;

/// Seconds before SIGTERM in which the pod's removal reaches everybody: the source documents' `sleep 5`.
const PRE_STOP: u64 = 5;
/// Shortest time a worker has to finish its tasks: the source documents' `graceful_shutdown_timeout`.
const GRACEFUL: u64 = 300;
/// Longest: an activity that runs on is cut, and must heartbeat and be retried.
const LONGEST_GRACEFUL: u64 = 3_600;
/// Between the graceful timeout and SIGKILL: with `GRACEFUL` the source documents' 360 s.
const MARGIN: u64 = 60;
/// Port of probes and metrics: the source documents'.
const PORT: u16 = 8080;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentSpec {
    replicas: u32,
    selector: LabelSelector,
    strategy: Strategy,
    template: PodTemplate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Strategy {
    r#type: &'static str,
    rolling_update: RollingUpdate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RollingUpdate {
    max_unavailable: Pods,
    max_surge: Pods,
}

#[derive(Serialize)]
struct PodTemplate {
    metadata: PodMetadata,
    spec: PodSpec,
}

#[derive(Serialize)]
struct PodMetadata {
    labels: Map,
    annotations: Map,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    termination_grace_period_seconds: u64,
    topology_spread_constraints: Vec<Spread>,
    containers: Vec<Container>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spread {
    max_skew: u32,
    topology_key: &'static str,
    when_unsatisfiable: &'static str,
    label_selector: LabelSelector,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: &'static str,
    image: String,
    ports: Vec<Port>,
    env: Vec<Variable>,
    resources: Resources,
    lifecycle: Lifecycle,
    liveness_probe: Probe,
    readiness_probe: Probe,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    name: &'static str,
    container_port: u16,
}

#[derive(Serialize)]
struct Variable {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    pre_stop: Handler,
}

#[derive(Serialize)]
struct Handler {
    exec: Exec,
}

#[derive(Serialize)]
struct Exec {
    command: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    http_get: HttpGet,
    initial_delay_seconds: u32,
    period_seconds: u32,
    timeout_seconds: u32,
}

#[derive(Serialize)]
struct HttpGet {
    path: &'static str,
    port: u16,
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let workers = &context.sizes.workers;
    let asked = rollout::Asked::of(context)?;
    let stop = Stopping::of(context, &asked.drain);
    let limits = Amounts::new(workers.cpu, workers.memory_bytes);
    let request = autoscaler::Asked::of(context)?.request;
    let requests = request.as_ref().map_or_else(
        || Amounts::new(workers.cpu, workers.memory_bytes),
        |request| Amounts::new(request.cpu.get().min(workers.cpu), request.memory.0.min(workers.memory_bytes)),
    );
    let labels = worker_labels(context);
    let selector = || LabelSelector { match_labels: map([("app.kubernetes.io/name", &context.worker_name())]) };
    let port = PORT.to_string();
    let unavailable = dispensable(context);
    let deployment = Object {
        api_version: "apps/v1",
        kind: "Deployment",
        metadata: worker_metadata(context),
        spec: DeploymentSpec {
            replicas: workers.pods,
            selector: selector(),
            strategy: Strategy {
                r#type: "RollingUpdate",
                rolling_update: RollingUpdate {
                    max_unavailable: asked.max_unavailable.clone().unwrap_or(Pods::Number(unavailable)),
                    max_surge: asked.max_surge.clone().unwrap_or(Pods::Number(workers.pods.div_ceil(5).max(1))),
                },
            },
            template: PodTemplate {
                metadata: PodMetadata {
                    labels,
                    annotations: map([
                        ("prometheus.io/scrape", "true"),
                        ("prometheus.io/port", &port),
                        ("prometheus.io/path", "/metrics"),
                    ]),
                },
                spec: PodSpec {
                    termination_grace_period_seconds: stop.grace,
                    topology_spread_constraints: vec![Spread {
                        max_skew: 1,
                        topology_key: "kubernetes.io/hostname",
                        when_unsatisfiable: "ScheduleAnyway",
                        label_selector: selector(),
                    }],
                    containers: vec![Container {
                        name: "worker",
                        image: context.settings.image.clone().unwrap_or_else(|| placeholder(context)),
                        ports: vec![Port { name: "metrics", container_port: PORT }],
                        env: environment(context, &stop),
                        resources: Resources { requests, limits },
                        lifecycle: Lifecycle {
                            pre_stop: Handler {
                                exec: Exec {
                                    command: vec!["/bin/sh".into(), "-c".into(), format!("sleep {PRE_STOP}")],
                                },
                            },
                        },
                        liveness_probe: probe("/health", 30, 10),
                        readiness_probe: probe("/ready", 5, 5),
                    }],
                },
            },
        },
    };
    let about = about(context, &stop, asked.max_unavailable.is_some(), request.is_some());
    Ok(vec![context.yaml(Kind::Worker, "kubernetes/worker.yaml", &about, &deployment)?])
}

fn placeholder(context: &Context<'_>) -> String {
    format!("registry.example.com/{}:replace-me", context.worker_name())
}

fn probe(path: &'static str, initial_delay_seconds: u32, period_seconds: u32) -> Probe {
    Probe { http_get: HttpGet { path, port: PORT }, initial_delay_seconds, period_seconds, timeout_seconds: 5 }
}

/// Pods that may be missing in a rollout: those that the plan holds without, but never all of them.
fn dispensable(context: &Context<'_>) -> u32 {
    let spare = context.spare();
    if context.sizes.workers.pods > spare { spare } else { 0 }
}

fn about(context: &Context<'_>, stop: &Stopping, asked_pods: bool, asked_request: bool) -> Vec<String> {
    let pods = context.sizes.workers.pods;
    let mut lines = vec![
        format!("Deployment of the workers of \"{}\".", context.plan.profile),
        match asked_request {
            true => "Requests are those of the profile's autoscaler; the plan counts on the limits.".to_owned(),
            false => "requests = limits: the plan counts on all of it.".to_owned(),
        },
        "The worker must read its options from the environment below,".to_owned(),
        format!("answer /health, /ready and /metrics on port {PORT}, and stop polling at SIGTERM."),
        stop.why.clone(),
        match dispensable(context) {
            _ if asked_pods => "maxUnavailable is the profile's.".to_owned(),
            0 => "maxUnavailable 0: the plan has no spare pod.".to_owned(),
            spare => {
                format!("maxUnavailable {spare}: the plan keeps its promises with {} of {pods} pods.", pods - spare)
            }
        },
        "With an autoscaler leave `replicas` out when you apply this again, or it is set back.".to_owned(),
    ];
    if context.settings.image.is_none() {
        lines.push("The image is a placeholder: `--image` says which.".to_owned());
    }
    lines.extend(context.cloud_access("The worker"));
    lines
}

fn environment(context: &Context<'_>, stop: &Stopping) -> Vec<Variable> {
    let workers = &context.sizes.workers;
    let variable = |name, value: String| Variable { name, value };
    vec![
        variable("TEMPORAL_ADDRESS", context.address()),
        variable("TEMPORAL_NAMESPACE", context.settings.temporal_namespace.clone()),
        variable("TEMPORAL_TASK_QUEUE", context.task_queue.clone()),
        variable("MAX_CONCURRENT_WORKFLOW_TASKS", workers.workflow_task_slots.to_string()),
        variable("MAX_CONCURRENT_ACTIVITIES", workers.activity_slots.to_string()),
        variable("WORKFLOW_TASK_POLLERS", workers.pollers.workflow.to_string()),
        variable("ACTIVITY_POLLERS", workers.pollers.activity.to_string()),
        variable("MAX_CACHED_WORKFLOWS", workers.cached_workflows.to_string()),
        variable("GRACEFUL_SHUTDOWN_TIMEOUT_SECONDS", stop.graceful.to_string()),
    ]
}

/// How a worker stops.
pub(super) struct Stopping {
    /// Seconds that running tasks have.
    pub graceful: u64,
    /// Seconds from the pod's end to SIGKILL.
    pub grace: u64,
    why: String,
}

impl Stopping {
    fn of(context: &Context<'_>, asked: &rollout::Drain) -> Self {
        let mut longest: Option<(Nanos, String)> = None;
        for workflow in &context.profile.workflows {
            visit(&workflow.steps, &mut |activity| {
                let takes = at_most(activity);
                if longest.as_ref().is_none_or(|(known, _)| takes > *known) {
                    longest = Some((takes, activity.name.clone()));
                }
            });
        }
        let seconds = longest.as_ref().map_or(0, |(takes, _)| takes.as_secs_f64().ceil() as u64);
        let asked_graceful = asked.graceful_timeout.map(whole_seconds);
        let graceful = asked_graceful.unwrap_or_else(|| seconds.clamp(GRACEFUL, LONGEST_GRACEFUL));
        // What comes before SIGTERM is part of the grace.
        let grace = asked.grace.map_or(graceful + MARGIN, whole_seconds).max(graceful + PRE_STOP);
        let whose = if asked_graceful.is_some() { " (the profile's)" } else { "" };
        let why = match longest {
            None => format!("No activity runs on these workers: {graceful} s to finish{whose}."),
            Some((takes, name)) if seconds > graceful => format!(
                "\"{name}\" takes up to {}: after {graceful} s{whose} it is cut, so it must heartbeat and be retried.",
                number::seconds(takes.as_secs_f64())
            ),
            Some((takes, name)) => format!(
                "The longest activity, \"{name}\", takes up to {}: {graceful} s to finish{whose}, SIGKILL {grace} s after the pod's end begins.",
                number::seconds(takes.as_secs_f64())
            ),
        };
        Stopping { graceful, grace, why }
    }
}

/// How long one attempt runs at most: its start-to-close, or 999 of 1,000 of what it takes where that is shorter.
fn at_most(activity: &Activity) -> Nanos {
    let takes = match &activity.takes {
        Span::Constant(takes) => *takes,
        Span::MeanCv { mean, cv } => Distribution::from_mean_cv(*mean, *cv).quantile(0.999),
        Span::Quantiles(points) => match Distribution::from_quantiles(points) {
            Ok(distribution) => distribution.quantile(0.999),
            Err(_) => points.last().map_or(Nanos::ZERO, |(_, longest)| *longest),
        },
    };
    activity.timeouts.start_to_close.map_or(takes, |limit| limit.min(takes))
}

/// Every activity of these steps.
fn visit(steps: &[Step], found: &mut dyn FnMut(&Activity)) {
    for step in steps {
        match step {
            Step::Activity(activity) => found(activity),
            Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => visit(steps, found),
            Step::Branch(arms) => arms.iter().for_each(|arm| visit(&arm.steps, found)),
            Step::LocalActivity(_)
            | Step::Timer(_)
            | Step::WaitSignal(_)
            | Step::Query(_)
            | Step::Update(_)
            | Step::Child(_)
            | Step::ContinueAsNew { .. }
            | Step::UpsertSearchAttributes { .. }
            | Step::SideEffect { .. } => {}
        }
    }
}
