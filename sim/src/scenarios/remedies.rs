//! What might prevent a failure, or make it milder: changes to profile or sizes, each to be simulated.

use plimsoll_profiles::profile::{Activity, Event, EventKind, Heartbeat, Profile, Scaler, ServiceName, Span, Step};
use plimsoll_profiles::units::Nanos;

use crate::temporal::{Pods, SystemSize, nodes, shares_one_machine};

/// What is simulated: a profile with its events, and sizes.
#[derive(Clone, Debug)]
pub struct Case {
    /// The profile.
    pub profile: Profile,
    /// The sizes.
    pub size: SystemSize,
}

/// A change that may help.
#[derive(Clone, Debug)]
pub struct Remedy {
    /// What is changed, as people say it: "one more history pod".
    pub what: String,
    /// The same case with it.
    pub case: Case,
}

/// An alert on a certificate's age is answered within this. Assumed.
const RENEWED_WITHIN: Nanos = Nanos::from_secs(300);
/// A standby region that is switched to by itself takes over within this. Assumed.
const STANDBY: Nanos = Nanos::from_secs(60);
/// Heartbeats that show soon that a worker is gone: every 5 s, missed for 15 s.
const BEAT: Heartbeat = Heartbeat { every: Nanos::from_secs(5), timeout: Some(Nanos::from_secs(15)) };
/// Attempts after which a poisoned activity is given up.
const FEW_ATTEMPTS: u32 = 5;

/// What is worth a try against the event of this index.
pub fn remedies(case: &Case, index: usize) -> Vec<Remedy> {
    let Some(event) = case.profile.events.get(index) else { return Vec::new() };
    let mut list = List { case, index, remedies: Vec::new() };
    match &event.kind {
        EventKind::WorkersStop { pods, .. } => list.workers_stop(*pods),
        EventKind::PodLost { service, .. } => list.pod_lost(*service),
        EventKind::NodeLost { of, .. } => list.placed(of.unwrap_or(nodes(&case.size))),
        EventKind::ZoneLost { of, .. } => list.placed(*of),
        EventKind::DatabaseFailover => {
            list.event("a failover in half the time", |event| event.duration = Nanos(event.duration.0 / 2));
        }
        EventKind::SlowDisk { .. } => list.slow_disk(),
        EventKind::SlowDependency { factor, .. } => list.slow_dependency(*factor),
        EventKind::Poison { .. } => list.poison(),
        EventKind::Burst { .. } => list.burst(),
        EventKind::CertificateExpiry => {
            if event.duration > RENEWED_WITHIN {
                list.event("renewed within 5 min", |event| event.duration = RENEWED_WITHIN);
            }
        }
        EventKind::RegionLost { .. } => {
            list.event("a replicated standby region that takes over in 1 min", |event| {
                event.duration = event.duration.min(STANDBY);
                event.kind = EventKind::RegionLost { rpo: STANDBY };
            });
        }
    }
    list.remedies
}

struct List<'a> {
    case: &'a Case,
    index: usize,
    remedies: Vec<Remedy>,
}

