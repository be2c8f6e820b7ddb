//! What each method answers.

use std::time::SystemTime;

use bytes::Bytes;
use plimsoll_profiles::units::Nanos;
use prost::Message;
use temporalio_common::protos::grpc::health::v1::{HealthCheckResponse, health_check_response::ServingStatus};
use temporalio_common::protos::temporal::api::common::v1::{Payloads, WorkflowExecution, WorkflowType};
use temporalio_common::protos::temporal::api::enums::v1::{
    EventType, HistoryEventFilterType, NamespaceState, UpdateWorkflowExecutionLifecycleStage as UpdateStage,
    WorkflowExecutionStatus as Status,
};
use temporalio_common::protos::temporal::api::history::v1 as history;
use temporalio_common::protos::temporal::api::namespace::v1::{NamespaceConfig, NamespaceInfo};
use temporalio_common::protos::temporal::api::taskqueue::v1::{TaskQueue, TaskQueueStats};
use temporalio_common::protos::temporal::api::update::v1 as update;
use temporalio_common::protos::temporal::api::workflow::v1::{WorkflowExecutionConfig, WorkflowExecutionInfo};
use temporalio_common::protos::temporal::api::workflowservice::v1 as api;
use tokio::sync::futures::OwnedNotified;
use tonic::Code;

use super::error::Refusal;
use super::messages::{
    CountRequest, Execution, ExecutionRequest, HistoryRequest, ListRequest, NamespaceRequest, StartRequest,
    UpdateRequest,
};
use super::method::Method;
use super::visibility::Filter;
use super::workflows::{Run, Started, Workflows};

/// The version the target says it is: the one whose answers it imitates.
const SERVER_VERSION: &str = "1.31.2";

/// The most workflows of a page of a list (Temporal: `frontend.visibilityMaxPageSize`).
const MAX_PAGE: usize = 1_000;

/// The namespace's id; Temporal gives a UUID.
const NAMESPACE_ID: &str = "00000000-0000-4000-8000-706c696d736f";

/// What comes back.
pub(super) enum Answer {
    /// An encoded response.
    Message(Bytes),
    /// Nothing yet: the workflow is open and the caller waits for its close.
    WaitForClose {
        /// When the workflow closes by itself.
        at: Option<Nanos>,
        /// Woken when a request closes it before.
        closed: OwnedNotified,
    },
}

type Answered = Result<Answer, Refusal>;

/// Answers requests from the workflows, at one instant.
pub(super) struct Answering<'a> {
    pub workflows: &'a mut Workflows,
    pub now: Nanos,
    /// The namespaces there are; empty: any.
    pub namespaces: &'a [String],
    /// Wall-clock time of the target's zero.
    pub wall: SystemTime,
}

