//! Billable actions of a workflow, step by step, as Temporal Cloud counts them (docs.temporal.io/cloud/actions; the server's own
//! counter `action`: `common/rpc/interceptor/telemetry.go`).
//!
//! # What is counted
//! * start 1 (with a signal: 1 in all; by a schedule: 2 more); each continue-as-new 1; a child 2, and its own steps;
//! * an activity 1, each retry 1, each heartbeat that the SDK lets through 1;
//! * timer, signal, query, update (rejected ones too), change of search attributes: 1 each;
//! * markers (local activities, side effects) of one workflow task 1 together; a workflow task that local activities keep open beyond
//!   8 s (four fifths of its time-out of 10 s) heartbeats each 8 s: 1 each.
//!
//! Expectations are exact for steps one after the other; of parallel branches only the markers before each branch's first wait are taken as
//! of one workflow task. Ends from outside (time-outs, cancellation, termination) cut nothing off here; the simulation, whose count stands
//! beside, does.

use plimsoll_profiles::profile::{Activity, Profile, Step, WorkflowType};
use plimsoll_profiles::units::Nanos;

use crate::temporal::{distribution, heartbeats};

/// Actions of one step, of one started workflow of the whole profile.
#[derive(Clone, Debug, PartialEq)]
pub struct StepActions {
    /// The workflow type that is started.
    pub workflow: String,
    /// Its part of all starts.
    pub share: f64,
    /// Where the step is: "start", "1", "3.2"; steps of a child after its parent's with a `>`.
    pub place: String,
    /// The step in words, e.g. "activity charge-card".
    pub step: String,
    /// Expected actions per started workflow of this type.
    pub actions: f64,
    /// What they are, e.g. "scheduled 1, retries 0.01".
    pub what: String,
}

/// Spans of a distribution that expectations are taken over, at equal steps of probability.
const STRATA: u32 = 1_000;
/// Attempts that expectations are summed over.
const MOST_ATTEMPTS: u32 = 1_000;
/// A workflow task's time-out is 10 s, and SDKs heartbeat it after four fifths of that (Go: `internal_task_pollers.go`, Core likewise).
const TASK_HEARTBEAT: Nanos = Nanos::from_secs(8);

/// The actions of every step of every type that is started.
pub fn step_actions(profile: &Profile) -> Vec<StepActions> {
    let mut rows = Vec::new();
    for workflow in &profile.workflows {
        let Some(share) = workflow.share else { continue };
        let mut walk = Walk { profile, rows: Vec::new(), open: false, waited: false, reach: 1.0 };
        walk.start(workflow);
        let mut signal = workflow.signal_with_start.clone();
        walk.steps(&workflow.steps, "", &mut signal);
        rows.extend(walk.rows.into_iter().map(|row| StepActions {
            workflow: workflow.name.clone(),
            share: share.get(),
            place: row.place,
            step: row.step,
            actions: row.actions,
            what: row.what,
        }));
    }
    rows
}

struct Row {
    place: String,
    step: String,
    actions: f64,
    what: String,
}

struct Walk<'a> {
    profile: &'a Profile,
    rows: Vec<Row>,
    /// Whether a marker is already in the workflow task that runs now.
    open: bool,
    /// Whether the code has waited since the begin of the branch.
    waited: bool,
    /// Probability that a run comes here.
    reach: f64,
}

