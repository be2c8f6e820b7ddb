//! What was measured: one file per workload in `benches/accuracy/results`, with the machine it was measured on.

use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_reports::validation::{AccuracyTable, Validation, ValidationRow};
use serde::{Deserialize, Serialize};

use super::loads;
use super::suite::{Set, Workload};

/// A workload's measurement.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Measured {
    /// The workload.
    pub workload: String,
    /// Whether the model was fitted to it.
    pub set: Set,
    /// Starts per unit of time.
    pub rate: String,
    /// When, in UTC.
    pub at: String,
    /// On what.
    pub machine: MachineFacts,
    /// The profile that was simulated and run.
    pub profile: String,
    /// Predicted and measured.
    pub validation: Validation,
}

impl Measured {
    /// Whether it is this workload's.
    pub fn is_of(&self, workload: &Workload) -> bool {
        self.workload == workload.name && self.rate == workload.rate
    }
}

/// The machine of a measurement.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MachineFacts {
    /// Its processor.
    pub processor: Option<String>,
    /// Cores.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Operating system and its kernel.
    pub system: String,
}

impl MachineFacts {
    /// Looks.
    pub fn look() -> Self {
        let machine = crate::machine::Machine::look();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
        MachineFacts {
            processor: machine.processor,
            cores: machine.cores,
            memory_bytes: memory.map(|kib| kib * 1_024),
            system: format!("{} {}", machine.platform, kernel.trim()),
        }
    }
}

/// Where the committed results are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("accuracy").join("results")
}

/// All results of a folder, by file name.
///
/// # Errors
/// A file that cannot be read, in words.
pub fn read(folder: &Path) -> Result<Vec<Measured>, String> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(file: &Path) -> Result<Measured, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| {
        format!("{}: {error}; expected what `accuracy --run` writes: delete it and measure again", file.display())
    })
}

/// Writes a result.
///
/// # Errors
/// When the file cannot be written.
pub fn write(folder: &Path, stem: &str, measured: &Measured) -> Result<PathBuf, String> {
    let file = folder.join(format!("{stem}.json"));
    let text = serde_json::to_string_pretty(measured).map_err(|error| error.to_string())? + "\n";
    // Whole or not at all: an interrupted run leaves what was there.
    let unfinished = file.with_extension("unfinished");
    let cannot = |error| format!("cannot write {}: {error}", file.display());
    fs::create_dir_all(folder).and_then(|()| fs::write(&unfinished, text)).map_err(cannot)?;
    fs::rename(&unfinished, &file).map_err(cannot)?;
    Ok(file)
}

/// The results of one set as a table. Latencies above 80 % of saturation are shown only, where the set has an overload of the same shape.
pub fn table(results: &[Measured], set: Set) -> AccuracyTable {
    let mut table = AccuracyTable::default();
    let results: Vec<&Measured> = results.iter().filter(|measured| measured.set == set).collect();
    let shapes = loads::by_shape(&results);
    for measured in &results {
        let mut validation = measured.validation.clone();
        let shape = shapes.iter().find(|loads| loads[0].workload == measured.workload);
        let limit = shape.and_then(|loads| loads::judged_up_to(loads));
        if limit.is_some_and(|limit| validation.offered.is_some_and(|offered| offered.measured > limit)) {
            let rows = validation.rows.iter_mut().chain(&mut validation.steps);
            rows.filter(|row| row.is_latency()).for_each(ValidationRow::show_only);
        }
        table.add(&format!("{} at {}", measured.workload, measured.rate), &validation);
    }
    table.rows.extend(shapes.iter().filter_map(|loads| loads::ten_times_p99(loads)));
    table
}
