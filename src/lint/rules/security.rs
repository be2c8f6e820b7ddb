//! Secrets and personal data where everybody who may look at a history sees them.

use plimsoll_profiles::profile::Step;
use plimsoll_reports::lint_document::LintSeverity::{Error, Note, Warning};

use super::{OfSubject, event, names};
use crate::lint::imported::History;
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::Subject;

const SECRET_NAME: Rule = Rule {
    id: "PL601",
    name: "secret-in-name",
    group: Group::Security,
    worst: Error,
    checked: Checked::Both,
    title: "No activity, signal, update, query or search attribute is named after a secret",
    source: "production checklist: secrets are not passed in workflow arguments, an activity fetches them",
    why: "what is passed to workflows and activities stays in the history until the retention is over, in the database, its backups and the web interface; search attributes are never encrypted",
    mend: "pass a reference and let the activity fetch the secret from a secret manager; if the name only sounds like one, allow the rule in [lint]",
};

const PERSONAL_NAME: Rule = Rule {
    id: "PL602",
    name: "personal-data-in-name",
    group: Group::Security,
    worst: Warning,
    checked: Checked::Both,
    title: "No activity, signal, update, query or search attribute is named after personal data",
    source: "production checklist: personal data is handled as the law asks",
    why: "histories, visibility records and archives keep what is passed longer than a deletion request allows, and search attributes are stored in plain text",
    mend: "pass a key to the record instead, or encrypt payloads with a payload codec; never put personal data into search attributes or workflow ids",
};

const SECRET_PAYLOAD: Rule = Rule {
    id: "PL603",
    name: "secret-in-payload",
    group: Group::Security,
    worst: Error,
    checked: Checked::Histories,
    title: "No payload holds a key that is named after a secret",
    source: "production checklist: secrets are not passed in workflow arguments, an activity fetches them",
    why: "the payload can be read by everybody who may look at the workflow, and is in every backup and archive of the database",
    mend: "fetch the secret in the activity that needs it; change the secret, since this one is in the history already",
};

const PLAIN_TEXT: Rule = Rule {
    id: "PL604",
    name: "payloads-in-plain-text",
    group: Group::Security,
    worst: Note,
    checked: Checked::Histories,
    title: "Payloads are encrypted by a payload codec",
    source: "production checklist: secrets encrypted at rest, personal data handled as the law asks",
    why: "without a codec the server, its database and its operators see all data of all workflows",
    mend: "give client and workers a payload codec (data converter) that encrypts; the web interface reads through a codec server",
};

pub const SUBJECT: OfSubject =
    OfSubject { rules: &[&SECRET_NAME, &PERSONAL_NAME, &SECRET_PAYLOAD, &PLAIN_TEXT], profile, history };

fn judge(what: &str, name: &str, path: &str, out: &mut Findings) {
    // A search attribute holds the secret itself, and in plain text.
    let worst = if what == "search attribute" { Error } else { Warning };
    if let Some(word) = names::secret(name) {
        let message = format!("the {what} {name:?} is named after a secret");
        out.report(&SECRET_NAME, worst, path, message, format!("\"{word}\""), "no such name");
    }
    if let Some(word) = names::personal(name) {
        let message = format!("the {what} {name:?} is named after personal data");
        out.report(&PERSONAL_NAME, Warning, path, message, format!("\"{word}\""), "no such name");
    }
}

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    for (index, workflow) in subject.profile.workflows.iter().enumerate() {
        judge("workflow type", &workflow.name, &format!("workflow.{index}.type"), out);
    }
    for placed in &subject.steps {
        let (what, key, name) = match placed.step {
            Step::Activity(activity) => ("activity", "activity", &activity.name),
            Step::LocalActivity(local) => ("local activity", "local_activity", &local.name),
            Step::WaitSignal(wait) => ("signal", "wait_signal", &wait.name),
            Step::Query(query) => ("query", "query", &query.name),
            Step::Update(update) => ("update", "update", &update.name),
            Step::UpsertSearchAttributes { name, .. } => ("search attribute", "upsert_search_attributes", name),
            Step::SideEffect { name, .. } => ("side effect", "side_effect", name),
            _ => continue,
        };
        judge(what, name, &format!("{}.{key}", placed.path), out);
    }
}

fn history(history: &History, out: &mut Findings) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (id, what, name) in &history.names {
        if !seen.contains(&(what, name.as_str())) {
            seen.push((what, name));
            judge(what, name, &event(*id), out);
        }
    }
    judge("workflow type", &history.workflow_type, &event(1), out);
    for payload in history.payloads.iter().filter(|payload| !payload.secret_keys.is_empty()) {
        let keys = payload.secret_keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ");
        let message = "a payload in plain JSON holds keys that are named after secrets";
        out.report(&SECRET_PAYLOAD, Error, event(payload.event), message, keys, "no such keys");
    }
    let readable = |encoding: &str| encoding.starts_with("json/") || encoding == "binary/plain";
    let plain: Vec<_> = history.payloads.iter().filter(|payload| readable(&payload.encoding)).collect();
    if let Some(first) = plain.first() {
        let message = format!("payloads of {} are in plain text", history.workflow_type);
        let found = format!("{} events, {} at first", plain.len(), first.encoding);
        out.report(&PLAIN_TEXT, Note, event(first.event), message, found, "an encrypting codec");
    }
}
