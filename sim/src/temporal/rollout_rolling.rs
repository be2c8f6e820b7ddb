//! One step of a Kubernetes Deployment's rolling update.
//!
//! What its controller computes at each synchronisation (Kubernetes `pkg/controller/deployment/rolling.go` and `util/deployment_util.go`): first the new
//! ReplicaSet grows as far as `replicas + maxSurge` pods in all allow; when it cannot, the old one shrinks: unready pods first, then ready ones as long as
//! `replicas − maxUnavailable` stay available. A pod that was told to go belongs to no ReplicaSet: it is not counted, so that for as long as pods
//! drain there are more of them than `replicas + maxSurge`; with `podReplacementPolicy: TerminationComplete` (KEP-3973) it is counted.

use plimsoll_profiles::profile::{PodReplacement, Rollout, fenceposts};

use super::fleet::PodState;
use super::fleet_control::PodObservation;

/// What a rolling update has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingBounds {
    /// Pods of the Deployment.
    pub replicas: u32,
    /// So many may be missing.
    pub max_unavailable: u32,
    /// So many may be there beside the replicas.
    pub max_surge: u32,
    /// Whether pods that drain are counted.
    pub replacement: PodReplacement,
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollingStep {
    /// Pods of the wanted version to be started.
    pub start: u32,
    /// Pods that are to go.
    pub drain: Vec<u32>,
}

impl RollingBounds {
    /// Those of a rollout.
    pub fn of(rollout: &Rollout, replicas: u32) -> Self {
        let (max_unavailable, max_surge) = fenceposts(rollout.max_unavailable, rollout.max_surge, replicas);
        // More is of no use: those that drain included there are never more than three times the replicas.
        let max_surge = max_surge.min(replicas.saturating_mul(3));
        RollingBounds { replicas, max_unavailable, max_surge, replacement: rollout.pod_replacement }
    }

    /// The next step towards a fleet of one version.
    pub fn step(&self, pods: &[PodObservation], wanted: u8) -> RollingStep {
        let counted = || pods.iter().filter(|pod| pod.state != PodState::Draining);
        let all = counted().count() as u32;
        let new = counted().filter(|pod| pod.version == wanted).count() as u32;
        let draining = match self.replacement {
            PodReplacement::TerminationStarted => 0,
            PodReplacement::TerminationComplete => pods.len() as u32 - all,
        };
        let room = (self.replicas + self.max_surge).saturating_sub(all + draining);
        let start = room.min(self.replicas.saturating_sub(new));
        if start > 0 {
            return RollingStep { start, drain: Vec::new() };
        }
        let least = self.replicas.saturating_sub(self.max_unavailable);
        let is_ready = |pod: &&PodObservation| pod.state == PodState::Ready;
        let ready = counted().filter(is_ready).count() as u32;
        let new_unready = counted().filter(|pod| pod.version == wanted && pod.state != PodState::Ready).count() as u32;
        let most = all.saturating_sub(least + new_unready) as usize;
        let mut old: Vec<&PodObservation> = counted().filter(|pod| pod.version != wanted).collect();
        // A ReplicaSet gives up the youngest of its pods first.
        old.sort_by_key(|pod| (pod.state == PodState::Ready, std::cmp::Reverse((pod.since, pod.pod))));
        let unready = old.iter().filter(|pod| pod.state != PodState::Ready).take(most);
        let spare = if most == 0 { 0 } else { ready.saturating_sub(least) as usize };
        let surplus = old.iter().filter(|pod| is_ready(pod)).take(spare);
        RollingStep { start: 0, drain: unready.chain(surplus).map(|pod| pod.pod).collect() }
    }
}
