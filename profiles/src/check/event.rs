//! Checks of events: what each kind needs, what it knows nothing of, and what no model can say of this cluster.

use super::Checker;
use crate::profile::{Cluster, ClusterKind, Event, EventKind, Placement, ServiceName, Step, WorkflowType};
use crate::raw::event::{RawEvent, RawEventKind, RawServiceName};
use crate::units::{Nanos, Probability, quoted};

/// Zones of a region, as the clouds have them.
const ZONES: u32 = 3;
/// The sources' recovery time and point objectives (`RTO 15 minutes`, `RPO 1 hour (last backup)`, their disaster recovery runbook).
const RTO: Nanos = Nanos::from_secs(900);
const RPO: Nanos = Nanos::from_secs(3_600);

impl Checker {
    /// Events of a profile, in order of time.
    pub(super) fn events(&mut self, raw: Vec<RawEvent>, workflows: &[WorkflowType], cluster: &Cluster) -> Vec<Event> {
        let mut events: Vec<Event> = raw
            .into_iter()
            .enumerate()
            .map(|(index, raw)| self.under(index, |c| c.event(raw, workflows, cluster)))
            .collect();
        events.sort_by_key(|event| event.at);
        events
    }

    fn event(&mut self, raw: RawEvent, workflows: &[WorkflowType], cluster: &Cluster) -> Event {
        let at = raw.at;
        let duration = self.duration_of(&raw);
        self.useless_keys(&raw);
        self.possible_on(raw.kind, cluster);
        let pods = self.not_zero("pods", raw.pods, "pods");
        let shards_move = raw.shards_move;
        let kind = match raw.kind {
            RawEventKind::WorkersStop => EventKind::WorkersStop { pods, first: raw.first.unwrap_or(0) },
            RawEventKind::PodLost => {
                let service = self.lost_service(raw.service);
                if shards_move.is_some() && service != ServiceName::History {
                    let help = "only history pods have shards: leave shards_move out";
                    self.note("shards_move", format!("{} pods have no shards", service.name()), "no shards", help);
                }
                EventKind::PodLost { service, pods: pods.unwrap_or(1), shards_move }
            }
            RawEventKind::NodeLost => EventKind::NodeLost { of: self.spread(raw.of, "nodes"), shards_move },
            RawEventKind::ZoneLost => {
                EventKind::ZoneLost { of: self.spread(raw.of, "zones").unwrap_or(ZONES), shards_move }
            }
            RawEventKind::DatabaseFailover => EventKind::DatabaseFailover,
            RawEventKind::SlowDisk => EventKind::SlowDisk { factor: self.factor(raw.factor, 10.0) },
            RawEventKind::SlowDependency => {
                let activity = self.activity_of(raw.activity, workflows);
                let breaker = raw.circuit_breaker.unwrap_or(false);
                EventKind::SlowDependency { activity, factor: self.factor(raw.factor, 5.0), breaker }
            }
            RawEventKind::Poison => {
                let share = raw.share.unwrap_or(Probability::new(0.01));
                if share == Probability::ZERO {
                    self.note("share", "no activity is poisoned", "zero", "give a share above 0, e.g. 0.01 or \"1%\"");
                }
                let activity = self.activity_of(raw.activity, workflows);
                EventKind::Poison { activity, share, non_retryable: raw.non_retryable.unwrap_or(false) }
            }
            RawEventKind::Burst => EventKind::Burst { factor: self.factor(raw.factor, 10.0) },
            RawEventKind::CertificateExpiry => EventKind::CertificateExpiry,
            RawEventKind::RegionLost => EventKind::RegionLost { rpo: raw.rpo.unwrap_or(RPO) },
        };
        Event { at, duration, kind }
    }

    fn duration_of(&mut self, raw: &RawEvent) -> Nanos {
        let default = matches!(raw.kind, RawEventKind::RegionLost).then_some(RTO);
        match raw.duration.or(default) {
            Some(duration) if duration > Nanos::ZERO => duration,
            Some(_) => {
                self.note("for", "the event is over at once", "zero", "give a time above zero");
                Nanos(1)
            }
            None => {
                let help = "give how long it lasts, e.g. for = \"60s\"";
                self.note("", "the event has no end", "`for` is missing", help);
                Nanos(1)
            }
        }
    }

