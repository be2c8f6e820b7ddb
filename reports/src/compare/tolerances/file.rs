//! A tolerance file: read with the place of every value, so that what is wrong with it is shown there.

use std::collections::BTreeMap;
use std::ops::Range;

use plimsoll_profiles::units::{Bytes, Cores, Nanos, Rate};
use plimsoll_profiles::{Problem, Problems, Source};
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{Tolerance, Tolerances};

/// A table of tolerances by name, as written.
type Named = BTreeMap<Spanned<String>, Spanned<Value>>;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    default: Option<Spanned<Value>>,
    throughput: Option<Spanned<Value>>,
    latency_floor_seconds: Option<Spanned<Value>>,
    utilisation_floor: Option<Spanned<Value>>,
    latency: Option<BTreeMap<String, Named>>,
    step: Option<BTreeMap<String, Named>>,
    per_workflow: Option<Named>,
    utilisation: Option<Named>,
    resource: Option<Named>,
    storage: Option<Named>,
    backlog: Option<Named>,
}

/// What an absolute difference may be written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A duration.
    Duration,
    /// Anything with a unit, or in a table a number in the unit of what it is for.
    Any,
}

impl Tolerances {
    /// Reads a tolerance file; what it leaves out is as in [`Tolerances::default`].
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or a tolerance is no share and no difference with its unit.
    pub fn from_toml(text: &str) -> Result<Tolerances, Problems> {
        Tolerances::default().overlaid(text, "tolerances")
    }

    /// Reads a tolerance file over these tolerances: a key of the file takes the place of the whole key here, tables
    /// included. `name` is the file's name in errors.
    ///
    /// # Errors
    /// As [`Tolerances::from_toml`]; each problem with its place.
    pub fn overlaid(mut self, text: &str, name: &str) -> Result<Tolerances, Problems> {
        let mut found = Vec::new();
        let written: Written = toml::from_str(text).map_err(|error| {
            let problem = problem(error.message().to_owned(), "", error.span(), "", None);
            problems(text, name, vec![problem])
        })?;
        let mut read = |path: &str, value: &Spanned<Value>, unit| match tolerance(value.get_ref(), unit) {
            Ok(tolerance) => tolerance,
            Err(message) => {
                let help = match unit {
                    Unit::Duration => {
                        "a share (0.1 or \"10%\"), a duration (\"5ms\"), or { relative = 0.1, absolute = \"5ms\" }"
                    }
                    Unit::Any => {
                        "a share (0.1 or \"10%\"), a difference with its unit (\"4MiB\"), or { relative = 0.1, absolute = 20 }"
                    }
                };
                found.push(problem(message, path, Some(value.span()), "here", Some(help.into())));
                Tolerance::default()
            }
        };
        if let Some(value) = &written.default {
            self.default = read("default", value, Unit::Any);
        }
        if let Some(value) = &written.throughput {
            self.throughput = Some(read("throughput", value, Unit::Any));
        }
        let mut table = |path: &str, named: &Named, unit| -> BTreeMap<String, Tolerance> {
            let each = named.iter().map(|(key, value)| {
                let key = key.get_ref();
                (key.clone(), read(&format!("{path}.{key}"), value, unit))
            });
            each.collect()
        };
        for (path, named, place) in [
            ("per_workflow", &written.per_workflow, &mut self.per_workflow),
            ("utilisation", &written.utilisation, &mut self.utilisation),
            ("resource", &written.resource, &mut self.resource),
            ("storage", &written.storage, &mut self.storage),
            ("backlog", &written.backlog, &mut self.backlog),
        ] {
            if let Some(named) = named {
                *place = table(path, named, Unit::Any);
            }
        }
        for (path, metrics, place) in
            [("latency", &written.latency, &mut self.latency), ("step", &written.step, &mut self.step)]
        {
            let Some(metrics) = metrics else { continue };
            let each = metrics.iter();
            let each = each.map(|(metric, by_quantile)| {
                (metric.clone(), table(&format!("{path}.{metric}"), by_quantile, Unit::Duration))
            });
            *place = each.collect();
        }
        for (path, value, place) in [
            ("latency_floor_seconds", &written.latency_floor_seconds, &mut self.latency_floor_seconds),
            ("utilisation_floor", &written.utilisation_floor, &mut self.utilisation_floor),
        ] {
            let Some(value) = value else { continue };
            match number(value.get_ref()) {
                Some(number) => *place = number,
                None => {
                    let message = format!("{} is no finite number of 0 or more", value.get_ref());
                    found.push(problem(message, path, Some(value.span()), "here", None));
                }
            }
        }
        found.extend(quantile_keys("latency", written.latency.as_ref()));
        found.extend(quantile_keys("step", written.step.as_ref()));
        if found.is_empty() {
            return Ok(self);
        }
        found.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        Err(problems(text, name, found))
    }
}

