//! Services, shards, database.

use plimsoll_profiles::profile::{ClusterKind, Placement, Profile, Service, SynchronousCommit, Visibility};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::lint_document::LintSeverity::{self, Error, Note, Warning};
use plimsoll_reports::number;
use plimsoll_sim::temporal::Process;

use super::{OfSubject, no_history};
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::{LoadOf, Subject};

const fn rule(id: &'static str, name: &'static str, worst: LintSeverity, texts: [&'static str; 4]) -> Rule {
    let [title, source, why, mend] = texts;
    Rule { id, name, group: Group::Cluster, worst, checked: Checked::Profiles, title, source, why, mend }
}

const POWER_OF_TWO: Rule = rule(
    "PL401",
    "shards-power-of-two",
    Warning,
    [
        "The number of history shards is a power of two",
        "Temporal's documentation and chart (512); replication between clusters needs shard counts that are multiples of each other",
        "the number can never be changed; another cluster that this one should one day replicate with must have a multiple of it",
        "take the next power of two before the cluster is created; afterwards allow the rule",
    ],
);

const SHARDS: Rule = rule(
    "PL402",
    "shards-too-few",
    Error,
    [
        "A shard's permit is held at most 20 % of the time at the horizon's peak",
        "the planner's demand; the planner itself chooses for 10 %, reported are 20 %, at which the busiest shard of many is about half busy; 100 % is all there is",
        "each shard writes one thing at a time: when its permit is the bottleneck no pod, core or disk helps, and the number can never be changed",
        "choose more shards before the cluster is created (history_shards = \"auto\" lets the planner), or raise server.shard_io_concurrency on SQL",
    ],
);

const REPLICAS: Rule = rule(
    "PL403",
    "replicas",
    Warning,
    [
        "Each service has the pods of the high-availability checklist",
        "high-availability checklist: frontend at least 3, history 5, matching 3, worker 2",
        "with fewer a lost pod, node or zone takes too large a part of the service with it: shards and task queues move to pods that are busy themselves",
        "raise cluster.services.NAME.pods, or min_pods where the planner chooses",
    ],
);

const SINGLE_HOST: Rule = rule(
    "PL404",
    "single-host",
    Warning,
    [
        "The cluster is on more than one machine",
        "high-availability checklist: several availability zones, network redundancy",
        "one machine is one failure: services, database and workers are gone together",
        "run services in several zones; for a test cluster allow the rule",
    ],
);

const RATE_LIMITS: Rule = rule(
    "PL405",
    "rate-limits",
    Error,
    [
        "Services use at most 80 % of their rate limits at the peak",
        "Temporal 1.31: frontend.rps and namespaceRPS 2,400, history.rps 3,000, matching.rps 1,200 a pod; 80 % is this program's choice",
        "above the limit calls are refused with ResourceExhausted and made again later: latency without any load on the machines",
        "raise the limits in the dynamic configuration (cluster.server), or add pods",
    ],
);

const CONNECTIONS: Rule = rule(
    "PL406",
    "connection-pool",
    Error,
    [
        "History's database connections are at most 80 % busy at the peak",
        "the planner's demand; troubleshooting guide: connection pool exhaustion; 80 % is this program's choice",
        "a request that finds no connection waits for one while it holds its shard's permit",
        "raise cluster.max_connections (with PgBouncer where PostgreSQL has many clients), or add history pods",
    ],
);

const ACTIONS: Rule = rule(
    "PL407",
    "cloud-actions",
    Error,
    [
        "A Cloud namespace uses at most 80 % of its actions at the peak",
        "Temporal Cloud: 500 actions a second of a namespace by default; 80 % is this program's choice",
        "above the limit starts, signals and polls are throttled",
        "ask for a higher limit (TRUs), or use fewer actions: local activities, fewer heartbeats, batched signals",
    ],
);

const VISIBILITY: Rule = rule(
    "PL408",
    "visibility-store",
    Note,
    [
        "Visibility of more than ten million workflows has a store of its own",
        "production checklist: Elasticsearch for visibility if self-hosted; measured: 28 KB of disk a closed workflow in PostgreSQL, 70 % of the database",
        "its 70 indexes are most of the database's disk and writes, and searches compete with the workflows' own transactions",
        "give visibility a database of its own or Elasticsearch (cluster.visibility.store), or keep closed workflows for less long",
    ],
);

const COMMIT: Rule = rule(
    "PL409",
    "synchronous-commit",
    Error,
    [
        "The database acknowledges only what is on disk",
        "PostgreSQL: synchronous_commit = off may lose the last transactions in a crash",
        "the server has told clients and workers of state that is no longer there after a crash: workflows that vanish, tasks for events that do not exist",
        "use synchronous_commit = \"local\" or \"on\"",
    ],
);

const BACKUP: Rule = rule(
    "PL410",
    "backup-interval",
    Warning,
    [
        "WAL is archived at least as often as the RPO asks",
        "disaster recovery: RPO 1 hour, WAL archived hourly, point-in-time recovery",
        "what was written since the last archived WAL is lost with the disk",
        "lower cluster.backup.wal_archive_interval, or stream the WAL to a replica",
    ],
);

const RETENTION: Rule = rule(
    "PL411",
    "retention",
    Note,
    [
        "The retention is chosen, and at most 90 days without archival",
        "storage guide: 90 days in its example; Temporal Cloud's longest is 90 days",
        "closed workflows are most of the database: the retention is the one number that decides its size",
        "give growth.retention; keep what the law asks for in an archive (cluster.archival) instead",
    ],
);

pub const SUBJECT: OfSubject = OfSubject {
    rules: &[
        &POWER_OF_TWO,
        &SHARDS,
        &REPLICAS,
        &SINGLE_HOST,
        &RATE_LIMITS,
        &CONNECTIONS,
        &ACTIONS,
        &VISIBILITY,
        &COMMIT,
        &BACKUP,
        &RETENTION,
    ],
    profile,
    history: no_history,
};

const LOADED: f64 = 0.8;
const SHARD_LOADED: f64 = 0.2;
const MANY_ROWS: f64 = 10e6;
const LONGEST_RETENTION: Nanos = Nanos::from_secs(90 * 86_400);

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    let profile = subject.profile;
    retention(subject, out);
    let is_cloud = matches!(profile.cluster.kind, ClusterKind::Cloud(_));
    if let (ClusterKind::Cloud(limits), Some(load)) = (&profile.cluster.kind, subject.load) {
        actions(load, limits.actions_per_second, out);
    }
    if is_cloud {
        // The rest of a Cloud's cluster is its provider's.
        return;
    }
    services(subject, out);
    database(profile, out);
    shards(subject, out);
    if let Some(load) = subject.load {
        limits(subject, load, out);
        visibility(profile, load, out);
    }
}

