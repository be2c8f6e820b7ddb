//! Who does the work, and how what they see comes in.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plimsoll_profiles::units::Nanos;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::prepare::Prepared;
use super::target::Reached;
use crate::cli::{RunArgs, WorkersChoice};
use crate::clock::RunClock;
use crate::commands::worker::{Order, Processes};
use crate::driver::Driver;
use crate::engine::Follower;
use crate::failure::Failure;
use crate::record::ledger::End;
use crate::record::{Errors, Metric, Recorder};
use crate::worker::{Outcome, TaskKind, WorkerEvent, WorkerSet, WorkerSettings};
use crate::workload::Workload;

/// Workers get so long to end what they do.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The workers of a run.
pub struct Crew {
    kind: Kind,
    events: Option<UnboundedReceiver<WorkerEvent>>,
    listener: Option<JoinHandle<()>>,
    lost: Arc<Mutex<Vec<String>>>,
}

enum Kind {
    /// The user's, or none.
    Foreign,
    InProcess(WorkerSet),
    Processes(Processes),
}

impl Crew {
    /// Starts them; they poll when this returns.
    ///
    /// # Errors
    /// When one cannot be started.
    pub async fn start(
        arguments: &RunArgs,
        prepared: &Prepared,
        reached: &Reached,
        workload: &Workload,
    ) -> Result<Crew, Failure> {
        let (sender, events) = unbounded_channel();
        let kind = match arguments.workers {
            _ if reached.embedded.is_some() => Kind::Foreign,
            WorkersChoice::Own => Kind::Foreign,
            WorkersChoice::InProcess => {
                let settings = WorkerSettings::of(&prepared.profile);
                Kind::InProcess(WorkerSet::start(&reached.connected, workload, &settings, sender).await?)
            }
            WorkersChoice::Processes(count) => {
                Kind::Processes(processes(arguments, prepared, workload, count, sender).await?)
            }
        };
        Ok(Crew { kind, events: Some(events), listener: None, lost: Arc::default() })
    }

    /// From now on, tells what they see.
    pub fn report_to(
        &mut self,
        driver: Driver,
        follower: Follower,
        recorder: Arc<Recorder>,
        errors: Arc<Errors>,
        closed: UnboundedSender<String>,
        clock: RunClock,
    ) {
        let Some(mut events) = self.events.take() else { return };
        let lost = Arc::clone(&self.lost);
        self.listener = Some(tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    WorkerEvent::Completed(completion) => {
                        let end = match completion.outcome {
                            Outcome::Completed => End::Completed,
                            Outcome::Failed | Outcome::Cancelled | Outcome::Terminated | Outcome::TimedOut => {
                                errors.count("workflow", word(completion.outcome), "");
                                End::Failed
                            }
                        };
                        driver.ended(&completion.workflow_id, end, completion.at);
                        // Without samplers nobody listens.
                        let _ = closed.send(completion.workflow_id);
                    }
                    WorkerEvent::Wants { workflow_id, follow_up, at } => follower.add(&workflow_id, follow_up, at),
                    WorkerEvent::Started { task, schedule_to_start, at } => {
                        let metric = match task {
                            TaskKind::Workflow => Metric::ScheduleToStartWorkflow,
                            TaskKind::Activity => Metric::ScheduleToStartActivity,
                        };
                        // It belongs to the second in which the task was scheduled.
                        let scheduled = clock.at(at).saturating_sub(schedule_to_start);
                        recorder.record(metric, scheduled, Nanos(schedule_to_start.0));
                    }
                    WorkerEvent::Stopped { reason } => {
                        errors.count("worker", "stopped", &reason);
                        lost.lock().push(reason);
                    }
                }
            }
        }));
    }

    /// Workers that ended although nobody asked them to, and why.
    pub fn lost(&self) -> Vec<String> {
        self.lost.lock().clone()
    }

    /// Ends them.
    pub async fn stop(self) {
        // What ends from here on ends because it was asked to.
        if let Some(listener) = self.listener {
            listener.abort();
        }
        let stopping = async {
            match self.kind {
                Kind::Foreign => {}
                Kind::InProcess(workers) => workers.shutdown().await,
                Kind::Processes(processes) => processes.stop().await,
            }
        };
        // What does not end by itself ends with this process.
        let _ = tokio::time::timeout(STOP_LIMIT, stopping).await;
    }
}

async fn processes(
    arguments: &RunArgs,
    prepared: &Prepared,
    workload: &Workload,
    count: u16,
    events: UnboundedSender<WorkerEvent>,
) -> Result<Processes, Failure> {
    let order = Order {
        profile: prepared.source.clone(),
        overrides: prepared.overrides.clone(),
        seed: arguments.seed,
        run_id: workload.run().as_str().to_owned(),
        task_queue: workload.task_queue().to_owned(),
    };
    Processes::start(&arguments.connect, &order, count, events).await
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
        Outcome::Terminated => "terminated",
        Outcome::TimedOut => "timed out",
    }
}
