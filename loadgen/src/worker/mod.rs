//! Workers of a run: one generic workflow and one generic activity of the Temporal SDK, under the names of the profile.
//!
//! | module | subject |
//! | --- | --- |
//! | [`settings`] | slots, pollers and caches, from the profile |
//! | `registry` | types under names that are known only when the program runs |
//! | `generic`, `steps` | the workflow |
//! | `activities` | the activity: time, CPU, heartbeats, failures |
//! | `hook` | what is seen of a worker's requests: completions, schedule-to-start |
//! | [`metrics`] | the SDK's own metrics, for Prometheus |
//! | `pod` | one worker on a thread of its own |
//!
//! # What the driver hears
//! A [`WorkerEvent`] for each closed workflow, for each message that a workflow waits for, and for each task that was
//! started. A completion's instant is when the answer to the request that closed the workflow arrived at the worker; a
//! client that long-polls for the result hears of it when history has told the frontend and the frontend the client.
//! Ends that no worker takes part in (time-outs, terminations) are not heard of here.

mod activities;
mod generic;
mod hook;
pub mod metrics;
mod pod;
mod registry;
pub mod settings;
mod steps;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plimsoll_profiles::units::Nanos;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::connect::Connected;
use crate::failure::Failure;
use crate::identity::RunId;
use crate::workload::{FollowUp, Workload};

/// What the workers call their version: history events carry it.
pub const BUILD_ID: &str = "plimsoll-load";

/// What a run's worker with this number calls itself: history events carry it, so it is as long in one process as in the next.
pub fn identity(run: &RunId, number: u32) -> String {
    format!("{run}-worker-{:05}-{number}", std::process::id())
}
pub use settings::{Pollers, WorkerSettings};

/// Something that a worker saw or wants.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerEvent {
    /// A workflow that the driver started is closed.
    Completed(Completion),
    /// A workflow waits for a message, or had a child started that a client ends: to be sent `follow_up.after` from `at`.
    Wants {
        /// The workflow, which may be a child.
        workflow_id: String,
        /// What.
        follow_up: FollowUp,
        /// When the workflow task that came to wait for it was completed.
        at: Instant,
    },
    /// A task was started on a worker.
    Started {
        /// Which kind.
        task: TaskKind,
        /// From its scheduling (an activity's: of this attempt) to its start, both on the server's clock.
        schedule_to_start: Nanos,
        /// When the worker had it.
        at: Instant,
    },
    /// A worker ended although nobody asked it to.
    Stopped {
        /// Why, in one sentence.
        reason: String,
    },
}

/// A closed workflow, seen by its worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Which.
    pub workflow_id: String,
    /// How.
    pub outcome: Outcome,
    /// When the request that closed it had been answered.
    pub at: Instant,
}

/// How a workflow was closed. A run that continues as new does not close its workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It returned its result.
    Completed,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// A client terminated it; never seen by a worker.
    Terminated,
    /// Its time was over; never seen by a worker.
    TimedOut,
}

/// A kind of task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskKind {
    /// A workflow task.
    Workflow,
    /// An activity.
    Activity,
}

/// How long a worker may take from its start to its first poll.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long running activities get to end when a worker is stopped.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The workers of a run in this process.
#[derive(Debug)]
pub struct WorkerSet {
    pods: Vec<pod::Pod>,
}

impl WorkerSet {
    /// Starts the workers, each on a thread and connections of its own; they poll when this returns.
    ///
    /// # Errors
    /// [`Exit::Io`](crate::failure::Exit::Io) when a worker cannot connect, is refused, or does not poll within half a minute.
    pub async fn start(
        connected: &Connected,
        workload: &Workload,
        settings: &WorkerSettings,
        events: UnboundedSender<WorkerEvent>,
    ) -> Result<WorkerSet, Failure> {
        let program = workload.program();
        let updates = program.messages.iter().map(|message| message.name.as_str());
        registry::add_updates(updates);
        let mut set = WorkerSet { pods: Vec::new() };
        for number in 0..settings.workers.max(1) {
            let shared = Arc::new(Shared::new(workload.clone(), events.clone()));
            match pod::Pod::start(connected, settings, shared, number).await {
                Ok(pod) => set.pods.push(pod),
                Err(failure) => {
                    set.shutdown().await;
                    return Err(failure);
                }
            }
        }
        Ok(set)
    }

