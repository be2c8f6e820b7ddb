//! Lint findings as SARIF 2.1.0 (OASIS standard, March 2020), which code hosts and editors show beside the lines.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::lint_document::{LintDocument, LintFinding, LintPlace, LintRule};

/// The schema that a log names.
pub const SARIF_SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run.
pub fn sarif(document: &LintDocument) -> Value {
    let index = |id: &str| document.rules.iter().position(|rule| rule.id == id);
    let results: Vec<Value> =
        document.findings.iter().map(|finding| result(document, finding, index(&finding.rule))).collect();
    let notifications: Vec<Value> =
        document.notes.iter().map(|note| json!({ "level": "note", "message": { "text": note } })).collect();
    let artifacts: Vec<Value> = document.files.iter().map(|file| json!({ "location": { "uri": uri(file) } })).collect();
    json!({
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "plimsoll lint",
                "version": document.version,
                "semanticVersion": document.version,
                "rules": document.rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "artifacts": artifacts,
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notifications }],
            "results": results,
        }]
    })
}

fn rule(rule: &LintRule) -> Value {
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": { "text": sentence(&rule.title) },
        "fullDescription": { "text": format!("{} {}", sentence(&rule.why), sentence(&rule.mend)) },
        "help": {
            "text": format!("Why: {}\nMend: {}\nLimit: {}", rule.why, rule.mend, rule.source),
            "markdown": format!("**Why:** {}\n\n**Mend:** {}\n\n**Limit:** {}", rule.why, rule.mend, rule.source),
        },
        "defaultConfiguration": { "level": rule.severity.word() },
        "properties": { "tags": [rule.group] },
    })
}

fn result(document: &LintDocument, finding: &LintFinding, index: Option<usize>) -> Value {
    let text = format!("{}; found {}, limit {}", finding.message, finding.found, finding.limit);
    let mut result = json!({
        "ruleId": finding.rule,
        "level": finding.severity.word(),
        "message": { "text": text },
        "locations": [location(document, &finding.place)],
        "partialFingerprints": { "ruleAndKey/v1": format!("{}:{}", finding.rule, finding.place.path) },
    });
    if let (Some(index), Some(object)) = (index, result.as_object_mut()) {
        object.insert("ruleIndex".into(), json!(index));
    }
    result
}

/// What stands in a shipped cluster or in a `--set` is told at the begin of the profile's file: code hosts show nothing without one.
fn location(document: &LintDocument, place: &LintPlace) -> Value {
    let mut location = Map::new();
    let profile = document.files.first().filter(|file| Path::new(file).is_file());
    let (file, line) = match (place.on_disk, profile) {
        (true, _) => (Some(&place.file), place.line.unwrap_or(1)),
        (false, profile) => (profile, 1),
    };
    if let Some(file) = file {
        let mut region = json!({ "startLine": line });
        if let (true, Some(object), Some(start)) = (place.on_disk, region.as_object_mut(), place.column) {
            object.insert("startColumn".into(), json!(start));
            if let Some(end) = place.end_column {
                object.insert("endColumn".into(), json!(end));
            }
        }
        let physical = json!({ "artifactLocation": { "uri": uri(file) }, "region": region });
        location.insert("physicalLocation".into(), physical);
    }
    if !place.path.is_empty() {
        let name = if place.on_disk { place.path.clone() } else { format!("{}: {}", place.file, place.path) };
        location.insert("logicalLocations".into(), json!([{ "fullyQualifiedName": name }]));
    }
    Value::Object(location)
}

/// A path as a URI reference: relative ones stay relative, so that a code host finds them in the repository.
fn uri(path: &str) -> String {
    let mut out = String::new();
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            b'\\' => out.push('/'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    let rest = letters.as_str();
    let stop = if rest.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{rest}{stop}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uri_references() {
        assert_eq!(uri("profiles/a b.toml"), "profiles/a%20b.toml");
        assert_eq!(uri("/srv/ü.toml"), "file:///srv/%C3%BC.toml");
    }
}
