//! Real histories and traces to profiles that plan as they are.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{Outcome, history, run};
use plimsoll_profiles::profile::{Profile, Span, Step};
use plimsoll_profiles::units::{Bytes, Nanos};
use plimsoll_profiles::{Document, World};

/// The text and the checked profile.
fn imported(paths: &[&Path]) -> (String, Profile) {
    let mut arguments = vec!["import", "history", "--quiet"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let Outcome { code, stdout, stderr } = run(&arguments);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let profile = Document::parse(&stdout, "imported", &[]).unwrap_or_else(|problems| panic!("{problems}\n{stdout}"));
    let profile = profile.profile(&World::mid()).unwrap();
    (stdout, profile)
}

fn steps(name: &str) -> (String, Vec<Step>) {
    let (text, profile) = imported(&[&history(name)]);
    assert_eq!(profile.workflows.len(), 1, "{text}");
    (text, profile.workflows[0].steps.clone())
}

fn activities(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| match step {
            Step::Activity(_) => 1,
            Step::Parallel(steps) | Step::Sequence(steps) => activities(steps),
            Step::Repeat { times, steps } => *times as usize * activities(steps),
            _ => 0,
        })
        .sum()
}

fn constant(span: &Span) -> Nanos {
    match span {
        Span::Constant(nanos) => *nanos,
        other => panic!("{other:?} is not constant"),
    }
}

#[test]
fn one_activity_with_its_duration_sizes_and_options() {
    let (text, steps) = steps("act1-1");
    let [Step::Activity(activity)] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(activity.name, "Act");
    // Started 38:59.047382840, completed 38:59.053236713: 5.853873 ms, to three digits.
    assert_eq!(constant(&activity.takes), Nanos::from_micros(5_850));
    // Three payloads: 1 + 8 + 10, 0 + 8 + 12, 1 + 8 + 10 bytes of data, key and encoding.
    assert_eq!(activity.input, Bytes(58));
    assert_eq!(activity.output, Bytes(20));
    assert_eq!(activity.timeouts.start_to_close, Some(Nanos::from_secs(60)));
    assert_eq!(activity.retry.initial, Nanos::from_millis(100));
    assert_eq!(activity.retry.backoff, 1.0);
    assert_eq!(activity.retry.maximum, Nanos::from_secs(10));
    assert_eq!(activity.fails.get(), 0.0);
    assert!(text.contains("# takes: inferred from 1 samples"), "{text}");
}

#[test]
fn sequential_activities_are_counted() {
    assert_eq!(activities(&steps("act3_sequential-1").1), 3);
}

#[test]
fn parallel_activities_are_one_block_whatever_order_they_end_in() {
    for name in ["act4_parallel-1", "act4_parallel-2"] {
        let (_, steps) = steps(name);
        let [Step::Parallel(branches)] = steps.as_slice() else { panic!("{name}: {steps:?}") };
        assert_eq!((branches.len(), activities(branches)), (4, 4), "{name}");
    }
    let (_, profile) = imported(&[&history("act4_parallel-1"), &history("act4_parallel-2")]);
    assert_eq!(profile.workflows.len(), 1);
}

#[test]
fn retries_become_a_probability() {
    let (text, steps) = steps("retry1_after_100ms-1");
    let [Step::Activity(activity)] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(activity.fails.get(), 0.5);
    assert!(text.contains("2 attempts, 1 of them failed"), "{text}");
}

#[test]
fn heartbeats_keep_their_time_out() {
    let (_, steps) = steps("heartbeat3_every_1s-1");
    let [Step::Activity(activity)] = steps.as_slice() else { panic!("{steps:?}") };
    let heartbeat = activity.heartbeat.unwrap();
    assert_eq!((heartbeat.timeout, heartbeat.every), (Some(Nanos::from_millis(1_250)), Nanos::from_secs(1)));
}

#[test]
fn local_activities_are_read_from_their_markers() {
    let (text, steps) = steps("local3-1");
    assert!(text.contains("local_activity = \"Act\"") && text.contains("count = 3"), "{text}");
    assert!(!steps.is_empty());
}

#[test]
fn timers_are_as_long_as_they_were_set() {
    let (_, steps) = steps("timer_2s-1");
    let [Step::Timer(span)] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(constant(span), Nanos::from_secs(2));
}

