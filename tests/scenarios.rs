//! `plimsoll scenarios`, and `simulate` of a profile with events.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Outcome, at, json, run, validate};
use serde_json::Value;

const EVENTS: &str = r#"
name = "small"
[arrivals]
phases = [{ for = "12min", rate = "4/s" }]
[[workflow]]
type = "W"
steps = [{ activity = "pay", takes = "200ms", start_to_close = "10s" }]
[[event]]
at = "4min"
for = "30s"
kind = "database_failover"
[[event]]
at = "8min"
for = "1min"
kind = "workers_stop"
[slo]
start = { p99 = "1s" }
schedule_to_start = { p99 = "200ms" }
[workers]
pods = 2
pod = { cpu = 1, memory = "1GiB" }
[cluster]
use = "kubernetes-production"
history_shards = 64
[cluster.services]
frontend = { pods = 3 }
history = { pods = 3 }
matching = { pods = 3 }
[cluster.database]
vcpu = 4
"#;

fn profile(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.toml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_run_says_what_each_of_its_events_did() {
    let (_folder, path) = profile(EVENTS);
    let run_document = json(&["simulate", &path]);
    validate("simulate", &run_document);
    let failures = at(&run_document, "failures").as_array().unwrap();
    let kinds: Vec<&str> = failures.iter().map(|failure| failure["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["database_failover", "workers_stop"]);
    let of = |index: usize, path: &str| number(at(&failures[index], path));
    // 30 s without the database at 4/s: about 120 starts wait, and what else was to be written.
    assert!((90.0..=240.0).contains(&of(0, "impact.backlog_peak")), "{failures:#?}");
    // A minute without workers: about 240 tasks.
    assert!((200.0..=290.0).contains(&of(1, "impact.backlog_peak")), "{failures:#?}");
    for index in 0..2 {
        assert!(of(index, "impact.slo_minutes_lost") >= 1.0);
        assert!(of(index, "impact.time_to_recover_seconds") >= of(index, "for_seconds"));
        assert!(!failures[index]["prevention"].as_array().unwrap().is_empty(), "{failures:#?}");
    }
    assert!(failures[1]["best"].is_u64(), "half of the fleet elsewhere helps: {failures:#?}");
    // Half of the failover loses less.
    let tried = at(&failures[0], "prevention").as_array().unwrap();
    assert!(number(&tried[0]["impact"]["backlog_peak"]) < of(0, "impact.backlog_peak"));
}

#[test]
fn scenarios_are_a_row_each_in_every_format() {
    let (folder, path) = profile(EVENTS);
    let out = folder.path().join("out");
    let arguments = ["scenarios", &path, "--no-prevention", "--after", "3min", "--set", "workers.pods=2", "--out"];
    let document = json(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    validate("scenarios", &document);
    let scenarios = at(&document, "scenarios").as_array().unwrap();
    assert!(scenarios.len() >= 14, "{}", scenarios.len());
    assert!(at(&document, "refused").as_array().unwrap().is_empty());
    let csv = fs::read_to_string(out.join("scenarios.csv")).unwrap();
    assert_eq!(csv.lines().count(), scenarios.len() + 1);
    for scenario in scenarios {
        let name = scenario["name"].as_str().unwrap();
        assert!(csv.contains(name), "{name}");
        let timeline = scenario["timeline"].as_array().unwrap();
        // Five minutes before, the failure, three after it.
        let minutes = (number(at(scenario, "failure.for_seconds")) / 60.0).ceil() as usize + 8;
        assert_eq!(timeline.len(), minutes, "{name}");
    }
    let gone = scenarios.iter().find(|scenario| scenario["name"] == "workers gone for 20 min").unwrap();
    let peak = number(at(gone, "failure.impact.backlog_peak"));
    // 20 minutes at 4/s.
    assert!((4_500.0..=5_100.0).contains(&peak), "{peak}");
    for name in ["scenarios.txt", "scenarios.html", "scenarios.json"] {
        assert!(fs::metadata(out.join(name)).unwrap().len() > 1_000, "{name}");
    }
    for line in fs::read_to_string(out.join("scenarios.txt")).unwrap().lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn what_cannot_be_simulated_is_refused_with_a_reason() {
    let (_folder, path) = profile(&EVENTS.replace("kubernetes-production\"", "temporal-cloud\" #"));
    let Outcome { code, stdout, stderr } = run(&["simulate", &path]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("somebody else's cluster") && stderr.contains("Temporal Cloud"), "{stderr}");
    let Outcome { code, stderr, .. } = run(&["scenarios", "one-activity", "--after", "0s"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--after"), "{stderr}");
}
