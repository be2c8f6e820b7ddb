//! The calibration file: the base's text with what was measured in it, so that it says of each value where it is from.

use std::fmt::Write;

use plimsoll_profiles::calibration::{Calibration, REFERENCE};

use super::costs::GENERATOR;
use crate::failure::Failure;

/// The text of the shipped calibration.
const REFERENCE_TEXT: &str = include_str!("../../../profiles/calibrations/temporal-1.31-postgresql-15.toml");

/// A value to be put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its section.
    pub section: String,
    /// Its key.
    pub key: String,
    /// As TOML.
    pub value: String,
    /// What stands behind it.
    pub comment: String,
}

/// What stands at the file's head.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Lines of comment, without `#`.
    pub comment: Vec<String>,
    /// Name of the calibration.
    pub name: String,
    /// Server version.
    pub temporal: String,
    /// Database and version.
    pub database: String,
    /// The machine.
    pub measured_on: String,
    /// The highest rate measured, `40/s`.
    pub measured_up_to: String,
    /// How well it does, in words.
    pub known_error: String,
    /// The same of latencies, as a share.
    pub latency_error: f64,
    /// CPU time of the canary, seconds; `None` where there was none.
    pub canary: Option<f64>,
}

/// The text of a base calibration: the shipped one's by name, else a file's.
///
/// # Errors
/// When the file cannot be read.
pub fn base_text(name: &str) -> Result<String, Failure> {
    if name == REFERENCE {
        return Ok(REFERENCE_TEXT.to_owned());
    }
    std::fs::read_to_string(name).map_err(|error| Failure::usage(format!("cannot read calibration {name}: {error}")))
}

