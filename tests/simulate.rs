//! `plimsoll simulate`, `sweep` and `compare` from profile to files.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use common::{Outcome, SHIPPED, SHORT, at, files, json, plimsoll, run, validate};
use serde_json::Value;

const LATENCIES: [&str; 4] = ["e2e", "start", "schedule_to_start_workflow", "schedule_to_start_activity"];

#[test]
fn every_shipped_profile_simulates_to_what_its_schema_says() {
    for name in SHIPPED {
        let run = json(&[&["simulate", name], &SHORT[..]].concat());
        validate("simulate", &run);
        for per_workflow in [
            "statements",
            "write_transactions",
            "state_transitions",
            "fsyncs",
            "wal_bytes",
            "history_bytes",
            "cpu_seconds.frontend",
            "cpu_seconds.history",
            "cpu_seconds.matching",
            "cpu_seconds.database",
        ] {
            let value = at(&run, &format!("per_workflow.{per_workflow}")).as_f64().unwrap();
            assert!(value > 0.0 && value.is_finite(), "{name}: {per_workflow} {value}");
        }
        for latency in LATENCIES {
            let mut before = 0.0;
            for quantile in ["p50", "p90", "p95", "p99"] {
                let value = at(&run, &format!("latency.{latency}.{quantile}"));
                // Too few samples for this tail.
                let Some(estimate) = value["estimate"].as_f64() else { continue };
                let (low, high) = (value["low"].as_f64().unwrap(), value["high"].as_f64().unwrap());
                assert!(low <= estimate && estimate <= high, "{name}: {latency}.{quantile} {value}");
                assert!(before <= estimate, "{name}: {latency}.{quantile} {value}");
                before = estimate;
            }
            assert!(before > 0.0, "{name}: {latency}");
        }
        assert!(at(&run, "throughput_per_second").as_f64().unwrap() > 0.0);
        let utilisation = at(&run, "utilisation").as_object().unwrap();
        assert!(utilisation.len() > 5, "{name}");
        assert!(utilisation.values().all(|value| (0.0..=1.000_001).contains(&value.as_f64().unwrap())), "{name}");
        let count = |key: &str| at(&run, &format!("counts.{key}")).as_u64().unwrap();
        assert_eq!(count("offered"), count("completed") + count("failed") + count("unfinished"), "{name}");
        assert!(count("offered") > 100, "{name}");
    }
}

/// All files of a folder must be the same in the other.
fn same(a: &Path, b: &Path) {
    let (in_a, in_b) = (files(a), files(b));
    let names = |list: &[std::path::PathBuf], root: &Path| -> Vec<_> {
        list.iter().map(|path| path.strip_prefix(root).unwrap().to_path_buf()).collect()
    };
    assert_eq!(names(&in_a, a), names(&in_b, b));
    assert!(!in_a.is_empty());
    for (a, b) in in_a.iter().zip(&in_b) {
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{} differs from {}", a.display(), b.display());
    }
}

#[test]
fn the_same_seed_gives_the_same_files_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    for (name, threads) in [("one", "1"), ("two", "2"), ("again", "2"), ("many", "4000000000")] {
        let out = |what: &str| folder.path().join(name).join(what).to_str().unwrap().to_owned();
        for arguments in [
            vec!["plan", "one-activity"],
            vec!["simulate", "nightly-batch"],
            vec!["sweep", "order-fulfilment", "--vary", "workers.pods=5..6"],
        ] {
            let (out, html) = (out(arguments[0]), out(&format!("{}.html", arguments[0])));
            let common = ["--quiet", "--seed", "7", "--threads", threads, "--out", &out, "--html", &html];
            let short: &[&str] = if arguments[0] == "plan" { &[] } else { &SHORT };
            let Outcome { code, stderr, .. } = run(&[&arguments[..], &common, short].concat());
            assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        }
    }
    for other in ["two", "again", "many"] {
        same(&folder.path().join("one"), &folder.path().join(other));
    }
    let other = folder.path().join("other");
    let seed = ["simulate", "nightly-batch", "--quiet", "--seed", "8", "--out", other.to_str().unwrap()];
    assert_eq!(run(&[&seed, &SHORT[..]].concat()).code, 0);
    let samples = |run: &Path| fs::read(run.join("run.hlog")).unwrap();
    assert!(samples(&other) != samples(&folder.path().join("one/simulate")), "another seed, other samples");
}

