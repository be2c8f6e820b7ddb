//! A profile as work for a real cluster: what is started, what is sent to it afterwards, and what its workers do.
//!
//! | module | subject |
//! | --- | --- |
//! | [`program`] | a profile's workflow types, compiled: what the generic workflow runs |
//! | [`draw`] | what chance decides, as a function of (seed, workflow) |
//! | [`payload`] | payloads of exactly the profile's sizes |
//! | [`message`] | what clients send to a workflow that runs: signals, queries, updates, cancellation, termination |
//! | [`limits`] | what of a profile is not replayed, in words |
//!
//! # How a worker knows what to do
//! No plan travels with a workflow: its input is nothing but filler, of exactly the profile's size. Driver and workers
//! each hold the [`program::Program`] of the same profile and the same seed, and a workflow's id ends with its
//! ordinal, so that both draw the same numbers for it (`"7"` for the run's eighth workflow, `"7/…"` for its children).
//! What a step needs at the worker is named by the activity's id. Two things do not fit: the number of runs a
//! continue-as-new chain has behind it is written into the first four bytes of the next run's input (an input smaller
//! than that grows to four bytes), and update ids carry a counter.
//!
//! # Who sends a signal when
//! The model sends a signal (query, update) when the workflow comes to the step that waits for it. Only the worker knows
//! when that is: it says so with a [`FollowUp`], which the driver sends after its delay. What does not depend on steps
//! (`from_start`, cancellation, termination) is in [`Start::follow_ups`] from the beginning. Workers of the user's own say
//! nothing: for them [`Workload::unattended`] puts everything into `follow_ups`, at the time the step is reached when
//! activities take what was drawn for them and nothing else takes time.

pub mod draw;
pub mod limits;
pub mod message;
pub mod payload;
pub mod program;
mod unattended;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::random::Streams;
use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::common::v1::{Payloads, WorkflowType};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest,
};

use crate::failure::Failure;
use crate::identity::RunId;
use draw::{Draws, Key};
pub use message::{FollowUp, Message, Request};
use program::{Ends, Program, TypePlan};

/// A profile compiled for one run: a pure function of (profile, seed, run id, namespace, task queue).
///
/// Cheap to clone: the program is shared.
#[derive(Clone, Debug)]
pub struct Workload {
    program: Arc<Program>,
    streams: Streams,
    run: RunId,
    namespace: String,
    task_queue: String,
    identity: String,
    unattended: bool,
    not_replayed: Vec<String>,
}

/// One workflow to be started, and what its clients send later.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its id: [`RunId::workflow_id`] of the ordinal.
    pub workflow_id: String,
    /// The start itself.
    pub request: StartKind,
    /// What to send afterwards; delays count from the intended start. In order of time.
    pub follow_ups: Vec<FollowUp>,
    /// Whether the server may close it without a worker: it has a time-out, or a client terminates it. The completion
    /// hook of [`crate::worker`] sees no such end; a long poll (or the answer to the termination) does.
    pub may_end_unseen: bool,
}

/// How a workflow is started.
#[derive(Clone, Debug, PartialEq)]
pub enum StartKind {
    /// StartWorkflowExecution.
    Start(Box<StartWorkflowExecutionRequest>),
    /// SignalWithStartWorkflowExecution.
    SignalWithStart(Box<SignalWithStartWorkflowExecutionRequest>),
}

impl Workload {
    /// Compiles a profile for the run's own workers.
    ///
    /// # Errors
    /// A payload above the 128 MiB that gRPC messages of Temporal may have at all.
    pub fn new(
        profile: &Profile,
        seed: u64,
        run: &RunId,
        namespace: &str,
        task_queue: &str,
    ) -> Result<Workload, Failure> {
        payload::check(profile)?;
        Ok(Workload {
            program: Arc::new(Program::of(profile)),
            streams: Streams::new(seed),
            run: run.clone(),
            namespace: namespace.to_owned(),
            task_queue: task_queue.to_owned(),
            identity: format!("{run}-driver"),
            unattended: false,
            not_replayed: limits::not_replayed(profile),
        })
    }

    /// The same for workers that are not this program's: nobody tells when a step is reached, so everything a client
    /// sends is planned from the start on (see the module's head).
    pub fn unattended(mut self) -> Self {
        self.unattended = true;
        self
    }

    /// The workflow with this number, counted from 0 in the order of intended starts: its type, its request, and what
    /// is sent to it later. The same for the same number, whatever was asked before.
    pub fn start(&self, ordinal: u64) -> Start {
        let workflow_id = self.run.workflow_id(ordinal);
        let draws = self.draws(&Key::of_ordinal(ordinal), 0);
        let index = self.program.type_at(draws.uniform("type"));
        let plan = &self.program.types[index];
        let follow_ups = match self.unattended {
            true => unattended::follow_ups(&self.program, plan, &draws),
            false => self.due_from_start(plan, &draws),
        };
        let ended = follow_ups.iter().any(|follow_up| follow_up.message == Message::Terminate);
        let may_end_unseen = ended || plan.ends.may_time_out();
        Start { request: self.start_request(plan, &workflow_id), workflow_id, follow_ups, may_end_unseen }
    }

