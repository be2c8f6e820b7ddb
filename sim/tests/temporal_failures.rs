//! What failures do: held against what flow balance, Little's law and the length of an outage say exactly.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::{Calibration, OperationKind};
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::{
    CutOff, Drain, FleetPlan, Load, Metric, Model, Outcome, Process, Sample, Settings, SystemSize, simulate,
    simulate_with_fleet,
};
use temporal_support::{profile, run_out};

fn seconds(s: u64) -> Nanos {
    Nanos::from_secs(s)
}

/// Workflows of these steps on four history pods, three of the others and four workers, with these events.
fn cluster(arrivals: &str, steps: &str, events: &str) -> Profile {
    profile(&format!(
        "name = \"failures\"\nsdk = \"go\"\n[arrivals]\nphases = [{{ {arrivals} }}]\n\
         [[workflow]]\ntype = \"W\"\nsteps = [{steps}]\n{events}\n\
         [workers]\npods = 4\npod = {{ cpu = 2, memory = \"4GiB\" }}\n\
         [cluster]\nuse = \"kubernetes-production\"\nhistory_shards = 64\n\
         [cluster.services]\nfrontend = {{ pods = 3 }}\nhistory = {{ pods = 4 }}\nmatching = {{ pods = 3 }}\n\
         [cluster.database]\nvcpu = 8\n"
    ))
}

const ACTIVITY: &str = r#"{ activity = "a", takes = "200ms", start_to_close = "10s" }"#;

fn settings(profile: &Profile, seed: u64) -> Settings {
    Settings {
        seed,
        load: Load::Schedule,
        measured: profile.arrivals.duration(),
        sample: true,
        drain: seconds(1_800),
        ..Settings::counted(plimsoll_profiles::units::Rate::per_second(1.0), 1.0, 0)
    }
}

fn run(profile: &Profile, seed: u64) -> Outcome {
    let size = SystemSize::of(profile);
    simulate(profile, &Calibration::reference(), size, settings(profile, seed), &|| false)
}

fn at(outcome: &Outcome, second: u64) -> Sample {
    *outcome.samples.iter().find(|sample| sample.at == seconds(second)).unwrap()
}

/// State transitions stand still from one second to another, and go on within a second before and `late` after.
fn stands_still(outcome: &Outcome, from: u64, to: u64, late: u64) {
    let transitions = |second| at(outcome, second).work.state_transitions;
    assert!(transitions(from) > transitions(from - 1), "nothing went on before");
    // What a sample sees of its own instant is open.
    for second in from + 1..to {
        assert_eq!(transitions(second), transitions(from), "second {second}");
    }
    assert!(transitions(to + late) > transitions(to), "nothing goes on after");
    assert_eq!(outcome.unfinished, 0);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}

#[test]
fn an_event_that_does_not_come_changes_nothing() {
    let plain = cluster("for = \"60s\", rate = \"10/s\"", ACTIVITY, "");
    let event = "[[event]]\nat = \"10h\"\nfor = \"60s\"\nkind = \"region_lost\"\n";
    let gated = cluster("for = \"60s\", rate = \"10/s\"", ACTIVITY, event);
    for seed in 0..3 {
        let (plain, gated) = (run(&plain, seed), run(&gated, seed));
        assert_eq!(plain.work, gated.work, "seed {seed}");
        assert_eq!(plain.counts, gated.counts, "seed {seed}");
        for metric in Metric::ALL {
            let values = |outcome: &Outcome| outcome.recorder.values(metric).unwrap().collect::<Vec<_>>();
            assert_eq!(values(&plain), values(&gated), "seed {seed}, {}", metric.name());
        }
    }
}

#[test]
fn no_state_transition_commits_while_the_database_fails_over() {
    let event = "[[event]]\nat = \"30s\"\nfor = \"20s\"\nkind = \"database_failover\"\n";
    for seed in 0..3 {
        let outcome = run(&cluster("for = \"90s\", rate = \"10/s\"", ACTIVITY, event), seed);
        stands_still(&outcome, 30, 50, 1);
        assert!(outcome.failures.connections_opened > 0 && outcome.failures.failed_calls > 0);
        // Everything that came meanwhile waits at the database.
        let came = at(&outcome, 50).counts.offered - at(&outcome, 30).counts.offered;
        let held = at(&outcome, 49).held_up;
        assert!(held + 30 >= came, "{held} of {came}");
    }
}

