//! Grafana dashboards: what is measured, and over it what the plan predicts.

mod services;

use plimsoll_profiles::profile::SloMetric;

use super::EmittedFile;
use super::alerts::{STARTS, USERS, WORKERS, in_seconds, rate};
use super::context::{At, Context};
use super::error::EmitError;
use super::kind::Kind;
use super::metrics::{sdk, sdk_units_per_second, server};
use super::panels::{self, Content, Dashboard, Templating, TimeRange, Variable};
use super::provenance;
use super::scaling::Scaling;
use super::thresholds;
use crate::number;

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    // On Temporal Cloud only the workers are one's own.
    let mut dashboards = vec![
        ("overview", "Temporal Cluster Overview", overview(context, &Scaling::of(context)?)),
        ("throughput", "Workflow Throughput", throughput(context)),
        ("activities", "Activity Metrics", activities(context)),
    ];
    if !context.is_cloud() {
        dashboards.push(("services", "Service Health", services::contents(context)));
    }
    dashboards.into_iter().map(|(name, title, contents)| file(context, name, title, contents)).collect()
}

fn file(context: &Context<'_>, name: &str, title: &str, contents: Vec<Content>) -> Result<EmittedFile, EmitError> {
    let made = provenance::lines(context, Kind::Grafana);
    let intro = format!(
        "Measured, and dashed over it what the plan predicts. {}\n\n```\n{}\n```",
        context.plan.verdict_text,
        made.join("\n")
    );
    const INTRO_HEIGHT: u32 = 6;
    let dashboard = Dashboard {
        uid: format!("plimsoll-{}-{}", short(&context.name), name),
        title: format!("{title}: {}", context.plan.profile),
        description: made.join("\n"),
        tags: vec!["temporal".to_owned(), "plimsoll".to_owned(), context.name.clone()],
        timezone: "browser",
        editable: true,
        schema_version: 39,
        version: 1,
        refresh: "30s",
        time: TimeRange { from: "now-6h", to: "now" },
        templating: Templating {
            list: vec![Variable { name: "datasource", label: "Prometheus", r#type: "datasource", query: "prometheus" }],
        },
        panels: std::iter::once(panels::text(intro, INTRO_HEIGHT))
            .chain(panels::grid(contents, INTRO_HEIGHT))
            .collect(),
    };
    let text = serde_json::to_string_pretty(&dashboard).map_err(|error| EmitError::Write(error.to_string()))?;
    Ok(EmittedFile { path: format!("monitoring/grafana/{name}.json"), text: text + "\n" })
}

/// Grafana's identifiers have at most 40 characters.
fn short(name: &str) -> &str {
    name.get(..20).unwrap_or(name).trim_end_matches('-')
}

fn line(legend: impl Into<String>, value: f64) -> (String, f64) {
    (legend.into(), value)
}

/// When the sizes are for.
fn when(context: &Context<'_>) -> &'static str {
    match context.settings.at {
        At::Now => "today's peak",
        At::Horizon => "peak at the horizon",
    }
}

fn quantile(metric: &str, selector: &str, by: &str, quantile: f64, unit: f64) -> String {
    let by = if by.is_empty() { "le".to_owned() } else { format!("le, {by}") };
    format!(
        "histogram_quantile({}, sum by ({by}) (rate({metric}_bucket{selector}[5m]))){}",
        super::alerts::number(quantile),
        in_seconds(unit)
    )
}

/// Series of the user's workers only.
fn of_workers() -> String {
    format!("{{{WORKERS}}}")
}

/// Workflows in all caches. A Go or Java process has one cache for all its workers; Go reports its whole size under each workflow type
/// (`internal_task_handlers.go`, `GetOrCreateWorkflowContext`). On Core each worker has its own.
fn cached(context: &Context<'_>) -> String {
    let size = format!("{}{{{WORKERS}}}", sdk(context, "temporal_sticky_cache_size"));
    if context.sdk_is_core() { format!("sum({size})") } else { format!("sum(max by (instance) ({size}))") }
}

/// The promise about a latency, and what the plan reaches at the horizon's peak.
fn promised(context: &Context<'_>, metric: SloMetric, name: &str) -> Vec<(String, f64)> {
    let mut lines = Vec::new();
    if let Some(target) = thresholds::promise(context, metric) {
        let q = number::quantile(target.quantile);
        lines.push(line(format!("{q} promised"), target.limit.as_secs_f64()));
        let reached = context.plan.slo.iter().find(|slo| slo.metric == name && slo.quantile == target.quantile);
        if let Some(interval) = reached.and_then(|slo| slo.achieved_seconds.as_ref()) {
            lines.push(line(format!("{q} predicted at the horizon's peak"), interval.estimate));
        }
    }
    lines
}

/// The quantile that is promised, or p99.
fn level(context: &Context<'_>, metric: SloMetric) -> f64 {
    thresholds::promise(context, metric).map_or(0.99, |target| target.quantile)
}

fn load(context: &Context<'_>) -> Vec<(String, f64)> {
    let mut lines = vec![line(when(context), context.peak()), line("peak and headroom: the mark", context.planned())];
    if let Some(breaks) = context.plan.load.breaks_at_per_second {
        lines.push(line("breaks at the horizon's sizes", breaks));
    }
    lines
}

fn starts(context: &Context<'_>) -> Content {
    let measured = if context.is_cloud() {
        let completed = sdk(context, "temporal_workflow_completed");
        vec![("completed", format!("sum(rate({completed}[5m]))"))]
    } else {
        vec![("starts", format!("sum(rate({}{{{STARTS}}}[5m]))", server("service_requests")))]
    };
    Content {
        title: "Workflows a second",
        description: "The Plimsoll line: above the mark the sizes are not planned for it.",
        unit: "ops",
        measured,
        planned: load(context),
    }
}

fn schedule_to_start(context: &Context<'_>, activity: bool) -> Content {
    let (title, metric, name, slo) = match activity {
        true => (
            "Activity schedule-to-start",
            SloMetric::ScheduleToStartActivity,
            "temporal_activity_schedule_to_start_latency",
            "schedule_to_start_activity",
        ),
        false => (
            "Workflow task schedule-to-start",
            SloMetric::ScheduleToStartWorkflow,
            "temporal_workflow_task_schedule_to_start_latency",
            "schedule_to_start_workflow",
        ),
    };
    let (name, unit) = (sdk(context, name), sdk_units_per_second(context));
    let selector = of_workers();
    Content {
        title,
        description: "From a task's scheduling to its start on a worker.",
        unit: "s",
        measured: vec![
            (
                "{{task_queue}} at the promised quantile",
                quantile(&name, &selector, "task_queue", level(context, metric), unit),
            ),
            ("{{task_queue}} p50", quantile(&name, &selector, "task_queue", 0.5, unit)),
        ],
        planned: promised(context, metric, slo),
    }
}

fn workers(context: &Context<'_>, scaling: &Scaling) -> Content {
    let name = sdk(context, "temporal_worker_task_slots_available");
    Content {
        title: "Worker pods",
        description: "Pods whose workers report.",
        unit: "short",
        measured: vec![("workers", format!("count({name}{{{WORKERS},worker_type=\"WorkflowWorker\"}})"))],
        planned: vec![
            line(when(context), f64::from(context.sizes.workers.pods)),
            line("fewest", f64::from(scaling.min)),
            line("most", f64::from(scaling.max)),
        ],
    }
}

fn slots(context: &Context<'_>) -> Content {
    let name = sdk(context, "temporal_worker_task_slots_available");
    let workers = &context.sizes.workers;
    let total = |slots: u32| f64::from(slots) * f64::from(workers.pods);
    Content {
        title: "Free slots",
        description: "Over all workers; at zero tasks wait.",
        unit: "short",
        measured: vec![("{{worker_type}}", format!("sum by (worker_type) ({name}{{{WORKERS}}})"))],
        planned: vec![
            line("activity slots of all pods", total(workers.activity_slots)),
            line("workflow task slots of all pods", total(workers.workflow_task_slots)),
        ],
    }
}

fn backlog(context: &Context<'_>) -> Content {
    let most = |tasks: f64, metric| thresholds::backlog(tasks, thresholds::schedule_to_start_of(context, metric).1);
    Content {
        title: "Backlog",
        description: "Tasks that wait in matching's table; the lines are what comes within the promised schedule-to-start.",
        unit: "short",
        measured: vec![(
            "{{taskqueue}} {{task_type}}",
            format!("sum by (taskqueue, task_type) ({}{{{USERS}}})", server("approximate_backlog_count")),
        )],
        planned: vec![
            line("activities in time", most(context.activity_tasks(), SloMetric::ScheduleToStartActivity)),
            line("workflow tasks in time", most(context.workflow_tasks(), SloMetric::ScheduleToStartWorkflow)),
        ],
    }
}

fn failures(context: &Context<'_>) -> Content {
    let (failed, all) = if context.is_cloud() {
        let (good, bad) = (sdk(context, "temporal_workflow_completed"), sdk(context, "temporal_workflow_failed"));
        (rate(&bad, ""), format!("{} + {}", rate(&good, ""), rate(&bad, "")))
    } else {
        (rate(server("workflow_failed"), ""), ends().map(|(_, expr)| expr).collect::<Vec<_>>().join(" + "))
    };
    Content {
        title: "Share of workflows that fail",
        description: "Of those that ended in five minutes; the alert is at a tenth.",
        unit: "percentunit",
        measured: vec![("failed", format!("{failed} / ({all})"))],
        planned: Vec::new(),
    }
}

fn ends() -> impl Iterator<Item = (&'static str, String)> {
    [
        ("completed", "workflow_success"),
        ("failed", "workflow_failed"),
        ("timed out", "workflow_timeout"),
        ("terminated", "workflow_terminate"),
        ("cancelled", "workflow_cancel"),
    ]
    .into_iter()
    .map(|(legend, metric)| (legend, rate(server(metric), "")))
}

fn storage(context: &Context<'_>) -> Content {
    let size = server("pg_database_size_bytes");
    Content {
        title: "Storage",
        description: "Bytes of Temporal's databases.",
        unit: "bytes",
        measured: vec![("{{datname}}", format!("{size}{{datname=~\"temporal.*\"}}"))],
        planned: vec![
            line("today's load", context.plan.now.database.storage_bytes as f64),
            line("at the horizon", context.plan.database.storage_bytes as f64),
        ],
    }
}

fn overview(context: &Context<'_>, scaling: &Scaling) -> Vec<Content> {
    let mut contents = vec![starts(context), workers(context, scaling)];
    if !context.is_cloud() {
        contents.push(backlog(context));
        contents.push(start_latency(context));
    }
    contents.extend([schedule_to_start(context, false), schedule_to_start(context, true), failures(context)]);
    if !context.is_cloud() {
        contents.push(storage(context));
    }
    contents
}

fn start_latency(context: &Context<'_>) -> Content {
    let q = level(context, SloMetric::Start);
    let name = server("service_latency");
    let selector = format!("{{{STARTS}}}");
    Content {
        title: "Start latency",
        description: "Of start calls at the frontend; the client sees the network on top.",
        unit: "s",
        measured: vec![
            ("at the promised quantile", quantile(name, &selector, "", q, 1.0)),
            ("p50", quantile(name, &selector, "", 0.5, 1.0)),
        ],
        planned: promised(context, SloMetric::Start, "start"),
    }
}

fn throughput(context: &Context<'_>) -> Vec<Content> {
    let unit = sdk_units_per_second(context);
    let end_to_end = sdk(context, "temporal_workflow_endtoend_latency");
    let mut contents = vec![starts(context), failures(context)];
    contents.push(Content {
        title: "End to end",
        description: "From a workflow's start to its end, as workers measure it.",
        unit: "s",
        measured: vec![
            ("{{workflow_type}} p99", quantile(&end_to_end, &of_workers(), "workflow_type", 0.99, unit)),
            ("{{workflow_type}} p50", quantile(&end_to_end, &of_workers(), "workflow_type", 0.5, unit)),
        ],
        planned: promised(context, SloMetric::EndToEnd, "e2e"),
    });
    if context.is_cloud() {
        return contents;
    }
    contents.extend([
        Content {
            title: "How workflows end",
            description: "A second, by how they ended.",
            unit: "ops",
            measured: ends().collect(),
            planned: vec![line(format!("mean on the day of {}", when(context)), context.mean())],
        },
        Content {
            title: "State transitions a second",
            description: "The unit of work of the history service.",
            unit: "ops",
            measured: vec![("transitions", format!("sum(rate({}_count[5m]))", server("state_transition_count")))],
            planned: Vec::new(),
        },
        Content {
            title: "Tasks dispatched a second",
            description: "Polls that got a task, and of them those that were waiting when it came.",
            unit: "ops",
            measured: vec![
                ("{{task_type}}", format!("sum by (task_type) (rate({}{{{USERS}}}[5m]))", server("poll_success"))),
                (
                    "{{task_type}} at once",
                    format!("sum by (task_type) (rate({}{{{USERS}}}[5m]))", server("poll_success_sync")),
                ),
            ],
            planned: vec![
                line("workflow tasks at the mark", context.workflow_tasks()),
                line("activities at the mark", context.activity_tasks()),
            ],
        },
        backlog(context),
        Content {
            title: "Age of the backlog",
            description: "The oldest task that waits.",
            unit: "s",
            measured: vec![(
                "{{taskqueue}} {{task_type}}",
                format!("max by (taskqueue, task_type) ({}{{{USERS}}})", server("approximate_backlog_age_seconds")),
            )],
            planned: Vec::new(),
        },
    ]);
    contents
}

fn activities(context: &Context<'_>) -> Vec<Content> {
    let unit = sdk_units_per_second(context);
    let execution = sdk(context, "temporal_activity_execution_latency");
    let mut contents = vec![
        schedule_to_start(context, true),
        slots(context),
        Content {
            title: "Activity execution",
            description: "How long attempts take in their slots.",
            unit: "s",
            measured: vec![
                ("{{activity_type}} p99", quantile(&execution, &of_workers(), "activity_type", 0.99, unit)),
                ("{{activity_type}} p50", quantile(&execution, &of_workers(), "activity_type", 0.5, unit)),
            ],
            planned: Vec::new(),
        },
        Content {
            title: "Activities a second",
            description: "Attempts that ended, and those that failed.",
            unit: "ops",
            measured: vec![
                ("ended", format!("sum(rate({execution}_count{{{WORKERS}}}[5m]))")),
                (
                    "{{activity_type}} failed",
                    format!(
                        "sum by (activity_type) (rate({}{{{WORKERS}}}[5m]))",
                        sdk(context, "temporal_activity_execution_failed")
                    ),
                ),
            ],
            planned: vec![line("at the mark", context.activity_tasks())],
        },
        Content {
            title: "Sticky cache",
            description: "Workflows in the workers' caches; what does not fit is replayed.",
            unit: "short",
            measured: vec![("cached", cached(context))],
            planned: vec![line(
                "room of all pods",
                f64::from(context.sizes.workers.cached_workflows) * f64::from(context.sizes.workers.pods),
            )],
        },
    ];
    if !context.is_cloud() {
        let timeouts = [
            ("schedule to start", "schedule_to_start_timeout"),
            ("start to close", "start_to_close_timeout"),
            ("schedule to close", "schedule_to_close_timeout"),
            ("heartbeat", "heartbeat_timeout"),
        ];
        contents.push(Content {
            title: "Timeouts a second",
            description: "Of activities and of workflow tasks, by which timeout it was.",
            unit: "ops",
            measured: timeouts.map(|(legend, metric)| (legend, rate(server(metric), ""))).to_vec(),
            planned: Vec::new(),
        });
    }
    contents
}
