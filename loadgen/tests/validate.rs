//! `validate` from the outside: what it runs, what it repeats, what it leaves behind, and how it ends.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use plimsoll_load::embedded::{Behaviour, Embedded};
use plimsoll_reports::run_dir::{self, Trust};
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::validation::{Validation, ValidationGroup};

const PROFILE: &str = r#"
name = "validated"
sdk = "rust"
[arrivals]
phases = [{ for = "60s", rate = "5/s" }]
[[workflow]]
type = "Validated"
input = "10B"
steps = [{ activity = "empty", takes = "0s", start_to_close = "10s" }]
[slo]
end_to_end = { p99 = "60s" }
[workers]
pods = 1
[cluster]
use = "measured-2-core"
"#;

/// Everything is as close as this.
const WIDE: &str = "throughput = 1e6\n[latency.default]\np50 = 1e6\np90 = 1e6\np99 = 1e6\n[per_workflow]\ndefault = 1e6\n\
                    [backlog]\nbacklog_growth = 1e6\ndrain_time = 1e6\n";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("profile.toml"), PROFILE).unwrap();
        fs::write(folder.path().join("wide.toml"), WIDE).unwrap();
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `validate` of the profile into `out`, with nothing of this process's Temporal settings.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-load"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TEMPORAL_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.folder.path()).env("HOME", "/nonexistent").env("XDG_CONFIG_HOME", "/nonexistent");
        command.args(["validate", "profile.toml", "--out", "out", "--ramp", "0s", "--yes"]);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        said(self.command(arguments).output().unwrap())
    }

    fn validation(&self) -> Validation {
        serde_json::from_str(&fs::read_to_string(self.path("out/validation.json")).unwrap()).unwrap()
    }
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A load of two seconds on the target inside the program.
const SMALL: [&str; 10] =
    ["--target", "embedded", "--rate", "20/s", "--duration", "2s", "--warm-up", "1s", "--pause", "0s"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().chain(more).copied().collect()
}

/// What follows from a validation: on a busy machine runs may be left out, and all of them.
fn expected_exit(validation: &Validation) -> i32 {
    match validation.measured.iter().all(|run| run.left_out.is_some()) {
        true => 3,
        false => i32::from(!validation.within),
    }
}

#[test]
fn the_load_is_simulated_once_and_run_as_often_as_asked_at_the_same_times() {
    let place = Place::new();
    let (code, stdout, stderr) =
        place.run(&with(&["--repeats", "2", "--format", "json", "--seed", "7", "--html", "page.html"]));
    let validation = place.validation();
    assert_eq!(code, Some(expected_exit(&validation)), "{stderr}");
    assert_eq!(serde_json::from_str::<Validation>(&stdout).unwrap(), validation, "stdout is the document");
    assert!((2..=4).contains(&validation.measured.len()), "{stderr}");
    for page in ["page.html", "out/validation.html"] {
        assert!(fs::read_to_string(place.path(page)).unwrap().contains("</html>"), "{page}");
    }

    let simulated = run_dir::read(&place.path("out/sim")).unwrap();
    assert_eq!(simulated.manifest.kind, RunKind::Simulated);
    for (index, run) in validation.measured.iter().enumerate() {
        assert_eq!(run.name, format!("run-{}", index + 1));
        let run = run_dir::read(&place.path("out").join(&run.name)).unwrap();
        assert_eq!(run.manifest.kind, RunKind::Measured);
        assert_eq!(
            (run.manifest.seed, run.manifest.sent.offered),
            (7, simulated.manifest.sent.offered),
            "same schedule"
        );
        assert_eq!(run.manifest.profile, simulated.manifest.profile, "same profile");
        let (sim, measured) = (simulated.window(), run.window());
        assert_eq!(sim.0, measured.0, "same warm-up");
    }
    assert!(!place.path("out").join(format!("run-{}", validation.measured.len() + 1)).exists());
}

#[test]
fn what_is_within_its_tolerance_exits_0_and_what_is_not_1() {
    let place = Place::new();
    let (code, _, stderr) = place.run(&with(&["--repeats", "1", "--tolerances", "wide.toml"]));
    let validation = place.validation();
    let counted = validation.measured.iter().any(|run| run.left_out.is_none());
    assert_eq!(code, Some(if counted { 0 } else { 3 }), "{stderr}");
    assert!(!counted || validation.within, "{}", validation.verdict_text);

    // The embedded target answers within a millisecond, a real one does not.
    let (code, stdout, stderr) = place.run(&with(&["--repeats", "1"]));
    let validation = place.validation();
    let counted = validation.measured.iter().any(|run| run.left_out.is_none());
    assert_eq!(code, Some(if counted { 1 } else { 3 }), "{stderr}");
    assert!(stdout.contains(&validation.verdict_text[..20]), "{stdout}");
    if counted {
        let latencies = validation.rows.iter().filter(|row| row.group == ValidationGroup::Latency);
        assert!(latencies.into_iter().any(|row| row.metric == "start" && !row.within), "{:?}", validation.rows);
    }
}

