//! Autoscaled fleets from profile to files: `plimsoll simulate` and `plimsoll plan --autoscale`.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Outcome, at, json, run, validate};

/// Three quarters of an hour with a peak in them.
const PHASES: &str = "arrivals.phases=[\
    { for = \"8min\", rate = \"1/s\" }, { for = \"8min\", ramp = { from = \"1/s\", to = \"5/s\" } }, \
    { for = \"3min\", rate = \"5/s\" }, { for = \"6min\", ramp = { from = \"5/s\", to = \"1/s\" } }, { for = \"20min\", rate = \"1/s\" }]";

#[test]
fn a_simulated_hpa_is_shown_over_time_and_in_sum() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = ["simulate", "hpa-source-example", "--set", PHASES, "--out", out.to_str().unwrap()];
    let Outcome { code, stdout, stderr } = run(&arguments);
    assert_eq!(code, 0, "{stderr}");
    for words in ["Worker pods", "HPA, 5 to 50 pods", "pod-hours", "flapping", "SLO minutes lost"] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    let series = fs::read_to_string(out.join("resources.csv")).unwrap();
    let header = series.lines().next().unwrap();
    let column = header.split(',').position(|name| name.contains("worker_pods_ready")).unwrap();
    let ready: Vec<f64> = series.lines().skip(1).filter_map(|line| line.split(',').nth(column)?.parse().ok()).collect();
    let (first, most) = (ready[0], ready.iter().copied().fold(0.0, f64::max));
    assert!(first == 5.0 && most > 5.0 && most <= 50.0, "{first} pods at first, {most} at most");
    let document = json(&["simulate", "hpa-source-example", "--set", PHASES]);
    validate("simulate", &document);
    let scaling = at(&document, "scaling");
    let changes = scaling["changes"].as_array().unwrap();
    let events = scaling["scale_ups"].as_u64().unwrap() + scaling["scale_downs"].as_u64().unwrap();
    assert!(!changes.is_empty() && events <= changes.len() as u64, "{scaling}");
    assert!(scaling["pod_hours"].as_f64().unwrap() >= 5.0 * 35.0 / 60.0, "{scaling}");
}

#[test]
fn a_plan_for_an_autoscaler_costs_less_than_what_was_written_and_keeps_the_slo() {
    let plan = json(&["plan", "hpa-source-example", "--autoscale", "--set", PHASES]);
    validate("autoscale", &plan);
    assert_eq!(plan["kept"], true, "{plan}");
    let fleet = |index: usize| {
        let fleet = &plan["fleets"][index];
        (fleet["kept"].as_bool().unwrap(), fleet["scaling"]["pod_hours"].as_f64().unwrap())
    };
    let [(fixed_kept, fixed), (written_kept, written), (found_kept, found)] = [0, 1, 2].map(fleet);
    assert!(found_kept && fixed_kept, "{plan}");
    assert!(found < fixed, "{found} pod-hours, a fixed fleet {fixed}");
    assert!(!written_kept || found <= written, "{found} pod-hours, as written {written}");
    assert!(plan["toml"].as_str().unwrap().contains("[autoscaler.hpa]"));
    // What it prints is a profile's table again.
    let toml = plan["toml"].as_str().unwrap().to_owned();
    let Outcome { code, stdout, .. } = run(&["plan", "hpa-source-example", "--autoscale", "--set", PHASES]);
    assert_eq!(code, 0);
    assert!(toml.lines().all(|line| stdout.contains(line.trim())), "{stdout}");
}

#[test]
fn a_profile_without_an_autoscaler_is_told_how_to_get_one() {
    let Outcome { code, stderr, .. } = run(&["plan", "one-activity", "--autoscale"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("[autoscaler.hpa]") && stderr.contains("hpa-source-example"), "{stderr}");
}

#[test]
fn a_wrong_autoscaler_is_shown_in_its_place() {
    let set = "autoscaler.hpa.metrics=[{ pods = \"backlog\", utilisation = 70 }]";
    let Outcome { code, stderr, .. } = run(&["simulate", "hpa-source-example", "--set", set]);
    assert_eq!(code, 2);
    assert!(stderr.contains("utilisation") && stderr.contains("average_value"), "{stderr}");
}