#[test]
fn with_the_only_history_pod_lost_every_shard_waits_for_exactly_its_return() {
    let event = "[[event]]\nat = \"30s\"\nfor = \"40s\"\nkind = \"pod_lost\"\nservice = \"history\"\npods = 4\n";
    let outcome = run(&cluster("for = \"120s\", rate = \"10/s\"", ACTIVITY, event), 1);
    // What was in history's hands is finished.
    stands_still(&outcome, 31, 70, 1);
    assert_eq!(outcome.failures.shards_moved, 64, "each shard is acquired again");
}

#[test]
fn the_shards_of_one_history_pod_of_four_wait_for_exactly_the_move() {
    let event =
        "[[event]]\nat = \"30s\"\nfor = \"60s\"\nkind = \"pod_lost\"\nservice = \"history\"\nshards_move = \"20s\"\n";
    let (mut late, mut came) = (0, 0);
    for seed in 0..4 {
        let outcome = run(&cluster("for = \"120s\", rate = \"20/s\"", ACTIVITY, event), seed);
        assert_eq!((outcome.unfinished, outcome.failures.shards_moved), (0, 32), "seed {seed}");
        came += at(&outcome, 50).counts.offered - at(&outcome, 30).counts.offered;
        let waits =
            outcome.recorder.values(Metric::Start).unwrap().filter(|wait| *wait > 190_000_000).collect::<Vec<_>>();
        late += waits.len() as u64;
        // The first to come waits for the whole move, and a client for what is left of its back-off then.
        let longest = Nanos(*waits.iter().max().unwrap());
        assert!(longest > seconds(19) && longest <= seconds(20 + 6) + Nanos::from_millis(200), "{longest}");
    }
    let quarter = came as f64 / 4.0;
    let spread = 4.0 * (quarter * 0.75).sqrt();
    assert!(
        (late as f64 - quarter).abs() < spread,
        "{late} of {came} starts waited, {quarter} ± {spread} belong to the pod"
    );
}

#[test]
fn a_lost_pod_of_a_service_without_state_costs_some_calls_a_retry() {
    for service in ["frontend", "matching"] {
        let event = format!("[[event]]\nat = \"30s\"\nfor = \"60s\"\nkind = \"pod_lost\"\nservice = \"{service}\"\n");
        let outcome = run(&cluster("for = \"120s\", rate = \"20/s\"", ACTIVITY, &event), 1);
        assert_eq!(outcome.counts.completed, outcome.counts.offered, "{service}");
        let counts = outcome.failures;
        assert!(counts.failed_calls > 5 && counts.given_up == 0, "{service}: {counts:?}");
        // Noticed after 5.2 s; a poll's sixth try may come as much as 6.4 s after its fifth.
        assert!(counts.longest_wait < seconds(12), "{service}: {counts:?}");
    }
}

#[test]
fn a_slow_dependency_fills_slots_as_littles_law_says() {
    let event = "[[event]]\nat = \"60s\"\nfor = \"60s\"\nkind = \"slow_dependency\"\nactivity = \"a\"\nfactor = 5\n";
    let steps = r#"{ activity = "a", takes = "800ms", start_to_close = "60s" }, { activity = "b", takes = "400ms" }"#;
    let outcome = run(&cluster("for = \"150s\", rate = \"10/s\", process = \"even\"", steps, event), 1);
    let running = |from: u64, to: u64| {
        (from..to).map(|second| at(&outcome, second).activities as f64).sum::<f64>() / (to - from) as f64
    };
    // 10/s × (0.8 s + 0.4 s), then 10/s × (4 s + 0.4 s); a little is the worker's own CPU.
    assert!((running(20, 60) - 12.0).abs() < 0.4, "{}", running(20, 60));
    assert!((running(70, 120) - 44.0).abs() < 1.0, "{}", running(70, 120));
    assert!((running(130, 150) - 12.0).abs() < 0.6, "{}", running(130, 150));
}