impl Walk<'_> {
    fn add(&mut self, place: &str, step: String, actions: f64, what: impl Into<String>) {
        let actions = actions * self.reach;
        // A step of a loop is one row.
        if let Some(row) = self.rows.iter_mut().find(|row| row.place == place && row.step == step) {
            row.actions += actions;
            return;
        }
        self.rows.push(Row { place: place.to_owned(), step, actions, what: what.into() });
    }

    fn start(&mut self, workflow: &WorkflowType) {
        let (actions, what) = match (&workflow.signal_with_start, workflow.scheduled) {
            (_, true) => (3.0, "by a schedule: its run 2, the workflow's start 1"),
            (Some(_), _) => (1.0, "signal-with-start: one in all"),
            _ => (1.0, "start"),
        };
        self.add("start", format!("start of {}", workflow.name), actions, what);
    }

    /// The code waits: what comes after is another workflow task.
    fn wait(&mut self) {
        self.open = false;
        self.waited = true;
    }

    fn marker(&mut self, place: &str, step: String, more: f64) {
        let (own, what) = match self.open {
            true => (0.0, "in the workflow task of the marker before".to_owned()),
            false => (1.0, "markers of one workflow task".to_owned()),
        };
        let what = if more > 0.0 { format!("{what}; heartbeats of the workflow task {}", short(more)) } else { what };
        self.open = true;
        self.add(place, step, own + more, what);
    }

    fn steps(&mut self, steps: &[Step], prefix: &str, signal: &mut Option<String>) {
        for (index, step) in steps.iter().enumerate() {
            self.step(step, &format!("{prefix}{}", index + 1), signal);
        }
    }

    fn step(&mut self, step: &Step, place: &str, signal: &mut Option<String>) {
        match step {
            Step::Activity(activity) => self.activity(activity, place),
            Step::LocalActivity(local) => {
                let takes = distribution(&local.takes);
                let heartbeats = over_strata(|p| (takes.quantile(p).0 / TASK_HEARTBEAT.0) as f64);
                self.marker(place, format!("local activity {}", local.name), heartbeats);
            }
            Step::SideEffect { name, .. } => self.marker(place, format!("side effect {name}"), 0.0),
            Step::Timer(_) => {
                self.add(place, "timer".to_owned(), 1.0, "timer started");
                self.wait();
            }
            Step::WaitSignal(wait) => {
                let with_start = signal.as_deref() == Some(wait.name.as_str());
                let sent = f64::from(wait.count) - if with_start { 1.0 } else { 0.0 };
                if with_start {
                    *signal = None;
                }
                let what = if with_start { "signals, but for the one with the start" } else { "signals" };
                self.add(place, format!("signal {}", wait.name), sent, what);
                if sent > 0.0 {
                    self.wait();
                }
            }
            Step::Query(query) => self.add(place, format!("query {}", query.name), f64::from(query.count), "queries"),
            Step::Update(update) => {
                let tries = 1.0 / (1.0 - update.rejected.get()).max(1e-6);
                let what = if tries > 1.0 { "updates, the rejected ones too" } else { "updates" };
                self.add(place, format!("update {}", update.name), f64::from(update.count) * tries, what);
                self.wait();
            }
            Step::Child(child) => {
                let workflow = &self.profile.workflows[child.workflow];
                self.add(place, format!("child {}", workflow.name), 2.0, "the intent to start it, and its start");
                let reach = self.reach;
                let prefix = format!("{place}>");
                self.open = false;
                self.steps(&workflow.steps, &prefix, &mut None);
                self.reach = if child.wait { self.reach } else { reach };
                self.wait();
            }
            Step::ContinueAsNew { runs } => self.continue_as_new(*runs, place),
            Step::UpsertSearchAttributes { name, .. } => {
                self.add(place, format!("search attributes {name}"), 1.0, "one command");
            }
            Step::Sequence(steps) => self.steps(steps, &format!("{place}."), signal),
            Step::Repeat { times, steps } => self.repeat(*times, steps, place, signal),
            Step::Parallel(branches) => self.parallel(branches, place, signal),
            Step::Branch(arms) => {
                let (reach, open, waited) = (self.reach, self.open, self.waited);
                let mut end = (0.0, open, waited);
                let mut rest = 1.0;
                for (index, arm) in arms.iter().enumerate() {
                    (self.reach, self.open, self.waited) = (reach * arm.probability.get(), open, waited);
                    rest -= arm.probability.get();
                    self.steps(&arm.steps, &format!("{place}.{}.", index + 1), signal);
                    end = (end.0 + self.reach, end.1 && self.open, end.2 || self.waited);
                }
                (self.reach, self.open, self.waited) = (end.0 + reach * rest.max(0.0), end.1, end.2);
            }
        }
    }

    fn activity(&mut self, activity: &Activity, place: &str) {
        let attempts = Attempts::of(activity);
        let heartbeats = self.heartbeats_of_attempt(activity) * attempts.expected;
        let retries = attempts.expected - 1.0;
        let mut what = "scheduled 1".to_owned();
        if retries > 0.0 {
            what.push_str(&format!(", retries {}", short(retries)));
        }
        if heartbeats > 0.0 {
            what.push_str(&format!(", heartbeats {}", short(heartbeats)));
        }
        self.add(place, format!("activity {}", activity.name), 1.0 + retries + heartbeats, what);
        self.reach *= attempts.success;
        self.wait();
    }

    /// Heartbeats of one attempt that reach the server.
    fn heartbeats_of_attempt(&self, activity: &Activity) -> f64 {
        let Some(heartbeat) = heartbeats(activity, self.profile) else { return 0.0 };
        let spans = distribution(&activity.takes);
        let longest = activity.timeouts.start_to_close.unwrap_or(Nanos::FOREVER);
        over_strata(|p| {
            let takes = spans.quantile(p).min(longest);
            if takes <= heartbeat.first {
                0.0
            } else {
                (takes.0 - heartbeat.first.0).div_ceil(heartbeat.every.0.max(1)) as f64
            }
        })
    }

    /// The steps so far once more per further run.
    fn continue_as_new(&mut self, runs: u32, place: &str) {
        let once = self.reach;
        let more = geometric(once, runs);
        for row in self.rows.iter_mut().filter(|row| row.place != "start" && !place_is_outside(&row.place, place)) {
            row.actions *= 1.0 + more;
        }
        self.add(place, "continue-as-new".to_owned(), if once > 0.0 { more / once } else { 0.0 }, "further runs");
        self.reach = libm::pow(once, f64::from(runs) + 1.0);
        self.wait();
    }

    fn repeat(&mut self, times: u32, steps: &[Step], place: &str, signal: &mut Option<String>) {
        let prefix = format!("{place}.");
        let before = self.reach;
        self.steps(steps, &prefix, signal);
        if times <= 1 {
            return;
        }
        // The further turns are all like the second.
        let kept = if before > 0.0 { self.reach / before } else { 0.0 };
        let further = geometric(kept, times - 1);
        self.reach = before * further;
        self.steps(steps, &prefix, signal);
        self.reach = before * libm::pow(kept, f64::from(times));
    }

    fn parallel(&mut self, branches: &[Step], place: &str, signal: &mut Option<String>) {
        let (reach, waited_before) = (self.reach, self.waited);
        let mut marked = self.open;
        let mut any_waits = false;
        let mut success = 1.0;
        for (index, branch) in branches.iter().enumerate() {
            (self.reach, self.open, self.waited) = (reach, marked, false);
            let markers = self.first_task_marks(branch);
            self.step(branch, &format!("{place}.{}", index + 1), signal);
            marked |= markers;
            any_waits |= self.waited;
            success *= if reach > 0.0 { self.reach / reach } else { 0.0 };
        }
        self.reach = reach * success;
        self.open = marked && !any_waits;
        self.waited = waited_before || any_waits;
    }

    /// Whether a branch leaves a marker before it first waits.
    fn first_task_marks(&self, step: &Step) -> bool {
        match step {
            Step::LocalActivity(_) | Step::SideEffect { .. } => true,
            Step::Sequence(steps) | Step::Repeat { steps, .. } => {
                for step in steps {
                    if self.first_task_marks(step) {
                        return true;
                    }
                    if !matches!(step, Step::Query(_) | Step::UpsertSearchAttributes { .. }) {
                        return false;
                    }
                }
                false
            }
            Step::Parallel(steps) => steps.iter().any(|step| self.first_task_marks(step)),
            _ => false,
        }
    }
}

