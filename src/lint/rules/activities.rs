//! Time-outs and heartbeats of activities, and how long local ones run.

use std::collections::BTreeMap;

use plimsoll_profiles::profile::{Activity, Step};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::lint_document::LintSeverity::{Error, Note, Warning};

use super::{OfSubject, event};
use crate::lint::imported::{self, History};
use crate::lint::lengths::quantile;
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::{Placed, Subject};

const MISSING: Rule = Rule {
    id: "PL201",
    name: "start-to-close-missing",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Profiles,
    title: "Every activity has a start-to-close time-out",
    source: "production checklist: time-outs configured (start_to_close, heartbeat)",
    why: "when a worker dies, the server learns of it only when the time-out is over; with schedule_to_close alone that is the end of the activity, not of the attempt",
    mend: "give start_to_close: a little above the longest that one attempt may take",
};

const SHORT: Rule = Rule {
    id: "PL202",
    name: "start-to-close-too-short",
    group: Group::Activities,
    worst: Error,
    checked: Checked::Both,
    title: "start_to_close covers the duration's p99.9",
    source: "common issues: start_to_close_timeout covers the expected duration; p99.9 is this program's choice for \"covers\"",
    why: "an attempt that is cut off did its work for nothing, perhaps with effects outside, and is done again: a slow dependency becomes more load on it",
    mend: "raise start_to_close above the p99.9, or split the activity",
};

const HEARTBEAT: Rule = Rule {
    id: "PL203",
    name: "heartbeat-missing",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Both,
    title: "Activities of more than 60 s heartbeat",
    source: "production checklist: heartbeating for activities over 60 s",
    why: "without heartbeats a dead worker is noticed only after start_to_close, and an activity cannot be cancelled or go on where it was",
    mend: "heartbeat with the progress as details, and give the heartbeat a time-out",
};

const NO_TIMEOUT: Rule = Rule {
    id: "PL204",
    name: "heartbeat-timeout-missing",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Profiles,
    title: "Heartbeats have a time-out",
    source: "production checklist: time-outs configured (start_to_close, heartbeat)",
    why: "a heartbeat that does not come is noticed only where there is a time-out for it",
    mend: "give heartbeat.timeout: about a third of the activity's duration, and at least two intervals",
};

const HEARTBEAT_LENGTH: Rule = Rule {
    id: "PL205",
    name: "heartbeat-timeout-length",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Both,
    title: "The heartbeat time-out is about a third of the activity's duration, and at least two intervals",
    source: "common issues: heartbeat_timeout is a third of the activity's duration; above a half, or below two intervals, is reported",
    why: "with a long one a lost worker costs most of the activity's duration before it is tried again; with a short one a single late heartbeat ends a healthy attempt",
    mend: "set it to about a third of the p99 duration, and heartbeat at least three times within it",
};

const TOTAL: Rule = Rule {
    id: "PL206",
    name: "schedule-to-close-too-short",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Profiles,
    title: "schedule_to_close leaves room for a second attempt",
    source: "Temporal's time-outs: schedule_to_close covers all attempts and the waits between them",
    why: "it ends the activity for good: when one attempt may use up all of it, a retry policy is written and never works",
    mend: "raise schedule_to_close above twice start_to_close and the first wait, or lower start_to_close",
};

const QUEUE: Rule = Rule {
    id: "PL207",
    name: "schedule-to-start-timeout",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Both,
    title: "No activity fails because it waited less than a minute for a worker",
    source: "Temporal's time-outs: a schedule-to-start time-out is never retried; one minute is this program's choice",
    why: "a short backlog (a rollout, a burst, a lost pod) fails activities for good, though their turn would have come",
    mend: "leave schedule_to_start out and alert on the latency instead, unless another queue takes over",
};

const LOCAL: Rule = Rule {
    id: "PL208",
    name: "local-activity-too-long",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Profiles,
    title: "Local activities end within the workflow task's 10 s",
    source: "server default: workflow task time-out 10 s",
    why: "a local activity holds its workflow task: the worker must keep it alive with further tasks, signals wait until it ends, and if the worker dies everything since the task began is done again",
    mend: "make it a regular activity",
};

