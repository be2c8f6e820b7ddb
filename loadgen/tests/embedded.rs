//! The embedded target, asked by the client the load driver uses.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use plimsoll_load::embedded::{Behaviour, Delay, Embedded, ErrorRule, Method, Window, span};
use plimsoll_profiles::units::{Nanos, Rate};
use temporalio_common::protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use temporalio_common::protos::temporal::api::enums::v1::{EventType, HistoryEventFilterType, WorkflowExecutionStatus};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1 as api;
use temporalio_common::protos::temporal::api::workflowservice::v1::workflow_service_client::WorkflowServiceClient;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

type Client = WorkflowServiceClient<Channel>;

async fn connect(target: &Embedded) -> Client {
    WorkflowServiceClient::new(Endpoint::from_shared(target.url()).unwrap().connect().await.unwrap())
}

fn start(id: &str) -> api::StartWorkflowExecutionRequest {
    api::StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: id.into(),
        workflow_type: Some(WorkflowType { name: "Order".into() }),
        task_queue: Some(TaskQueue { name: "orders".into(), ..TaskQueue::default() }),
        request_id: format!("request of {id}"),
        ..api::StartWorkflowExecutionRequest::default()
    }
}

/// Starts `n` workflows at once.
fn start_all(client: &Client, n: usize) -> Vec<JoinHandle<Result<(), tonic::Status>>> {
    let started = (0..n).map(|n| {
        let mut client = client.clone();
        tokio::spawn(async move { client.start_workflow_execution(start(&n.to_string())).await.map(drop) })
    });
    started.collect()
}

fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() })
}

/// Waits for the close of a workflow as the driver does.
fn until_closed(id: &str) -> api::GetWorkflowExecutionHistoryRequest {
    api::GetWorkflowExecutionHistoryRequest {
        namespace: "default".into(),
        execution: execution(id),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
        ..api::GetWorkflowExecutionHistoryRequest::default()
    }
}

fn terminate(id: &str) -> api::TerminateWorkflowExecutionRequest {
    api::TerminateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution(id),
        ..api::TerminateWorkflowExecutionRequest::default()
    }
}

fn describe(id: &str) -> api::DescribeWorkflowExecutionRequest {
    api::DescribeWorkflowExecutionRequest { namespace: "default".into(), execution: execution(id) }
}

fn stays_open() -> Behaviour {
    Behaviour { close_after: None, ..Behaviour::default() }
}

fn close_event(response: api::GetWorkflowExecutionHistoryResponse) -> EventType {
    let events = response.history.unwrap().events;
    assert_eq!(events.len(), 1);
    events[0].event_type()
}

#[tokio::test]
async fn a_workflow_starts_and_its_long_poll_ends_with_its_close() {
    let close_after = Some(span("30ms").unwrap());
    let target = Embedded::start(Behaviour { close_after, ..Behaviour::default() }).await.unwrap();
    let mut client = connect(&target).await;
    let started = client.start_workflow_execution(start("a")).await.unwrap().into_inner();
    assert!(started.started && !started.run_id.is_empty());
    let closed = client.get_workflow_execution_history(until_closed("a")).await.unwrap().into_inner();
    assert_eq!(close_event(closed), EventType::WorkflowExecutionCompleted);

    let counts = target.counts();
    assert_eq!((counts.workflows_started, counts.workflows_open), (1, 0));
    assert_eq!(counts.of(Method::StartWorkflowExecution).answered, 1);
    assert_eq!(counts.of(Method::GetWorkflowExecutionHistory).answered, 1);
}

#[tokio::test]
async fn a_long_poll_without_event_ends_empty() {
    let long_poll = Nanos::from_millis(50);
    let target = Embedded::start(Behaviour { long_poll, ..stays_open() }).await.unwrap();
    let mut client = connect(&target).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let empty = client.get_workflow_execution_history(until_closed("a")).await.unwrap().into_inner();
    assert!(empty.history.unwrap().events.is_empty() && !empty.next_page_token.is_empty());
}

#[tokio::test]
async fn terminating_a_workflow_wakes_its_long_poll() {
    let target = Embedded::start(stays_open()).await.unwrap();
    let mut client = connect(&target).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let mut poller = client.clone();
    let poll = tokio::spawn(async move { poller.get_workflow_execution_history(until_closed("a")).await });
    while target.counts().of(Method::GetWorkflowExecutionHistory).received == 0 {
        tokio::task::yield_now().await;
    }
    client.terminate_workflow_execution(terminate("a")).await.unwrap();
    let closed = poll.await.unwrap().unwrap().into_inner();
    assert_eq!(close_event(closed), EventType::WorkflowExecutionTerminated);
}

