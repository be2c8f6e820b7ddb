//! `[rollout]`, checked.

use super::Checker;
use crate::profile::{
    CanaryBy, CanaryStep, CutOffActivities, OldRuns, PodReplacement, PodShare, RollbackRule, Rollout, RolloutDrain,
    RolloutStrategy, Sdk, Workers,
};
use crate::raw::rollout::{
    RawCanaryBy, RawCanaryStep, RawCutOff, RawDrain, RawOldRuns, RawPodReplacement, RawRollback, RawRollout,
    RawStrategy,
};
use crate::units::Nanos;

fn minutes(minutes: u64) -> Nanos {
    Nanos::from_secs(60 * minutes)
}

impl Checker {
    pub(super) fn rollout(&mut self, raw: Option<RawRollout>, sdk: Sdk, workers: &Workers) -> Option<Rollout> {
        let raw = raw?;
        let strategy = match raw.strategy {
            RawStrategy::Rolling => RolloutStrategy::Rolling,
            RawStrategy::BlueGreen => RolloutStrategy::BlueGreen,
            RawStrategy::Canary => RolloutStrategy::Canary,
        };
        // Kubernetes' defaults of a Deployment.
        let quarter = PodShare::Percent(25);
        let max_unavailable = raw.max_unavailable.map_or(quarter, |share| share.0);
        let max_surge = raw.max_surge.map_or(quarter, |share| share.0);
        let none = |share| matches!(share, PodShare::Pods(0) | PodShare::Percent(0));
        if none(max_unavailable) && none(max_surge) {
            let help = "give one of them 1 or more: with neither a pod less nor a pod more nothing can be replaced";
            self.note("max_unavailable", "max_unavailable and max_surge are both 0", "0, like max_surge", help);
        }
        if matches!(max_unavailable, PodShare::Percent(percent) if percent > 100) {
            let help = "give at most \"100%\"; max_surge may be more";
            self.note("max_unavailable", "more pods missing than there are", "above 100 %", help);
        }
        if workers.pods.is_none() {
            let help = "give [workers] pods = 10, say: the replicas of the Deployment that is rolled out";
            self.note("", "a rollout of a fleet of unknown size", "workers.pods is not given", help);
        }
        let rollback = self.under("rollback", |c| c.rollback(raw.rollback.unwrap_or_default()));
        Some(Rollout {
            strategy,
            at: raw.at.unwrap_or(minutes(1)),
            // Assumed: a scheduled pod whose image is there. Readiness: the source's `initialDelaySeconds: 5`.
            start_up: raw.start_up.unwrap_or(Nanos::from_secs(10)),
            readiness: raw.readiness.unwrap_or(Nanos::from_secs(5)),
            drain: self.under("drain", |c| c.drain(raw.drain.unwrap_or_default(), sdk)),
            max_unavailable,
            max_surge,
            pod_replacement: match raw.pod_replacement {
                Some(RawPodReplacement::TerminationComplete) => PodReplacement::TerminationComplete,
                Some(RawPodReplacement::TerminationStarted) | None => PodReplacement::TerminationStarted,
            },
            old_runs: match raw.old_runs {
                Some(RawOldRuns::Moved) => OldRuns::Moved,
                Some(RawOldRuns::Pinned) | None => OldRuns::Pinned,
            },
            wait: raw.wait.unwrap_or(minutes(60)),
            by: match raw.by {
                Some(RawCanaryBy::Replicas) => CanaryBy::Replicas,
                Some(RawCanaryBy::Versioning) | None => CanaryBy::Versioning,
            },
            steps: self.under("steps", |c| c.canary_steps(raw.steps)),
            rollback,
            defect: raw.defect.map(|defect| defect.fails),
        })
    }

    fn drain(&mut self, raw: RawDrain, sdk: Sdk) -> RolloutDrain {
        // Source document 003, 10.1.1: shutdown_timeout 300 s, terminationGracePeriodSeconds 360.
        let drain = RolloutDrain {
            graceful_timeout: raw.graceful_timeout.unwrap_or(Nanos::from_secs(300)),
            grace: raw.grace.unwrap_or(Nanos::from_secs(360)),
            cut_off: match (raw.cut_off, sdk) {
                (Some(RawCutOff::Fail), _) => CutOffActivities::Fail,
                (Some(RawCutOff::Lost), _) => CutOffActivities::Lost,
                (Some(RawCutOff::RunOn), _) => CutOffActivities::RunOn,
                (None, Sdk::Go | Sdk::Java) => CutOffActivities::Lost,
                (None, _) => CutOffActivities::Fail,
            },
        };
        if drain.grace == Nanos::ZERO {
            self.note(
                "grace",
                "a grace period of zero",
                "zero",
                "give the terminationGracePeriodSeconds, e.g. \"360s\"",
            );
        }
        drain
    }

    fn canary_steps(&mut self, raw: Option<Vec<RawCanaryStep>>) -> Vec<CanaryStep> {
        let Some(raw) = raw else {
            // Source document 003, 10.1.4.
            return [(5, 30), (20, 60), (50, 120), (100, 0)]
                .map(|(percent, wait)| CanaryStep { percent, wait: minutes(wait) })
                .to_vec();
        };
        let mut steps: Vec<CanaryStep> = Vec::with_capacity(raw.len());
        for (index, raw) in raw.into_iter().enumerate() {
            let before = steps.last().map_or(0, |step| step.percent);
            let percent = raw.percent;
            if percent <= before || percent > 100 {
                let label = if percent > 100 { "above 100" } else { "not above the step before" };
                let message = format!("{percent} % after {before} %");
                self.under(index, |c| {
                    c.note(
                        "percent",
                        message,
                        label,
                        "shares rise from step to step, to 100 at most, e.g. 5, 20, 50, 100",
                    );
                });
            }
            steps.push(CanaryStep { percent, wait: raw.wait.unwrap_or(Nanos::ZERO) });
        }
        if steps.last().is_none_or(|last| last.percent < 100) {
            steps.push(CanaryStep { percent: 100, wait: Nanos::ZERO });
        }
        steps
    }

    fn rollback(&mut self, raw: RawRollback) -> RollbackRule {
        if raw.check_every == Some(Nanos::ZERO) {
            self.note("check_every", "a look every 0 s", "zero", "give how often the rule is looked at, e.g. \"1min\"");
        }
        let RawRollback { failure_share, end_to_end_p99, check_every } = raw;
        RollbackRule { failure_share, end_to_end_p99, check_every }
    }
}
