//! What one workflow leaves and asks for, and sizes for any rate.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Placement, Profile, Service};
use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};

use super::self_hosted::{Footprint, PodGroup};
use super::{CloudMonth, step_actions};
use crate::planner::{DatabaseSize, Demand, Dimension, Evaluator, PEAK_WINDOW, Storage, provision_for};
use crate::temporal::{Outcome, Pods, Program, SystemSize};

/// A month of 730 hours.
pub const SECONDS_PER_MONTH: f64 = 730.0 * 3_600.0;

/// What a pilot simulation measured of a profile.
pub struct Usage<'a> {
    profile: &'a Profile,
    calibration: &'a Calibration,
    /// Demands of one workflow.
    pub demand: Demand,
    /// Bytes that one workflow leaves, by table.
    pub storage: Storage,
    /// Mean time a workflow is open.
    pub lifetime: Nanos,
    /// Billable actions of one workflow, from its steps.
    pub actions: f64,
    /// The same as the simulation counted them.
    pub simulated_actions: f64,
    /// Bytes of its history.
    pub history_bytes: f64,
    /// Peak over mean of the arrival schedule.
    pub peak_over_mean: f64,
    pilot: Outcome,
    pilot_rate: Rate,
}

impl<'a> Usage<'a> {
    /// Simulates the pilot. `None` where nothing arrives.
    pub fn of(
        profile: &'a Profile,
        calibration: &'a Calibration,
        seed: u64,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Option<Usage<'a>> {
        let peak = profile.arrivals.peak(PEAK_WINDOW).rate;
        let mean = profile.arrivals.mean_rate();
        if peak == Rate::ZERO || mean == Rate::ZERO {
            return None;
        }
        let evaluator = Evaluator::new(profile, calibration, seed, cancelled);
        let (demand, verdict) = evaluator.pilot(SystemSize::of(profile), peak);
        let storage = Storage::of(profile, calibration, &demand);
        Some(Usage {
            profile,
            calibration,
            lifetime: Program::of(profile).mean_lifetime(profile),
            actions: step_actions(profile).iter().map(|row| row.share * row.actions).sum(),
            simulated_actions: demand.per_workflow(demand.work.actions),
            history_bytes: storage.events,
            peak_over_mean: peak.as_per_second() / mean.as_per_second(),
            demand,
            storage,
            pilot: verdict.outcome,
            pilot_rate: peak,
        })
    }

    /// What a month at a mean rate uses on Temporal Cloud, without replica and fairness.
    pub fn cloud_month(&self, mean: Rate, retention: Nanos) -> CloudMonth {
        let mean = mean.as_per_second();
        let gigabytes = |span: Nanos| mean * span.as_secs_f64() * self.history_bytes / 1e9;
        CloudMonth {
            actions: mean * SECONDS_PER_MONTH * self.actions,
            peak_actions: Rate::per_second(mean * self.peak_over_mean * self.actions),
            active_gb: gigabytes(self.lifetime),
            retained_gb: gigabytes(retention),
            replicated: false,
            fairness: false,
        }
    }

    /// What a mean rate needs of one's own, by the utilisation law at 70 % at most (the plan's search is finer), headroom included; `None` where the
    /// largest sizes that are allowed are full.
    pub fn footprint(&self, mean: Rate) -> Option<Footprint> {
        let peak = mean.as_per_second() * self.peak_over_mean * (1.0 + self.profile.growth.headroom);
        let peak = Rate::per_second(peak);
        let size = provision_for(self.profile, &self.demand, peak);
        let full = |dimension: &Dimension| dimension.predicted_utilisation(&self.demand, peak, &size) > 1.0;
        if Dimension::ALL.iter().any(full) {
            return None;
        }
        let database = DatabaseSize::of(
            self.profile,
            self.calibration,
            &self.storage,
            &self.demand,
            (&size, &self.pilot),
            mean,
            self.lifetime,
        );
        // Flushes, pages and reads are counted at the pilot's rate; they grow with the rate.
        let iops = (database.read_iops + database.write_iops) * peak.as_per_second() / self.pilot_rate.as_per_second();
        let recovery = &database.recovery;
        let whole = one_machine(self.profile);
        let own = whole.is_none();
        Some(Footprint {
            pods: whole.map_or_else(|| pods(self.profile, &size), |machine| vec![machine]),
            database: Cores::new(if own { f64::from(database.vcpu + database.visibility_vcpu) } else { 0.0 }),
            memory: if own { database.memory } else { Bytes(0) },
            storage: database.storage.0 as f64,
            iops,
            backups: recovery.backups + recovery.wal_archive + recovery.archive,
        })
    }
}

/// The machine that services, workers and database share, where they do; it is all on one side.
pub fn one_machine(profile: &Profile) -> Option<PodGroup> {
    let Placement::Shared(host) = &profile.cluster.placement else { return None };
    Some(PodGroup {
        name: "machine".to_owned(),
        pods: 1,
        cores: host.size.cpu,
        memory: host.size.memory,
        on_cloud_too: false,
    })
}

/// The pods of a size with the profile's limits.
fn pods(profile: &Profile, size: &SystemSize) -> Vec<PodGroup> {
    let services = &profile.cluster.services;
    let group = |name: &str, pods: Pods, service: &Service| PodGroup {
        name: name.to_owned(),
        pods: pods.count,
        cores: pods.cores,
        memory: service.limit.memory,
        on_cloud_too: false,
    };
    vec![
        group("frontend", size.frontend, &services.frontend),
        group("history", size.history, &services.history),
        group("matching", size.matching, &services.matching),
        group("worker service", size.worker_service, &services.worker),
        PodGroup {
            name: "workers".to_owned(),
            pods: size.workers.pods.count,
            cores: size.workers.pods.cores,
            memory: profile.workers.pod.memory,
            on_cloud_too: true,
        },
    ]
}
