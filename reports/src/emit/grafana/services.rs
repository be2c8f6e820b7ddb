//! The dashboard of the server: its four services and their database.

use super::super::alerts::USERS;
use super::super::context::Context;
use super::super::metrics::server;
use super::super::panels::Content;
use super::super::thresholds;
use super::{line, quantile, storage};

/// Its panels.
pub(super) fn contents(context: &Context<'_>) -> Vec<Content> {
    let panel = |title, description, unit, measured, planned| Content { title, description, unit, measured, planned };
    let pods = context.services().into_iter().map(|(name, plan)| line(name, f64::from(plan.pods))).collect();
    let heap = context
        .services()
        .into_iter()
        .map(|(name, plan)| line(format!("limit of a {name} pod"), plan.memory_bytes as f64))
        .collect();
    let by_service = |metric: &str| format!("sum by (service_name) (rate({metric}[5m]))");
    let in_use = format!("sum({})", server("persistence_sql_in_use"));
    let database = &context.sizes.database;
    vec![
        panel(
            "Pods",
            "Processes that are scraped.",
            "short",
            vec![("{{service_name}}", format!("count by (service_name) ({})", server("num_goroutines")))],
            pods,
        ),
        panel(
            "Restarts",
            "In the last hour.",
            "short",
            vec![("{{service_name}}", format!("sum by (service_name) (increase({}[1h]))", server("restarts")))],
            Vec::new(),
        ),
        panel(
            "Requests a second",
            "By service; a workflow is several of each.",
            "reqps",
            vec![("{{service_name}}", by_service(server("service_requests")))],
            Vec::new(),
        ),
        panel(
            "Errors a second",
            "Unexpected ones, and requests that a limit refused.",
            "reqps",
            vec![
                ("{{service_name}}", by_service(server("service_errors"))),
                ("{{service_name}} refused", by_service(server("service_errors_resource_exhausted"))),
            ],
            Vec::new(),
        ),
        panel(
            "Heap",
            "Of the largest process of each service.",
            "bytes",
            vec![("{{service_name}}", format!("max by (service_name) ({})", server("memory_heapinuse")))],
            heap,
        ),
        panel(
            "Wait for a shard",
            "p99 of the wait for a shard's permit: one write at a time.",
            "s",
            vec![("p99", quantile(server("semaphore_latency"), "{operation=\"ShardInfo\"}", "", 0.99, 1.0))],
            vec![line("half the strictest promise", thresholds::shard_wait(context))],
        ),
        panel(
            "Mutable state cache",
            "Share of look-ups that miss: each is nine reads.",
            "percentunit",
            vec![(
                "misses",
                format!(
                    "sum(rate({}{{cache_type=\"mutablestate\"}}[5m])) / sum(rate({}{{cache_type=\"mutablestate\"}}[5m]))",
                    server("cache_miss"),
                    server("cache_requests")
                ),
            )],
            Vec::new(),
        ),
        panel(
            "Dispatch latency",
            "From a task's coming to matching to its leaving.",
            "s",
            vec![(
                "{{task_type}} p99",
                quantile(server("task_dispatch_latency"), &format!("{{{USERS}}}"), "task_type", 0.99, 1.0),
            )],
            Vec::new(),
        ),
        panel(
            "Persistence calls a second",
            "Calls of the services to the database; each is several statements.",
            "reqps",
            vec![
                ("{{service_name}}", by_service(server("persistence_requests"))),
                ("{{service_name}} errors", by_service(server("persistence_errors"))),
            ],
            Vec::new(),
        ),
        panel(
            "Persistence latency",
            "p99 by operation.",
            "s",
            vec![("{{operation}}", quantile(server("persistence_latency"), "", "operation", 0.99, 1.0))],
            Vec::new(),
        ),
        panel(
            "Connections",
            "In use by the services, and all that PostgreSQL has for Temporal.",
            "short",
            vec![
                ("in use", in_use),
                ("most that may be open", format!("sum({})", server("persistence_sql_max_open_conn"))),
                ("PostgreSQL's", format!("sum({}{{datname=~\"temporal.*\"}})", server("pg_stat_activity_count"))),
            ],
            vec![line("all services", f64::from(database.connections))],
        ),
        panel(
            "Transactions a second",
            "Commits in Temporal's databases; most are reads outside a transaction.",
            "ops",
            vec![(
                "{{datname}}",
                format!(
                    "sum by (datname) (rate({}{{datname=~\"temporal.*\"}}[5m]))",
                    server("pg_stat_database_xact_commit")
                ),
            )],
            Vec::new(),
        ),
        storage(context),
    ]
}
