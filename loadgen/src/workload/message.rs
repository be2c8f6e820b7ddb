//! What clients send to a workflow that runs.

use plimsoll_profiles::units::{Bytes, Nanos};
use serde::{Deserialize, Serialize};
use temporalio_common::protos::temporal::api::common::v1::{Payloads, WorkflowExecution};
use temporalio_common::protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage;
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::update::v1::{Input, Meta, Request as UpdateRequest, WaitPolicy};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    QueryWorkflowRequest, RequestCancelWorkflowExecutionRequest, SignalWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
};

use super::draw::Draws;
use super::payload;

/// A message and when it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// How long after the workflow's intended start (in [`super::Start`]), or after the worker said that the workflow
    /// waits for it.
    #[serde(with = "nanos")]
    pub after: Nanos,
    /// What.
    pub message: Message,
    /// Tells messages to one workflow apart: the server drops a second signal or update with the same name and nonce, so
    /// that one asked for twice (a workflow task that was done again) arrives once.
    pub nonce: u64,
}

impl FollowUp {
    /// A message that a workflow wants at a place of its steps.
    pub(crate) fn new(after: Nanos, message: Message, draws: &Draws, place: &str) -> Self {
        FollowUp { after, message, nonce: fnv(format!("{}/{place}", draws.run_number()).as_bytes()) }
    }
}

/// FNV-1a, 64 bits.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A signal.
    Signal {
        /// Its name.
        name: String,
        /// Bytes of its payload.
        payload: u64,
    },
    /// Queries, the next when the one before is answered.
    Query {
        /// The query's name.
        name: String,
        /// How many.
        times: u32,
    },
    /// An update; its outcome is waited for. One that the workflow's validator rejects is followed by another, of which
    /// the worker tells again.
    Update {
        /// The update's name.
        name: String,
        /// Bytes of its payload.
        input: u64,
    },
    /// A request to cancel the workflow.
    Cancel,
    /// The workflow's termination.
    Terminate,
}

/// A [`Message`] as the request that carries it.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// SignalWorkflowExecution.
    Signal(Box<SignalWorkflowExecutionRequest>),
    /// QueryWorkflow, so many times one after the other.
    Query(Box<QueryWorkflowRequest>, u32),
    /// UpdateWorkflowExecution.
    Update(Box<UpdateWorkflowExecutionRequest>),
    /// RequestCancelWorkflowExecution.
    Cancel(Box<RequestCancelWorkflowExecutionRequest>),
    /// TerminateWorkflowExecution.
    Terminate(Box<TerminateWorkflowExecutionRequest>),
}

pub(super) fn request(follow_up: &FollowUp, namespace: &str, workflow_id: &str, identity: &str) -> Request {
    let FollowUp { message, nonce, .. } = follow_up;
    let (namespace, identity) = (namespace.to_owned(), identity.to_owned());
    let execution = Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() });
    let payloads = |size: u64| Some(Payloads { payloads: vec![payload::of(Bytes(size), workflow_id, *nonce)] });
    match message {
        Message::Signal { name, payload } => Request::Signal(Box::new(SignalWorkflowExecutionRequest {
            namespace,
            workflow_execution: execution,
            signal_name: name.clone(),
            input: payloads(*payload),
            identity,
            request_id: format!("{workflow_id}/{name}/{nonce}"),
            ..SignalWorkflowExecutionRequest::default()
        })),
        Message::Query { name, times } => {
            let query = Some(WorkflowQuery { query_type: name.clone(), ..WorkflowQuery::default() });
            let request = QueryWorkflowRequest { namespace, execution, query, ..QueryWorkflowRequest::default() };
            Request::Query(Box::new(request), *times)
        }
        Message::Update { name, input } => {
            let stage = UpdateWorkflowExecutionLifecycleStage::Completed;
            Request::Update(Box::new(UpdateWorkflowExecutionRequest {
                namespace,
                workflow_execution: execution,
                wait_policy: Some(WaitPolicy { lifecycle_stage: stage.into() }),
                request: Some(UpdateRequest {
                    meta: Some(Meta { update_id: format!("{name}/{nonce}"), identity }),
                    input: Some(Input { header: None, name: name.clone(), args: payloads(*input) }),
                    ..UpdateRequest::default()
                }),
                ..UpdateWorkflowExecutionRequest::default()
            }))
        }
        Message::Cancel => Request::Cancel(Box::new(RequestCancelWorkflowExecutionRequest {
            namespace,
            workflow_execution: execution,
            identity,
            request_id: format!("{workflow_id}/cancel"),
            ..RequestCancelWorkflowExecutionRequest::default()
        })),
        Message::Terminate => Request::Terminate(Box::new(TerminateWorkflowExecutionRequest {
            namespace,
            workflow_execution: execution,
            identity,
            ..TerminateWorkflowExecutionRequest::default()
        })),
    }
}

mod nanos {
    use plimsoll_profiles::units::Nanos;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(span.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
        u64::deserialize(deserializer).map(Nanos)
    }
}