fn loaded(utilisation: f64) -> Option<LintSeverity> {
    match utilisation {
        u if u >= 1.0 => Some(Error),
        u if u > LOADED => Some(Warning),
        _ => None,
    }
}

fn services(subject: &Subject<'_>, out: &mut Findings) {
    let services = &subject.profile.cluster.services;
    let all: [(&str, &Service, u32); 4] = [
        ("frontend", &services.frontend, 3),
        ("history", &services.history, 5),
        ("matching", &services.matching, 3),
        ("worker", &services.worker, 2),
    ];
    for (name, service, least) in all {
        let (key, pods) = service.pods.map_or(("min_pods", service.min_pods), |pods| ("pods", pods));
        if pods < least {
            let may = if key == "pods" { "has" } else { "may have" };
            let message = format!("the {name} service {may} {pods} pod{}", if pods == 1 { "" } else { "s" });
            let path = format!("cluster.services.{name}.{key}");
            out.report(&REPLICAS, Warning, path, message, pods.to_string(), least.to_string());
        }
    }
    if let Placement::Shared(_) = subject.profile.cluster.placement {
        let message = "one machine carries services, database and workers";
        out.report(&SINGLE_HOST, Warning, "cluster.shared_host", message, "1 machine", "several");
    }
}

fn database(profile: &Profile, out: &mut Findings) {
    let cluster = &profile.cluster;
    if cluster.database.synchronous_commit == SynchronousCommit::Off {
        let message = "commits are acknowledged before they are on disk";
        out.report(&COMMIT, Error, "cluster.database.synchronous_commit", message, "off", "local, on or remote_apply");
    }
    let backup = &cluster.backup;
    if backup.wal_archive_interval > backup.rpo {
        let message = format!("up to {} of writes are lost with the disk", backup.wal_archive_interval);
        let path = "cluster.backup.wal_archive_interval";
        out.report(&BACKUP, Warning, path, message, backup.wal_archive_interval.to_string(), backup.rpo.to_string());
    }
}

