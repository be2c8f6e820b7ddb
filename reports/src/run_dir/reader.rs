//! Reads a run directory; errors name file and line.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use plimsoll_profiles::units::Nanos;

use super::error::RunDirError;
use super::histogram::Buckets;
use super::manifest::{MANIFEST_SCHEMA_VERSION, Manifest, Trust};
use super::{LOG_FILE, MANIFEST_FILE, RESOURCES_FILE};

/// A run as read from its directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `run.json`.
    pub manifest: Manifest,
    /// The intervals of `run.hlog`, as they stand in the file.
    pub intervals: Vec<IntervalHistogram>,
    /// `resources.csv`.
    pub resources: ResourceSeries,
    /// What the reader noticed and the user should know, e.g. a last line cut off.
    pub notes: Vec<String>,
}

/// One metric in one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalHistogram {
    /// Metric, e.g. `e2e.response`.
    pub metric: String,
    /// Begin, from the start of the run.
    pub start: Nanos,
    /// Length.
    pub length: Nanos,
    /// What was recorded.
    pub buckets: Buckets,
}

/// Time series of resource values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceSeries {
    /// Column names after `seconds`.
    pub columns: Vec<String>,
    /// Seconds from the start of the run, and a value per column; `None` is an empty cell.
    pub rows: Vec<(f64, Vec<Option<f64>>)>,
}

impl ResourceSeries {
    /// Seconds and values of one column, empty cells left out.
    pub fn column(&self, name: &str) -> Vec<(f64, f64)> {
        let Some(index) = self.columns.iter().position(|column| column == name) else {
            return Vec::new();
        };
        self.rows.iter().filter_map(|(seconds, values)| Some((*seconds, (*values.get(index)?)?))).collect()
    }
}

impl Run {
    /// The metrics of the log, sorted by name.
    pub fn metrics(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.intervals.iter().map(|interval| interval.metric.as_str()).collect();
        names.into_iter().collect()
    }

    /// The measured window from the start of the run: warm-up excluded where the summary or the
    /// measurement names one, else everything.
    pub fn window(&self) -> (Nanos, Nanos) {
        match &self.manifest.summary {
            Some(summary) => (
                Nanos::from_secs_f64(summary.warmup_seconds),
                Nanos::from_secs_f64(summary.warmup_seconds + summary.measured_seconds),
            ),
            None => match &self.manifest.measurement {
                Some(measurement) => (
                    Nanos::from_secs_f64(measurement.window.start_seconds),
                    Nanos::from_secs_f64(measurement.window.end_seconds),
                ),
                None => (Nanos::ZERO, Nanos::FOREVER),
            },
        }
    }

    /// All samples of a metric by the begin of their interval, in time order, warm-up included.
    pub fn by_start(&self, metric: &str) -> Vec<(Nanos, &Buckets)> {
        let of_metric = self.intervals.iter().filter(|interval| interval.metric == metric);
        let mut parts: Vec<(Nanos, &Buckets)> = of_metric.map(|interval| (interval.start, &interval.buckets)).collect();
        parts.sort_by_key(|(start, _)| *start);
        parts
    }

    /// The intervals of a metric that begin within the measured window, in time order.
    pub fn measured(&self, metric: &str) -> Vec<&IntervalHistogram> {
        let (begin, end) = self.window();
        let mut intervals: Vec<&IntervalHistogram> = self
            .intervals
            .iter()
            .filter(|interval| interval.metric == metric && interval.start >= begin && interval.start < end)
            .collect();
        intervals.sort_by_key(|interval| interval.start);
        intervals
    }

    /// All samples of a metric within the measured window.
    pub fn merged(&self, metric: &str) -> Buckets {
        Buckets::merged(self.measured(metric).into_iter().map(|interval| &interval.buckets))
    }
}

/// Reads a run directory.
///
/// A last line without its line break is what a killed writer leaves: it is left out and noted.
///
/// # Errors
/// When a file is missing, or its content is not what the format asks for.
pub fn read(folder: &Path) -> Result<Run, RunDirError> {
    let mut notes = Vec::new();
    let manifest = read_manifest(&folder.join(MANIFEST_FILE))?;
    let intervals = joined(read_log(&folder.join(LOG_FILE), &mut notes)?);
    let resources = read_resources(&folder.join(RESOURCES_FILE), &mut notes)?;
    Ok(Run { manifest, intervals, resources, notes })
}

