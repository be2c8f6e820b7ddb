//! The embedded target as a process of its own, and the self-test that uses it.
#![allow(clippy::unwrap_used)]

mod embedded_load;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use embedded_load::{Sending, send};
use plimsoll_load::embedded::{Counts, Method};
use plimsoll_load::selftest::{Outcome, Settings, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_plimsoll-load");

/// A target process and what it writes after its first line.
fn target(arguments: &[&str]) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = Command::new(PROGRAM)
        .args(["target", "--until-stdin-closes", "--for", "1min"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    (child, stdout, address)
}

#[test]
fn the_process_ends_with_its_stdin_and_has_counted_what_was_sent() {
    let arguments = ["--format", "json", "--close-after", "5ms", "--error", "StartWorkflowExecution=aborted:5%"];
    let (mut child, mut stdout, address) = target(&arguments);
    let sending = Sending { phases: "1s@300/s", ..Sending::default() };
    let seen = send(address.parse().unwrap(), &sending);
    drop(child.stdin.take());
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());

    let counts: Counts = serde_json::from_str(&text).unwrap();
    let starts = counts.of(Method::StartWorkflowExecution);
    assert_eq!((starts.received, starts.refused), (seen.tally.sent + seen.retries, seen.retries), "{text}");
    assert_eq!(counts.workflows_started, seen.tally.completed);
    assert_eq!((seen.tally.completed, counts.workflows_open), (seen.tally.offered, 0));
}

#[test]
fn the_process_ends_after_its_time() {
    let output = Command::new(PROGRAM).args(["target", "--for", "100ms"]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("0 workflows started"));
}

#[test]
fn behaviour_that_cannot_be_is_refused_with_what_was_expected() {
    for (arguments, expected) in [
        (["--delay", "fast"], "exp:5ms"),
        (["--error", "teapot:1%"], "unavailable"),
        (["--freeze", "5s"], "5s+2s"),
        (["--capacity", "0/s"], "--freeze"),
        (["--listen", "0.0.0.0:0"], "loopback"),
    ] {
        let output = Command::new(PROGRAM).arg("target").args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

/// How fast this machine is, and whether it is now, is not the test's business: the books are.
#[test]
fn a_self_test_accounts_for_every_start_and_ends_in_time() {
    let settings = Settings::quick(PROGRAM.as_ref());
    let budget = Duration::from_nanos(settings.budget.0);
    let outcome: Outcome = run(&settings).unwrap();
    assert!(!outcome.probes.is_empty());
    for probe in &outcome.probes {
        assert!(probe.offered > 0 && probe.accepted <= probe.offered, "{probe:?}");
        assert!(probe.cpu_seconds_per_start > 0.0, "{probe:?}");
        assert!(!probe.held || (probe.accepted == probe.offered && probe.lag_p99_seconds < 1e-3), "{probe:?}");
    }
    let held = outcome.probes.iter().filter(|probe| probe.held).map(|probe| probe.rate.as_per_second());
    assert_eq!(outcome.highest.map(|rate| rate.as_per_second()), held.max_by(f64::total_cmp));
    // Each probe has a bound of its own: nothing here may take longer than what is asked for.
    assert!(outcome.probes.len() as u64 <= budget.as_millis() as u64 / 200 + 1, "{}", outcome.probes.len());
}
