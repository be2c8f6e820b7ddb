//! What `plimsoll lint` found, as a document: the JSON that it prints, and what its text and SARIF are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the lint document.
pub const LINT_SCHEMA_VERSION: u32 = 1;

/// What the rules found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LintDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Version of the program whose rules these are.
    pub version: String,
    /// Files that were looked at, as the user named them.
    pub files: Vec<String>,
    /// Whether nothing was found that counts: no errors, and with `deny_warnings` no warnings.
    pub passed: bool,
    /// Whether warnings count as errors do.
    pub deny_warnings: bool,
    /// How many findings there are of each severity.
    pub counts: LintCounts,
    /// The findings: by group and rule, worst first within a group, then by place.
    pub findings: Vec<LintFinding>,
    /// Findings that were not reported, because their rule is allowed.
    pub allowed: Vec<LintAllowed>,
    /// The rules that were checked.
    pub rules: Vec<LintRule>,
    /// Things the reader should know: what could not be checked, and why.
    pub notes: Vec<String>,
}

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct LintCounts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
    /// Not reported, because their rule is allowed.
    pub allowed: usize,
}

/// How bad a finding is; SARIF has the same words.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum LintSeverity {
    /// Worth knowing.
    Note,
    /// Will hurt under load, in a rollout or in a failure.
    Warning,
    /// Fails, or loses data.
    Error,
}

impl LintSeverity {
    /// `error`, `warning` or `note`.
    pub fn word(self) -> &'static str {
        match self {
            LintSeverity::Note => "note",
            LintSeverity::Warning => "warning",
            LintSeverity::Error => "error",
        }
    }
}

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LintRule {
    /// Stable id, e.g. `PL101`.
    pub id: String,
    /// Stable name, e.g. `history-length`.
    pub name: String,
    /// What it is about, e.g. "History and state".
    pub group: String,
    /// The worst that it reports.
    pub severity: LintSeverity,
    /// What it asks for, in one sentence.
    pub title: String,
    /// Where its limit comes from.
    pub source: String,
    /// What happens otherwise.
    pub why: String,
    /// What to do.
    pub mend: String,
    /// Whether it looks at profiles.
    pub profiles: bool,
    /// Whether it looks at workflow histories.
    pub histories: bool,
}

/// A finding.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LintFinding {
    /// The rule's id.
    pub rule: String,
    /// The rule's name.
    pub name: String,
    /// How bad it is here.
    pub severity: LintSeverity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The number that was found, with its unit; "none" where something is missing.
    pub found: String,
    /// The limit it was held against.
    pub limit: String,
    /// Where.
    pub place: LintPlace,
}

/// Where something was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LintPlace {
    /// The file as the user named it; `cluster NAME` for a shipped cluster, `--set` for an override.
    pub file: String,
    /// Whether `file` is a file on disk.
    pub on_disk: bool,
    /// The key in a profile, dotted as `--set` takes it; the event in a history, e.g. `event 7`.
    pub path: String,
    /// Line, from 1; absent where it is about something that is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Column after the last, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
    /// The text of the line, without its end; absent for histories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Findings that were not reported.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct LintAllowed {
    /// The rule's id.
    pub rule: String,
    /// The rule's name.
    pub name: String,
    /// Who allows it: `--allow`, or `[lint] allow`.
    pub by: String,
    /// How many findings of it there were.
    pub findings: usize,
}

impl LintDocument {
    /// The rule of an id.
    pub fn rule(&self, id: &str) -> Option<&LintRule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}
