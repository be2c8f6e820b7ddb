//! Autoscaled fleets: what became of one in a run, and the search for its settings.

use std::fmt::Write;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{
    Autoscaler, Hpa, Keda, KedaQueues, Milli, Profile, QueueTarget, ResourceName, ResourceTarget, Scaler,
    ScalingAmount, ScalingBehaviour, ScalingMetric, ScalingRules, SelectPolicy, SloMetric, WorkerMetric,
};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::scaling_document::{
    AUTOSCALE_SCHEMA_VERSION, AutoscaleDocument, AutoscaleSetting, FleetOverCurve, PromiseOverCurve, ScaleChange,
    Scaling,
};
use plimsoll_sim::planner::{
    self, AutoscalePlan, AutoscaleSearch, CurveRun, FLAP_COST, Knobs, LONGEST_WAIT, PlanError,
};
use plimsoll_sim::scaling::{ScalingSummary, first_pods, minutes_lost, steps, summary};
use plimsoll_sim::temporal::{Load, Outcome, Program, Settings};

use super::plan::span_label;
use super::simulate::{shortened, sized};
use super::{ModelError, PlanSettings, Watcher};

/// Intervals that latencies are told apart by: a minute has whole ones.
const INTERVAL: Nanos = Nanos::from_secs(6);
/// Work that is not done so long after the last start counts as not done.
const DRAIN: Nanos = Nanos::from_secs(600);

/// A profile whose fleet begins with what its autoscaler begins with.
pub(super) fn with_first_pods(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    if let Some(autoscaler) = &profile.autoscaler {
        profile.workers.pods = Some(first_pods(&profile, autoscaler));
    }
    profile
}

/// What the autoscaler of a simulated profile did; none where the fleet is fixed.
pub(super) fn scaling(
    profile: &Profile,
    outcome: &Outcome,
    (from, measured): (Nanos, Nanos),
    interval: Nanos,
) -> Option<Scaling> {
    let (autoscaler, fleet) = (profile.autoscaler.as_ref()?, outcome.fleet.as_ref()?);
    let until = from + measured;
    let minutes = minutes_lost(&outcome.recorder, interval, &profile.slo.targets);
    let change = |step: plimsoll_sim::scaling::ScaleStep| ScaleChange {
        at_seconds: step.at.as_secs_f64(),
        before: step.before,
        after: step.after,
    };
    let changes = steps(fleet).into_iter().filter(|step| step.at < until).map(change).collect();
    Some(Scaling { changes, ..scaled(&label(autoscaler), summary(fleet, from, until), minutes, measured) })
}

fn scaled(by: &str, summary: ScalingSummary, minutes: (u32, u32), measured: Nanos) -> Scaling {
    Scaling {
        by: by.to_owned(),
        pod_hours: summary.pod_hours,
        mean_pods: summary.pod_hours / (measured.as_secs_f64() / 3_600.0).max(1e-9),
        fewest_pods: summary.fewest,
        most_pods: summary.most,
        scale_ups: summary.ups,
        scale_downs: summary.downs,
        reversals: summary.reversals,
        slo_minutes_lost: minutes.0,
        minutes: minutes.1,
        changes: Vec::new(),
    }
}

fn kind(autoscaler: &Autoscaler) -> &'static str {
    match autoscaler.scaler {
        Scaler::Hpa(_) => "HPA",
        Scaler::Keda(_) => "KEDA",
    }
}

fn label(autoscaler: &Autoscaler) -> String {
    let (fewest, most) = autoscaler.bounds();
    format!("{}, {fewest} to {most} pods", kind(autoscaler))
}

