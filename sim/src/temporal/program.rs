//! A workflow's steps as instructions, so that running one allocates nothing.

use plimsoll_profiles::profile::{Activity, EndedByClient, ParentClosePolicy, Profile, Span, Step, WorkflowType};
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::{Bytes, Nanos, Probability};

/// All workflow types of a profile.
#[derive(Clone, Debug)]
pub struct Program {
    /// By index in the profile.
    pub types: Vec<TypeProgram>,
    /// All activities of all types.
    pub activities: Vec<ActivitySpec>,
    /// All spans drawn by timers, signals and updates.
    pub spans: Vec<SpanSpec>,
    /// All local activities.
    pub local_activities: Vec<LocalSpec>,
}

/// One workflow type.
#[derive(Clone, Debug)]
pub struct TypeProgram {
    /// Its instructions; the first is where a run starts.
    pub instructions: Vec<Instruction>,
    /// Signals and updates that are sent from the start on: their span, and how many.
    pub from_start: Vec<(u32, u32)>,
    /// Payload of the start.
    pub input: Bytes,
    /// Payload of the result.
    pub result: Bytes,
    /// How it is started.
    pub start: StartKind,
    /// What ends it from outside, if anything does.
    pub ends: Option<EndsSpec>,
}

/// How workflows of a type are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// StartWorkflowExecution.
    Plain,
    /// The same, answered with the first workflow task.
    Eager,
    /// SignalWithStartWorkflowExecution.
    WithSignal {
        /// Payload of the signal.
        payload: Bytes,
    },
    /// A Temporal schedule's.
    Scheduled,
}

/// What ends workflows of a type from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct EndsSpec {
    /// Longest time of one run.
    pub run_timeout: Option<Nanos>,
    /// Longest time of the chain of runs.
    pub execution_timeout: Option<Nanos>,
    /// Probability that a client requests cancellation, and how long after the start.
    pub cancelled: Option<(Probability, Distribution)>,
    /// Probability that a client terminates it, and how long after the start.
    pub terminated: Option<(Probability, Distribution)>,
}

/// What one coroutine of a workflow does next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// Schedule an activity and wait for it.
    Activity(u32),
    /// Run a local activity inside the workflow task.
    LocalActivity(u32),
    /// Wait for a timer.
    Timer(u32),
    /// Wait for a signal that is sent once the workflow waits for it.
    Signal(u32),
    /// Wait for a signal or update that is sent whether or not the workflow waits for it.
    MessageFromStart(u32),
    /// Wait for an update.
    Update(u32),
    /// Clients query; nobody waits.
    Query(u32),
    /// Start a child.
    Child {
        /// Its type.
        workflow: u32,
        /// Wait for its end, else for its start.
        wait: bool,
        /// What becomes of it when the parent ends first.
        policy: ParentClosePolicy,
    },
    /// A command without a wait: change search attributes, with a payload of this many bytes.
    UpsertSearchAttributes(u32),
    /// A marker without a wait, with a payload of this many bytes.
    SideEffect(u32),
    /// End this run and start the next, while runs are left.
    ContinueAsNew {
        /// Further runs in all.
        runs: u32,
    },
    /// Start `count` branches and wait for all; the branches' jumps follow this instruction.
    Fork {
        /// Branches.
        count: u32,
    },
    /// A branch is done.
    Join,
    /// With probability `p` go on, else jump.
    Unless {
        /// Probability of going on, given that this instruction is reached.
        p: f64,
        /// Where else.
        otherwise: u32,
    },
    /// Go there.
    Jump(u32),
    /// The workflow is complete.
    Done,
}

/// What the simulator needs of an activity.
#[derive(Clone, Debug)]
pub struct ActivitySpec {
    /// Its name.
    pub name: String,
    /// Duration of one attempt.
    pub takes: Distribution,
    /// Worker CPU of one attempt.
    pub cpu: Nanos,
    /// Memory while it runs.
    pub memory: Bytes,
    /// Payload in.
    pub input: Bytes,
    /// Payload out.
    pub output: Bytes,
    /// Probability of a failure per attempt.
    pub fails: Probability,
    /// Of those, the share that is not retried.
    pub non_retryable: Probability,
    /// First attempts that fail for certain.
    pub fails_first: u32,
    /// First back-off.
    pub retry_initial: Nanos,
    /// Back-off factor.
    pub retry_backoff: f64,
    /// Longest back-off.
    pub retry_maximum: Nanos,
    /// Attempts in all; 0 is unlimited.
    pub attempts: u32,
    /// Heartbeats.
    pub heartbeat: Option<HeartbeatSpec>,
    /// One attempt may take this long.
    pub start_to_close: Nanos,
    /// It may wait for a worker this long.
    pub schedule_to_start: Nanos,
    /// All attempts together may take this long.
    pub schedule_to_close: Nanos,
}