#[test]
fn signals_are_waits_even_when_buffered_during_a_workflow_task() {
    for name in ["signal2-1", "signal2-2"] {
        let (_, steps) = steps(name);
        let [Step::WaitSignal(wait)] = steps.as_slice() else { panic!("{name}: {steps:?}") };
        assert_eq!((wait.name.as_str(), wait.count, wait.from_start), ("go", 2, false));
    }
}

#[test]
fn a_continued_run_whose_first_is_absent_assumes_one_and_says_so() {
    let (text, steps) = steps("continue_as_new1_after_1200ms-1");
    assert!(matches!(steps.as_slice(), [Step::Activity(_), Step::ContinueAsNew { runs: 1 }]), "{steps:?}");
    assert!(text.contains("not among the files"), "{text}");
}

#[test]
fn a_child_without_its_history_is_a_wait_and_is_named() {
    let (text, steps) = steps("child1-1");
    // Started 43:24.542436781, completed 43:24.592992874.
    let [Step::Timer(span)] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(constant(span), Nanos::from_micros(50_600));
    assert!(text.contains("child workflow Wf: its histories are not among the files"), "{text}");
}

#[test]
fn a_child_with_its_history_is_a_type_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let parent = fs::read_to_string(history("child1-1")).unwrap();
    let parent_json: serde_json::Value = serde_json::from_str(&parent).unwrap();
    let events = parent_json["events"].as_array().unwrap();
    let child = events.iter().find_map(|e| e.get("childWorkflowExecutionStartedEventAttributes")).unwrap();
    // Another run's history takes the child's place.
    let mut child_json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(history("act1-1")).unwrap()).unwrap();
    let started = &mut child_json["events"][0]["workflowExecutionStartedEventAttributes"];
    started["originalExecutionRunId"] = child["workflowExecution"]["runId"].clone();
    started["parentWorkflowExecution"] = serde_json::json!({ "workflowId": "parent", "runId": "run" });
    fs::write(folder.path().join("parent.json"), parent).unwrap();
    fs::write(folder.path().join("child.json"), child_json.to_string()).unwrap();
    let (text, profile) = imported(&[folder.path()]);
    assert_eq!(profile.workflows.len(), 2, "{text}");
    let [Step::Child(step)] = profile.workflows[0].steps.as_slice() else { panic!("{text}") };
    let child = &profile.workflows[step.workflow];
    assert_eq!((step.wait, child.share), (true, None));
    assert_eq!(activities(&child.steps), 1);
}

#[test]
fn all_samples_together_have_shares_of_1_and_a_rate() {
    let folder = history("act1-1");
    let (text, profile) = imported(&[folder.parent().unwrap()]);
    let shares: f64 = profile.workflows.iter().filter_map(|workflow| workflow.share).map(|share| share.get()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    assert!(text.contains("# Inferred from 12 workflow histories"), "{text}");
    assert!(text.contains("Inferred from 11 start times"), "{text}");
}

#[test]
fn few_starts_are_no_rate_and_the_profile_says_so() {
    assert!(steps("act1-1").0.contains("# Assumed: 1 start times do not make a rate"));
}

#[test]
fn what_a_profile_cannot_say_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&fs::read_to_string(history("act1-1")).unwrap()).unwrap();
    for (at, event_type) in
        ["EVENT_TYPE_FROM_THE_FUTURE", "EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"].iter().enumerate()
    {
        let event = serde_json::json!({
            "eventId": (100 + at).to_string(), "eventTime": "2026-11-21T09:38:59.06Z", "eventType": event_type
        });
        json["events"].as_array_mut().unwrap().insert(4, event);
    }
    let path = folder.path().join("h.json");
    fs::write(&path, json.to_string()).unwrap();
    let (text, _) = imported(&[&path]);
    assert!(text.contains("#   1 × FROM_THE_FUTURE"), "{text}");
    assert!(text.contains("#   1 × UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"), "{text}");
}

#[test]
fn the_list_of_events_that_the_web_interface_saves_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(history("act1-1")).unwrap()).unwrap();
    let path = folder.path().join("events.json");
    fs::write(&path, json["events"].to_string()).unwrap();
    assert_eq!(imported(&[&path]).1, imported(&[&history("act1-1")]).1);
}