#[test]
fn an_open_circuit_breaker_refuses_every_attempt_and_holds_no_slot() {
    let event = "[[event]]\nat = \"30s\"\nfor = \"30s\"\nkind = \"slow_dependency\"\ncircuit_breaker = true\n";
    let outcome = run(&cluster("for = \"90s\", rate = \"10/s\"", ACTIVITY, event), 1);
    assert_eq!(outcome.counts.completed, outcome.counts.offered, "retries are not limited");
    assert!(outcome.failures.refused_attempts >= 300);
    // Six back-offs fit into the time, a refusal takes about twenty milliseconds.
    let held = (32..60).map(|second| at(&outcome, second).activities).sum::<u64>() as f64 / 28.0;
    assert!(held < 4.0, "{held}");
}

#[test]
fn an_attempt_that_a_circuit_breaker_refuses_does_none_of_its_work() {
    let event = "[[event]]\nat = \"30s\"\nfor = \"30s\"\nkind = \"slow_dependency\"\ncircuit_breaker = true\n";
    let steps = r#"{ activity = "a", takes = "300ms", cpu = "200ms", start_to_close = "60s" }"#;
    let outcome = run(&cluster("for = \"60s\", rate = \"10/s\"", steps, event), 1);
    let cpu = |second| at(&outcome, second).work.cpu[Process::Worker as usize].as_secs_f64();
    // 10 × 0.2 cores before; then about 1 ms for each of 60 refusals a second, and 1.5 ms for each workflow task.
    let (before, meanwhile) = ((cpu(29) - cpu(9)) / 20.0, (cpu(58) - cpu(38)) / 20.0);
    assert!((1.6..2.6).contains(&before) && meanwhile < 0.2, "{before} and {meanwhile} cores");
}

#[test]
fn a_poisoned_activity_fails_at_every_attempt_it_has() {
    let steps = |attempts: u32| {
        format!(
            r#"{{ activity = "a", takes = "50ms", retry = {{ initial = "1s", backoff = 2.0, attempts = {attempts} }} }}"#
        )
    };
    for (attempts, non_retryable, tried) in [(3, false, 3), (3, true, 1), (1, false, 1)] {
        let event = format!(
            "[[event]]\nat = \"20s\"\nfor = \"20s\"\nkind = \"poison\"\nshare = 0.5\nnon_retryable = {non_retryable}\n"
        );
        let outcome = run(&cluster("for = \"60s\", rate = \"10/s\"", &steps(attempts), &event), 1);
        let counts = outcome.failures;
        assert!((60..=140).contains(&counts.poisoned), "half of about 200: {counts:?}");
        assert_eq!(counts.poisoned_attempts, counts.poisoned * tried);
        assert_eq!(outcome.counts.failed, counts.poisoned);
        assert_eq!(outcome.counts.completed + outcome.counts.failed, outcome.counts.offered);
    }
}

#[test]
fn a_burst_starts_exactly_as_many_times_as_many() {
    let event = "[[event]]\nat = \"20s\"\nfor = \"15s\"\nkind = \"burst\"\nfactor = 10\n";
    let outcome = run(&cluster("for = \"60s\", rate = \"4/s\", process = \"even\"", ACTIVITY, event), 1);
    let offered = |second| at(&outcome, second).counts.offered;
    assert_eq!(outcome.counts.offered, 20 * 4 + 15 * 40 + 25 * 4);
    // A start in the very instant of a sample may be before or after it.
    assert!((offered(35) - offered(20)).abs_diff(600) <= 1);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}

