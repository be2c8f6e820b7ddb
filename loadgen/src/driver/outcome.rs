//! How a workflow ended, by asking the server.

use std::time::Duration;

use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::HistoryEventFilterType;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;
use tonic::Code;

use super::call::{LONG_POLL_TIMEOUT, timed};
use super::{Shared, retry};
use crate::record::ledger::End;

/// How long to wait after an error before asking again.
const PAUSE: Duration = Duration::from_millis(500);

/// What a run's closing event says.
enum Closed {
    /// The workflow has ended.
    Ended(End, &'static str),
    /// It goes on in another run.
    Continued(String),
}

impl Shared {
    /// Long polls for the workflow's end, over the runs it continues as, until it is there or the run is aborted.
    pub(super) async fn watch(&self, ordinal: u64) {
        let workflow_id = self.run.workflow_id(ordinal);
        let mut request = GetWorkflowExecutionHistoryRequest {
            namespace: self.namespace.clone(),
            execution: Some(WorkflowExecution { workflow_id: workflow_id.clone(), run_id: String::new() }),
            wait_new_event: true,
            history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
            skip_archival: true,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        while !self.is_aborted() {
            let answer = self.service().get_workflow_execution_history(timed(request.clone(), LONG_POLL_TIMEOUT)).await;
            let answer = match answer {
                Ok(answer) => answer.into_inner(),
                Err(status) if status.code() == Code::NotFound => {
                    self.errors.count("outcome", retry::kind(&status), status.message());
                    self.ledger.lost_sight(ordinal);
                    return;
                }
                Err(status) => {
                    if status.code() != Code::DeadlineExceeded {
                        self.errors.count("outcome (asked again)", retry::kind(&status), status.message());
                        tokio::time::sleep(PAUSE).await;
                    }
                    continue;
                }
            };
            let event = answer.history.and_then(|history| history.events.into_iter().next_back());
            match event.as_ref().and_then(closed) {
                Some(Closed::Ended(end, word)) => {
                    if end == End::Failed {
                        self.errors.count("workflow", word, "");
                    }
                    self.ended(&workflow_id, end, self.clock.now());
                    return;
                }
                Some(Closed::Continued(run_id)) => {
                    request.next_page_token.clear();
                    if let Some(execution) = &mut request.execution {
                        execution.run_id = run_id;
                    }
                }
                // Nothing yet: the token goes on with the same run.
                None => request.next_page_token = answer.next_page_token,
            }
        }
    }
}

fn closed(event: &HistoryEvent) -> Option<Closed> {
    let goes_on = |run_id: &str, end: End, word: &'static str| match run_id {
        "" => Closed::Ended(end, word),
        next => Closed::Continued(next.to_owned()),
    };
    Some(match event.attributes.as_ref()? {
        Attributes::WorkflowExecutionCompletedEventAttributes(completed) => {
            goes_on(&completed.new_execution_run_id, End::Completed, "completed")
        }
        Attributes::WorkflowExecutionFailedEventAttributes(failed) => {
            goes_on(&failed.new_execution_run_id, End::Failed, "failed")
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(timed_out) => {
            goes_on(&timed_out.new_execution_run_id, End::Failed, "timed out")
        }
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(continued) => {
            Closed::Continued(continued.new_execution_run_id.clone())
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(_) => Closed::Ended(End::Failed, "cancelled"),
        Attributes::WorkflowExecutionTerminatedEventAttributes(_) => Closed::Ended(End::Failed, "terminated"),
        _ => return None,
    })
}