#[test]
fn invalid_runs_are_repeated_as_often_again_and_kept() {
    let place = Place::new();
    // A target that refuses every start: nothing that such a run measured can be used.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut behaviour = Behaviour::default();
    behaviour.errors.push("StartWorkflowExecution=permission-denied:100%".parse().unwrap());
    let target = runtime.block_on(Embedded::start(behaviour)).unwrap();
    let address = target.address().to_string();
    let (code, _, stderr) = place.run(&[
        "--address",
        &address,
        "--workers",
        "own",
        "--completions",
        "long-poll",
        "--rate",
        "10/s",
        "--duration",
        "2s",
        "--warm-up",
        "0s",
        "--pause",
        "0s",
        "--repeats",
        "2",
        "--drain",
        "1s",
    ]);
    assert_eq!(code, Some(3), "{stderr}");
    let validation = place.validation();
    assert_eq!(validation.measured.len(), 4, "{stderr}");
    assert!(validation.measured.iter().all(|run| run.trust == Trust::Invalid && run.left_out.is_some()));
    assert!(validation.rows.is_empty() && !validation.within, "nothing was averaged in");
    for number in 1..=4 {
        assert!(run_dir::read(&place.path(&format!("out/run-{number}"))).is_ok(), "run {number} is kept");
    }
}

#[test]
fn ctrl_c_keeps_the_runs_that_are_there() {
    let place = Place::new();
    let load = &SMALL[..SMALL.len() - 2];
    let mut command = place.command(&[load, &["--repeats", "3", "--pause", "60s"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&mut child, || finished(&place.path("out/run-1")));
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let (code, _, stderr) = said(child.wait_with_output().unwrap());
    assert_eq!(code, Some(130), "{stderr}");
    let validation = place.validation();
    assert_eq!(validation.measured.len(), 1, "{stderr}");
    assert!(run_dir::read(&place.path("out/run-1")).is_ok() && !place.path("out/run-2").exists());
}

#[test]
fn ctrl_c_in_the_first_run_leaves_it_readable_and_makes_no_validation() {
    let place = Place::new();
    let mut command =
        place.command(&["--target", "embedded", "--rate", "20/s", "--duration", "60s", "--warm-up", "0s"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let rows = || run_dir::read(&place.path("out/run-1")).is_ok_and(|run| run.resources.rows.len() >= 2);
    wait_for(&mut child, rows);
    interrupt(&child);
    let (code, _, stderr) = said(child.wait_with_output().unwrap());
    assert_eq!(code, Some(130), "{stderr}");
    assert!(run_dir::read(&place.path("out/run-1")).is_ok() && run_dir::read(&place.path("out/sim")).is_ok());
    assert!(!place.path("out/validation.json").exists());
}

#[test]
fn wrong_flags_are_told_before_anything_is_run() {
    let place = Place::new();
    fs::write(place.path("wrong.toml"), "defualt = 0.1\n").unwrap();
    for arguments in [
        with(&["--repeats", "0"]),
        with(&["--find-capacity"]),
        with(&["--tolerances", "wrong.toml"]),
        with(&["--calibration", "no-such-calibration"]),
    ] {
        let (code, _, stderr) = place.run(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(!place.path("out/run-1").exists(), "{arguments:?}");
    }
    let (code, _, _) = place.run(&with(&["--tolerances", "missing.toml"]));
    assert_eq!(code, Some(4));
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn on_a_real_cluster_every_kind_of_number_is_compared() {
    let Some(cluster) = common::cluster() else { return };
    let place = Place::new();
    let address = cluster["TEMPORAL_ADDRESS"].as_str();
    let (code, _, stderr) = place.run(&[
        "--address",
        address,
        "--rate",
        "5/s",
        "--duration",
        "20s",
        "--repeats",
        "1",
        "--pause",
        "0s",
        "--tolerances",
        "wide.toml",
    ]);
    let validation = place.validation();
    assert_eq!(code, Some(expected_exit(&validation)), "{stderr}");
    if code == Some(3) {
        eprintln!("the machine's speed moved in every run: nothing to compare\n{stderr}");
        return;
    }
    let metrics: Vec<&str> = validation.rows.iter().map(|row| row.metric.as_str()).collect();
    for metric in [
        "workflows_completed",
        "statements",
        "write_transactions",
        "state_transitions",
        "fsyncs",
        "wal_bytes",
        "history_bytes",
        "cpu_seconds.history",
        "cpu_seconds.database",
        "e2e.response",
        "schedule_to_start.activity",
    ] {
        assert!(metrics.contains(&metric), "{metric} is missing: {metrics:?}\n{stderr}");
    }
    let row = |metric: &str| validation.rows.iter().find(|row| row.metric == metric).unwrap();
    // One start, two workflow tasks and an activity: seven transitions, however busy the machine is.
    assert!((row("state_transitions").measured - 7.0).abs() < 0.3, "{:?}", row("state_transitions"));
    // Three tasks, each with two spans.
    let mut steps: Vec<_> = validation.steps.iter().filter_map(|row| row.step.clone()).collect();
    steps.sort();
    steps.dedup();
    assert_eq!(steps.len(), 6, "{steps:?}");
}

fn finished(folder: &Path) -> bool {
    run_dir::read(folder).is_ok_and(|run| run.manifest.summary.is_some())
}

/// Waits until something has happened.
fn wait_for(child: &mut Child, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !happened() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        assert!(Instant::now() < deadline, "nothing happened within 90 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
