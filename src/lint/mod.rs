//! The production checklists as checks, on a profile and on imported workflow histories.
//!
//! | module | subject |
//! | --- | --- |
//! | `rule` | what a rule is, and what it reports |
//! | `rules` | the rules, one file per subject; each checks profiles, histories, or both |
//! | `subject` | a profile as rules look at it: its steps with their places, its load |
//! | `lengths` | how long the history of one run becomes, and how long a run takes |
//! | `imported` | a workflow history as rules look at it |
//! | `report` | findings in their places, as a document |
//!
//! A section that is added to profiles brings its rules in a file of its own under `rules`, listed in [`rules::SUBJECTS`].

pub mod imported;
mod lengths;
mod report;
mod rule;
pub mod rules;
mod subject;

use plimsoll_profiles::{Document, Level, Problems, World};
use plimsoll_reports::lint_document::{LintDocument, LintRule, LintSeverity};

pub use imported::History;
pub use report::{Allow, unknown_rules};
pub use rule::{Checked, Found, Group, Rule};

use crate::model::ModelError;
use rule::Findings;
use subject::{LoadOf, Subject};

/// What to do with findings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Rules that are not reported (ids or names), besides those the profile allows itself.
    pub allow: Vec<String>,
    /// Warnings count as errors do.
    pub deny_warnings: bool,
    /// Seed of the pilot simulation behind the rules on load.
    pub seed: u64,
}

/// All rules, by group and id.
pub fn all_rules() -> Vec<&'static Rule> {
    rules::SUBJECTS.iter().flat_map(|subject| subject.rules.iter().copied()).collect()
}

/// All rules, as documents list them.
pub fn rule_entries() -> Vec<LintRule> {
    all_rules().into_iter().map(report::rule_entry).collect()
}

/// The rule of an id (`PL101`) or a name (`history-length`).
pub fn find_rule(id_or_name: &str) -> Option<&'static Rule> {
    all_rules().into_iter().find(|rule| rule.id.eq_ignore_ascii_case(id_or_name) || rule.name == id_or_name)
}

/// Checks a profile in its middle world and, for what its uncertain inputs may come to, with all of them high.
///
/// # Errors
/// An unknown rule in `[lint] allow`, in its place; a calibration that cannot be read.
pub fn profile(document: &Document, settings: &Settings) -> Result<LintDocument, ModelError> {
    let allow = Allow::of_document(document, &settings.allow).map_err(ModelError::Problems)?;
    let mut notes = Vec::new();
    let mut findings = in_world(document, &World::mid(), settings, &mut notes)?;
    if !document.uncertain_inputs().is_empty() {
        let all_high = document.uncertain_inputs().iter();
        let high = all_high.fold(World::mid(), |world, input| world.with(input.path.clone(), Level::High));
        // What is found in both is told once, as it is in the middle world.
        for found in in_world(document, &high, settings, &mut Vec::new())? {
            if findings.iter().any(|known| known.rule.id == found.rule.id && known.path == found.path) {
                continue;
            }
            let message = format!("{}, when the uncertain inputs are high", found.message);
            let severity = found.severity.min(LintSeverity::Warning);
            findings.push(Found { message, severity, ..found });
        }
    }
    Ok(report::of_profile(document, findings, &allow, settings, notes))
}

fn in_world(
    document: &Document,
    world: &World,
    settings: &Settings,
    notes: &mut Vec<String>,
) -> Result<Vec<Found>, ModelError> {
    let profile = document.profile(world).map_err(ModelError::Problems)?;
    let calibration = crate::model::calibration(document, &profile)?;
    let load = LoadOf::measure(&profile, &calibration, settings.seed).map_err(|reason| notes.push(reason)).ok();
    let written = document.to_json(world);
    let subject = Subject::new(&profile, &calibration, &written, load.as_ref());
    let mut findings = Findings::default();
    for of in rules::SUBJECTS {
        (of.profile)(&subject, &mut findings);
    }
    Ok(findings.list)
}

/// Checks workflow histories.
///
/// # Errors
/// An unknown rule in the settings' `allow`.
pub fn histories(histories: &[History], settings: &Settings) -> Result<LintDocument, Problems> {
    let allow = Allow::of_arguments(&settings.allow)?;
    let mut all = Vec::new();
    for (index, history) in histories.iter().enumerate() {
        let mut findings = Findings::default();
        for of in rules::SUBJECTS {
            (of.history)(history, &mut findings);
        }
        all.extend(findings.list.into_iter().map(|found| (index, found)));
    }
    Ok(report::of_histories(histories, folded(all), &allow, settings))
}

/// The same note on many histories is told once, on the first, with the number of the others.
fn folded(all: Vec<(usize, Found)>) -> Vec<(usize, Found)> {
    let mut folded: Vec<(usize, Found, usize)> = Vec::new();
    for (index, found) in all {
        let is_same = |known: &Found| {
            known.severity == LintSeverity::Note && known.rule.id == found.rule.id && known.message == found.message
        };
        match folded.iter_mut().find(|(at, known, _)| *at != index && is_same(known)) {
            Some((_, _, others)) => *others += 1,
            None => folded.push((index, found, 0)),
        }
    }
    let told = |(index, found, others): (usize, Found, usize)| {
        let message = match others {
            0 => found.message.clone(),
            1 => format!("{}, and one other history", found.message),
            others => format!("{}, and {others} other histories", found.message),
        };
        (index, Found { message, ..found })
    };
    folded.into_iter().map(told).collect()
}

/// Events of the longest run of each workflow type, in the order of the profile.
///
/// # Errors
/// A calibration that cannot be read.
pub fn events_of_longest_runs(document: &Document) -> Result<Vec<u64>, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = crate::model::calibration(document, &profile)?;
    let events = |workflow| lengths::longest_run(&profile, &calibration.bytes, workflow).events;
    Ok(profile.workflows.iter().map(events).collect())
}
