//! What is read beside the load: once a second a row of `resources.csv`.
//!
//! | module | subject |
//! | --- | --- |
//! | `settings` | flags, environment, and what a local cluster left |
//! | [`prometheus`] | metrics of Temporal's services |
//! | [`postgres`] | counters of PostgreSQL |
//! | `task_queues` | backlog from `DescribeTaskQueue` |
//! | [`processes`] | CPU, memory, disk writes of processes on this machine, and the machine |
//! | `generator` | this program itself |
//! | [`histories`] | the server's event times, of a few closed workflows |
//! | [`baseline`] | the same columns while nothing runs |
//! | [`local_cluster`] | the file of `loadgen/cluster/up` |
//! | `sampler` | what a sampler is, and the task it runs in |
//!
//! A sampler is off when its address is not given. One that fails has empty cells and a [`Problem`], keeps trying, and ends no run. Columns have
//! the names and units of a simulated run where it is the same quantity; what differs is said in the module.
//!
//! | as in a simulated run | from |
//! | --- | --- |
//! | `frontend_cpu`, `history_cpu`, `matching_cpu`, `database_cpu`, `worker_cpu` | `/proc`; `worker_cpu` when workers are processes of their own, else they are in `generator_cpu` |
//! | `statements`, `commits`, `fsyncs`, `wal_bytes`, `full_page_images` | PostgreSQL |
//! | `backlog` | `DescribeTaskQueue` |
//!
//! `open_workflows` and `activities` are the runner's to fill; `history_connections` has no counterpart: the server tells its pool once a minute
//! (`history_open_connections`), PostgreSQL those of all services (`connections`).

pub mod baseline;
mod generator;
pub mod histories;
pub mod local_cluster;
pub mod postgres;
pub mod processes;
pub mod prometheus;
mod sampler;
mod settings;
mod task_queues;

use std::time::{Duration, Instant};

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::{ResourceColumn, TableGrowth};

use baseline::IdleBaseline;
use generator::Generator;
use histories::{Closed, Histories, HistoryMetric};
use postgres::{Growth, Postgres, SharedCosts, StatementCost};
use processes::{Host, ProcessGroup};
use prometheus::Prometheus;
pub use sampler::Problem;
use sampler::{Sampler, Watched, column};
pub use settings::{SamplerFlags, SamplerSettings};
use task_queues::TaskQueues;

use crate::canary::{Canary, CanarySummary};
use crate::connect::Connected;

/// How long a row waits for its values; what comes later is in the next row.
const ROW_WAITS: Duration = Duration::from_millis(500);

/// Everything that is sampled in a run.
pub struct Samplers {
    watched: Vec<Watched>,
    columns: Vec<ResourceColumn>,
    histories: Option<Histories>,
    canary: Option<Canary>,
    costs: SharedCosts,
    /// What statements had cost when the load began.
    costs_before: Vec<StatementCost>,
    growth: Option<Growth>,
    told: Vec<(String, String)>,
    started: Instant,
}

impl Samplers {
    /// Starts all that the settings ask for, and waits for the first readings: those that rates begin with. It does not fail: what cannot be
    /// reached is a problem. `connected` is `None` for the embedded target, which has no task queues and histories.
    pub async fn connect(settings: &SamplerSettings, connected: Option<&Connected>) -> Samplers {
        let costs = SharedCosts::default();
        let mut all: Vec<Box<dyn Sampler>> = vec![Box::new(Host::default()), Box::new(Generator::default())];
        for (name, sources) in &settings.processes {
            all.push(Box::new(ProcessGroup::new(name, sources.clone())));
        }
        if let Some(url) = &settings.postgres {
            let (main, visibility) = &settings.postgres_databases;
            let elsewhere = settings.postgres_visibility.as_ref();
            let here = if elsewhere.is_some() { "" } else { visibility.as_str() };
            all.push(Box::new(Postgres::new(url, main, here, "", SharedCosts::clone(&costs))));
            if let Some(url) = elsewhere {
                all.push(Box::new(Postgres::new(url, visibility, "", "visibility_server_", SharedCosts::default())));
            }
        }
        for (service, urls) in &settings.prometheus {
            all.push(Box::new(Prometheus::new(*service, urls, settings.scrape_interval)));
        }
        let growth = settings.postgres.as_ref().map(|url| {
            let (main, visibility) = &settings.postgres_databases;
            let elsewhere = settings.postgres_visibility.as_ref().unwrap_or(url);
            Growth::new([(url, main.as_str()), (elsewhere, visibility.as_str())])
        });
        let mut histories = None;
        if let Some(connected) = connected {
            let namespace = connected.endpoint.namespace();
            if !settings.task_queues.is_empty() {
                all.push(Box::new(TaskQueues::new(connected.service(), namespace, &settings.task_queues)));
            }
            if settings.histories_per_second > 0 {
                histories = Some(Histories::start(
                    connected.service(),
                    namespace,
                    settings.histories_per_second,
                    settings.seed,
                ));
            }
        }
        let mut columns = Vec::new();
        let mut watched = Vec::new();
        for sampler in all {
            let first = columns.len();
            columns.extend(sampler.columns());
            watched.push(Watched::start(sampler, first));
        }
        columns.extend([column("canary_cpu", "s"), column("canary_wall", "s")]);
        let canary = Canary::start().ok();
        let mut samplers = Samplers {
            watched,
            columns,
            histories,
            canary,
            costs,
            costs_before: Vec::new(),
            growth,
            told: Vec::new(),
            started: Instant::now(),
        };
        samplers.row(Duration::from_secs(3)).await;
        samplers
    }