fn shards(subject: &Subject<'_>, out: &mut Findings) {
    let Some(shards) = subject.profile.cluster.history_shards else { return };
    let path = "cluster.history_shards";
    if !shards.is_power_of_two() {
        let next = shards.checked_next_power_of_two().unwrap_or(shards);
        let message = format!("{} history shards are not a power of two", number::count(u64::from(shards)));
        let limit = format!("{} or {}", number::count(u64::from(next / 2)), number::count(u64::from(next)));
        out.report(&POWER_OF_TWO, Warning, path, message, number::count(u64::from(shards)), limit);
    }
    let Some(load) = subject.load else { return };
    let busy = load.horizon.as_per_second() * load.demand.shard.as_secs_f64() / f64::from(shards);
    if busy > SHARD_LOADED {
        let severity = if busy >= 1.0 { Error } else { Warning };
        let at = number::rate(load.horizon.as_per_second());
        let message = format!("{} history shards at {at}, the horizon's peak", number::count(u64::from(shards)));
        let limit = format!("{} held", number::percent(SHARD_LOADED));
        out.report(&SHARDS, severity, path, message, format!("{} held", number::percent(busy)), limit);
    }
}

/// Limits of pods whose number is given.
fn limits(subject: &Subject<'_>, load: &LoadOf, out: &mut Findings) {
    let cluster = &subject.profile.cluster;
    let services = &cluster.services;
    let spare = u32::from(subject.profile.growth.survive_pod_loss);
    let left = |service: &Service| service.pods.map(|pods| pods.saturating_sub(spare).max(1));
    let rate = load.peak;
    let at = number::rate(rate.as_per_second());
    let limited = [
        ("frontend", Process::Frontend, &services.frontend),
        ("history", Process::History, &services.history),
        ("matching", Process::Matching, &services.matching),
    ];
    for (name, process, service) in limited {
        let Some(pods) = left(service) else { continue };
        let used = load.demand.limit_utilisation(process, rate, pods);
        if let Some(severity) = loaded(used) {
            let message = format!("{pods} {name} pods use {} of their rate limit at {at}", number::percent(used));
            let path = format!("cluster.services.{name}.pods");
            out.report(&RATE_LIMITS, severity, path, message, number::percent(used), number::percent(LOADED));
        }
    }
    if let Some(pods) = left(&services.history) {
        // The demand is told in pools of twenty.
        let pools = rate.as_per_second() * load.demand.connections.as_secs_f64() / 20.0;
        let used = pools / f64::from(pods);
        if let Some(severity) = loaded(used) {
            let message = format!("the {} connections of {pods} history pods at {at}", cluster.max_connections);
            let found = format!("{} busy", number::percent(used));
            out.report(&CONNECTIONS, severity, "cluster.max_connections", message, found, number::percent(LOADED));
        }
    }
}

fn actions(load: &LoadOf, allowed: Rate, out: &mut Findings) {
    let each = load.demand.work.actions as f64 / load.demand.workflows.max(1.0);
    let needed = load.peak.as_per_second() * each;
    if let Some(severity) = loaded(needed / allowed.as_per_second()) {
        let message =
            format!("{} actions a workflow at {}", number::quantity(each), number::rate(load.peak.as_per_second()));
        let limit = number::rate(allowed.as_per_second());
        out.report(&ACTIONS, severity, "cluster.cloud.actions_per_second", message, number::rate(needed), limit);
    }
}

fn visibility(profile: &Profile, load: &LoadOf, out: &mut Findings) {
    if profile.cluster.visibility != Visibility::Database {
        return;
    }
    let kept = load.mean.as_per_second() * profile.growth.factor * profile.growth.retention.as_secs_f64();
    if kept > MANY_ROWS {
        let kept = number::large_count(kept as u64);
        let message = format!("visibility of {kept} closed workflows is in the workflows' own database");
        out.report(&VISIBILITY, Note, "cluster.visibility.store", message, kept, "10 M");
    }
}

fn retention(subject: &Subject<'_>, out: &mut Findings) {
    let retention = subject.profile.growth.retention;
    if !subject.is_written("growth.retention") {
        let message = "how long closed workflows are kept is not said";
        out.report(
            &RETENTION,
            Note,
            "growth.retention",
            message,
            format!("none, taken as {retention}"),
            "a chosen time",
        );
    } else if retention > LONGEST_RETENTION && subject.profile.cluster.archival.is_none() {
        let message = format!("closed workflows stay in the database for {retention}");
        out.report(&RETENTION, Note, "growth.retention", message, retention.to_string(), "90d, or archival");
    }
}
