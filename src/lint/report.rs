//! Findings in their places, as a document.

use std::path::Path;

use plimsoll_profiles::{Document, Problem, Problems, Source};
use plimsoll_reports::lint_document::{
    LINT_SCHEMA_VERSION, LintAllowed, LintCounts, LintDocument, LintFinding, LintPlace, LintRule, LintSeverity,
};

use super::imported::History;
use super::rule::{Found, Rule};
use super::{Settings, all_rules, find_rule};

/// Rules that are not reported, and who says so.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    rules: Vec<(&'static str, &'static str)>,
}

impl Allow {
    /// Those of the command line and of the profile's `[lint] allow`.
    ///
    /// # Errors
    /// Names that no rule has, in their places.
    pub fn of_document(document: &Document, arguments: &[String]) -> Result<Self, Problems> {
        let mut allow = Self::of_arguments(arguments)?;
        let written = document.to_json(&plimsoll_profiles::World::mid());
        let listed = written.pointer("/lint/allow").and_then(|list| list.as_array()).cloned().unwrap_or_default();
        let mut problems = Vec::new();
        for (index, name) in listed.iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            match find_rule(name) {
                Some(rule) => allow.rules.push((rule.id, "[lint] allow")),
                None => {
                    let path = format!("lint.allow.{index}");
                    let place = document.place(&path);
                    let span = Some(place.span);
                    let mut problem = unknown(name);
                    problem = Problem { path, source: place.source, span, label: "unknown rule".into(), ..problem };
                    problems.push(problem);
                }
            }
        }
        if problems.is_empty() { Ok(allow) } else { Err(Problems { sources: document.sources().to_vec(), problems }) }
    }

    /// Those of the command line.
    ///
    /// # Errors
    /// Names that no rule has.
    pub fn of_arguments(arguments: &[String]) -> Result<Self, Problems> {
        let problems = unknown_rules(arguments);
        if !problems.is_empty() {
            let text = arguments.join(" ");
            return Err(Problems { sources: vec![Source { name: "--allow".to_owned(), text }], problems });
        }
        let rules = arguments.iter().filter_map(|name| find_rule(name)).map(|rule| (rule.id, "--allow")).collect();
        Ok(Allow { rules })
    }

    fn by(&self, rule: &Rule) -> Option<&'static str> {
        self.rules.iter().find(|(id, _)| *id == rule.id).map(|(_, by)| *by)
    }
}

/// What is wrong with names that no rule has.
pub fn unknown_rules(names: &[String]) -> Vec<Problem> {
    names.iter().filter(|name| find_rule(name).is_none()).map(|name| unknown(name)).collect()
}

fn unknown(name: &str) -> Problem {
    let lower = name.to_lowercase();
    let like = |rule: &&&Rule| rule.name.split('-').any(|word| word.len() > 3 && lower.contains(word));
    let rules = all_rules();
    let near: Vec<String> =
        rules.iter().filter(like).take(3).map(|rule| format!("{} {}", rule.id, rule.name)).collect();
    let help = match near.is_empty() {
        true => {
            "expected a rule's id or name, e.g. PL101 or history-length; `plimsoll lint --rules` lists them".to_owned()
        }
        false => format!("did you mean {}? `plimsoll lint --rules` lists them all", near.join(", ")),
    };
    Problem {
        message: format!("no lint rule is called {name:?}"),
        path: String::new(),
        source: 0,
        span: None,
        label: String::new(),
        help: Some(help),
    }
}

/// The rules as a document lists them.
pub(super) fn rule_entry(rule: &Rule) -> LintRule {
    LintRule {
        id: rule.id.to_owned(),
        name: rule.name.to_owned(),
        group: rule.group.heading().to_owned(),
        severity: rule.worst,
        title: rule.title.to_owned(),
        source: rule.source.to_owned(),
        why: rule.why.to_owned(),
        mend: rule.mend.to_owned(),
        profiles: rule.checked.profiles(),
        histories: rule.checked.histories(),
    }
}

pub(super) fn of_profile(
    document: &Document,
    found: Vec<Found>,
    allow: &Allow,
    settings: &Settings,
    notes: Vec<String>,
) -> LintDocument {
    let file = document.sources().first().map(|source| source.name.clone()).unwrap_or_default();
    let placed = found.into_iter().map(|found| {
        let place = profile_place(document, &found.path);
        (found, place)
    });
    assemble(vec![file], placed.collect(), allow, settings, notes, |rule| rule.checked.profiles())
}

