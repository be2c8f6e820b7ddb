//! The steps of a workflow, run.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use plimsoll_profiles::profile::ParentClosePolicy as ProfilePolicy;
use plimsoll_profiles::units::{Bytes, Nanos};
use temporalio_common::data_converters::RawValue;
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_common::{RetryPolicy, UntypedActivity, UntypedWorkflow};
use temporalio_sdk::{
    ActivityCloseTimeouts, ActivityOptions, ChildWorkflowOptions, ContinueAsNewOptions, LocalActivityOptions,
    ParentClosePolicy, TimerOptions, WorkflowCancellationToken, WorkflowContext, WorkflowTermination,
};

use super::Shared;
use super::activities::ActivityName;
use super::generic::GenericWorkflow;
use crate::workload::draw::{Draws, Place};
use crate::workload::limits::LARGEST_SEARCH_ATTRIBUTE;
use crate::workload::message::{FollowUp, Message};
use crate::workload::payload;
use crate::workload::program::{PlanStep, Program, TypePlan};

/// Every namespace has this search attribute, and clients may write it (server, `common/searchattribute`, `predefined`).
const SEARCH_ATTRIBUTE: SearchAttributeKey<Vec<String>> = SearchAttributeKey::keyword_list("BinaryChecksums");

/// Longest time of an activity that the profile does not limit; the server wants a limit.
const UNLIMITED: Duration = Duration::from_secs(10 * 365 * 86_400);

type Done = Result<(), WorkflowTermination>;

/// One run of a workflow.
pub(super) struct Steps {
    context: WorkflowContext<GenericWorkflow>,
    shared: Arc<Shared>,
    program: Arc<Program>,
    workflow: usize,
    run_number: u32,
    draws: Draws,
    is_child: bool,
    /// Of all commands: a workflow that is cancelled ends with its next task, and cancels nothing before (as in the model).
    never: WorkflowCancellationToken,
}

impl Steps {
    pub(super) fn new(context: WorkflowContext<GenericWorkflow>, run_number: u32) -> Self {
        let (shared, workflow) = context.state(|workflow| (workflow.shared.clone(), workflow.workflow));
        let key = shared.workload.key_of(context.workflow_id());
        let draws = shared.workload.draws(&key, run_number);
        let program = shared.workload.program().clone();
        let never = WorkflowCancellationToken::new();
        Steps { shared, program, workflow, run_number, draws, is_child: key.is_child(), never, context }
    }

    pub(super) fn workflow_id(&self) -> &str {
        self.context.workflow_id()
    }

    fn plan(&self) -> &TypePlan {
        &self.program.types[self.workflow]
    }

