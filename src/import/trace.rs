//! `import trace`: an arrivals CSV to a profile that replays it.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_profiles::units::Nanos;

use super::text::{exact, measured, one_line, quoted};
use crate::failure::Failure;

/// 30 million arrivals of 30 bytes.
const LARGEST_FILE: u64 = 1 << 30;

const EXPECTED: &str =
    "expected one workflow start per line, in the first column: RFC 3339 times, or seconds from the begin";

/// Reads the trace and writes a profile that refers to it, seen from the folder of `out`.
///
/// # Errors
/// When the file cannot be read or a line is not a time.
pub fn import(csv: &Path, out: Option<&Path>, name: &str) -> Result<String, Failure> {
    let unreadable = |error: &std::io::Error| Failure::io("read", csv, error);
    let file = fs::File::open(csv).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Failure::usage(format!("{} is larger than 1 GiB; split it into phases", csv.display())));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{} is not text; {EXPECTED}", csv.display())))?;
    let times = times(&text)
        .map_err(|(line, reason)| Failure::usage(format!("{}:{line}: {reason}; {EXPECTED}", csv.display())))?;
    Ok(profile(&times, &reference(csv, out), name))
}

/// Offsets from the earliest start, in order; or the line (from 1) and what is wrong with it.
fn times(text: &str) -> Result<Vec<Nanos>, (usize, String)> {
    let mut times: Vec<i128> = Vec::new();
    let mut kind = None;
    for (index, line) in text.lines().enumerate() {
        let field = line.split([',', ';', '\t']).next().unwrap_or("").trim().trim_matches('"').trim();
        if field.is_empty() || field.starts_with('#') {
            continue;
        }
        let (is_offset, time) = match time(field) {
            Some(time) => time,
            // A header, where the first time would be.
            None if times.is_empty()
                && kind.is_none()
                && field.starts_with(|c: char| c.is_alphabetic() || c == '_') =>
            {
                kind = Some(None);
                continue;
            }
            None => return Err((index + 1, format!("{field:?} is not a time"))),
        };
        if kind.flatten().is_some_and(|known: bool| known != is_offset) {
            return Err((index + 1, format!("{field:?} is of another kind than the times above")));
        }
        kind = Some(Some(is_offset));
        times.push(time);
    }
    times.sort_unstable();
    let first = match kind.flatten() {
        None => return Err((1, "the file has no arrival in it".to_owned())),
        Some(true) => 0,
        Some(false) => times[0],
    };
    times
        .iter()
        .map(|time| u64::try_from(time - first).ok().map(Nanos).filter(|offset| *offset <= Nanos::MAX_INPUT))
        .collect::<Option<Vec<Nanos>>>()
        .ok_or_else(|| (1, "the times span more than 100 years".to_owned()))
}

/// Whether it is an offset, and the nanoseconds.
fn time(field: &str) -> Option<(bool, i128)> {
    if let Ok(instant) = field.parse::<jiff::Timestamp>() {
        return Some((false, instant.as_nanosecond()));
    }
    if !field.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    format!("{field}s").parse::<Nanos>().ok().map(|offset| (true, i128::from(offset.0)))
}

/// The trace as the profile names it: relative to the profile's folder where it lies in or below it.
fn reference(csv: &Path, out: Option<&Path>) -> String {
    let Some(folder) = out.and_then(Path::parent) else { return csv.display().to_string() };
    let absolute = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let csv = absolute(csv);
    csv.strip_prefix(&folder).map_or(csv.clone(), PathBuf::from).display().to_string()
}

fn profile(times: &[Nanos], trace: &str, name: &str) -> String {
    let last = times.last().copied().unwrap_or_default();
    let mut out = String::new();
    let _ = writeln!(out, "# {} workflow starts over {} from {}.", times.len(), measured(last), one_line(trace));
    if last > Nanos::ZERO {
        let (busiest, at) = busiest_minute(times);
        let _ = writeln!(
            out,
            "# Mean {:.3} per second; busiest minute {:.3} per second, from {} on.",
            times.len() as f64 / last.as_secs_f64(),
            busiest as f64 / 60.0,
            exact(Nanos::from_secs(at * 60)),
        );
    }
    let _ = write!(
        out,
        "# A trace says when, not what: the steps below are a placeholder of one activity. Put your own in their place,\n\
         # or the [[workflow]] tables of `plimsoll import history`.\n\
         name = {}\n\
         \n\
         [arrivals]\n\
         phases = [{{ trace = {{ file = {} }} }}]\n\
         \n\
         [[workflow]]\n\
         type = \"Workflow\"\n\
         # Assumed.\n\
         steps = [{{ activity = \"activity\", takes = \"100ms\" }}]\n\
         \n\
         # Assumed: what is promised, and the cluster.\n\
         [slo]\n\
         schedule_to_start = {{ p99 = \"200ms\" }}\n\
         start = {{ p99 = \"250ms\" }}\n\
         \n\
         [cluster]\n\
         use = \"kubernetes-production\"\n",
        quoted(name),
        quoted(trace),
    );
    out
}

/// Starts in the fullest minute, and which minute that is. `times` are in order and not empty.
fn busiest_minute(times: &[Nanos]) -> (usize, u64) {
    const MINUTE: u64 = 60_000_000_000;
    times
        .chunk_by(|a, b| a.0 / MINUTE == b.0 / MINUTE)
        .map(|minute| (minute.len(), minute[0].0 / MINUTE))
        .max_by_key(|(starts, minute)| (*starts, std::cmp::Reverse(*minute)))
        .unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_offsets_with_a_header_and_other_columns() {
        let times = times("seconds,type\n0.5,a\n\n0.25,b\n# pause\n61,c\n").unwrap();
        assert_eq!(times, [Nanos::from_millis(250), Nanos::from_millis(500), Nanos::from_secs(61)]);
        assert_eq!(busiest_minute(&times), (2, 0));
    }

    #[test]
    fn reads_instants_from_the_earliest_on() {
        let times = times("2026-11-21T09:00:01Z\n\"2026-11-21T10:00:00+01:00\"\n").unwrap();
        assert_eq!(times, [Nanos::ZERO, Nanos::from_secs(1)]);
    }

    #[test]
    fn names_the_line_that_is_no_time() {
        assert_eq!(times("").unwrap_err().0, 1);
        assert_eq!(times("start\n").unwrap_err().0, 1);
        assert_eq!(times("start\n1\nnext\n").unwrap_err().0, 3);
        assert_eq!(times("1\n-2\n").unwrap_err().0, 2);
        assert_eq!(times("1\n2026-11-21T09:00:01Z\n").unwrap_err().0, 2);
        assert_eq!(times("NaN,x\ninf\n").unwrap_err().0, 2);
        assert!(times("1e300\n").is_err());
    }
}
