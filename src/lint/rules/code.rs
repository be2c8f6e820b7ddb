//! Workflow code, as histories show it: determinism, versions, ids.

use plimsoll_reports::lint_document::LintSeverity::{Error, Note, Warning};
use plimsoll_reports::number;

use super::{OfSubject, event, no_profile};
use crate::lint::imported::History;
use crate::lint::rule::{Checked, Findings, Group, Rule};

const DETERMINISM: Rule = Rule {
    id: "PL701",
    name: "non-determinism",
    group: Group::Code,
    worst: Error,
    checked: Checked::Histories,
    title: "No workflow task failed because the replayed code decided otherwise",
    source: "common issues: no random(), datetime.now() or uuid4() in workflow code; cause NON_DETERMINISTIC_ERROR of WorkflowTaskFailed",
    why: "the workflow is stuck: every attempt of its task replays the history, decides otherwise and fails again, until the old code is back",
    mend: "move clocks, random numbers and I/O into activities or side effects, put changes behind a patch or a new build id, and replay recorded histories in a test; then reset the workflow",
};

const TASK_FAILURES: Rule = Rule {
    id: "PL702",
    name: "workflow-task-failures",
    group: Group::Code,
    worst: Warning,
    checked: Checked::Histories,
    title: "Workflow tasks neither fail nor time out",
    source: "post-deployment checklist: workflows complete, logs hold no warnings; a workflow task has 10 s (server default)",
    why: "each failure is tried again and replays the whole history; until it succeeds the workflow stands still, and a type whose code always fails is a silent outage",
    mend: "look at the failure's message in the event; blocking calls and long computations belong into activities, and panics are bugs of the workflow code",
};

const WORKFLOW_ID: Rule = Rule {
    id: "PL703",
    name: "workflow-id",
    group: Group::Code,
    worst: Note,
    checked: Checked::Histories,
    title: "Workflow ids are taken from the business, not random",
    source: "production checklist: workflow ids are business-meaningful and idempotent",
    why: "the server starts one workflow per id: with an id from the order or account a repeated request is found to be one; a random one starts a second workflow",
    mend: "make the id of what the workflow is about, e.g. order-4711; id reuse policies then decide what a repeat does",
};

const VERSIONING: Rule = Rule {
    id: "PL704",
    name: "worker-versioning",
    group: Group::Code,
    worst: Note,
    checked: Checked::Histories,
    title: "Workers carry a version, or the code its patches",
    source: "production checklist: workflow versioning implemented (patching or build ids), old and new workers run together during a rollout",
    why: "while a rollout lasts both versions of the code meet the same workflows: without patches or pinned build ids the first incompatible change is a non-determinism error",
    mend: "deploy with worker versioning (deployment name and build id, pinned or auto-upgrade), or guard changes with patched() / GetVersion",
};

pub const SUBJECT: OfSubject =
    OfSubject { rules: &[&DETERMINISM, &TASK_FAILURES, &WORKFLOW_ID, &VERSIONING], profile: no_profile, history };

/// 8-4-4-4-12 hexadecimal digits and nothing else.
fn is_uuid(id: &str) -> bool {
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn history(history: &History, out: &mut Findings) {
    let (diverged, others): (Vec<_>, Vec<_>) = history
        .task_failures
        .iter()
        .partition(|(_, cause)| cause.to_uppercase().replace('_', "").contains("NONDETERMINISTIC"));
    if let Some((id, _)) = diverged.first() {
        let message = format!("the code of {} no longer fits this history", history.workflow_type);
        let found = format!("{} failed workflow tasks", number::count(diverged.len() as u64));
        out.report(&DETERMINISM, Error, event(*id), message, found, "0");
    }
    if let Some((id, cause)) = others.first() {
        let cause = cause.trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_").to_lowercase().replace('_', " ");
        let message = format!("workflow tasks of {} failed: {cause}", history.workflow_type);
        out.report(&TASK_FAILURES, Warning, event(*id), message, number::count(others.len() as u64), "0");
    }
    if is_uuid(&history.workflow_id) {
        let message = format!("the id of this {} is a random one", history.workflow_type);
        out.report(&WORKFLOW_ID, Note, event(1), message, &history.workflow_id, "an id of the business");
    }
    if !history.versioned && !history.patched {
        let message =
            format!("{} ran on workers without a version, and its code has no patches", history.workflow_type);
        out.report(&VERSIONING, Note, event(1), message, "none", "a build id, or patches");
    }
}
