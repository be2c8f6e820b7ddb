//! The generic workflow: runs whatever type it is registered as, and takes every signal, query and update of the profile.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use plimsoll_profiles::units::Bytes;
use temporalio_common::UntypedWorkflow;
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_sdk::workflow_interceptors::WorkflowOutputValue;
use temporalio_sdk::workflows::{
    UpdateDefinitionDescriptor, WorkflowDefinitionDescriptor, WorkflowError, WorkflowImplementation,
};
use temporalio_sdk::{WorkflowContext, WorkflowContextView, WorkflowTermination};

use super::steps::Steps;
use super::{Shared, registry};
use crate::workload::FollowUp;
use crate::workload::payload;
use crate::workload::program::{MessageKind, MessagePlan};

/// One run of a workflow of the profile.
pub(super) struct GenericWorkflow {
    pub(super) shared: Arc<Shared>,
    /// Its type in the program.
    pub(super) workflow: usize,
    /// Runs of its chain before this one.
    pub(super) run_number: Cell<u32>,
    /// The signal that came with the start has not been waited for yet.
    pub(super) with_start: Cell<bool>,
    arrived: HashMap<(MessageKind, String), u32>,
}

impl GenericWorkflow {
    pub(super) fn new(shared: Arc<Shared>, workflow: usize) -> Self {
        GenericWorkflow {
            shared,
            workflow,
            run_number: Cell::new(0),
            with_start: Cell::new(false),
            arrived: HashMap::new(),
        }
    }

    fn arrive(&mut self, kind: MessageKind, name: &str) {
        *self.arrived.entry((kind, name.to_owned())).or_default() += 1;
    }

    /// Whether one of these has come that nobody has taken.
    pub(super) fn has(&self, kind: MessageKind, name: &str) -> bool {
        // Only a handful of names: this allocation is nothing beside a workflow task.
        self.arrived.get(&(kind, name.to_owned())).is_some_and(|count| *count > 0)
    }

    /// Takes one that has come.
    pub(super) fn take(&mut self, kind: MessageKind, name: &str) {
        if let Some(count) = self.arrived.get_mut(&(kind, name.to_owned())) {
            *count = count.saturating_sub(1);
        }
    }

    fn plan(&self, kind: MessageKind, name: &str) -> Option<&MessagePlan> {
        self.shared.workload.program().message_named(kind, name)
    }

    /// Rejects with the profile's probability; the client is then told to send another.
    fn validate(&self, workflow_id: &str, name: &str) -> Result<(), String> {
        let Some(plan) = self.plan(MessageKind::Update, name) else {
            return Err(format!("the profile has no update named {name}"));
        };
        let workload = &self.shared.workload;
        let number = self.shared.validates(workflow_id);
        let draws = workload.draws(&workload.key_of(workflow_id), self.run_number.get());
        if !draws.chance(plan.rejected, &format!("reject/{number}")) {
            return Ok(());
        }
        let after = draws.span(&plan.after, &format!("after-reject/{number}"));
        let again = FollowUp::new(after, plan.message(), &draws, &format!("after-reject/{number}"));
        self.shared.wants(workflow_id, again);
        Err("rejected as the profile says".to_owned())
    }
}

/// Every name is taken; what a message carries is only its size.
fn anything() -> Option<Box<dyn Any>> {
    Some(Box::new(()))
}

fn output(size: Bytes, workflow_id: &str) -> Box<dyn WorkflowOutputValue> {
    Box::new(RawValue::new(vec![payload::of(size, workflow_id, u64::MAX)]))
}

impl WorkflowImplementation for GenericWorkflow {
    type Run = UntypedWorkflow;
    const HAS_INIT: bool = false;
    const INIT_TAKES_INPUT: bool = false;

    fn name() -> &'static str {
        "a workflow of the profile"
    }

    fn definition() -> WorkflowDefinitionDescriptor {
        let update = |name| UpdateDefinitionDescriptor { name, has_validator: true };
        WorkflowDefinitionDescriptor {
            workflow_type: registry::name(),
            has_init: false,
            init_takes_input: false,
            signals: Vec::new(),
            queries: Vec::new(),
            updates: registry::updates().into_iter().map(update).collect(),
        }
    }

    fn init(_context: WorkflowContextView, _input: Option<RawValue>) -> Self {
        unreachable!("registered with a factory")
    }

    fn run(
        context: WorkflowContext<Self>,
        input: Option<RawValue>,
    ) -> LocalBoxFuture<'static, Result<Box<dyn WorkflowOutputValue>, WorkflowTermination>> {
        async move {
            let input = input.and_then(|input| input.payloads.into_iter().next());
            let continued = context.info().continued_from_run_id().is_some();
            let run_number = payload::run_number(input.as_ref().filter(|_| continued));
            let steps = Steps::new(context, run_number);
            let size = steps.run().await?;
            Ok(output(size, steps.workflow_id()))
        }
        .boxed_local()
    }

    fn decode_signal_input(
        _name: &str,
        _payloads: Payloads,
        _converter: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        Ok(anything())
    }

    fn dispatch_signal(
        context: WorkflowContext<Self>,
        name: &str,
        _input: Box<dyn Any>,
    ) -> LocalBoxFuture<'static, Result<(), WorkflowError>> {
        let name = name.to_owned();
        async move {
            context.state_mut(|workflow| workflow.arrive(MessageKind::Signal, &name));
            Ok(())
        }
        .boxed_local()
    }

    fn decode_query_input(
        _name: &str,
        _payloads: &Payloads,
        _converter: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        Ok(anything())
    }

    fn dispatch_query(
        &self,
        context: WorkflowContextView,
        name: &str,
        _input: Box<dyn Any>,
    ) -> Result<Box<dyn WorkflowOutputValue>, WorkflowError> {
        match self.plan(MessageKind::Query, name) {
            Some(plan) => Ok(output(plan.output, context.workflow_id())),
            None => Err(WorkflowError::Execution(format!("the profile has no query named {name}").into())),
        }
    }

    fn decode_update_input(
        _name: &str,
        _payloads: Payloads,
        _converter: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        Ok(anything())
    }

    fn dispatch_update(
        context: WorkflowContext<Self>,
        name: &str,
        _input: Box<dyn Any>,
    ) -> LocalBoxFuture<'static, Result<Box<dyn WorkflowOutputValue>, WorkflowError>> {
        let name = name.to_owned();
        async move {
            context.state_mut(|workflow| workflow.arrive(MessageKind::Update, &name));
            let size = context.state(|workflow| workflow.plan(MessageKind::Update, &name).map(|plan| plan.output));
            Ok(output(size.unwrap_or_default(), context.workflow_id()))
        }
        .boxed_local()
    }

    fn validate_update(
        &self,
        context: WorkflowContextView,
        name: &str,
        _input: Box<dyn Any>,
    ) -> Result<(), WorkflowError> {
        self.validate(context.workflow_id(), name).map_err(|text| WorkflowError::Execution(text.into()))
    }
}