/// One entry per metric and interval, in the order in which each first stands in the log.
///
/// A measured run continues an interval in later lines: an operation belongs to the second in which it was intended, and its
/// answer may come seconds later.
pub fn joined(intervals: Vec<IntervalHistogram>) -> Vec<IntervalHistogram> {
    let mut places: HashMap<(String, Nanos, Nanos), usize> = HashMap::new();
    let mut parts: Vec<(IntervalHistogram, Vec<Buckets>)> = Vec::new();
    for interval in intervals {
        match places.entry((interval.metric.clone(), interval.start, interval.length)) {
            Entry::Occupied(place) => parts[*place.get()].1.push(interval.buckets),
            Entry::Vacant(place) => {
                place.insert(parts.len());
                parts.push((interval, Vec::new()));
            }
        }
    }
    let join = |(interval, more): (IntervalHistogram, Vec<Buckets>)| match more.is_empty() {
        true => interval,
        false => {
            IntervalHistogram { buckets: Buckets::merged(std::iter::once(&interval.buckets).chain(&more)), ..interval }
        }
    };
    parts.into_iter().map(join).collect()
}

/// Reads `run.json`.
///
/// # Errors
/// As [`read`].
pub fn read_manifest(file: &Path) -> Result<Manifest, RunDirError> {
    let text = read_text(file)?;
    let content = |error: &serde_json::Error| RunDirError::Content {
        file: file.to_path_buf(),
        line: error.line().max(1),
        found: error.to_string(),
        expected: "a run manifest (see `plimsoll schema run`)".into(),
    };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| content(&error))?;
    let version = value.get("schema_version").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if version > u64::from(MANIFEST_SCHEMA_VERSION) {
        let found = u32::try_from(version).unwrap_or(u32::MAX);
        return Err(RunDirError::TooNew { file: file.to_path_buf(), found, supported: MANIFEST_SCHEMA_VERSION });
    }
    // From the text again, not from the value: only so does the error know its line.
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| content(&error))?;
    if let Some(found) = contradiction(&manifest) {
        let line = text.lines().position(|line| line.trim_start().starts_with("\"counts\"")).map_or(1, |at| at + 1);
        let expected = "offered = sent + unsent = completed + failed + unfinished + unsent".into();
        return Err(RunDirError::Content { file: file.to_path_buf(), line, found, expected });
    }
    Ok(manifest)
}

/// A finished measured run accounts for every intended start; one under way has not counted yet.
fn contradiction(manifest: &Manifest) -> Option<String> {
    let counts = manifest.measurement.as_ref()?.counts;
    if manifest.verdict.verdict == Trust::Incomplete {
        return None;
    }
    counts.contradiction().or_else(|| {
        (counts.sent() != manifest.sent)
            .then(|| format!("{:?} as sent, but {:?} as counts", manifest.sent, counts.sent()))
    })
}

/// Reads an interval log: any tool's, one tag per metric; a line without a tag has the metric `untagged`.
///
/// # Errors
/// As [`read`].
pub fn read_log(file: &Path, notes: &mut Vec<String>) -> Result<Vec<IntervalHistogram>, RunDirError> {
    let text = read_text(file)?;
    let mut intervals = Vec::new();
    let mut deserializer = Deserializer::new();
    for (index, line) in whole_lines(&text, file, notes).enumerate() {
        let wrong = |found: String, expected: &str| RunDirError::Content {
            file: file.to_path_buf(),
            line: index + 1,
            found,
            expected: expected.into(),
        };
        if line.trim().is_empty() {
            continue;
        }
        for entry in IntervalLogIterator::new(line.as_bytes()) {
            let entry = entry.map_err(|_| {
                wrong(
                    format!("{:?}", excerpt(line)),
                    "`Tag=<metric>,<start>,<length>,<max>,<histogram>` (seconds with a decimal point) or a # comment",
                )
            })?;
            let LogEntry::Interval(interval) = entry else { continue };
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(interval.encoded_histogram())
                .map_err(|error| wrong(format!("a histogram that is not base64 ({error})"), "base64 text"))?;
            let histogram: Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice()).map_err(|error| {
                wrong(format!("a histogram that cannot be decoded ({error})"), "an HdrHistogram V2 histogram")
            })?;
            intervals.push(IntervalHistogram {
                metric: interval.tag().map_or("untagged", |tag| tag.as_str()).to_string(),
                start: Nanos(u64::try_from(interval.start_timestamp().as_nanos()).unwrap_or(u64::MAX)),
                length: Nanos(u64::try_from(interval.duration().as_nanos()).unwrap_or(u64::MAX)),
                buckets: Buckets::of(&histogram),
            });
        }
    }
    Ok(intervals)
}

