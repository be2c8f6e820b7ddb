//! Where the time of a workflow went, by the server's own clock: histories of a few workflows, read after they closed.
//!
//! At most some per second are read, chosen at random among those that closed in that second, so that they stand for all of them.
//! The server's event times are whole nanoseconds of the clocks of its processes.

mod decompose;
#[cfg(test)]
pub(crate) mod fixture;
mod reservoir;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use decompose::{HistoryMetric, decompose};
use reservoir::Reservoir;

use super::sampler::Problem;
use crate::connect::Service;

/// The longest a page may take.
const LONGEST_PAGE: Duration = Duration::from_secs(10);
/// Pages of a history that are read; a longer one is left out.
const MOST_PAGES: usize = 10;

/// A workflow that closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) workflow_id: String,
    /// Empty for its latest run.
    pub(super) run_id: String,
}

/// Chooses closed workflows, and reads their histories in a task of its own.
pub(super) struct Histories {
    reservoir: Mutex<Reservoir<Closed>>,
    chosen: mpsc::Sender<Closed>,
    shared: Arc<Mutex<Read>>,
    task: JoinHandle<()>,
}

/// What has been read.
#[derive(Default)]
struct Read {
    values: Vec<(HistoryMetric, Nanos)>,
    histories: u64,
    problem: Option<Problem>,
}

impl Histories {
    pub(super) fn start(service: Service, namespace: &str, per_second: usize, seed: u64) -> Histories {
        // Room for a few seconds: when the server is slower than that, choices are dropped and the load is not made worse.
        let (chosen, receiver) = mpsc::channel(per_second.max(1) * 4);
        let shared = Arc::new(Mutex::new(Read::default()));
        let task = tokio::spawn(read_all(service, namespace.to_owned(), receiver, Arc::clone(&shared)));
        Histories { reservoir: Mutex::new(Reservoir::new(per_second, seed)), chosen, shared, task }
    }

    /// A workflow closed; cheap.
    pub(super) fn closed(&self, workflow: impl FnOnce() -> Closed) {
        self.reservoir.lock().offer(workflow);
    }

    /// Ends the second: its choices are read.
    pub(super) fn tick(&self) {
        for workflow in self.reservoir.lock().take() {
            // Full: dropped, as said above.
            let _ = self.chosen.try_send(workflow);
        }
    }

    pub(super) fn take(&self) -> Vec<(HistoryMetric, Nanos)> {
        std::mem::take(&mut self.shared.lock().values)
    }

    pub(super) fn count(&self) -> u64 {
        self.shared.lock().histories
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        self.shared.lock().problem.clone()
    }
}

impl Drop for Histories {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read_all(
    mut service: Service,
    namespace: String,
    mut chosen: mpsc::Receiver<Closed>,
    shared: Arc<Mutex<Read>>,
) {
    while let Some(workflow) = chosen.recv().await {
        let events = history(&mut service, &namespace, &workflow).await;
        let mut read = shared.lock();
        match events {
            Ok(events) => {
                read.histories += 1;
                read.values.extend(decompose(&events));
                if let Some(problem) = &mut read.problem {
                    problem.recovered = true;
                }
            }
            Err(message) => {
                let failures = read.problem.as_ref().map_or(0, |problem| problem.failures) + 1;
                read.problem =
                    Some(Problem { sampler: "event histories".to_owned(), message, failures, recovered: false });
            }
        }
    }
}

async fn history(service: &mut Service, namespace: &str, workflow: &Closed) -> Result<Vec<HistoryEvent>, String> {
    let mut events = Vec::new();
    let mut next_page_token = Vec::new();
    for _ in 0..MOST_PAGES {
        let mut request = tonic::Request::new(GetWorkflowExecutionHistoryRequest {
            namespace: namespace.to_owned(),
            execution: Some(WorkflowExecution {
                workflow_id: workflow.workflow_id.clone(),
                run_id: workflow.run_id.clone(),
            }),
            maximum_page_size: 1000,
            next_page_token,
            ..GetWorkflowExecutionHistoryRequest::default()
        });
        request.set_timeout(LONGEST_PAGE);
        let page = service.get_workflow_execution_history(request).await;
        let page = page.map_err(|status| {
            format!(
                "the history of '{}' cannot be read: {} ({:?})",
                workflow.workflow_id,
                status.message(),
                status.code()
            )
        })?;
        let page = page.into_inner();
        events.extend(page.history.map(|history| history.events).unwrap_or_default());
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            return Ok(events);
        }
    }
    Err(format!("the history of '{}' has more than {} events and is left out", workflow.workflow_id, events.len()))
}
