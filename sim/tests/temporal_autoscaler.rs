//! Autoscalers on simulated worker pods: no policy is broken whatever the load, and the fleet follows it.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use std::fmt::Write;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Profile, Scaler, ScalingAmount, ScalingRules, SelectPolicy};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::scaling::{first_pods, minutes_lost, steps, summary};
use plimsoll_sim::temporal::{FleetRecord, Load, Outcome, Settings, SystemSize, simulate};
use temporal_support::{profile, shipped_profile};

fn seconds(s: u64) -> Nanos {
    Nanos::from_secs(s)
}

/// The whole schedule of a profile whose fleet begins as its autoscaler says.
fn run(profile: &Profile, seed: u64) -> Outcome {
    let mut profile = profile.clone();
    profile.workers.pods = Some(first_pods(&profile, profile.autoscaler.as_ref().unwrap()));
    let settings = Settings {
        seed,
        replication: 0,
        load: Load::Schedule,
        warmup: Nanos::ZERO,
        measured: profile.arrivals.duration(),
        drain: seconds(1_800),
        interval: seconds(6),
        sample: false,
        filled_at: Nanos::ZERO,
        longest_wait: seconds(5),
        retention_deletes: false,
        max_events: u64::MAX,
        max_open: 2_000_000,
    };
    simulate(&profile, &Calibration::reference(), SystemSize::of(&profile), settings, &|| false)
}

fn fleet(outcome: &Outcome) -> &FleetRecord {
    outcome.fleet.as_ref().unwrap()
}

/// A workload of half-second activities on small pods, with these phases and this autoscaler.
fn scaled(phases: &str, autoscaler: &str) -> Profile {
    profile(&format!(
        r#"
name = "test"
[arrivals]
phases = [{phases}]
[[workflow]]
type = "W"
steps = [{{ activity = "a", takes = {{ mean = "500ms", cv = 0.5 }}, cpu = "250ms", start_to_close = "60s" }}]
[workers]
pod = {{ cpu = 1, memory = "2GiB" }}
activity_slots = 4
workflow_task_slots = 10
activity_pollers = 2
workflow_task_pollers = 4
cached_workflows = 100
{autoscaler}
[cluster]
use = "kubernetes-production"
services = {{ frontend = {{ pods = 3 }}, history = {{ pods = 5 }}, matching = {{ pods = 3 }} }}
database = {{ vcpu = 8 }}
"#
    ))
}

fn pick<'a>(random: &mut Stream, from: &[&'a str]) -> &'a str {
    from[random.below(from.len() as u64) as usize]
}

fn random_rules(random: &mut Stream) -> String {
    let policy = |random: &mut Stream| {
        let period = pick(random, &["15s", "30s", "60s", "120s"]);
        match random.below(2) {
            0 => format!("{{ pods = {}, period = \"{period}\" }}", 1 + random.below(6)),
            _ => format!("{{ percent = {}, period = \"{period}\" }}", 10 + random.below(150)),
        }
    };
    let policies: Vec<String> = (0..1 + random.below(2)).map(|_| policy(random)).collect();
    let window = pick(random, &["0s", "30s", "60s", "180s"]);
    let select = pick(random, &["max", "max", "min"]);
    format!("{{ window = \"{window}\", select = \"{select}\", policies = [{}] }}", policies.join(", "))
}

fn random_profile(random: &mut Stream) -> Profile {
    let mut phases = String::new();
    for _ in 0..6 {
        let rate = 0.5 + 14.0 * random.uniform();
        let _ = write!(phases, "{{ for = \"{}s\", rate = \"{rate:.2}/s\" }}, ", 40 + random.below(120));
    }
    let (min, span) = (1 + random.below(4), random.below(12));
    let cpu = 30 + random.below(60);
    let backlog = 1 + random.below(20);
    let metrics = pick(random, &["CPU", "CPU, BACKLOG", "SLOTS", "BACKLOG, SLOTS"])
        .replace("CPU", &format!("{{ resource = \"cpu\", utilisation = {cpu} }}"))
        .replace("BACKLOG", &format!("{{ pods = \"backlog\", average_value = {backlog} }}"))
        .replace("SLOTS", "{ pods = \"activity_slots_used\", average_value = 2 }");
    let (up, down) = (random_rules(random), random_rules(random));
    let delay = pick(random, &["0s", "15s", "45s"]);
    scaled(
        &phases,
        &format!(
            "[autoscaler]\npod_startup = \"{}s\"\nreadiness_delay = \"{}s\"\nmetric_delay = \"{delay}\"\n[autoscaler.hpa]\nmin_pods = {min}\nmax_pods = {}\nmetrics = [{metrics}]\nbehaviour = {{ scale_up = {up}, scale_down = {down} }}",
            random.below(40),
            random.below(30),
            min + span,
        ),
    )
}

/// Pods wanted at an instant, what happened at it included.
fn wanted(trace: &[(Nanos, u32)], at: Option<Nanos>) -> f64 {
    let at = at.unwrap_or(Nanos::ZERO);
    f64::from(trace.iter().rev().find(|(since, _)| *since <= at).unwrap_or(&trace[0]).1)
}

