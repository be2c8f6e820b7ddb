//! `plimsoll lint` as its user meets it: text, JSON, SARIF, exit codes.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Outcome, history, json, run, validate};
use serde_json::Value;

const BAD: [&str; 5] = ["lint", "order-fulfilment", "--set", "workflow.0.steps.0.output=3MiB", "--quiet"];

#[test]
fn a_shipped_profile_passes_and_says_so() {
    let Outcome { code, stdout, stderr } = run(&["lint", "order-fulfilment"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("0 errors, 0 warnings") && stdout.contains("exit 0"), "{stdout}");
}

#[test]
fn an_error_is_a_finding_with_its_place_limit_reason_and_mend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.toml");
    let text = plimsoll_profiles::shipped::profile("order-fulfilment").unwrap().text;
    let text = text.replacen("output = \"500B\", start_to_close", "output = \"3MiB\", start_to_close", 1);
    let line = text.lines().position(|line| line.contains("3MiB")).unwrap() + 1;
    std::fs::write(&path, &text).unwrap();
    let Outcome { code, stdout, .. } = run(&["lint", path.to_str().unwrap()]);
    assert_eq!(code, 1, "{stdout}");
    for part in [
        "error PL104 payload-size",
        &format!("profile.toml:{line}:"),
        "`workflow.0.steps.0.output`",
        "output = \"3MiB\"",
        "found  3 MiB · limit 2 MiB: the server refuses it",
        "source Temporal 1.31: limit.blobSize.warn 512 KiB",
        "why    ",
        "mend   ",
        "1 error",
        "exit 1: errors",
    ] {
        assert!(stdout.contains(part), "{part:?} is missing in\n{stdout}");
    }
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
}

#[test]
fn warnings_count_only_when_they_are_denied_and_allowed_rules_never() {
    let arguments = ["lint", "order-fulfilment", "--set", "growth.headroom=0.05"];
    assert_eq!(run(&arguments).code, 0);
    let denied = [&arguments[..], &["--deny", "warnings"]].concat();
    let Outcome { code, stdout, .. } = run(&denied);
    assert_eq!(code, 1);
    assert!(stdout.contains("exit 1: warnings, which --deny warnings makes count"), "{stdout}");
    for allow in [&["--allow", "PL503"][..], &["--allow", "no-headroom"], &["--set", "lint.allow=[\"PL503\"]"]] {
        let Outcome { code, stdout, .. } = run(&[&denied[..], allow].concat());
        assert_eq!(code, 0, "{stdout}");
        assert!(stdout.contains("PL503 no-headroom is allowed by"), "{stdout}");
    }
}

#[test]
fn json_is_what_its_schema_says() {
    let document = json(&["lint", "order-fulfilment"]);
    validate("lint", &document);
    assert_eq!(document["passed"], true);
    let bad = run(&[&BAD[..], &["--format", "json"]].concat());
    assert_eq!(bad.code, 1);
    let bad: Value = serde_json::from_str(&bad.stdout).unwrap();
    validate("lint", &bad);
    assert_eq!(bad["counts"]["errors"], 1);
    let finding = bad["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "PL104").unwrap();
    assert_eq!(
        (&finding["place"]["path"], &finding["severity"]),
        (&"workflow.0.steps.0.output".into(), &"error".into())
    );
}

/// What SARIF 2.1.0 requires of the parts that are written, and what code hosts require beside it.
fn assert_sarif(log: &Value, results: usize) {
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-schema-2.1.0"));
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert!(!driver["name"].as_str().unwrap().is_empty() && driver["semanticVersion"].is_string());
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
        }
        assert!(!rule["help"]["markdown"].as_str().unwrap().is_empty());
        assert!(
            ["none", "note", "warning", "error"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
        );
    }
    let ids: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len());
    for invocation in runs[0]["invocations"].as_array().unwrap() {
        assert!(invocation["executionSuccessful"].is_boolean());
    }
    let all = runs[0]["results"].as_array().unwrap();
    assert!(all.len() >= results, "{} results", all.len());
    for result in all {
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        for location in result["locations"].as_array().unwrap() {
            let region = &location["physicalLocation"]["region"];
            assert!(region.is_null() || region["startLine"].as_u64().unwrap() >= 1, "{location}");
            if !region.is_null() {
                let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
                assert!(!uri.is_empty() && !uri.contains(' '), "{uri}");
                if let Some(start) = region["startColumn"].as_u64() {
                    assert!(start >= 1 && region["endColumn"].as_u64().unwrap() > start, "{region}");
                }
            }
        }
    }
}

#[test]
fn sarif_has_what_the_standard_requires_and_points_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my profile.toml");
    let text = plimsoll_profiles::shipped::profile("order-fulfilment").unwrap().text;
    std::fs::write(&path, text.replacen("reserve-stock", "store-password", 1)).unwrap();
    let outcome = run(&["lint", path.to_str().unwrap(), "--format", "sarif"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let log: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_sarif(&log, 1);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "PL601").unwrap();
    let place = &result["locations"][0]["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with("my%20profile.toml"), "{place}");
    let line = text.lines().position(|line| line.contains("reserve-stock")).unwrap() + 1;
    assert_eq!(place["region"]["startLine"], line as u64);
    assert!(!results.iter().any(|result| result["locations"][0]["physicalLocation"].is_null()), "{results:#?}");
}

#[test]
fn real_histories_are_checked_by_event_and_line() {
    let file = history("timer_2s-1");
    let retried = history("retry1_after_100ms-1");
    let outcome = run(&["lint", "--history", file.to_str().unwrap(), retried.to_str().unwrap(), "--format", "json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", outcome.stdout);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    validate("lint", &document);
    let findings = document["findings"].as_array().unwrap();
    let interval = findings.iter().find(|finding| finding["rule"] == "PL212").unwrap();
    assert_eq!(interval["place"]["path"], "event 5");
    let line = interval["place"]["line"].as_u64().unwrap() as usize;
    let text = std::fs::read_to_string(&retried).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("\"eventId\": \"5\""), "{line}");
    let sarif = run(&["lint", "--history", retried.to_str().unwrap(), "--format", "sarif"]);
    assert_sarif(&serde_json::from_str(&sarif.stdout).unwrap(), 1);
}

#[test]
fn a_directory_of_histories_is_read_whole() {
    let folder = history("act1-1");
    let outcome = run(&["lint", "--history", folder.parent().unwrap().to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("12 files"), "{}", outcome.stdout);
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 100), "{}", outcome.stdout);
}

#[test]
fn wrong_use_is_told_with_what_was_expected() {
    let cases: [(&[&str], i32, &str); 6] = [
        (&["lint"], 2, "PROFILE"),
        (&["lint", "order-fulfilment", "--allow", "payload-sizes"], 2, "payload-size"),
        (&["lint", "order-fulfilment", "--set", "lint.allow=[\"PL999\"]"], 2, "PL999"),
        (&["lint", "no-such-profile.toml"], 4, "no-such-profile.toml"),
        (&["lint", "--history", "Cargo.toml"], 2, "not a workflow history"),
        (&["lint", "--history", "no-such.json"], 4, "no-such.json"),
    ];
    for (arguments, code, says) in cases {
        let outcome = run(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stderr.contains(says), "{arguments:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
}

#[test]
fn the_rules_are_listed_with_their_limits() {
    let outcome = run(&["lint", "--rules"]);
    assert_eq!(outcome.code, 0);
    for rule in plimsoll::lint::all_rules() {
        assert!(outcome.stdout.contains(&format!("{} {}", rule.id, rule.name)), "{}", rule.id);
    }
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 100), "{}", outcome.stdout);
}