    /// The columns of a row, in order: fixed for the run.
    pub fn columns(&self) -> Vec<ResourceColumn> {
        self.columns.clone()
    }

    /// One row, at most half a second after the call; call it once a second. `None` where there is no value: a sampler that is off for the
    /// moment, slow, failing, or read less often.
    pub async fn sample(&mut self) -> Vec<Option<f64>> {
        self.row(ROW_WAITS).await
    }

    async fn row(&mut self, wait: Duration) -> Vec<Option<f64>> {
        let mut row = vec![None; self.columns.len()];
        self.watched.iter_mut().for_each(Watched::ask);
        let deadline = tokio::time::Instant::now() + wait;
        for watched in &mut self.watched {
            if let Some(values) = watched.answer(deadline).await {
                row[watched.columns.clone()].copy_from_slice(&values);
            }
        }
        if let Some(reading) = self.canary.as_ref().and_then(Canary::latest) {
            let last = row.len();
            row[last - 2] = Some(reading.cpu.as_secs_f64());
            row[last - 1] = Some(reading.wall.as_secs_f64());
        }
        if let Some(histories) = &self.histories {
            histories.tick();
        }
        row
    }

    /// Watches the target for a while without load.
    pub async fn idle_baseline(&mut self, length: Duration) -> IdleBaseline {
        let begun = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        ticks.tick().await;
        let mut rows = Vec::new();
        while begun.elapsed() + Duration::from_millis(100) < length {
            ticks.tick().await;
            rows.push(self.sample().await);
        }
        let length = Nanos(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        IdleBaseline::of(length, &self.columns, &rows)
    }

    /// A workflow of the run closed: its history may be among those that are read. Cheap; the run id may be empty.
    pub fn closed(&self, workflow_id: &str, run_id: &str) {
        if let Some(histories) = &self.histories {
            histories.closed(|| Closed { workflow_id: workflow_id.to_owned(), run_id: run_id.to_owned() });
        }
    }

    /// Times from the histories read since the last call, for `run.hlog`.
    pub fn take_histories(&self) -> Vec<(HistoryMetric, Nanos)> {
        self.histories.as_ref().map(Histories::take).unwrap_or_default()
    }

    /// How many histories were read.
    pub fn histories_read(&self) -> u64 {
        self.histories.as_ref().map_or(0, Histories::count)
    }

    /// The load begins now: costs of statements and growth of tables count from here on.
    pub async fn load_begins(&mut self) {
        self.costs_before = self.costs.lock().clone();
        if let Some(growth) = &mut self.growth {
            growth.begin().await;
        }
    }

    /// How the tables grew since [`Samplers::load_begins`], the largest growth first; empty without PostgreSQL.
    pub async fn table_growth(&self) -> Vec<TableGrowth> {
        match &self.growth {
            Some(growth) => growth.until_now().await,
            None => Vec::new(),
        }
    }

    /// What statements cost since [`Samplers::load_begins`] (or the start), by kind, dearest first; empty without `pg_stat_statements`.
    pub fn statement_costs(&self) -> Vec<StatementCost> {
        let since = |cost: &StatementCost| -> StatementCost {
            let before =
                self.costs_before.iter().find(|other| other.class == cost.class && other.database == cost.database);
            StatementCost {
                cost: cost.cost.since(before.map(|before| before.cost).unwrap_or_default()),
                ..cost.clone()
            }
        };
        let mut list: Vec<StatementCost> = self.costs.lock().iter().map(since).collect();
        list.retain(|cost| cost.cost.calls > 0.0);
        list.sort_by(|a, b| b.cost.seconds.total_cmp(&a.cost.seconds));
        list
    }

    /// How steady the machine was from an instant on; `None` in the first seconds.
    pub fn canary(&self, since: Instant) -> Option<CanarySummary> {
        self.canary.as_ref()?.summary_since(since)
    }

    /// How steady the machine was since the samplers were started.
    pub fn canary_so_far(&self) -> Option<CanarySummary> {
        self.canary(self.started)
    }

    /// All that went wrong, with counts, for the manifest.
    pub fn problems(&self) -> Vec<Problem> {
        let warnings = self.watched.iter().flat_map(|watched| {
            let warning = |message: &String| Problem {
                sampler: watched.name.clone(),
                message: message.clone(),
                failures: 0,
                recovered: false,
            };
            watched.warnings.iter().map(warning)
        });
        let problems = self.watched.iter().filter_map(|watched| watched.problem.clone());
        let histories = self.histories.as_ref().and_then(Histories::problem);
        warnings.chain(problems).chain(histories).collect()
    }

    /// Problems that no earlier call gave, a line each, to be printed: a sampler that fails each second is told of once, and again when it fails
    /// in another way.
    pub fn new_problems(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for problem in self.problems() {
            let key = (problem.sampler.clone(), problem.message.clone());
            if problem.recovered || self.told.contains(&key) {
                continue;
            }
            let end = if problem.failures == 0 { "" } else { "; the run goes on without its values, and keeps trying" };
            lines.push(format!("sampler {}: {}{end}", problem.sampler, problem.message));
            self.told.push(key);
        }
        lines
    }
}
