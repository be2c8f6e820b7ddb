#![allow(clippy::unwrap_used)]

use prost::Message;
use temporalio_common::protos::temporal::api::common::v1::{
    Payload, Payloads, RetryPolicy, WorkflowExecution, WorkflowType,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::update::v1 as update;
use temporalio_common::protos::temporal::api::workflowservice::v1 as full;

use super::*;

fn read<M: Message + Default>(message: &impl Message) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap()
}

fn payloads() -> Option<Payloads> {
    Some(Payloads { payloads: vec![Payload { data: vec![7; 1000], ..Payload::default() }] })
}

fn execution() -> WorkflowExecution {
    WorkflowExecution { workflow_id: "order-1".into(), run_id: "run-1".into() }
}

#[test]
fn a_start_reads_as_the_full_message_says() {
    let start = full::StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: "order-1".into(),
        workflow_type: Some(WorkflowType { name: "Order".into() }),
        task_queue: Some(TaskQueue { name: "orders".into(), ..TaskQueue::default() }),
        input: payloads(),
        identity: "somebody".into(),
        request_id: "request-1".into(),
        workflow_id_reuse_policy: 3,
        workflow_id_conflict_policy: 2,
        retry_policy: Some(RetryPolicy { maximum_attempts: 4, ..RetryPolicy::default() }),
        ..full::StartWorkflowExecutionRequest::default()
    };
    let expected = StartRequest {
        namespace: "default".into(),
        workflow_id: "order-1".into(),
        workflow_type: Some(Named { name: "Order".into() }),
        task_queue: Some(Named { name: "orders".into() }),
        request_id: "request-1".into(),
        reuse_policy: 3,
        conflict_policy: 2,
    };
    assert_eq!(read::<StartRequest>(&start), expected);

    let with_signal = full::SignalWithStartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: "order-1".into(),
        workflow_type: Some(WorkflowType { name: "Order".into() }),
        task_queue: Some(TaskQueue { name: "orders".into(), ..TaskQueue::default() }),
        request_id: "request-1".into(),
        workflow_id_reuse_policy: 3,
        workflow_id_conflict_policy: 2,
        signal_name: "shipped".into(),
        signal_input: payloads(),
        ..full::SignalWithStartWorkflowExecutionRequest::default()
    };
    assert_eq!(read::<StartRequest>(&with_signal), expected);
}

#[test]
fn requests_about_a_workflow_read_as_the_full_messages_say() {
    let expected = ExecutionRequest {
        namespace: "default".into(),
        execution: Some(Execution { workflow_id: "order-1".into(), run_id: "run-1".into() }),
    };
    macro_rules! same {
        ($($request:ident . $field:ident),*) => {$({
            let mut request = full::$request { namespace: "default".into(), ..full::$request::default() };
            request.$field = Some(execution());
            assert_eq!(read::<ExecutionRequest>(&request), expected, stringify!($request));
        })*};
    }
    same!(
        SignalWorkflowExecutionRequest.workflow_execution,
        QueryWorkflowRequest.execution,
        UpdateWorkflowExecutionRequest.workflow_execution,
        RequestCancelWorkflowExecutionRequest.workflow_execution,
        TerminateWorkflowExecutionRequest.workflow_execution,
        DeleteWorkflowExecutionRequest.workflow_execution,
        DescribeWorkflowExecutionRequest.execution,
        GetWorkflowExecutionHistoryRequest.execution
    );
}

#[test]
fn history_update_list_and_count_read_as_the_full_messages_say() {
    let history = full::GetWorkflowExecutionHistoryRequest {
        execution: Some(execution()),
        next_page_token: vec![1, 2],
        wait_new_event: true,
        history_event_filter_type: 2,
        ..full::GetWorkflowExecutionHistoryRequest::default()
    };
    let read_history = read::<HistoryRequest>(&history);
    assert!(read_history.wait_new_event);
    assert_eq!(read_history.filter, 2);

    let update = full::UpdateWorkflowExecutionRequest {
        workflow_execution: Some(execution()),
        request: Some(update::Request {
            meta: Some(update::Meta { update_id: "update-1".into(), identity: "somebody".into() }),
            ..update::Request::default()
        }),
        ..full::UpdateWorkflowExecutionRequest::default()
    };
    let body = read::<UpdateRequest>(&update).request.unwrap();
    assert_eq!(body.meta.unwrap().name, "update-1");

    let list = full::ListWorkflowExecutionsRequest {
        namespace: "default".into(),
        page_size: 9,
        next_page_token: vec![3],
        query: "q".into(),
    };
    let expected =
        ListRequest { namespace: "default".into(), page_size: 9, next_page_token: vec![3].into(), query: "q".into() };
    assert_eq!(read::<ListRequest>(&list), expected);

    let count = full::CountWorkflowExecutionsRequest { namespace: "default".into(), query: "q".into() };
    assert_eq!(read::<CountRequest>(&count), CountRequest { namespace: "default".into(), query: "q".into() });
}
