//! The plan's table of numbers: the same rows in text, CSV and HTML.

use crate::number;
use crate::plan_document::{DatabasePlan, PlanDocument, Reason, ServerPlan, ServicePlan, WorkersPlan};

/// A row of the table: a number of the plan, today and at the horizon, and why it is not one less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeRow {
    /// Path of the number in the plan document, e.g. `workers.pods`.
    pub number: String,
    /// Label for people.
    pub label: String,
    /// Belongs to the row above it (slots to pods, memory to the database).
    pub nested: bool,
    /// Today's value, formatted.
    pub now: String,
    /// The horizon's value, formatted.
    pub horizon: String,
    /// What set it; empty where the plan gives no reason.
    pub why: String,
}

/// All rows. A number the plan gives a reason for is worded as the reason words it; the others are formatted here, so
/// none is missing. Reasons for numbers this table does not know (cost, say) follow their group, or come last.
pub fn rows(plan: &PlanDocument) -> Vec<SizeRow> {
    let mut rows: Vec<SizeRow> = known(plan)
        .into_iter()
        .map(|known| {
            let reason = plan.reasons.iter().find(|reason| covers(&known, &reason.number));
            SizeRow {
                number: known.paths[0].into(),
                label: worded(reason.map(|r| &r.label), known.label),
                nested: known.nested,
                now: worded(reason.map(|r| &r.now), &known.now),
                horizon: worded(reason.map(|r| &r.horizon), &known.horizon),
                why: reason.map_or(String::new(), |reason| reason.why.clone()),
            }
        })
        .collect();
    let known = known(plan);
    for reason in &plan.reasons {
        if known.iter().any(|row| first_reason(row, plan) == Some(reason)) {
            continue;
        }
        let group = group(&reason.number);
        let after = rows.iter().rposition(|row| self::group(&row.number) == group);
        let row = SizeRow {
            number: reason.number.clone(),
            label: reason.label.trim().to_string(),
            nested: after.is_some(),
            now: reason.now.clone(),
            horizon: reason.horizon.clone(),
            why: reason.why.clone(),
        };
        rows.insert(after.map_or(rows.len(), |index| index + 1), row);
    }
    rows
}

/// A number this table always shows.
struct Known {
    /// The paths it shows; the first names the row.
    paths: &'static [&'static str],
    label: &'static str,
    nested: bool,
    now: String,
    horizon: String,
}

fn covers(known: &Known, path: &str) -> bool {
    known.paths.contains(&path)
}

fn first_reason<'a>(known: &Known, plan: &'a PlanDocument) -> Option<&'a Reason> {
    plan.reasons.iter().find(|reason| covers(known, &reason.number))
}

fn worded(given: Option<&String>, formatted: &str) -> String {
    match given.map(|text| text.trim()) {
        Some(text) if !text.is_empty() => text.to_string(),
        _ => formatted.to_string(),
    }
}

/// `workers.pods` and `workers.cpu` are of one group, the four services of four.
fn group(path: &str) -> &str {
    let depth = if path.starts_with("server.") { 2 } else { 1 };
    match path.match_indices('.').nth(depth - 1) {
        Some((end, _)) => &path[..end],
        None => path,
    }
}

/// Whether the provider sizes services and database, as on Temporal Cloud: then their numbers are all 0.
pub fn sized_by_provider(plan: &PlanDocument) -> bool {
    let server = &plan.server;
    [&server.frontend, &server.history, &server.matching, &server.worker].iter().all(|service| service.pods == 0)
        && plan.database.vcpu == 0
}

fn known(plan: &PlanDocument) -> Vec<Known> {
    let mut rows = workers(&plan.now.workers, &plan.workers);
    if sized_by_provider(plan) {
        rows.push(Known {
            paths: &["server"],
            label: "Services and database",
            nested: false,
            now: "provider".into(),
            horizon: "provider".into(),
        });
        return rows;
    }
    rows.extend(services(&plan.now.server, &plan.server));
    let shards = number::count(u64::from(plan.history_shards));
    rows.push(Known {
        paths: &["history_shards"],
        label: "History shards",
        nested: false,
        now: shards.clone(),
        horizon: shards,
    });
    rows.extend(database(&plan.now.database, &plan.database));
    rows
}

