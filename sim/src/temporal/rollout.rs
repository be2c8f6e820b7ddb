//! A rollout: brings a new version of the workers out, watches it, and takes it back if need be.
//!
//! *Rolling*: see `rollout_rolling`. *Blue-green*: as many new pods as there are old ones; when all are ready new runs go to them, and the
//! old ones go after a wait, when the runs pinned to them are closed. *Canary*: `max(1, int(replicas × percent / 100))` new pods (source document 003, 10.1.4)
//! and, with worker versioning, that share of the new runs; by replicas as many old pods go as soon as the new ones are ready.
//!
//! Taken back: a rolling update is rolled back the same way; with versions of their own new runs go to the old version at once, whose pods are all
//! there; of a canary by replicas the new pods go and old ones are started.

use std::fmt;

use plimsoll_profiles::profile::{CanaryBy, OldRuns, Rollout, RolloutStrategy};
use plimsoll_profiles::units::Nanos;

use super::fleet::PodState;
use super::fleet_control::{FleetAction, FleetController, FleetObservation, PodObservation};
use super::fleet_versions::{NEW, OLD};
use super::rollout_rolling::RollingBounds;

/// How often a rollout looks whether a wait is over; pods that change make it look at once.
const EVERY: Nanos = Nanos::from_secs(1);
/// How often its rule is looked at where nothing else is said.
const CHECKED_EVERY: Nanos = Nanos::from_secs(60);
/// Attempts below which a share of failed ones says nothing.
const FEWEST_ATTEMPTS: u64 = 30;

/// A rollout is taken back whatever is seen, to learn how long that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedRollback {
    /// Never: only by the profile's rule.
    No,
    /// When the new version has as much as it gets before its first wait: all after a rolling update or a cut-over, a canary's first share.
    WhenFirstOut,
}

/// How far a rollout is.
#[derive(Clone, Debug, PartialEq)]
pub enum Milestone {
    /// It began.
    Begins,
    /// New runs go to the new version.
    CutOver,
    /// A step of a canary has begun.
    Step {
        /// Its share.
        percent: u32,
        /// Pods of the new version.
        new: u32,
        /// Pods of the old one that take tasks.
        old: u32,
    },
    /// The new version has all there is to have; old pods may still have work.
    Complete,
    /// It is decided to take it back.
    RollsBack {
        /// Why.
        why: String,
    },
    /// The old version has all new work again.
    RolledBack,
    /// Pods of the version that goes are all gone.
    Gone,
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Milestone::Begins => f.write_str("rollout begins"),
            Milestone::CutOver => f.write_str("cut-over"),
            Milestone::Step { percent, new, old } => write!(f, "canary {percent} %: {new} new, {old} old"),
            Milestone::Complete => f.write_str("rollout complete"),
            Milestone::RollsBack { why } => write!(f, "rolled back: {why}"),
            Milestone::RolledBack => f.write_str("rollback complete"),
            Milestone::Gone => f.write_str("last pod gone"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before it begins.
    Before,
    /// Pod by pod towards a version.
    Rolling { wanted: u8 },
    /// The second fleet starts.
    GreenStarts,
    /// After the cut-over.
    Kept { until: Nanos },
    /// A canary's pods of a step start.
    StepStarts { step: usize },
    /// A step is watched.
    StepWatched { step: usize, until: Nanos },
    /// Old pods are started again, of a canary by replicas.
    OldStarts,
    /// A version's pods wait for its runs to be closed.
    RunsClose { of: u8 },
    /// A version's pods drain.
    Drains { of: u8 },
    /// Nothing is left to do.
    Done,
}

/// Brings a new version out.
#[derive(Debug)]
pub struct RolloutController {
    rollout: Rollout,
    replicas: u32,
    bounds: RollingBounds,
    forced: ForcedRollback,
    phase: Phase,
    taken_back: bool,
    next_check: Nanos,
}

impl RolloutController {
    /// A rollout of a fleet of so many pods.
    pub fn new(rollout: Rollout, replicas: u32, forced: ForcedRollback) -> Self {
        let bounds = RollingBounds::of(&rollout, replicas);
        let next_check = rollout.at;
        RolloutController { rollout, replicas, bounds, forced, phase: Phase::Before, taken_back: false, next_check }
    }

    fn has_own_queues(&self) -> bool {
        match self.rollout.strategy {
            RolloutStrategy::Rolling => false,
            RolloutStrategy::BlueGreen => true,
            RolloutStrategy::Canary => self.rollout.by == CanaryBy::Versioning,
        }
    }

    fn moves_runs(&self) -> bool {
        self.has_own_queues() && self.rollout.old_runs == OldRuns::Moved
    }