#[tokio::test]
async fn signals_queries_and_updates_are_answered_while_the_workflow_is_open() {
    let target = Embedded::start(stays_open()).await.unwrap();
    let mut client = connect(&target).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let signal = api::SignalWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution("a"),
        signal_name: "shipped".into(),
        ..api::SignalWorkflowExecutionRequest::default()
    };
    client.signal_workflow_execution(signal.clone()).await.unwrap();
    let query = api::QueryWorkflowRequest {
        namespace: "default".into(),
        execution: execution("a"),
        ..api::QueryWorkflowRequest::default()
    };
    client.query_workflow(query).await.unwrap();
    let update = api::UpdateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution("a"),
        ..api::UpdateWorkflowExecutionRequest::default()
    };
    let updated = client.update_workflow_execution(update).await.unwrap().into_inner();
    assert!(updated.outcome.is_some());
    let cancel = api::RequestCancelWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution("a"),
        ..api::RequestCancelWorkflowExecutionRequest::default()
    };
    client.request_cancel_workflow_execution(cancel).await.unwrap();
    assert_eq!(client.signal_workflow_execution(signal).await.unwrap_err().code(), Code::NotFound);

    let described = client.describe_workflow_execution(describe("a")).await.unwrap().into_inner();
    let info = described.workflow_execution_info.unwrap();
    assert_eq!(info.status(), WorkflowExecutionStatus::Canceled);
    assert_eq!((info.r#type.unwrap().name.as_str(), info.task_queue.as_str()), ("Order", "orders"));
}

#[tokio::test]
async fn clean_up_finds_the_runs_workflows_by_prefix_page_by_page_and_no_others() {
    let target = Embedded::start(stays_open()).await.unwrap();
    let mut client = connect(&target).await;
    for id in (0..25).map(|n| format!("run1-{n}")).chain(["run2-0".to_owned()]) {
        client.start_workflow_execution(start(&id)).await.unwrap();
    }
    let query = "WorkflowId STARTS_WITH 'run1-' AND ExecutionStatus = 'Running'".to_owned();
    let count = api::CountWorkflowExecutionsRequest { namespace: "default".into(), query: query.clone() };
    assert_eq!(client.count_workflow_executions(count.clone()).await.unwrap().into_inner().count, 25);

    let mut found = Vec::new();
    let mut next_page_token = Vec::new();
    loop {
        let list = api::ListWorkflowExecutionsRequest {
            namespace: "default".into(),
            page_size: 10,
            next_page_token,
            query: query.clone(),
        };
        let page = client.list_workflow_executions(list).await.unwrap().into_inner();
        assert!(page.executions.len() <= 10);
        found.extend(page.executions.into_iter().map(|info| info.execution.unwrap().workflow_id));
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            break;
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 25);
    for id in &found {
        client.terminate_workflow_execution(terminate(id)).await.unwrap();
    }
    assert_eq!(client.count_workflow_executions(count).await.unwrap().into_inner().count, 0);
    assert_eq!(target.counts().workflows_open, 1);
}

#[tokio::test]
async fn a_duplicate_start_is_refused_with_the_run_in_the_way() {
    let target = Embedded::start(stays_open()).await.unwrap();
    let mut client = connect(&target).await;
    let first = client.start_workflow_execution(start("a")).await.unwrap().into_inner();
    let again = client.start_workflow_execution(start("a")).await.unwrap().into_inner();
    assert_eq!((again.run_id, again.started), (first.run_id.clone(), false));
    let other = api::StartWorkflowExecutionRequest { request_id: "another".into(), ..start("a") };
    let refused = client.start_workflow_execution(other).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert!(refused.message().contains(&first.run_id), "{}", refused.message());
    assert!(!refused.details().is_empty());
}

#[tokio::test]
async fn errors_strike_as_often_as_set_and_nothing_is_started_by_them() {
    let errors = vec!["StartWorkflowExecution=resource-exhausted:25%".parse::<ErrorRule>().unwrap()];
    let target = Embedded::start(Behaviour { errors, ..stays_open() }).await.unwrap();
    let mut client = connect(&target).await;
    let mut refused = 0;
    for n in 0..400 {
        if let Err(status) = client.start_workflow_execution(start(&n.to_string())).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            refused += 1;
        }
    }
    let counts = target.counts();
    let starts = counts.of(Method::StartWorkflowExecution);
    assert_eq!((starts.received, starts.refused, starts.waiting()), (400, refused, 0));
    assert_eq!(counts.workflows_started, 400 - refused);
    // The seed fixes the draws: 400 at 25 % are within four standard deviations of 100.
    assert!((65..=135).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_wrong_namespace_is_not_found_and_other_methods_are_unimplemented() {
    let namespaces = vec!["default".to_owned()];
    let target = Embedded::start(Behaviour { namespaces, ..Behaviour::default() }).await.unwrap();
    let mut client = connect(&target).await;
    let wrong = api::StartWorkflowExecutionRequest { namespace: "defualt".into(), ..start("a") };
    let refused = client.start_workflow_execution(wrong).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "Namespace defualt is not found."));
    let poll = api::PollWorkflowTaskQueueRequest::default();
    assert_eq!(client.poll_workflow_task_queue(poll).await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(target.counts().unknown_methods, 1);
}

#[tokio::test]
async fn while_frozen_nothing_is_answered_and_afterwards_everything_is() {
    let freezes = vec!["0s+300ms".parse::<Window>().unwrap()];
    let target = Embedded::start(Behaviour { freezes, ..stays_open() }).await.unwrap();
    let client = connect(&target).await;
    let before = Instant::now();
    for answer in start_all(&client, 20) {
        answer.await.unwrap().unwrap();
        assert!(before.elapsed() >= Duration::from_millis(300), "{:?}", before.elapsed());
    }
    assert_eq!(target.counts().of(Method::StartWorkflowExecution).answered, 20);
}

#[tokio::test]
async fn a_reset_loses_the_waiting_requests_and_the_target_counts_them() {
    let delay: Delay = "10s".parse().unwrap();
    let target = Embedded::start(Behaviour { delay: delay.takes, ..stays_open() }).await.unwrap();
    let mut client = connect(&target).await;
    let waiting = start_all(&client, 3);
    while target.counts().of(Method::StartWorkflowExecution).received < 3 {
        tokio::task::yield_now().await;
    }
    target.reset_connections();
    for lost in waiting {
        assert!(lost.await.unwrap().is_err());
    }
    // The same client connects again by itself; what connecting clients ask is not delayed.
    while client.get_system_info(api::GetSystemInfoRequest::default()).await.is_err() {}
    while target.counts().of(Method::StartWorkflowExecution).abandoned < 3 {
        tokio::task::yield_now().await;
    }
    let counts = target.counts();
    assert_eq!((counts.connections, counts.connections_reset, counts.workflows_started), (2, 1, 0));
}

#[tokio::test]
async fn what_is_gone_comes_back_at_the_same_address_with_its_workflows() {
    let target = Embedded::start(stays_open()).await.unwrap();
    let mut client = connect(&target).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    target.go_away(Nanos::from_millis(200));
    let mut failed = 0;
    loop {
        match client.describe_workflow_execution(describe("a")).await {
            // A connection lost on the way has another code than one that is refused.
            Err(status) => {
                assert!(matches!(status.code(), Code::Unavailable | Code::Unknown), "{status}");
                failed += 1;
            }
            // Asked before it went.
            Ok(_) if failed == 0 => {}
            Ok(described) => {
                let info = described.into_inner().workflow_execution_info.unwrap();
                assert_eq!(info.status(), WorkflowExecutionStatus::Running);
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_target_with_a_capacity_works_off_a_queue() {
    let capacity = Some(Rate::per_second(200.0));
    let target = Embedded::start(Behaviour { capacity, ..stays_open() }).await.unwrap();
    let client = connect(&target).await;
    let before = Instant::now();
    for answer in start_all(&client, 40) {
        answer.await.unwrap().unwrap();
    }
    // Forty at 200/s take 200 ms; a slow machine only makes it longer.
    assert!(before.elapsed() >= Duration::from_millis(200), "{:?}", before.elapsed());
}

#[tokio::test]
async fn the_target_listens_on_loopback_only() {
    let refused = Embedded::start_at("0.0.0.0:0".parse().unwrap(), Behaviour::default()).await.unwrap_err();
    assert!(refused.to_string().contains("loopback"));
}
