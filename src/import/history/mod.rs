//! `import history`: files of `temporal workflow show --output json` to a profile that plans as it is.
//!
//! `raw` is the JSON, `actions` counts what is billed, `run` one history's steps (put in order by `arrange`, loops found by `fold`), `fit` the types of many runs, `write` the TOML.

pub mod actions;
mod arrange;
mod fit;
mod fold;
mod marker;
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
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
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

/// What is wrong with a file that is no history.
pub fn not_a_history(path: &Path, reason: &str) -> Failure {
    Failure::usage(format!(
        "{} is not a workflow history: {reason}\nexpected one history per file, {EXPECTED}",
        path.display()
    ))
}

/// A history file's bytes.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
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
    Ok(bytes)
}

fn read(path: &Path) -> Result<Run, Failure> {
    let history = parse(&bytes(path)?).map_err(|error| not_a_history(path, &error.to_string()))?;
    run::read(history).map_err(|reason| not_a_history(path, &reason))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::Document;
    use proptest::prelude::*;

    const SAMPLES: [&str; 6] = [
        include_str!("../../../tests/data/histories/act4_parallel-1.json"),
        include_str!("../../../tests/data/histories/child1-1.json"),
        include_str!("../../../tests/data/histories/local3-1.json"),
        include_str!("../../../tests/data/histories/retry1_after_100ms-1.json"),
        include_str!("../../../tests/data/histories/signal2-1.json"),
        include_str!("../../../tests/data/histories/timer_2s-1.json"),
    ];

    /// Whatever becomes of a history, there is a profile that reads, or a refusal.
    fn survives(histories: Vec<Vec<u8>>) {
        let runs: Vec<Run> = histories.iter().filter_map(|bytes| run::read(parse(bytes).ok()?).ok()).collect();
        let fit = fit::fit(runs);
        if fit.types.is_empty() {
            return;
        }
        let text = write::profile(&fit, "tested");
        if let Err(problems) = Document::parse(&text, "tested", &[]) {
            panic!("{problems}\n{text}");
        }
    }

    #[test]
    fn a_history_whose_names_are_blank_still_gives_a_profile() {
        for blank in ["", " "] {
            let names = SAMPLES.map(|sample| {
                let mut json: serde_json::Value = serde_json::from_str(sample).unwrap();
                for event in json["events"].as_array_mut().unwrap() {
                    for attributes in event.as_object_mut().unwrap().values_mut().filter(|value| value.is_object()) {
                        for key in ["activityType", "workflowType"] {
                            if attributes.get(key).is_some() {
                                attributes[key]["name"] = blank.into();
                            }
                        }
                        if attributes.get("signalName").is_some() {
                            attributes["signalName"] = blank.into();
                        }
                    }
                }
                json.to_string().into_bytes()
            });
            survives(names.to_vec());
        }
    }

    #[test]
    fn a_time_out_that_the_runs_outlived_is_left_out_with_the_reason() {
        let mut json: serde_json::Value = serde_json::from_str(SAMPLES[0]).unwrap();
        for event in json["events"].as_array_mut().unwrap() {
            if let Some(attributes) = event.get_mut("activityTaskScheduledEventAttributes") {
                attributes["startToCloseTimeout"] = "0.002s".into();
            }
        }
        let run = run::read(parse(json.to_string().as_bytes()).unwrap()).unwrap();
        let text = write::profile(&fit::fit(vec![run]), "tested");
        assert!(text.contains("start_to_close of 2ms is left out: the activity took"), "{text}");
        assert!(Document::parse(&text, "tested", &[]).is_ok(), "{text}");
    }

    proptest! {
        #[test]
        fn events_lost_doubled_and_out_of_order_still_give_a_profile(
            changes in proptest::collection::vec((0usize..SAMPLES.len(), proptest::collection::vec((0u8..4, 0usize..30, 0usize..30), 0..12)), 1..4),
        ) {
            let histories = changes.into_iter().map(|(sample, changes)| {
                let mut json: serde_json::Value = serde_json::from_str(SAMPLES[sample]).unwrap();
                let events = json["events"].as_array_mut().unwrap();
                for (change, a, b) in changes {
                    let (a, b) = (1 + a % (events.len() - 1), 1 + b % (events.len() - 1));
                    match change {
                        0 if events.len() > 3 => drop(events.remove(a)),
                        1 => events.swap(a, b),
                        2 => events.insert(b, events[a].clone()),
                        _ => events[a]["eventTime"] = events[b]["eventTime"].clone(),
                    }
                }
                json.to_string().into_bytes()
            });
            survives(histories.collect());
        }

        #[test]
        fn bytes_changed_anywhere_are_no_panic(sample in 0usize..SAMPLES.len(), changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..20)) {
            let mut bytes = SAMPLES[sample].as_bytes().to_vec();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            survives(vec![bytes]);
        }
    }
}
