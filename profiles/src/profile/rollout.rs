//! How a new version of the workers is brought out.

use crate::units::{Nanos, Probability};

/// A rollout of a new worker version: what `simulate` simulates, and what the other strategies would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// How the new version is brought out.
    pub strategy: RolloutStrategy,
    /// When it begins, from the begin of the arrival schedule.
    pub at: Nanos,
    /// From a pod's creation until its worker polls.
    pub start_up: Nanos,
    /// From then until the pod counts as ready.
    pub readiness: Nanos,
    /// How old pods go.
    pub drain: RolloutDrain,
    /// Rolling: pods that may be missing.
    pub max_unavailable: PodShare,
    /// Rolling: pods that may be there beside the replicas.
    pub max_surge: PodShare,
    /// Rolling: whether a pod that still drains is replaced.
    pub pod_replacement: PodReplacement,
    /// Blue-green, and canary by worker versioning: what becomes of runs that the old version began.
    pub old_runs: OldRuns,
    /// Blue-green: how long the old pods are kept after the cut-over.
    pub wait: Nanos,
    /// Canary: what is divided.
    pub by: CanaryBy,
    /// Canary: shares and waits, rising to 1.
    pub steps: Vec<CanaryStep>,
    /// When it is taken back.
    pub rollback: RollbackRule,
    /// Attempts of activities that fail on the new version beside those that fail anyway.
    pub defect: Option<Probability>,
}

/// How a new version is brought out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RolloutStrategy {
    /// Pod by pod, as a Kubernetes Deployment does.
    Rolling,
    /// A second fleet, and a cut-over by build id.
    BlueGreen,
    /// A small share first, rising by steps.
    Canary,
}

impl RolloutStrategy {
    /// All, in the order of the source's matrix.
    pub const ALL: [RolloutStrategy; 3] =
        [RolloutStrategy::Rolling, RolloutStrategy::BlueGreen, RolloutStrategy::Canary];

    /// As `plimsoll rules strategy` writes it.
    pub fn name(self) -> &'static str {
        match self {
            RolloutStrategy::Rolling => "rolling",
            RolloutStrategy::BlueGreen => "blue-green",
            RolloutStrategy::Canary => "canary",
        }
    }
}

/// How a worker pod goes: source document 003, section 10.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutDrain {
    /// How long the worker waits for running tasks.
    pub graceful_timeout: Nanos,
    /// `terminationGracePeriodSeconds`: after this the pod is killed.
    pub grace: Nanos,
    /// What becomes of activities that are left at the graceful time-out.
    pub cut_off: CutOffActivities,
}

/// What becomes of activities that still run at the end of a worker's graceful time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOffActivities {
    /// They are cancelled, and report a failure that is retried.
    Fail,
    /// The process ends; the server waits for their time-out.
    Lost,
    /// They ignore it, and run until the pod is killed.
    RunOn,
}

/// A number of pods, or a share of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodShare {
    /// So many.
    Pods(u32),
    /// So many per cent.
    Percent(u32),
}

impl PodShare {
    /// Rounded down, as Kubernetes rounds `maxUnavailable`.
    pub fn down(self, replicas: u32) -> u32 {
        match self {
            PodShare::Pods(pods) => pods,
            PodShare::Percent(percent) => (u64::from(replicas) * u64::from(percent) / 100) as u32,
        }
    }

    /// Rounded up, as Kubernetes rounds `maxSurge`.
    pub fn up(self, replicas: u32) -> u32 {
        match self {
            PodShare::Pods(pods) => pods,
            PodShare::Percent(percent) => (u64::from(replicas) * u64::from(percent)).div_ceil(100) as u32,
        }
    }
}

/// When a pod that goes is replaced: KEP-3973, `podReplacementPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodReplacement {
    /// As soon as it drains: pods that drain are not counted.
    TerminationStarted,
    /// When it is gone: pods that drain are counted.
    TerminationComplete,
}

/// What becomes of runs that the old version began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldRuns {
    /// They stay with it until they are closed (worker versioning: `PINNED`).
    Pinned,
    /// They go on with the new version from their next task on (`AUTO_UPGRADE`).
    Moved,
}

/// What a canary divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryBy {
    /// New runs: a ramping share of them starts on the new version.
    Versioning,
    /// Pods: both versions poll the same task queue.
    Replicas,
}

/// A step of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanaryStep {
    /// Per cent, 1 to 100.
    pub percent: u32,
    /// How long it is watched.
    pub wait: Nanos,
}

impl CanaryStep {
    /// The source's number of canary pods: `max(1, int(replicas × percent / 100))`.
    pub fn pods(self, replicas: u32) -> u32 {
        PodShare::Percent(self.percent).down(replicas).max(1)
    }
}

/// When a rollout is taken back; nothing given, nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RollbackRule {
    /// More of the new version's activity attempts fail than this.
    pub failure_share: Option<Probability>,
    /// End-to-end p99 of the workflows that ended meanwhile is above this.
    pub end_to_end_p99: Option<Nanos>,
    /// How often that is looked at; a canary without it looks at the end of each step.
    pub check_every: Option<Nanos>,
}

/// A rolling update's bounds in pods: percentages resolved, and one unavailable where both come to nothing (`ResolveFenceposts` of
/// Kubernetes' Deployment controller).
pub fn fenceposts(max_unavailable: PodShare, max_surge: PodShare, replicas: u32) -> (u32, u32) {
    match (max_unavailable.down(replicas).min(replicas), max_surge.up(replicas)) {
        (0, 0) => (1, 0),
        bounds => bounds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_pods_are_rounded_as_kubernetes_rounds_them() {
        use PodShare::{Percent, Pods};
        // The cases of Kubernetes' own tests of the fenceposts, in our own numbers: unavailable down, surge up, never both zero.
        for (unavailable, surge, replicas, expected) in [
            (Percent(25), Percent(25), 10, (2, 3)),
            (Percent(25), Percent(25), 4, (1, 1)),
            (Percent(25), Percent(25), 3, (0, 1)),
            (Pods(2), Pods(2), 10, (2, 2)),
            (Percent(20), Pods(0), 4, (1, 0)),
            (Percent(1), Percent(0), 10, (1, 0)),
            (Percent(100), Percent(100), 7, (7, 7)),
            (Pods(9), Pods(0), 4, (4, 0)),
            (Pods(0), Percent(1), 10, (0, 1)),
        ] {
            assert_eq!(fenceposts(unavailable, surge, replicas), expected, "{unavailable:?} {surge:?} of {replicas}");
        }
    }

    #[test]
    fn canary_pods_follow_the_sources_formula() {
        let step = |percent| CanaryStep { percent, wait: Nanos::ZERO };
        assert_eq!([5, 20, 50, 100].map(|percent| step(percent).pods(10)), [1, 2, 5, 10]);
        for percent in 1..=100 {
            assert_eq!(step(percent).pods(10), (10 * percent / 100).max(1));
        }
    }
}
