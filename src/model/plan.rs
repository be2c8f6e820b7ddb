//! The planner's answer as a document.

use plimsoll_profiles::Document;
use plimsoll_profiles::World;
use plimsoll_profiles::calibration::{Calibration, OperationKind};
use plimsoll_profiles::profile::{Profile, SloTarget};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::number;
use plimsoll_reports::plan_basis::{PlanBasis, TasksPerWorkflow};
use plimsoll_reports::plan_document::{
    Bottleneck, CalibrationSummary, DatabasePlan, LoadCurve, LoadSeries, LoadSummary, PLAN_SCHEMA_VERSION,
    PlanDocument, Pollers, Reason, Sensitivity, ServerPlan, ServicePlan, SizedPlan, SloResult, Utilisation, Verdict,
    WorkersPlan,
};
use plimsoll_reports::quantity::{CurvePoint, Interval, QuantileCurve};
use plimsoll_sim::planner::{Dimension, Limiting, Plan, Sized, metric};
use plimsoll_sim::temporal::{Metric, Outcome, Pods, Process, Promise, is_cloud};

use super::{limits, rules, storage, words};

/// The document of a plan.
pub fn document(
    profile: &Profile,
    calibration: &Calibration,
    plan: &Plan,
    sensitivity: Vec<Sensitivity>,
    seed: u64,
) -> PlanDocument {
    let horizon = sized(profile, &plan.horizon);
    let limits = limits::checks(profile, calibration, plan);
    let over = limits.iter().any(|limit| !limit.ok);
    let infeasible = plan.horizon.infeasible.is_some() || over;
    let horizon_label = span_label(profile.growth.horizon);
    let error = calibration.latency_error_at(plan.horizon.planned);
    PlanDocument {
        schema_version: PLAN_SCHEMA_VERSION,
        profile: profile.name.clone(),
        cluster: profile.cluster.name.clone(),
        versions: match is_cloud(profile) {
            true => "Temporal Cloud".to_owned(),
            false => format!("Temporal {} · {}", profile.cluster.temporal_version, profile.cluster.database.engine),
        },
        verdict: if infeasible { Verdict::Infeasible } else { Verdict::Fits },
        verdict_text: verdict_text(profile, plan, &limits, &horizon_label),
        workers: horizon.workers,
        server: horizon.server,
        history_shards: plan.horizon.size.history_shards,
        database: horizon.database,
        now: sized(profile, &plan.now),
        load: LoadSummary {
            peak_per_second_now: plan.now.peak.as_per_second(),
            peak_per_second_horizon: plan.horizon.peak.as_per_second(),
            mean_per_second_now: plan.now.mean_rate.as_per_second(),
            headroom: profile.growth.headroom,
            breaks_at_per_second: plan.knee.map(Rate::as_per_second),
        },
        horizon_label,
        bottlenecks: plan.limiting.iter().filter(|l| l.utilisation > 0.005).map(|l| bottleneck(plan, l)).collect(),
        slo: plan
            .horizon
            .verdict
            .promises
            .iter()
            .map(|kept| slo(&plan.horizon.verdict.outcome, kept.target, kept.promise, error))
            .collect(),
        reasons: reasons(profile, plan),
        rules: rules::comparisons(profile, plan),
        limits,
        latency_curves: planned_curves(profile, plan),
        load_curve: load_curve(profile, plan),
        utilisation: plan
            .limiting
            .iter()
            .map(|l| Utilisation { resource: l.resource.to_owned(), mean: l.utilisation })
            .collect(),
        storage: storage::forecast(profile, plan),
        recovery: storage::recovery(profile, plan),
        sensitivity,
        events_simulated: plan.events,
        simulations: plan.simulations,
        seed,
        not_modelled: words::not_modelled(profile),
        calibration: calibration_summary(calibration, plan),
        warnings: warnings(profile, plan),
        basis: None,
    }
}

/// What the plan was made from; its command is for the one who knows it to fill in.
pub fn basis(document: &Document, plan: &Plan) -> PlanBasis {
    let work = &plan.demand.work;
    let of = |kinds: &[OperationKind]| {
        let visits: u64 = kinds.iter().map(|kind| work.requests.visits(Process::History, *kind)).sum();
        plan.demand.per_workflow(visits)
    };
    PlanBasis {
        plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
        command: String::new(),
        profile: document.to_json(&World::mid()),
        tasks: TasksPerWorkflow {
            workflow: of(&[OperationKind::WorkflowTaskStarted, OperationKind::SpeculativeTaskStarted]),
            activity: of(&[OperationKind::ActivityStarted]),
        },
    }
}