    fn start(&self, pods: u32, version: u8) -> FleetAction {
        let queue = if self.has_own_queues() { version } else { OLD };
        FleetAction::StartVersion { pods, version, queue }
    }

    /// Why it is to be taken back, if it is.
    fn verdict(&self, seen: &FleetObservation) -> Option<String> {
        let rule = &self.rollout.rollback;
        let versions = &seen.versions;
        if let Some(limit) = rule.failure_share.filter(|_| versions.attempts >= FEWEST_ATTEMPTS) {
            let share = versions.failed as f64 / versions.attempts as f64;
            if share > limit.get() {
                let (share, limit) = (share * 100.0, limit.get() * 100.0);
                return Some(format!("{share:.1} % of the new version's attempts failed, more than {limit} %"));
            }
        }
        match (rule.end_to_end_p99, versions.end_to_end_p99) {
            (Some(limit), Some(p99)) if p99 > limit => Some(format!("end-to-end p99 {p99} above {limit}")),
            _ => None,
        }
    }

    /// The rule where it is looked at by the clock.
    fn checked(&mut self, seen: &FleetObservation) -> Option<String> {
        let by_step = self.rollout.strategy == RolloutStrategy::Canary && self.rollout.rollback.check_every.is_none();
        let under_way = !matches!(self.phase, Phase::Before | Phase::Done | Phase::OldStarts) && !self.taken_back;
        if by_step || !under_way || seen.at < self.next_check {
            return None;
        }
        self.next_check = seen.at + self.rollout.rollback.check_every.unwrap_or(CHECKED_EVERY);
        self.verdict(seen)
    }

    fn take_back(&mut self, why: String, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        self.taken_back = true;
        actions.push(FleetAction::Milestone(Milestone::RollsBack { why }));
        if self.rollout.strategy == RolloutStrategy::Rolling {
            self.phase = Phase::Rolling { wanted: OLD };
            return self.roll(OLD, seen, actions);
        }
        if !self.has_own_queues() {
            let old = taking_tasks(seen, OLD).count() as u32;
            actions.extend(taking_tasks(seen, NEW).map(|pod| FleetAction::Drain(pod.pod)));
            actions.push(self.start(self.replicas.saturating_sub(old), OLD));
            self.phase = Phase::OldStarts;
            return;
        }
        // The old pods are all there, unless they had begun to go.
        let old = taking_tasks(seen, OLD).count() as u32;
        actions.push(self.start(self.replicas.saturating_sub(old), OLD));
        actions.push(FleetAction::Ramp(0.0));
        if self.moves_runs() {
            actions.push(FleetAction::MoveRuns(OLD));
        }
        self.phase = Phase::OldStarts;
        self.old_may_be_back(seen, actions);
    }

    /// The old version has all new work again when its pods are ready.
    fn old_may_be_back(&mut self, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        if ready(seen, OLD) < self.replicas {
            return;
        }
        actions.push(FleetAction::Milestone(Milestone::RolledBack));
        self.phase = match self.has_own_queues() {
            true => Phase::RunsClose { of: NEW },
            false => Phase::Drains { of: NEW },
        };
    }

    fn is_forced(&self) -> bool {
        self.forced == ForcedRollback::WhenFirstOut && !self.taken_back
    }

    fn roll(&mut self, wanted: u8, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        let step = self.bounds.step(&seen.pods, wanted);
        if step.start > 0 {
            actions.push(self.start(step.start, wanted));
        }
        actions.extend(step.drain.into_iter().map(FleetAction::Drain));
        let other = if wanted == NEW { OLD } else { NEW };
        if ready(seen, wanted) < self.replicas || taking_tasks(seen, other).next().is_some() {
            return;
        }
        if wanted == OLD {
            actions.push(FleetAction::Milestone(Milestone::RolledBack));
        } else if self.is_forced() {
            return self.take_back("asked for".to_owned(), seen, actions);
        } else {
            actions.push(FleetAction::Milestone(Milestone::Complete));
        }
        self.phase = Phase::Drains { of: other };
    }

    fn begin_step(&mut self, step: usize, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        let wanted = self.rollout.steps[step].pods(self.replicas);
        let there = taking_tasks(seen, NEW).count() as u32;
        if wanted > there {
            actions.push(self.start(wanted - there, NEW));
        }
        self.phase = Phase::StepStarts { step };
    }

