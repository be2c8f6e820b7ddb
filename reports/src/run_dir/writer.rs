//! Writes a run directory so that a killed process loses at most the interval under way.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use plimsoll_profiles::units::Nanos;

use super::error::RunDirError;
use super::manifest::{Manifest, RunVerdict, Trust};
use super::{LOG_FILE, MANIFEST_FILE, RESOURCES_FILE};

/// Writes `run.json`, `run.hlog` and `resources.csv`.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    log: File,
    resources: File,
    columns: usize,
}

impl Writer {
    /// Creates the folder (and its parents) and its three files. Files of an earlier run in it are overwritten.
    ///
    /// The manifest is written at once with the verdict `incomplete` and no summary, whatever the given one says.
    ///
    /// # Errors
    /// When a file cannot be created or written, or a resource column has a name CSV readers trip over.
    pub fn create(folder: &Path, manifest: &Manifest) -> Result<Writer, RunDirError> {
        fs::create_dir_all(folder).map_err(|source| RunDirError::Io { file: folder.to_path_buf(), source })?;
        let begun = Manifest {
            verdict: RunVerdict {
                verdict: Trust::Incomplete,
                reasons: vec!["the run was still under way, or was killed".into()],
            },
            summary: None,
            ..manifest.clone()
        };
        write_manifest(folder, &begun)?;

        let mut log = create(&folder.join(LOG_FILE))?;
        append(&mut log, &folder.join(LOG_FILE), log_header(manifest).as_bytes())?;

        let mut header = String::from("seconds");
        for column in &manifest.resources {
            let name = &column.name;
            if name.is_empty() || name.chars().any(|c| c == ',' || c == '"' || c.is_control()) {
                return Err(RunDirError::Unwritable(format!("{name:?} cannot be a column of {RESOURCES_FILE}")));
            }
            header.push(',');
            header.push_str(name);
        }
        header.push('\n');
        let mut resources = create(&folder.join(RESOURCES_FILE))?;
        append(&mut resources, &folder.join(RESOURCES_FILE), header.as_bytes())?;

        Ok(Writer { folder: folder.to_path_buf(), log, resources, columns: manifest.resources.len() })
    }

    /// Appends one interval: a histogram of nanoseconds per metric. Empty histograms are left out.
    ///
    /// `start` counts from the start of the run (warm-up included); times are kept to the millisecond, as the
    /// interval log format has it.
    ///
    /// # Errors
    /// When the file cannot be written, or a metric's name has a comma, a blank or a line break in it.
    pub fn interval(
        &mut self,
        start: Nanos,
        length: Nanos,
        metrics: &[(&str, &Histogram<u64>)],
    ) -> Result<(), RunDirError> {
        let file = self.folder.join(LOG_FILE);
        let mut lines = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new()
            .begin_log_with(&mut lines, &mut serializer)
            .map_err(|source| RunDirError::Io { file: file.clone(), source })?;
        for (metric, histogram) in metrics.iter().filter(|(_, histogram)| !histogram.is_empty()) {
            let tag = Tag::new(metric)
                .filter(|tag| !tag.is_empty())
                .ok_or_else(|| RunDirError::Unwritable(format!("{metric:?} cannot be a tag of {LOG_FILE}")))?;
            log.write_histogram(histogram, duration(start), duration(length), Some(tag))
                .map_err(|error| RunDirError::Unwritable(format!("{}: {metric}: {error}", file.display())))?;
        }
        append(&mut self.log, &file, &lines)
    }

    /// Appends one row of resource values, in the order of the manifest's `resources`; `None` is an empty cell.
    ///
    /// # Errors
    /// When the file cannot be written or the number of values is not the number of columns.
    pub fn resources(&mut self, at: Nanos, values: &[Option<f64>]) -> Result<(), RunDirError> {
        if values.len() != self.columns {
            let (given, wanted) = (values.len(), self.columns);
            return Err(RunDirError::Unwritable(format!("{given} values for {wanted} columns of {RESOURCES_FILE}")));
        }
        let mut row = at.as_secs_f64().to_string();
        for value in values {
            row.push(',');
            if let Some(value) = value.filter(|value| value.is_finite()) {
                row.push_str(&value.to_string());
            }
        }
        row.push('\n');
        append(&mut self.resources, &self.folder.join(RESOURCES_FILE), row.as_bytes())
    }

    /// Replaces the manifest by the final one: counts, verdict, summary.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self, manifest: &Manifest) -> Result<(), RunDirError> {
        write_manifest(&self.folder, manifest)
    }
}

/// The header that Java's `HistogramLogReader` and its kin expect. Simulated runs start at 0: same seed, same bytes.
fn log_header(manifest: &Manifest) -> String {
    let started = manifest.clock.started_at.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let seconds = started.map_or(0.0, |at| at.as_millisecond() as f64 / 1e3);
    format!(
        "#[Plimsoll interval log: nanoseconds, one tag per metric]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {seconds:.3} (seconds since epoch)]\n\
         #[BaseTime: {seconds:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
    )
}

/// Writes beside and renames: a reader sees the old manifest or the new one, never half of one.
fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), RunDirError> {
    let file = folder.join(MANIFEST_FILE);
    let mut text = serde_json::to_string_pretty(manifest)
        .map_err(|error| RunDirError::Unwritable(format!("{}: {error}", file.display())))?;
    text.push('\n');
    let beside = folder.join(format!("{MANIFEST_FILE}.part"));
    let mut part = create(&beside)?;
    append(&mut part, &beside, text.as_bytes())?;
    fs::rename(&beside, &file).map_err(|source| RunDirError::Io { file, source })
}

fn create(file: &Path) -> Result<File, RunDirError> {
    File::create(file).map_err(|source| RunDirError::Io { file: file.to_path_buf(), source })
}

/// One write of whole lines, unbuffered: what was appended survives the process.
fn append(open: &mut File, file: &Path, bytes: &[u8]) -> Result<(), RunDirError> {
    open.write_all(bytes).map_err(|source| RunDirError::Io { file: file.to_path_buf(), source })
}

fn duration(time: Nanos) -> Duration {
    Duration::from_nanos(time.0)
}