#[test]
fn what_is_no_history_is_refused_with_its_name_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let mut headless: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(history("act1-1")).unwrap()).unwrap();
    headless["events"].as_array_mut().unwrap().remove(0);
    for (text, expected) in [
        ("", "EOF"),
        ("not json", "expected"),
        ("{}", "missing field `events`"),
        ("{\"events\":[]}", "no events"),
        ("[1]", "invalid type"),
        ("{\"events\":[{\"eventId\":\"x\"}]}", "not an event number"),
        ("{\"events\":[{\"eventTime\":\"yesterday\"}]}", "not an RFC 3339 time"),
        (headless.to_string().as_str(), "not WORKFLOW_EXECUTION_STARTED"),
        ("\u{0}\u{1}\u{2}", "expected"),
    ] {
        let path = folder.path().join("broken.json");
        fs::write(&path, text).unwrap();
        let Outcome { code, stdout, stderr } = run(&["import", "history", path.to_str().unwrap()]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{text}: {stderr}");
        assert!(stderr.contains("broken.json") && stderr.contains(expected), "{text}: {stderr}");
        assert!(stderr.contains("temporal workflow show"), "{stderr}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(run(&["import", "history", empty.path().to_str().unwrap()]).code, 2);
    assert_eq!(run(&["import", "history", "missing.json"]).code, 4);
}

#[test]
fn a_history_cut_anywhere_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["act4_parallel-1", "child1-1", "signal2-1", "local3-1"] {
        let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(history(name)).unwrap()).unwrap();
        let events = json["events"].as_array().unwrap();
        for end in 1..events.len() {
            let path = folder.path().join("cut.json");
            fs::write(&path, serde_json::json!({ "events": events[..end] }).to_string()).unwrap();
            let Outcome { code, stderr, .. } = run(&["import", "history", path.to_str().unwrap()]);
            // Open workflows are no samples.
            assert_eq!(code, 2, "{name} {end}: {stderr}");
            assert!(stderr.contains("has ended"), "{name} {end}: {stderr}");
        }
    }
}

