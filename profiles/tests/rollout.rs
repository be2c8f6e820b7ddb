//! `[rollout]` as it is read: defaults, shares, and what is said of mistakes.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::profile::{
    CanaryBy, CutOffActivities, OldRuns, PodReplacement, PodShare, Rollout, RolloutStrategy, fenceposts,
};
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{Document, Problems, World, shipped};

fn text(sdk: &str, pods: &str, rollout: &str) -> String {
    format!(
        "name = \"x\"\nsdk = \"{sdk}\"\n[arrivals]\nphases = [{{ for = \"10min\", rate = \"10/s\" }}]\n[[workflow]]\ntype = \"W\"\n\
         steps = [{{ activity = \"a\", takes = \"10ms\", start_to_close = \"10s\" }}]\n[workers]\n{pods}\n[rollout]\n{rollout}\n"
    )
}

fn read(text: &str) -> Result<Rollout, Problems> {
    let profile = Document::parse(text, "p.toml", &[])?.profile(&World::mid())?;
    Ok(profile.rollout.expect("a rollout"))
}

#[test]
fn a_rollout_that_says_no_more_than_its_strategy_has_the_sources_numbers() {
    let rollout = read(&text("python", "pods = 10", "strategy = \"canary\"")).unwrap();
    assert_eq!(rollout.strategy, RolloutStrategy::Canary);
    let steps: Vec<_> = rollout.steps.iter().map(|step| (step.percent, step.wait.0 / 60_000_000_000)).collect();
    assert_eq!(steps, [(5, 30), (20, 60), (50, 120), (100, 0)]);
    assert_eq!((rollout.drain.graceful_timeout, rollout.drain.grace), (Nanos::from_secs(300), Nanos::from_secs(360)));
    assert_eq!(fenceposts(rollout.max_unavailable, rollout.max_surge, 10), (2, 3), "25 %, Kubernetes' default");
    assert_eq!((rollout.old_runs, rollout.by), (OldRuns::Pinned, CanaryBy::Versioning));
    assert_eq!(rollout.pod_replacement, PodReplacement::TerminationStarted);
}

#[test]
fn what_becomes_of_cut_activities_depends_on_the_sdk_unless_it_is_said() {
    let of = |sdk: &str, rest: &str| {
        read(&text(sdk, "pods = 2", &format!("strategy = \"rolling\"\n{rest}"))).unwrap().drain.cut_off
    };
    assert_eq!([of("go", ""), of("java", "")], [CutOffActivities::Lost; 2]);
    assert_eq!([of("python", ""), of("typescript", "")], [CutOffActivities::Fail; 2]);
    assert_eq!(of("go", "drain = { cut_off = \"run_on\" }"), CutOffActivities::RunOn);
}

#[test]
fn shares_of_pods_are_numbers_or_per_cent() {
    let rollout =
        read(&text("go", "pods = 10", "strategy = \"rolling\"\nmax_unavailable = 2\nmax_surge = \"30%\"")).unwrap();
    assert_eq!((rollout.max_unavailable, rollout.max_surge), (PodShare::Pods(2), PodShare::Percent(30)));
}

#[test]
fn mistakes_are_named_in_their_place() {
    for (pods, rollout, path, says) in [
        ("pods = 10", "max_unavailable = 0\nmax_surge = \"0%\"", "rollout.max_unavailable", "both 0"),
        ("pods = 10", "max_unavailable = \"101%\"", "rollout.max_unavailable", "more pods missing than there are"),
        ("pods = 10", "max_surge = \"two\"", "rollout.max_surge", "no whole percentage"),
        ("pods = 10", "steps = [{ percent = 20 }, { percent = 5 }]", "rollout.steps.1.percent", "5 % after 20 %"),
        ("pods = 10", "steps = [{ percent = 120 }]", "rollout.steps.0.percent", "120 % after 0 %"),
        ("", "", "rollout", "unknown size"),
        ("pods = 10", "rollback = { check_every = \"0s\" }", "rollout.rollback.check_every", "every 0 s"),
        ("pods = 10", "drain = { grace = \"0s\" }", "rollout.drain.grace", "grace period of zero"),
    ] {
        let problems = read(&text("go", pods, &format!("strategy = \"rolling\"\n{rollout}"))).unwrap_err();
        let found = problems.problems.iter().any(|problem| problem.path == path && problem.message.contains(says));
        assert!(found, "{rollout}: {problems}");
    }
}

#[test]
fn the_shipped_rolling_update_is_the_sources() {
    let text = shipped::profile("rolling-example").unwrap().text;
    let profile = Document::parse(text, "p.toml", &[]).unwrap().profile(&World::mid()).unwrap();
    let rollout = profile.rollout.unwrap();
    assert_eq!(profile.workers.pods, Some(10));
    assert_eq!((rollout.max_unavailable, rollout.max_surge), (PodShare::Pods(2), PodShare::Pods(2)));
}