#[test]
fn a_slow_disk_makes_each_of_a_starts_commits_slower() {
    let event = "[[event]]\nat = \"200s\"\nfor = \"200s\"\nkind = \"slow_disk\"\nfactor = 10\n";
    // So seldom that no two commits share a flush.
    let mut profile = cluster("for = \"400s\", rate = \"0.5/s\"", r#"{ timer = "5s" }"#, event);
    profile.cluster.database.fsync = plimsoll_profiles::profile::Span::Constant(Nanos::from_millis(2));
    let outcome = run(&profile, 3);
    let median = |range: std::ops::Range<usize>| {
        let of = outcome.recorder.intervals(Metric::Start).skip(range.start).take(range.len());
        let mut values: Vec<u64> = of.flat_map(|one| one.counts().map(|count| count.0).collect::<Vec<_>>()).collect();
        values.sort_unstable();
        values[values.len() / 2] as f64 / 1e6
    };
    let slower = median(200..400) - median(0..200);
    // Two commits, 18 ms more each.
    assert!((slower - 36.0).abs() < 2.0, "{slower} ms");
}

#[test]
fn what_a_lost_node_had_in_hand_is_retried_after_its_time_out() {
    let steps = r#"{ activity = "a", takes = "2s", start_to_close = "15s" }"#;
    let event = "[[event]]\nat = \"30s\"\nfor = \"90s\"\nkind = \"node_lost\"\nof = 4\n";
    let outcome = run(&cluster("for = \"150s\", rate = \"20/s\"", steps, event), 1);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
    // A quarter of 40 running ones.
    let cut = outcome.failures.activities_cut;
    assert!((4..=18).contains(&cut), "{cut}");
    let late = outcome.recorder.values(Metric::EndToEnd).unwrap().filter(|latency| *latency > 15_000_000_000).count();
    assert!(late as u64 >= cut, "{late} workflows had to wait for a time-out of 15 s, {cut} activities were cut");
}

#[test]
fn a_lost_workers_activity_is_given_up_a_heartbeat_time_out_after_its_last_heartbeat() {
    let heartbeat = r#"heartbeat = { every = "2s", timeout = "10s" }, retry = { initial = "1s" }"#;
    let steps = format!(r#"{{ activity = "a", takes = "20s", start_to_close = "60s", {heartbeat} }}"#);
    let event = "[[event]]\nat = \"15s\"\nfor = \"1s\"\nkind = \"zone_lost\"\nof = 2\n";
    let mut profile = cluster("for = \"1s\", rate = \"1/s\", process = \"even\"", &steps, event);
    profile.workers.pods = Some(1);
    // With the only frontend pod back no poll of the worker is left waiting for one that hangs.
    profile.cluster.services.frontend.pods = Some(1);
    let outcome = run(&profile, 1);
    assert_eq!((outcome.counts.completed, outcome.failures.activities_cut), (1, 1));
    // Heartbeats after 2 and 10 s: the SDK lets the second through eight tenths of the time-out after the first. 10 s after it the attempt is given up,
    // a second later there is another.
    let took = Nanos(outcome.recorder.values(Metric::EndToEnd).unwrap().next().unwrap());
    assert!(took > seconds(41) && took < seconds(43), "{took}");
}

#[test]
fn a_lost_zone_takes_its_share_of_the_pods_that_an_autoscaler_has_not_of_those_it_may_have() {
    let steps = r#"{ activity = "a", takes = "2s", start_to_close = "15s" }"#;
    let autoscaler =
        "[autoscaler.hpa]\nmin_pods = 4\nmax_pods = 40\nmetrics = [{ resource = \"cpu\", utilisation = 95 }]\n";
    let event = "[[event]]\nat = \"30s\"\nfor = \"60s\"\nkind = \"zone_lost\"\nof = 4\n";
    let profile = cluster("for = \"120s\", rate = \"20/s\"", steps, &format!("{autoscaler}{event}"));
    let outcome = run(&profile, 1);
    assert!(outcome.fleet.as_ref().unwrap().changes.iter().all(|change| change.pods.all() == 4));
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
    // A quarter of 40 running ones.
    let cut = outcome.failures.activities_cut;
    assert!((4..=18).contains(&cut), "{cut}");
}

#[test]
fn a_fleet_that_is_planned_meets_the_events_of_its_profile() {
    let event = "[[event]]\nat = \"20s\"\nfor = \"20s\"\nkind = \"workers_stop\"\n";
    let profile = cluster("for = \"60s\", rate = \"10/s\"", ACTIVITY, event);
    let drain = Drain { graceful_timeout: seconds(300), grace: seconds(360), cut_off: CutOff::Lost };
    let (events, controllers, start_up) = (Vec::new(), Vec::new(), seconds(1));
    let plan = FleetPlan { pods: 4, most: 4, start_up, readiness: seconds(1), drain, events, controllers };
    let (calibration, size) = (Calibration::reference(), SystemSize::of(&profile));
    let planned = simulate_with_fleet(&profile, &calibration, size, settings(&profile, 1), plan, &|| false);
    assert!(at(&planned, 39).backlog > 100, "{}", at(&planned, 39).backlog);
    assert_eq!(planned.work, run(&profile, 1).work);
}

#[test]
fn workers_of_a_new_version_lose_their_connections_too() {
    let rollout = "[rollout]\nstrategy = \"blue_green\"\nat = \"5s\"\nstart_up = \"1s\"\nreadiness = \"1s\"\nwait = \"10s\"\nold_runs = \"moved\"\n";
    let event = "[[event]]\nat = \"30s\"\nfor = \"400s\"\nkind = \"certificate_expiry\"\n";
    let steps = r#"{ timer = "200s" }"#;
    let outcome = run(&cluster("for = \"450s\", rate = \"2/s\"", steps, &format!("{rollout}{event}")), 1);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
    // After five minutes nobody has a connection: what timers wake up waits.
    let (before, after) = (at(&outcome, 340), at(&outcome, 420));
    assert_eq!(after.work.dispatched, before.work.dispatched);
    assert!(after.backlog > before.backlog + 20, "{} and {}", before.backlog, after.backlog);
}

#[test]
fn with_the_region_everything_stands_still_and_the_lost_are_counted() {
    let event = "[[event]]\nat = \"60s\"\nfor = \"60s\"\nkind = \"region_lost\"\nrpo = \"40s\"\n";
    let outcome = run(&cluster("for = \"180s\", rate = \"5/s\", process = \"even\"", ACTIVITY, event), 1);
    stands_still(&outcome, 60, 120, 1);
    let counts = outcome.failures;
    assert!(counts.started_since_backup.abs_diff(200) <= 1, "{counts:?}");
    assert_eq!(counts.backup_age, seconds(40));
    // The first calls after the loss waited for the whole of it.
    assert!(counts.longest_wait >= seconds(59) && counts.longest_wait <= seconds(67), "{counts:?}");
}

#[test]
fn an_expired_certificate_takes_one_connection_after_the_other() {
    let event = "[[event]]\nat = \"30s\"\nfor = \"400s\"\nkind = \"certificate_expiry\"\n";
    let outcome = run(&cluster("for = \"500s\", rate = \"5/s\"", ACTIVITY, event), 2);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
    let in_minute = |from: u64| at(&outcome, from + 60).counts.completed - at(&outcome, from).counts.completed;
    assert!(in_minute(30) > 200, "a tenth of the clients is cut off in the first minute: {}", in_minute(30));
    assert!(in_minute(150) < in_minute(30), "{}", in_minute(150));
    // After five minutes nobody has a connection.
    assert_eq!(in_minute(350), 0);
    assert!(outcome.failures.given_up > 100);
}

#[test]
fn certificates_that_are_expired_at_the_same_time_are_as_one() {
    let expiry = |at: u32, length: u32| {
        format!("[[event]]\nat = \"{at}s\"\nfor = \"{length}s\"\nkind = \"certificate_expiry\"\n")
    };
    let of = |events: &str| run(&cluster("for = \"500s\", rate = \"5/s\"", ACTIVITY, events), 2);
    let (one, other) = (of(&expiry(30, 400)), of(&format!("{}{}", expiry(100, 330), expiry(30, 200))));
    assert_eq!((one.counts, one.work), (other.counts, other.work));
}

#[test]
fn a_heartbeat_is_its_pods_and_is_not_sent_without_the_pods_connection() {
    let event = "[[event]]\nat = \"120s\"\nfor = \"500s\"\nkind = \"certificate_expiry\"\n";
    let steps =
        r#"{ activity = "a", takes = "900s", start_to_close = "20m", heartbeat = { every = "5s", timeout = "10m" } }"#;
    let arrivals = "for = \"20s\", rate = \"4/s\" }, { for = \"560s\", rate = \"0/s\"";
    let outcome = run(&cluster(arrivals, steps, event), 1);
    let beats = |second: u64| at(&outcome, second).work.requests.visits(Process::Frontend, OperationKind::Heartbeat);
    // A worker sends one a minute at most.
    let in_minute = |from: u64| beats(from + 60) - beats(from);
    let sent = in_minute(60);
    assert!(sent > 60, "{sent} heartbeats in the minute before");
    // The four workers' connections end one after the other within five minutes, and with each a part of the heartbeats.
    let minutes: Vec<u64> = (0..5).map(|minute| in_minute(120 + 60 * minute)).collect();
    assert!(minutes.is_sorted_by(|before, after| before >= after), "{minutes:?}");
    assert!(minutes.iter().any(|minute| (1..sent * 9 / 10).contains(minute)), "{minutes:?} of {sent}");
    assert_eq!(in_minute(425), 0);
}

/// The laws through all that may go wrong, with what moves the workers meanwhile.
fn every_law_holds(fleet: &str, seeds: std::ops::Range<u64>) {
    let events = [
        ("10s", "20s", "kind = \"pod_lost\"\nservice = \"frontend\"\npods = 3"),
        ("12s", "9s", "kind = \"pod_lost\"\nservice = \"history\"\npods = 2"),
        ("15s", "30s", "kind = \"pod_lost\"\nservice = \"matching\"\npods = 3"),
        ("16s", "30s", "kind = \"pod_lost\"\nservice = \"worker_service\"\npods = 9"),
        ("20s", "20s", "kind = \"node_lost\""),
        ("25s", "50s", "kind = \"zone_lost\""),
        ("30s", "10s", "kind = \"database_failover\""),
        ("35s", "20s", "kind = \"slow_disk\""),
        ("40s", "20s", "kind = \"slow_dependency\""),
        ("45s", "20s", "kind = \"poison\"\nshare = 0.3"),
        ("50s", "20s", "kind = \"burst\"\nfactor = 3"),
        ("60s", "70s", "kind = \"certificate_expiry\""),
        ("100s", "30s", "kind = \"region_lost\""),
        ("110s", "30s", "kind = \"workers_stop\""),
    ];
    let text: String = events
        .iter()
        .map(|(at, length, what)| format!("[[event]]\nat = \"{at}\"\nfor = \"{length}\"\n{what}\n"))
        .collect();
    let retry = "retry = { initial = \"1s\", backoff = 2.0, attempts = 6 }";
    let steps = format!(
        "{{ activity = \"a\", takes = \"300ms\", start_to_close = \"5s\", {retry} }}, {{ timer = \"2s\" }}, \
         {{ parallel = [ {{ activity = \"b\", takes = \"1s\", start_to_close = \"8s\", {retry} }}, {{ local_activity = \"l\", takes = \"100ms\" }} ] }}"
    );
    for seed in seeds {
        let profile = cluster("for = \"150s\", rate = \"8/s\"", &steps, &format!("{fleet}{text}"));
        let calibration = Calibration::reference();
        let mut simulation =
            Model::simulation(&profile, &calibration, SystemSize::of(&profile), settings(&profile, seed));
        run_out(&mut simulation, seconds(200), 8_000, &format!("seed {seed}: {fleet}"));
    }
}

#[test]
fn every_law_holds_through_every_failure() {
    every_law_holds("", 0..4);
}

#[test]
fn every_law_holds_through_every_failure_of_a_fleet_that_changes() {
    let hpa = "[autoscaler.hpa]\nmin_pods = 2\nmax_pods = 8\nmetrics = [{ pods = \"backlog\", average_value = 5 }]\n";
    every_law_holds(hpa, 0..2);
    for strategy in [
        "strategy = \"rolling\"",
        "strategy = \"blue_green\"\nold_runs = \"moved\"",
        "strategy = \"canary\"\nsteps = [{ percent = 50, wait = \"30s\" }]",
    ] {
        let times = "at = \"22s\"\nstart_up = \"3s\"\nreadiness = \"2s\"\nwait = \"20s\"";
        let drain = "graceful_timeout = \"5s\"\ngrace = \"8s\"";
        every_law_holds(&format!("[rollout]\n{strategy}\n{times}\n[rollout.drain]\n{drain}\n"), 0..2);
    }
}
