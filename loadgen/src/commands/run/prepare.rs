//! From the profile and the flags to what is run: everything that changes the profile does so as an override of it, so that
//! the manifest holds the profile exactly as it ran and the simulator can be given the same.

use std::path::Path;

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase as ArrivalPhase};
use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_profiles::{Document, World};
use plimsoll_reports::run_dir::Phase;
use serde_json::Value;

use crate::cli::{ArrivalArgs, RunArgs};
use crate::failure::Failure;
use crate::profile_file::ProfileSource;

/// How long `--rate` is measured when nothing else is said.
const DURATION: Nanos = Nanos::from_secs(60);
/// How long the first rate is kept before what is measured when nothing else is said, on top of the longest wait of a
/// workflow: connections, caches and the task queue's partitions are there by then, and as many workflows end as begin.
const WARM_UP: Nanos = Nanos::from_secs(5);
/// A run begins at once with up to so many starts per second.
const AT_ONCE: f64 = 20.0;
/// How fast a higher rate is reached: so much more each second, within these seconds.
const RISE_PER_SECOND: f64 = 10.0;
const SHORTEST_RAMP: f64 = 5.0;
const LONGEST_RAMP: f64 = 60.0;

/// A profile ready to run.
#[derive(Debug)]
pub struct Prepared {
    /// Where the profile came from.
    pub source: ProfileSource,
    /// Everything laid over it: the user's `--set`, and what other flags change.
    pub overrides: Vec<String>,
    /// The document, overrides of the flags included.
    pub document: Document,
    /// Its middle world.
    pub profile: Profile,
    /// Length of the ramp, which is not measured.
    pub ramp: Nanos,
    /// Ramp and warm-up end here.
    pub measured_from: Nanos,
    /// No start is intended from here on.
    pub until: Nanos,
    /// The schedule's phases.
    pub phases: Vec<Phase>,
    /// What the flags changed in the profile, in words.
    pub changes: Vec<String>,
}

impl Prepared {
    /// The costs that the profile names, as they were measured; a file is looked for beside the profile.
    ///
    /// # Errors
    /// When there is no such calibration.
    pub fn calibration(&self, profile: &Path) -> Result<Calibration, Failure> {
        let folder = profile.parent().unwrap_or(Path::new(""));
        Calibration::load(&self.profile.calibration, folder).map_err(|error| Failure::usage(error.to_string()))
    }
}

/// Reads the profile and lays the flags over it.
///
/// # Errors
/// Everything that is wrong with the profile or the flags, and a schedule beyond the caps.
pub fn prepare(arguments: &RunArgs) -> Result<Prepared, Failure> {
    let source = ProfileSource::find(&arguments.profile)?;
    let mut overrides = arguments.set.clone();
    let written = source.document(&overrides)?;
    let (shortened, changes) = shorter_waits(&written, arguments.arrivals.longest_wait.0);
    overrides.extend(shortened);
    let written = arrivals(&written, &arguments.arrivals)?;
    overrides.push(format!("arrivals={}", written.toml));
    let document = source.document(&overrides)?;
    let mut profile = document.profile(&World::mid()).map_err(Failure::Problems)?;
    let whole = profile.arrivals.duration();
    let before = written.ramp + written.warm_up;
    let until = match arguments.arrivals.duration {
        Some(duration) => whole.min(before + duration),
        None => whole,
    };
    let phases = phases(&written, &profile.arrivals, until);
    let (ramp, measured_from) = (written.ramp, before.min(until));
    profile.arrivals = profile.sent_arrivals(measured_from);
    Ok(Prepared { source, overrides, document, profile, ramp, measured_from, until, phases, changes })
}

/// Arrivals to be laid over the profile's.
struct Written {
    toml: String,
    ramp: Nanos,
    warm_up: Nanos,
}