/// Heartbeats that reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatSpec {
    /// The first comes so long after the activity's start.
    pub first: Nanos,
    /// Each further one so long after the one before.
    pub every: Nanos,
    /// The heartbeat time-out.
    pub timeout: Option<Nanos>,
}

/// A span drawn for a timer, a signal or an update.
#[derive(Clone, Debug)]
pub struct SpanSpec {
    /// How long.
    pub span: Distribution,
    /// Counted from the workflow's start.
    pub from_start: bool,
    /// Payload that comes with it.
    pub payload: Bytes,
    /// It is an update, not a signal.
    pub update: bool,
    /// Probability that the update is rejected.
    pub rejected: Probability,
}

/// A local activity.
#[derive(Clone, Debug)]
pub struct LocalSpec {
    /// How long.
    pub takes: Distribution,
    /// Worker CPU.
    pub cpu: Nanos,
    /// What its marker holds beside the event: its result, and what the SDK adds.
    pub marker: Bytes,
}

/// The distribution a profile's span describes.
///
/// Quantiles were checked when the profile was read; should they be refused all the same, their largest is taken as constant.
pub fn distribution(span: &Span) -> Distribution {
    match span {
        Span::Constant(value) => Distribution::Constant(*value),
        Span::MeanCv { mean, cv } => Distribution::from_mean_cv(*mean, *cv),
        Span::Quantiles(points) => Distribution::from_quantiles(points)
            .unwrap_or_else(|_| Distribution::Constant(points.last().map_or(Nanos::ZERO, |point| point.1))),
    }
}

impl Program {
    /// Compiles a profile's workflows.
    pub fn of(profile: &Profile) -> Self {
        let mut program =
            Program { types: Vec::new(), activities: Vec::new(), spans: Vec::new(), local_activities: Vec::new() };
        for workflow in &profile.workflows {
            let mut instructions = Vec::new();
            let mut sent = workflow.signal_with_start.as_deref();
            let activities = program.activities.len();
            let mut steps = workflow.steps.clone();
            let start = start_kind(workflow, take_signal(&mut steps, &mut sent));
            for step in &steps {
                program.compile(step, profile, true, &mut instructions);
            }
            instructions.push(Instruction::Done);
            // The server lets no attempt outlast its run, and a worker does not answer one that is over.
            let longest = workflow.run_timeout.or(workflow.execution_timeout).unwrap_or(Nanos::MAX_INPUT);
            for activity in &mut program.activities[activities..] {
                activity.start_to_close = activity.start_to_close.min(longest);
            }
            let from_start = from_start(&instructions);
            program.types.push(TypeProgram {
                instructions,
                from_start,
                input: workflow.input,
                result: workflow.result,
                start,
                ends: ends(workflow),
            });
        }
        program
    }

    /// Whether clients send queries.
    pub fn has_queries(&self) -> bool {
        let mut instructions = self.types.iter().flat_map(|workflow| &workflow.instructions);
        instructions.any(|instruction| matches!(instruction, Instruction::Query(_)))
    }