/// Keys that are no quantile.
fn quantile_keys(path: &str, metrics: Option<&BTreeMap<String, Named>>) -> Vec<Problem> {
    let keys = metrics.into_iter().flatten().flat_map(|(metric, named)| named.keys().map(move |key| (metric, key)));
    let wrong = keys.filter(|(_, key)| {
        let percent = key.get_ref().strip_prefix('p').and_then(|digits| digits.parse::<f64>().ok());
        key.get_ref() != "default" && !percent.is_some_and(|percent| JUDGED.contains(&percent))
    });
    wrong
        .map(|(metric, key)| {
            let message = format!("{:?} is not judged", key.get_ref());
            let help = Some("default, p50, p90, p95, p99 or p99.9".into());
            problem(message, &format!("{path}.{metric}"), Some(key.span()), "here", help)
        })
        .collect()
}

/// The percentiles that are judged.
const JUDGED: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];

fn tolerance(value: &Value, unit: Unit) -> Result<Tolerance, String> {
    match value {
        Value::Integer(_) | Value::Float(_) => share(value).map(Tolerance::relative),
        Value::String(text) if text.trim_end().ends_with('%') => share(value).map(Tolerance::relative),
        Value::String(text) => absolute(text, unit).map(|absolute| Tolerance { relative: 0.0, absolute }),
        Value::Table(parts) => {
            if let Some(key) = parts.keys().find(|key| !["relative", "absolute"].contains(&key.as_str())) {
                return Err(format!("unknown key {key:?}, expected relative and absolute"));
            }
            let relative = parts.get("relative").map_or(Ok(0.0), share)?;
            let absolute = match parts.get("absolute") {
                None => 0.0,
                Some(Value::String(text)) => absolute(text, unit)?,
                Some(value) if unit == Unit::Any => {
                    number(value).ok_or_else(|| format!("{value} is no finite number of 0 or more"))?
                }
                Some(value) => return Err(format!("{value} has no unit")),
            };
            Ok(Tolerance { relative, absolute })
        }
        other => Err(format!("{other} is no tolerance")),
    }
}

