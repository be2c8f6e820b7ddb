//! Checks of workflow types and their steps.

use std::collections::HashMap;

use super::Checker;
use super::expand::{MAX_STEPS, child_cycle, children_of, expanded_sizes};
use crate::problems::nearest;
use crate::profile::{
    Activity, Arm, Child, Heartbeat, LocalActivity, Query, RetryPolicy, Span, Step, Timeouts, Update, WaitSignal,
    WorkflowType,
};
use crate::raw::workflow::{RawActivity, RawRetry, RawStep, RawWaitSignal, RawWorkflow};
use crate::units::{Bytes, Nanos, Probability};

/// Steps inside steps; deeper is a mistake, and every walk over them is a recursion.
const MAX_NESTING: usize = 32;
/// Pending activities or children of one workflow (server, `limit.numPendingActivities.error` and its like).
const MAX_PARALLEL: usize = 2_000;
/// Signals of one workflow (server, `history.maximumSignalsPerExecution`).
const MAX_SIGNALS: u32 = 10_000;
/// Assumed payload where none is given.
const SMALL_PAYLOAD: Bytes = Bytes(100);

/// What a step's check needs to know of where it stands.
#[derive(Clone, Copy)]
struct Scope<'a> {
    types: &'a HashMap<String, usize>,
    depth: usize,
    top_level: bool,
}

impl Scope<'_> {
    fn inside(self) -> Self {
        Scope { depth: self.depth + 1, top_level: false, ..self }
    }
}

impl Checker {
    pub(super) fn workflows(&mut self, raw: Vec<RawWorkflow>, rescale_shares: bool) -> Vec<WorkflowType> {
        if raw.is_empty() {
            self.note("", "the profile has no workflow types", "empty", "give at least one [[workflow]]");
        }
        let mut types = HashMap::new();
        for (index, workflow) in raw.iter().enumerate() {
            if types.insert(workflow.name.clone(), index).is_some() {
                let message = format!("two workflow types are called {:?}", workflow.name);
                self.under(index, |c| c.note("type", message, "again", "give each type its own name"));
            }
        }
        let before = self.findings.len();
        let mut workflows = Vec::with_capacity(raw.len());
        for (index, workflow) in raw.into_iter().enumerate() {
            workflows.push(self.under(index, |c| c.workflow(workflow, &types)));
        }
        let sound = self.findings.len() == before;
        self.shares(&mut workflows, rescale_shares);
        // An unknown child has a stand-in, which may be part of a cycle that is not there.
        if sound {
            self.children_end(&workflows);
        }
        workflows
    }

    fn workflow(&mut self, raw: RawWorkflow, types: &HashMap<String, usize>) -> WorkflowType {
        WorkflowType {
            name: self.name("type", raw.name),
            share: raw.share,
            input: raw.input.unwrap_or(SMALL_PAYLOAD),
            result: raw.result.unwrap_or(SMALL_PAYLOAD),
            steps: self.steps("steps", raw.steps, Scope { types, depth: 0, top_level: true }),
        }
    }

    /// Shares of the started types add up to 1; the only started type needs none.
    fn shares(&mut self, workflows: &mut [WorkflowType], rescale: bool) {
        let mut is_child = vec![false; workflows.len()];
        for (index, workflow) in workflows.iter().enumerate() {
            for child in children_of(&workflow.steps) {
                is_child[child] |= child != index;
            }
        }
        let without: Vec<usize> =
            (0..workflows.len()).filter(|i| workflows[*i].share.is_none() && !is_child[*i]).collect();
        let sum: f64 = workflows.iter().filter_map(|w| w.share).map(Probability::get).sum();
        let any_share = workflows.iter().any(|w| w.share.is_some());
        if !any_share {
            match (without.as_slice(), workflows.len()) {
                ([only], _) => workflows[*only].share = Some(Probability::ONE),
                (_, 0) => {}
                // Only a cycle leaves no type that is not a child; that is reported as such.
                ([], _) => {}
                (several, _) => {
                    let help = "give each started type a share, together 1; types without a share run only as children";
                    let message = format!("{} workflow types are started, and none has a share", several.len());
                    self.under(several[0], |c| c.note("", message, "needs `share`", help));
                }
            }
            return;
        }
        for index in without {
            let message =
                format!("{:?} is never started: it has no share and is nobody's child", workflows[index].name);
            self.under(index, |c| c.note("", message, "needs `share`", "give it a share, or start it as a child"));
        }
        if rescale && sum > 0.0 {
            for workflow in workflows.iter_mut() {
                workflow.share = workflow.share.and_then(|share| Probability::checked((share.get() / sum).min(1.0)));
            }
            return;
        }
        if (sum - 1.0).abs() <= 1e-6 {
            return;
        }
        if let Some(last) = (0..workflows.len()).rfind(|i| workflows[*i].share.is_some()) {
            let sum = (sum * 1e6).round() / 1e6;
            let message = format!("the shares of the workflow types add up to {sum}, not to 1");
            self.under(last, |c| {
                c.note("share", message, format!("with this one: {sum}"), "change the shares so that their sum is 1")
            });
        }
    }

