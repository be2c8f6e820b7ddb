//! Files of an answer: made before the work starts, so that a folder one may not write to is known at once, and
//! renamed into place when they are whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that will be there whole or not at all.
#[derive(Debug)]
pub struct OutputFile {
    target: PathBuf,
    /// What is written, until it is renamed; `None` for a pipe or device, which is written to as it is.
    beside: Option<PathBuf>,
    file: File,
}

impl OutputFile {
    /// Makes the file, and the folder it is in.
    ///
    /// # Errors
    /// When the folder cannot be made or written to, or the path is a folder.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &std::io::Error| Failure::io("write", path, error);
        // A link keeps pointing at the file that is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        match fs::metadata(&target) {
            Ok(known) if known.is_dir() => {
                return Err(Failure::Message(
                    crate::exit::Exit::Io,
                    format!("cannot write {}: it is a directory; expected a file name", path.display()),
                ));
            }
            Ok(known) if !known.is_file() => {
                let file = OpenOptions::new().write(true).open(&target).map_err(|error| failed(&error))?;
                return Ok(OutputFile { target, beside: None, file });
            }
            Ok(known) if known.permissions().readonly() => {
                return Err(failed(&std::io::Error::from(std::io::ErrorKind::PermissionDenied)));
            }
            _ => {}
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| Failure::io("make the folder", folder, &error))?;
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = folder.join(format!(".{name}.{}.part", std::process::id()));
        let file = File::create(&beside).map_err(|error| failed(&error))?;
        Ok(OutputFile { target, beside: Some(beside), file })
    }

    /// Writes the text and puts the file in its place.
    ///
    /// # Errors
    /// When the disk is full or the folder went away.
    pub fn commit(mut self, text: &str) -> Result<(), Failure> {
        let failed = |target: &Path, error: &std::io::Error| Failure::io("write", target, error);
        self.file.write_all(text.as_bytes()).map_err(|error| failed(&self.target, &error))?;
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.target).map_err(|error| failed(&self.target, &error))?;
            self.beside = None;
        }
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/report.html");
        let file = OutputFile::create(&path).unwrap();
        assert!(!path.exists(), "not before it is whole");
        file.commit("text").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(names(&folder.path().join("deep")), ["report.html"]);
    }

    #[test]
    fn work_that_fails_leaves_the_old_file_and_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        fs::write(&path, "old").unwrap();
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["report.html"]);
    }

    #[test]
    fn a_directory_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let failure = OutputFile::create(folder.path()).unwrap_err();
        assert_eq!(failure.exit().code(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_and_a_device_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        OutputFile::create(&link).unwrap().commit("new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        OutputFile::create(Path::new("/dev/null")).unwrap().commit("gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