    /// A key that changes nothing is a mistake: of the kind, or of the key.
    fn useless_keys(&mut self, raw: &RawEvent) {
        use RawEventKind::{
            Burst, NodeLost, PodLost, Poison, RegionLost, SlowDependency, SlowDisk, WorkersStop, ZoneLost,
        };
        let kind = raw.kind;
        let keys = [
            ("pods", raw.pods.is_some(), matches!(kind, WorkersStop | PodLost)),
            ("first", raw.first.is_some(), matches!(kind, WorkersStop)),
            ("service", raw.service.is_some(), matches!(kind, PodLost)),
            ("of", raw.of.is_some(), matches!(kind, NodeLost | ZoneLost)),
            ("shards_move", raw.shards_move.is_some(), matches!(kind, PodLost | NodeLost | ZoneLost)),
            ("factor", raw.factor.is_some(), matches!(kind, SlowDisk | SlowDependency | Burst)),
            ("activity", raw.activity.is_some(), matches!(kind, SlowDependency | Poison)),
            ("circuit_breaker", raw.circuit_breaker.is_some(), matches!(kind, SlowDependency)),
            ("share", raw.share.is_some(), matches!(kind, Poison)),
            ("non_retryable", raw.non_retryable.is_some(), matches!(kind, Poison)),
            ("rpo", raw.rpo.is_some(), matches!(kind, RegionLost)),
        ];
        for (key, given, used) in keys {
            if given && !used {
                let help = format!("leave {key} out, or choose the kind it belongs to");
                self.note(key, format!("{key} means nothing for this kind of event"), "not used", help);
            }
        }
    }

    /// What cannot be simulated honestly is refused.
    fn possible_on(&mut self, kind: RawEventKind, cluster: &Cluster) {
        use RawEventKind::{DatabaseFailover, NodeLost, PodLost, SlowDisk, ZoneLost};
        let server = matches!(kind, PodLost | NodeLost | ZoneLost | DatabaseFailover | SlowDisk);
        if server && matches!(cluster.kind, ClusterKind::Cloud(_)) {
            let help = "of Temporal Cloud only its published latencies are known, neither its pods nor its database: choose workers_stop, slow_dependency, poison, burst, certificate_expiry or region_lost";
            self.note("kind", "this failure is inside somebody else's cluster", "not yours to see", help);
        }
        if matches!(kind, NodeLost | ZoneLost) && matches!(cluster.placement, Placement::Shared(_)) {
            let help = "everything of this cluster runs on one machine: lose it with region_lost, or a process with pod_lost or workers_stop";
            self.note("kind", "nothing is left when the only machine is lost", "one machine", help);
        }
    }

    fn lost_service(&mut self, raw: Option<RawServiceName>) -> ServiceName {
        match raw {
            Some(RawServiceName::Frontend) => ServiceName::Frontend,
            Some(RawServiceName::History) => ServiceName::History,
            Some(RawServiceName::Matching) => ServiceName::Matching,
            Some(RawServiceName::WorkerService) => ServiceName::WorkerService,
            None => {
                let help = "give service = \"frontend\", \"history\", \"matching\" or \"worker_service\"";
                self.note("", "a pod is lost, but not said of which service", "`service` is missing", help);
                ServiceName::History
            }
        }
    }

    fn spread(&mut self, of: Option<u32>, what: &str) -> Option<u32> {
        if of.is_some_and(|of| of < 2) {
            let help = format!("give how many {what} there are, 2 or more; losing the only one is region_lost");
            self.note("of", format!("fewer than two {what}"), "nothing would be left", help);
        }
        of
    }

    fn factor(&mut self, factor: Option<f64>, default: f64) -> f64 {
        self.number("factor", factor.unwrap_or(default), 1.0, 10_000.0)
    }

    fn activity_of(&mut self, name: Option<String>, workflows: &[WorkflowType]) -> Option<String> {
        let mut known = Vec::new();
        workflows.iter().for_each(|workflow| activities(&workflow.steps, &mut known));
        let name = name?;
        if !known.contains(&name.as_str()) {
            let list = known.join(", ");
            let help = match list.is_empty() {
                true => "the profile has no activity but local ones, which run within workflow tasks".to_owned(),
                false => format!("activities of this profile: {list}; leave it out for all of them"),
            };
            self.note("activity", format!("no activity is called {}", quoted(&name)), "unknown", help);
        }
        Some(name)
    }
}

/// The names of all activities of these steps, each once.
fn activities<'a>(steps: &'a [Step], names: &mut Vec<&'a str>) {
    for step in steps {
        match step {
            Step::Activity(activity) if !names.contains(&activity.name.as_str()) => names.push(&activity.name),
            Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => activities(steps, names),
            Step::Branch(arms) => arms.iter().for_each(|arm| activities(&arm.steps, names)),
            _ => {}
        }
    }
}
