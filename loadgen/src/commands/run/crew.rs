//! Who does the work, and how what they see comes in.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_profiles::profile::{Event, EventKind};
use plimsoll_profiles::units::Nanos;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::prepare::Prepared;
use super::target::Reached;
use crate::cli::{RunArgs, WorkersChoice};
use crate::clock::RunClock;
use crate::commands::worker::{Order, Processes};
use crate::connect::{ConnectFlags, Connected};
use crate::console::Console;
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
    kind: Arc<Mutex<Kind>>,
    recipe: Recipe,
    events: Option<UnboundedReceiver<WorkerEvent>>,
    listener: Option<JoinHandle<()>>,
    outages: Vec<JoinHandle<()>>,
    lost: Arc<parking_lot::Mutex<Vec<String>>>,
}

enum Kind {
    /// The user's, none, or those that have stopped.
    Foreign,
    InProcess(WorkerSet),
    Processes(Processes),
}

impl Kind {
    async fn stop(self) {
        match self {
            Kind::Foreign => {}
            Kind::InProcess(workers) => workers.shutdown().await,
            Kind::Processes(processes) => processes.stop().await,
        }
    }
}

/// How workers are started, at the begin and after an outage.
#[derive(Clone)]
struct Recipe {
    choice: WorkersChoice,
    connect: ConnectFlags,
    order: Order,
    connected: Connected,
    workload: Workload,
    settings: WorkerSettings,
    sender: UnboundedSender<WorkerEvent>,
}

impl Recipe {
    async fn start(&self) -> Result<Kind, Failure> {
        Ok(match self.choice {
            WorkersChoice::Own => Kind::Foreign,
            WorkersChoice::InProcess => Kind::InProcess(
                WorkerSet::start(&self.connected, &self.workload, &self.settings, self.sender.clone()).await?,
            ),
            WorkersChoice::Processes(count) => {
                Kind::Processes(Processes::start(&self.connect, &self.order, count, self.sender.clone()).await?)
            }
        })
    }
}

impl Crew {
    /// Starts them; they poll when this returns.
    ///
    /// # Errors
    /// When one cannot be started, or the profile stops some of them.
    pub async fn start(
        arguments: &RunArgs,
        prepared: &Prepared,
        reached: &Reached,
        workload: &Workload,
    ) -> Result<Crew, Failure> {
        let (sender, events) = unbounded_channel();
        let choice = if reached.embedded.is_some() { WorkersChoice::Own } else { arguments.workers };
        for event in &prepared.profile.events {
            let pods = match &event.kind {
                EventKind::WorkersStop { pods } => *pods,
                // It is in the arrivals.
                EventKind::Burst { .. } => continue,
                other => {
                    let kind = other.name();
                    return Err(Failure::usage(format!(
                        "the profile's [[event]] of kind {kind} can be simulated, but this program cannot make it happen: leave it out, or make it happen yourself while a run without it goes on"
                    )));
                }
            };
            if choice == WorkersChoice::Own {
                return Err(Failure::usage(
                    "the profile's [[event]] stops workers, and those of this run are not this program's: leave the event out, or --workers own",
                ));
            }
            if pods.is_some_and(|pods| pods < prepared.profile.workers.pods.unwrap_or(1)) {
                return Err(Failure::usage(
                    "the profile's [[event]] stops some of the workers: a run can stop all of them only, so leave its `pods` out",
                ));
            }
        }
        let recipe = Recipe {
            choice,
            connect: arguments.connect.clone(),
            order: order(arguments, prepared, workload),
            connected: reached.connected.clone(),
            workload: workload.clone(),
            settings: WorkerSettings::of(&prepared.profile),
            sender,
        };
        let kind = Arc::new(Mutex::new(recipe.start().await?));
        Ok(Crew { kind, recipe, events: Some(events), listener: None, outages: Vec::new(), lost: Arc::default() })
    }

    /// Stops and starts them as the profile's events say; the first start is intended `measured_from` before the events' zero.
    pub fn follow(&mut self, events: &[Event], clock: RunClock, measured_from: Nanos, console: Console) {
        for event in events.iter().filter(|event| matches!(event.kind, EventKind::WorkersStop { .. })) {
            let (from, until) = (measured_from + event.at, measured_from + event.at + event.duration);
            let (kind, recipe, lost) = (Arc::clone(&self.kind), self.recipe.clone(), Arc::clone(&self.lost));
            self.outages.push(tokio::spawn(async move {
                tokio::time::sleep_until(clock.instant(from).into()).await;
                let mut kind = kind.lock().await;
                console.note("the workers stop, as the profile's [[event]] says");
                std::mem::replace(&mut *kind, Kind::Foreign).stop().await;
                tokio::time::sleep_until(clock.instant(until).into()).await;
                match recipe.start().await {
                    Ok(started) => *kind = started,
                    Err(failure) => lost.lock().push(format!("workers did not come back: {failure}")),
                }
                console.note("the workers are back");
            }));
        }
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
        // One that has stopped them starts no new ones.
        self.outages.iter().for_each(JoinHandle::abort);
        let stopping = async { std::mem::replace(&mut *self.kind.lock().await, Kind::Foreign).stop().await };
        // What does not end by itself ends with this process.
        let _ = tokio::time::timeout(STOP_LIMIT, stopping).await;
    }
}

/// What worker processes are told.
fn order(arguments: &RunArgs, prepared: &Prepared, workload: &Workload) -> Order {
    Order {
        profile: prepared.source.clone(),
        overrides: prepared.overrides.clone(),
        seed: arguments.seed,
        run_id: workload.run().as_str().to_owned(),
        task_queue: workload.task_queue().to_owned(),
    }
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
