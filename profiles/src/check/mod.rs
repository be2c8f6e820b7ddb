//! From the written shape to the checked types: defaults filled in, everything that needs more than one key looked at.
//!
//! A check that fails notes a finding and goes on with a stand-in, so that one reading shows all that is wrong.

mod activity;
mod arrivals;
mod autoscaler;
mod cluster;
mod database;
mod event;
mod expand;
mod rollout;
mod server;
mod workflow;

use std::sync::Arc;

use crate::calibration::SdkCosts;
use crate::profile::{Growth, HostSize, Names, Profile, Sdk, Slo, SloMetric, SloTarget, Span, Workers};
use crate::raw::span::{RawQuantiles, quantile_key};
use crate::raw::{RawGrowth, RawHostSize, RawProfile, RawSdk, RawSlo, RawWorkers};
use crate::units::{Bytes, Cores, Nanos};

/// Something that is wrong with the value at a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub path: Vec<String>,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
}

/// Reads a trace file: its times, or a message and a help.
pub(crate) type TraceLoader<'a> = &'a dyn Fn(&str) -> Result<Arc<[Nanos]>, (String, String)>;

/// What a check needs to know beside the profile itself.
pub(crate) struct Context<'a> {
    pub traces: TraceLoader<'a>,
    /// Shares are rescaled to 1 instead of refused: in a world other than the middle one they add up to something else.
    pub rescale_shares: bool,
}

pub(crate) struct Checker {
    path: Vec<String>,
    findings: Vec<Finding>,
}

impl Checker {
    pub fn new() -> Self {
        Checker { path: Vec::new(), findings: Vec::new() }
    }

    /// Runs `check` one key deeper.
    fn under<T>(&mut self, segment: impl ToString, check: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment.to_string());
        let result = check(self);
        self.path.pop();
        result
    }

    /// Notes what is wrong with `key` of the current table; with the table itself, when the key is empty.
    fn note(&mut self, key: &str, message: impl Into<String>, label: impl Into<String>, help: impl Into<String>) {
        let mut path = self.path.clone();
        if !key.is_empty() {
            path.push(key.to_owned());
        }
        self.findings.push(Finding { path, message: message.into(), label: label.into(), help: Some(help.into()) });
    }

    fn not_zero(&mut self, key: &str, value: Option<u32>, what: &str) -> Option<u32> {
        if value == Some(0) {
            let help = format!("give 1 or more, or leave `{key}` out and the planner chooses");
            self.note(key, format!("zero {what}"), "must be at least 1", help);
        }
        value
    }

    fn name(&mut self, key: &str, name: String) -> String {
        if name.trim().is_empty() {
            self.note(key, "the name is empty", "empty", "give it a name");
        }
        name
    }

    /// A shipped calibration by name, or a path.
    fn calibration(&mut self, raw: Option<String>) -> String {
        use crate::calibration::REFERENCE;
        let Some(name) = raw else { return REFERENCE.to_owned() };
        if name != REFERENCE && !name.contains(['/', '\\']) && !name.ends_with(".toml") {
            let help = format!("shipped: \"{REFERENCE}\"; or give the path of a .toml file");
            self.note(
                "calibration",
                format!("no calibration is called {}", crate::units::quoted(&name)),
                "unknown",
                help,
            );
        }
        name
    }

    /// A plain number within bounds, or the stand-in `low`.
    fn number(&mut self, key: &str, value: f64, low: f64, high: f64) -> f64 {
        if value.is_finite() && value >= low && value <= high {
            return value;
        }
        let what = if value.is_finite() { "out of range" } else { "not a finite number" };
        self.note(key, format!("{value} is {what}"), what, format!("expected a number from {low} to {high}"));
        low
    }

    fn span(&mut self, key: &str, span: crate::raw::span::RawSpan) -> Span {
        let span = span.0;
        match &span {
            Span::Constant(_) => {}
            Span::MeanCv { mean, cv } => {
                let cv = *cv;
                self.under(key, |c| c.number("cv", cv, 0.0, 100.0));
                if *mean == Nanos::ZERO {
                    self.under(key, |c| {
                        c.note(
                            "mean",
                            "the mean is zero",
                            "zero",
                            "give a mean above zero, or a plain duration \"0s\"",
                        );
                    });
                }
            }
            Span::Quantiles(quantiles) => self.under(key, |c| c.quantiles(quantiles)),
        }
        span
    }

    fn quantiles(&mut self, quantiles: &[(f64, Nanos)]) {
        if quantiles.len() < 2 {
            let help = "give two or more, e.g. { p50 = \"40ms\", p99 = \"400ms\" }, or a plain duration";
            self.note("", "quantiles need at least two points", "fewer than two", help);
        }
        if let Some((quantile, _)) = quantiles.iter().find(|(_, value)| *value == Nanos::ZERO) {
            self.note(
                &quantile_key(*quantile),
                "a quantile of zero",
                "zero",
                "give a duration above zero: the distribution is a lognormal",
            );
        }
        for pair in quantiles.windows(2) {
            let ((low, low_value), (high, high_value)) = (pair[0], pair[1]);
            let (low_key, high_key) = (quantile_key(low), quantile_key(high));
            if low == high {
                self.note("", format!("{low_key} is given twice"), "twice", "give each quantile once");
            } else if high_value <= low_value {
                self.note(
                    &high_key,
                    format!("{high_key} ({high_value}) is not above {low_key} ({low_value})"),
                    format!("must be above {low_key}"),
                    "a higher quantile takes longer; for a constant give a plain duration",
                );
            }
        }
    }

    pub fn finish(self, profile: Profile) -> Result<Profile, Vec<Finding>> {
        if self.findings.is_empty() { Ok(profile) } else { Err(self.findings) }
    }
}