impl Answering<'_> {
    /// Answers a request. `closes` says when and how a workflow it starts closes by itself.
    pub fn answer(&mut self, method: Method, body: &[u8], closes: Option<(Nanos, Status)>) -> Answered {
        match method {
            Method::StartWorkflowExecution => self.start(body, closes),
            Method::SignalWithStartWorkflowExecution => self.signal_with_start(body, closes),
            Method::SignalWorkflowExecution => self.signal(body),
            Method::QueryWorkflow => self.query(body),
            Method::UpdateWorkflowExecution => self.update(body),
            Method::RequestCancelWorkflowExecution => {
                self.close(body, Status::Canceled, &api::RequestCancelWorkflowExecutionResponse::default())
            }
            Method::TerminateWorkflowExecution => {
                self.close(body, Status::Terminated, &api::TerminateWorkflowExecutionResponse::default())
            }
            Method::DeleteWorkflowExecution => self.delete(body),
            Method::GetWorkflowExecutionHistory => self.history(body),
            Method::DescribeWorkflowExecution => self.describe(body),
            Method::ListWorkflowExecutions => self.list(body),
            Method::CountWorkflowExecutions => self.count(body),
            Method::DescribeTaskQueue => self.describe_task_queue(body),
            Method::DescribeNamespace => self.describe_namespace(body),
            Method::GetSystemInfo => encoded(&system_info()),
            Method::GetClusterInfo => encoded(&cluster_info()),
            Method::Check => encoded(&HealthCheckResponse { status: ServingStatus::Serving as i32 }),
        }
    }

    fn start(&mut self, body: &[u8], closes: Option<(Nanos, Status)>) -> Answered {
        let (run_id, started) = self.started(body, false, closes)?;
        encoded(&api::StartWorkflowExecutionResponse {
            first_execution_run_id: run_id.clone(),
            run_id,
            started,
            status: Status::Running as i32,
            ..api::StartWorkflowExecutionResponse::default()
        })
    }

    fn signal_with_start(&mut self, body: &[u8], closes: Option<(Nanos, Status)>) -> Answered {
        let (run_id, started) = self.started(body, true, closes)?;
        encoded(&api::SignalWithStartWorkflowExecutionResponse {
            first_execution_run_id: run_id.clone(),
            run_id,
            started,
            ..api::SignalWithStartWorkflowExecutionResponse::default()
        })
    }

    fn started(
        &mut self,
        body: &[u8],
        signalled: bool,
        closes: Option<(Nanos, Status)>,
    ) -> Result<(String, bool), Refusal> {
        let mut request: StartRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        if request.workflow_id.is_empty() {
            return Err(Refusal::new(Code::InvalidArgument, "WorkflowId is not set on request."));
        }
        if request.task_queue.as_ref().is_none_or(|queue| queue.name.is_empty()) {
            return Err(Refusal::new(Code::InvalidArgument, "missing task queue name"));
        }
        if signalled {
            // A signal with start goes to the open run, whatever the conflict policy of a start would say.
            request.conflict_policy = USE_EXISTING;
        }
        let workflow_id = request.workflow_id.clone();
        match self.workflows.start(request, self.now, closes) {
            Started::New(run_id) => Ok((run_id, true)),
            Started::Existing(run_id) => Ok((run_id, false)),
            Started::Refused { run_id, request_id, open } => {
                Err(Refusal::already_started(&workflow_id, run_id, request_id, open))
            }
        }
    }

    fn signal(&mut self, body: &[u8]) -> Answered {
        let execution = self.execution(body)?;
        self.open_run(&execution)?;
        encoded(&api::SignalWorkflowExecutionResponse::default())
    }

    fn query(&mut self, body: &[u8]) -> Answered {
        let execution = self.execution(body)?;
        self.run(&execution)?;
        let query_result = Some(Payloads::default());
        encoded(&api::QueryWorkflowResponse { query_result, ..api::QueryWorkflowResponse::default() })
    }

    fn update(&mut self, body: &[u8]) -> Answered {
        let request: UpdateRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        let execution = request.execution.unwrap_or_default();
        let run_id = self.open_run(&execution)?.run_id();
        let workflow_execution = Some(WorkflowExecution { workflow_id: execution.workflow_id, run_id });
        let update_id = request.request.and_then(|request| request.meta).unwrap_or_default().name;
        encoded(&api::UpdateWorkflowExecutionResponse {
            update_ref: Some(update::UpdateRef { workflow_execution, update_id }),
            outcome: Some(update::Outcome { value: Some(update::outcome::Value::Success(Payloads::default())) }),
            stage: UpdateStage::Completed as i32,
            ..api::UpdateWorkflowExecutionResponse::default()
        })
    }

    fn close(&mut self, body: &[u8], status: Status, response: &impl Message) -> Answered {
        let execution = self.execution(body)?;
        let closed = self.workflows.close(&execution, self.now, status);
        closed.map_err(|why| Refusal::missing(&execution.workflow_id, why))?;
        encoded(response)
    }

    fn delete(&mut self, body: &[u8]) -> Answered {
        let execution = self.execution(body)?;
        let deleted = self.workflows.delete(&execution, self.now);
        deleted.map_err(|why| Refusal::missing(&execution.workflow_id, why))?;
        encoded(&api::DeleteWorkflowExecutionResponse::default())
    }

    fn history(&mut self, body: &[u8]) -> Answered {
        let request: HistoryRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        let execution = request.execution.unwrap_or_default();
        let (now, wall) = (self.now, self.wall);
        let run = self.run(&execution)?;
        if request.wait_new_event && run.close(now).is_none() {
            return Ok(Answer::WaitForClose { at: run.closes_at(), closed: run.waiter().notified_owned() });
        }
        let mut events = events_of(run, now, wall);
        if request.filter == HistoryEventFilterType::CloseEvent as i32 {
            // Of an open run that nobody waits for, Temporal too gives the last event there is.
            events.drain(..events.len() - 1);
        }
        encoded(&api::GetWorkflowExecutionHistoryResponse {
            history: Some(history::History { events }),
            ..api::GetWorkflowExecutionHistoryResponse::default()
        })
    }

    fn describe(&mut self, body: &[u8]) -> Answered {
        let execution = self.execution(body)?;
        let (now, wall) = (self.now, self.wall);
        let run = self.run(&execution)?;
        let task_queue = Some(TaskQueue { name: run.task_queue.to_string(), ..TaskQueue::default() });
        encoded(&api::DescribeWorkflowExecutionResponse {
            execution_config: Some(WorkflowExecutionConfig { task_queue, ..WorkflowExecutionConfig::default() }),
            workflow_execution_info: Some(info_of(run, now, wall)),
            ..api::DescribeWorkflowExecutionResponse::default()
        })
    }

    fn list(&mut self, body: &[u8]) -> Answered {
        let request: ListRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        let filter = filter(&request.query)?;
        let from = match <[u8; 8]>::try_from(&request.next_page_token[..]) {
            Ok(number) => u64::from_be_bytes(number),
            Err(_) => 0,
        };
        let page = match usize::try_from(request.page_size) {
            Ok(size @ 1..MAX_PAGE) => size,
            _ => MAX_PAGE,
        };
        let mut found = self.workflows.iter_from(from).filter(|(_, run)| filter.matches(run, self.now));
        let executions = found.by_ref().take(page).map(|(_, run)| info_of(run, self.now, self.wall)).collect();
        let next = found.next().map(|(number, _)| number.to_be_bytes().to_vec());
        encoded(&api::ListWorkflowExecutionsResponse { executions, next_page_token: next.unwrap_or_default() })
    }

    fn count(&mut self, body: &[u8]) -> Answered {
        let request: CountRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        let filter = filter(&request.query)?;
        let count = self.workflows.iter_from(0).filter(|(_, run)| filter.matches(run, self.now)).count();
        encoded(&api::CountWorkflowExecutionsResponse { count: count as i64, groups: Vec::new() })
    }

    fn describe_task_queue(&mut self, body: &[u8]) -> Answered {
        let request: NamespaceRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        let stats = Some(TaskQueueStats::default());
        encoded(&api::DescribeTaskQueueResponse { stats, ..api::DescribeTaskQueueResponse::default() })
    }

    fn describe_namespace(&mut self, body: &[u8]) -> Answered {
        let request: NamespaceRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        let namespace_info = NamespaceInfo {
            name: request.namespace,
            state: NamespaceState::Registered as i32,
            description: "Plimsoll's embedded target".into(),
            id: NAMESPACE_ID.into(),
            ..NamespaceInfo::default()
        };
        encoded(&api::DescribeNamespaceResponse {
            namespace_info: Some(namespace_info),
            config: Some(NamespaceConfig::default()),
            ..api::DescribeNamespaceResponse::default()
        })
    }

    fn check_namespace(&self, namespace: &str) -> Result<(), Refusal> {
        if namespace.is_empty() {
            return Err(Refusal::new(Code::InvalidArgument, "Namespace not set on request."));
        }
        if self.namespaces.is_empty() || self.namespaces.iter().any(|known| known == namespace) {
            return Ok(());
        }
        Err(Refusal::no_namespace(namespace))
    }

    fn execution(&self, body: &[u8]) -> Result<Execution, Refusal> {
        let request: ExecutionRequest = decoded(body)?;
        self.check_namespace(&request.namespace)?;
        request.execution.ok_or_else(|| Refusal::new(Code::InvalidArgument, "Execution is not set on request."))
    }

    fn run(&mut self, execution: &Execution) -> Result<&mut Run, Refusal> {
        self.workflows.find(execution).map_err(|why| Refusal::missing(&execution.workflow_id, why))
    }

    fn open_run(&mut self, execution: &Execution) -> Result<&mut Run, Refusal> {
        let now = self.now;
        self.workflows.find_open(execution, now).map_err(|why| Refusal::missing(&execution.workflow_id, why))
    }
}

