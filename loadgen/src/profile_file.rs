//! The profile a command was given: a file, stdin, or a shipped one by its name.

use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_profiles::{Document, shipped};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Where a profile comes from; may be read several times with other overrides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ProfileSource {
    /// A file.
    File(PathBuf),
    /// A text that is here already, and its name.
    Text(String, String),
}

impl ProfileSource {
    /// `-` is stdin; a name without a file of that name may be a shipped profile.
    ///
    /// # Errors
    /// When the file is not there or cannot be read.
    pub fn find(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            // One byte more than a profile may have: the parser says so.
            let mut text = Vec::new();
            std::io::stdin()
                .lock()
                .take((1 << 20) + 1)
                .read_to_end(&mut text)
                .map_err(|error| Failure::io(format!("cannot read stdin: {error}")))?;
            let text = String::from_utf8(text)
                .map_err(|_| Failure::usage("stdin is not UTF-8 text; expected a profile (TOML)"))?;
            return Ok(ProfileSource::Text(text, "stdin".to_owned()));
        }
        if path.is_file() {
            return Ok(ProfileSource::File(path.to_path_buf()));
        }
        if path.is_dir() {
            return Err(Failure::io(format!(
                "cannot read {}: it is a directory; expected a profile (TOML)",
                path.display()
            )));
        }
        if let Some(shipped) = path.to_str().and_then(shipped::profile) {
            return Ok(ProfileSource::Text(shipped.text.to_owned(), format!("{}.toml (shipped)", shipped.name)));
        }
        let names: Vec<&str> = shipped::PROFILES.iter().map(|profile| profile.name).collect();
        Err(Failure::io(format!(
            "cannot read {}: no such file\nexpected a profile (TOML), or the name of a shipped one: {}",
            path.display(),
            names.join(", ")
        )))
    }

    /// The profile with these overrides (`key=value`).
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn document(&self, overrides: &[String]) -> Result<Document, Failure> {
        match self {
            ProfileSource::File(path) => Document::read(path, overrides),
            ProfileSource::Text(text, name) => Document::parse(text, name, overrides),
        }
        .map_err(Failure::Problems)
    }
}