/// Searches the settings with the least pod-hours that keep the promises over the arrival curve.
///
/// # Errors
/// When the profile has no autoscaler, starts nothing, or the search was stopped.
pub(super) fn plan(
    profile: &Profile,
    calibration: &Calibration,
    settings: &PlanSettings,
    watcher: &dyn Watcher,
) -> Result<AutoscaleDocument, ModelError> {
    let Some(autoscaler) = profile.autoscaler.clone() else {
        return Err(ModelError::Unsupported(
            "the profile has no autoscaler; give it [autoscaler.hpa] or [autoscaler.keda], as in the shipped hpa-source-example"
                .to_owned(),
        ));
    };
    if profile.arrivals.mean_rate().as_per_second() <= 0.0 {
        return Err(ModelError::Unsupported(planner::PlanError::NoLoad.to_string()));
    }
    let cancelled = || watcher.is_cancelled();
    let mut warnings = Vec::new();
    let profile = with_first_pods(&shortened(profile, false, &mut warnings).0);
    watcher.say("sizes of the cluster");
    let size = sized(&profile, calibration, settings.seed, &cancelled, &mut warnings);
    let duration = profile.arrivals.duration();
    let residence = Program::of(&profile).mean_residence(&profile, LONGEST_WAIT);
    let warmup = Nanos(duration.0 / 5).min(Nanos(residence.0 * 5 / 4) + Nanos::from_secs(1));
    let measured = duration.saturating_sub(warmup);
    let simulation = Settings {
        seed: settings.seed,
        replication: 0,
        load: Load::Schedule,
        warmup,
        measured,
        drain: DRAIN,
        interval: INTERVAL.min(measured.max(Nanos(1))),
        sample: false,
        filled_at: Nanos::ZERO,
        longest_wait: LONGEST_WAIT,
        retention_deletes: false,
        max_events: u64::MAX,
        max_open: 2_000_000,
    };
    let say = |what: &str| watcher.say(what);
    let search = AutoscaleSearch {
        profile: &profile,
        calibration,
        size,
        simulation,
        threads: settings.threads.get(),
        cancelled: &cancelled,
        progress: &say,
    };
    let plan = planner::plan_autoscale(&search, &autoscaler).map_err(|error| match error {
        PlanError::Cancelled => ModelError::Cancelled,
        other => ModelError::Unsupported(other.to_string()),
    })?;
    if plan.found.1.kept() && !plan.confirmed {
        warnings.push("with other random numbers these settings break the SLO: it is kept by a hair only".to_owned());
    }
    Ok(document(&profile, &plan, settings.seed, measured, warnings))
}

fn document(
    profile: &Profile,
    plan: &AutoscalePlan,
    seed: u64,
    measured: Nanos,
    warnings: Vec<String>,
) -> AutoscaleDocument {
    let fleet = |name: String, by: &str, run: &CurveRun| FleetOverCurve {
        scaling: scaled(by, run.scaling, run.minutes, measured),
        name,
        kept: run.kept(),
        promises: run
            .promises
            .iter()
            .map(|promise| PromiseOverCurve {
                metric: metric_name(promise.target.metric).to_owned(),
                quantile: promise.target.quantile,
                limit_seconds: promise.target.limit.as_secs_f64(),
                value_seconds: promise.quantile.as_secs_f64(),
            })
            .collect(),
    };
    let (written, found) = (&plan.written, &plan.found);
    let word = kind(&plan.autoscaler);
    AutoscaleDocument {
        schema_version: AUTOSCALE_SCHEMA_VERSION,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        seed,
        autoscaler: word.to_owned(),
        measured_seconds: measured.as_secs_f64(),
        kept: found.1.kept(),
        confirmed: plan.confirmed,
        settings: settings(&plan.autoscaler, &written.0, &found.0),
        fleets: vec![
            fleet(format!("fixed, {} pods", plan.fixed.0), "nobody", &plan.fixed.1),
            fleet(format!("{word} as written"), &format!("{word} as written"), &written.1),
            fleet(format!("{word} as found"), &label(&plan.autoscaler), &found.1),
        ],
        reversal_pod_hours: FLAP_COST,
        toml: toml(&plan.autoscaler),
        simulations: plan.simulations,
        warnings,
    }
}

