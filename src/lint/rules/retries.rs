//! Retries and timers, and waits that nothing ends.

use plimsoll_profiles::profile::{Activity, Step};
use plimsoll_profiles::units::{Nanos, Probability};
use plimsoll_reports::lint_document::LintSeverity::{Error, Note, Warning};
use plimsoll_reports::number;

use super::{OfSubject, event};
use crate::lint::imported::History;
use crate::lint::lengths::{Duration, first_run, quantile};
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::{Placed, Subject};

const TIMER: Rule = Rule {
    id: "PL216",
    name: "short-timer",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Both,
    title: "No timer is shorter than a second",
    source: "measured on Temporal 1.31: timers of 50, 200, 500 and 900 ms fire after 1.03 s (timerProcessorMaxTimeShift, 1 s)",
    why: "a real server's timer queue looks ahead in steps of a second: a shorter timer takes about one all the same",
    mend: "leave it out, sleep inside an activity, or expect a second",
};

const UNLIMITED: Rule = Rule {
    id: "PL209",
    name: "unlimited-retries",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Both,
    title: "Retries end: after a number of attempts, or with schedule_to_close",
    source: "server default: maximumAttempts 0, which is unlimited; in a history, ten attempts are reported",
    why: "what fails for a reason that does not go away is tried for as long as the workflow may live, which by default is for ever: nobody is told, and it all comes at once when the dependency is slow",
    mend: "give retry.attempts or schedule_to_close, and let the workflow decide what a final failure means",
};

const NON_RETRYABLE: Rule = Rule {
    id: "PL210",
    name: "no-non-retryable-errors",
    group: Group::Activities,
    worst: Warning,
    checked: Checked::Both,
    title: "Business errors are not retried",
    source: "common issues: non_retryable_error_types includes business errors",
    why: "a declined card or an invalid address fails the same way each time: retrying it is load for nothing, and the caller waits until the attempts are used up",
    mend: "name such errors in non_retryable_error_types or throw them as non-retryable, and say in the profile which share of the failures they are (non_retryable)",
};

const STORM: Rule = Rule {
    id: "PL211",
    name: "retry-storm",
    group: Group::Activities,
    worst: Error,
    checked: Checked::Profiles,
    title: "Retries back off, and do not multiply the load when a dependency is down",
    source: "common issues: retry storm; server default: backoff coefficient 2, longest wait 100 times the first",
    why: "while a dependency is down every activity of the load keeps trying: without a growing wait the attempts grow with the backlog, and the dependency cannot come back",
    mend: "keep the backoff at 2 or so and raise the longest wait; a circuit breaker in the activity helps beside it",
};

const INTERVAL: Rule = Rule {
    id: "PL212",
    name: "short-retry-interval",
    group: Group::Activities,
    worst: Note,
    checked: Checked::Both,
    title: "The first wait before a retry is at least a second",
    source: "measured on Temporal 1.31: a retry with a back-off of 100 ms starts after 1.04 s, by the same queue as timers",
    why: "the wait is a timer of the server, and takes about a second however short it is given",
    mend: "give 1 s, which is the default, or retry quick failures inside the activity",
};

const DEADLINE: Rule = Rule {
    id: "PL213",
    name: "wait-without-deadline",
    group: Group::Activities,
    worst: Note,
    checked: Checked::Profiles,
    title: "A wait for a message has a deadline",
    source: "production checklist: stuck workflows can be found and cancelled",
    why: "when the message never comes the workflow stays open for ever: its state stays in the database, and nobody is told",
    mend: "wait with a time-out in the code and go on without the message, and give the type an execution_timeout as the last resort",
};

const WORKFLOW: Rule = Rule {
    id: "PL214",
    name: "workflow-timeout-too-short",
    group: Group::Activities,
    worst: Error,
    checked: Checked::Profiles,
    title: "A workflow's time-outs are above what it takes on average",
    source: "the mean of the profile's own spans; common issues: time-outs cover the expected duration",
    why: "the server ends the workflow without telling its code, so that nothing is compensated",
    mend: "raise the time-out, or leave it out and wait beside a timer where the workflow can react",
};

pub const SUBJECT: OfSubject = OfSubject {
    rules: &[&UNLIMITED, &NON_RETRYABLE, &STORM, &INTERVAL, &DEADLINE, &WORKFLOW, &TIMER],
    profile,
    history,
};

const SECOND: Nanos = Nanos::from_secs(1);
/// Attempts in one history that show that nothing ends them.
const MANY_ATTEMPTS: u64 = 10;
/// How long an outage is thought to last.
const OUTAGE: Nanos = Nanos::from_secs(600);

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    for (placed, activity) in subject.activities() {
        if activity.fails > Probability::ZERO || activity.fails_first > 0 {
            retries(subject, placed, activity, out);
        }
    }
    for placed in &subject.steps {
        match placed.step {
            Step::Timer(span) => {
                let median = quantile(span, 0.5);
                if median < SECOND {
                    let message = format!("a timer of {} takes about a second", median.brief());
                    let path = format!("{}.timer", placed.path);
                    out.report(&TIMER, Warning, path, message, median.brief().to_string(), "1 s");
                }
            }
            Step::WaitSignal(wait) => deadline(subject, placed, "wait_signal", &wait.name, out),
            Step::Update(update) => deadline(subject, placed, "update", &update.name, out),
            _ => {}
        }
    }
    for (index, workflow) in subject.profile.workflows.iter().enumerate() {
        let duration = Duration { profile: subject.profile, quantile: None };
        let (before, runs) = first_run(workflow);
        let of_run = duration.seconds(before);
        let whole = of_run * f64::from(runs - 1) + duration.seconds(&workflow.steps);
        // Of several runs the last does what follows too.
        let longest_run = duration.seconds(&workflow.steps).max(of_run);
        let limits = [
            ("run_timeout", workflow.run_timeout, longest_run),
            ("execution_timeout", workflow.execution_timeout, whole),
        ];
        for (key, limit, takes) in limits {
            if let Some(limit) = limit.filter(|limit| limit.as_secs_f64() < takes) {
                let takes = number::seconds(takes);
                let message = format!("{key} ends {} before its mean duration of {takes}", workflow.name);
                out.report(&WORKFLOW, Error, format!("workflow.{index}.{key}"), message, limit.to_string(), takes);
            }
        }
    }
}