/// The arrivals as TOML: those of the flags or the profile, after the ramp and the warm-up.
fn arrivals(document: &Document, arguments: &ArrivalArgs) -> Result<Written, Failure> {
    let middle = document.profile(&World::mid()).map_err(Failure::Problems)?;
    let (first, phases) = match (&arguments.rate, &arguments.steps) {
        (Some(rate), _) => {
            let duration = arguments.duration.unwrap_or(DURATION);
            if duration == Nanos::ZERO || rate.as_per_second() <= 0.0 {
                return Err(Failure::usage("--rate and --duration must be above zero"));
            }
            (Some(*rate), vec![format!("{{ for = \"{duration}\", rate = \"{rate}\" }}")])
        }
        (None, Some(steps)) => {
            let steps: Arrivals = steps.parse().map_err(|error| Failure::usage(format!("--steps: {error}")))?;
            (Some(steps.rate_at(Nanos::ZERO)), steps.phases.iter().filter_map(written).collect())
        }
        (None, None) => {
            let json = document.to_json(&World::mid());
            let phases = json.pointer("/arrivals/phases").and_then(Value::as_array).cloned().unwrap_or_default();
            let is_trace =
                matches!(middle.arrivals.phases.first().map(|phase| &phase.pattern), Some(Pattern::Trace(_)));
            let first = (!is_trace).then(|| middle.arrivals.rate_at(Nanos::ZERO));
            (first, phases.iter().map(inline).collect())
        }
    };
    let warm_up = arguments.warm_up.unwrap_or(WARM_UP + longest_left(document, arguments.longest_wait.0));
    // A recorded trace has no first rate to rise to or to keep.
    let is_trace = first.is_none();
    let first = first.unwrap_or(middle.arrivals.rate_at(Nanos::ZERO));
    let warm_up = if is_trace || first.as_per_second() <= 0.0 { Nanos::ZERO } else { warm_up };
    let ramp = match arguments.ramp {
        _ if is_trace => Nanos::ZERO,
        Some(ramp) => ramp,
        None => ramp_to(first),
    };
    let mut all = Vec::new();
    if ramp > Nanos::ZERO {
        // From nothing where the rate is low: a ramp was asked for.
        let from = if first.as_per_second() > AT_ONCE { Rate::per_second(AT_ONCE) } else { Rate::ZERO };
        all.push(format!("{{ for = \"{ramp}\", ramp = {{ from = \"{from}\", to = \"{first}\" }} }}"));
    }
    if warm_up > Nanos::ZERO {
        all.push(format!("{{ for = \"{warm_up}\", rate = \"{first}\" }}"));
    }
    all.extend(phases);
    Ok(Written { toml: format!("{{ phases = [{}] }}", all.join(", ")), ramp, warm_up })
}

/// How long the rate takes up to its first value: no cluster is hit by a high rate at once.
fn ramp_to(first: Rate) -> Nanos {
    match first.as_per_second() - AT_ONCE {
        rise if rise <= 0.0 => Nanos::ZERO,
        rise => Nanos::from_secs_f64(libm::round(rise / RISE_PER_SECOND).clamp(SHORTEST_RAMP, LONGEST_RAMP)),
    }
}

/// A phase of the short form as TOML.
fn written(phase: &ArrivalPhase) -> Option<String> {
    let duration = phase.duration;
    match &phase.pattern {
        Pattern::Constant(rate) => Some(format!("{{ for = \"{duration}\", rate = \"{rate}\" }}")),
        Pattern::Ramp { from, to } => {
            Some(format!("{{ for = \"{duration}\", ramp = {{ from = \"{from}\", to = \"{to}\" }} }}"))
        }
        // The short form has no others.
        _ => None,
    }
}

/// A JSON value as TOML in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            // A JSON string's escapes are those of a TOML string.
            let entries = table.iter().map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Overrides that cut every wait of a workflow to `longest`, and what they change in words.
fn shorter_waits(document: &Document, longest: Option<Nanos>) -> (Vec<String>, Vec<String>) {
    let Some(longest) = longest else { return (Vec::new(), Vec::new()) };
    let json = document.to_json(&World::mid());
    let mut found = Vec::new();
    if let Some(workflows) = json.get("workflow") {
        waits(workflows, "workflow", &mut found);
    }
    let cut = found.into_iter().filter_map(|wait| Some((wait.cut(longest)?, wait)));
    cut.map(|(value, wait)| {
        let change = format!("{} waits {longest} instead of {}", wait.what, plain(&wait.value));
        (format!("{}={value}", wait.path), change)
    })
    .unzip()
}