fn share(value: &Value) -> Result<f64, String> {
    let wrong = || format!("{value} is no finite share of 0 or more");
    match value {
        Value::String(text) => {
            let percent = text.trim().strip_suffix('%').and_then(|digits| digits.trim().parse::<f64>().ok());
            percent.map(|percent| percent / 100.0).filter(|share| share.is_finite() && *share >= 0.0).ok_or_else(wrong)
        }
        value => number(value).ok_or_else(wrong),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Integer(whole) => *whole as f64,
        Value::Float(number) => *number,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// Seconds, bytes, events per second, or cores.
fn absolute(text: &str, unit: Unit) -> Result<f64, String> {
    if let Ok(duration) = text.parse::<Nanos>() {
        return Ok(duration.as_secs_f64());
    }
    if unit == Unit::Any {
        if let Ok(bytes) = text.parse::<Bytes>() {
            return Ok(bytes.0 as f64);
        }
        if let Ok(rate) = text.parse::<Rate>() {
            return Ok(rate.as_per_second());
        }
        if let Some(Ok(cores)) = text.strip_suffix("cores").map(|digits| digits.trim().parse::<Cores>()) {
            return Ok(cores.get());
        }
    }
    Err(format!("{text:?} is no difference with its unit"))
}

fn problem(message: String, path: &str, span: Option<Range<usize>>, label: &str, help: Option<String>) -> Problem {
    Problem { message, path: path.to_owned(), source: 0, span, label: label.to_owned(), help }
}

fn problems(text: &str, name: &str, problems: Vec<Problem>) -> Problems {
    Problems { sources: vec![Source { name: name.to_owned(), text: text.to_owned() }], problems }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn error(text: &str) -> String {
        Tolerances::default().overlaid(text, "tolerances.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_most_exact_name_wins() {
        let text = "default = 0.3\n[latency.start]\np99 = 0.5\n[latency.default]\ndefault = 0.2\np50 = 0.05\n";
        let tolerances = Tolerances::from_toml(text).unwrap();
        assert_eq!(tolerances.latency("start", 0.99), Tolerance::relative(0.5));
        assert_eq!(tolerances.latency("start", 0.5), Tolerance::relative(0.05));
        assert_eq!(tolerances.latency("e2e.response", 0.9), Tolerance::relative(0.2));
        assert_eq!(tolerances.named(&tolerances.resource, "database_cpu"), Tolerance::relative(0.3));
    }

    #[test]
    fn shares_and_differences_are_read_with_their_unit() {
        let text = "throughput = \"2 %\"\n[latency.start]\np50 = \"5ms\"\np99 = { relative = 0.2, absolute = \"10ms\" }\n\
                    [resource]\nopen_workflows = { absolute = 20 }\nwal_bytes = \"1MiB\"\nstatements = \"30/s\"\n";
        let tolerances = Tolerances::from_toml(text).unwrap();
        assert_eq!(tolerances.throughput, Some(Tolerance::relative(0.02)));
        assert_eq!(tolerances.latency("start", 0.5), Tolerance { relative: 0.0, absolute: 0.005 });
        assert_eq!(tolerances.latency("start", 0.99), Tolerance { relative: 0.2, absolute: 0.01 });
        assert_eq!(tolerances.resource["open_workflows"], Tolerance { relative: 0.0, absolute: 20.0 });
        assert_eq!(tolerances.resource["wal_bytes"].absolute, 1_048_576.0);
        assert_eq!(tolerances.resource["statements"].absolute, 30.0);
    }

    #[test]
    fn what_a_file_leaves_out_is_as_in_the_tolerances_it_is_laid_over() {
        let mended = Tolerances::accuracy().overlaid("[per_workflow]\nstatements = 0.5\n", "file").unwrap();
        assert_eq!(mended.per_workflow.len(), 1);
        assert_eq!(mended.latency, Tolerances::accuracy().latency);
    }

    #[test]
    fn wrong_files_are_refused_with_file_line_and_key() {
        assert!(error("default = 0.1\nthruput = 0.1\n").starts_with("tolerances.toml:2:1: unknown field `thruput`"));
        assert!(error("[resource]\ncpu = -0.1\n").starts_with("tolerances.toml:2:7: -0.1 is no finite share"));
        assert!(error("default = nan\n").contains("tolerances.toml:1:11"));
        let quantile = error("default = 0.1\n[latency.start]\np98 = 0.1\n");
        assert!(quantile.starts_with("tolerances.toml:3:1") && quantile.contains("p99.9"), "{quantile}");
        assert!(error("default = \n").starts_with("tolerances.toml:1:"));
        let unit = error("[latency.start]\np50 = { absolute = 5 }\n");
        assert!(unit.starts_with("tolerances.toml:2:7: 5 has no unit in `latency.start.p50`"), "{unit}");
        assert!(error("[latency.start]\np50 = \"5 KiB\"\n").contains("no difference with its unit"));
        let two = error("throughput = -1\nutilisation_floor = -1\n");
        assert_eq!(two.lines().count(), 2, "all problems at once: {two}");
    }
}
