//! A profile's workflow types, compiled: names, distributions and payload sizes, ready to be run.

use plimsoll_profiles::profile::{
    Activity, EndedByClient, ParentClosePolicy, Profile, RetryPolicy, Step, Timeouts, WorkflowType,
};
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::{Bytes, Nanos, Probability};

use super::draw::distribution;
use super::message::Message;

/// All workflow types of a profile.
#[derive(Clone, Debug)]
pub struct Program {
    /// By index in the profile.
    pub types: Vec<TypePlan>,
    /// All activities and local activities of all types; an activity's id names its index.
    pub activities: Vec<ActivityPlan>,
    /// All signals, updates and queries of all types.
    pub messages: Vec<MessagePlan>,
    /// Upper ends of the types' shares on [0, 1], with the type.
    shares: Vec<(f64, usize)>,
}

/// One workflow type.
#[derive(Clone, Debug)]
pub struct TypePlan {
    /// Its name.
    pub name: String,
    /// Payload of the start.
    pub input: Bytes,
    /// Payload of the result.
    pub result: Bytes,
    /// The signal that comes with the start: index into [`Program::messages`].
    pub signal_with_start: Option<usize>,
    /// What ends it from outside.
    pub ends: Ends,
    /// What is sent to each run from its start on.
    pub from_start: Vec<Sent>,
    /// What it does.
    pub steps: Vec<PlanStep>,
}

/// Messages that are sent from the start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Index into [`Program::messages`].
    pub message: usize,
    /// How many, one after the other.
    pub count: u32,
}

/// What ends workflows of a type from outside.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Longest time of one run.
    pub run_timeout: Option<Nanos>,
    /// Longest time of the chain of runs.
    pub execution_timeout: Option<Nanos>,
    /// Cancellation by a client: how likely, and how long after the start.
    pub cancelled: Option<(Probability, Distribution)>,
    /// Termination by a client.
    pub terminated: Option<(Probability, Distribution)>,
}

impl Ends {
    /// Whether the server may end it by a time-out.
    pub fn may_time_out(&self) -> bool {
        self.run_timeout.is_some() || self.execution_timeout.is_some()
    }
}

/// One step of a compiled workflow.
#[derive(Clone, Debug)]
pub enum PlanStep {
    /// A regular activity: index into [`Program::activities`].
    Activity(usize),
    /// A local activity: index into [`Program::activities`].
    LocalActivity(usize),
    /// A timer.
    Timer(Distribution),
    /// A wait for so many signals or updates.
    Message {
        /// Index into [`Program::messages`].
        message: usize,
        /// How many the step needs.
        count: u32,
        /// They are sent from the start on, so the worker need not ask for them.
        sent_from_start: bool,
    },
    /// Clients query; nobody waits. Index into [`Program::messages`], and how many.
    Query(usize, u32),
    /// A child workflow.
    Child {
        /// Its type.
        workflow: usize,
        /// Wait for its end, else for its start.
        wait: bool,
        /// What becomes of it when the parent ends first.
        policy: ParentClosePolicy,
    },
    /// End this run and start the next, while fewer than `runs` were made.
    ContinueAsNew {
        /// Further runs in all.
        runs: u32,
    },
    /// Change a search attribute by a value of this many bytes.
    UpsertSearchAttributes(Bytes),
    /// All branches at once.
    Parallel(Vec<PlanStep>),
    /// One after the other.
    Sequence(Vec<PlanStep>),
    /// The steps, `times` times.
    Repeat(u32, Vec<PlanStep>),
    /// One arm: the first whose upper end of cumulative probability is above the number drawn.
    Branch(Vec<(f64, Vec<PlanStep>)>),
}

/// What a worker needs of an activity.
#[derive(Clone, Debug)]
pub struct ActivityPlan {
    /// Its name.
    pub name: String,
    /// How long one attempt takes, its CPU included.
    pub takes: Distribution,
    /// CPU of one attempt.
    pub cpu: Nanos,
    /// Payload in.
    pub input: Bytes,
    /// Payload out.
    pub output: Bytes,
    /// Probability of a failure per attempt.
    pub fails: Probability,
    /// Of those, the share that is not retryable.
    pub non_retryable: Probability,
    /// First attempts that fail for certain.
    pub fails_first: u32,
    /// The retry policy.
    pub retry: RetryPolicy,
    /// Reports so often.
    pub heartbeat_every: Option<Nanos>,
    /// Heartbeat time-out.
    pub heartbeat_timeout: Option<Nanos>,
    /// Time-outs.
    pub timeouts: Timeouts,
}