    fn children_end(&mut self, workflows: &[WorkflowType]) {
        if let Some(cycle) = child_cycle(workflows) {
            let names: Vec<&str> = cycle.iter().map(|index| workflows[*index].name.as_str()).collect();
            let message = format!("the children never end: {}", names.join(" → "));
            let help = "a workflow type may not start itself, directly or through its children; for a chain of runs use continue_as_new";
            self.under(cycle[0], |c| c.note("steps", message, "starts itself", help));
            return;
        }
        for (index, size) in expanded_sizes(workflows).into_iter().enumerate() {
            if size > MAX_STEPS {
                let message =
                    format!("{:?} becomes more than {MAX_STEPS} steps when written out", workflows[index].name);
                let help = "lower the repeats, counts or children; a batch of many items is a higher arrival rate of small workflows";
                self.under(index, |c| c.note("steps", message, "too many steps", help));
            }
        }
    }

    fn steps(&mut self, key: &str, raw: Vec<RawStep>, scope: Scope<'_>) -> Vec<Step> {
        if raw.is_empty() {
            self.note(
                key,
                "there are no steps",
                "empty",
                "give at least one step, e.g. { activity = \"work\", takes = \"1s\" }",
            );
        }
        if scope.depth > MAX_NESTING {
            let message = format!("steps are nested more than {MAX_NESTING} deep");
            self.note(key, message, "too deep", "flatten them, or move a part into a child workflow");
            return Vec::new();
        }
        self.under(key, |c| {
            raw.into_iter().enumerate().map(|(index, step)| c.under(index, |c| c.step(step, scope))).collect()
        })
    }

    fn step(&mut self, raw: RawStep, scope: Scope<'_>) -> Step {
        match raw {
            RawStep::Activity(raw) => {
                let count = self.count(raw.count);
                repeated(count, Step::Activity(self.activity(*raw)))
            }
            RawStep::LocalActivity(raw) => {
                let count = self.count(raw.count);
                let step = Step::LocalActivity(LocalActivity {
                    name: self.name("local_activity", raw.local_activity),
                    takes: self.span("takes", raw.takes),
                    cpu: raw.cpu.unwrap_or(Nanos::ZERO),
                    output: raw.output.unwrap_or(SMALL_PAYLOAD),
                });
                repeated(count, step)
            }
            RawStep::Timer(raw) => Step::Timer(self.span("timer", raw.timer)),
            RawStep::WaitSignal(raw) => Step::WaitSignal(self.wait_signal(raw)),
            RawStep::Query(raw) => Step::Query(Query {
                count: self.count(raw.count),
                name: self.name("query", raw.query),
                output: raw.output.unwrap_or(SMALL_PAYLOAD),
            }),
            RawStep::Update(raw) => Step::Update(Update {
                name: self.name("update", raw.update),
                after: raw.after.map_or(Span::Constant(Nanos::ZERO), |after| self.span("after", after)),
                input: raw.input.unwrap_or(SMALL_PAYLOAD),
                output: raw.output.unwrap_or(SMALL_PAYLOAD),
            }),
            RawStep::Child(raw) => {
                Step::Child(Child { workflow: self.child(&raw.child, scope), wait: raw.wait.unwrap_or(true) })
            }
            RawStep::ContinueAsNew(raw) => {
                if !scope.top_level {
                    let help =
                        "move it to the steps of the workflow itself, outside of parallel, sequence, repeat and branch";
                    self.note("continue_as_new", "continue_as_new inside another step", "not here", help);
                }
                if raw.continue_as_new.runs == 0 {
                    let help = "give how many further runs follow the first, at least 1";
                    self.under("continue_as_new", |c| c.note("runs", "zero further runs", "must be at least 1", help));
                }
                Step::ContinueAsNew { runs: raw.continue_as_new.runs }
            }
            RawStep::Parallel(raw) => {
                if raw.parallel.len() > MAX_PARALLEL {
                    let help = format!("the server allows {MAX_PARALLEL} pending activities or children of a workflow");
                    self.note("parallel", format!("{} steps at once", raw.parallel.len()), "too many at once", help);
                }
                Step::Parallel(self.steps("parallel", raw.parallel, scope.inside()))
            }
            RawStep::Sequence(raw) => Step::Sequence(self.steps("sequence", raw.sequence, scope.inside())),
            RawStep::Repeat(raw) => self.under("repeat", |c| {
                if raw.repeat.times == 0 {
                    c.note(
                        "times",
                        "zero repeats",
                        "must be at least 1",
                        "give how often the steps run, or remove them",
                    );
                }
                Step::Repeat { times: raw.repeat.times, steps: c.steps("steps", raw.repeat.steps, scope.inside()) }
            }),
            RawStep::Branch(raw) => self.branch(raw, scope),
        }
    }

