//! Ctrl-C during long work: soon, with 130, and every file is whole or not there.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use common::{Outcome, ends_within, files, interrupt, plimsoll, run, validate};
use serde_json::Value;

/// Five million workflows: minutes of work.
const LONG: [&str; 2] = ["--set", "arrivals.phases=[{ for = \"3d\", rate = \"20/s\" }]"];
const SOON: Duration = Duration::from_secs(20);

/// Starts the program with a page to write, lets it work, and presses Ctrl-C; what it left on stdout and stderr.
fn interrupted(arguments: &[&str], folder: &Path, work: Duration) -> (Option<i32>, String, String) {
    let page = folder.join("page.html");
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let mut child = plimsoll()
        .args(arguments)
        .arg("--html")
        .arg(&page)
        .stdout(Stdio::from(fs::File::create(&out).unwrap()))
        .stderr(Stdio::from(fs::File::create(&err).unwrap()))
        .spawn()
        .unwrap();
    // The page's unfinished file is there once Ctrl-C is watched for.
    let part = folder.join(format!(".page.html.{}.part", child.id()));
    while !part.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "{}", fs::read_to_string(&err).unwrap());
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(work);
    assert_eq!(child.try_wait().unwrap(), None, "it was to work for long");
    interrupt(&child);
    let code = ends_within(&mut child, SOON);
    assert!(!part.exists(), "half a file is left");
    let read = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        fs::remove_file(path).unwrap();
        text
    };
    (code, read(&out), read(&err))
}

#[test]
fn a_simulation_keeps_what_it_has() {
    // A machine under load may not have measured anything yet: then there is nothing to keep.
    for work in [500, 2_000, 8_000] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let path = out.to_str().unwrap();
        let arguments = ["simulate", "one-activity", "--whole", "--format", "json", "--out", path];
        let arguments = [&arguments, &LONG[..]].concat();
        let (code, stdout, stderr) = interrupted(&arguments, folder.path(), Duration::from_millis(work));
        assert_eq!(code, Some(130), "{stderr}");
        assert!(stderr.ends_with("interrupted\n"), "{stderr}");
        if stdout.is_empty() {
            assert!(files(folder.path()).is_empty());
            continue;
        }
        let document: Value = serde_json::from_str(&stdout).unwrap();
        validate("simulate", &document);
        assert!(document["warnings"].to_string().contains("interrupted"), "{document:#}");
        let manifest: Value = serde_json::from_str(&fs::read_to_string(out.join("run.json")).unwrap()).unwrap();
        validate("run", &manifest);
        assert_eq!(manifest["verdict"]["verdict"], "suspect");
        assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("</html>"));
        let Outcome { code, stderr, .. } = run(&["report", path]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        return;
    }
    panic!("nothing was measured in 8 seconds");
}

#[test]
fn a_plan_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // So many sessions of long activities that a plan takes a while.
    let arguments = ["plan", "agent-pipeline", "--set", "growth.factor=20.0"];
    let (code, stdout, stderr) = interrupted(&arguments, folder.path(), Duration::from_millis(200));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(130), "", "interrupted\n"));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_sweep_keeps_the_points_that_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["sweep", "nightly-batch", "--vary", "workers.pods=3..900", "--format", "json"];
    let (code, stdout, stderr) = interrupted(&arguments, folder.path(), Duration::from_millis(1_500));
    assert_eq!(code, Some(130), "{stderr}");
    assert_eq!(stderr, "interrupted\n");
    let sweep: Value = serde_json::from_str(&stdout).unwrap();
    validate("sweep", &sweep);
    assert!(sweep["points"].as_array().unwrap().len() < 898);
    assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("</html>"));
}
