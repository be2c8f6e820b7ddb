//! Which metrics of a Temporal service become which columns. Names are those of server 1.31.2 (`common/metrics/metric_defs.go`).

use plimsoll_reports::run_dir::ResourceColumn;

use super::text::Series;
use crate::samplers::sampler::column;

/// A service of Temporal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// gRPC gateway.
    Frontend,
    /// Workflow state.
    History,
    /// Task queues.
    Matching,
    /// Temporal's own background workers; not the workers of the user.
    SystemWorker,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 4] = [Service::Frontend, Service::History, Service::Matching, Service::SystemWorker];

    /// How columns and flags name it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Frontend => "frontend",
            Service::History => "history",
            Service::Matching => "matching",
            Service::SystemWorker => "system_worker",
        }
    }
}

/// Series to be added up.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) metric: &'static str,
    pub(super) only: fn(&Series) -> bool,
}

/// How a column's value comes from series.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// Growth of a counter per second.
    Rate(Of),
    /// Mean of a histogram's new values, in seconds.
    Mean(Of),
    /// Growth of one counter as a share of another's.
    Share(Of, Of),
    /// Sum of gauges.
    Sum(Of),
    /// Largest of gauges.
    Largest(Of),
}

fn every(_: &Series) -> bool {
    true
}

fn of(metric: &'static str) -> Of {
    Of { metric, only: every }
}

/// A long poll is as long as nothing happens.
fn answers_at_once(series: &Series) -> bool {
    !series.label("operation").starts_with("Poll")
}

fn of_shards(series: &Series) -> bool {
    series.label("operation") == "ShardInfo"
}

fn of_mutable_state(series: &Series) -> bool {
    series.label("cache_type") == "mutablestate"
}

/// Temporal's own task queues, and the probe of `loadgen/cluster/up`, are not load.
fn of_users(series: &Series) -> bool {
    let queue = series.label("taskqueue");
    series.label("namespace") != "temporal_system" && !queue.starts_with("temporal_sys") && queue != "readiness"
}

/// The columns of a service, in order.
pub(super) fn measures(service: Service) -> Vec<(ResourceColumn, Measure)> {
    let name = service.name();
    let own = |what: &str, unit: &str| column(format!("{name}_{what}"), unit);
    let mut list = vec![
        (own("requests", "1/s"), Measure::Rate(of("service_requests"))),
        (own("errors", "1/s"), Measure::Rate(of("service_errors"))),
        (own("request_latency", "s"), Measure::Mean(Of { metric: "service_latency", only: answers_at_once })),
        (own("persistence_requests", "1/s"), Measure::Rate(of("persistence_requests"))),
        (own("persistence_errors", "1/s"), Measure::Rate(of("persistence_errors"))),
        (own("persistence_latency", "s"), Measure::Mean(of("persistence_latency"))),
        (own("open_connections", "connections"), Measure::Sum(of("persistence_sql_open_conn"))),
        (own("heap", "bytes"), Measure::Sum(of("memory_heapinuse"))),
        (own("goroutines", "goroutines"), Measure::Sum(of("num_goroutines"))),
    ];
    match service {
        Service::History => list.extend([
            // A histogram of each workflow's running total, recorded at each transition: their number is its count.
            (column("state_transitions", "1/s"), Measure::Rate(of("state_transition_count_count"))),
            (column("shard_lock_latency", "s"), Measure::Mean(Of { metric: "lock_latency", only: of_shards })),
            (
                column("shard_io_permit_latency", "s"),
                Measure::Mean(Of { metric: "semaphore_latency", only: of_shards }),
            ),
            (column("queue_task_latency", "s"), Measure::Mean(of("task_latency_queue"))),
            (column("queue_tasks", "1/s"), Measure::Rate(of("task_requests"))),
            (
                column("history_cache_entries", "workflows"),
                Measure::Sum(Of { metric: "cache_usage", only: of_mutable_state }),
            ),
            (
                column("history_cache_misses", "share"),
                Measure::Share(
                    Of { metric: "cache_miss", only: of_mutable_state },
                    Of { metric: "cache_requests", only: of_mutable_state },
                ),
            ),
        ]),
        Service::Matching => list.extend([
            (
                column("matching_backlog", "tasks"),
                Measure::Sum(Of { metric: "approximate_backlog_count", only: of_users }),
            ),
            (
                column("matching_backlog_age", "s"),
                Measure::Largest(Of { metric: "approximate_backlog_age_seconds", only: of_users }),
            ),
            (
                column("matching_dispatch_latency", "s"),
                Measure::Mean(Of { metric: "task_dispatch_latency", only: of_users }),
            ),
            (
                column("matching_sync_matches", "share"),
                Measure::Share(
                    Of { metric: "poll_success_sync", only: of_users },
                    Of { metric: "poll_success", only: of_users },
                ),
            ),
        ]),
        Service::Frontend | Service::SystemWorker => {}
    }
    list
}

/// Suffixes a counter's name has by the reporter that writes it: none with Temporal's default one, `_total` with OpenTelemetry's.
const COUNTER: [(&str, f64); 2] = [("", 1.0), ("_total", 1.0)];
/// The same for the sum of a histogram of times, with what makes seconds of it.
const TIME_SUM: [(&str, f64); 3] = [("_sum", 1.0), ("_seconds_sum", 1.0), ("_milliseconds_sum", 0.001)];
const TIME_COUNT: [(&str, f64); 3] = [("_count", 1.0), ("_seconds_count", 1.0), ("_milliseconds_count", 1.0)];

impl Of {
    fn values<'a>(&'a self, series: &'a [Series], suffixes: &'a [(&str, f64)]) -> impl Iterator<Item = f64> + 'a {
        series.iter().filter_map(move |series| {
            let suffix = series.name.strip_prefix(self.metric)?;
            let (_, factor) = suffixes.iter().find(|(known, _)| *known == suffix)?;
            ((self.only)(series) && series.value.is_finite()).then_some(series.value * factor)
        })
    }

    fn has(&self, name: &str) -> bool {
        let known = COUNTER.iter().chain(&TIME_SUM).chain(&TIME_COUNT);
        name.strip_prefix(self.metric).is_some_and(|suffix| known.clone().any(|(other, _)| *other == suffix))
    }
}

/// What a scrape gives for a measure: one or two counters, or a gauge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scraped {
    /// A counter.
    Count(f64),
    /// Two: the second is what the first is divided by.
    Pair(f64, f64),
    /// A gauge; `None` when the service has none such (yet).
    Gauge(Option<f64>),
}

impl Measure {
    /// Whether a metric's series are needed.
    pub(super) fn needs(&self, name: &str) -> bool {
        match self {
            Measure::Rate(of) | Measure::Mean(of) | Measure::Sum(of) | Measure::Largest(of) => of.has(name),
            Measure::Share(part, whole) => part.has(name) || whole.has(name),
        }
    }

    pub(super) fn of(&self, series: &[Series]) -> Scraped {
        match self {
            Measure::Rate(of) => Scraped::Count(of.values(series, &COUNTER).sum()),
            Measure::Mean(of) => {
                Scraped::Pair(of.values(series, &TIME_SUM).sum(), of.values(series, &TIME_COUNT).sum())
            }
            Measure::Share(part, whole) => {
                Scraped::Pair(part.values(series, &COUNTER).sum(), whole.values(series, &COUNTER).sum())
            }
            Measure::Sum(of) => Scraped::Gauge(of.values(series, &COUNTER).reduce(|sum, value| sum + value)),
            Measure::Largest(of) => Scraped::Gauge(of.values(series, &COUNTER).reduce(f64::max)),
        }
    }
}
