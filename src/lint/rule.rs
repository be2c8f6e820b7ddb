//! What a rule is, and what it reports.

use plimsoll_reports::lint_document::LintSeverity;

/// What rules are about, in the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// History length, payloads, pending work of one run.
    History,
    /// Time-outs, heartbeats, retries, timers.
    Activities,
    /// The worker fleet.
    Workers,
    /// Services, shards, database.
    Cluster,
    /// What is promised and planned for.
    Promises,
    /// Names and payloads that hold secrets.
    Security,
    /// Determinism and versions.
    Code,
}

impl Group {
    /// Its heading.
    pub fn heading(self) -> &'static str {
        match self {
            Group::History => "History and state",
            Group::Activities => "Activities, retries and timers",
            Group::Workers => "Workers",
            Group::Cluster => "Cluster and database",
            Group::Promises => "Promises and growth",
            Group::Security => "Security",
            Group::Code => "Workflow code and versions",
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Profiles.
    Profiles,
    /// Workflow histories.
    Histories,
    /// Both.
    Both,
}

impl Checked {
    /// Whether it looks at profiles.
    pub fn profiles(self) -> bool {
        self != Checked::Histories
    }

    /// Whether it looks at workflow histories.
    pub fn histories(self) -> bool {
        self != Checked::Profiles
    }
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable id; its hundreds are its group.
    pub id: &'static str,
    /// Stable name.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// The worst that it reports.
    pub worst: LintSeverity,
    /// What it looks at.
    pub checked: Checked,
    /// What it asks for.
    pub title: &'static str,
    /// Its limit and where that comes from.
    pub source: &'static str,
    /// What happens otherwise.
    pub why: &'static str,
    /// What to do.
    pub mend: &'static str,
}

/// Something a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is here; never worse than the rule's worst.
    pub severity: LintSeverity,
    /// Where: a dotted key of the profile, or `event N` of a history.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The number found.
    pub found: String,
    /// The limit.
    pub limit: String,
}

/// What the rules found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub list: Vec<Found>,
}

impl Findings {
    /// Notes what a rule found at a place.
    pub fn report(
        &mut self,
        rule: &'static Rule,
        severity: LintSeverity,
        path: impl Into<String>,
        message: impl Into<String>,
        found: impl Into<String>,
        limit: impl Into<String>,
    ) {
        debug_assert!(severity <= rule.worst, "{} reports {severity:?}", rule.id);
        let (path, message, found, limit) = (path.into(), message.into(), found.into(), limit.into());
        self.list.push(Found { rule, severity, path, message, found, limit });
    }
}
