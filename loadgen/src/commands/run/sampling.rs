//! What is read beside the load: on a task of its own, so that no sampler can ever delay a start or a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plimsoll_reports::run_dir::{ResourceColumn, SamplerProblem, StatementCost, TableGrowth, columns};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::monitor::Latest;
use super::target::Reached;
use crate::cli::RunArgs;
use crate::clock::RunClock;
use crate::console::Console;
use crate::failure::Failure;
use crate::record::{Metric, Recorder};
use crate::samplers::{SamplerSettings, Samplers};

/// Samplers that are ready.
pub struct Sampling {
    samplers: Samplers,
    columns: Vec<ResourceColumn>,
    /// Mean of each column while nothing was sent.
    pub idle: std::collections::BTreeMap<String, f64>,
}

/// What samplers have to say at the end, beside the series.
#[derive(Debug, Default)]
pub struct Findings {
    /// What went wrong.
    pub problems: Vec<SamplerProblem>,
    /// What statements cost, by kind.
    pub statement_costs: Vec<StatementCost>,
    /// How tables grew.
    pub table_growth: Vec<TableGrowth>,
}

/// Samplers at work.
pub struct Sampled {
    task: JoinHandle<Findings>,
    end: Arc<AtomicBool>,
    closed: UnboundedSender<String>,
}

impl Sampling {
    /// Starts what the flags, the environment and a local cluster's file give, and watches the idle target for a while.
    ///
    /// # Errors
    /// When an environment variable holds no address. What cannot be reached is reported, and no reason to stop.
    pub async fn start(
        arguments: &RunArgs,
        reached: &Reached,
        task_queue: &str,
        console: &Console,
    ) -> Result<Sampling, Failure> {
        let embedded = reached.embedded.is_some();
        let settings = settings(arguments, reached, task_queue)?;
        let mut samplers = Samplers::connect(&settings, (!embedded).then_some(&reached.connected)).await;
        let columns = samplers.columns();
        samplers.new_problems().iter().for_each(|problem| console.warn(problem));
        let sees_target =
            settings.postgres.is_some() || !settings.prometheus.is_empty() || !settings.processes.is_empty();
        let mut idle = std::collections::BTreeMap::new();
        if sees_target && !settings.idle_baseline.is_zero() {
            console.note(&format!("watching the idle target for {:?} (--idle-baseline)", settings.idle_baseline));
            let baseline = samplers.idle_baseline(settings.idle_baseline).await;
            idle = baseline.columns.into_iter().map(|column| (column.name, column.mean)).collect();
        }
        samplers.load_begins().await;
        Ok(Sampling { samplers, columns, idle })
    }

    /// The columns of `resources.csv` behind those of the generator.
    pub fn columns(&self) -> Vec<ResourceColumn> {
        let named = |column: &ResourceColumn| match column.name.as_str() {
            // Reports look for it under this name.
            "canary_cpu" => ResourceColumn { name: columns::CANARY.to_owned(), ..column.clone() },
            _ => column.clone(),
        };
        self.columns.iter().map(named).collect()
    }

    /// Where a column stands among these.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// Samples once a second from now on: the newest row goes to `latest`, times of histories to the recorder.
    pub fn sample_into(self, latest: Latest, recorder: Arc<Recorder>, clock: RunClock, console: Console) -> Sampled {
        let end = Arc::new(AtomicBool::new(false));
        let (closed, mut closures) = unbounded_channel::<String>();
        let mut samplers = self.samplers;
        latest.lock().resize(self.columns.len(), None);
        let stop = Arc::clone(&end);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            while !stop.load(Ordering::Acquire) {
                ticks.tick().await;
                let row = samplers.sample().await;
                *latest.lock() = row;
                while let Ok(workflow_id) = closures.try_recv() {
                    samplers.closed(&workflow_id, "");
                }
                let now = clock.now();
                for (metric, time) in samplers.take_histories() {
                    // It belongs to the second in which it is known to have begun at the latest.
                    recorder.record(Metric::Server(metric), now.saturating_sub(time), time);
                }
                samplers.new_problems().iter().for_each(|problem| console.warn(problem));
            }
            let problem = |problem: crate::samplers::Problem| SamplerProblem {
                sampler: problem.sampler,
                problem: problem.message,
                times: problem.failures,
            };
            let table_growth = samplers.table_growth().await;
            let statement = |cost: crate::samplers::postgres::StatementCost| StatementCost {
                database: cost.database,
                statement: format!("{} {}", cost.class.verb.name(), cost.class.table).trim_end().to_owned(),
                calls: cost.cost.calls,
                rows: cost.cost.rows,
                seconds: cost.cost.seconds,
            };
            let statement_costs = samplers.statement_costs().into_iter().map(statement).collect();
            Findings { problems: samplers.problems().into_iter().map(problem).collect(), statement_costs, table_growth }
        });
        Sampled { task, end, closed }
    }
}

/// What is sampled: of the embedded target, only what the flags name.
pub fn settings(arguments: &RunArgs, reached: &Reached, task_queue: &str) -> Result<SamplerSettings, Failure> {
    let embedded = reached.embedded.is_some();
    let address = reached.connected.endpoint.address().value.to_string();
    let queues = if embedded { Vec::new() } else { vec![task_queue.to_owned()] };
    SamplerSettings::resolve(&arguments.samplers, (!embedded).then_some(address.as_str()), &queues, arguments.seed)
}

impl Sampled {
    /// Tells of workflows that closed: some of their histories are read.
    pub fn closed(&self) -> UnboundedSender<String> {
        self.closed.clone()
    }

    /// Ends, with what there is to say. Samplers that hang are left behind.
    pub async fn stop(self) -> Findings {
        self.end.store(true, Ordering::Release);
        match tokio::time::timeout(Duration::from_secs(5), self.task).await {
            Ok(Ok(findings)) => findings,
            _ => {
                let (sampler, problem) = ("samplers".to_owned(), "did not end within 5 s".to_owned());
                Findings { problems: vec![SamplerProblem { sampler, problem, times: 1 }], ..Findings::default() }
            }
        }
    }
}
