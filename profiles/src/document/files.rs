//! Reading files that people give: what can go wrong, in their words.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::arrivals::parse_trace;
use crate::units::Nanos;

/// The largest profile or cluster file: no hand-written one comes near.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// The largest trace: a few million arrivals.
const MAX_TRACE_BYTES: u64 = 256 << 20;

type Refusal = (String, String);

pub(crate) fn too_large(bytes: u64, what: &str) -> Refusal {
    let size = if bytes >= 10_000_000 { format!("{} MB", bytes / 1_000_000) } else { format!("{bytes} bytes") };
    let message = format!("the {what} is {size}, more than 1 MiB");
    (message, format!("a {what} is a short TOML text: is this the right file?"))
}

/// The text of a TOML file, or what is wrong and what to do.
pub(super) fn read_text(path: &Path, what: &str) -> Result<String, Refusal> {
    let bytes = read_bytes(path, what, MAX_BYTES as u64, too_large)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let help = format!("a {what} is a TOML text; the shipped ones in profiles/ are commented examples");
        return Err((format!("the {what} is empty"), help));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        (
            format!("the {what} is not UTF-8 text: byte {at} is wrong"),
            format!("a {what} is a TOML text: is this the right file?"),
        )
    })
}

fn read_bytes(path: &Path, what: &str, most: u64, refuse: fn(u64, &str) -> Refusal) -> Result<Vec<u8>, Refusal> {
    let metadata = fs::metadata(path).map_err(|error| cannot_read(path, what, &error))?;
    if metadata.is_dir() {
        return Err((format!("this is a directory, not a {what}"), "give the path of a file in it".to_owned()));
    }
    if metadata.len() > most {
        return Err(refuse(metadata.len(), what));
    }
    let file = fs::File::open(path).map_err(|error| cannot_read(path, what, &error))?;
    let mut bytes = Vec::new();
    // A pipe has no length: the limit must hold while reading, too.
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| cannot_read(path, what, &error))?;
    if bytes.len() as u64 > most {
        return Err(refuse(bytes.len() as u64, what));
    }
    Ok(bytes)
}

fn cannot_read(path: &Path, what: &str, error: &std::io::Error) -> Refusal {
    if error.kind() != ErrorKind::NotFound {
        return (format!("the {what} cannot be read: {error}"), "check the path and its permissions".to_owned());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort_unstable();
    let with_ending = format!("{name}.toml");
    let help = match names.iter().find(|known| **known == with_ending).map(String::as_str) {
        Some(near) => format!("did you mean {}?", folder.join(near).display()),
        None => match crate::problems::nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {}?", folder.join(near).display()),
            None if what == "profile" => "check the path; the shipped profiles are in profiles/".to_owned(),
            None => "check the path, which is relative to the profile".to_owned(),
        },
    };
    (format!("there is no such {what}"), help)
}

/// The times of a trace file.
pub(super) fn read_trace(path: &Path) -> Result<Vec<Nanos>, Refusal> {
    let shown = path.display();
    let refuse = |_: u64, _: &str| ("the trace is larger than 256 MiB".to_owned(), "thin it out, or cut it".to_owned());
    let bytes = read_bytes(path, "trace file", MAX_TRACE_BYTES, refuse)
        .map_err(|(message, help)| (format!("{shown}: {message}"), help))?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Err((format!("{shown}: the trace is not UTF-8 text"), "give a CSV file".to_owned()));
    };
    parse_trace(&text).map_err(|error| {
        let help = "the first column is seconds from the begin, or RFC 3339 times; one arrival per line";
        (format!("{shown}:{}: {}", error.line, error.message), help.to_owned())
    })
}
