//! The directory of a calibration: one file for each finished workload, so that an interrupted calibration goes on where it was.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The calibration file, in the directory.
pub const CALIBRATION_FILE: &str = "calibration.toml";
/// The whole result as data.
pub const RESULT_FILE: &str = "calibration.json";
const CLUSTER_FILE: &str = "cluster.json";
const IDLE_FILE: &str = "idle.json";
const RUNS_FOLDER: &str = "workloads";

/// What the measurements belong to; those of another cluster are not mixed with these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Version of the files' format.
    pub schema_version: u32,
    /// Frontend's address.
    pub address: String,
    /// Version of the Temporal server.
    pub temporal: String,
    /// The database and its version.
    pub database: String,
    /// History shards.
    pub history_shards: u32,
    /// The machine that this program runs on: processors, their name, memory, kernel.
    pub machine: String,
    /// Seconds of a round trip from here to PostgreSQL.
    pub round_trip_seconds: f64,
}

/// Version of the files' format.
pub const SCHEMA_VERSION: u32 = 1;

/// The directory.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens it, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> Result<Store, Failure> {
        let runs = folder.join(RUNS_FOLDER);
        std::fs::create_dir_all(&runs)
            .map_err(|error| Failure::io(format!("cannot make {}: {error}", runs.display())))?;
        Ok(Store { folder: folder.to_owned() })
    }

    /// The cluster whose measurements are here, if there are any.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn cluster(&self) -> Result<Option<Cluster>, Failure> {
        self.read(Path::new(CLUSTER_FILE))
    }

    /// Says whose measurements these are; refuses those of another cluster.
    ///
    /// # Errors
    /// When the directory holds another cluster's.
    pub fn belongs_to(&self, cluster: &Cluster) -> Result<(), Failure> {
        let Some(known) = self.cluster()? else { return self.write(Path::new(CLUSTER_FILE), cluster) };
        // The round trip is measured anew each time.
        let same = Cluster { round_trip_seconds: known.round_trip_seconds, ..cluster.clone() };
        if known == same {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{} holds measurements of another cluster ({}, Temporal {}, {}, {} shards, on {}); give another --out",
            self.folder.display(),
            known.address,
            known.temporal,
            known.database,
            known.history_shards,
            known.machine
        )))
    }

    /// What was counted while idle.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn idle<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        self.read(Path::new(IDLE_FILE))
    }

    /// Keeps what was counted while idle.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_idle<T: Serialize>(&self, counters: &T) -> Result<(), Failure> {
        self.write(Path::new(IDLE_FILE), counters)
    }

    /// A finished workload.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn run<T: DeserializeOwned>(&self, workload: &str, repeat: u32) -> Result<Option<T>, Failure> {
        self.read(&run_file(workload, repeat))
    }

    /// Keeps a finished workload.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_run<T: Serialize>(&self, workload: &str, repeat: u32, measured: &T) -> Result<(), Failure> {
        self.write(&run_file(workload, repeat), measured)
    }

    /// Writes a text beside them; its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_text(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        whole(&path, text)?;
        Ok(path)
    }

    fn read<T: DeserializeOwned>(&self, name: &Path) -> Result<Option<T>, Failure> {
        let path = self.folder.join(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::io(format!("cannot read {}: {error}", path.display()))),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::io(format!(
                "{} is not what calibrate wrote ({error}); delete it to measure it anew",
                path.display()
            ))
        })
    }

    fn write<T: Serialize>(&self, name: &Path, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::io(error.to_string()))?;
        whole(&self.folder.join(name), &(text + "\n"))
    }
}

fn run_file(workload: &str, repeat: u32) -> PathBuf {
    Path::new(RUNS_FOLDER).join(format!("{workload}.{repeat}.json"))
}

/// All of a file or nothing of it: a killed process leaves no half of one.
fn whole(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io(format!("cannot write {}: {error}", path.display()));
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    std::fs::write(&unfinished, text).map_err(failed)?;
    std::fs::rename(&unfinished, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn cluster(shards: u32) -> Cluster {
        Cluster {
            schema_version: SCHEMA_VERSION,
            address: "127.0.0.1:7233".to_owned(),
            temporal: "1.31.2".to_owned(),
            database: "PostgreSQL 15".to_owned(),
            history_shards: shards,
            machine: "2 cores".to_owned(),
            round_trip_seconds: 50e-6,
        }
    }

    #[test]
    fn what_was_kept_is_there_again_and_what_was_not_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.keep_run("activity-at-5", 0, &vec![1.5, 2.5]).unwrap();
        let again = Store::open(folder.path()).unwrap();
        assert_eq!(again.run::<Vec<f64>>("activity-at-5", 0).unwrap(), Some(vec![1.5, 2.5]));
        assert_eq!(again.run::<Vec<f64>>("activity-at-5", 1).unwrap(), None);
    }

    #[test]
    fn a_file_that_was_cut_off_is_not_taken_for_a_workload() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.keep_run("activity-at-5", 0, &vec![1.5]).unwrap();
        std::fs::write(folder.path().join("workloads/activity-at-5.0.json"), "[1.").unwrap();
        let message = store.run::<Vec<f64>>("activity-at-5", 0).unwrap_err().to_string();
        assert!(message.contains("delete it"), "{message}");
    }

    #[test]
    fn two_clusters_do_not_share_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.belongs_to(&cluster(64)).unwrap();
        store.belongs_to(&Cluster { round_trip_seconds: 70e-6, ..cluster(64) }).unwrap();
        let message = store.belongs_to(&cluster(4)).unwrap_err().to_string();
        assert!(message.contains("another cluster") && message.contains("64 shards"), "{message}");
    }
}