impl List<'_> {
    fn push(&mut self, what: impl Into<String>, change: impl FnOnce(&mut Case)) {
        let mut case = self.case.clone();
        change(&mut case);
        if case.size.workers.pods.count > self.case.size.workers.pods.count {
            keep_at_least(&mut case.profile, case.size.workers.pods.count);
        }
        self.remedies.push(Remedy { what: what.into(), case });
    }

    fn event(&mut self, what: &str, change: impl FnOnce(&mut Event)) {
        let index = self.index;
        self.push(what, |case| change(&mut case.profile.events[index]));
    }

    /// More pods of one kind.
    fn more(&mut self, name: &str, pods: fn(&mut SystemSize) -> &mut Pods, more: u32) {
        let what = match more {
            1 => format!("one more {name} pod"),
            _ => format!("{more} more {name} pods"),
        };
        self.push(what, |case| pods(&mut case.size).count += more);
    }

    fn workers_stop(&mut self, pods: Option<u32>) {
        let fleet = self.case.size.workers.pods.count;
        let stopped = pods.unwrap_or(fleet).min(fleet);
        if stopped > 1 {
            let half = stopped.div_ceil(2);
            self.event(&format!("only {half} of the {fleet} worker pods stop, the others elsewhere go on"), |event| {
                event.kind = EventKind::WorkersStop { pods: Some(half), first: 0 };
            });
        }
        if stopped == 1 && fleet == 1 {
            self.more("worker", |size| &mut size.workers.pods, 1);
            if let Some(remedy) = self.remedies.last_mut() {
                remedy.what = "a second worker pod, elsewhere".to_owned();
                remedy.case.profile.events[self.index].kind = EventKind::WorkersStop { pods: Some(1), first: 0 };
            }
            return;
        }
        self.more("worker", |size| &mut size.workers.pods, fleet.div_ceil(2).max(1));
    }

    fn pod_lost(&mut self, service: ServiceName) {
        match service {
            ServiceName::Frontend => self.more("frontend", |size| &mut size.frontend, 1),
            ServiceName::Matching => self.more("matching", |size| &mut size.matching, 1),
            ServiceName::WorkerService => self.more("worker service", |size| &mut size.worker_service, 1),
            ServiceName::History => {
                self.more("history", |size| &mut size.history, 1);
                // Without the detection only acquisitions are left: some hundred milliseconds.
                self.event("a clean shutdown, which leaves the ring at once, in place of a kill", |event| {
                    if let EventKind::PodLost { shards_move, .. } = &mut event.kind {
                        *shards_move = Some(CLEAN_MOVE);
                    }
                });
            }
        }
    }

    fn placed(&mut self, of: u32) {
        let more = |pods: u32| (pods * of).div_ceil(of - 1) - pods;
        let size = self.case.size;
        let counts = [size.frontend, size.history, size.matching, size.workers.pods].map(|pods| more(pods.count));
        let [frontend, history, matching, workers] = counts;
        let what = format!(
            "so much more that the others carry all of it: {frontend} frontend, {history} history, {matching} matching, {workers} worker pods"
        );
        self.push(what, |case| {
            case.size.frontend.count += frontend;
            case.size.history.count += history;
            case.size.matching.count += matching;
            case.size.workers.pods.count += workers;
        });
        let silent = |activity: &Activity| {
            activity.heartbeat.is_none_or(|heartbeat| heartbeat.timeout.is_none())
                && activity.timeouts.start_to_close.is_none_or(|timeout| timeout > BEAT.every * 6)
                && longer_than(&activity.takes, BEAT.every)
        };
        if any(&self.case.profile, &silent) {
            self.push("heartbeats every 5 s with a time-out of 15 s", |case| {
                each(&mut case.profile, &mut |activity| {
                    if silent(activity) {
                        activity.heartbeat = Some(BEAT);
                    }
                });
            });
        }
    }

    fn slow_disk(&mut self) {
        self.push("twice the connections per pod", |case| case.profile.cluster.max_connections *= 2);
        self.push("twice the history shards", |case| case.size.history_shards *= 2);
    }

    fn slow_dependency(&mut self, factor: f64) {
        let slots = self.case.size.workers.activity_slots;
        let more = libm::ceil(f64::from(slots) * factor) as u32;
        self.push(format!("{more} activity slots per pod, not {slots}"), |case| {
            case.size.workers.activity_slots = more;
        });
        self.event("a circuit breaker, which refuses attempts meanwhile", |event| {
            if let EventKind::SlowDependency { breaker, .. } = &mut event.kind {
                *breaker = true;
            }
        });
    }

    fn poison(&mut self) {
        self.event("an error that is not retried", |event| {
            if let EventKind::Poison { non_retryable, .. } = &mut event.kind {
                *non_retryable = true;
            }
        });
        if any(&self.case.profile, &|activity| activity.retry.backoff < 2.0 || activity.retry.initial < ONE) {
            self.push("a back-off of 1 s that doubles up to 100 s", |case| {
                each(&mut case.profile, &mut |activity| {
                    activity.retry.initial = activity.retry.initial.max(ONE);
                    activity.retry.backoff = activity.retry.backoff.max(2.0);
                    activity.retry.maximum = activity.retry.maximum.max(ONE * 100);
                });
            });
        }
        let many = |activity: &Activity| activity.retry.attempts == 0 || activity.retry.attempts > FEW_ATTEMPTS;
        if any(&self.case.profile, &many) {
            self.push("5 attempts at most", |case| {
                each(&mut case.profile, &mut |activity| {
                    if many(activity) {
                        activity.retry.attempts = FEW_ATTEMPTS;
                    }
                });
            });
        }
    }

    fn burst(&mut self) {
        let fleet = self.case.size.workers.pods.count;
        self.more("worker", |size| &mut size.workers.pods, fleet.max(1));
        if shares_one_machine(&self.case.profile).is_some() {
            return;
        }
        self.push("twice of everything: workers, services, database cores", |case| {
            let size = &mut case.size;
            for pods in [&mut size.workers.pods, &mut size.frontend, &mut size.history, &mut size.matching] {
                pods.count *= 2;
            }
            size.database = plimsoll_profiles::units::Cores::new(size.database.get() * 2.0);
        });
    }
}