fn verdict_text(
    profile: &Profile,
    plan: &Plan,
    limits: &[plimsoll_reports::plan_document::LimitCheck],
    horizon: &str,
) -> String {
    let exceeded = limits.iter().find(|limit| !limit.ok);
    // What the rate limits refuse is why nothing fits: no pod's CPU is.
    let refused = exceeded.filter(|limit| limits::is_rate_limit(limit));
    if let (Some(why), None) = (&plan.horizon.infeasible, refused) {
        return format!("INFEASIBLE: {}.", words::infeasible(profile, why));
    }
    if let Some(limit) = exceeded {
        return format!(
            "INFEASIBLE: {} needed are {} {}, allowed are {}: raise the limit or start fewer.",
            limit.limit,
            number::quantity(limit.needed),
            limit.unit,
            number::quantity(limit.allowed)
        );
    }
    let peak = plan.horizon.peak.as_per_second();
    let when = if profile.growth.factor == 1.0 { "today's peak".to_owned() } else { format!("the peak in {horizon}") };
    let first = plan.limiting.first();
    let breaks = plan.knee.or(first.map(|l| l.saturates_at)).map_or(peak, Rate::as_per_second);
    let room = number::percent((breaks / peak - 1.0).max(0.0));
    let one_lost = if profile.growth.survive_pod_loss { ", one pod of each kind lost" } else { "" };
    let first =
        first.map_or(String::new(), |l| format!(" First to break: {}, at {}.", l.resource, number::rate(breaks)));
    format!("FITS with {room} headroom at {when} ({}{one_lost}).{first}", number::rate(peak))
}

fn sized(profile: &Profile, sized: &Sized) -> SizedPlan {
    let size = &sized.size;
    let services = &profile.cluster.services;
    let cloud = is_cloud(profile);
    let service = |pods: Pods, service: &plimsoll_profiles::profile::Service| match cloud {
        true => ServicePlan { pods: 0, cpu: 0.0, memory_bytes: 0 },
        false => ServicePlan { pods: pods.count, cpu: pods.cores.get(), memory_bytes: service.limit.memory.0 },
    };
    let database = &sized.database;
    SizedPlan {
        workers: WorkersPlan {
            pods: size.workers.pods.count,
            activity_slots: size.workers.activity_slots,
            workflow_task_slots: size.workers.workflow_task_slots,
            pollers: Pollers { workflow: size.workers.workflow_task_pollers, activity: size.workers.activity_pollers },
            cached_workflows: size.workers.cached_workflows,
            cpu: size.workers.pods.cores.get(),
            memory_bytes: profile.workers.pod.memory.0,
        },
        server: ServerPlan {
            frontend: service(size.frontend, &services.frontend),
            history: service(size.history, &services.history),
            matching: service(size.matching, &services.matching),
            worker: service(size.worker_service, &services.worker),
        },
        database: match cloud {
            true => DatabasePlan {
                vcpu: 0,
                memory_bytes: 0,
                read_iops: 0.0,
                write_iops: 0.0,
                storage_bytes: 0,
                wal_bytes_per_second: 0.0,
                connections: 0,
                server_connections: 0,
                visibility_vcpu: 0,
                documents_per_second: 0.0,
                checkpoint_seconds: 0.0,
                checkpoint_pages_per_second: 0.0,
                full_page_share: 0.0,
                max_wal_size_needed_bytes: 0,
                vacuum_cores: 0.0,
            },
            false => DatabasePlan {
                vcpu: database.vcpu,
                memory_bytes: database.memory.0,
                read_iops: database.read_iops,
                write_iops: database.write_iops,
                storage_bytes: database.storage.0,
                wal_bytes_per_second: database.wal_bytes_per_second,
                connections: database.connections,
                server_connections: database.server_connections,
                visibility_vcpu: database.visibility_vcpu,
                documents_per_second: database.documents_per_second,
                checkpoint_seconds: database.checkpoint_interval.as_secs_f64(),
                checkpoint_pages_per_second: database.checkpoint_pages_per_second,
                full_page_share: database.full_page_share,
                max_wal_size_needed_bytes: database.max_wal_size_needed.0,
                vacuum_cores: database.vacuum_cores,
            },
        },
    }
}

