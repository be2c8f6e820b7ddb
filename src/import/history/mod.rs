//! `import history`: files of `temporal workflow show --output json` to a profile that plans as it is.
//!
//! `raw` is the JSON, `run` one history's steps (put in order by `arrange`), `fit` the types of many runs, `write` the TOML.

mod arrange;
mod base64;
mod fit;
mod raw;
mod run;
mod write;

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;
use crate::progress::Progress;
use raw::{Event, History};
use run::Run;

/// A server refuses histories above 50 MiB; base64 and indentation make at most four times that.
const LARGEST_FILE: u64 = 256 << 20;

/// Reads the files, one at a time, and writes the profile.
///
/// # Errors
/// A file that cannot be read or is not a history; nothing to read; Ctrl-C.
pub fn import(paths: &[PathBuf], name: &str, progress: &Progress) -> Result<String, Failure> {
    let files = files(paths)?;
    let mut runs: Vec<Run> = Vec::new();
    let mut run_ids = HashSet::new();
    let mut repeated = 0;
    for (index, file) in files.iter().enumerate() {
        if progress.is_cancelled() {
            return Err(Failure::Interrupted);
        }
        progress.say(format!("reading {} of {}: {}", index + 1, files.len(), file.display()));
        let run = read(file)?;
        if run.run_id.is_empty() || run_ids.insert(run.run_id.clone()) {
            runs.push(run);
        } else {
            repeated += 1;
        }
    }
    let mut fit = fit::fit(runs);
    if repeated > 0 {
        fit.left_out.insert("files that hold a run which another file holds too".to_owned(), repeated);
    }
    if fit.types.is_empty() {
        return Err(Failure::usage(format!(
            "none of the {} histories is of a workflow that has ended; at least one is needed to fit a profile",
            fit.runs
        )));
    }
    Ok(write::profile(&fit, name))
}

/// The files themselves, and the *.json files of directories and their subdirectories, by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        json_files(path, &mut files)?;
        if files.len() == before {
            let message = format!("{} holds no *.json files; expected workflow histories, {EXPECTED}", path.display());
            return Err(Failure::usage(message));
        }
    }
    Ok(files)
}

fn json_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: &std::io::Error| Failure::io("read the directory", directory, error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| unreadable(&error))? {
        let entry = entry.map_err(|error| unreadable(&error))?;
        // Links are not followed: a link to a parent would never end.
        let is_directory = entry.file_type().map_err(|error| unreadable(&error))?.is_dir();
        entries.push((entry.path(), is_directory));
    }
    entries.sort();
    for (path, is_directory) in entries {
        if is_directory {
            json_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

const EXPECTED: &str = "as `temporal workflow show --workflow-id … --output json` prints them";

fn read(path: &Path) -> Result<Run, Failure> {
    let unreadable = |error: &std::io::Error| Failure::io("read", path, error);
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Failure::usage(format!(
            "{} is larger than {} MiB; a server refuses histories above 50 MiB: expected one history per file",
            path.display(),
            LARGEST_FILE >> 20
        )));
    }
    let not_a_history = |reason: String| {
        Failure::usage(format!(
            "{} is not a workflow history: {reason}\nexpected one history per file, {EXPECTED}",
            path.display()
        ))
    };
    let history = parse(&bytes).map_err(|error| not_a_history(error.to_string()))?;
    run::read(history).map_err(not_a_history)
}

/// An object with `events`, or the bare list of events that the web interface saves.
fn parse(bytes: &[u8]) -> Result<History, serde_json::Error> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => {
            Ok(History { events: Vec::<Event>::deserialize(&mut serde_json::Deserializer::from_slice(bytes))? })
        }
        _ => serde_json::from_slice(bytes),
    }
}