    /// Where they serve the SDK's metrics, at `/metrics`, in their order.
    pub fn sdk_metrics(&self) -> Vec<SocketAddr> {
        self.pods.iter().filter_map(pod::Pod::sdk_metrics).collect()
    }

    /// Stops polling, lets what runs end for some seconds, and stops.
    pub async fn shutdown(self) {
        for pod in &self.pods {
            pod.stop();
        }
        for pod in self.pods {
            pod.ended().await;
        }
    }
}

/// What a workflow wants of its clients.
#[derive(Default)]
struct Wants {
    /// Until the task that wants it is completed; before that the workflow does not wait yet.
    untold: Vec<FollowUp>,
    /// The nonces of what the driver was told: a workflow that is run again after it left the cache comes by once more.
    told: HashSet<u64>,
    /// Updates that its validator has looked at. Here and not in the workflow: a rejected update leaves no trace in the
    /// history, and the SDK runs the workflow anew after a task that did nothing else.
    validated: u32,
}

/// What the parts of one worker share.
struct Shared {
    workload: Workload,
    events: UnboundedSender<WorkerEvent>,
    /// What open workflows want.
    wanted: Mutex<HashMap<String, Wants>>,
    polled: AtomicBool,
    first_poll: Notify,
    /// Running activities end when this is cancelled.
    stopping: CancellationToken,
}

impl Shared {
    fn new(workload: Workload, events: UnboundedSender<WorkerEvent>) -> Self {
        Shared {
            workload,
            events,
            wanted: Mutex::new(HashMap::new()),
            polled: AtomicBool::new(false),
            first_poll: Notify::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Nobody may listen any more, at the end of a run: then there is nothing to tell.
    fn tell(&self, event: WorkerEvent) {
        let _ = self.events.send(event);
    }

    fn polls(&self) {
        if !self.polled.swap(true, Ordering::Relaxed) {
            self.first_poll.notify_one();
        }
    }

    fn started(&self, task: TaskKind, schedule_to_start: Nanos, at: Instant) {
        self.tell(WorkerEvent::Started { task, schedule_to_start, at });
    }

    fn wants(&self, workflow_id: &str, follow_up: FollowUp) {
        self.wanted.lock().entry(workflow_id.to_owned()).or_default().untold.push(follow_up);
    }

    fn workflow_task_answered(&self, workflow_id: &str, at: Instant) {
        let mut wanted = self.wanted.lock();
        let Some(wants) = wanted.get_mut(workflow_id) else { return };
        for follow_up in std::mem::take(&mut wants.untold) {
            if wants.told.insert(follow_up.nonce) {
                self.tell(WorkerEvent::Wants { workflow_id: workflow_id.to_owned(), follow_up, at });
            }
        }
    }

    /// The number of a workflow's next validation, counted from 0.
    fn validates(&self, workflow_id: &str) -> u32 {
        let mut wanted = self.wanted.lock();
        let wants = wanted.entry(workflow_id.to_owned()).or_default();
        wants.validated += 1;
        wants.validated - 1
    }

    fn workflow_task_failed(&self, workflow_id: &str) {
        if let Some(wants) = self.wanted.lock().get_mut(workflow_id) {
            wants.untold.clear();
        }
    }

    fn closed(&self, workflow_id: String, outcome: Outcome, at: Instant) {
        self.wanted.lock().remove(&workflow_id);
        // Children are their parents' business.
        if !self.workload.key_of(&workflow_id).is_child() {
            self.tell(WorkerEvent::Completed(Completion { workflow_id, outcome, at }));
        }
    }
}