    /// Compiles a step; `certain` when every run comes to it.
    fn compile(&mut self, step: &Step, profile: &Profile, certain: bool, out: &mut Vec<Instruction>) {
        match step {
            Step::Activity(activity) => {
                self.activities.push(activity_spec(activity, profile));
                out.push(Instruction::Activity(self.activities.len() as u32 - 1));
            }
            Step::LocalActivity(local) => {
                self.local_activities.push(LocalSpec {
                    takes: distribution(&local.takes),
                    cpu: local.cpu,
                    marker: Bytes(local.output.0 + profile.sdk.defaults().marker_data.0),
                });
                out.push(Instruction::LocalActivity(self.local_activities.len() as u32 - 1));
            }
            Step::Timer(span) => {
                let index = self.span(distribution(span), false, Bytes(0));
                out.push(Instruction::Timer(index));
            }
            Step::WaitSignal(wait) => {
                let index = self.span(distribution(&wait.after), wait.from_start, wait.payload);
                // A client does not know which branch a workflow takes: there it sends what is waited for.
                let signal = match wait.from_start && certain {
                    true => Instruction::MessageFromStart(index),
                    false => Instruction::Signal(index),
                };
                out.extend((0..wait.count).map(|_| signal));
            }
            Step::Update(update) => {
                let payload = Bytes(update.input.0 + update.output.0);
                let index = self.span(distribution(&update.after), update.from_start, payload);
                self.spans[index as usize].update = true;
                self.spans[index as usize].rejected = update.rejected;
                let instruction = match update.from_start && certain {
                    true => Instruction::MessageFromStart(index),
                    false => Instruction::Update(index),
                };
                out.extend((0..update.count).map(|_| instruction));
            }
            Step::Query(query) => out.push(Instruction::Query(query.count)),
            Step::Child(child) => {
                let (workflow, wait, policy) = (child.workflow as u32, child.wait, child.on_parent_close);
                out.push(Instruction::Child { workflow, wait, policy });
            }
            Step::UpsertSearchAttributes { payload, .. } => {
                out.push(Instruction::UpsertSearchAttributes(payload.0 as u32));
            }
            Step::SideEffect { payload, .. } => out.push(Instruction::SideEffect(payload.0 as u32)),
            Step::ContinueAsNew { runs } => out.push(Instruction::ContinueAsNew { runs: *runs }),
            Step::Sequence(steps) => {
                for step in steps {
                    self.compile(step, profile, certain, out);
                }
            }
            Step::Repeat { times, steps } => {
                // Unrolled: a profile's expanded length is limited when it is read. Specs are compiled once.
                let start = out.len();
                for step in steps {
                    self.compile(step, profile, certain, out);
                }
                let body: Vec<_> = out[start..].to_vec();
                if *times == 0 {
                    out.truncate(start);
                }
                for turn in 1..*times {
                    let shift = body.len() as u32 * turn;
                    out.extend(body.iter().map(|instruction| instruction.shifted(shift)));
                }
            }
            Step::Parallel(branches) => self.compile_parallel(branches, profile, certain, out),
            Step::Branch(arms) => {
                let mut left = 1.0;
                let mut exits = Vec::new();
                for arm in arms {
                    let test = out.len();
                    out.push(Instruction::Done);
                    for step in &arm.steps {
                        self.compile(step, profile, false, out);
                    }
                    exits.push(out.len());
                    out.push(Instruction::Done);
                    let p = if left > 0.0 { (arm.probability.get() / left).min(1.0) } else { 0.0 };
                    out[test] = Instruction::Unless { p, otherwise: out.len() as u32 };
                    left -= arm.probability.get();
                }
                let end = out.len() as u32;
                for exit in exits {
                    out[exit] = Instruction::Jump(end);
                }
            }
        }
    }

    fn compile_parallel(&mut self, branches: &[Step], profile: &Profile, certain: bool, out: &mut Vec<Instruction>) {
        out.push(Instruction::Fork { count: branches.len() as u32 });
        let table = out.len();
        // One jump per branch, then one for what follows the block.
        out.extend((0..=branches.len()).map(|_| Instruction::Done));
        for (index, branch) in branches.iter().enumerate() {
            out[table + index] = Instruction::Jump(out.len() as u32);
            self.compile(branch, profile, certain, out);
            out.push(Instruction::Join);
        }
        out[table + branches.len()] = Instruction::Jump(out.len() as u32);
    }

    fn span(&mut self, span: Distribution, from_start: bool, payload: Bytes) -> u32 {
        self.spans.push(SpanSpec { span, from_start, payload, update: false, rejected: Probability::ZERO });
        self.spans.len() as u32 - 1
    }
}

impl Instruction {
    fn shifted(self, by: u32) -> Self {
        match self {
            Instruction::Jump(to) => Instruction::Jump(to + by),
            Instruction::Unless { p, otherwise } => Instruction::Unless { p, otherwise: otherwise + by },
            other => other,
        }
    }
}