    /// Runs all steps; gives the size of the result.
    pub(super) async fn run(&self) -> Result<Bytes, WorkflowTermination> {
        let plan = self.plan();
        // A signal comes with the first run's start only; a child's start has none.
        let with_start = plan.signal_with_start.is_some() && self.run_number == 0 && !self.is_child;
        self.context.state(|workflow| {
            workflow.run_number.set(self.run_number);
            workflow.with_start.set(with_start);
        });
        self.ask_for_what_comes_from_the_start();
        let mut steps = self.sequence(&plan.steps, Place::root());
        let cancelled = self.context.cancelled();
        futures::pin_mut!(cancelled);
        // Cancellation first: a cancelled workflow ends with this task, and asks for nothing more (as in the model).
        std::future::poll_fn(|cx| match cancelled.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(Err(WorkflowTermination::cancelled())),
            Poll::Pending => steps.as_mut().poll(cx),
        })
        .await?;
        Ok(plan.result)
    }

    /// The driver knows what to send to a workflow that it started, from the start on; of continued runs and children it
    /// learns here.
    fn ask_for_what_comes_from_the_start(&self) {
        if self.context.is_replaying() || (self.run_number == 0 && !self.is_child) {
            return;
        }
        for follow_up in self.shared.workload.due_from_start(self.plan(), &self.draws) {
            self.shared.wants(self.workflow_id(), follow_up);
        }
    }

    fn sequence<'a>(&'a self, steps: &'a [PlanStep], place: Place) -> LocalBoxFuture<'a, Done> {
        async move {
            for (index, step) in steps.iter().enumerate() {
                self.step(step, place.below(index as u64)).await?;
            }
            Ok(())
        }
        .boxed_local()
    }

    fn step<'a>(&'a self, step: &'a PlanStep, place: Place) -> LocalBoxFuture<'a, Done> {
        match step {
            PlanStep::Activity(index) => self.activity(*index, place).boxed_local(),
            PlanStep::LocalActivity(index) => self.local_activity(*index, place).boxed_local(),
            PlanStep::Timer(span) => {
                let span = self.draws.span(span, place.text());
                let mut options = TimerOptions::from(Duration::from_nanos(span.0));
                options.cancellation_token = Some(self.never.clone());
                let timer = self.context.timer(options);
                timer.map(|_| Ok(())).boxed_local()
            }
            PlanStep::Message { message, count, sent_from_start } => {
                self.messages(*message, *count, *sent_from_start, place).boxed_local()
            }
            PlanStep::Query(message, times) => {
                if !self.context.is_replaying() && *times > 0 {
                    let message = self.program.messages[*message].query(*times);
                    self.want(Nanos::ZERO, message, place.text());
                }
                std::future::ready(Ok(())).boxed_local()
            }
            PlanStep::Child { workflow, wait, policy } => self.child(*workflow, *wait, *policy, place).boxed_local(),
            PlanStep::ContinueAsNew { runs } => std::future::ready(self.continue_as_new(*runs)).boxed_local(),
            PlanStep::UpsertSearchAttributes(size) => {
                // Quotes and brackets are part of the value's size.
                let length = size.0.min(LARGEST_SEARCH_ATTRIBUTE.0).saturating_sub(4).max(1) as usize;
                self.context.upsert_search_attributes([SEARCH_ATTRIBUTE.value_set(vec!["x".repeat(length)])]);
                std::future::ready(Ok(())).boxed_local()
            }
            PlanStep::Parallel(steps) => {
                let branches = steps.iter().enumerate();
                all(branches.map(|(index, step)| self.step(step, place.below(index as u64))).collect()).boxed_local()
            }
            PlanStep::Sequence(steps) => self.sequence(steps, place),
            PlanStep::Repeat(times, steps) => async move {
                for turn in 0..*times {
                    self.sequence(steps, place.below(u64::from(turn))).await?;
                }
                Ok(())
            }
            .boxed_local(),
            PlanStep::Branch(arms) => {
                let drawn = self.draws.uniform(place.text());
                match arms.iter().position(|(end, _)| drawn < *end) {
                    Some(index) => self.sequence(&arms[index].1, place.below(index as u64)),
                    None => std::future::ready(Ok(())).boxed_local(),
                }
            }
        }
    }

    fn activity_id(&self, index: usize, place: &Place) -> String {
        ActivityName { index, run_number: self.run_number, place: place.text().to_owned() }.text()
    }

    fn input(&self, size: Bytes, index: usize) -> RawValue {
        RawValue::new(vec![payload::of(size, self.workflow_id(), index as u64)])
    }

    async fn activity(&self, index: usize, place: Place) -> Done {
        let plan = &self.program.activities[index];
        let limits = &plan.timeouts;
        let close = match (limits.start_to_close.map(std_span), limits.schedule_to_close.map(std_span)) {
            (Some(start_to_close), Some(schedule_to_close)) => {
                ActivityCloseTimeouts::ScheduleAndStartToClose { schedule_to_close, start_to_close }
            }
            (None, Some(schedule_to_close)) => ActivityCloseTimeouts::ScheduleToClose(schedule_to_close),
            (start_to_close, None) => ActivityCloseTimeouts::StartToClose(start_to_close.unwrap_or(UNLIMITED)),
        };
        let mut retry = RetryPolicy::default();
        retry
            .set_initial_interval(std_span(plan.retry.initial))
            .set_backoff_coefficient(plan.retry.backoff)
            .set_maximum_interval(Some(std_span(plan.retry.maximum)))
            .set_maximum_attempts(plan.retry.attempts);
        let mut options = ActivityOptions::with_close_timeouts(close).build();
        options.activity_id = Some(self.activity_id(index, &place));
        options.schedule_to_start_timeout = limits.schedule_to_start.map(std_span);
        options.heartbeat_timeout = plan.heartbeat_timeout.map(std_span);
        options.cancellation_token = Some(self.never.clone());
        options.retry_policy = Some(retry);
        let activity = UntypedActivity::new(plan.name.clone());
        self.context.execute_activity(activity, self.input(plan.input, index), options).await?;
        Ok(())
    }

    async fn local_activity(&self, index: usize, place: Place) -> Done {
        let plan = &self.program.activities[index];
        let mut options = LocalActivityOptions::default();
        options.activity_id = Some(self.activity_id(index, &place));
        options.cancellation_token = Some(self.never.clone());
        options.start_to_close_timeout = Some(UNLIMITED);
        options.schedule_to_close_timeout = Some(UNLIMITED);
        let activity = UntypedActivity::new(plan.name.clone());
        self.context.execute_local_activity(activity, self.input(plan.input, index), options).await?;
        Ok(())
    }

    /// Waits for signals or updates, one after the other; each is asked for when it is waited for.
    async fn messages(&self, index: usize, count: u32, sent_from_start: bool, place: Place) -> Done {
        let plan = &self.program.messages[index];
        for number in 0..count {
            let with_start = self.plan().signal_with_start == Some(index)
                && self.context.state(|workflow| workflow.with_start.replace(false));
            if !sent_from_start && !with_start && !self.context.is_replaying() {
                let name = format!("{}/{number}", place.text());
                let after = self.draws.span(&plan.after, &name);
                self.want(after, plan.message(), &name);
            }
            self.context.wait_condition(|workflow| workflow.has(plan.kind, &plan.name)).await?;
            self.context.state_mut(|workflow| workflow.take(plan.kind, &plan.name));
        }
        Ok(())
    }

    fn want(&self, after: Nanos, message: Message, place: &str) {
        self.shared.wants(self.workflow_id(), FollowUp::new(after, message, &self.draws, place));
    }

    async fn child(&self, workflow: usize, wait: bool, policy: ProfilePolicy, place: Place) -> Done {
        let plan = &self.program.types[workflow];
        let policy = match policy {
            ProfilePolicy::Terminate => ParentClosePolicy::Terminate,
            ProfilePolicy::RequestCancel => ParentClosePolicy::RequestCancel,
            ProfilePolicy::Abandon => ParentClosePolicy::Abandon,
        };
        let id = format!("{}/{}.{}", self.workflow_id(), self.run_number, place.text());
        let mut options = ChildWorkflowOptions::workflow_id(id);
        options.cancellation_token = Some(self.never.clone());
        options.parent_close_policy = policy;
        options.run_timeout = plan.ends.run_timeout.map(std_span);
        options.execution_timeout = plan.ends.execution_timeout.map(std_span);
        let child = UntypedWorkflow::new(plan.name.clone());
        let input = self.input(plan.input, workflow);
        let started = self.context.start_child_workflow(child, input, options).await?;
        if wait {
            started.result().await?;
        }
        Ok(())
    }

    fn continue_as_new(&self, runs: u32) -> Done {
        if self.run_number >= runs {
            return Ok(());
        }
        let plan = self.plan();
        let input = payload::of_continued(plan.input, self.workflow_id(), self.run_number + 1);
        let mut options = ContinueAsNewOptions::builder().build();
        options.run_timeout = plan.ends.run_timeout.map(std_span);
        match self.context.continue_as_new(RawValue::new(vec![input]), options) {
            Err(termination) => Err(termination),
            Ok(never) => match never {},
        }
    }
}

/// All of these at once, polled in their order so that a replay does the same; the first failure is the end of all.
async fn all(mut branches: Vec<LocalBoxFuture<'_, Done>>) -> Done {
    std::future::poll_fn(move |cx| {
        let mut failure = None;
        branches.retain_mut(|branch| match Pin::new(branch).poll(cx) {
            _ if failure.is_some() => true,
            Poll::Pending => true,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => {
                failure = Some(error);
                true
            }
        });
        match failure {
            Some(error) => Poll::Ready(Err(error)),
            None if branches.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}

fn std_span(span: Nanos) -> Duration {
    Duration::from_nanos(span.0)
}
