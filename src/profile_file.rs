//! The profile a command was given: a file, stdin, or a shipped one by its name.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_profiles::{Document, shipped};

use crate::exit::Exit;
use crate::failure::Failure;

/// Where a profile comes from; may be read several times with other overrides.
#[derive(Debug)]
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
                .map_err(|error| Failure::io("read", Path::new("stdin"), &error))?;
            let text = String::from_utf8(text)
                .map_err(|_| Failure::usage("stdin is not UTF-8 text; expected a profile (TOML)"))?;
            return Ok(ProfileSource::Text(text, "stdin".to_owned()));
        }
        if !path.exists()
            && let Some(shipped) = path.to_str().and_then(shipped::profile)
        {
            return Ok(ProfileSource::Text(shipped.text.to_owned(), format!("{}.toml (shipped)", shipped.name)));
        }
        if path.is_dir() {
            let message = format!("cannot read {}: it is a directory; expected a profile (TOML)", path.display());
            return Err(Failure::Message(Exit::Io, message));
        }
        if let Err(error) = File::open(path) {
            let Failure::Message(exit, mut message) = Failure::io("read", path, &error) else {
                return Err(Failure::io("read", path, &error));
            };
            if error.kind() == std::io::ErrorKind::NotFound {
                let names: Vec<&str> = shipped::PROFILES.iter().map(|profile| profile.name).collect();
                message.push_str(&format!(
                    "\nexpected a profile (TOML), or the name of a shipped one: {}",
                    names.join(", ")
                ));
            }
            return Err(Failure::Message(exit, message));
        }
        Ok(ProfileSource::File(path.to_path_buf()))
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

/// The published JSON Schema of a profile.
pub fn schema() -> String {
    format!("{:#}\n", plimsoll_profiles::profile_schema())
}