/// What is known of a signal, an update or a query.
#[derive(Clone, Debug)]
pub struct MessagePlan {
    /// Its name.
    pub name: String,
    /// Which.
    pub kind: MessageKind,
    /// When it is sent, counted as the profile says.
    pub after: Distribution,
    /// Payload in.
    pub input: Bytes,
    /// Payload out.
    pub output: Bytes,
    /// Probability that the validator rejects an update.
    pub rejected: Probability,
}

/// Which kind a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// A signal.
    Signal,
    /// An update.
    Update,
    /// A query.
    Query,
}

impl MessagePlan {
    /// One of it, to be sent.
    pub fn message(&self) -> Message {
        let name = self.name.clone();
        match self.kind {
            MessageKind::Signal => Message::Signal { name, payload: self.input.0 },
            MessageKind::Update => Message::Update { name, input: self.input.0 },
            MessageKind::Query => self.query(1),
        }
    }

    /// So many queries, one after the other.
    pub fn query(&self, times: u32) -> Message {
        Message::Query { name: self.name.clone(), times }
    }
}

impl Program {
    /// Compiles a profile's workflows.
    pub fn of(profile: &Profile) -> Self {
        let mut program =
            Program { types: Vec::new(), activities: Vec::new(), messages: Vec::new(), shares: Vec::new() };
        for workflow in &profile.workflows {
            let plan = program.type_plan(workflow);
            program.types.push(plan);
        }
        let mut end = 0.0;
        for (index, workflow) in profile.workflows.iter().enumerate() {
            let Some(share) = workflow.share.filter(|share| share.get() > 0.0) else { continue };
            end += share.get();
            program.shares.push((end, index));
        }
        program
    }

    /// The type of a workflow whose draw from [0, 1) this is.
    pub fn type_at(&self, drawn: f64) -> usize {
        let found = self.shares.iter().find(|(end, _)| drawn < *end);
        // Shares add up to one but for rounding: what falls behind the last is the last's.
        found.or(self.shares.last()).map_or(0, |(_, index)| *index)
    }

    /// The type with this name.
    pub fn type_named(&self, name: &str) -> Option<usize> {
        self.types.iter().position(|plan| plan.name == name)
    }

    /// Names of all activities, local ones included.
    pub fn activity_names(&self) -> std::collections::BTreeSet<&str> {
        self.activities.iter().map(|activity| activity.name.as_str()).collect()
    }

    /// The first message of this kind and name.
    pub fn message_named(&self, kind: MessageKind, name: &str) -> Option<&MessagePlan> {
        self.messages.iter().find(|message| message.kind == kind && message.name == name)
    }

    fn type_plan(&mut self, workflow: &WorkflowType) -> TypePlan {
        let mut from_start = Vec::new();
        let steps = self.steps(&workflow.steps, Where { certain: true, times: 1 }, &mut from_start);
        let mut with_start = None;
        if let Some(name) = &workflow.signal_with_start {
            with_start = find_signal(&steps, name, &self.messages);
        }
        TypePlan {
            name: workflow.name.clone(),
            input: workflow.input,
            result: workflow.result,
            signal_with_start: with_start,
            ends: ends(workflow),
            from_start,
            steps,
        }
    }

    fn steps(&mut self, steps: &[Step], place: Where, from_start: &mut Vec<Sent>) -> Vec<PlanStep> {
        steps.iter().map(|step| self.step(step, place, from_start)).collect()
    }

    fn step(&mut self, step: &Step, place: Where, from_start: &mut Vec<Sent>) -> PlanStep {
        match step {
            Step::Activity(activity) => PlanStep::Activity(self.activity(activity_plan(activity))),
            Step::LocalActivity(local) => {
                let plan = instant(&local.name, local.output);
                let plan = ActivityPlan { takes: distribution(&local.takes), cpu: local.cpu, ..plan };
                PlanStep::LocalActivity(self.activity(plan))
            }
            // The SDK has no side effects: a local activity that does nothing leaves a marker of the same payload.
            Step::SideEffect { name, payload } => PlanStep::LocalActivity(self.activity(instant(name, *payload))),
            Step::Timer(span) => PlanStep::Timer(distribution(span)),
            Step::WaitSignal(wait) => {
                let plan = MessagePlan {
                    name: wait.name.clone(),
                    kind: MessageKind::Signal,
                    after: distribution(&wait.after),
                    input: wait.payload,
                    output: Bytes(0),
                    rejected: Probability::ZERO,
                };
                self.wait(plan, wait.count, wait.from_start, place, from_start)
            }
            Step::Update(update) => {
                let plan = MessagePlan {
                    name: update.name.clone(),
                    kind: MessageKind::Update,
                    after: distribution(&update.after),
                    input: update.input,
                    output: update.output,
                    rejected: update.rejected,
                };
                self.wait(plan, update.count, update.from_start, place, from_start)
            }
            Step::Query(query) => {
                let plan = MessagePlan {
                    name: query.name.clone(),
                    kind: MessageKind::Query,
                    after: Distribution::Constant(Nanos::ZERO),
                    input: Bytes(0),
                    output: query.output,
                    rejected: Probability::ZERO,
                };
                PlanStep::Query(self.message(plan), query.count)
            }
            Step::Child(child) => {
                PlanStep::Child { workflow: child.workflow, wait: child.wait, policy: child.on_parent_close }
            }
            Step::ContinueAsNew { runs } => PlanStep::ContinueAsNew { runs: *runs },
            Step::UpsertSearchAttributes { payload, .. } => PlanStep::UpsertSearchAttributes(*payload),
            Step::Parallel(steps) => PlanStep::Parallel(self.steps(steps, place, from_start)),
            Step::Sequence(steps) => PlanStep::Sequence(self.steps(steps, place, from_start)),
            Step::Repeat { times, steps } => {
                let inside = Where { times: place.times.saturating_mul(*times), ..place };
                PlanStep::Repeat(*times, self.steps(steps, inside, from_start))
            }
            Step::Branch(arms) => {
                let inside = Where { certain: false, ..place };
                let mut end = 0.0;
                let arms = arms.iter().map(|arm| {
                    end += arm.probability.get();
                    (end, self.steps(&arm.steps, inside, from_start))
                });
                PlanStep::Branch(arms.collect())
            }
        }
    }

