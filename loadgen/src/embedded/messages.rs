//! The fields of the requests that the target reads, with the tags of Temporal's API (its proto files, release 1.62).
//!
//! Payloads, headers and the rest are skipped without a copy: a start costs the target the same whatever its input's size.
//! Tests compare each with the full message of the SDK.

/// `StartWorkflowExecutionRequest`, and `SignalWithStartWorkflowExecutionRequest`, which has the same tags for these fields.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StartRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub workflow_id: String,
    #[prost(message, optional, tag = "3")]
    pub workflow_type: Option<Named>,
    #[prost(message, optional, tag = "4")]
    pub task_queue: Option<Named>,
    #[prost(string, tag = "10")]
    pub request_id: String,
    #[prost(int32, tag = "11")]
    pub reuse_policy: i32,
    #[prost(int32, tag = "22")]
    pub conflict_policy: i32,
}

/// A message whose first field is its name: `WorkflowType`, `TaskQueue`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Named {
    #[prost(string, tag = "1")]
    pub name: String,
}

/// The start of every request about one workflow: signal, query, update, cancel, terminate, delete, describe and history
/// have the execution at the same tag.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ExecutionRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, optional, tag = "2")]
    pub execution: Option<Execution>,
}

/// `WorkflowExecution`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Execution {
    #[prost(string, tag = "1")]
    pub workflow_id: String,
    #[prost(string, tag = "2")]
    pub run_id: String,
}

/// `GetWorkflowExecutionHistoryRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HistoryRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, optional, tag = "2")]
    pub execution: Option<Execution>,
    #[prost(bool, tag = "5")]
    pub wait_new_event: bool,
    #[prost(int32, tag = "6")]
    pub filter: i32,
}

/// `UpdateWorkflowExecutionRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UpdateRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, optional, tag = "2")]
    pub execution: Option<Execution>,
    #[prost(message, optional, tag = "5")]
    pub request: Option<UpdateBody>,
}

/// `temporal.api.update.v1.Request`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UpdateBody {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Named>,
}

/// `ListWorkflowExecutionsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ListRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(int32, tag = "2")]
    pub page_size: i32,
    #[prost(bytes = "bytes", tag = "3")]
    pub next_page_token: bytes::Bytes,
    #[prost(string, tag = "4")]
    pub query: String,
}

/// `CountWorkflowExecutionsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CountRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub query: String,
}

/// A request of which only the namespace matters: `DescribeNamespace`, `DescribeTaskQueue`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NamespaceRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
}

/// `google.rpc.Status`: what `grpc-status-details-bin` holds.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ErrorDetails {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<AnyMessage>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AnyMessage {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
