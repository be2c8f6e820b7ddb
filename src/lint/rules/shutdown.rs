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
/// What a `[rollout]` that does not say takes: the deployment guide's 300 s and 360 s.
const ROLLOUT_DRAIN: (Nanos, Nanos) = (Nanos::from_secs(300), Nanos::from_secs(360));

/// How a worker pod goes, and where that is said.
struct Drain {
    graceful: (String, Nanos),
    /// `None`: Kubernetes' own.
    grace: Option<(String, Nanos)>,
}

/// `[workers]` says how pods go, and a `[rollout]` may say it for itself.
fn drains(subject: &Subject<'_>) -> Vec<Drain> {
    let workers = &subject.profile.workers;
    let of_workers = workers.graceful_timeout.map(|graceful| Drain {
        graceful: ("workers.graceful_timeout".to_owned(), graceful),
        grace: workers.termination_grace.map(|grace| ("workers.termination_grace".to_owned(), grace)),
    });
    let said = |key: &str, default: Nanos| {
        let path = format!("rollout.drain.{key}");
        let span = subject.written_duration(&path).unwrap_or(default);
        (path, span)
    };
    let of_rollout = subject.is_written("rollout").then(|| Drain {
        graceful: said("graceful_timeout", ROLLOUT_DRAIN.0),
        grace: Some(said("grace", ROLLOUT_DRAIN.1)),
    });
    of_workers.into_iter().chain(of_rollout).collect()
}

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    let longest = subject
        .activities()
        .map(|(_, activity)| (quantile(&activity.takes, 0.999), &activity.name))
        .max_by_key(|(span, _)| *span);
    let drains = drains(subject);
    if let (Some((longest, _)), true) = (longest, drains.is_empty()) {
        let message = "no graceful time-out is given";
        let limit = format!("above {}", longest.brief());
        return out.report(&MISSING, Warning, "workers.graceful_timeout", message, "none, the SDK's 0 s", limit);
    }
    for Drain { graceful: (path, graceful), grace } in drains {
        if let Some((longest, name)) = longest.filter(|(longest, _)| graceful < *longest) {
            let message = format!("a stopping worker gives {name:?} less than its p99.9");
            out.report(&SHORT, Warning, &path, message, graceful.to_string(), longest.brief().to_string());
        }
        let (said, path, grace) = match grace {
            Some((path, grace)) => (grace.to_string(), path, grace),
            None => (format!("{KUBERNETES_GRACE}, Kubernetes' default"), path, KUBERNETES_GRACE),
        };
        if grace <= graceful {
            let message = "the pod is killed before the worker has drained";
            out.report(&GRACE, Error, path, message, said, format!("above {graceful}"));
        }
    }
}
