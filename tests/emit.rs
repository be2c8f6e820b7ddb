//! `plimsoll emit` from plan or profile to files.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Outcome, SHORT, files, run};
use serde_json::Value;

/// A plan that takes a moment, in a folder.
fn planned(folder: &std::path::Path, more: &[&str]) -> Outcome {
    let out = folder.to_str().unwrap();
    run(&[&["plan", "one-activity", "--quiet", "--out", out], &SHORT[..], more].concat())
}

fn refused(arguments: &[&str], code: i32, words: &[&str]) {
    let Outcome { code: ended, stdout, stderr } = run(arguments);
    assert_eq!((ended, stdout.as_str()), (code, ""), "{arguments:?}\n{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?} lacks {word}\n{stderr}");
    }
}

#[test]
fn a_profile_and_its_plan_give_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(planned(&folder.path().join("plan"), &[]).code, 0);
    let (plan, one, two) = (path("plan"), path("one"), path("two"));
    let Outcome { code, stdout, stderr } = run(&["emit", "all", &plan, "--out", &one]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(run(&[&["emit", "all", "one-activity", "--quiet", "--out", &two], &SHORT[..]].concat()).code, 0);
    let written = files(folder.path().join("one").as_path());
    assert_eq!(stdout.lines().count(), written.len());
    assert!(written.len() >= 16, "{written:?}");
    for file in &written {
        let other = folder.path().join("two").join(file.strip_prefix(folder.path().join("one")).unwrap());
        assert_eq!(fs::read_to_string(file).unwrap(), fs::read_to_string(&other).unwrap(), "{}", file.display());
    }
    // One kind alone is the file of all of them; the hash is that of the plan on disk.
    let Outcome { stdout, .. } = run(&["emit", "worker", &format!("{plan}/plan.json")]);
    assert_eq!(stdout, fs::read_to_string(folder.path().join("one/kubernetes/worker.yaml")).unwrap());
    let hash = plimsoll_reports::emit::plan_hash(&fs::read(folder.path().join("plan/plan.json")).unwrap());
    assert!(stdout.contains(&hash) && stdout.contains("plimsoll plan one-activity --set"), "{stdout}");
    // The load test is a profile that simulates.
    let loadtest = path("one/loadtest.toml");
    let Outcome { code, stderr, .. } = run(&[&["simulate", &loadtest, "--quiet"], &SHORT[..]].concat());
    assert!(code <= 1, "{stderr}");
}

#[test]
fn what_was_mistyped_is_said() {
    refused(&["emit", "helmet", "one-activity"], 2, &["helmet", "possible values", "dynamicconfig"]);
    refused(&["emit", "all", "one-activity"], 2, &["--out"]);
    for namespace in ["My Shop", "shop.prod", "-shop", ""] {
        let namespace = format!("--namespace={namespace}");
        refused(&["emit", "worker", "one-activity", &namespace], 2, &["--namespace", "hyphens"]);
    }
    refused(&["emit", "worker", "one-activity", "--task-queue", ""], 2, &["--task-queue"]);
    refused(&["emit", "worker", "no-such-profile"], 4, &["no-such-profile", "order-fulfilment"]);
    refused(&["emit", "worker", "no-such-plan.json"], 4, &["no-such-plan.json"]);
}

#[test]
fn a_plan_that_cannot_be_deployed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let path = file.to_str().unwrap();
    assert_eq!(planned(folder.path(), &[]).code, 0);
    let whole = fs::read_to_string(&file).unwrap();
    refused(&["emit", "worker", path, "--set", "workers.pods=3"], 2, &["--set", "plan already"]);

    let write = |change: &dyn Fn(&mut Value)| {
        let mut plan: Value = serde_json::from_str(&whole).unwrap();
        change(&mut plan);
        fs::write(&file, plan.to_string()).unwrap();
    };
    write(&|plan| plan["schema_version"] = 99.into());
    refused(&["emit", "worker", path], 2, &["newer plimsoll", "99", path]);
    write(&|plan| plan["schema_version"] = 0.into());
    refused(&["emit", "worker", path], 2, &["older plimsoll", "plimsoll plan PROFILE --out DIR"]);
    write(&|plan| plan["basis"] = Value::Null);
    refused(&["emit", "worker", path], 2, &["older plimsoll", "plimsoll plan PROFILE --out DIR"]);
    write(&|plan| {
        plan.as_object_mut().unwrap().remove("workers");
    });
    refused(&["emit", "worker", path], 2, &["is not a plan", "workers"]);
    fs::write(&file, "{").unwrap();
    refused(&["emit", "worker", path], 2, &["is not a plan"]);

    assert_eq!(planned(folder.path(), &["--set", "slo.start.p99=1us"]).code, 1);
    refused(&["emit", "worker", path], 1, &["does not fit", "INFEASIBLE"]);
}
