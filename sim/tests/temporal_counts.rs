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
        // The measured activity's third heartbeat raced its end: it reached the server in 32 % of the runs.
        r#"{ branch = [
             { probability = 0.68, steps = [ { activity = "a", takes = "3s", input = "10B", output = "10B",
               start_to_close = "60s", heartbeat = { every = "1s", timeout = "1250ms" } } ] },
             { probability = 0.32, steps = [ { activity = "a", takes = "3001ms", input = "10B", output = "10B",
               start_to_close = "60s", heartbeat = { every = "1s", timeout = "1250ms" } } ] } ] }"#,
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
        "/wal_bytes" => number(run, key) - number(run, "/full_page_images") * FULL_PAGE_IMAGE,
        _ => number(run, key),
    }
}

/// Mean size of a full-page image; its pages' free space is left out, so images differ by half a kilobyte and more.
const FULL_PAGE_IMAGE: f64 = 5_500.0;
const FULL_PAGE_IMAGE_ERROR: f64 = 500.0;

/// How far a prediction may be from the measured figure, in its unit.
fn allowed(run: &Value, key: &str) -> f64 {
    let images = if key == "/wal_bytes" { number(run, "/full_page_images") * FULL_PAGE_IMAGE_ERROR } else { 0.0 };
    observed(run, key) * tolerance(key) + images
}

fn tolerance(key: &str) -> f64 {
    match key {
        "/state_transitions" | "/history_node_rows" => 0.02,
        "/write_transactions" => 0.03,
        "/statements" => 0.03,
        "/fsyncs" => 0.05,
        "/wal_bytes" => 0.12,
        "/cpu_ms/history" => 0.35,
        "/latency_ms/p50" => 0.25,
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
        for (key, mut model) in predicted(&outcome) {
            if name == "act1_payload_16KiB" && key == "/wal_bytes" {
                // The payloads of this run were padding, which PostgreSQL compressed to nothing: 0.9 KB of
                // `history_node` grew by for 48 KiB. The model counts payloads whole.
                model -= 3.0 * 16_384.0;
            }
            let allowed = allowed(real, key);
            let real = observed(real, key);
            let error = model / real - 1.0;
            let line = format!("{name:<30} {key:<22} {model:>12.3} {real:>12.3} {:>7.1} %", error * 100.0);
            let _ = writeln!(table, "{line}");
            if (model - real).abs() > allowed {
                let _ = writeln!(off, "{line}");
            }
        }
    }
    println!("{:<30} {:<22} {:>12} {:>12} {:>9}\n{table}", "shape", "per workflow", "model", "measured", "error");
    assert!(off.is_empty(), "beyond tolerance:\n{off}");
}

#[test]
fn a_one_activity_workflow_counts_exactly() {
    let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), 10.0);
    let outcome = run(&profile, settings(3, 10.0, 500.0));
    let work = &outcome.work;
    let n = outcome.counts.offered;
    // Start; two workflow tasks started and completed; the activity started and completed.
    assert_eq!(work.state_transitions, 7 * n);
    // One for each transition and one for the new branch of history.
    assert_eq!(work.write_transactions, 8 * n + work.spooled);
    // Every transition writes a batch of events but the activity's start, which is transient.
    assert_eq!(work.history_rows, 6 * n);
    // Started, task scheduled, started, completed, activity scheduled, started, completed, task scheduled, started,
    // completed, workflow completed.
    assert_eq!(work.history_events, 11 * n);
    assert_eq!(work.visibility_statements, 3 * n);
    assert_eq!(work.activities, n);
    assert_eq!(work.dispatched, 3 * n);
    // The start and the activity.
    assert_eq!(work.actions, 2 * n);
    assert_eq!(work.closed_runs, n);
}

#[test]
fn short_waits_take_what_the_servers_queues_make_of_them() {
    let p50 = |steps: &str, rate: f64| {
        let profile = on_measured_machine(&workflows("", steps), rate);
        quantile_ms(&run(&profile, settings(5, rate, 600.0)), 0.5)
    };
    let idle = p50(SHAPES[0].1, 2.0);
    // Measured: 50 to 900 ms timers end after 1.027 to 1.033 s, 1.2 s after 1.246, 2.5 s after 2.544.
    for (timer, measured) in [("50ms", 1_030.0), ("500ms", 1_030.0), ("1200ms", 1_246.0), ("2500ms", 2_544.0)] {
        let took = p50(&format!("{{ timer = \"{timer}\" }}"), 2.0);
        assert!((took - measured).abs() < 15.0, "a timer of {timer}: {took} ms, measured {measured}");
    }
    // Two runs of 1.2 s follow each other without a delay; two of 50 ms are a second apart.
    let chain = |takes: &str| {
        let steps = format!(
            "{{ activity = \"a\", takes = \"{takes}\", start_to_close = \"60s\" }}, {{ continue_as_new = {{ runs = 1 }} }}"
        );
        p50(&steps, 2.0)
    };
    let long = chain("1200ms");
    assert!((long - 2.0 * (1_200.0 + idle)).abs() < 25.0, "two runs of 1.2 s: {long} ms");
    let short = chain("0s");
    assert!((short - (1_000.0 + idle)).abs() < 45.0, "two short runs: {short} ms");
}

/// The median over a shape's repeats.
fn median(name: &str, key: &str) -> f64 {
    let mut values: Vec<f64> = measured()
        .iter()
        .filter(|run| run["name"].as_str().unwrap().starts_with(name))
        .map(|run| number(run, key))
        .collect();
    assert_eq!(values.len(), 3, "{name} was measured three times");
    values.sort_by(f64::total_cmp);
    values[1]
}

#[test]
fn latencies_of_a_one_activity_workflow_follow_the_load() {
    let mut off = String::new();
    // At 25/s the host is 78 % busy. There the model's median is a fifth too low and its tail is not to be trusted:
    // measured p90 was 362, 439 and 595 ms in three repeats. What it lacks are a real host's stalls (collection of
    // garbage, vacuum, time slices), so this only holds it to not being further off.
    let promises = [(5.0, 0.15, Some(0.30)), (15.0, 0.15, Some(0.30)), (25.0, 0.25, None)];
    for (rate, p50, p90) in promises {
        let name = format!("act1_rate{rate}_");
        let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), rate);
        let outcome = run(&profile, settings(1, rate, rate * 240.0));
        for (q, key, tolerance) in [(0.5, "/latency_ms/p50", Some(p50)), (0.9, "/latency_ms/p90", p90)] {
            let Some(tolerance) = tolerance else { continue };
            let (model, real) = (quantile_ms(&outcome, q), median(&name, key));
            let line =
                format!("{rate}/s {key}: {model:.1} ms, measured {real:.1} ms, {:+.1} %", (model / real - 1.0) * 100.0);
            println!("{line}");
            if (model / real - 1.0).abs() > tolerance {
                let _ = writeln!(off, "{line}");
            }
        }
    }
    assert!(off.is_empty(), "beyond tolerance:\n{off}");
}
