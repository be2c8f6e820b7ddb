//! What each step costs, and that the simulation counts the same.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Rate;
use plimsoll_profiles::{Document, World, shipped};

use super::*;
use crate::temporal::{Settings, SystemSize, simulate};

fn profile(workflows: &str) -> Profile {
    let text = format!(
        "name = \"test\"\nsdk = \"go\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"10/s\" }}]\n{workflows}\n[cluster]\nuse = \"kubernetes-production\"\n"
    );
    let document = Document::parse(&text, "test.toml", &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn one(steps: &str) -> Profile {
    profile(&format!("[[workflow]]\ntype = \"W\"\nsteps = [{steps}]\n"))
}

fn total(profile: &Profile) -> f64 {
    step_actions(profile).iter().map(|row| row.share * row.actions).sum()
}

#[test]
fn each_kind_of_step_costs_what_the_documentation_says() {
    for (steps, expected) in [
        ("{ activity = \"a\", takes = \"10ms\" }", 2.0),
        ("{ timer = \"1s\" }", 2.0),
        ("{ wait_signal = \"s\", after = \"1s\" }", 2.0),
        (
            "{ local_activity = \"l\", takes = \"1ms\" }, { local_activity = \"m\", takes = \"1ms\" }, { local_activity = \"n\", takes = \"1ms\" }",
            2.0,
        ),
        (
            "{ local_activity = \"l\", takes = \"1ms\" }, { timer = \"1s\" }, { local_activity = \"m\", takes = \"1ms\" }",
            4.0,
        ),
        ("{ timer = \"1200ms\" }, { continue_as_new = { runs = 2 } }", 1.0 + 3.0 + 2.0),
        ("{ repeat = { times = 3, steps = [{ activity = \"a\", takes = \"10ms\" }] } }", 4.0),
        (
            "{ parallel = [{ activity = \"a\", takes = \"10ms\" }, { activity = \"b\", takes = \"10ms\" }] }, { timer = \"1s\" }",
            4.0,
        ),
        // A marker of each branch in the first workflow task, which is one.
        (
            "{ parallel = [{ local_activity = \"l\", takes = \"1ms\" }, { local_activity = \"m\", takes = \"1ms\" }] }",
            2.0,
        ),
    ] {
        let found = total(&one(steps));
        assert!((found - expected).abs() < 1e-9, "{steps}: {found} and not {expected}");
    }
}

#[test]
fn retries_and_heartbeats_are_expectations() {
    let failing = total(&one(
        "{ activity = \"a\", takes = \"10ms\", fails = 0.5, retry = { initial = \"1s\", backoff = 1.0, attempts = 3 } }",
    ));
    // Attempts: 1 + 0.5 + 0.25.
    assert!((failing - (1.0 + 1.75)).abs() < 1e-9, "{failing}");
    let slow = total(&one(
        "{ activity = \"a\", takes = \"10s\", heartbeat = { every = \"1s\", timeout = \"2500ms\" }, start_to_close = \"60s\" }",
    ));
    // The first after 1 s, then each 2 s (four fifths of the time-out): at 1, 3, 5, 7 and 9 s.
    assert!((slow - (2.0 + 5.0)).abs() < 1e-9, "{slow}");
}

#[test]
fn what_is_left_of_a_failed_workflow_is_not_counted() {
    let found = total(&one(
        "{ activity = \"a\", takes = \"10ms\", fails = 0.5, retry = { attempts = 1 } }, { activity = \"b\", takes = \"10ms\" }",
    ));
    assert!((found - 2.5).abs() < 1e-9, "{found}");
}

/// Simulated counts against the steps': the shipped profiles have everything a profile can say.
#[test]
fn the_simulation_counts_the_same() {
    for name in ["one-activity", "worked-example", "nightly-batch"] {
        let document = Document::parse(shipped::profile(name).unwrap().text, name, &[]).unwrap();
        let profile = document.profile(&World::mid()).unwrap();
        let settings = Settings::counted(Rate::per_second(20.0), 600.0, 0);
        let mut size = SystemSize::of(&profile);
        size.workers.pods.count = 40;
        size.workers.activity_slots = 100_000;
        let outcome = simulate(&profile, &Calibration::reference(), size, settings, &|| false);
        assert_eq!(outcome.unfinished, 0, "{name}");
        let simulated = outcome.work.actions as f64 / outcome.counts.offered as f64;
        let counted = total(&profile);
        assert!((simulated / counted - 1.0).abs() < 0.03, "{name}: {simulated} simulated, {counted} counted");
    }
}