/// The signals and updates of a type that are sent from the start on.
fn from_start(instructions: &[Instruction]) -> Vec<(u32, u32)> {
    let mut list: Vec<(u32, u32)> = Vec::new();
    for instruction in instructions {
        let Instruction::MessageFromStart(span) = *instruction else { continue };
        match list.iter_mut().find(|(known, _)| *known == span) {
            Some((_, count)) => *count += 1,
            None => list.push((span, 1)),
        }
    }
    list
}

/// The heartbeats that an SDK lets through: the first at once, a later one no sooner than 0.8 × the time-out after the one before,
/// half a minute where there is no time-out, a minute at most (Go `internal_worker_base.go`, `getHeartbeatThrottleInterval`;
/// Core: `default_heartbeat_throttle_interval` and `max_heartbeat_throttle_interval`).
pub(crate) fn heartbeats(activity: &Activity, profile: &Profile) -> Option<HeartbeatSpec> {
    let heartbeat = activity.heartbeat?;
    let defaults = profile.sdk.defaults();
    let throttle = heartbeat.timeout.map_or(defaults.heartbeat_throttle, |timeout| Nanos(timeout.0 / 5 * 4));
    let throttle = throttle.min(defaults.longest_heartbeat_throttle);
    Some(HeartbeatSpec { first: heartbeat.every, every: heartbeat.every.max(throttle), timeout: heartbeat.timeout })
}

/// The signal that comes with the start is there before the first workflow task: the first step that waits for it needs one less.
/// Gives its payload.
fn take_signal(steps: &mut [Step], signal: &mut Option<&str>) -> Option<Bytes> {
    for step in steps {
        let taken = match step {
            Step::WaitSignal(wait) if Some(wait.name.as_str()) == *signal => {
                *signal = None;
                wait.count -= 1;
                Some(wait.payload)
            }
            Step::Parallel(steps) | Step::Sequence(steps) => take_signal(steps, signal),
            Step::Repeat { times, steps } => {
                // The first turn needs one signal less than the others.
                let others = Step::Repeat { times: times.saturating_sub(1), steps: steps.clone() };
                let taken = take_signal(steps, signal);
                if taken.is_some() {
                    *step = Step::Sequence(vec![Step::Sequence(std::mem::take(steps)), others]);
                }
                taken
            }
            Step::Branch(arms) => arms.iter_mut().find_map(|arm| take_signal(&mut arm.steps, signal)),
            _ => None,
        };
        if taken.is_some() {
            return taken;
        }
    }
    None
}

fn start_kind(workflow: &WorkflowType, signal: Option<Bytes>) -> StartKind {
    match signal {
        Some(payload) => StartKind::WithSignal { payload },
        None if workflow.scheduled => StartKind::Scheduled,
        None if workflow.eager_start => StartKind::Eager,
        None => StartKind::Plain,
    }
}

fn ends(workflow: &WorkflowType) -> Option<EndsSpec> {
    let by_client =
        |ended: &Option<EndedByClient>| ended.as_ref().map(|ended| (ended.probability, distribution(&ended.after)));
    let ends = EndsSpec {
        run_timeout: workflow.run_timeout,
        execution_timeout: workflow.execution_timeout,
        cancelled: by_client(&workflow.cancelled),
        terminated: by_client(&workflow.terminated),
    };
    let none = EndsSpec { run_timeout: None, execution_timeout: None, cancelled: None, terminated: None };
    (ends != none).then_some(ends)
}

fn activity_spec(activity: &Activity, profile: &Profile) -> ActivitySpec {
    let unlimited = Nanos::MAX_INPUT;
    let timeouts = &activity.timeouts;
    ActivitySpec {
        name: activity.name.clone(),
        takes: distribution(&activity.takes),
        cpu: activity.cpu + profile.workers.sdk_cpu.activity,
        memory: activity.memory.unwrap_or(profile.workers.memory_per_activity),
        input: activity.input,
        output: activity.output,
        fails: activity.fails,
        non_retryable: activity.non_retryable,
        fails_first: activity.fails_first,
        retry_initial: activity.retry.initial,
        retry_backoff: activity.retry.backoff,
        retry_maximum: activity.retry.maximum,
        attempts: activity.retry.attempts,
        heartbeat: heartbeats(activity, profile),
        start_to_close: timeouts.start_to_close.unwrap_or(unlimited),
        schedule_to_start: timeouts.schedule_to_start.unwrap_or(unlimited),
        schedule_to_close: timeouts.schedule_to_close.unwrap_or(unlimited),
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