fn pair<T>(now: &T, horizon: &T, format: impl Fn(&T) -> String) -> (String, String) {
    (format(now), format(horizon))
}

fn known_row(
    paths: &'static [&'static str],
    label: &'static str,
    nested: bool,
    (now, horizon): (String, String),
) -> Known {
    Known { paths, label, nested, now, horizon }
}

fn whole(value: u32) -> String {
    number::count(u64::from(value))
}

fn cores_and_memory(cores: f64, bytes: u64) -> String {
    format!("{} / {}", number::quantity(cores), number::memory(bytes as f64))
}

fn workers(now: &WorkersPlan, horizon: &WorkersPlan) -> Vec<Known> {
    vec![
        known_row(&["workers.pods"], "Worker pods", false, pair(now, horizon, |w| whole(w.pods))),
        known_row(
            &["workers.activity_slots"],
            "activity slots / pod",
            true,
            pair(now, horizon, |w| whole(w.activity_slots)),
        ),
        known_row(
            &["workers.workflow_task_slots"],
            "workflow task slots / pod",
            true,
            pair(now, horizon, |w| whole(w.workflow_task_slots)),
        ),
        known_row(
            &["workers.pollers", "workers.pollers.workflow", "workers.pollers.activity"],
            "pollers (wf / act)",
            true,
            pair(now, horizon, |w| format!("{} / {}", whole(w.pollers.workflow), whole(w.pollers.activity))),
        ),
        known_row(
            &["workers.cached_workflows"],
            "cached workflows / pod",
            true,
            pair(now, horizon, |w| whole(w.cached_workflows)),
        ),
        known_row(
            &["workers.cpu", "workers.memory_bytes"],
            "cores / memory per pod",
            true,
            pair(now, horizon, |w| cores_and_memory(w.cpu, w.memory_bytes)),
        ),
    ]
}

type ServiceRow = (&'static [&'static str], &'static str, fn(&ServerPlan) -> &ServicePlan);

fn services(now: &ServerPlan, horizon: &ServerPlan) -> Vec<Known> {
    let services: [ServiceRow; 4] = [
        (&["server.frontend.pods", "server.frontend"], "Frontend pods", |s| &s.frontend),
        (&["server.history.pods", "server.history"], "History pods", |s| &s.history),
        (&["server.matching.pods", "server.matching"], "Matching pods", |s| &s.matching),
        (&["server.worker.pods", "server.worker"], "Worker service pods", |s| &s.worker),
    ];
    services
        .into_iter()
        .map(|(paths, label, of)| known_row(paths, label, false, pair(now, horizon, |server| whole(of(server).pods))))
        .collect()
}

fn database(now: &DatabasePlan, horizon: &DatabasePlan) -> Vec<Known> {
    let mut rows = vec![
        known_row(&["database.vcpu"], "Database", false, pair(now, horizon, |d| format!("{} vCPU", whole(d.vcpu)))),
        known_row(
            &["database.memory_bytes"],
            "memory",
            true,
            pair(now, horizon, |d| number::memory(d.memory_bytes as f64)),
        ),
        known_row(
            &["database.write_iops", "database.read_iops"],
            "IOPS write / read",
            true,
            pair(now, horizon, |d| format!("{} / {}", number::quantity(d.write_iops), number::quantity(d.read_iops))),
        ),
        known_row(
            &["database.storage_bytes"],
            "storage",
            true,
            pair(now, horizon, |d| number::storage(d.storage_bytes as f64)),
        ),
        known_row(
            &["database.wal_bytes_per_second", "database.checkpoint_seconds"],
            "WAL",
            true,
            pair(now, horizon, |d| number::throughput(d.wal_bytes_per_second)),
        ),
        known_row(
            &["database.connections", "database.server_connections"],
            "connections",
            true,
            pair(now, horizon, |d| whole(d.connections)),
        ),
    ];
    if horizon.visibility_vcpu > 0 {
        rows.push(known_row(
            &["database.visibility_vcpu"],
            "visibility's own",
            true,
            pair(now, horizon, |d| format!("{} vCPU", whole(d.visibility_vcpu))),
        ));
    }
    if horizon.documents_per_second > 0.0 {
        rows.push(known_row(
            &["database.documents_per_second"],
            "Elasticsearch documents",
            true,
            pair(now, horizon, |d| number::rate(d.documents_per_second)),
        ));
    }
    rows
}