    fn branch(&mut self, raw: crate::raw::workflow::RawBranch, scope: Scope<'_>) -> Step {
        if raw.branch.is_empty() {
            let help = "give at least one arm, e.g. { probability = 0.1, steps = [ … ] }";
            self.note("branch", "a branch without arms", "empty", help);
        }
        let sum: f64 = raw.branch.iter().map(|arm| arm.probability.get()).sum();
        if sum > 1.0 + 1e-6 {
            let sum = (sum * 1e6).round() / 1e6;
            let help = "lower them: what is missing to 1 does nothing";
            self.note("branch", format!("the probabilities of the arms add up to {sum}"), "more than 1", help);
        }
        self.under("branch", |c| {
            let arms = raw.branch.into_iter().enumerate().map(|(index, arm)| {
                c.under(index, |c| Arm {
                    probability: arm.probability,
                    steps: c.steps("steps", arm.steps, scope.inside()),
                })
            });
            Step::Branch(arms.collect())
        })
    }

    fn count(&mut self, count: Option<u32>) -> u32 {
        if count == Some(0) {
            self.note("count", "a count of zero", "must be at least 1", "give 1 or more, or remove the step");
        }
        count.unwrap_or(1)
    }

    fn child(&mut self, name: &str, scope: Scope<'_>) -> usize {
        if let Some(index) = scope.types.get(name) {
            return *index;
        }
        let near = nearest(name, scope.types.keys().map(String::as_str));
        let mut known: Vec<&str> = scope.types.keys().map(String::as_str).collect();
        known.sort_unstable();
        let help = match near {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known types: {}", known.join(", ")),
        };
        self.note("child", format!("no workflow type is called {}", crate::units::quoted(name)), "unknown type", help);
        0
    }

    fn wait_signal(&mut self, raw: RawWaitSignal) -> WaitSignal {
        let count = self.count(raw.count);
        if count > MAX_SIGNALS {
            let help = format!("the server allows {MAX_SIGNALS} signals to one run: continue as new in between");
            self.note("count", format!("{count} signals to one run"), "too many", help);
        }
        WaitSignal {
            name: self.name("wait_signal", raw.wait_signal),
            after: raw.after.map_or(Span::Constant(Nanos::ZERO), |after| self.span("after", after)),
            from_start: raw.from_start.unwrap_or(false),
            payload: raw.payload.unwrap_or(SMALL_PAYLOAD),
            count,
        }
    }