fn retries(subject: &Subject<'_>, placed: &Placed<'_>, activity: &Activity, out: &mut Findings) {
    let (name, retry) = (&activity.name, &activity.retry);
    let place = format!("{}.retry", placed.path);
    let unlimited = retry.attempts == 0 && activity.timeouts.schedule_to_close.is_none();
    if unlimited {
        let message = format!("{name:?} fails and is retried without an end");
        out.report(&UNLIMITED, Warning, &place, message, "unlimited attempts", "attempts, or schedule_to_close");
    }
    if activity.non_retryable == Probability::ZERO && retry.attempts != 1 {
        let severity = if unlimited { Warning } else { Note };
        let message = format!("all failures of {name:?} are retried");
        out.report(
            &NON_RETRYABLE,
            severity,
            &place,
            message,
            "no non-retryable share",
            "business errors are not retried",
        );
    }
    if retry.initial < SECOND {
        let message = format!("the first retry of {name:?} waits {}, and takes about a second", retry.initial);
        out.report(&INTERVAL, Note, format!("{place}.initial"), message, retry.initial.to_string(), "1 s");
    }
    storm(subject, placed, activity, &place, out);
}

/// Attempts a second when everything has failed for a while: each activity of that while tries once per longest wait.
fn storm(subject: &Subject<'_>, placed: &Placed<'_>, activity: &Activity, place: &str, out: &mut Findings) {
    let retry = &activity.retry;
    // Attempts that an outage of this length sees of one activity that failed at its begin.
    let (mut wait, mut elapsed, mut attempts) = (retry.initial.as_secs_f64(), 0.0, 1u32);
    let longest = retry.maximum.as_secs_f64();
    let most = if retry.attempts == 0 { u32::MAX } else { retry.attempts };
    while elapsed < OUTAGE.as_secs_f64() && attempts < most && attempts < 1_000 {
        elapsed += wait.min(longest).max(1.0);
        wait *= retry.backoff;
        attempts += 1;
    }
    let grows = retry.backoff > 1.0 && retry.maximum.0 >= retry.initial.0.saturating_mul(4);
    if grows || attempts < 20 {
        return;
    }
    let rate = subject.starts_at_peak(placed) * placed.times as f64;
    let severity = if attempts >= 100 { Error } else { Warning };
    let wait = retry.maximum.min(Nanos((retry.initial.as_secs_f64() * retry.backoff * 1e9) as u64)).max(retry.initial);
    let message = format!(
        "{:?} waits {} before every retry: {attempts} attempts each in an outage of 10 minutes, by the end up to {} a second",
        activity.name,
        wait,
        number::quantity(rate * OUTAGE.as_secs_f64() / wait.as_secs_f64().max(1.0)),
    );
    out.report(&STORM, severity, place, message, format!("{attempts} attempts"), "fewer than 20");
}

fn deadline(subject: &Subject<'_>, placed: &Placed<'_>, key: &str, name: &str, out: &mut Findings) {
    let Some(workflow) = subject.profile.workflows.get(placed.workflow) else { return };
    if workflow.run_timeout.is_some() || workflow.execution_timeout.is_some() {
        return;
    }
    let message = format!("{} waits for {name:?} without a deadline", workflow.name);
    out.report(&DEADLINE, Note, format!("{}.{key}", placed.path), message, "none", "run_timeout or execution_timeout");
}

fn history(history: &History, out: &mut Findings) {
    for (id, span) in &history.timers {
        if *span < SECOND {
            let message = format!("a timer of {} takes about a second", span.brief());
            out.report(&TIMER, Warning, event(*id), message, span.brief().to_string(), "1 s");
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    let retried = history.activities.iter().filter(|activity| activity.attempts > 1);
    for activity in retried {
        if seen.contains(&activity.name.as_str()) {
            continue;
        }
        seen.push(&activity.name);
        let (name, attempts) = (&activity.name, activity.attempts);
        let at = event(activity.event);
        if attempts >= MANY_ATTEMPTS && activity.retry_attempts == 0 {
            let message = format!("{name:?} was tried {attempts} times, and nothing would have ended it");
            out.report(&UNLIMITED, Warning, &at, message, format!("{attempts} attempts"), "a number of attempts");
        }
        if !activity.non_retryable {
            let severity = if attempts >= MANY_ATTEMPTS { Warning } else { Note };
            let message = format!("{name:?} was retried, and its policy names no errors that are not");
            out.report(
                &NON_RETRYABLE,
                severity,
                &at,
                message,
                format!("{attempts} attempts"),
                "non_retryable_error_types",
            );
        }
        if activity.retry_interval > Nanos::ZERO && activity.retry_interval < SECOND {
            let message =
                format!("the first retry of {name:?} waits {}, and takes about a second", activity.retry_interval);
            out.report(&INTERVAL, Note, &at, message, activity.retry_interval.to_string(), "1 s");
        }
    }
}