#[test]
fn writes_the_profile_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("profile.toml");
    let Outcome { code, stdout, stderr } =
        run(&["import", "history", history("act1-1").to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(stderr.contains("next: plimsoll plan"), "{stderr}");
    assert!(Document::read(&out, &[]).is_ok());
}

#[test]
fn a_trace_becomes_a_profile_that_refers_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, out) = (folder.path().join("starts.csv"), folder.path().join("profile.toml"));
    fs::write(&csv, "time,type\n2026-11-21T09:00:00Z,a\n2026-11-21T09:00:01.5Z,b\n2026-11-21T09:01:40Z,a\n").unwrap();
    let Outcome { code, stderr, .. } = run(&["import", "trace", csv.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.contains("# 3 workflow starts over 100s from starts.csv"), "{text}");
    assert!(text.contains("trace = { file = \"starts.csv\" }"), "{text}");
    Document::read(&out, &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    fs::write(&csv, "time\n1\nsoon\n").unwrap();
    let Outcome { code, stderr, .. } = run(&["import", "trace", csv.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(stderr.contains("starts.csv:3"), "{stderr}");
}

/// The first file is a pipe, so the program waits in it while the signal comes.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_130_and_leaves_no_half_a_file() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let (pipe, out) = (folder.path().join("pipe.json"), folder.path().join("out/profile.toml"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = common::plimsoll()
        .args(["import", "history", pipe.to_str().unwrap(), history("act1-1").to_str().unwrap(), "--out"])
        .arg(&out)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Opening waits for the reader, so the program is in its loop from here on.
    let writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    std::io::copy(&mut fs::File::open(history("act3_sequential-1")).unwrap(), &mut { writer }).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "interrupted\n");
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn names_from_histories_cannot_break_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "a\"b\\c\n] }\u{7}\u{85}é";
    let text = fs::read_to_string(history("act1-1")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"] = hostile.into();
    json["events"][4]["activityTaskScheduledEventAttributes"]["activityType"]["name"] = hostile.into();
    let path = folder.path().join("hostile.json");
    fs::write(&path, json.to_string()).unwrap();
    let (_, profile) = imported(&[&path]);
    assert_eq!(profile.workflows[0].name, hostile);
    let Step::Activity(activity) = &profile.workflows[0].steps[0] else { panic!("no activity") };
    assert_eq!(activity.name, hostile);
}

/// The events of `act1-1` between its first workflow task and its end, `times` times, with a timer after each.
fn polling(times: u64) -> serde_json::Value {
    let text = fs::read_to_string(history("act1-1")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let events = json["events"].as_array().unwrap();
    let mut out: Vec<serde_json::Value> = events[..4].to_vec();
    for round in 0..times {
        let id = 100 + round * 10;
        let mut activity: Vec<serde_json::Value> = events[4..7].to_vec();
        activity[0]["eventId"] = id.to_string().into();
        activity[1]["activityTaskStartedEventAttributes"]["scheduledEventId"] = id.to_string().into();
        activity[2]["activityTaskCompletedEventAttributes"]["scheduledEventId"] = id.to_string().into();
        out.extend(activity);
        out.push(serde_json::json!({ "eventId": (id + 1).to_string(), "eventTime": "2026-11-21T09:38:59.06Z",
            "eventType": "EVENT_TYPE_TIMER_STARTED", "timerStartedEventAttributes": { "startToFireTimeout": "30s" } }));
        out.push(serde_json::json!({ "eventId": (id + 2).to_string(), "eventTime": "2026-11-21T09:39:29.06Z",
            "eventType": "EVENT_TYPE_TIMER_FIRED",
            "timerFiredEventAttributes": { "startedEventId": (id + 1).to_string() } }));
    }
    out.push(events[10].clone());
    let mut json = serde_json::json!({ "events": out });
    json["events"][0]["workflowExecutionStartedEventAttributes"]["originalExecutionRunId"] =
        format!("run-{times}").into();
    json
}

#[test]
fn a_loop_is_one_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("polling.json");
    fs::write(&path, polling(17).to_string()).unwrap();
    let (text, profile) = imported(&[&path]);
    let [Step::Repeat { times, steps }] = profile.workflows[0].steps.as_slice() else { panic!("{text}") };
    assert_eq!(*times, 17);
    assert!(matches!(steps.as_slice(), [Step::Activity(_), Step::Timer(_)]), "{steps:?}");
}

#[test]
fn many_runs_that_differ_only_in_counts_are_one_type_with_the_mean() {
    let folder = tempfile::tempdir().unwrap();
    for times in 3..43 {
        fs::write(folder.path().join(format!("{times}.json")), polling(times).to_string()).unwrap();
    }
    let (text, profile) = imported(&[folder.path()]);
    assert_eq!(profile.workflows.len(), 1, "{text}");
    let [Step::Repeat { times, .. }] = profile.workflows[0].steps.as_slice() else { panic!("{text}") };
    assert_eq!(*times, 23, "the mean of 3 to 42 is 22.5");
}

/// A type that starts itself as a child, three deep: a profile has no cycles, so the edge to itself goes.
#[test]
fn a_type_that_starts_itself_is_cut_where_it_would_be_a_cycle() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(history("child1-1")).unwrap();
    for depth in 0..4 {
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let started = &mut json["events"][0]["workflowExecutionStartedEventAttributes"];
        started["originalExecutionRunId"] = format!("run-{depth}").into();
        if depth > 0 {
            started["parentWorkflowExecution"] = serde_json::json!({ "workflowId": "w", "runId": "r" });
        }
        for event in json["events"].as_array_mut().unwrap() {
            if let Some(child) = event.get_mut("childWorkflowExecutionStartedEventAttributes") {
                child["workflowExecution"]["runId"] = format!("run-{}", depth + 1).into();
            }
        }
        fs::write(folder.path().join(format!("{depth}.json")), json.to_string()).unwrap();
    }
    let (text, profile) = imported(&[folder.path()]);
    assert_eq!(profile.workflows.len(), 2, "{text}");
    assert!(matches!(profile.workflows[0].steps.as_slice(), [Step::Child(_)]), "{text}");
    assert!(matches!(profile.workflows[1].steps.as_slice(), [Step::Timer(_)]), "{text}");
    assert!(text.contains("would be a cycle"), "{text}");
}
