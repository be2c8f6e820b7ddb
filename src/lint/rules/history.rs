//! How long histories become, and how large what is in them.

use plimsoll_profiles::profile::Step;
use plimsoll_profiles::units::Bytes;
use plimsoll_reports::lint_document::LintSeverity::{self, Error, Note, Warning};
use plimsoll_reports::number;

use super::{OfSubject, event};
use crate::lint::imported::History;
use crate::lint::lengths::{Duration, first_run, longest_run};
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::Subject;
use crate::model::sizes::Peak;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const LENGTH: Rule = Rule {
    id: "PL101",
    name: "history-length",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "A run has fewer than 4,096 events",
    source: "Temporal 1.31: limit.historyCount.suggestContinueAsNew 4,096, .warn 10,240, .error 51,200; common issues: history overflow",
    why: "the history is replayed whenever a worker does not hold the workflow in its cache, and the server terminates a run at the last limit",
    mend: "continue as new (in the profile: a continue_as_new step) when the SDK suggests it, and carry over only what the next run needs; or move a loop's body into child workflows",
};

const ITERATIONS: Rule = Rule {
    id: "PL102",
    name: "iterations-per-run",
    group: Group::History,
    worst: Warning,
    checked: Checked::Profiles,
    title: "A loop continues as new after about 1,000 iterations",
    source: "production checklist: continue_as_new after about 1,000 iterations",
    why: "a loop is what makes histories long: each turn adds at least the events of one workflow task, and a bug in its end condition is found only at the server's limit",
    mend: "repeat at most 1,000 times and put a continue_as_new step behind the loop",
};

const SIZE: Rule = Rule {
    id: "PL103",
    name: "history-size",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "The history of a run is smaller than 4 MiB",
    source: "Temporal 1.31: limit.historySize.suggestContinueAsNew 4 MiB, .warn 10 MiB, .error 50 MiB",
    why: "replaying reads all of it from the database and sends it to the worker; at the last limit the server terminates the run",
    mend: "keep payloads in a blob store and pass references, or continue as new earlier",
};

const PAYLOAD: Rule = Rule {
    id: "PL104",
    name: "payload-size",
    group: Group::History,
    worst: Error,
    checked: Checked::Both,
    title: "No payload reaches 512 KiB",
    source: "Temporal 1.31: limit.blobSize.warn 512 KiB, limit.blobSize.error 2 MiB",
    why: "every payload is written into the history, read at every replay, and kept until the retention is over; above the limit the call is refused",
    mend: "store large data outside (a blob store, a database) and pass its key, or compress it with a payload codec",
};

const STATE: Rule = Rule {
    id: "PL105",
    name: "state-size",
    group: Group::History,
    worst: Warning,
    checked: Checked::Both,
    title: "A run takes in less than 1 MB of data",
    source: "production checklist: state below 1 MB per workflow; common issues: state too large",
    why: "what a run takes in (its input, results, signals) is the state it can hold: in the worker's cache, in every replay, and in the input of the next run",
    mend: "return from activities only what decides the next step, and pass keys instead of records",
};

const TRANSACTION: Rule = Rule {
    id: "PL106",
    name: "transaction-size",
    group: Group::History,
    worst: Error,
    checked: Checked::Profiles,
    title: "What one workflow task starts carries less than 4 MiB",
    source: "Temporal 1.31: system.transactionSizeLimit 4 MiB; gRPC messages of the server 4 MiB",
    why: "a workflow task that schedules many activities at once sends all their inputs in one answer; the server refuses it, and the workflow stands still",
    mend: "schedule in batches, or pass references instead of data",
};

const SHORT_RUN: Rule = Rule {
    id: "PL112",
    name: "short-run",
    group: Group::History,
    worst: Warning,
    checked: Checked::Profiles,
    title: "A run lasts at least a second before it continues as new",
    source: "measured on Temporal 1.31: history.workflowIdReuseMinimalInterval fills a run's first second",
    why: "the next run of one that lived for less than a second waits until that second is over, so that the loop is far slower than its steps",
    mend: "do more turns in each run before continuing as new",
};

pub const SUBJECT: OfSubject =
    OfSubject { rules: &[&LENGTH, &ITERATIONS, &SIZE, &PAYLOAD, &STATE, &TRANSACTION, &SHORT_RUN], profile, history };

