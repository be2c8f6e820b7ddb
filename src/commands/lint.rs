//! `plimsoll lint`.

use std::path::PathBuf;

use plimsoll::lint;
use plimsoll_reports::lint_document::LintDocument;
use plimsoll_reports::{sarif, text};
use serde::Serialize;

use super::prepare;
use crate::cli::{Deny, LintArgs, LintFormat};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::import::history;
use crate::profile_file::ProfileSource;

/// Prints what the rules find; an error-level finding is a finding.
///
/// # Errors
/// When a file cannot be read or is not what it should be, a rule is unknown, or the answer cannot be written.
pub fn run(arguments: &LintArgs, console: &Console) -> Result<Exit, Failure> {
    if arguments.rules {
        return rules(arguments.format, console);
    }
    let settings = lint::Settings {
        allow: arguments.allow.clone(),
        deny_warnings: arguments.deny == Some(Deny::Warnings),
        seed: arguments.seed,
    };
    let document = match &arguments.profile {
        Some(path) => {
            let profile = ProfileSource::find(path)?.document(&arguments.set)?;
            lint::profile(&profile, &settings).map_err(prepare::failure)?
        }
        None => of_histories(arguments, &settings)?,
    };
    let (width, colour) = console.page();
    let answer = match arguments.format {
        LintFormat::Human => text::lint(&document, width, colour),
        LintFormat::Json => json(&document)?,
        LintFormat::Sarif => json(&sarif::sarif(&document))?,
    };
    console.answer(&answer)?;
    Ok(if document.passed { Exit::Success } else { Exit::Finding })
}

fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::usage(format!("cannot write the answer as JSON: {error}")))
}

fn of_histories(arguments: &LintArgs, settings: &lint::Settings) -> Result<LintDocument, Failure> {
    if !arguments.set.is_empty() {
        return Err(Failure::usage(
            "--set overrides values of a profile; a history is what it is: leave one of the two out",
        ));
    }
    let files: Vec<PathBuf> = history::files(&arguments.history)?;
    let mut histories = Vec::with_capacity(files.len());
    for file in files {
        let bytes = history::bytes(&file)?;
        let refused = |reason: String| history::not_a_history(&file, &reason);
        let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8 text".to_owned()))?;
        histories.push(lint::History::read(&file.display().to_string(), &text).map_err(refused)?);
    }
    lint::histories(&histories, settings).map_err(Failure::Problems)
}

fn rules(format: LintFormat, console: &Console) -> Result<Exit, Failure> {
    let rules = lint::rule_entries();
    let answer = match format {
        LintFormat::Human => text::lint_rules(&rules, console.page().0, console.page().1),
        LintFormat::Json => json(&rules)?,
        LintFormat::Sarif => {
            return Err(Failure::usage(
                "--rules has no SARIF form: SARIF lists the rules with every run; use --format json",
            ));
        }
    };
    console.answer(&answer)?;
    Ok(Exit::Success)
}