const USE_EXISTING: i32 =
    temporalio_common::protos::temporal::api::enums::v1::WorkflowIdConflictPolicy::UseExisting as i32;

/// The answer of a long poll that found nothing: no event, and a token to poll again with.
pub(super) fn empty_long_poll() -> Bytes {
    let response = api::GetWorkflowExecutionHistoryResponse {
        history: Some(history::History::default()),
        next_page_token: b"again".to_vec(),
        ..api::GetWorkflowExecutionHistoryResponse::default()
    };
    response.encode_to_vec().into()
}

fn encoded(message: &impl Message) -> Answered {
    Ok(Answer::Message(message.encode_to_vec().into()))
}

fn decoded<M: Message + Default>(body: &[u8]) -> Result<M, Refusal> {
    M::decode(body).map_err(|error| Refusal::new(Code::Internal, format!("the request cannot be read: {error}")))
}

fn filter(query: &str) -> Result<Filter, Refusal> {
    Filter::read(query).map_err(|why| Refusal::new(Code::InvalidArgument, format!("invalid query: {why}")))
}

fn system_info() -> api::GetSystemInfoResponse {
    let capabilities = api::get_system_info_response::Capabilities {
        signal_and_query_header: true,
        internal_error_differentiation: true,
        activity_failure_include_heartbeat: true,
        encoded_failure_attributes: true,
        sdk_metadata: true,
        ..api::get_system_info_response::Capabilities::default()
    };
    api::GetSystemInfoResponse { server_version: SERVER_VERSION.into(), capabilities: Some(capabilities) }
}

