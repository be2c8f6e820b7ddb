//! One answer in the formats and files that were asked for.

use std::path::Path;

use serde::Serialize;

use crate::cli::{Format, OutputArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::OutputFile;

/// An answer and how it is drawn; only what was asked for is.
pub struct Rendered<'a, T> {
    /// The document.
    pub json: &'a T,
    /// Rows.
    pub csv: &'a dyn Fn() -> String,
    /// Text of a width, with or without colour.
    pub human: &'a dyn Fn(usize, bool) -> String,
    /// One page.
    pub html: &'a dyn Fn() -> String,
}

/// The files of an answer, open before the work begins.
pub struct Files {
    format: Format,
    html: Option<OutputFile>,
    folder: Option<Folder>,
}

/// `--out`: every format.
struct Folder {
    json: OutputFile,
    csv: OutputFile,
    human: OutputFile,
    html: OutputFile,
}

impl Files {
    /// Makes the files; those in `--out` are called `name.json` and so on.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn create(output: &OutputArgs, name: &str) -> Result<Self, Failure> {
        let folder = output.out.as_deref().map(|folder| Folder::create(folder, name)).transpose()?;
        let html = output.html.as_deref().map(OutputFile::create).transpose()?;
        Ok(Files { format: output.format, html, folder })
    }

    /// Writes the answer to stdout and into the files.
    ///
    /// # Errors
    /// When a file or stdout cannot be written.
    pub fn write<T: Serialize>(self, console: &Console, rendered: Rendered<'_, T>) -> Result<(), Failure> {
        let json = || {
            serde_json::to_string_pretty(rendered.json)
                .map(|text| text + "\n")
                .map_err(|error| Failure::usage(format!("cannot write the answer as JSON: {error}")))
        };
        // Files first: a reader of stdout that goes away must not cost the report.
        if let Some(file) = self.html {
            file.commit(&(rendered.html)())?;
        }
        if let Some(folder) = self.folder {
            folder.json.commit(&json()?)?;
            folder.csv.commit(&(rendered.csv)())?;
            folder.human.commit(&(rendered.human)(plimsoll_reports::text::WIDTH, false))?;
            folder.html.commit(&(rendered.html)())?;
        }
        let (width, colour) = console.page();
        let text = match self.format {
            Format::Human => (rendered.human)(width, colour),
            Format::Json => json()?,
            Format::Csv => (rendered.csv)(),
        };
        console.answer(&text)
    }
}

impl Folder {
    fn create(folder: &Path, name: &str) -> Result<Self, Failure> {
        let file = |extension: &str| OutputFile::create(&folder.join(format!("{name}.{extension}")));
        Ok(Folder { json: file("json")?, csv: file("csv")?, human: file("txt")?, html: file("html")? })
    }
}
