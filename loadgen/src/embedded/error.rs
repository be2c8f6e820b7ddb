//! Errors as Temporal's frontend words them, with their details.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost::{Message, Name};
use temporalio_common::protos::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use temporalio_common::protos::temporal::api::errordetails::v1::{
    NamespaceNotFoundFailure, ResourceExhaustedFailure, WorkflowExecutionAlreadyStartedFailure,
};
use tonic::Code;

use super::messages::{AnyMessage, ErrorDetails};
use super::workflows::Missing;

/// An error answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub code: Code,
    pub message: String,
    /// The value of `grpc-status-details-bin`.
    pub details: Option<String>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), details: None }
    }

    fn detailed<M: Message + Name>(code: Code, message: String, detail: &M) -> Self {
        let any =
            AnyMessage { type_url: format!("type.googleapis.com/{}", M::full_name()), value: detail.encode_to_vec() };
        let status = ErrorDetails { code: code as i32, message: message.clone(), details: vec![any] };
        Refusal { code, message, details: Some(STANDARD_NO_PAD.encode(status.encode_to_vec())) }
    }

    /// An error that was asked for.
    pub fn set(code: Code) -> Self {
        let message = "set by the embedded target's behaviour".to_owned();
        if code != Code::ResourceExhausted {
            return Refusal::new(code, message);
        }
        let detail = ResourceExhaustedFailure {
            cause: ResourceExhaustedCause::RpsLimit as i32,
            scope: ResourceExhaustedScope::Namespace as i32,
        };
        Refusal::detailed(code, message, &detail)
    }

    pub fn no_namespace(namespace: &str) -> Self {
        let detail = NamespaceNotFoundFailure { namespace: namespace.to_owned() };
        Refusal::detailed(Code::NotFound, format!("Namespace {namespace} is not found."), &detail)
    }

    pub fn already_started(workflow_id: &str, run_id: String, request_id: String, open: bool) -> Self {
        let state = if open { "is already running" } else { "already finished" };
        let message = format!("Workflow execution {state}. WorkflowId: {workflow_id}, RunId: {run_id}.");
        let detail = WorkflowExecutionAlreadyStartedFailure {
            start_request_id: request_id,
            run_id: run_id.clone(),
            first_execution_run_id: run_id,
        };
        Refusal::detailed(Code::AlreadyExists, message, &detail)
    }

    pub fn missing(workflow_id: &str, why: Missing) -> Self {
        match why {
            Missing::Unknown => Refusal::new(Code::NotFound, format!("workflow not found for ID: {workflow_id}")),
            Missing::Closed => Refusal::new(Code::NotFound, "workflow execution already completed"),
        }
    }
}