const TIMED_OUT: Rule = Rule {
    id: "PL215",
    name: "activity-timed-out",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Histories,
    title: "No activity ended by a time-out",
    source: "common issues: activity time-out, lost heartbeat",
    why: "a time-out says that the worker died, the activity hung, or the limit is below what the work takes; the workflow cannot tell which",
    mend: "compare the duration with start_to_close and the heartbeat time-out, and look for a worker that was killed then",
};

pub const SUBJECT: OfSubject = OfSubject {
    rules: &[&MISSING, &SHORT, &HEARTBEAT, &NO_TIMEOUT, &HEARTBEAT_LENGTH, &TOTAL, &QUEUE, &LOCAL, &TIMED_OUT],
    profile,
    history,
};

const LONG: Nanos = Nanos::from_secs(60);
const SHORTEST_QUEUE_WAIT: Nanos = Nanos::from_secs(60);
const WORKFLOW_TASK_TIMEOUT: Nanos = Nanos::from_secs(10);

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    for (placed, activity) in subject.activities() {
        timeouts(subject, placed, activity, out);
        heartbeats(placed, activity, out);
    }
    for placed in &subject.steps {
        let Step::LocalActivity(local) = placed.step else { continue };
        let p99 = quantile(&local.takes, 0.99);
        if p99 >= WORKFLOW_TASK_TIMEOUT {
            let message = format!("the local activity {:?} takes {} at its p99", local.name, p99.brief());
            out.report(&LOCAL, Warning, format!("{}.takes", placed.path), message, p99.brief().to_string(), "10 s");
        }
    }
}

fn timeouts(subject: &Subject<'_>, placed: &Placed<'_>, activity: &Activity, out: &mut Findings) {
    let name = &activity.name;
    let key = |key: &str| format!("{}.{key}", placed.path);
    let written = subject.is_written(&key("start_to_close"));
    if !written {
        let message = format!("the activity {name:?} has no start_to_close");
        let instead = if subject.is_written(&key("schedule_to_close")) { "schedule_to_close alone" } else { "none" };
        out.report(&MISSING, Warning, key("activity"), message, instead, "start_to_close");
    }
    let (p99, p999) = (quantile(&activity.takes, 0.99), quantile(&activity.takes, 0.999));
    if let Some(limit) = activity.timeouts.start_to_close.filter(|limit| written && *limit < p999) {
        let severity = if limit < p99 { Error } else { Warning };
        let message =
            format!("start_to_close of {name:?} cuts off attempts: p99 {}, p99.9 {}", p99.brief(), p999.brief());
        out.report(&SHORT, severity, key("start_to_close"), message, limit.to_string(), p999.brief().to_string());
    }
    if let Some(total) = activity.timeouts.schedule_to_close {
        let attempt = activity.timeouts.start_to_close.unwrap_or(p999);
        let needed = Nanos(attempt.0.saturating_mul(2).saturating_add(activity.retry.initial.0));
        if activity.retry.attempts != 1 && total < needed {
            let message = format!("schedule_to_close of {name:?} has no room for two attempts of {}", attempt.brief());
            out.report(
                &TOTAL,
                Warning,
                key("schedule_to_close"),
                message,
                total.to_string(),
                needed.brief().to_string(),
            );
        }
    }
    if let Some(wait) = activity.timeouts.schedule_to_start.filter(|wait| *wait < SHORTEST_QUEUE_WAIT) {
        let message = format!("{name:?} fails for good when it waits {wait} for a worker");
        out.report(&QUEUE, Warning, key("schedule_to_start"), message, wait.to_string(), "1min");
    }
}