/// Reads `resources.csv`.
///
/// # Errors
/// As [`read`].
pub fn read_resources(file: &Path, notes: &mut Vec<String>) -> Result<ResourceSeries, RunDirError> {
    let text = read_text(file)?;
    let mut series = ResourceSeries::default();
    for (index, line) in whole_lines(&text, file, notes).enumerate() {
        let wrong = |found: String, expected: String| RunDirError::Content {
            file: file.to_path_buf(),
            line: index + 1,
            found,
            expected,
        };
        let mut cells = line.trim_end().split(',');
        let first = cells.next().unwrap_or("");
        if index == 0 {
            if first != "seconds" {
                return Err(wrong(format!("the column {first:?}"), "`seconds` as the first column".into()));
            }
            series.columns = cells.map(str::to_string).collect();
            continue;
        }
        let seconds = number(first).ok_or_else(|| wrong(format!("{first:?}"), "seconds, a number".into()))?;
        let mut values = Vec::with_capacity(series.columns.len());
        for cell in cells {
            let value = match cell {
                "" => None,
                text => Some(
                    number(text)
                        .ok_or_else(|| wrong(format!("{text:?}"), "a finite number or an empty cell".into()))?,
                ),
            };
            values.push(value);
        }
        if values.len() != series.columns.len() {
            let (found, wanted) = (values.len() + 1, series.columns.len() + 1);
            return Err(wrong(format!("{found} cells"), format!("{wanted}, as in the header")));
        }
        series.rows.push((seconds, values));
    }
    Ok(series)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn read_text(file: &Path) -> Result<String, RunDirError> {
    let bytes = fs::read(file).map_err(|source| RunDirError::Io { file: file.to_path_buf(), source })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        RunDirError::Content {
            file: PathBuf::from(file),
            line: good.iter().filter(|byte| **byte == b'\n').count() + 1,
            found: "bytes that are not UTF-8".into(),
            expected: "text".into(),
        }
    })
}

/// The lines with their line breaks (the interval log parser wants them), without a last one that was cut off.
fn whole_lines<'a>(text: &'a str, file: &Path, notes: &mut Vec<String>) -> impl Iterator<Item = &'a str> {
    let end = text.rfind('\n').map_or(0, |index| index + 1);
    if end < text.len() {
        notes.push(format!("{}: the last line is cut off (the writer was killed) and was left out", file.display()));
    }
    text[..end].split_inclusive('\n')
}

fn excerpt(line: &str) -> String {
    let line = line.trim_end();
    if line.chars().count() <= 60 {
        return line.to_string();
    }
    line.chars().take(60).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_later_lines_continue_is_one() {
        let interval = |metric: &str, second: u64, value: u64| IntervalHistogram {
            metric: metric.into(),
            start: Nanos::from_secs(second),
            length: Nanos::from_secs(1),
            buckets: Buckets::from_pairs([(value, 1)]),
        };
        let log =
            vec![interval("start", 0, 5), interval("start", 1, 6), interval("e2e", 0, 7), interval("start", 0, 9)];
        let joined = joined(log);
        let totals: Vec<(&str, Nanos, u64)> =
            joined.iter().map(|one| (one.metric.as_str(), one.start, one.buckets.total())).collect();
        assert_eq!(totals, [("start", Nanos::ZERO, 2), ("start", Nanos::from_secs(1), 1), ("e2e", Nanos::ZERO, 1)]);
    }
}