    /// What clients send to a run of this type whether or not it waits for it, in order of time. Only the first run of a
    /// chain is cancelled or terminated by clients.
    pub(crate) fn due_from_start(&self, plan: &TypePlan, draws: &Draws) -> Vec<FollowUp> {
        let mut list = sent_from_start(&self.program, plan, draws);
        if draws.run_number() == 0 {
            list.extend(ends_by_client(&plan.ends, draws));
        }
        list.sort_by_key(|follow_up| follow_up.after);
        list
    }

    /// A message to a workflow of this run as the request that carries it.
    pub fn request(&self, workflow_id: &str, follow_up: &FollowUp) -> Request {
        message::request(follow_up, &self.namespace, workflow_id, &self.identity)
    }

    /// What the profile has that the load generator does not do, each in one sentence; empty when it does all of it.
    pub fn not_replayed(&self) -> &[String] {
        &self.not_replayed
    }

    /// The compiled workflow types.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The task queue of its starts.
    pub fn task_queue(&self) -> &str {
        &self.task_queue
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The names of the workflow types that are started or run as children.
    pub fn type_names(&self) -> BTreeSet<&str> {
        self.program.types.iter().map(|plan| plan.name.as_str()).collect()
    }

    /// What chance decides for a workflow, by its key and how many runs of its chain came before.
    pub(crate) fn draws(&self, key: &Key, run_number: u32) -> Draws {
        Draws::new(self.streams, key, run_number)
    }

    /// The key of a workflow id: what follows the run's id.
    pub(crate) fn key_of(&self, workflow_id: &str) -> Key {
        Key::of_workflow_id(&self.run, workflow_id)
    }

    fn start_request(&self, plan: &TypePlan, workflow_id: &str) -> StartKind {
        let input = Some(Payloads { payloads: vec![payload::of(plan.input, workflow_id, 0)] });
        let workflow_type = Some(WorkflowType { name: plan.name.clone() });
        let task_queue = Some(TaskQueue { name: self.task_queue.clone(), ..TaskQueue::default() });
        let workflow_execution_timeout =
            plan.ends.execution_timeout.and_then(|limit| Duration::from_nanos(limit.0).try_into().ok());
        let workflow_run_timeout =
            plan.ends.run_timeout.and_then(|limit| Duration::from_nanos(limit.0).try_into().ok());
        // The id of the request is the workflow's: a start that is sent again because its answer was lost starts nothing twice.
        let request_id = workflow_id.to_owned();
        if let Some(index) = plan.signal_with_start {
            let spec = &self.program.messages[index];
            return StartKind::SignalWithStart(Box::new(SignalWithStartWorkflowExecutionRequest {
                namespace: self.namespace.clone(),
                workflow_id: workflow_id.to_owned(),
                workflow_type,
                task_queue,
                input,
                workflow_execution_timeout,
                workflow_run_timeout,
                identity: self.identity.clone(),
                request_id,
                signal_name: spec.name.clone(),
                signal_input: Some(Payloads { payloads: vec![payload::of(spec.input, workflow_id, 1)] }),
                ..SignalWithStartWorkflowExecutionRequest::default()
            }));
        }
        StartKind::Start(Box::new(StartWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_id: workflow_id.to_owned(),
            workflow_type,
            task_queue,
            input,
            workflow_execution_timeout,
            workflow_run_timeout,
            identity: self.identity.clone(),
            request_id,
            ..StartWorkflowExecutionRequest::default()
        }))
    }
}

fn sent_from_start(program: &Program, plan: &TypePlan, draws: &Draws) -> Vec<FollowUp> {
    let mut list = Vec::new();
    for (place, sent) in plan.from_start.iter().enumerate() {
        let spec = &program.messages[sent.message];
        // The one that comes with the start of a chain does not come with the start of its next run.
        let with_start = u32::from(plan.signal_with_start == Some(sent.message) && draws.run_number() == 0);
        let mut after = Nanos::ZERO;
        for number in with_start..sent.count {
            // Each its span after the one before, as the model does.
            let name = format!("from-start/{place}/{number}");
            after += draws.span(&spec.after, &name);
            list.push(FollowUp::new(after, spec.message(), draws, &name));
        }
    }
    list
}

fn ends_by_client(ends: &Ends, draws: &Draws) -> Option<FollowUp> {
    let cancelled = ends.cancelled.as_ref().map(|end| (Message::Cancel, "cancelled", end));
    let terminated = ends.terminated.as_ref().map(|end| (Message::Terminate, "terminated", end));
    let drawn = [cancelled, terminated].into_iter().flatten().filter_map(|(message, name, (probability, after))| {
        let means_to = draws.uniform(name) < probability.get();
        means_to.then(|| FollowUp::new(draws.span(after, &format!("{name}/after")), message, draws, name))
    });
    // As in the model, only the first of them comes.
    drawn.min_by_key(|follow_up| follow_up.after)
}
