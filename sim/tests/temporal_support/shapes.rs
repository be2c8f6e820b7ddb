//! The measured workflow shapes: what was run on a real server, and what it counted per workflow.

use plimsoll_sim::temporal::{Metric, Outcome, Process};
use serde_json::Value;

/// Simulated workflows for each measured one: the model's own noise is to be small beside the measurement's.
pub const MORE: f64 = 8.0;

pub const SHAPES: [(&str, &str); 11] = [
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

pub fn workflows(name: &str, steps: &str) -> String {
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

pub fn measured() -> Vec<Value> {
    let whole: Value = serde_json::from_str(include_str!("../data/measured_counts.json")).unwrap();
    whole["runs"].as_array().unwrap().clone()
}

pub fn number(run: &Value, key: &str) -> f64 {
    run.pointer(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("{key} in {run}"))
}

/// The model's figures of one shape, under the names of the measured ones.
pub fn predicted(name: &str, outcome: &Outcome) -> Vec<(&'static str, f64)> {
    let work = &outcome.work;
    let per = |count: u64| count as f64 / outcome.counts.offered as f64;
    // The payloads of this run were padding, which PostgreSQL compressed to nothing: 0.9 KB of `history_node` grew by for
    // 48 KiB. The model counts payloads whole.
    let padding = if name == "act1_payload_16KiB" { 3.0 * 16_384.0 } else { 0.0 };
    let cpu = |process: Process| work.cpu[process as usize].as_secs_f64() * 1e3 / outcome.counts.offered as f64;
    vec![
        ("/state_transitions", per(work.state_transitions)),
        ("/write_transactions", per(work.write_transactions)),
        ("/history_node_rows", per(work.history_rows)),
        ("/statements", per(work.statements + work.visibility_statements)),
        ("/fsyncs", per(work.fsyncs)),
        ("/wal_bytes", per(work.wal_bytes) - padding),
        ("/cpu_ms/frontend", cpu(Process::Frontend)),
        ("/cpu_ms/history", cpu(Process::History)),
        ("/cpu_ms/matching", cpu(Process::Matching)),
        ("/cpu_ms/database", cpu(Process::Database)),
        ("/latency_ms/p50", quantile_ms(outcome, 0.5)),
    ]
}

pub fn quantile_ms(outcome: &Outcome, q: f64) -> f64 {
    outcome.recorder.total(Metric::EndToEnd).quantile(q).unwrap().as_secs_f64() * 1e3
}

/// The measured figure that a predicted one stands against.
pub fn observed(run: &Value, key: &str) -> f64 {
    match key {
        "/statements" => number(run, key) + number(run, "/visibility_statements"),
        // Full-page images belong to checkpoints, not to workflows.
        "/wal_bytes" => number(run, key) - number(run, "/full_page_images") * FULL_PAGE_IMAGE,
        _ => number(run, key),
    }
}

/// Mean size of a full-page image; its pages' free space is left out. In the WAL of such runs (`pg_waldump`) 304 images of the main database had
/// 5.6 KB, 320 of visibility's 4.0 KB: the mean of a window is between.
pub const FULL_PAGE_IMAGE: f64 = 4_800.0;
pub const FULL_PAGE_IMAGE_ERROR: f64 = 800.0;

/// How far a prediction may be from the measured figure, in its unit.
pub fn allowed(run: &Value, key: &str) -> f64 {
    let images = if key == "/wal_bytes" { number(run, "/full_page_images") * FULL_PAGE_IMAGE_ERROR } else { 0.0 };
    observed(run, key) * tolerance(key) + images + collection(key) / number(run, "/workflows")
}

/// CPU of one garbage collection of a service in milliseconds: a measured window holds one more or one less than its share.
fn collection(key: &str) -> f64 {
    let runtime = plimsoll_profiles::calibration::Calibration::reference().runtime;
    let one = match key {
        "/cpu_ms/frontend" => runtime.frontend_collection,
        "/cpu_ms/history" => runtime.history_collection,
        "/cpu_ms/matching" => runtime.matching_collection,
        _ => return 0.0,
    };
    one.as_secs_f64() * 1e3
}

pub fn tolerance(key: &str) -> f64 {
    match key {
        "/history_node_rows" => 0.02,
        "/state_transitions" | "/write_transactions" | "/statements" => 0.03,
        "/fsyncs" => 0.05,
        "/wal_bytes" => 0.12,
        "/cpu_ms/history" => 0.30,
        // Single runs at 5 to 10/s; sequences of steps come out slower than they were (three activities by 18 %, a child by 25).
        "/latency_ms/p50" => 0.27,
        _ => 0.20,
    }
}

/// The median over a shape's repeats.
pub fn median(name: &str, key: &str) -> f64 {
    let mut values: Vec<f64> = measured()
        .iter()
        .filter(|run| run["name"].as_str().unwrap().starts_with(name))
        .map(|run| number(run, key))
        .collect();
    assert_eq!(values.len(), 3, "{name} was measured three times");
    values.sort_by(f64::total_cmp);
    values[1]
}