fn profile_place(document: &Document, path: &str) -> LintPlace {
    let sources = document.sources();
    let on_disk = |source: &Source| Path::new(&source.name).exists();
    let place = document.place(path);
    // A key that is not written has the place of the table around it; a missing section has none.
    let at_all = place.written || !place.span.is_empty();
    let source = if at_all { sources.get(place.source) } else { sources.first() };
    let Some(source) = source else {
        return nowhere("profile", path);
    };
    if !at_all {
        return LintPlace { on_disk: on_disk(source), ..nowhere(&source.name, path) };
    }
    let (line, column) = source.line_column(place.span.start);
    let (_, end_column) = source.line_column(place.span.end);
    let text = source.text.lines().nth(line - 1).map(str::to_owned);
    LintPlace {
        file: source.name.clone(),
        on_disk: on_disk(source),
        path: path.to_owned(),
        line: Some(line),
        column: Some(column),
        end_column: Some(end_column.max(column + 1)),
        text,
    }
}

fn nowhere(file: &str, path: &str) -> LintPlace {
    LintPlace {
        file: file.to_owned(),
        on_disk: false,
        path: path.to_owned(),
        line: None,
        column: None,
        end_column: None,
        text: None,
    }
}

pub(super) fn of_histories(
    histories: &[History],
    found: Vec<(usize, Found)>,
    allow: &Allow,
    settings: &Settings,
) -> LintDocument {
    let files = histories.iter().map(|history| history.file.clone()).collect();
    let placed = found.into_iter().map(|(index, found)| {
        let history = &histories[index];
        let line = found.path.strip_prefix("event ").and_then(|id| history.line_of(id.parse().ok()?));
        let on_disk = Path::new(&history.file).exists();
        let place = LintPlace { on_disk, line, ..nowhere(&history.file, &found.path) };
        (found, place)
    });
    let mut notes = Vec::new();
    if histories.iter().any(|history| history.size.is_none()) {
        notes.push("some histories do not hold the server's own history size: theirs was not checked".to_owned());
    }
    assemble(files, placed.collect(), allow, settings, notes, |rule| rule.checked.histories())
}

fn assemble(
    files: Vec<String>,
    mut placed: Vec<(Found, LintPlace)>,
    allow: &Allow,
    settings: &Settings,
    notes: Vec<String>,
    is_checked: impl Fn(&Rule) -> bool,
) -> LintDocument {
    // A rule's worst finding decides where it stands in its group.
    let worst = |id: &str, placed: &[(Found, LintPlace)]| {
        placed.iter().filter(|(found, _)| found.rule.id == id).map(|(found, _)| found.severity).max()
    };
    let order: Vec<_> = placed.iter().map(|(found, _)| (found.rule.id, worst(found.rule.id, &placed))).collect();
    let rank = |id: &str| order.iter().find(|(known, _)| *known == id).and_then(|(_, worst)| *worst);
    placed.sort_by(|(a, at_a), (b, at_b)| {
        (a.rule.group, std::cmp::Reverse(rank(a.rule.id)), a.rule.id, std::cmp::Reverse(a.severity))
            .cmp(&(b.rule.group, std::cmp::Reverse(rank(b.rule.id)), b.rule.id, std::cmp::Reverse(b.severity)))
            .then_with(|| (&at_a.file, at_a.line, at_a.column).cmp(&(&at_b.file, at_b.line, at_b.column)))
    });
    let mut counts = LintCounts::default();
    let mut allowed: Vec<LintAllowed> = Vec::new();
    let mut findings = Vec::new();
    for (found, place) in placed {
        if let Some(by) = allow.by(found.rule) {
            counts.allowed += 1;
            match allowed.iter_mut().find(|allowed| allowed.rule == found.rule.id) {
                Some(known) => known.findings += 1,
                None => allowed.push(LintAllowed {
                    rule: found.rule.id.to_owned(),
                    name: found.rule.name.to_owned(),
                    by: by.to_owned(),
                    findings: 1,
                }),
            }
            continue;
        }
        match found.severity {
            LintSeverity::Error => counts.errors += 1,
            LintSeverity::Warning => counts.warnings += 1,
            LintSeverity::Note => counts.notes += 1,
        }
        findings.push(LintFinding {
            rule: found.rule.id.to_owned(),
            name: found.rule.name.to_owned(),
            severity: found.severity,
            message: found.message,
            found: found.found,
            limit: found.limit,
            place,
        });
    }
    LintDocument {
        schema_version: LINT_SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        files,
        passed: counts.errors == 0 && !(settings.deny_warnings && counts.warnings > 0),
        deny_warnings: settings.deny_warnings,
        counts,
        findings,
        allowed,
        rules: all_rules().into_iter().filter(|rule| is_checked(rule)).map(rule_entry).collect(),
        notes,
    }
}