fn heartbeats(placed: &Placed<'_>, activity: &Activity, out: &mut Findings) {
    let name = &activity.name;
    let p99 = quantile(&activity.takes, 0.99);
    let Some(heartbeat) = activity.heartbeat else {
        if p99 > LONG {
            let message = format!("{name:?} takes {} at its p99 and does not heartbeat", p99.brief());
            out.report(&HEARTBEAT, Warning, format!("{}.takes", placed.path), message, p99.brief().to_string(), "60 s");
        }
        return;
    };
    let key = format!("{}.heartbeat", placed.path);
    let Some(timeout) = heartbeat.timeout else {
        let message = format!("the heartbeats of {name:?} have no time-out");
        return out.report(&NO_TIMEOUT, Warning, key, message, "none", "heartbeat.timeout");
    };
    let key = format!("{key}.timeout");
    if p99 > LONG && timeout > Nanos(p99.0 / 2) {
        let third = Nanos(p99.0 / 3).brief();
        let message = format!("a lost worker of {name:?} is noticed after {timeout}, of {} that it takes", p99.brief());
        out.report(&HEARTBEAT_LENGTH, Warning, &key, message, timeout.to_string(), format!("about {third}, a third"));
    }
    if timeout.0 < heartbeat.every.0.saturating_mul(2) {
        let message = format!("{name:?} heartbeats every {}: one that is late ends the attempt", heartbeat.every);
        let least = Nanos(heartbeat.every.0.saturating_mul(2));
        out.report(&HEARTBEAT_LENGTH, Warning, &key, message, timeout.to_string(), least.to_string());
    }
}

/// The activities of one name: what is said of a type is said once.
fn by_name(history: &History) -> BTreeMap<&str, Vec<&imported::Activity>> {
    let mut types: BTreeMap<&str, Vec<&imported::Activity>> = BTreeMap::new();
    for activity in &history.activities {
        types.entry(&activity.name).or_default().push(activity);
    }
    types
}

fn history(history: &History, out: &mut Findings) {
    for (name, activities) in by_name(history) {
        let longest = activities.iter().filter_map(|a| Some((a.took?, *a))).max_by_key(|(took, _)| *took);
        if let Some((took, activity)) = longest {
            let limit = activity.start_to_close;
            // What was seen a few times is not the p99.9: four fifths of the limit are too near.
            if limit > Nanos::ZERO && took.0 / 4 >= limit.0 / 5 {
                let message = format!("{name:?} took {} of the {limit} that start_to_close allows", took.brief());
                out.report(
                    &SHORT,
                    Warning,
                    event(activity.event),
                    message,
                    took.brief().to_string(),
                    limit.to_string(),
                );
            }
            if took > LONG && activity.heartbeat == Nanos::ZERO {
                let message = format!("{name:?} took {} and has no heartbeat time-out", took.brief());
                out.report(&HEARTBEAT, Warning, event(activity.event), message, took.brief().to_string(), "60 s");
            }
            if took > LONG && activity.heartbeat > Nanos(took.0 / 2) {
                let message = format!(
                    "a lost worker of {name:?} is noticed after {}, of {} that it took",
                    activity.heartbeat,
                    took.brief()
                );
                let third = format!("about {}, a third", Nanos(took.0 / 3).brief());
                out.report(
                    &HEARTBEAT_LENGTH,
                    Note,
                    event(activity.event),
                    message,
                    activity.heartbeat.to_string(),
                    third,
                );
            }
        }
        let waits = |activity: &&&imported::Activity| {
            let own = activity.schedule_to_start > Nanos::ZERO && activity.schedule_to_start < SHORTEST_QUEUE_WAIT;
            // The server fills in schedule_to_close where nothing was given.
            own && activity.schedule_to_start != activity.schedule_to_close
        };
        if let Some(activity) = activities.iter().find(waits) {
            let wait = activity.schedule_to_start;
            let message = format!("{name:?} fails for good when it waits {wait} for a worker");
            out.report(&QUEUE, Warning, event(activity.event), message, wait.to_string(), "1min");
        }
        let ended: Vec<_> = activities.iter().filter_map(|activity| activity.timed_out.as_ref()).collect();
        if let Some((id, kind)) = ended.first() {
            let message = format!("{name:?} ended by its {kind} time-out");
            out.report(&TIMED_OUT, Warning, event(*id), message, format!("{} times", ended.len()), "0");
        }
    }
}