/// The longest wait that a workflow keeps: until it has passed, more workflows begin than end. Zero where nothing is cut,
/// because then a wait may last for days.
fn longest_left(document: &Document, longest: Option<Nanos>) -> Nanos {
    let Some(longest) = longest else { return Nanos::ZERO };
    let json = document.to_json(&World::mid());
    let mut found = Vec::new();
    if let Some(workflows) = json.get("workflow") {
        waits(workflows, "workflow", &mut found);
    }
    let spans = found.iter().flat_map(|wait| match &wait.value {
        Value::Object(table) => table.values().filter_map(span).collect::<Vec<_>>(),
        value => span(value).into_iter().collect(),
    });
    spans.max().map_or(Nanos::ZERO, |span| span.min(longest))
}

/// A wait of a workflow, where it is written.
struct Wait {
    path: String,
    what: String,
    value: Value,
}

impl Wait {
    /// The value with nothing longer than `longest` in it, as TOML; `None` when it has nothing longer.
    fn cut(&self, longest: Nanos) -> Option<String> {
        let long = |value: &Value| span(value).is_some_and(|span| span > longest);
        match &self.value {
            Value::Object(table) => {
                let mut over = table.iter().filter(|(_, value)| long(value)).map(|(key, _)| key.as_str());
                let first = over.next()?;
                // Quantiles have to rise: the first one beyond becomes the limit, what is above it goes.
                let keep: serde_json::Map<String, Value> = table
                    .iter()
                    .filter(|(key, value)| key.as_str() == first || !long(value))
                    .map(|(key, value)| match key.as_str() == first {
                        true => (key.clone(), Value::from(longest.to_string())),
                        false => (key.clone(), value.clone()),
                    })
                    .collect();
                let spans = keep.values().filter(|value| span(value).is_some()).count();
                Some(if spans >= 2 { inline(&Value::Object(keep)) } else { format!("\"{longest}\"") })
            }
            value => long(value).then(|| format!("\"{longest}\"")),
        }
    }
}

/// The waits below a value of the profile: timers, and how long after a point something is sent.
fn waits(value: &Value, path: &str, found: &mut Vec<Wait>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| waits(item, &format!("{path}.{index}"), found));
        }
        Value::Object(table) => {
            for (key, value) in table {
                let path = format!("{path}.{key}");
                let what = match key.as_str() {
                    "timer" => Some("a timer".to_owned()),
                    "after" => Some(waits_for(table, &path)),
                    _ => None,
                };
                match what {
                    Some(what) => found.push(Wait { path, what, value: value.clone() }),
                    None => waits(value, &path, found),
                }
            }
        }
        _ => {}
    }
}

fn waits_for(table: &serde_json::Map<String, Value>, path: &str) -> String {
    let named = |key: &str| table.get(key).and_then(Value::as_str).map(|name| format!("{key} {name:?}"));
    named("wait_signal").or_else(|| named("update")).unwrap_or_else(|| {
        let end = if path.contains(".terminated.") { "a termination" } else { "a cancellation" };
        end.to_owned()
    })
}

