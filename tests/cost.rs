//! `plimsoll cost` and `plimsoll forecast` from profile to document.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Outcome, SHORT, at, history, json, run, validate};

#[test]
fn billable_actions_of_real_histories_are_counted_event_by_event() {
    let folder = history("act4_parallel-1").parent().unwrap().to_owned();
    let document = json(&["cost", "--history", folder.to_str().unwrap()]);
    validate("actions", &document);
    let sum = |rows: &str, key: &str| -> u64 {
        at(&document, rows).as_array().unwrap().iter().map(|row| row[key].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("kinds", "billed"), at(&document, "billed").as_u64().unwrap());
    assert_eq!(sum("files", "billed"), at(&document, "billed").as_u64().unwrap());
    assert_eq!(sum("server_labels", "count"), at(&document, "server_counter").as_u64().unwrap());
    let shown = run(&["cost", "--history", folder.to_str().unwrap()]).stdout;
    assert!(shown.contains("grpc_QueryWorkflow") && shown.contains("heartbeats"), "{shown}");
}

#[test]
fn a_profile_costs_what_its_lines_add_up_to() {
    let document = json(&["cost", "one-activity", "--prices", "aws", "--prices", "gcp", "--fte", "0.5"]);
    validate("cost", &document);
    assert!((at(&document, "actions_per_workflow").as_f64().unwrap() - 2.0).abs() < 1e-9);
    for column in ["now", "horizon"] {
        for own in at(&document, &format!("{column}.self_hosted")).as_array().unwrap() {
            let items = own["items"].as_array().unwrap();
            let sum: f64 = items.iter().filter_map(|item| item["usd"].as_f64()).sum();
            assert!((sum - own["server_usd"].as_f64().unwrap()).abs() < 1e-6, "{own:#}");
            assert!(items.iter().any(|item| item["name"] == "people" && item["usd"].as_f64().unwrap() > 6_000.0));
        }
    }
    assert_eq!(at(&document, "matrix").as_array().unwrap().len(), 8);
    assert_eq!(at(&document, "break_even").as_array().unwrap().len(), 2);
    let prices = at(&document, "prices").as_array().unwrap();
    assert!(prices.iter().all(|price| price["source"].as_str().unwrap().starts_with("https://")));
}

#[test]
fn break_even_and_matrix_are_of_what_was_asked_for() {
    let rate = |more: &[&str]| {
        let document = json(&[&["cost", "one-activity"][..], more].concat());
        let best = at(&document, "matrix").as_array().unwrap().last().unwrap()["here"].as_str().unwrap().to_owned();
        assert!(
            best.starts_with("by the money: ") && best.contains(" now, ") && best.ends_with(" at the horizon"),
            "{best}"
        );
        at(&document, "break_even")[0]["workflows_per_second"].as_f64().unwrap()
    };
    let (plain, replicated, old) = (rate(&[]), rate(&["--replicated"]), rate(&["--cloud-plan", "Essentials"]));
    assert!(replicated < plain, "twice the actions at the same rate: {replicated} {plain}");
    assert!((old - plain).abs() > 1e-3, "another plan is another bill: {old} {plain}");
}

#[test]
fn sizes_of_another_plan_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let planned = |more: &[&str]| {
        assert_eq!(run(&[&["plan", "one-activity", "--quiet", "--out", out], &SHORT[..], more].concat()).code, 0);
    };
    let plan = folder.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    planned(&[]);
    for command in ["cost", "forecast"] {
        let Outcome { code, stderr, .. } = run(&[command, "order-fulfilment", "--plan", plan]);
        assert_eq!(code, 2, "{command}: {stderr}");
        for said in [plan, "one activity", "order fulfilment", "leave --plan out"] {
            assert!(stderr.contains(said), "{command} lacks {said}: {stderr}");
        }
    }
    planned(&["--set", "cluster={ use = \"temporal-cloud\" }"]);
    let Outcome { code, stderr, .. } = run(&["cost", "one-activity", "--plan", plan]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("a plan for Temporal Cloud") && stderr.contains("kubernetes-production"), "{stderr}");
}

#[test]
fn what_is_wrong_is_2_and_says_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, "name = \"mine\"\nregion = 3\n").unwrap();
    let path = file.to_str().unwrap();
    for (arguments, expected) in [
        (vec!["cost", "one-activity", "--prices", path], "mine.toml"),
        (vec!["cost", "one-activity", "--prices", "awss"], "did you mean aws?"),
        (vec!["forecast", "one-activity", "--cloud-plan", "Gold"], "Mission Critical"),
        (vec!["cost", "order-fulfilment", "--cloud-plan", "Gold"], "Mission Critical"),
        (vec!["forecast", "one-activity", "--horizon", "soon"], "soon"),
        (vec!["cost"], "PROFILE"),
        (vec!["cost", "--history", "histories", "--fte", "1"], "--fte"),
    ] {
        let Outcome { code, stderr, .. } = run(&arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_forecast_has_its_months_and_says_when_it_no_longer_fits() {
    let grown = ["--set", "growth.factor=1.5", "--set", "growth.horizon=60d"];
    let fits = json(&[&["forecast", "one-activity", "--horizon", "90d"][..], &grown].concat());
    validate("forecast", &fits);
    let months = at(&fits, "months").as_array().unwrap();
    assert_eq!(months.len(), 3);
    let stored: Vec<f64> = months.iter().map(|month| month["stored_bytes"].as_f64().unwrap()).collect();
    assert!(stored.windows(2).all(|pair| pair[0] < pair[1]), "a load that grows stores more: {stored:?}");

    let full =
        ["forecast", "one-activity", "--horizon", "60d", "--set", "growth.factor=100", "--format", "json", "--quiet"];
    let Outcome { code, stdout, .. } = run(&full);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    validate("forecast", &document);
    assert_eq!((code, at(&document, "fits").as_bool()), (1, Some(false)), "{stdout}");
    assert!(at(&document, "unfit_after_days").as_f64().unwrap() > 0.0);
    assert!(at(&document, "finding").as_str().unwrap().contains("No longer fits after"));
}
