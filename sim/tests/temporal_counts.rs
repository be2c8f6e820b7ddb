//! What the model says of each measured workflow shape, against the same shape on a real server.
//!
//! `data/measured_counts.json` holds the measurements. Tolerances are those a reader of a plan can rely on; the
//! wider one for history's CPU is how far that figure moved between repeats of the same measured run.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use std::fmt::Write as _;

use plimsoll_sim::temporal::{Metric, Outcome};

use temporal_support::shapes::*;
use temporal_support::{on_measured_machine, run, settings};

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
        for (key, model) in predicted(name, &outcome) {
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

#[test]
fn latencies_of_a_one_activity_workflow_follow_the_load() {
    let mut off = String::new();
    for rate in [5.0, 15.0, 25.0] {
        let name = format!("act1_rate{rate}_");
        let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), rate);
        // As long as the measured runs, from an empty cluster: each has its own luck, and so have the real ones.
        let runs: Vec<_> = (0..24).map(|seed| run(&profile, settings(seed, rate, rate * 22.0))).collect();
        // At 25/s narrower with the timers of the run before, which fell into each measured window: `counts` adds them.
        let tail = if rate < 20.0 { 0.25 } else { 0.45 };
        for (q, key, tolerance) in
            [(0.5, "/latency_ms/p50", 0.10), (0.9, "/latency_ms/p90", tail), (0.99, "/latency_ms/p99", tail)]
        {
            let mut quantiles: Vec<f64> = runs.iter().map(|outcome| sample_quantile_ms(outcome, q)).collect();
            quantiles.sort_by(f64::total_cmp);
            let (model, real) = (quantiles[quantiles.len() / 2], median(&name, key));
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

/// The quantile of the workflows that were, however few lie beyond it: what the measurement gives.
fn sample_quantile_ms(outcome: &Outcome, q: f64) -> f64 {
    let mut values: Vec<u64> = outcome.recorder.values(Metric::EndToEnd).expect("few enough to be kept").collect();
    values.sort_unstable();
    values[((values.len() as f64 * q) as usize).min(values.len() - 1)] as f64 / 1e6
}