/// The new file. Everything of the base that is not an entry stays as it is, comments and all, and is marked as kept where it is a value.
///
/// # Errors
/// When an entry has no place in the base, or the result is no calibration.
pub fn written(base: &str, head: &Head, entries: &[Entry], base_name: &str) -> Result<String, Failure> {
    let mut out = String::new();
    head.comment.iter().for_each(|line| {
        let _ = writeln!(out, "{}", format!("# {line}").trim_end());
    });
    let _ = writeln!(out, "\nschema_version = 1");
    let fields = [
        ("name", &head.name),
        ("temporal", &head.temporal),
        ("database", &head.database),
        ("measured_on", &head.measured_on),
        ("measured_up_to", &head.measured_up_to),
        ("known_error", &head.known_error),
    ];
    for (key, value) in fields {
        let _ = writeln!(out, "{key} = {}", toml::Value::String(value.clone()));
    }
    let _ = writeln!(out, "latency_error = {:.2}", head.latency_error);
    if let Some(seconds) = head.canary {
        let _ = writeln!(out, "canary_cpu = \"{:.1}us\"", seconds * 1e6);
    }
    out.push('\n');
    let mut placed = 0;
    let mut section = String::new();
    let mut begun = false;
    for line in base.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default().trim_start_matches('[').to_owned();
            begun = true;
        }
        if !begun {
            continue;
        }
        let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|_| !line.starts_with(['#', '[']));
        let entry = key.and_then(|key| entries.iter().find(|entry| entry.section == section && entry.key == key));
        match (entry, key) {
            (Some(entry), Some(key)) => {
                let _ = writeln!(out, "{:<40}# {}", format!("{key} = {}", entry.value), entry.comment);
                placed += 1;
            }
            // The operation table is the base's as a whole: its head says so.
            (None, Some(_)) if section != "operation" && !line.contains('#') => {
                let _ = writeln!(out, "{line:<40}# kept from {base_name}");
            }
            _ => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    // Calibrations made before the generator's costs were measured have no section for them.
    let added: Vec<&Entry> = entries.iter().filter(|entry| entry.section == GENERATOR).collect();
    if !added.is_empty() && !base.lines().any(|line| line == format!("[{GENERATOR}]")) {
        let _ = writeln!(out, "\n[{GENERATOR}]");
        for entry in &added {
            let _ = writeln!(out, "{:<40}# {}", format!("{} = {}", entry.key, entry.value), entry.comment);
        }
        placed += added.len();
    }
    if placed != entries.len() {
        let missing: Vec<String> = entries
            .iter()
            .filter(|entry| !out.lines().any(|line| line.starts_with(&format!("{} = {}", entry.key, entry.value))))
            .map(|entry| format!("{}.{}", entry.section, entry.key))
            .collect();
        return Err(Failure::usage(format!("{base_name} has no line for {}", missing.join(", "))));
    }
    Calibration::parse(&out, "the calibration file")
        .map_err(|error| Failure::usage(format!("the calibration measured cannot be read again: {error}")))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn head() -> Head {
        Head {
            comment: vec!["Measured by a test.".to_owned()],
            name: "mine".to_owned(),
            temporal: "1.32.0".to_owned(),
            database: "PostgreSQL 16".to_owned(),
            measured_on: "a machine with \"quotes\"".to_owned(),
            measured_up_to: "40/s".to_owned(),
            known_error: "statements within 2 %".to_owned(),
            latency_error: 0.25,
            canary: Some(0.000_217_3),
        }
    }

    fn entry(section: &str, key: &str, value: &str) -> Entry {
        Entry {
            section: section.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
            comment: "5 to 6".to_owned(),
        }
    }

    #[test]
    fn the_file_is_a_calibration_with_the_values_in_it_and_all_else_as_it_was() {
        let entries = [entry("cpu", "frontend_request", "\"0.5ms\""), entry("wal", "commit", "\"41B\"")];
        let text = written(&base_text(REFERENCE).unwrap(), &head(), &entries, REFERENCE).unwrap();
        let read = Calibration::parse(&text, "x").unwrap();
        let reference = Calibration::reference();
        assert_eq!(read.cpu.frontend_request.0, 500_000);
        assert_eq!(read.wal.commit.0, 41);
        assert_eq!((read.name.as_str(), read.temporal.as_str()), ("mine", "1.32.0"));
        assert_eq!(read.canary_cpu.map(|cpu| cpu.0), Some(217_300));
        assert_eq!(read.measured_on, "a machine with \"quotes\"");
        assert_eq!(
            (&read.operations, &read.bytes, &read.runtime),
            (&reference.operations, &reference.bytes, &reference.runtime)
        );
        assert_eq!(read.cpu.history_wake, reference.cpu.history_wake);
        assert!(text.contains("# 5 to 6") && text.contains("# kept from"));
    }

    #[test]
    fn a_base_without_the_generators_costs_is_given_a_section_for_them() {
        let reference = base_text(REFERENCE).unwrap();
        let begin = reference.find("[generator]").unwrap();
        let end = begin + reference[begin..].find("\n\n").unwrap();
        let older = format!("{}{}", &reference[..begin], &reference[end..]);
        let keys = ["workflow_task", "activity", "local_activity", "client_request", "wake", "idle_core"];
        let entries = keys.map(|key| entry(GENERATOR, key, "\"0.7ms\""));
        let read = Calibration::parse(&written(&older, &head(), &entries, "older").unwrap(), "x").unwrap();
        assert_eq!(read.generator.map(|costs| costs.client_request.0), Some(700_000));
    }

    #[test]
    fn a_value_without_a_place_is_not_lost_in_silence() {
        let entries = [entry("cpu", "no_such_cost", "\"1ms\"")];
        let message = written(&base_text(REFERENCE).unwrap(), &head(), &entries, REFERENCE).unwrap_err().to_string();
        assert!(message.contains("cpu.no_such_cost"), "{message}");
    }

    #[test]
    fn the_shipped_text_is_the_shipped_calibration() {
        let read = Calibration::parse(&base_text(REFERENCE).unwrap(), REFERENCE).unwrap();
        assert_eq!(read, Calibration::reference());
    }
}
