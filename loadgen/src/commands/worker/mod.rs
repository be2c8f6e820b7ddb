//! `plimsoll-load worker`: a worker process of a run.
//!
//! `run --workers processes=N` starts it, gives it an [`Order`] on stdin and reads what it sees from its stdout, one JSON
//! value per line. When its stdin closes it stops: a run that is killed leaves no worker behind.

mod processes;
mod wire;

use std::io::{BufRead, Write};

use plimsoll_profiles::World;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::unbounded_channel;

use crate::cli::WorkerArgs;
use crate::connect::Endpoint;
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::identity::RunId;
use crate::profile_file::ProfileSource;
use crate::worker::{WorkerSet, WorkerSettings};
use crate::workload::Workload;

pub(super) use processes::Processes;
use wire::Line;

/// What a worker process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The profile.
    pub profile: ProfileSource,
    /// What is laid over it.
    pub overrides: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// The run.
    pub run_id: String,
    /// The task queue to poll.
    pub task_queue: String,
}

/// Runs a worker process of a run until its stdin closes.
///
/// # Errors
/// When the order is wrong, or the target is not reached.
pub fn run(arguments: &WorkerArgs, console: &Console) -> Result<Exit, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::io(format!("cannot read the worker's order from stdin: {error}")))?;
    let order: Order = serde_json::from_str(&line).map_err(|error| {
        Failure::usage(format!("stdin has no worker's order ({error}); `run --workers processes=N` gives it"))
    })?;
    super::block_on(work(arguments, &order, console))
}

async fn work(arguments: &WorkerArgs, order: &Order, console: &Console) -> Result<Exit, Failure> {
    let profile = order.profile.document(&order.overrides)?.profile(&World::mid()).map_err(Failure::Problems)?;
    let run_id =
        RunId::parse(&order.run_id).ok_or_else(|| Failure::usage(format!("'{}' is no run id", order.run_id)))?;
    let endpoint = Endpoint::resolve(&arguments.connect)?;
    let connected = endpoint.connect(&format!("{run_id}-worker-{}", std::process::id())).await?;
    let workload = Workload::new(&profile, order.seed, &run_id, endpoint.namespace(), &order.task_queue)?;
    // A process is one pod; the run says how many there are.
    let settings = WorkerSettings { workers: 1, sdk_metrics: arguments.sdk_metrics, ..WorkerSettings::of(&profile) };
    let (sender, mut events) = unbounded_channel();
    let workers = WorkerSet::start(&connected, &workload, &settings, sender).await?;
    say(&Line::Ready { sdk_metrics: workers.sdk_metrics().first().copied() })?;
    let closed = tokio::task::spawn_blocking(|| {
        let mut rest = String::new();
        while std::io::stdin().lock().read_line(&mut rest).is_ok_and(|read| read > 0) {
            rest.clear();
        }
    });
    tokio::pin!(closed);
    loop {
        tokio::select! {
            _ = &mut closed => break,
            event = events.recv() => match event {
                Some(event) => say(&Line::of(event))?,
                None => break,
            },
        }
    }
    console.detail(&format!("worker {} stops", std::process::id()));
    workers.shutdown().await;
    while let Ok(event) = events.try_recv() {
        say(&Line::of(event))?;
    }
    Ok(Exit::Success)
}

fn say(line: &Line) -> Result<(), Failure> {
    let mut text = serde_json::to_string(line).map_err(|error| Failure::io(error.to_string()))?;
    text.push('\n');
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::io(format!("the run that started this worker is gone: {error}")))
}