#[test]
fn a_sweep_has_a_point_for_each_value() {
    let sweep = json(&[&["sweep", "one-activity", "--vary", "workers.pods=1..4"], &SHORT[..]].concat());
    validate("sweep", &sweep);
    let points = at(&sweep, "points").as_array().unwrap();
    let settings: Vec<&str> = points.iter().map(|point| point["settings"][0].as_str().unwrap()).collect();
    assert_eq!(settings, ["1", "2", "3", "4"]);
    let csv = [&["sweep", "one-activity", "--vary", "workers.pods=1,2", "--format", "csv"], &SHORT[..]].concat();
    let Outcome { stdout, .. } = run(&csv);
    let rows: Vec<usize> = stdout.lines().map(|line| line.split(',').count()).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| *row == rows[0]), "{stdout}");
}

#[test]
fn a_promise_that_was_not_put_to_the_test_is_neither_kept_nor_broken() {
    let met = |steps: &str| {
        let sweep =
            json(&[&["sweep", "one-activity", "--vary", "workers.pods=1", "--set", steps], &SHORT[..]].concat());
        at(&sweep, "points")[0]["slo_met"].as_bool()
    };
    let activity = r#"{ activity = "work", takes = "0s", start_to_close = "30s" }"#;
    assert_eq!(met(&format!("workflow.0.steps=[{activity}]")), Some(true));
    // No activity is ever scheduled.
    let local = r#"{ local_activity = "look-up", takes = "0s", output = "10B" }"#;
    assert_eq!(met(&format!("workflow.0.steps=[{local}]")), None);
}

#[test]
fn events_outside_the_stretch_that_is_simulated_are_said_to_be_left_out() {
    let hour = r#"arrivals.phases=[{ for = "1h", rate = "20/s" }]"#;
    let event = |at: &str| format!(r#"{{ at = "{at}", for = "20s", kind = "workers_stop" }}"#);
    let events = format!("event=[{}, {}]", event("1min"), event("30min"));
    let run = json(&["simulate", "one-activity", "--set", hour, "--set", &events]);
    let warnings = at(&run, "warnings").to_string();
    assert!(warnings.contains("1 of 2 events begin outside the simulated stretch"), "{warnings}");
}

#[test]
fn a_run_directory_is_reported_and_is_within_tolerance_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.to_str().unwrap();
    let Outcome { code, stdout, .. } = run(&[&["simulate", "one-activity", "--out", path], &SHORT[..]].concat());
    assert_eq!(code, 0);
    let manifest: Value = serde_json::from_str(&fs::read_to_string(out.join("run.json")).unwrap()).unwrap();
    validate("run", &manifest);
    let Outcome { code, stdout: again, stderr } = run(&["report", path]);
    assert_eq!((code, stderr.as_str(), again), (0, "", stdout));
    let comparison = json(&["compare", path, path]);
    validate("compare", &comparison);
    assert_eq!(at(&comparison, "within"), true);
    // What the log holds is what the document says.
    let find = |list: &Value, key: &str, value: &Value| {
        list.as_array().unwrap().iter().find(|item| item[key] == *value).cloned().unwrap()
    };
    let logged = find(at(&comparison, "metrics"), "metric", &"e2e.response".into());
    let logged = find(&logged["quantiles"], "quantile", &0.5.into())["a"]["estimate"].as_f64().unwrap();
    let curve = find(&manifest["summary"]["latency_curves"], "metric", &"e2e".into());
    let said = find(&curve["points"], "x", &0.5.into())["y"].as_f64().unwrap();
    assert!((logged / said - 1.0).abs() < 0.02, "run.hlog: p50 {logged} s, run.json: {said} s");
}

#[test]
fn a_reader_that_goes_away_costs_no_file_and_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["plan", "simulate"] {
        let page = folder.path().join(format!("{command}.html"));
        let mut child = plimsoll()
            .args([command, "one-activity", "--html", page.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{command}");
        assert!(fs::read_to_string(&page).unwrap().contains("</html>"), "{command}");
    }
}
