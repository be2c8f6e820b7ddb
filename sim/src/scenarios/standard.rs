//! The standard set of failures.

use plimsoll_profiles::profile::{EventKind, Profile, ServiceName};
use plimsoll_profiles::units::{Nanos, Probability};

use crate::temporal::{SystemSize, is_cloud, shares_one_machine};

/// A failure of the set.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What people call it.
    pub name: String,
    /// How long it lasts.
    pub duration: Nanos,
    /// What happens.
    pub kind: EventKind,
}

/// One that is not simulated, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What people call it.
    pub name: String,
    /// Why not.
    pub reason: String,
}

/// Until a replacement of a lost pod is ready: scheduled, image there, started, ready. Assumed.
const POD_START: Nanos = Nanos::from_secs(60);
/// The same of a lost node's pods, which Kubernetes gives up after 5 min (`tolerationSeconds` of `unreachable`, its default).
const NODE_START: Nanos = Nanos::from_secs(360);
/// A zone is out for half an hour. Assumed.
const ZONE_OUT: Nanos = Nanos::from_secs(1_800);
/// A managed database's failover takes 60 to 120 s, by the clouds' documentation of their standby instances; the longer half of it is left to profiles.
const FAILOVER: Nanos = Nanos::from_secs(60);
const TEN_MINUTES: Nanos = Nanos::from_secs(600);

/// The failures that make sense for a profile, and those that do not.
pub fn standard(profile: &Profile, size: &SystemSize) -> (Vec<Failure>, Vec<Refusal>) {
    let mut failures = Vec::new();
    let mut refused = Vec::new();
    let shared = shares_one_machine(profile).is_some();
    let cloud = is_cloud(profile);
    let mut add = |name: &str, duration: Nanos, kind: EventKind| {
        let reason = match &kind {
            EventKind::PodLost { .. } | EventKind::DatabaseFailover | EventKind::SlowDisk { .. } if cloud => {
                Some("inside Temporal Cloud, of which only published latencies are known")
            }
            EventKind::NodeLost { .. } | EventKind::ZoneLost { .. } if cloud => {
                Some("of Temporal Cloud's placement nothing is known")
            }
            EventKind::NodeLost { .. } | EventKind::ZoneLost { .. } if shared => {
                Some("everything runs on one machine: losing it is the region's loss")
            }
            EventKind::SlowDependency { .. } | EventKind::Poison { .. } if !has_activities(profile) => {
                Some("the profile has no activities but local ones")
            }
            _ => None,
        };
        match reason {
            Some(reason) => refused.push(Refusal { name: name.to_owned(), reason: reason.to_owned() }),
            None => failures.push(Failure { name: name.to_owned(), duration, kind }),
        }
    };
    let pod = |service| EventKind::PodLost { service, pods: 1, shards_move: None };
    add("frontend pod lost", POD_START, pod(ServiceName::Frontend));
    add("history pod lost", POD_START, pod(ServiceName::History));
    add("matching pod lost", POD_START, pod(ServiceName::Matching));
    add("worker service pod lost", POD_START, pod(ServiceName::WorkerService));
    add("node lost", NODE_START, EventKind::NodeLost { of: None, shards_move: None });
    add("zone lost, one of three", ZONE_OUT, EventKind::ZoneLost { of: 3, shards_move: None });
    add("database failover, 60 s", FAILOVER, EventKind::DatabaseFailover);
    add("disk 10× slower", TEN_MINUTES, EventKind::SlowDisk { factor: 10.0 });
    let slow = EventKind::SlowDependency { activity: None, factor: 5.0, breaker: false };
    add("dependencies 5× slower", TEN_MINUTES, slow);
    let poison = |non_retryable| EventKind::Poison { activity: None, share: Probability::new(0.05), non_retryable };
    add("5 % poison, retried", TEN_MINUTES, poison(false));
    add("5 % poison, not retried", TEN_MINUTES, poison(true));
    add("burst of 10× for 1 min", Nanos::from_secs(60), EventKind::Burst { factor: 10.0 });
    add("workers gone for 20 min", Nanos::from_secs(1_200), EventKind::WorkersStop { pods: None, first: 0 });
    add("certificate expired", Nanos::from_secs(900), EventKind::CertificateExpiry);
    let region = EventKind::RegionLost { rpo: Nanos::from_secs(3_600) };
    add("region lost for 15 min", Nanos::from_secs(900), region);
    if size.workers.pods.count > 1 {
        failures.push(Failure {
            name: "one worker pod gone".to_owned(),
            duration: POD_START,
            kind: EventKind::WorkersStop { pods: Some(1), first: 0 },
        });
    }
    (failures, refused)
}

fn has_activities(profile: &Profile) -> bool {
    !crate::temporal::Program::of(profile).activities.is_empty()
}