fn cluster_info() -> api::GetClusterInfoResponse {
    api::GetClusterInfoResponse {
        server_version: SERVER_VERSION.into(),
        cluster_id: NAMESPACE_ID.into(),
        cluster_name: "embedded".into(),
        history_shard_count: 1,
        persistence_store: "memory".into(),
        visibility_store: "memory".into(),
        ..api::GetClusterInfoResponse::default()
    }
}

fn info_of(run: &Run, now: Nanos, wall: SystemTime) -> WorkflowExecutionInfo {
    let at = |time: Nanos| wall + std::time::Duration::from_nanos(time.0);
    WorkflowExecutionInfo {
        execution: Some(WorkflowExecution { workflow_id: run.workflow_id.to_string(), run_id: run.run_id() }),
        r#type: Some(WorkflowType { name: run.workflow_type.to_string() }),
        start_time: Some(at(run.started).into()),
        execution_time: Some(at(run.started).into()),
        close_time: run.close(now).map(|(closed, _)| at(closed).into()),
        status: run.status(now) as i32,
        history_length: if run.close(now).is_some() { 5 } else { 2 },
        task_queue: run.task_queue.to_string(),
        first_run_id: run.run_id(),
        ..WorkflowExecutionInfo::default()
    }
}

/// The history of a run: its start, one workflow task, and its close.
fn events_of(run: &Run, now: Nanos, wall: SystemTime) -> Vec<history::HistoryEvent> {
    use history::history_event::Attributes;

    let event = |event_id: i64, at: Nanos, event_type: EventType, attributes: Attributes| history::HistoryEvent {
        event_id,
        event_time: Some((wall + std::time::Duration::from_nanos(at.0)).into()),
        event_type: event_type as i32,
        attributes: Some(attributes),
        ..history::HistoryEvent::default()
    };
    let task_queue = Some(TaskQueue { name: run.task_queue.to_string(), ..TaskQueue::default() });
    let started = history::WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: run.workflow_type.to_string() }),
        task_queue: task_queue.clone(),
        workflow_id: run.workflow_id.to_string(),
        original_execution_run_id: run.run_id(),
        first_execution_run_id: run.run_id(),
        attempt: 1,
        ..history::WorkflowExecutionStartedEventAttributes::default()
    };
    let scheduled = history::WorkflowTaskScheduledEventAttributes {
        task_queue,
        attempt: 1,
        ..history::WorkflowTaskScheduledEventAttributes::default()
    };
    let mut events = vec![
        event(
            1,
            run.started,
            EventType::WorkflowExecutionStarted,
            Attributes::WorkflowExecutionStartedEventAttributes(started),
        ),
        event(
            2,
            run.started,
            EventType::WorkflowTaskScheduled,
            Attributes::WorkflowTaskScheduledEventAttributes(scheduled),
        ),
    ];
    let Some((closed, status)) = run.close(now) else { return events };
    let task_started = history::WorkflowTaskStartedEventAttributes { scheduled_event_id: 2, ..Default::default() };
    let task_completed = history::WorkflowTaskCompletedEventAttributes {
        scheduled_event_id: 2,
        started_event_id: 3,
        ..Default::default()
    };
    let (close_type, close_attributes) = match status {
        Status::Failed => {
            (EventType::WorkflowExecutionFailed, Attributes::WorkflowExecutionFailedEventAttributes(Default::default()))
        }
        Status::Canceled => (
            EventType::WorkflowExecutionCanceled,
            Attributes::WorkflowExecutionCanceledEventAttributes(Default::default()),
        ),
        Status::Terminated => (
            EventType::WorkflowExecutionTerminated,
            Attributes::WorkflowExecutionTerminatedEventAttributes(Default::default()),
        ),
        _ => (
            EventType::WorkflowExecutionCompleted,
            Attributes::WorkflowExecutionCompletedEventAttributes(Default::default()),
        ),
    };
    events.extend([
        event(3, closed, EventType::WorkflowTaskStarted, Attributes::WorkflowTaskStartedEventAttributes(task_started)),
        event(
            4,
            closed,
            EventType::WorkflowTaskCompleted,
            Attributes::WorkflowTaskCompletedEventAttributes(task_completed),
        ),
        event(5, closed, close_type, close_attributes),
    ]);
    events
}