fn bottleneck(plan: &Plan, limiting: &Limiting) -> Bottleneck {
    let demand = &plan.demand.refined(&plan.horizon.verdict.outcome);
    let cpu = |process: Process| {
        format!("{} of CPU per workflow", number::seconds(demand.cpu[process as usize].as_secs_f64()))
    };
    let populations = &plan.horizon.verdict.outcome.populations;
    Bottleneck {
        resource: limiting.resource.to_owned(),
        utilisation: limiting.utilisation,
        saturates_at_per_second: limiting.saturates_at.as_per_second(),
        finding: match limiting.resource {
            "worker CPU" => cpu(Process::Worker),
            "frontend CPU" => cpu(Process::Frontend),
            "history CPU" => cpu(Process::History),
            "matching CPU" => cpu(Process::Matching),
            "database CPU" => cpu(Process::Database),
            "the machine's CPU" => {
                let all: f64 = demand.cpu.iter().map(|cpu| cpu.as_secs_f64()).sum();
                format!("{} of CPU per workflow, all processes", number::seconds(all))
            }
            "worker activity slots" => {
                format!("a workflow holds one for {}", number::seconds(demand.activity_slots.as_secs_f64()))
            }
            "worker workflow task slots" => {
                format!("at most {} in use at once in a pod", populations.most_workflow_tasks)
            }
            "visibility database CPU" => cpu(Process::VisibilityDatabase),
            "PgBouncer's server connections" => {
                format!("{} to the database, each held for one transaction", plan.horizon.database.server_connections)
            }
            "history connections" => {
                let wait = number::seconds(populations.connection_wait.as_secs_f64());
                format!("at most {} in use at once in a pod, mean wait {wait}", populations.most_connections)
            }
            limit if limit.ends_with("rate limit") => {
                "requests a second that each pod admits; `[cluster.server]` sets it".to_owned()
            }
            _ => format!(
                "a workflow holds permits for {} in all; one shard, one write at a time",
                number::seconds(demand.shard.as_secs_f64())
            ),
        },
    }
}

/// A promise beside what is reached. Its interval is that of the simulation, wider by the share that the calibration may be off.
fn slo(outcome: &Outcome, target: SloTarget, promise: Promise, error: f64) -> SloResult {
    let achieved = outcome.quantile(metric(target.metric), target.quantile);
    let met = match promise {
        Promise::Kept => true,
        Promise::Broken => false,
        Promise::Undecided => achieved.is_none_or(|interval| interval.estimate <= target.limit.as_secs_f64()),
    };
    SloResult {
        metric: metric(target.metric).name().to_owned(),
        quantile: target.quantile,
        limit_seconds: target.limit.as_secs_f64(),
        achieved_seconds: achieved.map(|i| Interval {
            estimate: i.estimate,
            low: i.low.max(0.0) / (1.0 + error),
            high: i.high * (1.0 + error),
        }),
        met,
    }
}

fn reasons(profile: &Profile, plan: &Plan) -> Vec<Reason> {
    let horizon = &plan.horizon;
    let path = |dimension: Dimension| match dimension {
        Dimension::WorkerPods => "workers.pods",
        Dimension::Pollers => "workers.pollers",
        Dimension::Frontend => "server.frontend.pods",
        Dimension::History => "server.history.pods",
        Dimension::Matching => "server.matching.pods",
        Dimension::Shards => "history_shards",
        Dimension::Database => "database.vcpu",
    };
    let row = |number: &str, why: String| Reason {
        number: number.to_owned(),
        label: String::new(),
        now: String::new(),
        horizon: String::new(),
        why,
    };
    let provided = |d: Dimension| is_cloud(profile) && !matches!(d, Dimension::WorkerPods | Dimension::Pollers);
    let mut list: Vec<Reason> = horizon
        .why
        .iter()
        .filter(|why| !provided(why.dimension))
        .map(|why| row(path(why.dimension), words::reason(profile, horizon, why.dimension, &why.reason)))
        .collect();
    let populations = &horizon.verdict.outcome.populations;
    let utilisation = &horizon.verdict.outcome.utilisation;
    let slots = match profile.workers.activity_slots {
        Some(_) => "fixed by the profile",
        None => "what the pod's memory holds, the SDK's default at most",
    };
    list.push(row(
        "workers.activity_slots",
        format!("{slots}; {} busy at peak", number::percent(utilisation.activity_slots)),
    ));
    list.push(row(
        "workers.workflow_task_slots",
        format!("most in use at once in a pod: {}", populations.most_workflow_tasks),
    ));
    list.push(row(
        "workers.cached_workflows",
        "up to a third of the pod's memory, the SDK's default at most".to_owned(),
    ));
    if is_cloud(profile) {
        return list;
    }
    list.push(row(
        "server.worker.pods",
        "high availability; its load is a few milliseconds of CPU per second".to_owned(),
    ));
    list.extend(storage::reasons(profile, plan).into_iter().map(|(number, why)| row(number, why)));
    list
}

