//! What was found since the machine was booted.
//!
//! A run writes the self-test's rate into its manifest. The machine does not change while it runs, so one answer per boot,
//! program version and number of cores is enough; an hour later it is asked again, because other programs may have come.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Outcome, Settings, run};
use crate::failure::Failure;

/// How long an answer is good for.
const GOOD_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Any machine sends more than this when it has time: a lower answer is about its other programs.
const FEWEST: f64 = 2_000.0;

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    boot: String,
    version: String,
    cores: usize,
    outcome: Outcome,
}

/// The quick self-test of this machine: the one of the last hour, or a new one (at most three seconds; blocks).
///
/// # Errors
/// As [`run`].
pub fn of_this_machine(program: &Path) -> Result<Outcome, Failure> {
    let file = file();
    if let Some(known) = file.as_deref().and_then(known) {
        return Ok(known);
    }
    let outcome = run(&Settings::quick(program))?;
    // A machine too busy to tell is asked again by the next run.
    let tells = outcome.highest.is_some_and(|rate| rate.as_per_second() >= FEWEST);
    if let Some(file) = file.filter(|_| tells) {
        // Where it cannot be kept the next run asks again.
        let _ = keep(&file, &outcome);
    }
    Ok(outcome)
}

fn known(file: &Path) -> Option<Outcome> {
    let entry: Entry = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let age = jiff::Timestamp::now().duration_since(entry.outcome.made_at.parse().ok()?);
    let fresh = age < GOOD_FOR && age >= jiff::SignedDuration::ZERO;
    let same = entry.boot == boot() && entry.version == env!("CARGO_PKG_VERSION") && entry.cores == cores();
    (fresh && same).then_some(entry.outcome)
}

fn keep(file: &Path, outcome: &Outcome) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let entry = Entry { boot: boot(), version, cores: cores(), outcome: outcome.clone() };
    // Whole or not at all: another run may read it now.
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&draft, serde_json::to_vec(&entry)?)?;
    fs::rename(draft, file)
}

/// `plimsoll/selftest.json` in the user's cache directory.
fn file() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(cache.join("plimsoll").join("selftest.json"))
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}
