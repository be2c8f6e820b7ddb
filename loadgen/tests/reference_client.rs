//! The numbers of `plimsoll-load run` against those of a small program on another SDK (`loadgen/reference`, Go). Both send to the
//! same workers, those of the Go SDK: only the client differs.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::reference::{self, Workers};
use common::{Settings, cluster};

/// Interleaved pairs: what drifts on a shared machine drifts for both.
const PAIRS: usize = 5;
/// Well below what two cores can do, where a queue would make small differences large.
const RATE: &str = "5";
const SECONDS: &str = "30";

/// p50 in milliseconds, as the Go program prints it.
fn of_reference(program: &Path, settings: &Settings, queue: &str, seed: usize) -> f64 {
    let output = reference::command(program, settings, queue)
        .args(["-rate", RATE, "-duration", &format!("{SECONDS}s"), "-seed", &seed.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix("p50 ")).unwrap_or_else(|| panic!("no p50 in {text}"));
    line.trim_end_matches(" ms").parse().unwrap()
}

/// p50 in milliseconds of `e2e.response`, as a run directory has it. As the Go program does, it asks the server for the end of each workflow
/// and reads nothing beside: a worker hears of the end earlier than a client, and reading histories is as much load as these starts.
fn of_plimsoll(folder: &Path, settings: &Settings, queue: &str, seed: usize) -> Option<f64> {
    let out = folder.join(format!("run{seed}"));
    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/../profiles/one-activity.toml");
    let output = assert_cmd::cargo::cargo_bin_cmd!("plimsoll-load")
        .args(["run", profile, "--yes", "--rate", &format!("{RATE}/s"), "--duration", &format!("{SECONDS}s")])
        .args([
            "--completions",
            "long-poll",
            "--histories-per-second",
            "0",
            "--idle-baseline",
            "0s",
            "--no-local-cluster",
            "--workers",
            "own",
            "--task-queue",
            queue,
        ])
        .args(["--seed", &seed.to_string(), "--out"])
        .arg(&out)
        .env("TEMPORAL_ADDRESS", &settings["TEMPORAL_ADDRESS"])
        .env("TEMPORAL_NAMESPACE", &settings["TEMPORAL_NAMESPACE"])
        .output()
        .unwrap();
    // 1 is a promise of the profile that was not kept, 3 a run that does not trust itself: then the pair is made again.
    match output.status.code() {
        Some(0 | 1) => {}
        Some(3) => return None,
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
    let run = plimsoll_reports::run_dir::read(&out).unwrap();
    Some(run.merged("e2e.response").quantile(0.5).expect("completed workflows") as f64 / 1e6)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "needs a real cluster (loadgen/cluster/up) and Go; takes seven minutes"]
fn another_sdks_client_sees_the_same_median_within_ten_per_cent() {
    let Some(settings) = cluster() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = reference::build(folder.path()) else { return };
    let queue = format!("plimsoll-reference-{}", std::process::id());
    let _workers = Workers::start(&program, settings, &queue, &[]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..2 * PAIRS {
        let go = of_reference(&program, settings, &queue, pair);
        let Some(own) = of_plimsoll(folder.path(), settings, &queue, pair) else {
            eprintln!("pair {pair}: the run does not trust itself");
            continue;
        };
        eprintln!("pair {pair}: Go {go:.1} ms, plimsoll-load {own:.1} ms");
        theirs.push(go);
        ours.push(own);
        if ours.len() == PAIRS {
            break;
        }
    }
    assert_eq!(ours.len(), PAIRS, "too many runs that do not trust themselves: the machine is too busy");
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let ratio = ours / theirs;
    assert!((0.9..=1.1).contains(&ratio), "p50 {ours:.1} ms, of the Go program {theirs:.1} ms: ratio {ratio:.3}");
}
