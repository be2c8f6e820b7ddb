//! What goes wrong while the schedule lasts.

use super::Profile;
use crate::arrivals::Arrivals;
use crate::units::{Nanos, Probability};

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it begins, from the begin of the schedule.
    pub at: Nanos,
    /// For how long.
    pub duration: Nanos,
    /// What.
    pub kind: EventKind,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// Worker pods stop and come back.
    WorkersStop {
        /// How many; `None`: all from the first on.
        pods: Option<u32>,
        /// Which is the first of them, counted from 0.
        first: u32,
    },
    /// So many pods of a service, the first ones, are killed; their replacements are ready at the end.
    PodLost {
        /// Of which service.
        service: ServiceName,
        /// How many; more than there are means all.
        pods: u32,
        /// How long a history pod's shards have no owner; `None`: detection and acquisition as the server does them.
        shards_move: Option<Nanos>,
    },
    /// One of so many nodes is gone, with its share of every service's pods and of the workers'.
    NodeLost {
        /// Nodes; `None`: as many as the largest service has pods.
        of: Option<u32>,
        /// As of a lost pod.
        shards_move: Option<Nanos>,
    },
    /// One of so many zones, likewise.
    ZoneLost {
        /// Zones.
        of: u32,
        /// As of a lost pod.
        shards_move: Option<Nanos>,
    },
    /// The database takes no statement; then connections are opened again.
    DatabaseFailover,
    /// The fsync takes `factor` times as long.
    SlowDisk {
        /// How many times.
        factor: f64,
    },
    /// An activity, or all of them, take `factor` times as long.
    SlowDependency {
        /// Its name; `None`: all.
        activity: Option<String>,
        /// How many times.
        factor: f64,
        /// Attempts begun meanwhile fail at once instead.
        breaker: bool,
    },
    /// A share of the activities first tried meanwhile fails at every attempt.
    Poison {
        /// Its name; `None`: all.
        activity: Option<String>,
        /// The share.
        share: Probability,
        /// Whether their error is one that is not retried.
        non_retryable: bool,
    },
    /// The arrival rate is `factor` times as high.
    Burst {
        /// How many times.
        factor: f64,
    },
    /// Connections to the frontend end by age, and new ones are refused.
    CertificateExpiry,
    /// Everything is down.
    RegionLost {
        /// Age of the newest backup.
        rpo: Nanos,
    },
}

impl EventKind {
    /// The name in profiles.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::WorkersStop { .. } => "workers_stop",
            EventKind::PodLost { .. } => "pod_lost",
            EventKind::NodeLost { .. } => "node_lost",
            EventKind::ZoneLost { .. } => "zone_lost",
            EventKind::DatabaseFailover => "database_failover",
            EventKind::SlowDisk { .. } => "slow_disk",
            EventKind::SlowDependency { .. } => "slow_dependency",
            EventKind::Poison { .. } => "poison",
            EventKind::Burst { .. } => "burst",
            EventKind::CertificateExpiry => "certificate_expiry",
            EventKind::RegionLost { .. } => "region_lost",
        }
    }
}

/// One of Temporal's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceName {
    /// The gRPC gateway.
    Frontend,
    /// Workflow state, shards, queues.
    History,
    /// Task queues.
    Matching,
    /// Internal background workflows.
    WorkerService,
}

impl ServiceName {
    /// In prose.
    pub fn name(self) -> &'static str {
        match self {
            ServiceName::Frontend => "frontend",
            ServiceName::History => "history",
            ServiceName::Matching => "matching",
            ServiceName::WorkerService => "worker service",
        }
    }
}

impl Event {
    /// When it is over.
    pub fn until(&self) -> Nanos {
        self.at + self.duration
    }
}

impl Profile {
    /// The arrival schedule with the bursts of the events in it: what a simulation of the schedule and the load generator send.
    /// [`Profile::arrivals`] is the load that a plan is made for. The events' times are counted from `events_from`.
    pub fn sent_arrivals(&self, events_from: Nanos) -> Arrivals {
        let mut arrivals = self.arrivals.clone();
        for event in &self.events {
            if let EventKind::Burst { factor } = event.kind {
                arrivals = arrivals.with_burst(events_from + event.at, event.duration, factor);
            }
        }
        arrivals
    }
}

impl Arrivals {
    /// The same schedule with every rate `factor` times as high from `at` on, for `duration`.
    ///
    /// Phases are cut where the burst begins and ends, so that an even or counted process has exactly `factor` times as many arrivals
    /// within it. What comes before the burst keeps its intended times; what comes after is drawn anew, from the same seed.
    pub fn with_burst(&self, at: Nanos, duration: Nanos, factor: f64) -> Arrivals {
        let end = self.duration();
        let until = (at + duration).min(end);
        if at >= until {
            return self.clone();
        }
        let burst = self.window(at, until).map(|burst| burst.scaled(factor));
        let parts = [self.window(Nanos::ZERO, at), burst, self.window(until, end)];
        Arrivals { phases: parts.into_iter().flatten().flat_map(|part| part.phases).collect() }
    }
}
