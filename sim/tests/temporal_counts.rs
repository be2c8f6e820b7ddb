//! What the model says of each measured workflow shape, against the same shape on a real server.
//!
//! `data/measured_counts.json` holds the measurements. Tolerances are those a reader of a plan can rely on; the
//! wider one for history's CPU is how far that figure moved between repeats of the same measured run.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use std::fmt::Write as _;

use plimsoll_sim::temporal::{Metric, Outcome, Process};
use serde_json::Value;
use temporal_support::{on_measured_machine, run, settings};

/// Simulated workflows for each measured one: the model's own noise is to be small beside the measurement's.
const MORE: f64 = 8.0;

const SHAPES: [(&str, &str); 11] = [
    ("act1", r#"{ activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s" }"#),
    (
        "act3_sequential",
        r#"{ activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s", count = 3 }"#,
    ),
    (
        "act4_parallel",
        r#"{ parallel = [
            { activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s" },
            { activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s" },
            { activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s" },
            { activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s" } ] }"#,
    ),
    (
        "act1_payload_16KiB",
        r#"{ activity = "a", takes = "0s", input = "16KiB", output = "16KiB", start_to_close = "60s" }"#,
    ),
    ("timer_2s", r#"{ timer = "2s" }"#),
    ("signal2", r#"{ wait_signal = "s", count = 2, from_start = true, after = "0s", payload = "10B" }"#),
    ("child1", r#"{ child = "Child" }"#),
    ("local3", r#"{ local_activity = "l", takes = "0s", output = "10B", count = 3 }"#),
    (
        "continue_as_new1_after_1200ms",
        r#"{ activity = "a", takes = "1200ms", input = "10B", output = "10B", start_to_close = "60s" },
           { continue_as_new = { runs = 1 } }"#,
    ),
    (
        "heartbeat3_every_1s",
        r#"{ activity = "a", takes = "3s", input = "10B", output = "10B", start_to_close = "60s",
             heartbeat = { every = "1s", timeout = "1250ms" } }"#,
    ),
    (
        "retry1_after_100ms",
        r#"{ activity = "a", takes = "0s", input = "10B", output = "10B", start_to_close = "60s", fails = 1.0,
             retry = { initial = "100ms", backoff = 1.0, attempts = 2 } }"#,
    ),
];

fn workflows(name: &str, steps: &str) -> String {
    let bytes = if name == "act1_payload_16KiB" { "16KiB" } else { "10B" };
    let root = format!(
        "[[workflow]]\ntype = \"Root\"\nshare = 1.0\ninput = \"{bytes}\"\nresult = \"10B\"\nsteps = [ {steps} ]\n"
    );
    let child = SHAPES[0].1;
    if name == "child1" {
        return format!(
            "{root}[[workflow]]\ntype = \"Child\"\ninput = \"10B\"\nresult = \"10B\"\nsteps = [ {child} ]\n"
        );
    }
    root
}

fn measured() -> Vec<Value> {
    let whole: Value = serde_json::from_str(include_str!("data/measured_counts.json")).unwrap();
    whole["runs"].as_array().unwrap().clone()
}

fn number(run: &Value, key: &str) -> f64 {
    run.pointer(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("{key} in {run}"))
}

/// The model's figures of one shape, under the names of the measured ones.
fn predicted(outcome: &Outcome) -> Vec<(&'static str, f64)> {
    let work = &outcome.work;
    let per = |count: u64| count as f64 / outcome.counts.offered as f64;
    let cpu = |process: Process| work.cpu[process as usize].as_secs_f64() * 1e3 / outcome.counts.offered as f64;
    vec![
        ("/state_transitions", per(work.state_transitions)),
        ("/write_transactions", per(work.write_transactions)),
        ("/history_node_rows", per(work.history_rows)),
        ("/statements", per(work.statements + work.visibility_statements)),
        ("/fsyncs", per(work.fsyncs)),
        ("/wal_bytes", per(work.wal_bytes)),
        ("/cpu_ms/frontend", cpu(Process::Frontend)),
        ("/cpu_ms/history", cpu(Process::History)),
        ("/cpu_ms/matching", cpu(Process::Matching)),
        ("/cpu_ms/database", cpu(Process::Database)),
        ("/latency_ms/p50", quantile_ms(outcome, 0.5)),
    ]
}

fn quantile_ms(outcome: &Outcome, q: f64) -> f64 {
    outcome.recorder.total(Metric::EndToEnd).quantile(q).unwrap().as_secs_f64() * 1e3
}

/// The measured figure that a predicted one stands against.
fn observed(run: &Value, key: &str) -> f64 {
    match key {
        "/statements" => number(run, key) + number(run, "/visibility_statements"),
        // Full-page images belong to checkpoints, not to workflows.
        "/wal_bytes" => number(run, key) - number(run, "/full_page_images") * 5_500.0,
        _ => number(run, key),
    }
}

fn tolerance(key: &str) -> f64 {
    match key {
        "/state_transitions" | "/history_node_rows" => 0.02,
        "/write_transactions" => 0.03,
        "/statements" => 0.05,
        "/fsyncs" => 0.15,
        "/wal_bytes" => 0.12,
        "/cpu_ms/history" => 0.35,
        "/latency_ms/p50" => f64::INFINITY,
        _ => 0.25,
    }
}

#[test]
fn every_measured_shape_is_predicted_within_its_tolerances() {
    let measured = measured();
    let mut table = String::new();
    let mut off = String::new();
    for (name, steps) in SHAPES {
        let real = measured.iter().find(|run| run["name"] == name).unwrap();
        let rate = number(real, "/rate_per_second");
        let profile = on_measured_machine(&workflows(name, steps), rate);
        let outcome = run(&profile, settings(1, rate, number(real, "/workflows") * MORE));
        assert_eq!(outcome.unfinished, 0, "{name}");
        for (key, model) in predicted(&outcome) {
            let real = observed(real, key);
            let error = model / real - 1.0;
            let line = format!("{name:<30} {key:<22} {model:>12.3} {real:>12.3} {:>7.1} %", error * 100.0);
            let _ = writeln!(table, "{line}");
            if error.abs() > tolerance(key) {
                let _ = writeln!(off, "{line}");
            }
        }
    }
    println!("{:<30} {:<22} {:>12} {:>12} {:>9}\n{table}", "shape", "per workflow", "model", "measured", "error");
    assert!(off.is_empty(), "beyond tolerance:\n{off}");
}