/// The most (fewest) pods that the rules allow, from what there was at each period's begin.
fn allowed(rules: &ScalingRules, trace: &[(Nanos, u32)], now: Nanos, up: bool) -> f64 {
    let limits = rules.policies.iter().map(|policy| {
        let start = wanted(trace, now.0.checked_sub(policy.period.0).map(Nanos));
        match (policy.amount, up) {
            (ScalingAmount::Pods(pods), true) => start + f64::from(pods),
            (ScalingAmount::Pods(pods), false) => start - f64::from(pods),
            (ScalingAmount::Percent(percent), true) => (start * (1.0 + f64::from(percent) / 100.0)).ceil(),
            (ScalingAmount::Percent(percent), false) => (start * (1.0 - f64::from(percent) / 100.0)).floor(),
        }
    });
    let largest = rules.select == SelectPolicy::Max;
    limits.reduce(if up == largest { f64::max } else { f64::min }).unwrap()
}

#[test]
fn simulated_fleets_never_break_a_policy() {
    let (mut ups, mut downs) = (0, 0);
    for seed in 0..24 {
        let mut random = Streams::new(seed).stream("test", "autoscaled fleets", 0);
        let profile = random_profile(&mut random);
        let Scaler::Hpa(hpa) = &profile.autoscaler.as_ref().unwrap().scaler else { panic!("no HPA") };
        let behaviour = hpa.behaviour.as_ref().unwrap();
        let outcome = run(&profile, seed);
        let record = fleet(&outcome);
        let mut trace = vec![(Nanos::ZERO, hpa.min_pods)];
        for step in steps(record) {
            let what = format!("seed {seed}, {}: {} to {} pods", step.at, step.before, step.after);
            assert_eq!(step.before, trace.last().unwrap().1, "{what}");
            assert!((hpa.min_pods..=hpa.max_pods).contains(&step.after), "{what}");
            assert_eq!(step.at.0 % 15_000_000_000, 0, "between two looks of the controller: {what}");
            if step.after > step.before {
                let most = allowed(&behaviour.scale_up, &trace, step.at, true);
                assert!(f64::from(step.after) <= most, "{what}, at most {most}");
                ups += 1;
            } else {
                let fewest = allowed(&behaviour.scale_down, &trace, step.at, false);
                assert!(f64::from(step.after) >= fewest, "{what}, at least {fewest}");
                downs += 1;
            }
            trace.push((step.at, step.after));
        }
        // What was started is there as long as the plan says, no pod is lost, and all work is done.
        assert_eq!(outcome.counts.completed + outcome.counts.failed, outcome.counts.offered, "seed {seed}");
        assert!(record.changes.iter().all(|change| change.pods.starting + change.pods.ready <= hpa.max_pods));
    }
    assert!(ups > 30 && downs > 20, "{ups} ups and {downs} downs");
}

#[test]
fn the_hpa_of_the_sources_follows_its_load() {
    let profile = shipped_profile("hpa-source-example");
    let outcome = run(&profile, 1);
    let record = fleet(&outcome);
    let end = profile.arrivals.duration();
    let summary = summary(record, Nanos::ZERO, end);
    assert!(summary.fewest >= 5 && summary.most <= 50, "{summary:?}");
    let pods_at = |minutes: u64| {
        let changes = record.changes.iter().take_while(|change| change.at <= seconds(minutes * 60));
        changes.last().map(|change| change.pods.ready).unwrap()
    };
    let (quiet, peak) = (pods_at(7), pods_at(30));
    assert!(peak >= 2 * quiet, "{quiet} pods in the morning, {peak} at the peak");
    assert!(summary.ups >= 2 && summary.downs >= 1, "{summary:?}");
    // Fewer than the most of them all the time, more than the fewest.
    let hours = end.as_secs_f64() / 3_600.0;
    assert!(
        summary.pod_hours > f64::from(summary.fewest) * hours && summary.pod_hours < f64::from(summary.most) * hours
    );
    let (lost, all) = minutes_lost(&outcome.recorder, seconds(6), &profile.slo.targets);
    assert!(all >= 60 && lost < all, "{lost} of {all}");
    // The same seed gives the same pods at the same times.
    assert_eq!(steps(fleet(&run(&profile, 1))), steps(record));
}

#[test]
fn keda_starts_the_first_pod_and_ends_the_last() {
    let autoscaler = "[autoscaler]\npod_startup = \"5s\"\nreadiness_delay = \"5s\"\n[autoscaler.keda]\nmax_pods = 6\ntarget_queue_size = 5";
    let profile =
        scaled("{ for = \"4min\", rate = \"4/s\" }, { steps = { rates = [\"0/s\"], each = \"10min\" } }", autoscaler);
    let profile = Profile { workers: plimsoll_profiles::profile::Workers { pods: None, ..profile.workers }, ..profile };
    let outcome = run(&profile, 3);
    let record = fleet(&outcome);
    assert_eq!(record.changes[0].pods.all(), 0);
    let all = steps(record);
    assert_eq!((all[0].at, all[0].before, all[0].after), (seconds(30), 0, 1), "the first poll sees what waits");
    assert!(all.iter().any(|step| step.after > 2), "{all:?}");
    let last = all.last().unwrap();
    assert_eq!(last.after, 0, "{all:?}");
    // It polls every 30 s, and waits for longer than 300 s after the last poll that saw a task wait, whatever the pods are doing.
    assert!(last.at > seconds(30 + 300) && last.at.0.is_multiple_of(30_000_000_000), "{last:?}");
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}
