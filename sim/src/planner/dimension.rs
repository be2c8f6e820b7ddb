//! The integers the planner chooses.

use plimsoll_profiles::profile::{Profile, Service};
use plimsoll_profiles::units::{Cores, Probability, Rate};

use super::demand::Demand;
use crate::engine::analytic::servers_for_wait_probability;
use crate::temporal::{Outcome, Pods, Process, SystemSize, is_cloud, shares_one_machine};

/// A number of the plan that can be one less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Worker pods.
    WorkerPods,
    /// Workflow and activity pollers per worker pod.
    Pollers,
    /// Frontend pods.
    Frontend,
    /// History pods.
    History,
    /// Matching pods.
    Matching,
    /// History shards: powers of two.
    Shards,
    /// Database cores: sizes that are sold.
    Database,
}

/// Core counts of managed PostgreSQL that can be bought.
pub const DATABASE_CORES: [u32; 11] = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192];
/// Shard counts: powers of two, from the smallest that is sensible to the largest documented (docs: "1 to 128 K").
const SHARD_COUNTS: std::ops::RangeInclusive<u32> = 6..=14;

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 7] = [
        Dimension::WorkerPods,
        Dimension::Pollers,
        Dimension::Frontend,
        Dimension::History,
        Dimension::Matching,
        Dimension::Shards,
        Dimension::Database,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::WorkerPods => "worker pods",
            Dimension::Pollers => "pollers",
            Dimension::Frontend => "frontend pods",
            Dimension::History => "history pods",
            Dimension::Matching => "matching pods",
            Dimension::Shards => "history shards",
            Dimension::Database => "database cores",
        }
    }

    /// Its value in a size.
    pub fn get(self, size: &SystemSize) -> u32 {
        match self {
            Dimension::WorkerPods => size.workers.pods.count,
            Dimension::Pollers => size.workers.activity_pollers,
            Dimension::Frontend => size.frontend.count,
            Dimension::History => size.history.count,
            Dimension::Matching => size.matching.count,
            Dimension::Shards => size.history_shards,
            Dimension::Database => size.database.get() as u32,
        }
    }

    /// A size with another value.
    pub fn set(self, mut size: SystemSize, value: u32) -> SystemSize {
        match self {
            Dimension::WorkerPods => size.workers.pods.count = value,
            Dimension::Pollers => {
                size.workers.activity_pollers = value.min(size.workers.activity_slots);
                size.workers.workflow_task_pollers = value.min(size.workers.workflow_task_slots);
            }
            Dimension::Frontend => size.frontend.count = value,
            Dimension::History => size.history.count = value,
            Dimension::Matching => size.matching.count = value,
            Dimension::Shards => size.history_shards = value,
            Dimension::Database => size.database = Cores::new(f64::from(value)),
        }
        size
    }

    /// The values it may take, rising; one value where the profile fixes it. The spare pod for a lost one is not counted.
    pub fn choices(self, profile: &Profile, size: &SystemSize) -> Vec<u32> {
        let spare = u32::from(profile.growth.survive_pod_loss);
        let server_is_fixed = is_cloud(profile) || shares_one_machine(profile).is_some();
        let service = |service: &Service| match service.pods {
            Some(pods) => vec![pods.saturating_sub(spare).max(1)],
            None if server_is_fixed => vec![1],
            None => {
                let fewest = service.min_pods.saturating_sub(spare).max(1);
                (fewest..=service.max_pods.saturating_sub(spare).max(fewest)).collect()
            }
        };
        let services = &profile.cluster.services;
        let workers = &profile.workers;
        match self {
            Dimension::WorkerPods => match workers.pods {
                Some(pods) => vec![pods.saturating_sub(spare).max(1)],
                None => (1..=workers.max_pods.saturating_sub(spare).max(1)).collect(),
            },
            Dimension::Pollers => {
                let fixed = workers.activity_pollers.is_some() || workers.workflow_task_pollers.is_some();
                let fewest = profile.sdk.defaults().activity_pollers.min(size.workers.activity_slots);
                let start = if fixed { size.workers.activity_pollers } else { fewest }.max(1);
                if fixed { vec![start] } else { (0..6).map(|n| start << n).filter(|n| *n <= 64).collect() }
            }
            Dimension::Frontend => service(&services.frontend),
            Dimension::History => service(&services.history),
            Dimension::Matching => service(&services.matching),
            Dimension::Shards => match profile.cluster.history_shards {
                Some(shards) => vec![shards],
                None if server_is_fixed => vec![512],
                None => SHARD_COUNTS.map(|power| 1 << power).collect(),
            },
            Dimension::Database => match profile.cluster.database.vcpu {
                Some(cores) => vec![cores],
                None if server_is_fixed => vec![1],
                None => {
                    let most = profile.cluster.database.max_vcpu;
                    DATABASE_CORES.into_iter().filter(|cores| *cores <= most).collect()
                }
            },
        }
    }

    /// Utilisation that the demands alone predict (the utilisation law), 0 where nothing limits.
    pub fn predicted_utilisation(self, demand: &Demand, rate: Rate, size: &SystemSize) -> f64 {
        let of = |process: Process, count: u32, cores: Cores| {
            demand.cores(process, rate) / (f64::from(count) * cores.get()).max(1e-9)
        };
        // CPU or rate limit of the pods, whichever is nearer.
        let service = |process: Process, pods: Pods| {
            of(process, pods.count, pods.cores).max(demand.limit_utilisation(process, rate, pods.count))
        };
        match self {
            Dimension::WorkerPods => {
                let fleet = &size.workers;
                let slots = f64::from(fleet.pods.count) * f64::from(fleet.activity_slots);
                let activities = demand.activities(rate) / slots.max(1.0);
                of(Process::Worker, fleet.pods.count, fleet.pods.cores).max(activities)
            }
            Dimension::Pollers => {
                // Pollers of one kind on one pod, half of the tasks being of that kind.
                let per_pod = rate.as_per_second() * demand.tasks / 2.0 / f64::from(size.workers.pods.count);
                let busy = per_pod * demand.poll_cycle.as_secs_f64();
                let enough = servers_for_wait_probability(busy, Probability::new(0.01));
                // As a utilisation: at the seed's limit exactly when there are enough.
                (0.9 * f64::from(enough) / f64::from(size.workers.activity_pollers.max(1))).min(0.99)
            }
            Dimension::Frontend => service(Process::Frontend, size.frontend),
            Dimension::History => service(Process::History, size.history),
            Dimension::Matching => service(Process::Matching, size.matching),
            Dimension::Shards => rate.as_per_second() * demand.shard.as_secs_f64() / f64::from(size.history_shards),
            Dimension::Database => of(Process::Database, 1, size.database),
        }
    }

    /// Utilisation measured in a simulation: the resource that this number buys more of.
    pub fn measured_utilisation(self, outcome: &Outcome) -> f64 {
        let u = &outcome.utilisation;
        match self {
            Dimension::WorkerPods => u.workers.max(u.activity_slots).max(u.workflow_task_slots),
            Dimension::Pollers => 0.0,
            Dimension::Frontend => u.frontend,
            Dimension::History => u.history.max(u.connections),
            Dimension::Matching => u.matching,
            Dimension::Shards => u.history_shard,
            Dimension::Database => u.database,
        }
    }
}