    /// A step's pods may all be ready.
    fn watch_step(&mut self, step: usize, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        let of = self.rollout.steps[step];
        let wanted = of.pods(self.replicas);
        if ready(seen, NEW) < wanted {
            return;
        }
        let mut old = taking_tasks(seen, OLD).count() as u32;
        if self.has_own_queues() {
            actions.push(FleetAction::Ramp(f64::from(of.percent) / 100.0));
            if of.percent == 100 && self.moves_runs() {
                actions.push(FleetAction::MoveRuns(NEW));
            }
        } else {
            let stay = self.replicas.saturating_sub(wanted);
            let go = old.saturating_sub(stay);
            actions.extend(taking_tasks(seen, OLD).take(go as usize).map(|pod| FleetAction::Drain(pod.pod)));
            old -= go;
        }
        actions.push(FleetAction::BeginWatching);
        actions.push(FleetAction::Milestone(Milestone::Step { percent: of.percent, new: wanted, old }));
        self.phase = Phase::StepWatched { step, until: seen.at + of.wait };
    }

    fn end_step(&mut self, step: usize, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        if let Some(why) = self.verdict(seen) {
            return self.take_back(why, seen, actions);
        }
        if self.is_forced() {
            return self.take_back("asked for".to_owned(), seen, actions);
        }
        if step + 1 < self.rollout.steps.len() {
            return self.begin_step(step + 1, seen, actions);
        }
        actions.push(FleetAction::Milestone(Milestone::Complete));
        self.phase = Phase::RunsClose { of: OLD };
    }

    fn begin(&mut self, seen: &FleetObservation, actions: &mut Vec<FleetAction>) {
        let own_queues = self.has_own_queues();
        actions.push(FleetAction::NewVersion { defect: self.rollout.defect, own_queues });
        actions.push(FleetAction::BeginWatching);
        actions.push(FleetAction::Milestone(Milestone::Begins));
        match self.rollout.strategy {
            RolloutStrategy::Rolling => {
                self.phase = Phase::Rolling { wanted: NEW };
                self.roll(NEW, seen, actions);
            }
            RolloutStrategy::BlueGreen => {
                actions.push(self.start(self.replicas, NEW));
                self.phase = Phase::GreenStarts;
            }
            RolloutStrategy::Canary => self.begin_step(0, seen, actions),
        }
    }
}

impl FleetController for RolloutController {
    fn first_look(&self) -> Nanos {
        self.rollout.at
    }

    fn looks_again(&self) -> Option<Nanos> {
        (self.phase != Phase::Done).then_some(EVERY)
    }

    fn looks_at_changes(&self) -> bool {
        self.phase != Phase::Done
    }

    fn look(&mut self, seen: &FleetObservation) -> Vec<FleetAction> {
        let mut actions = Vec::new();
        if let Some(why) = self.checked(seen) {
            self.take_back(why, seen, &mut actions);
            return actions;
        }
        match self.phase {
            Phase::Before => self.begin(seen, &mut actions),
            Phase::Rolling { wanted } => self.roll(wanted, seen, &mut actions),
            Phase::GreenStarts if ready(seen, NEW) >= self.replicas => {
                actions.push(FleetAction::Ramp(1.0));
                if self.moves_runs() {
                    actions.push(FleetAction::MoveRuns(NEW));
                }
                actions.push(FleetAction::BeginWatching);
                actions.push(FleetAction::Milestone(Milestone::CutOver));
                self.phase = Phase::Kept { until: seen.at + self.rollout.wait };
            }
            // Whoever takes it back at once does so with the first runs of the new version under way.
            Phase::Kept { until }
                if self.is_forced() && seen.at + self.rollout.wait.saturating_sub(CHECKED_EVERY) >= until =>
            {
                self.take_back("asked for".to_owned(), seen, &mut actions);
            }
            Phase::Kept { until } if seen.at >= until => {
                actions.push(FleetAction::Milestone(Milestone::Complete));
                self.phase = Phase::RunsClose { of: OLD };
            }
            Phase::StepStarts { step } => self.watch_step(step, seen, &mut actions),
            Phase::StepWatched { step, until } if seen.at >= until => self.end_step(step, seen, &mut actions),
            Phase::OldStarts => self.old_may_be_back(seen, &mut actions),
            Phase::RunsClose { of } => {
                if !self.has_own_queues() || seen.versions.open_runs[usize::from(of)] == 0 {
                    actions.extend(taking_tasks(seen, of).map(|pod| FleetAction::Drain(pod.pod)));
                    self.phase = Phase::Drains { of };
                }
            }
            Phase::Drains { of } if !seen.pods.iter().any(|pod| pod.version == of) => {
                actions.push(FleetAction::Milestone(Milestone::Gone));
                self.phase = Phase::Done;
            }
            _ => {}
        }
        actions
    }
}

/// Pods of a version that are not on their way out.
fn taking_tasks(seen: &FleetObservation, version: u8) -> impl Iterator<Item = &PodObservation> {
    seen.pods.iter().filter(move |pod| pod.version == version && pod.state != PodState::Draining)
}

fn ready(seen: &FleetObservation, version: u8) -> u32 {
    seen.pods.iter().filter(|pod| pod.version == version && pod.state == PodState::Ready).count() as u32
}