/// Checks a whole profile.
pub(crate) fn profile(raw: RawProfile, context: &Context<'_>) -> Result<Profile, Vec<Finding>> {
    let mut c = Checker::new();
    let name = c.name("name", raw.name);
    let arrivals = c.under("arrivals", |c| c.arrivals(raw.arrivals, context.traces));
    let workflows = c.under("workflow", |c| c.workflows(raw.workflow, context.rescale_shares));
    let slo = c.under("slo", |c| c.slo(raw.slo));
    let workers = c.under("workers", |c| c.workers(raw.workers.unwrap_or_default()));
    let autoscaler = raw.autoscaler.and_then(|raw| c.under("autoscaler", |c| c.autoscaler(raw, &workers)));
    let growth = c.under("growth", |c| c.growth(raw.growth.unwrap_or_default()));
    let cluster = c.under("cluster", |c| c.cluster(raw.cluster.unwrap_or_default()));
    let events = c.under("event", |c| c.events(raw.event, &workflows, &cluster));
    let calibration = c.calibration(raw.calibration);
    let sdk = raw.sdk.map_or(Sdk::Go, sdk);
    let rollout = c.under("rollout", |c| c.rollout(raw.rollout, sdk, &workers));
    if rollout.is_some() && autoscaler.is_some() {
        let help = "simulate one at a time: remove [autoscaler] or [rollout]; a Deployment's rollout counts its pods from a fixed number";
        c.note("autoscaler", "an autoscaler beside a rollout", "two that move the same pods", help);
    }
    c.finish(Profile {
        name,
        sdk,
        arrivals,
        workflows,
        slo,
        workers,
        autoscaler,
        growth,
        cluster,
        events,
        rollout,
        calibration,
    })
}

fn sdk(raw: RawSdk) -> Sdk {
    match raw {
        RawSdk::Go => Sdk::Go,
        RawSdk::Java => Sdk::Java,
        RawSdk::Python => Sdk::Python,
        RawSdk::TypeScript => Sdk::TypeScript,
        RawSdk::DotNet => Sdk::DotNet,
        RawSdk::Rust => Sdk::Rust,
    }
}

impl Checker {
    fn slo(&mut self, raw: Option<RawSlo>) -> Slo {
        use SloMetric::{EndToEnd, ScheduleToStartActivity, ScheduleToStartWorkflow, Start};
        // Temporal's own guidance watches schedule-to-start first; 200 ms is the sources' order of magnitude.
        let default = RawQuantiles(vec![(0.99, Nanos::from_millis(200))]);
        let raw = raw.unwrap_or_else(|| RawSlo { schedule_to_start: Some(default), ..RawSlo::default() });
        let mut targets = Vec::new();
        let mut given = |key: &str, quantiles: Option<RawQuantiles>, metrics: &[SloMetric]| {
            let Some(RawQuantiles(quantiles)) = quantiles else { return };
            self.under(key, |c| {
                if quantiles.is_empty() {
                    c.note("", "the promise is empty", "empty", "give at least one quantile, e.g. { p99 = \"200ms\" }");
                }
                for (quantile, limit) in &quantiles {
                    if *limit == Nanos::ZERO {
                        let help = "give the longest acceptable latency, e.g. \"200ms\"";
                        c.note(&quantile_key(*quantile), "a latency of zero cannot be kept", "zero", help);
                    }
                }
            });
            for (quantile, limit) in quantiles {
                targets.extend(metrics.iter().map(|metric| SloTarget { metric: *metric, quantile, limit }));
            }
        };
        given("start", raw.start, &[Start]);
        given("schedule_to_start", raw.schedule_to_start, &[ScheduleToStartWorkflow, ScheduleToStartActivity]);
        given("schedule_to_start_workflow", raw.schedule_to_start_workflow, &[ScheduleToStartWorkflow]);
        given("schedule_to_start_activity", raw.schedule_to_start_activity, &[ScheduleToStartActivity]);
        given("end_to_end", raw.end_to_end, &[EndToEnd]);
        if targets.is_empty() && self.findings.iter().all(|f| f.path.first().map(String::as_str) != Some("slo")) {
            let help = "give at least one target, e.g. schedule_to_start = { p99 = \"200ms\" }, or leave [slo] out for that one";
            self.note("", "nothing is promised", "no target", help);
        }
        Slo { targets }
    }

