//! The run directory while the run lasts.

use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::{Manifest, RunDirError, Writer};

use super::recorder::Recording;

/// Writes a run's files. The first thing that cannot be written is kept, and nothing is written after it: a file that ends
/// in half a line can still be read, one with more behind it cannot.
#[derive(Debug)]
pub struct RunFiles {
    folder: PathBuf,
    writer: Option<Writer>,
    problem: Option<String>,
}

impl RunFiles {
    /// Creates the directory and its files.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn create(folder: &Path, manifest: &Manifest) -> Result<RunFiles, RunDirError> {
        let writer = Writer::create(folder, manifest)?;
        Ok(RunFiles { folder: folder.to_path_buf(), writer: Some(writer), problem: None })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends what was recorded, by the second it belongs to.
    pub fn append(&mut self, recordings: &[Recording]) {
        self.write(|writer| {
            for second in recordings.chunk_by(|one, other| one.second == other.second) {
                let Some(first) = second.first() else { continue };
                let metrics: Vec<(&str, &Histogram<u64>)> =
                    second.iter().map(|recording| (recording.metric.name(), &recording.histogram)).collect();
                let start = Nanos::from_secs(u64::from(first.second));
                writer.interval(start, Nanos::from_secs(1), &metrics)?;
            }
            Ok(())
        });
    }

    /// Appends one row of resource values.
    pub fn row(&mut self, at: Nanos, values: &[Option<f64>]) {
        self.write(|writer| writer.resources(at, values));
    }

    /// Replaces the manifest by the final one. The manifest is written even when the other files could not be.
    pub fn finish(&mut self, manifest: &Manifest) {
        let Some(writer) = self.writer.take() else { return };
        if let Err(error) = writer.finish(manifest) {
            self.problem.get_or_insert_with(|| error.to_string());
        }
    }

    /// What could not be written.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn write(&mut self, write: impl FnOnce(&mut Writer) -> Result<(), RunDirError>) {
        if self.problem.is_some() {
            return;
        }
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = write(writer) {
            self.problem = Some(error.to_string());
        }
    }
}