/// Whether a row's step belongs to another workflow than the one that continues at `place`: a parent's.
fn place_is_outside(row: &str, place: &str) -> bool {
    match place.rfind('>') {
        Some(end) => !row.starts_with(&place[..=end]),
        None => false,
    }
}

/// p + p² + … + pⁿ.
fn geometric(p: f64, n: u32) -> f64 {
    if (1.0 - p).abs() < 1e-12 {
        return f64::from(n);
    }
    p * (1.0 - libm::pow(p, f64::from(n))) / (1.0 - p)
}

/// The mean of `f` over a distribution's levels.
fn over_strata(f: impl Fn(f64) -> f64) -> f64 {
    (0..STRATA).map(|i| f((f64::from(i) + 0.5) / f64::from(STRATA))).sum::<f64>() / f64::from(STRATA)
}

/// Attempts of one activity.
struct Attempts {
    /// Expected number.
    expected: f64,
    /// Probability that one of them succeeds.
    success: f64,
}

impl Attempts {
    /// From failures, start-to-close, the retry policy and schedule-to-close; waits for a worker are not counted towards the last.
    fn of(activity: &Activity) -> Self {
        let takes = distribution(&activity.takes);
        let limit = activity.timeouts.start_to_close.unwrap_or(Nanos::FOREVER);
        let late = over_strata(|p| if takes.quantile(p) > limit { 1.0 } else { 0.0 });
        let (fails, for_good) = (activity.fails.get(), activity.non_retryable.get());
        let policy = &activity.retry;
        let longest = activity.timeouts.schedule_to_close.unwrap_or(Nanos::FOREVER).as_secs_f64();
        let mean = takes.mean().min(limit).as_secs_f64();
        let (mut expected, mut success, mut reached, mut elapsed) = (0.0, 0.0, 1.0, 0.0);
        let mut backoff = policy.initial.as_secs_f64();
        for attempt in 1..=MOST_ATTEMPTS {
            expected += reached;
            let failing = if attempt <= activity.fails_first { 1.0 } else { fails };
            let good = (1.0 - failing) * (1.0 - late);
            success += reached * good;
            // An error that is not retryable ends it; a time-out is retried.
            let retried = (1.0 - good) - failing * (1.0 - late) * for_good;
            elapsed += mean + backoff;
            if (policy.attempts > 0 && attempt >= policy.attempts) || elapsed >= longest || reached * retried < 1e-12 {
                break;
            }
            reached *= retried;
            backoff = (backoff * policy.backoff).min(policy.maximum.as_secs_f64());
        }
        Attempts { expected, success: success.min(1.0) }
    }
}

/// Two significant digits, as prose takes them.
fn short(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else if value >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests;