    fn activity(&mut self, raw: RawActivity) -> Activity {
        let name = self.name("activity", raw.activity);
        let takes = self.span("takes", raw.takes);
        let fails = raw.fails.unwrap_or(Probability::ZERO);
        let retry = self.retry(raw.retry);
        if fails.get() >= 1.0 && retry.attempts == 0 {
            let help = "lower `fails`, or limit retry.attempts";
            self.note("fails", "an activity that always fails and is always retried never ends", "always fails", help);
        }
        let heartbeat = raw.heartbeat.map(|raw| {
            if raw.every == Nanos::ZERO || raw.timeout <= raw.every {
                let message =
                    format!("a heartbeat every {} is never in time for a time-out of {}", raw.every, raw.timeout);
                let help = "give a time-out of at least twice `every`, and `every` above zero";
                self.under("heartbeat", |c| c.note("timeout", message, "too short", help));
            }
            Heartbeat { every: raw.every, timeout: raw.timeout }
        });
        let start_to_close = match (raw.start_to_close, raw.schedule_to_close) {
            (None, None) => Some(generous_timeout(&takes)),
            (given, _) => given,
        };
        let timeouts = Timeouts {
            start_to_close,
            schedule_to_start: raw.schedule_to_start,
            schedule_to_close: raw.schedule_to_close,
        };
        self.timeouts_suffice(&takes, &timeouts);
        Activity {
            name,
            takes,
            cpu: raw.cpu.unwrap_or(Nanos::ZERO),
            memory: raw.memory,
            input: raw.input.unwrap_or(SMALL_PAYLOAD),
            output: raw.output.unwrap_or(SMALL_PAYLOAD),
            fails,
            fails_first: raw.fails_first.unwrap_or(0),
            retry,
            heartbeat,
            timeouts,
        }
    }

    fn timeouts_suffice(&mut self, takes: &Span, timeouts: &Timeouts) {
        let usual = usual(takes);
        let limits = [("start_to_close", timeouts.start_to_close), ("schedule_to_close", timeouts.schedule_to_close)];
        for (key, limit) in limits {
            if limit.is_some_and(|limit| limit <= usual) {
                let limit = limit.unwrap_or_default();
                let message = format!("the activity usually takes {usual}, but {key} ends it after {limit}");
                self.note(key, message, "shorter than the activity", "give a time-out above what the activity takes");
            }
        }
        if timeouts.schedule_to_start == Some(Nanos::ZERO) {
            let help = "give how long a task may wait for a worker, or leave it out";
            self.note("schedule_to_start", "no task is started in no time", "zero", help);
        }
    }

    /// What is left out is the server's default: 1 s, 2.0, 100 × initial, unlimited (`common/retrypolicy`).
    fn retry(&mut self, raw: Option<RawRetry>) -> RetryPolicy {
        let raw = raw.unwrap_or(RawRetry { initial: None, backoff: None, maximum: None, attempts: None });
        let initial = raw.initial.unwrap_or(Nanos::from_secs(1));
        self.under("retry", |c| {
            if initial == Nanos::ZERO {
                c.note("initial", "a first wait of zero", "zero", "give a wait above zero, e.g. \"1s\"");
            }
            let maximum = raw.maximum.unwrap_or(Nanos(initial.0.saturating_mul(100).min(Nanos::MAX_INPUT.0)));
            if maximum < initial {
                let message = format!("the longest wait ({maximum}) is below the first ({initial})");
                c.note("maximum", message, "below initial", "raise maximum, or lower initial");
            }
            RetryPolicy {
                initial,
                backoff: c.number("backoff", raw.backoff.unwrap_or(2.0), 1.0, 1_000.0),
                maximum,
                attempts: raw.attempts.unwrap_or(0),
            }
        })
    }
}

fn repeated(count: u32, step: Step) -> Step {
    match count {
        1 => step,
        times => Step::Repeat { times, steps: vec![step] },
    }
}

/// The duration that half of the runs stay under, roughly: the lowest one given.
fn usual(takes: &Span) -> Nanos {
    match takes {
        Span::Constant(nanos) => *nanos,
        Span::Quantiles(quantiles) => quantiles.first().map_or(Nanos::ZERO, |(_, value)| *value),
        // The median of a lognormal: mean / √(1 + cv²).
        Span::MeanCv { mean, cv } => Nanos::from_secs_f64(mean.as_secs_f64() / libm::sqrt(1.0 + cv * cv)),
    }
}

/// Ten times the longest duration the span names, at least 10 s: generous, because a time-out that nobody wrote
/// should not shape the result.
fn generous_timeout(takes: &Span) -> Nanos {
    let longest = match takes {
        Span::Constant(nanos) => *nanos,
        Span::Quantiles(quantiles) => quantiles.last().map_or(Nanos::ZERO, |(_, value)| *value),
        Span::MeanCv { mean, cv } => Nanos::from_secs_f64(mean.as_secs_f64() * (1.0 + 3.0 * cv.clamp(0.0, 100.0))),
    };
    Nanos(longest.0.saturating_mul(10)).clamp(Nanos::from_secs(10), Nanos::MAX_INPUT)
}
