//! The rules, one file per subject. A subject lists its rules, and checks profiles and histories with them.

mod activities;
mod cluster;
mod code;
mod history;
pub(super) mod names;
mod pending;
mod promises;
mod retries;
mod security;
mod shutdown;
mod workers;

use super::imported::History;
use super::rule::{Findings, Rule};
use super::subject::Subject;

/// Rules of one subject.
pub struct OfSubject {
    /// Its rules.
    pub rules: &'static [&'static Rule],
    /// Checks a profile.
    pub(super) profile: fn(&Subject<'_>, &mut Findings),
    /// Checks a history.
    pub(super) history: fn(&History, &mut Findings),
}

/// All subjects, in the order of their rules' ids.
pub const SUBJECTS: &[OfSubject] = &[
    history::SUBJECT,
    pending::SUBJECT,
    activities::SUBJECT,
    retries::SUBJECT,
    workers::SUBJECT,
    shutdown::SUBJECT,
    cluster::SUBJECT,
    promises::SUBJECT,
    security::SUBJECT,
    code::SUBJECT,
];

/// For subjects that do not look at histories.
fn no_history(_: &History, _: &mut Findings) {}

/// For subjects that do not look at profiles.
fn no_profile(_: &Subject<'_>, _: &mut Findings) {}

/// Where an event is.
fn event(id: u64) -> String {
    format!("event {id}")
}