fn span(value: &Value) -> Option<Nanos> {
    value.as_str()?.parse().ok()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn phases(written: &Written, arrivals: &Arrivals, until: Nanos) -> Vec<Phase> {
    let ramp = (written.ramp > Nanos::ZERO).then_some("ramp");
    let warm_up = (written.warm_up > Nanos::ZERO).then_some("warm-up");
    let mut before = ramp.into_iter().chain(warm_up);
    let mut begin = Nanos::ZERO;
    let mut list = Vec::new();
    let mut number = 0;
    for phase in &arrivals.phases {
        let name = before.next().map_or_else(
            || {
                number += 1;
                format!("phase {number}")
            },
            str::to_owned,
        );
        let end = (begin + phase.duration).min(until);
        if begin < end {
            list.push(Phase { name, start_seconds: begin.as_secs_f64(), end_seconds: end.as_secs_f64() });
        }
        begin += phase.duration;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text, "test.toml", &[]).expect("a profile")
    }

    fn shipped(name: &str) -> Document {
        document(plimsoll_profiles::shipped::profile(name).expect("it is shipped").text)
    }

    fn again(name: &str, overrides: &[String]) -> Profile {
        let text = plimsoll_profiles::shipped::profile(name).expect("it is shipped").text;
        let document = Document::parse(text, "test.toml", overrides);
        document.expect("a profile").profile(&World::mid()).expect("its middle world")
    }

    #[test]
    fn a_rate_replaces_the_arrivals_after_ramp_and_warm_up() {
        let arguments = ArrivalArgs {
            rate: Some("50/s".parse().expect("a rate")),
            duration: Some(Nanos::from_secs(30)),
            ramp: Some(Nanos::from_secs(10)),
            ..ArrivalArgs::default()
        };
        let written = arrivals(&shipped("order-fulfilment"), &arguments).expect("arrivals");
        let profile = again("order-fulfilment", &[format!("arrivals={}", written.toml)]);
        let expected: Arrivals = "10s@20/s..50/s, 15s@50/s, 30s@50/s".parse().expect("a schedule");
        assert_eq!(profile.arrivals, expected);
        let phases = phases(&written, &profile.arrivals, Nanos::from_secs(55));
        let names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(names, ["ramp", "warm-up", "phase 1"]);
    }

    #[test]
    fn only_a_high_rate_has_a_ramp_of_its_own() {
        let seconds = |rate: f64| ramp_to(Rate::per_second(rate)).as_secs_f64();
        assert_eq!([20.0, 21.0, 200.0, 5_000.0].map(seconds), [0.0, 5.0, 18.0, 60.0]);
    }

    #[test]
    fn every_shipped_profile_keeps_its_own_arrivals_behind_the_warm_up() {
        for shipped in plimsoll_profiles::shipped::PROFILES {
            let document = document(shipped.text);
            let written = arrivals(&document, &ArrivalArgs { ramp: Some(Nanos::ZERO), ..ArrivalArgs::default() })
                .expect("arrivals");
            let warmed = again(shipped.name, &[format!("arrivals={}", written.toml)]).arrivals;
            let own = document.profile(&World::mid()).expect("its middle world").arrivals;
            let before = usize::from(written.warm_up > Nanos::ZERO);
            assert_eq!(warmed.phases[before..], own.phases, "{}", shipped.name);
        }
    }

    #[test]
    fn waits_are_cut_and_the_change_is_said() {
        let longest = Nanos::from_secs(10);
        let (overrides, changes) = shorter_waits(&shipped("order-fulfilment"), Some(longest));
        assert_eq!(changes, [r#"wait_signal "shipped" waits 10s instead of 1d"#]);
        let (left, _) = shorter_waits(
            &Document::parse(
                plimsoll_profiles::shipped::profile("order-fulfilment").expect("it is shipped").text,
                "test.toml",
                &overrides,
            )
            .expect("a profile"),
            Some(longest),
        );
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn every_shipped_profile_can_be_cut() {
        for shipped in plimsoll_profiles::shipped::PROFILES {
            for longest in [Nanos::from_millis(100), Nanos::from_secs(10)] {
                let (overrides, changes) = shorter_waits(&document(shipped.text), Some(longest));
                assert_eq!(overrides.len(), changes.len());
                again(shipped.name, &overrides);
            }
        }
    }

    #[test]
    fn quantiles_beyond_the_limit_become_one() {
        let wait = |value: Value| Wait { path: String::new(), what: String::new(), value };
        let longest = Nanos::from_secs(10);
        let table = serde_json::json!({ "p50": "1s", "p90": "20s", "p99": "60s" });
        assert_eq!(wait(table).cut(longest).as_deref(), Some(r#"{ "p50" = "1s", "p90" = "10s" }"#));
        let table = serde_json::json!({ "p50": "20s", "p99": "60s" });
        assert_eq!(wait(table).cut(longest).as_deref(), Some("\"10s\""));
        assert_eq!(wait(serde_json::json!("10s")).cut(longest), None);
    }
}