/// An autoscaler takes no more pods away than down to so many, and begins with them: else it would take away those that are added.
fn keep_at_least(profile: &mut Profile, pods: u32) {
    let Some(autoscaler) = &mut profile.autoscaler else { return };
    let (fewest, most) = match &mut autoscaler.scaler {
        Scaler::Hpa(hpa) => (&mut hpa.min_pods, &mut hpa.max_pods),
        Scaler::Keda(keda) => (&mut keda.min_pods, &mut keda.max_pods),
    };
    *fewest = pods.max(*fewest);
    *most = pods.max(*most);
    profile.workers.pods = Some(pods.max(*fewest));
}

const ONE: Nanos = Nanos::from_secs(1);
/// A shard's move without a detection: the new owner hears of it by gossip (a protocol period of 200 ms) and acquires it. Assumed.
const CLEAN_MOVE: Nanos = Nanos::from_millis(500);

/// Whether a span is usually longer than this.
fn longer_than(span: &Span, limit: Nanos) -> bool {
    match span {
        Span::Constant(value) => *value > limit,
        Span::MeanCv { mean, .. } => *mean > limit,
        Span::Quantiles(points) => points.first().is_some_and(|point| point.1 > limit),
    }
}

fn any(profile: &Profile, holds: &dyn Fn(&Activity) -> bool) -> bool {
    fn within(steps: &[Step], holds: &dyn Fn(&Activity) -> bool) -> bool {
        steps.iter().any(|step| match step {
            Step::Activity(activity) => holds(activity),
            Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => within(steps, holds),
            Step::Branch(arms) => arms.iter().any(|arm| within(&arm.steps, holds)),
            _ => false,
        })
    }
    profile.workflows.iter().any(|workflow| within(&workflow.steps, holds))
}

fn each(profile: &mut Profile, change: &mut dyn FnMut(&mut Activity)) {
    fn within(steps: &mut [Step], change: &mut dyn FnMut(&mut Activity)) {
        for step in steps {
            match step {
                Step::Activity(activity) => change(activity),
                Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => within(steps, change),
                Step::Branch(arms) => arms.iter_mut().for_each(|arm| within(&mut arm.steps, change)),
                _ => {}
            }
        }
    }
    profile.workflows.iter_mut().for_each(|workflow| within(&mut workflow.steps, change));
}

#[cfg(test)]
mod tests {
    use plimsoll_profiles::{Document, World, shipped};

    use super::*;
    use crate::temporal::FleetPlan;

    #[test]
    fn worker_pods_that_are_added_stay_where_an_autoscaler_decides() {
        let text = shipped::profile("hpa-source-example").expect("a shipped profile").text;
        let document = Document::parse(text, "p.toml", &[]).unwrap_or_else(|problems| panic!("{problems}"));
        let mut profile = document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}"));
        let (at, duration) = (Nanos::from_secs(600), Nanos::from_secs(60));
        profile.events = vec![Event { at, duration, kind: EventKind::Burst { factor: 10.0 } }];
        // A fleet that KEDA has scaled to zero gets one pod, not twice none.
        for (pods, kept) in [(6, 12), (0, 5)] {
            profile.workers.pods = Some(pods);
            let case = Case { profile: profile.clone(), size: SystemSize::of(&profile) };
            let remedies = remedies(&case, 0);
            assert!(!remedies.is_empty());
            for Remedy { what, case } in remedies {
                assert!(case.size.workers.pods.count > pods || !what.contains("worker pod"), "{what}");
                let plan = FleetPlan::of(&case.profile, &case.size).expect("an autoscaled fleet");
                let bounds = case.profile.autoscaler.expect("an autoscaler").bounds();
                let begins = if case.size.workers.pods.count > pods { kept } else { pods };
                assert_eq!((plan.pods, bounds), (begins, (kept, 50)), "{what}");
            }
        }
    }
}
