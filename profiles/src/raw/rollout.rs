//! `[rollout]` as it is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::profile::PodShare;
use crate::units::{Nanos, Probability, UnitError, quoted};

/// A new version of the workers, and how it is brought out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rollout")]
pub(crate) struct RawRollout {
    /// How the new version is brought out. `plimsoll rollouts` tries all three.
    pub strategy: RawStrategy,
    /// When it begins, from the begin of the arrival schedule. Default: 1min.
    pub at: Option<Nanos>,
    /// From a pod's creation until its worker polls. Default: 10s.
    pub start_up: Option<Nanos>,
    /// From then until the pod counts as ready. Default: 5s.
    pub readiness: Option<Nanos>,
    /// How old pods go.
    pub drain: Option<RawDrain>,
    /// Rolling: pods that may be missing, a number or per cent (rounded down). Default: 25%.
    pub max_unavailable: Option<RawPodShare>,
    /// Rolling: pods that may be there beside the replicas, a number or per cent (rounded up). Default: 25%.
    pub max_surge: Option<RawPodShare>,
    /// Rolling: when a pod that goes is replaced. Default: termination_started, Kubernetes' own.
    pub pod_replacement: Option<RawPodReplacement>,
    /// Blue-green, and canary by versioning: what becomes of runs that the old version began. Default: pinned.
    pub old_runs: Option<RawOldRuns>,
    /// Blue-green: how long the old pods are kept after the cut-over. Default: 1h.
    pub wait: Option<Nanos>,
    /// Canary: what is divided. Default: versioning.
    pub by: Option<RawCanaryBy>,
    /// Canary: shares and waits. Default: 5 % for 30min, 20 % for 60min, 50 % for 120min, 100 %.
    pub steps: Option<Vec<RawCanaryStep>>,
    /// When the rollout is taken back. Default: never.
    pub rollback: Option<RawRollback>,
    /// What is wrong with the new version, to try a rollback. Default: nothing.
    pub defect: Option<RawDefect>,
}

/// How a new version is brought out.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RolloutStrategy")]
pub(crate) enum RawStrategy {
    /// Pod by pod, as a Kubernetes Deployment does.
    Rolling,
    /// A second fleet, and a cut-over by build id.
    BlueGreen,
    /// A small share first, rising by steps.
    Canary,
}

/// How a worker pod goes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Drain")]
pub(crate) struct RawDrain {
    /// How long the worker waits for running tasks. Default: 300s.
    pub graceful_timeout: Option<Nanos>,
    /// After this the pod is killed (terminationGracePeriodSeconds). Default: 360s.
    pub grace: Option<Nanos>,
    /// What becomes of activities left at the graceful time-out. Default: lost for Go and Java, whose process ends then; fail for the other SDKs, which cancel them.
    pub cut_off: Option<RawCutOff>,
}

/// What becomes of activities that are left at the graceful time-out.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CutOff")]
pub(crate) enum RawCutOff {
    /// They are cancelled, and report a failure that is retried.
    Fail,
    /// The process ends; the server waits for their time-out.
    Lost,
    /// They ignore it, and run until the pod is killed.
    RunOn,
}

/// When a pod that goes is replaced.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PodReplacement")]
pub(crate) enum RawPodReplacement {
    /// As soon as it drains: pods that drain are not counted.
    TerminationStarted,
    /// When it is gone: pods that drain are counted.
    TerminationComplete,
}

/// What becomes of runs that the old version began.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OldRuns")]
pub(crate) enum RawOldRuns {
    /// They stay with it until they are closed.
    Pinned,
    /// They go on with the new version from their next task on.
    Moved,
}

/// What a canary divides.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CanaryBy")]
pub(crate) enum RawCanaryBy {
    /// New runs: a ramping share of them starts on the new version.
    Versioning,
    /// Pods: both versions poll the same task queue, max(1, int(replicas × percent / 100)) of the new one.
    Replicas,
}

/// A step of a canary.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CanaryStep")]
pub(crate) struct RawCanaryStep {
    /// Per cent of the new version, 1 to 100.
    pub percent: u32,
    /// How long it is watched. Default: 0s.
    pub wait: Option<Nanos>,
}

/// When a rollout is taken back: as soon as one of these holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rollback")]
pub(crate) struct RawRollback {
    /// More of the new version's activity attempts fail than this.
    pub failure_share: Option<Probability>,
    /// End-to-end p99 of the workflows that ended since the step began is above this.
    pub end_to_end_p99: Option<Nanos>,
    /// How often that is looked at. Default: 1min; for a canary the end of each step, as the source does.
    pub check_every: Option<Nanos>,
}

/// What is wrong with the new version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Defect")]
pub(crate) struct RawDefect {
    /// Share of its activity attempts that fail with a retryable error, beside those that fail anyway.
    pub fails: Probability,
}

/// A number of pods, or per cent of the replicas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawPodShare(pub PodShare);

const EXPECTED_SHARE: &str = "a number of pods, e.g. 2, or per cent of the replicas, e.g. \"25%\"";

struct PodShareVisitor;

impl Visitor<'_> for PodShareVisitor {
    type Value = RawPodShare;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_SHARE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawPodShare, E> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<u32>().ok());
        match percent.filter(|percent| *percent <= 1_000) {
            Some(percent) => Ok(RawPodShare(PodShare::Percent(percent))),
            None => Err(E::custom(UnitError {
                reason: format!("{} is no whole percentage", quoted(text)),
                expected: EXPECTED_SHARE,
            })),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RawPodShare, E> {
        let pods = u32::try_from(number).map_err(|_| {
            E::custom(UnitError { reason: format!("{number} is no number of pods"), expected: EXPECTED_SHARE })
        })?;
        Ok(RawPodShare(PodShare::Pods(pods)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<RawPodShare, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'de> Deserialize<'de> for RawPodShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PodShareVisitor)
    }
}

impl JsonSchema for RawPodShare {
    fn schema_name() -> Cow<'static, str> {
        "PodShare".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of pods, or per cent of the replicas.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": r"^[0-9]{1,3} ?%$" }
            ]
        })
    }
}