    /// A wait for messages. A client does not know which branch a workflow takes: there it sends what is waited for.
    fn wait(
        &mut self,
        plan: MessagePlan,
        count: u32,
        from_start: bool,
        place: Where,
        sent: &mut Vec<Sent>,
    ) -> PlanStep {
        let message = self.message(plan);
        let sent_from_start = from_start && place.certain;
        if sent_from_start {
            sent.push(Sent { message, count: count.saturating_mul(place.times) });
        }
        PlanStep::Message { message, count, sent_from_start }
    }

    fn activity(&mut self, plan: ActivityPlan) -> usize {
        self.activities.push(plan);
        self.activities.len() - 1
    }

    fn message(&mut self, plan: MessagePlan) -> usize {
        self.messages.push(plan);
        self.messages.len() - 1
    }
}

/// Where a step stands: whether every run comes to it, and how often.
#[derive(Clone, Copy)]
struct Where {
    certain: bool,
    times: u32,
}

/// The first step that waits for a signal of this name.
fn find_signal(steps: &[PlanStep], name: &str, messages: &[MessagePlan]) -> Option<usize> {
    steps.iter().find_map(|step| match step {
        PlanStep::Message { message, .. } => {
            let plan = &messages[*message];
            (plan.kind == MessageKind::Signal && plan.name == name).then_some(*message)
        }
        PlanStep::Parallel(steps) | PlanStep::Sequence(steps) | PlanStep::Repeat(_, steps) => {
            find_signal(steps, name, messages)
        }
        PlanStep::Branch(arms) => arms.iter().find_map(|(_, steps)| find_signal(steps, name, messages)),
        _ => None,
    })
}

fn ends(workflow: &WorkflowType) -> Ends {
    let by_client =
        |ended: &Option<EndedByClient>| ended.as_ref().map(|ended| (ended.probability, distribution(&ended.after)));
    Ends {
        run_timeout: workflow.run_timeout,
        execution_timeout: workflow.execution_timeout,
        cancelled: by_client(&workflow.cancelled),
        terminated: by_client(&workflow.terminated),
    }
}

fn activity_plan(activity: &Activity) -> ActivityPlan {
    ActivityPlan {
        name: activity.name.clone(),
        takes: distribution(&activity.takes),
        cpu: activity.cpu,
        input: activity.input,
        output: activity.output,
        fails: activity.fails,
        non_retryable: activity.non_retryable,
        fails_first: activity.fails_first,
        retry: activity.retry.clone(),
        heartbeat_every: activity.heartbeat.map(|heartbeat| heartbeat.every),
        heartbeat_timeout: activity.heartbeat.and_then(|heartbeat| heartbeat.timeout),
        timeouts: activity.timeouts,
    }
}

/// A local activity that takes no time.
fn instant(name: &str, output: Bytes) -> ActivityPlan {
    ActivityPlan {
        name: name.to_owned(),
        takes: Distribution::Constant(Nanos::ZERO),
        cpu: Nanos::ZERO,
        input: Bytes(0),
        output,
        fails: Probability::ZERO,
        non_retryable: Probability::ZERO,
        fails_first: 0,
        retry: RetryPolicy { initial: Nanos::from_secs(1), backoff: 2.0, maximum: Nanos::from_secs(100), attempts: 1 },
        heartbeat_every: None,
        heartbeat_timeout: None,
        timeouts: Timeouts::default(),
    }
}