/// The percentile curves of a plan: end to end only where it is promised, or where workflows do not spend it waiting.
fn planned_curves(profile: &Profile, plan: &Plan) -> Vec<QuantileCurve> {
    let promised = profile.slo.targets.iter().any(|target| metric(target.metric) == Metric::EndToEnd);
    let waits = plan.lifetime > Nanos::from_secs(60);
    let mut curves = latency_curves(&plan.horizon.verdict.outcome);
    curves.retain(|curve| promised || !waits || curve.metric != Metric::EndToEnd.name());
    curves
}

/// Percentile curves up to where the tail has ten samples.
pub fn latency_curves(outcome: &Outcome) -> Vec<QuantileCurve> {
    let grid = [
        0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993,
        0.995, 0.997, 0.998, 0.999, 0.9995, 0.9999,
    ];
    Metric::ALL
        .into_iter()
        .filter_map(|metric| {
            let histogram = outcome.recorder.total(metric).inner();
            let samples = histogram.len();
            let enough = |q: &f64| samples as f64 * (1.0 - q) >= 10.0;
            let point = |q: f64| CurvePoint { x: q, y: histogram.value_at_quantile(q) as f64 / 1e9 };
            (samples > 0).then(|| QuantileCurve {
                metric: metric.name().to_owned(),
                points: grid.into_iter().filter(enough).map(point).collect(),
                samples,
            })
        })
        .collect()
}

fn load_curve(profile: &Profile, plan: &Plan) -> LoadCurve {
    let series = profile.slo.targets.iter().filter_map(|target| {
        let points: Vec<CurvePoint> = plan
            .curve
            .iter()
            .filter_map(|point| {
                let latency = point.latencies.iter().find(|(of, _)| of == target)?.1?;
                Some(CurvePoint { x: point.rate.as_per_second(), y: latency.as_secs_f64() })
            })
            .collect();
        (!points.is_empty()).then(|| LoadSeries {
            name: format!("{} {}", metric(target.metric).name(), number::quantile(target.quantile)),
            points,
            limit_seconds: Some(target.limit.as_secs_f64()),
        })
    });
    LoadCurve {
        series: series.collect(),
        planned_per_second: plan.horizon.planned.as_per_second(),
        knee_per_second: plan.knee.map(Rate::as_per_second),
    }
}

fn calibration_summary(calibration: &Calibration, plan: &Plan) -> CalibrationSummary {
    let measured = calibration.measured_up_to.as_per_second();
    CalibrationSummary {
        name: calibration.name.clone(),
        measured_on: format!(
            "Temporal {}, {}; {}",
            calibration.temporal, calibration.database, calibration.measured_on
        ),
        measured_up_to_per_second: measured,
        extrapolation: plan.horizon.planned.as_per_second() / measured,
        known_error: calibration.known_error.clone(),
        latency_error: calibration.latency_error_at(plan.horizon.planned),
    }
}

fn warnings(profile: &Profile, plan: &Plan) -> Vec<String> {
    let mut list = Vec::new();
    if let Some(why) = &plan.now.infeasible {
        list.push(format!("today's load does not fit either: {}", words::infeasible(profile, why)));
    }
    list.extend(limits::warnings(profile, plan));
    if plan.knee.is_none() && plan.horizon.infeasible.is_none() {
        list.push(
            "no load up to 16 times the planned one broke a promise: they are generous, and resources fill up first"
                .to_owned(),
        );
    }
    if plan.lifetime > Nanos::from_secs(3600) {
        let open = plan.horizon.mean_rate.as_per_second() * plan.lifetime.as_secs_f64();
        list.push(format!(
            "workflows are open for {} on average: about {} are open at the horizon",
            span_label(plan.lifetime),
            number::large_count(open as u64)
        ));
    }
    list.extend(storage::warnings(profile, plan));
    if profile.cluster.history_shards.is_some_and(|shards| !shards.is_power_of_two()) {
        list.push(
            "history shards that are not a power of two cannot be replicated to another cluster evenly".to_owned(),
        );
    }
    list
}

/// `18 months`, `30 days`, `2 hours`: as people say it.
pub fn span_label(span: Nanos) -> String {
    let seconds = span.as_secs_f64();
    let named = |value: f64, unit: &str| {
        let rounded = (value * 10.0).round() / 10.0;
        let plural = if rounded == 1.0 { "" } else { "s" };
        format!("{rounded} {unit}{plural}")
    };
    const DAY: f64 = 86_400.0;
    const MONTH: f64 = 30.4375 * DAY;
    match seconds {
        s if s >= 2.0 * MONTH - DAY => named((s / MONTH * 2.0).round() / 2.0, "month"),
        s if s >= DAY => named(s / DAY, "day"),
        s if s >= 3600.0 => named(s / 3600.0, "hour"),
        s if s >= 60.0 => named(s / 60.0, "minute"),
        s => named(s, "second"),
    }
}