fn settings(autoscaler: &Autoscaler, written: &Knobs, found: &Knobs) -> Vec<AutoscaleSetting> {
    let setting = |name: &str, value: &dyn Fn(&Knobs) -> Option<String>| {
        let (written, found) = (value(written)?, value(found)?);
        Some(AutoscaleSetting { name: name.to_owned(), written, found })
    };
    let backlog = match autoscaler.scaler {
        Scaler::Hpa(_) => "backlog target",
        Scaler::Keda(_) => "target queue size",
    };
    [
        setting("fewest pods", &|knobs| Some(knobs.min_pods.to_string())),
        setting("most pods", &|knobs| Some(knobs.max_pods.to_string())),
        setting("CPU utilisation", &|knobs| knobs.cpu.map(|percent| format!("{percent} %"))),
        setting(backlog, &|knobs| knobs.backlog.map(number)),
        setting("scale-down window", &|knobs| Some(span_label(knobs.down_window))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A latency as `run.hlog` calls it.
fn metric_name(metric: SloMetric) -> &'static str {
    match metric {
        SloMetric::Start => "start",
        SloMetric::ScheduleToStartWorkflow => "schedule_to_start.workflow",
        SloMetric::ScheduleToStartActivity => "schedule_to_start.activity",
        SloMetric::EndToEnd => "e2e.response",
    }
}

fn number(milli: Milli) -> String {
    format!("{}", milli.0 as f64 / 1_000.0)
}

/// The autoscaler as a profile has it.
fn toml(autoscaler: &Autoscaler) -> String {
    let mut text = String::new();
    let table = match &autoscaler.scaler {
        Scaler::Hpa(hpa) => {
            hpa_toml(&mut text, hpa);
            "hpa"
        }
        Scaler::Keda(keda) => {
            keda_toml(&mut text, keda);
            "keda"
        }
    };
    let behaviour = match &autoscaler.scaler {
        Scaler::Hpa(hpa) => &hpa.behaviour,
        Scaler::Keda(keda) => &keda.behaviour,
    };
    if let Some(ScalingBehaviour { scale_up, scale_down }) = behaviour {
        for (direction, rules) in [("scale_up", scale_up), ("scale_down", scale_down)] {
            let _ = write!(text, "\n[autoscaler.{table}.behaviour.{direction}]\n{}", rules_toml(rules));
        }
    }
    text
}

fn hpa_toml(text: &mut String, hpa: &Hpa) {
    let _ = write!(text, "[autoscaler.hpa]\nmin_pods = {}\nmax_pods = {}\n", hpa.min_pods, hpa.max_pods);
    if hpa.tolerance != Hpa::TOLERANCE {
        let _ = writeln!(text, "tolerance = {}", hpa.tolerance);
    }
    for (key, span, default) in [
        ("cpu_initialisation_period", hpa.cpu_initialisation_period, Hpa::CPU_INITIALISATION_PERIOD),
        ("initial_readiness_delay", hpa.initial_readiness_delay, Hpa::INITIAL_READINESS_DELAY),
    ] {
        if span != default {
            let _ = writeln!(text, "{key} = \"{span}\"");
        }
    }
    if hpa.behaviour.is_none() || hpa.downscale_stabilisation != Hpa::DOWNSCALE_STABILISATION {
        let _ = writeln!(text, "downscale_stabilisation = \"{}\"", hpa.downscale_stabilisation);
    }
    text.push_str("metrics = [\n");
    for metric in &hpa.metrics {
        let metric = match metric {
            ScalingMetric::Resource { resource, target } => {
                let resource = match resource {
                    ResourceName::Cpu => "cpu",
                    ResourceName::Memory => "memory",
                };
                match target {
                    ResourceTarget::Utilisation(percent) => {
                        format!("resource = \"{resource}\", utilisation = {percent}")
                    }
                    ResourceTarget::Average(value) => {
                        format!("resource = \"{resource}\", average_value = {}", number(*value))
                    }
                }
            }
            ScalingMetric::Pods { metric, average } => {
                format!("pods = \"{}\", average_value = {}", worker_metric(*metric), number(*average))
            }
            ScalingMetric::Queue { metric, target } => {
                let (key, value) = match target {
                    QueueTarget::Value(value) => ("value", value),
                    QueueTarget::Average(value) => ("average_value", value),
                };
                format!("external = \"{}\", {key} = {}", worker_metric(*metric), number(*value))
            }
        };
        let _ = writeln!(text, "  {{ {metric} }},");
    }
    text.push_str("]\n");
}

fn keda_toml(text: &mut String, keda: &Keda) {
    let _ = write!(text, "[autoscaler.keda]\nmin_pods = {}\nmax_pods = {}\n", keda.min_pods, keda.max_pods);
    if let Some(idle) = keda.idle_pods {
        let _ = writeln!(text, "idle_pods = {idle}");
    }
    let queues = match keda.queues {
        KedaQueues::Both => "both",
        KedaQueues::Workflow => "workflow",
        KedaQueues::Activity => "activity",
    };
    let _ = write!(
        text,
        "polling_interval = \"{}\"\ncooldown_period = \"{}\"\ntarget_queue_size = {}\nactivation_target_queue_size = {}\nqueues = \"{queues}\"\n",
        keda.polling_interval, keda.cooldown_period, keda.target_queue_size, keda.activation_target_queue_size
    );
}

fn worker_metric(metric: WorkerMetric) -> &'static str {
    match metric {
        WorkerMetric::Backlog => "backlog",
        WorkerMetric::WholeBacklog => "whole_backlog",
        WorkerMetric::WorkflowBacklog => "workflow_backlog",
        WorkerMetric::ActivityBacklog => "activity_backlog",
        WorkerMetric::ActivitySlotsUsed => "activity_slots_used",
        WorkerMetric::WorkflowSlotsUsed => "workflow_slots_used",
    }
}

fn rules_toml(rules: &ScalingRules) -> String {
    let select = match rules.select {
        SelectPolicy::Max => "max",
        SelectPolicy::Min => "min",
        SelectPolicy::Disabled => "disabled",
    };
    let policies: Vec<String> = rules
        .policies
        .iter()
        .map(|policy| match policy.amount {
            ScalingAmount::Pods(pods) => format!("  {{ pods = {pods}, period = \"{}\" }},\n", policy.period),
            ScalingAmount::Percent(percent) => {
                format!("  {{ percent = {percent}, period = \"{}\" }},\n", policy.period)
            }
        })
        .collect();
    format!("window = \"{}\"\nselect = \"{select}\"\npolicies = [\n{}]\n", rules.window, policies.concat())
}

#[cfg(test)]
mod tests {
    use plimsoll_profiles::{Document, World, shipped};

    use super::*;

    #[test]
    fn the_settings_that_are_printed_are_read_back_as_they_were() {
        let text = shipped::profile("hpa-source-example").map(|shipped| shipped.text).unwrap_or_default();
        let read = |text: &str| {
            let document = Document::parse(text, "p.toml", &[]).unwrap_or_else(|problems| panic!("{problems}"));
            document
                .profile(&World::mid())
                .unwrap_or_else(|problems| panic!("{problems}"))
                .autoscaler
                .expect("an autoscaler")
        };
        let (before, rest) = text.split_once("[autoscaler.hpa]").expect("an HPA");
        let (_, after) = rest.split_once("[growth]").expect("more tables");
        let with = |table: &str| format!("{before}{table}\n[growth]{after}");
        let written = read(text);
        assert_eq!(read(&with(&toml(&written))), written);
        let knobs = Knobs {
            min_pods: 2,
            max_pods: 33,
            cpu: Some(85),
            backlog: Some(Milli(2_500)),
            down_window: Nanos::from_secs(90),
        };
        let found = knobs.applied(&written);
        assert_eq!(Knobs::of(&found), knobs);
        assert_eq!(read(&with(&toml(&found))), found);
        let own = "[autoscaler.hpa]\nmax_pods = 20\ntolerance = 0.05\ncpu_initialisation_period = \"1min\"\ninitial_readiness_delay = \"5s\"\n\
                   downscale_stabilisation = \"90s\"\nmetrics = [{ resource = \"cpu\", utilisation = 60 }]\nbehaviour = { scale_up = { select = \"min\" } }";
        let own = read(&with(own));
        assert_eq!(read(&with(&toml(&own))), own, "what differs from the controller's defaults is kept");
        let keda = read(&with("[autoscaler.keda]\nmin_pods = 1\nbehaviour = { scale_up = { select = \"min\" } }"));
        assert_eq!(read(&with(&toml(&keda))), keda);
    }
}
