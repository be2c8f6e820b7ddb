//! A workflow's steps as instructions, so that running one allocates nothing.

use plimsoll_profiles::profile::{Activity, Profile, Span, Step};
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
    /// Signals that are sent from the start on: their span, and how many.
    pub from_start: Vec<(u32, u32)>,
    /// Payload of the start.
    pub input: Bytes,
    /// Payload of the result.
    pub result: Bytes,
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
    /// Wait for a signal that is sent whether or not the workflow waits for it.
    SignalFromStart(u32),
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
    },
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
    /// Probability of a retryable failure per attempt.
    pub fails: Probability,
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
    /// Between two heartbeats that reach the server, and the heartbeat time-out.
    pub heartbeat: Option<(Nanos, Nanos)>,
    /// One attempt may take this long.
    pub start_to_close: Nanos,
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
}

/// A local activity.
#[derive(Clone, Debug)]
pub struct LocalSpec {
    /// How long.
    pub takes: Distribution,
    /// Worker CPU.
    pub cpu: Nanos,
    /// Payload of its marker.
    pub output: Bytes,
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
            for step in &workflow.steps {
                program.compile(step, profile, true, &mut instructions);
            }
            instructions.push(Instruction::Done);
            let from_start = from_start(&instructions);
            program.types.push(TypeProgram {
                instructions,
                from_start,
                input: workflow.input,
                result: workflow.result,
            });
        }
        program
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
                    output: local.output,
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
                    true => Instruction::SignalFromStart(index),
                    false => Instruction::Signal(index),
                };
                out.extend((0..wait.count).map(|_| signal));
            }
            Step::Update(update) => {
                let index = self.span(distribution(&update.after), false, Bytes(update.input.0 + update.output.0));
                out.push(Instruction::Update(index));
            }
            Step::Query(query) => out.push(Instruction::Query(query.count)),
            Step::Child(child) => {
                out.push(Instruction::Child { workflow: child.workflow as u32, wait: child.wait });
            }
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
        self.spans.push(SpanSpec { span, from_start, payload });
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

/// The signals of a type that are sent from the start on.
fn from_start(instructions: &[Instruction]) -> Vec<(u32, u32)> {
    let mut list: Vec<(u32, u32)> = Vec::new();
    for instruction in instructions {
        let Instruction::SignalFromStart(span) = *instruction else { continue };
        match list.iter_mut().find(|(known, _)| *known == span) {
            Some((_, count)) => *count += 1,
            None => list.push((span, 1)),
        }
    }
    list
}

/// SDKs send a heartbeat at most every 0.8 × its time-out (Go: `heartbeatThrottleInterval`; Core: 0.8 likewise), and never
/// less often than once a minute.
fn heartbeats(activity: &Activity) -> Option<(Nanos, Nanos)> {
    let heartbeat = activity.heartbeat?;
    let throttled = Nanos(heartbeat.timeout.0 / 5 * 4).min(Nanos::from_secs(60));
    Some((heartbeat.every.max(throttled), heartbeat.timeout))
}

fn activity_spec(activity: &Activity, profile: &Profile) -> ActivitySpec {
    let unlimited = Nanos::MAX_INPUT;
    let start_to_close = activity
        .timeouts
        .start_to_close
        .unwrap_or(unlimited)
        .min(activity.timeouts.schedule_to_close.unwrap_or(unlimited));
    ActivitySpec {
        takes: distribution(&activity.takes),
        cpu: activity.cpu + profile.workers.cpu_per_activity,
        memory: activity.memory.unwrap_or(profile.workers.memory_per_activity),
        input: activity.input,
        output: activity.output,
        fails: activity.fails,
        fails_first: activity.fails_first,
        retry_initial: activity.retry.initial,
        retry_backoff: activity.retry.backoff,
        retry_maximum: activity.retry.maximum,
        attempts: activity.retry.attempts,
        heartbeat: heartbeats(activity),
        start_to_close,
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
