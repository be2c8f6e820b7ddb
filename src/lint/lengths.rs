//! How long the history of one run becomes, and how long a run takes.
//!
//! Events as a real server writes them (Temporal 1.31; the sample histories of the tests are the oracle): a start, three events for
//! each workflow task, three for an activity, two for a timer, and so on. Of branches the longest counts, and every completion is taken to
//! have a workflow task of its own: an upper bound, which a server under load stays below.

use plimsoll_profiles::calibration::ByteCosts;
use plimsoll_profiles::profile::{Profile, Step, WorkflowType};
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::distribution;

/// Events and bytes of a part of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Events.
    pub events: u64,
    /// Bytes, payloads included.
    pub bytes: u64,
    /// Bytes of payloads that the workflow takes in: its input, results, signals, updates.
    pub taken_in: u64,
}

impl Length {
    fn and(self, other: Length) -> Length {
        Length {
            events: self.events.saturating_add(other.events),
            bytes: self.bytes.saturating_add(other.bytes),
            taken_in: self.taken_in.saturating_add(other.taken_in),
        }
    }

    fn times(self, times: u64) -> Length {
        Length {
            events: self.events.saturating_mul(times),
            bytes: self.bytes.saturating_mul(times),
            taken_in: self.taken_in.saturating_mul(times),
        }
    }

    fn or(self, other: Length) -> Length {
        Length {
            events: self.events.max(other.events),
            bytes: self.bytes.max(other.bytes),
            taken_in: self.taken_in.max(other.taken_in),
        }
    }
}

/// The longest run of a type. Continue-as-new starts the next run with the same steps, and the last run goes on with what follows: so that
/// one is the longest, with every step once.
pub fn longest_run(profile: &Profile, bytes: &ByteCosts, workflow: &WorkflowType) -> Length {
    let bytes = &bytes.with_names(profile.workers.names);
    let ends = Length {
        events: 2,
        bytes: bytes.event_start.0 + workflow.input.0 + bytes.event_closed.0 + workflow.result.0,
        taken_in: workflow.input.0,
    };
    let walk = Walk { profile, bytes };
    ends.and(walk.task()).and(walk.sequence(&workflow.steps))
}

/// Events of all runs of a type and of the children they start, at most.
pub fn all_events(profile: &Profile, bytes: &ByteCosts, workflow: &WorkflowType) -> f64 {
    let (_, runs) = first_run(workflow);
    let own = longest_run(profile, bytes, workflow).events as f64;
    f64::from(runs) * (own + events_of_children(profile, bytes, &workflow.steps))
}

/// Children of children end: profiles are refused where they do not.
fn events_of_children(profile: &Profile, bytes: &ByteCosts, steps: &[Step]) -> f64 {
    let below = |steps: &[Step]| events_of_children(profile, bytes, steps);
    let of_step = |step: &Step| match step {
        Step::Child(child) => {
            profile.workflows.get(child.workflow).map_or(0.0, |workflow| all_events(profile, bytes, workflow))
        }
        Step::Parallel(steps) | Step::Sequence(steps) => below(steps),
        Step::Repeat { times, steps } => f64::from(*times) * below(steps),
        Step::Branch(arms) => arms.iter().map(|arm| arm.probability.get() * below(&arm.steps)).sum(),
        _ => 0.0,
    };
    steps.iter().map(of_step).sum()
}

struct Walk<'a> {
    profile: &'a Profile,
    bytes: &'a ByteCosts,
}