/// The severest limit that a number reaches: severity, limit, what the server does there.
type Step3 = (LintSeverity, u64, &'static str);

const EVENT_LIMITS: [Step3; 3] = [
    (Error, 51_200, "the server terminates the run"),
    (Warning, 10_240, "the server warns"),
    (Warning, 4_096, "the server suggests continue-as-new"),
];
const SIZE_LIMITS: [Step3; 3] = [
    (Error, 50 * MIB, "the server terminates the run"),
    (Warning, 10 * MIB, "the server warns"),
    (Warning, 4 * MIB, "the server suggests continue-as-new"),
];
const PAYLOAD_LIMITS: [Step3; 2] =
    [(Error, 2 * MIB, "the server refuses it"), (Warning, 512 * KIB, "the server warns")];
const MOST_STATE: u64 = 1_000_000;
const MOST_ITERATIONS: u64 = 1_000;

fn reached(number: u64, limits: &[Step3]) -> Option<Step3> {
    limits.iter().copied().find(|(_, limit, _)| number >= *limit)
}

fn memory(bytes: u64) -> String {
    number::memory(bytes as f64)
}

/// Reports events and bytes of one run.
fn judge_run(name: &str, path: &str, events: u64, bytes: Option<u64>, bound: &str, out: &mut Findings) {
    if let Some((severity, limit, does)) = reached(events, &EVENT_LIMITS) {
        let message = format!("a run of {name} has {bound}{} events", number::count(events));
        let limit = format!("{} events: {does}", number::count(limit));
        out.report(&LENGTH, severity, path, message, format!("{} events", number::count(events)), limit);
    }
    let Some(bytes) = bytes else { return };
    if let Some((severity, limit, does)) = reached(bytes, &SIZE_LIMITS) {
        let message = format!("the history of a run of {name} has {bound}{}", memory(bytes));
        out.report(&SIZE, severity, path, message, memory(bytes), format!("{}: {does}", memory(limit)));
    }
}

fn judge_payload(what: &str, path: &str, bytes: u64, out: &mut Findings) {
    if let Some((severity, limit, does)) = reached(bytes, &PAYLOAD_LIMITS) {
        let message = format!("{what} is {}", memory(bytes));
        out.report(&PAYLOAD, severity, path, message, memory(bytes), format!("{}: {does}", memory(limit)));
    }
}

fn judge_state(name: &str, path: &str, bytes: u64, out: &mut Findings) {
    if bytes > MOST_STATE {
        let message = format!("a run of {name} takes in {} of payloads", number::storage(bytes as f64));
        out.report(&STATE, Warning, path, message, number::storage(bytes as f64), "1 MB");
    }
}

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    for (index, workflow) in subject.profile.workflows.iter().enumerate() {
        let place = format!("workflow.{index}.type");
        let length = longest_run(subject.profile, &subject.calibration.bytes, workflow);
        judge_run(&workflow.name, &place, length.events, Some(length.bytes), "up to ", out);
        judge_state(&workflow.name, &place, length.taken_in, out);
        for (key, what, bytes) in [("input", "the input", workflow.input), ("result", "the result", workflow.result)] {
            judge_payload(&format!("{what} of {}", workflow.name), &format!("workflow.{index}.{key}"), bytes.0, out);
        }
        let peak = Peak::of_type(subject.profile, workflow);
        if peak.transaction >= 4 * MIB {
            let message =
                format!("one workflow task of {} sends {} of payloads", workflow.name, memory(peak.transaction));
            out.report(&TRANSACTION, Error, &place, message, memory(peak.transaction), "4 MiB");
        }
        let (steps, runs) = first_run(workflow);
        let seconds = Duration { profile: subject.profile, quantile: None }.seconds(steps);
        if runs > 1 && seconds < 1.0 {
            let at = workflow.steps.iter().position(|step| matches!(step, Step::ContinueAsNew { .. })).unwrap_or(0);
            let message = format!("a run of {} continues as new after {}", workflow.name, number::seconds(seconds));
            let severity = if seconds < 0.1 { Warning } else { Note };
            out.report(
                &SHORT_RUN,
                severity,
                format!("workflow.{index}.steps.{at}"),
                message,
                number::seconds(seconds),
                "1 s",
            );
        }
    }
    for placed in &subject.steps {
        payloads_of(placed.step, &placed.path, out);
        let Step::Repeat { times, .. } = placed.step else { continue };
        let turns = placed.times.saturating_mul(u64::from(*times));
        // Of loops in loops the outermost that is too long.
        if turns > MOST_ITERATIONS && placed.times <= MOST_ITERATIONS {
            let key = if subject.is_written(&format!("{}.repeat", placed.path)) { "repeat.times" } else { "count" };
            let message = format!("a loop runs {} times in one run", number::count(turns));
            let path = format!("{}.{key}", placed.path);
            out.report(&ITERATIONS, Warning, path, message, number::count(turns), "about 1,000");
        }
    }
}

fn payloads_of(step: &Step, path: &str, out: &mut Findings) {
    let mut judge = |key: &str, what: String, bytes: Bytes| {
        judge_payload(&what, &format!("{path}.{key}"), bytes.0, out);
    };
    match step {
        Step::Activity(activity) => {
            judge("input", format!("the input of {:?}", activity.name), activity.input);
            judge("output", format!("the output of {:?}", activity.name), activity.output);
        }
        Step::LocalActivity(local) => judge("output", format!("the output of {:?}", local.name), local.output),
        Step::WaitSignal(wait) => judge("payload", format!("the payload of the signal {:?}", wait.name), wait.payload),
        Step::Query(query) => judge("output", format!("the answer to the query {:?}", query.name), query.output),
        Step::Update(update) => {
            judge("input", format!("the input of the update {:?}", update.name), update.input);
            judge("output", format!("the output of the update {:?}", update.name), update.output);
        }
        Step::UpsertSearchAttributes { name, payload } => {
            judge("payload", format!("the search attributes {name:?}"), *payload);
        }
        Step::SideEffect { name, payload } => judge("payload", format!("the side effect {name:?}"), *payload),
        _ => {}
    }
}

fn history(history: &History, out: &mut Findings) {
    let last = event(history.events);
    judge_run(&history.workflow_type, &last, history.events, history.size, "", out);
    for payload in &history.payloads {
        judge_payload("what the event carries", &event(payload.event), payload.bytes, out);
    }
    let taken_in = history.payloads.iter().filter(|payload| payload.taken_in).map(|payload| payload.bytes).sum();
    judge_state(&history.workflow_type, &last, taken_in, out);
}
