//! From the profile and the flags to what is run: everything that changes the profile does so as an override of it, so that
//! the manifest holds the profile exactly as it ran and the simulator can be given the same.

use plimsoll_profiles::arrivals::{Arrivals, Pattern};
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{Document, World};
use plimsoll_reports::run_dir::Phase;
use serde_json::Value;

use crate::cli::{ArrivalArgs, RunArgs};
use crate::failure::Failure;
use crate::profile_file::ProfileSource;

/// How long `--rate` is measured when nothing else is said.
const DURATION: Nanos = Nanos::from_secs(60);
/// How long a run rises to its first rate when nothing else is said: no cluster is hit by a full load at once.
const RAMP: Nanos = Nanos::from_secs(10);

/// A profile ready to run.
#[derive(Debug)]
pub struct Prepared {
    /// The document, overrides of the flags included.
    pub document: Document,
    /// Its middle world.
    pub profile: Profile,
    /// Warm-up ends here.
    pub measured_from: Nanos,
    /// No start is intended from here on.
    pub until: Nanos,
    /// The schedule's phases.
    pub phases: Vec<Phase>,
    /// What the flags changed in the profile, in words.
    pub changes: Vec<String>,
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
    let before = before_measuring(&arguments.arrivals);
    overrides.push(format!("arrivals={}", arrivals(&written, &arguments.arrivals)?));
    let document = source.document(&overrides)?;
    let profile = document.profile(&World::mid()).map_err(Failure::Problems)?;
    let whole = profile.arrivals.duration();
    let until = match arguments.arrivals.duration {
        Some(duration) => whole.min(before + duration),
        None => whole,
    };
    check_caps(arguments, &profile.arrivals, until)?;
    let phases = phases(&arguments.arrivals, &profile.arrivals, until);
    Ok(Prepared { document, profile, measured_from: before.min(until), until, phases, changes })
}

fn ramp(arguments: &ArrivalArgs) -> Nanos {
    arguments.ramp.unwrap_or(RAMP)
}

fn before_measuring(arguments: &ArrivalArgs) -> Nanos {
    ramp(arguments) + arguments.warm_up.unwrap_or(Nanos::ZERO)
}

fn check_caps(arguments: &RunArgs, arrivals: &Arrivals, until: Nanos) -> Result<(), Failure> {
    let limits = &arguments.limits;
    if until > limits.max_duration {
        return Err(Failure::usage(format!(
            "the schedule lasts {until}, longer than --max-duration {}: shorten it with --duration, or raise the limit",
            limits.max_duration
        )));
    }
    let expected = arrivals.expected_arrivals(until);
    if expected > limits.max_starts as f64 {
        return Err(Failure::usage(format!(
            "the schedule starts about {expected:.0} workflows, more than --max-starts {}: shorten it with --duration, or raise the limit",
            limits.max_starts
        )));
    }
    Ok(())
}

/// The arrivals as TOML: those of the flags or the profile, after the ramp and the warm-up.
fn arrivals(document: &Document, arguments: &ArrivalArgs) -> Result<String, Failure> {
    let middle = document.profile(&World::mid()).map_err(Failure::Problems)?;
    let (first, phases) = match (&arguments.rate, &arguments.steps) {
        (Some(rate), _) => {
            let duration = arguments.duration.unwrap_or(DURATION);
            if duration == Nanos::ZERO || rate.as_per_second() <= 0.0 {
                return Err(Failure::usage("--rate and --duration must be above zero"));
            }
            (*rate, vec![format!("{{ for = \"{duration}\", rate = \"{rate}\" }}")])
        }
        (None, Some(steps)) => {
            let steps: Arrivals = steps.parse().map_err(|error| Failure::usage(format!("--steps: {error}")))?;
            (steps.rate_at(Nanos::ZERO), steps.phases.iter().filter_map(written).collect())
        }
        (None, None) => {
            let json = document.to_json(&World::mid());
            let phases = json.pointer("/arrivals/phases").and_then(Value::as_array).cloned().unwrap_or_default();
            (middle.arrivals.rate_at(Nanos::ZERO), phases.iter().map(inline).collect())
        }
    };
    let ramp = ramp(arguments);
    let warm_up = arguments.warm_up.unwrap_or(Nanos::ZERO);
    let mut all = Vec::new();
    if ramp > Nanos::ZERO {
        all.push(format!("{{ for = \"{ramp}\", ramp = {{ from = \"0/s\", to = \"{first}\" }} }}"));
    }
    if warm_up > Nanos::ZERO {
        all.push(format!("{{ for = \"{warm_up}\", rate = \"{first}\" }}"));
    }
    all.extend(phases);
    Ok(format!("{{ phases = [{}] }}", all.join(", ")))
}

/// A phase of the short form as TOML.
fn written(phase: &plimsoll_profiles::arrivals::Phase) -> Option<String> {
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

fn phases(arguments: &ArrivalArgs, arrivals: &Arrivals, until: Nanos) -> Vec<Phase> {
    let ramp = (ramp(arguments) > Nanos::ZERO).then_some("ramp");
    let warm_up = arguments.warm_up.is_some_and(|length| length > Nanos::ZERO).then_some("warm-up");
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
    fn a_rate_replaces_the_arrivals_after_a_ramp() {
        let arguments = ArrivalArgs {
            rate: Some("10/s".parse().expect("a rate")),
            duration: Some(Nanos::from_secs(30)),
            warm_up: Some(Nanos::from_secs(5)),
            ..ArrivalArgs::default()
        };
        let text = arrivals(&shipped("order-fulfilment"), &arguments).expect("arrivals");
        let profile = again("order-fulfilment", &[format!("arrivals={text}")]);
        let expected: Arrivals = "10s@0/s..10/s, 5s@10/s, 30s@10/s".parse().expect("a schedule");
        assert_eq!(profile.arrivals, expected);
        assert_eq!(before_measuring(&arguments), Nanos::from_secs(15));
        let names: Vec<String> =
            phases(&arguments, &profile.arrivals, Nanos::from_secs(45)).into_iter().map(|phase| phase.name).collect();
        assert_eq!(names, ["ramp", "warm-up", "phase 1"]);
    }

    #[test]
    fn every_shipped_profile_keeps_its_own_arrivals_behind_the_ramp() {
        for shipped in plimsoll_profiles::shipped::PROFILES {
            let document = document(shipped.text);
            let text = arrivals(&document, &ArrivalArgs::default()).expect("arrivals");
            let ramped = again(shipped.name, &[format!("arrivals={text}")]).arrivals;
            let own = document.profile(&World::mid()).expect("its middle world").arrivals;
            assert_eq!(ramped.phases[1..], own.phases, "{}", shipped.name);
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