impl Walk<'_> {
    /// A workflow task: scheduled, started, completed.
    fn task(&self) -> Length {
        Length { events: 3, bytes: self.bytes.event_task_started.0 + self.bytes.event_task_completed.0, taken_in: 0 }
    }

    fn sequence(&self, steps: &[Step]) -> Length {
        steps.iter().fold(Length::default(), |sum, step| sum.and(self.step(step)))
    }

    fn step(&self, step: &Step) -> Length {
        let bytes = self.bytes;
        let plain = |events: u64, bytes: u64, taken_in: u64| Length { events, bytes: bytes + taken_in, taken_in };
        match step {
            // Scheduled, started, completed: retries leave no events.
            Step::Activity(activity) => {
                let fixed = bytes.event_activity_scheduled.0 + bytes.event_activity_closed.0 + activity.input.0;
                plain(3, fixed, activity.output.0).and(self.task())
            }
            Step::LocalActivity(local) => plain(1, bytes.event_marker.0, local.output.0),
            Step::Timer(_) => plain(2, bytes.event_timer_started.0 + bytes.event_timer_fired.0, 0).and(self.task()),
            Step::WaitSignal(wait) => {
                plain(1, bytes.event_signal.0, wait.payload.0).and(self.task()).times(u64::from(wait.count))
            }
            Step::Update(update) => plain(2, bytes.event_update.0 + update.output.0, update.input.0)
                .and(self.task())
                .times(u64::from(update.count)),
            Step::Child(child) => {
                let (input, result) =
                    self.profile.workflows.get(child.workflow).map_or((0, 0), |w| (w.input.0, w.result.0));
                let started = bytes.event_child_initiated.0 + bytes.event_child_started.0 + input;
                let start = plain(2, started, 0).and(self.task());
                match child.wait {
                    true => start.and(plain(1, bytes.event_child_closed.0, result)).and(self.task()),
                    false => start,
                }
            }
            Step::UpsertSearchAttributes { payload, .. } => plain(1, bytes.event_upsert.0 + payload.0, 0),
            Step::SideEffect { payload, .. } => plain(1, bytes.event_side_effect.0, payload.0),
            Step::Parallel(steps) | Step::Sequence(steps) => self.sequence(steps),
            Step::Repeat { times, steps } => self.sequence(steps).times(u64::from(*times)),
            Step::Branch(arms) => {
                arms.iter().fold(Length::default(), |longest, arm| longest.or(self.sequence(&arm.steps)))
            }
            Step::Query(_) | Step::ContinueAsNew { .. } => Length::default(),
        }
    }
}

/// How long steps take: `of` says what of each span counts (its mean, a quantile), `fastest` takes the shortest way through branches
/// instead of their mean.
pub struct Duration<'a> {
    /// The profile, for children.
    pub profile: &'a Profile,
    /// Quantile of every span that counts; `None`: the mean.
    pub quantile: Option<f64>,
}

impl Duration<'_> {
    /// Seconds of steps one after the other.
    pub fn seconds(&self, steps: &[Step]) -> f64 {
        steps.iter().map(|step| self.step(step)).sum()
    }

    fn span(&self, span: &plimsoll_profiles::profile::Span) -> f64 {
        let distribution = distribution(span);
        self.quantile.map_or_else(|| distribution.mean(), |q| distribution.quantile(q)).as_secs_f64()
    }

    fn step(&self, step: &Step) -> f64 {
        match step {
            Step::Activity(activity) => self.span(&activity.takes),
            Step::LocalActivity(local) => self.span(&local.takes),
            // Shorter ones take about a second on a real server.
            Step::Timer(span) => self.span(span).max(1.0),
            Step::WaitSignal(wait) if wait.from_start => 0.0,
            Step::WaitSignal(wait) => self.span(&wait.after) * f64::from(wait.count),
            Step::Update(update) if update.from_start => 0.0,
            Step::Update(update) => self.span(&update.after) * f64::from(update.count),
            Step::Child(child) if child.wait => {
                self.profile.workflows.get(child.workflow).map_or(0.0, |workflow| self.seconds(&workflow.steps))
            }
            Step::Parallel(steps) => steps.iter().map(|step| self.step(step)).fold(0.0, f64::max),
            Step::Sequence(steps) => self.seconds(steps),
            Step::Repeat { times, steps } => f64::from(*times) * self.seconds(steps),
            Step::Branch(arms) => {
                let taken: f64 = arms.iter().map(|arm| arm.probability.get()).sum();
                let arm_seconds = arms.iter().map(|arm| (arm.probability.get(), self.seconds(&arm.steps)));
                match self.quantile {
                    // The quickest way, which is to do nothing where the arms leave room for it.
                    Some(_) if taken < 1.0 - 1e-9 => 0.0,
                    Some(_) => arm_seconds.map(|(_, seconds)| seconds).fold(f64::INFINITY, f64::min),
                    None => arm_seconds.map(|(p, seconds)| p * seconds).sum(),
                }
            }
            _ => 0.0,
        }
    }
}

/// Steps before the first continue-as-new, and how many runs there are; all steps and one where there is none.
pub fn first_run(workflow: &WorkflowType) -> (&[Step], u32) {
    let at = workflow.steps.iter().position(|step| matches!(step, Step::ContinueAsNew { .. }));
    match at {
        None => (&workflow.steps, 1),
        Some(at) => {
            let runs = match workflow.steps[at] {
                Step::ContinueAsNew { runs } => runs,
                _ => 0,
            };
            (&workflow.steps[..at], runs.saturating_add(1))
        }
    }
}

/// The span not exceeded with this probability.
pub fn quantile(span: &plimsoll_profiles::profile::Span, q: f64) -> Nanos {
    distribution(span).quantile(q)
}