    fn host_size(&mut self, key: &str, raw: RawHostSize) -> HostSize {
        self.under(key, |c| {
            if raw.cpu.get() <= 0.0 {
                c.note("cpu", "zero cores", "must be above 0", "give the cores, e.g. 1, 0.5 or \"500m\"");
            }
            if raw.memory == Bytes(0) {
                c.note("memory", "zero memory", "must be above 0", "give the memory, e.g. \"2GiB\"");
            }
        });
        HostSize { cpu: raw.cpu, memory: raw.memory }
    }

    fn workers(&mut self, raw: RawWorkers) -> Workers {
        // The worker pod limits of the sources' cluster: 1000m CPU, 2Gi.
        let pod = raw.pod.unwrap_or(RawHostSize { cpu: Cores::new(1.0), memory: Bytes::gib(2) });
        let max_pods = self.not_zero("max_pods", raw.max_pods, "pods allowed").unwrap_or(1_000);
        let pods = self.not_zero("pods", raw.pods, "worker pods");
        if pods.is_some_and(|pods| pods > max_pods) {
            self.note("pods", "more pods than max_pods allows", "above max_pods", "raise max_pods, or lower pods");
        }
        let workers = Workers {
            pods,
            pod: self.host_size("pod", pod),
            activity_slots: self.not_zero("activity_slots", raw.activity_slots, "activity slots"),
            workflow_task_slots: self.not_zero("workflow_task_slots", raw.workflow_task_slots, "workflow task slots"),
            local_activity_slots: self.not_zero(
                "local_activity_slots",
                raw.local_activity_slots,
                "local activity slots",
            ),
            workflow_task_pollers: self.not_zero(
                "workflow_task_pollers",
                raw.workflow_task_pollers,
                "workflow task pollers",
            ),
            activity_pollers: self.not_zero("activity_pollers", raw.activity_pollers, "activity pollers"),
            poller_autoscaling: raw.poller_autoscaling.unwrap_or(false),
            // Zero is right here: it turns sticky queues off.
            cached_workflows: raw.cached_workflows,
            // Assumed: no measurement is general. An activity that holds buffers should say its own.
            memory_per_activity: raw.memory_per_activity.unwrap_or(Bytes::mib(32)),
            // Assumed, between Go (tens of KiB a goroutine stack and state) and TypeScript (1.7 MiB, from its own cache rule).
            memory_per_cached_workflow: raw.memory_per_cached_workflow.unwrap_or(Bytes::kib(256)),
            memory_base: raw.memory_base.unwrap_or(Bytes::mib(128)),
            // Host CPU that was not a service's or the database's in the measured one-activity runs: 5.2 ms for the
            // client's calls, two workflow tasks and one activity.
            sdk_cpu: SdkCosts {
                workflow_task: raw.cpu_per_workflow_task.unwrap_or(Nanos::from_micros(1_500)),
                activity: raw.cpu_per_activity.unwrap_or(Nanos::from_millis(1)),
                ..SdkCosts::default()
            },
            names: Names {
                identity: raw.identity_bytes.unwrap_or(Names::MEASURED.identity),
                task_queue: raw.task_queue_bytes.unwrap_or(Names::MEASURED.task_queue),
                build_id: raw.build_id_bytes.unwrap_or(Names::MEASURED.build_id),
            },
            max_pods,
            graceful_timeout: raw.graceful_timeout,
            termination_grace: raw.termination_grace,
        };
        let fixed =
            [("workflow_task_pollers", workers.workflow_task_pollers), ("activity_pollers", workers.activity_pollers)];
        for (key, _) in fixed.into_iter().filter(|(_, pollers)| workers.poller_autoscaling && pollers.is_some()) {
            let help =
                "remove the number: autoscaling starts with 5 and goes from 1 to 100; or remove poller_autoscaling";
            self.note(key, "a fixed number of pollers that scale by themselves", "fixed", help);
        }
        if workers.memory_base >= workers.pod.memory {
            self.note(
                "memory_base",
                format!("an idle worker ({}) does not fit into its pod ({})", workers.memory_base, workers.pod.memory),
                "as large as the pod",
                "raise pod.memory, or lower memory_base",
            );
        }
        workers
    }

    fn growth(&mut self, raw: RawGrowth) -> Growth {
        Growth {
            horizon: raw.horizon.unwrap_or(Nanos::from_secs(365 * 86_400)),
            factor: self.number("factor", raw.factor.unwrap_or(1.0), 0.01, 10_000.0),
            retention: self.retention(raw.retention.unwrap_or(Nanos::from_secs(7 * 86_400))),
            headroom: self.number("headroom", raw.headroom.unwrap_or(0.25), 0.0, 10.0),
            survive_pod_loss: raw.survive_pod_loss.unwrap_or(true),
        }
    }

    /// The server refuses a namespace retention under one day (`namespace` validation, minimum 24 h).
    fn retention(&mut self, retention: Nanos) -> Nanos {
        if retention < Nanos::from_secs(86_400) {
            let message = format!("a retention of {retention} is too short");
            self.note("retention", message, "below 1d", "the server keeps closed workflows for at least one day");
        }
        retention
    }
}
