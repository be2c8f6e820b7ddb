//! How workers stop: in rollouts, when scaled down, when a node is drained.

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::lint_document::LintSeverity::{Error, Warning};

use super::{OfSubject, no_history};
use crate::lint::lengths::quantile;
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::Subject;

const MISSING: Rule = Rule {
    id: "PL312",
    name: "graceful-timeout-missing",
    group: Group::Workers,
    worst: Warning,
    checked: Checked::Profiles,
    title: "Workers let running activities finish before they stop",
    source: "production checklist: graceful shutdown handling (SIGTERM); SDK default 0 s (Go WorkerStopTimeout, Core graceful_shutdown_timeout)",
    why: "by default a stopping worker cancels its activities at once: every rollout and every scale-down is a wave of retries",
    mend: "set the SDK's graceful time-out above the longest activity and say it in the profile: [workers] graceful_timeout = \"300s\"",
};

const SHORT: Rule = Rule {
    id: "PL313",
    name: "graceful-timeout-too-short",
    group: Group::Workers,
    worst: Warning,
    checked: Checked::Profiles,
    title: "The graceful time-out is above the longest activity",
    source: "deployment guide: graceful_shutdown_timeout above the longest expected activity; here the longest p99.9",
    why: "activities that still run when it is over are cut off and done again on another worker",
    mend: "raise graceful_timeout (and termination_grace above it), or split the long activity; one that heartbeats its progress may be cut off: then allow the rule",
};

const GRACE: Rule = Rule {
    id: "PL314",
    name: "grace-period",
    group: Group::Workers,
    worst: Error,
    checked: Checked::Profiles,
    title: "The pod's grace period is above the graceful time-out",
    source: "deployment guide: terminationGracePeriodSeconds above graceful_shutdown_timeout with a buffer (300 s and 360 s); Kubernetes' default is 30 s",
    why: "Kubernetes kills the pod when its grace period is over, whatever the worker still waits for",
    mend: "set terminationGracePeriodSeconds above the graceful time-out and any preStop hook, and say it in the profile: [workers] termination_grace = \"360s\"",
};

pub const SUBJECT: OfSubject = OfSubject { rules: &[&MISSING, &SHORT, &GRACE], profile, history: no_history };

/// `terminationGracePeriodSeconds` of a pod that does not say.
const KUBERNETES_GRACE: Nanos = Nanos::from_secs(30);

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    let workers = &subject.profile.workers;
    // A rollout may say its own; it is a drain like any other.
    let of = |key: &str, own: Option<Nanos>| {
        let rollout = format!("rollout.{key}");
        own.map(|span| (format!("workers.{key}"), span))
            .or_else(|| Some((rollout.clone(), subject.written_duration(&rollout)?)))
    };
    let longest = subject
        .activities()
        .map(|(_, activity)| (quantile(&activity.takes, 0.999), &activity.name))
        .max_by_key(|(span, _)| *span);
    let Some((longest, name)) = longest else { return };
    let Some((path, graceful)) = of("graceful_timeout", workers.graceful_timeout) else {
        let message = "no graceful time-out is given";
        let limit = format!("above {}", longest.brief());
        return out.report(&MISSING, Warning, "workers.graceful_timeout", message, "none, the SDK's 0 s", limit);
    };
    if graceful < longest {
        let message = format!("a stopping worker gives {name:?} less than its p99.9");
        out.report(&SHORT, Warning, &path, message, graceful.to_string(), longest.brief().to_string());
    }
    let (path, grace) = of("termination_grace", workers.termination_grace).unwrap_or((path, KUBERNETES_GRACE));
    if grace <= graceful {
        let default =
            if grace == KUBERNETES_GRACE && workers.termination_grace.is_none() { ", Kubernetes' default" } else { "" };
        let message = "the pod is killed before the worker has drained";
        out.report(&GRACE, Error, path, message, format!("{grace}{default}"), format!("above {graceful}"));
    }
}
