//! What one run has under way at once, and how many messages it takes.

use plimsoll_reports::lint_document::LintSeverity::{Error, Warning};
use plimsoll_reports::number;

use super::{OfSubject, event};
use crate::lint::imported::History;
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::Subject;
use crate::model::sizes::Peak;

const ACTIVITIES: Rule = Rule {
    id: "PL107",
    name: "pending-activities",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "A run has at most 500 activities under way at once",
    source: "Temporal 1.31: limit.numPendingActivities.error 2,000; Temporal's documentation advises 500 or fewer concurrent operations",
    why: "each pending activity is part of the state that every transition of the workflow writes; at the limit the workflow task that schedules one more fails, again and again",
    mend: "schedule in batches of a few hundred, or spread the work over child workflows",
};

const CHILDREN: Rule = Rule {
    id: "PL108",
    name: "pending-children",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "A run has at most 500 children open at once",
    source: "Temporal 1.31: limit.numPendingChildExecutions.error 2,000; Temporal's documentation advises 500 or fewer concurrent operations",
    why: "open children are part of the state that every transition writes; at the limit the workflow task that starts one more fails, again and again",
    mend: "start children in batches and wait for them, or in a tree: children that start children",
};

const SIGNALS: Rule = Rule {
    id: "PL109",
    name: "signals-per-run",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "A run takes fewer than 10,000 signals",
    source: "Temporal 1.31: history.maximumSignalsPerExecution 10,000",
    why: "at the limit the server refuses further signals of the run with an error that the sender sees",
    mend: "continue as new before, or collect several messages in one signal",
};

const UPDATES: Rule = Rule {
    id: "PL110",
    name: "updates-per-run",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "A run takes fewer than 2,000 updates, 10 of them at once",
    source: "Temporal 1.31: history.maxTotalUpdates 2,000, history.maxInFlightUpdates 10",
    why: "the server refuses what is above: in flight with ResourceExhausted, in total until the next run",
    mend: "continue as new before, or let clients send fewer and larger updates",
};

const EXTERNAL: Rule = Rule {
    id: "PL111",
    name: "pending-external-requests",
    group: Group::History,
    worst: Error,
    checked: Checked::Histories,
    title: "A run has at most 500 signals and cancel requests to other workflows under way at once",
    source: "Temporal 1.31: limit.numPendingSignals.error and limit.numPendingCancelRequests.error 2,000; Temporal's documentation advises 500 or fewer concurrent operations",
    why: "requests under way are part of the state that every transition writes; at the limit the workflow task that sends one more fails, again and again",
    mend: "wait for the requests in batches; in profiles no step sends any, so only histories are checked",
};

pub const SUBJECT: OfSubject =
    OfSubject { rules: &[&ACTIVITIES, &CHILDREN, &SIGNALS, &UPDATES, &EXTERNAL], profile, history };

const MOST_PENDING: u64 = 2_000;
const ADVISED_PENDING: u64 = 500;
const MOST_SIGNALS: u64 = 10_000;
const MOST_UPDATES: u64 = 2_000;
const MOST_UPDATES_AT_ONCE: u64 = 10;

/// Something that has an advised and a hard number.
fn judge(rule: &'static Rule, what: &str, name: &str, path: &str, found: u64, out: &mut Findings) {
    let (severity, limit) = match found {
        found if found > MOST_PENDING => (Error, MOST_PENDING),
        found if found > ADVISED_PENDING => (Warning, ADVISED_PENDING),
        _ => return,
    };
    let message = format!("a run of {name} has {} {what} at once", number::count(found));
    out.report(rule, severity, path, message, number::count(found), number::count(limit));
}

/// Something whose total is limited: told from four fifths on.
fn judge_total(rule: &'static Rule, what: &str, name: &str, path: &str, found: u64, most: u64, out: &mut Findings) {
    if found * 5 < most * 4 {
        return;
    }
    let severity = if found > most { Error } else { Warning };
    let message = format!("a run of {name} takes {} {what}", number::count(found));
    out.report(rule, severity, path, message, number::count(found), number::count(most));
}

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    for (index, workflow) in subject.profile.workflows.iter().enumerate() {
        let (name, path) = (&workflow.name, &format!("workflow.{index}.type"));
        let peak = Peak::of_type(subject.profile, workflow);
        judge(&ACTIVITIES, "activities", name, path, peak.activities, out);
        judge(&CHILDREN, "open children", name, path, peak.children, out);
        judge_total(&SIGNALS, "signals", name, path, peak.signals, MOST_SIGNALS, out);
        judge_total(&UPDATES, "updates", name, path, peak.updates, MOST_UPDATES, out);
        if peak.updates_at_once > MOST_UPDATES_AT_ONCE {
            let message = format!("a run of {name} waits for {} updates at once", peak.updates_at_once);
            let found = peak.updates_at_once.to_string();
            out.report(&UPDATES, Warning, path, message, found, MOST_UPDATES_AT_ONCE.to_string());
        }
    }
}

fn history(history: &History, out: &mut Findings) {
    let name = &history.workflow_type;
    let pending = [
        (&ACTIVITIES, "activities", history.pending_activities),
        (&CHILDREN, "open children", history.pending_children),
        (&EXTERNAL, "requests to other workflows", history.pending_external),
    ];
    for (rule, what, (found, at)) in pending {
        judge(rule, what, name, &event(at), found, out);
    }
    let (signals, last_signal) = history.signals;
    judge_total(&SIGNALS, "signals", name, &event(last_signal), signals, MOST_SIGNALS, out);
    let (updates, last_update) = history.updates;
    judge_total(&UPDATES, "updates", name, &event(last_update), updates, MOST_UPDATES, out);
}
