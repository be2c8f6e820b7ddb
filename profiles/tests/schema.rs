//! The published JSON Schemas are those of the code, and say the same as the parser.
#![allow(clippy::unwrap_used)]

use std::fs;

use plimsoll_profiles::{Document, cluster_schema, profile_schema, shipped};
use serde_json::Value;

fn published(name: &str) -> std::path::PathBuf {
    format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR")).into()
}

/// Write the files anew with `PLIMSOLL_UPDATE_SCHEMA=1 cargo test -p plimsoll-profiles --test schema`.
fn assert_published(name: &str, schema: &Value) {
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("PLIMSOLL_UPDATE_SCHEMA").is_some() {
        fs::write(published(name), &text).unwrap();
    }
    let committed = fs::read_to_string(published(name)).unwrap();
    assert!(committed == text, "schema/{name}.json is not what the code says; PLIMSOLL_UPDATE_SCHEMA=1 writes it anew");
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    assert_published("profile", &profile_schema());
    assert_published("cluster", &cluster_schema());
}

fn errors(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn as_json(toml: &str) -> Value {
    toml::from_str::<Value>(toml).unwrap()
}

#[test]
fn every_shipped_profile_and_cluster_validates() {
    for shipped in shipped::PROFILES {
        assert_eq!(errors(&profile_schema(), &as_json(shipped.text)), Vec::<String>::new(), "{}", shipped.name);
    }
    for shipped in shipped::CLUSTERS {
        assert_eq!(errors(&cluster_schema(), &as_json(shipped.text)), Vec::<String>::new(), "{}", shipped.name);
    }
}

#[test]
fn every_key_has_a_description() {
    fn check(at: &str, value: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    for (key, property) in properties {
                        let estimate = ["low", "mid", "high", "mean", "cv"].contains(&key.as_str());
                        assert!(estimate || property.get("description").is_some(), "{at}/{key} has no description");
                    }
                }
                object.iter().for_each(|(key, value)| check(&format!("{at}/{key}"), value));
            }
            Value::Array(items) => items.iter().for_each(|item| check(at, item)),
            _ => {}
        }
    }
    check("", &profile_schema());
    check("", &cluster_schema());
}

const MINIMAL: &str = r#"
name = "x"
arrivals.phases = [{ for = "1min", rate = "1/s" }]
workflow = [{ type = "W", steps = [STEP] }]
"#;

/// What the parser takes the schema takes, and what is wrong in one key both refuse.
#[test]
fn schema_and_parser_agree_on_single_steps() {
    let right = [
        r#"{ activity = "a", takes = "1s" }"#,
        r#"{ activity = "a", takes = { low = "1s", mid = "2s", high = "3s" }, count = { low = 1, mid = 2, high = 3 } }"#,
        r#"{ activity = "a", takes = { p50 = "1s", p99 = { low = "2s", mid = "3s", high = "4s" } }, fails = "1%" }"#,
        r#"{ activity = "a", takes = { mean = "1s", cv = 0.5 }, memory = "1GiB", heartbeat = { every = "1s", timeout = "5s" } }"#,
        r#"{ local_activity = "a", takes = "1ms" }"#,
        r#"{ timer = "1h30m" }"#,
        r#"{ wait_signal = "s", after = "1mo", count = 3 }"#,
        r#"{ query = "q", count = 2 }"#,
        r#"{ update = "u", input = "1KiB" }"#,
        r#"{ continue_as_new = { runs = 3 } }"#,
        r#"{ parallel = [{ timer = "1s" }, { sequence = [{ timer = "1s" }] }] }"#,
        r#"{ repeat = { times = 2, steps = [{ timer = "1s" }] } }"#,
        r#"{ branch = [{ probability = 0.5, steps = [{ timer = "1s" }] }] }"#,
    ];
    let wrong = [
        r#"{ activity = "a" }"#,
        r#"{ activity = "a", takes = 1 }"#,
        r#"{ activity = "a", takes = "1" }"#,
        r#"{ activity = "a", takes = "-1s" }"#,
        r#"{ activity = "a", takes = "1s", memory = "1s" }"#,
        r#"{ activity = "a", takes = "1s", retries = 3 }"#,
        r#"{ activity = "a", timer = "1s" }"#,
        r#"{ timer = { p50 = "1s" } }"#,
        r#"{ timer = { low = "1s", mid = "2s" } }"#,
        r#"{ sleep = "1s" }"#,
        r#"{ repeat = { times = -1, steps = [{ timer = "1s" }] } }"#,
        r#"{ activity = "a", takes = "1s", fails = true }"#,
        "{}",
        "7",
    ];
    let schema = profile_schema();
    for (steps, valid) in [(right.as_slice(), true), (wrong.as_slice(), false)] {
        for step in steps {
            let text = MINIMAL.replace("STEP", step);
            assert_eq!(errors(&schema, &as_json(&text)).is_empty(), valid, "schema: {step}");
            assert_eq!(Document::parse(&text, "p.toml", &[]).is_ok(), valid, "parser: {step}");
        }
    }
}

#[test]
fn schema_and_parser_agree_on_single_phases() {
    let right = [
        r#"{ for = "1min", rate = "1/s" }"#,
        r#"{ for = "1min", rate = { low = "1/s", mid = "2/s", high = "120/min" }, process = "even" }"#,
        r#"{ for = "1min", rate = "1/s", count = 60 }"#,
        r#"{ for = "1min", ramp = { from = "0/s", to = "2k/h" } }"#,
        r#"{ steps = { rates = ["1/s", "2/s"], each = "1min" } }"#,
        r#"{ for = "1d", diurnal = { low = "1/s", high = "2/s", peak_at = "18:00", begins_at = "9:30:00" } }"#,
        r#"{ for = "1d", mmpp = { calm = "1/s", burst = "2/s", mean_calm = "1min", mean_burst = "1s" } }"#,
    ];
    let wrong = [
        r#"{ rate = "1/s" }"#,
        r#"{ for = 60, rate = "1/s" }"#,
        r#"{ for = "1min", rate = 1 }"#,
        r#"{ for = "1min", rate = "1" }"#,
        r#"{ for = "1min", rate = "1/s", process = "uniform" }"#,
        r#"{ for = "1min", rate = "1/s", ramp = { from = "1/s", to = "2/s" } }"#,
        r#"{ for = "1d", diurnal = { low = "1/s", high = "2/s", peak_at = "24:00" } }"#,
        r#"{ for = "1d", sine = { low = "1/s", high = "2/s" } }"#,
        r#"{ for = "1d", mmpp = { calm = "1/s", burst = "2/s", mean_calm = "1min" }, process = "even" }"#,
        r#"{ trace = "times.csv" }"#,
    ];
    let schema = profile_schema();
    for (phases, valid) in [(right.as_slice(), true), (wrong.as_slice(), false)] {
        for phase in phases {
            let text =
                MINIMAL.replace(r#"{ for = "1min", rate = "1/s" }"#, phase).replace("STEP", r#"{ timer = "1s" }"#);
            assert_eq!(errors(&schema, &as_json(&text)).is_empty(), valid, "schema: {phase}");
            assert_eq!(Document::parse(&text, "p.toml", &[]).is_ok(), valid, "parser: {phase}");
        }
    }
}
