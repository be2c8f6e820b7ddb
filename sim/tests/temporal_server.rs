//! What the server's own machinery does with work: workers that stop, task queues, limits, caches, shards.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::laws;
use plimsoll_sim::temporal::{Leftovers, Metric, Model, Outage, Outcome, Sample, Settings, SystemSize, simulate_under};
use temporal_support::shapes::{SHAPES, workflows};
use temporal_support::{on_measured_machine, settings};

fn run_under(profile: &Profile, size: SystemSize, settings: Settings, outages: &[Outage]) -> Outcome {
    simulate_under(profile, &Calibration::reference(), size, settings, outages, &|| false)
}

fn seconds(s: u64) -> Nanos {
    Nanos::from_secs(s)
}

fn at(outcome: &Outcome, second: u64) -> Sample {
    *outcome.samples.iter().find(|sample| sample.at == seconds(second)).unwrap()
}

/// Ten activities of one second at once: at most ten workflows a second.
fn ten_slots(rate: f64) -> (Profile, SystemSize) {
    let steps = r#"{ activity = "a", takes = "1s", start_to_close = "60s" }"#;
    let profile = on_measured_machine(&workflows("", steps), rate);
    let mut size = SystemSize::of(&profile);
    size.workers.activity_slots = 10;
    (profile, size)
}

#[test]
fn while_workers_are_stopped_the_backlog_is_every_workflow_started_since() {
    let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), 8.0);
    for seed in 0..5 {
        let sampled = Settings { sample: true, ..settings(seed, 8.0, 480.0) };
        let outage = Outage::of_all_workers(seconds(20), seconds(40));
        let outcome = run_under(&profile, SystemSize::of(&profile), sampled, &[outage]);
        // What was in hand at the stop is finished within a second; from then on nothing is.
        let early = at(&outcome, 21);
        for second in 22..=40 {
            let sample = at(&outcome, second);
            assert_eq!(sample.counts.completed, early.counts.completed, "seed {seed}, second {second}");
            let open = u64::from(sample.open);
            // A start takes about ten milliseconds on its way to the queue.
            assert!(
                sample.backlog <= open && open - sample.backlog <= 3,
                "seed {seed}, second {second}: {} of {open}",
                sample.backlog
            );
        }
        let grown = at(&outcome, 40).backlog - early.backlog;
        let started = at(&outcome, 40).counts.offered - early.counts.offered;
        assert!(grown.abs_diff(started) <= 3, "seed {seed}: the backlog grew by {grown}, {started} were started");
        // Afterwards all of it is worked off.
        assert_eq!(outcome.unfinished, 0, "seed {seed}");
        assert_eq!(outcome.counts.completed, outcome.counts.offered, "seed {seed}");
    }
}

#[test]
fn a_backlog_drains_in_the_time_that_flow_balance_gives() {
    // What the workers do at most: measured where three times as much comes.
    let (profile, size) = ten_slots(30.0);
    let flooded = run_under(&profile, size, Settings { drain: Nanos::ZERO, ..settings(1, 30.0, 30.0 * 60.0) }, &[]);
    let capacity = flooded.counts.completed as f64 / (flooded.measured.as_secs_f64() - 1.0);
    assert!((9.3..10.0).contains(&capacity), "ten slots, a second each and the way to the next: {capacity}/s");

    for (seed, rate) in [(1, 5.0), (2, 5.0), (3, 7.0)] {
        let (profile, size) = ten_slots(rate);
        let sampled =
            Settings { sample: true, interval: Nanos::from_millis(250), ..settings(seed, rate, rate * 150.0) };
        let outage = Outage::of_all_workers(seconds(20), seconds(40));
        let outcome = run_under(&profile, size, sampled, &[outage]);
        let back = at(&outcome, 40);
        assert_eq!(back.activities, 0);
        // What came is done or, ten of it, in the slots: the first instant at which full speed has done the rest is the end of
        // the backlog.
        let mut since = outcome.samples.iter().filter(|sample| sample.at > back.at);
        let balanced = since.find(|sample| {
            let due = (sample.counts.offered - back.counts.completed) as f64 - 10.0;
            capacity * (sample.at - back.at).as_secs_f64() >= due
        });
        let expected = (balanced.unwrap().at - back.at).as_secs_f64();
        let empty = outcome.samples.iter().find(|sample| sample.at > seconds(41) && sample.backlog == 0);
        let drained = (empty.unwrap().at - back.at).as_secs_f64();
        println!("{rate}/s: {} waited, empty after {drained} s, flow balance says {expected} s", back.backlog);
        assert!((drained - expected).abs() < 0.03 * expected + 0.5, "{drained} s, flow balance says {expected} s");
    }
}

#[test]
fn one_stopped_worker_of_four_leaves_its_work_to_the_others() {
    let profile = on_measured_machine(
        &workflows("", r#"{ activity = "a", takes = "50ms", start_to_close = "60s", count = 6 }"#),
        4.0,
    );
    let mut size = SystemSize::of(&profile);
    size.workers.pods.count = 4;
    let sampled = Settings { sample: true, ..settings(1, 4.0, 240.0) };
    let outage = Outage::of_worker(2, seconds(20), seconds(40));
    let outcome = run_under(&profile, size, sampled, &[outage]);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
    for second in 22..=40 {
        assert!(at(&outcome, second).backlog <= 2, "second {second}: {:?}", at(&outcome, second));
    }
    // Its workflows lost their cache, so others replay them: that is seen in nothing but a little latency.
    let slowest = outcome.recorder.total(Metric::EndToEnd).inner().max();
    assert!(slowest < 2_000_000_000, "a workflow of half a second took {} ms", slowest / 1_000_000);
}

#[test]
fn every_law_holds_while_workers_come_and_go() {
    let random_outages = [
        Outage::of_worker(0, Nanos::from_millis(4_321), Nanos::from_millis(9_000)),
        Outage::of_all_workers(Nanos::from_millis(8_500), Nanos::from_millis(15_000)),
        Outage::of_worker(1, Nanos::from_millis(15_000), Nanos::from_millis(15_001)),
        Outage { first_pod: 1, pods: 7, from: seconds(20), until: seconds(30) },
    ];
    for (seed, steps) in [(1, SHAPES[0].1), (2, SHAPES[2].1), (3, SHAPES[5].1), (4, SHAPES[8].1), (5, SHAPES[9].1)] {
        let profile = on_measured_machine(&workflows("", steps), 6.0);
        let mut size = SystemSize::of(&profile);
        size.workers.pods.count = 3;
        size.workers.workflow_task_slots = 3;
        size.workers.activity_slots = 3;
        size.workers.workflow_task_pollers = 2;
        size.workers.activity_pollers = 4;
        let calibration = Calibration::reference();
        let mut simulation =
            Model::simulation_under(&profile, &calibration, size, settings(seed, 6.0, 240.0), &random_outages);
        let mut end = seconds(40);
        simulation.run_until(end);
        for turn in 0..4_000 {
            if simulation.model().leftovers() == Leftovers::default() {
                break;
            }
            end += Nanos::from_millis(137 + turn % 7);
            simulation.run_until(end);
        }
        assert_eq!(simulation.model().leftovers(), Leftovers::default(), "seed {seed}");
        let counts = simulation.model().counts();
        assert_eq!(counts.offered, counts.completed + counts.failed, "seed {seed}");
        for (name, report) in simulation.model_mut().reports(end) {
            laws::exact(&report).unwrap_or_else(|broken| panic!("seed {seed}, {name}: {broken}"));
        }
    }
}

/// One-activity workflows on a cluster with these settings of its server.
fn with_server(rate: f64, server: &str) -> (Profile, SystemSize) {
    let text = format!(
        "name = \"limits\"\nsdk = \"go\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"{rate}/s\" }}]\n{}\n\
         [workers]\npods = 4\nworkflow_task_pollers = 20\nactivity_pollers = 20\npod = {{ cpu = 4, memory = \"4GiB\" }}\n\
         [cluster]\nuse = \"kubernetes-production\"\n[cluster.server]\n{server}\n",
        workflows("act1", SHAPES[0].1)
    );
    let profile = temporal_support::profile(&text);
    let mut size = SystemSize::of(&profile);
    size.database = plimsoll_profiles::units::Cores::new(16.0);
    (profile, size)
}

#[test]
fn a_limit_far_above_the_load_changes_nothing() {
    let of = |server: &str| {
        let (profile, size) = with_server(20.0, server);
        run_under(&profile, size, settings(1, 20.0, 600.0), &[])
    };
    let (default, none) = (
        of(""),
        of(
            "frontend_rps = \"unlimited\"\nnamespace_rps = \"unlimited\"\nhistory_rps = \"unlimited\"\nmatching_rps = \"unlimited\"",
        ),
    );
    assert_eq!(default.work, none.work);
    assert_eq!(default.work.throttled, [0; 5]);
    assert_eq!(default.recorder.samples(Metric::EndToEnd), none.recorder.samples(Metric::EndToEnd));
}

#[test]
fn a_frontend_limit_below_the_load_is_what_passes_and_the_rest_is_asked_for_again() {
    // Three frontend pods, 20 requests a second each: 60 a second, where 20 workflows ask for more than 100.
    let (profile, size) = with_server(20.0, "namespace_rps = \"20/s\"");
    let window = Settings { drain: Nanos::ZERO, ..settings(1, 20.0, 20.0 * 120.0) };
    let outcome = run_under(&profile, size, window, &[]);
    let served: f64 = outcome
        .work
        .requests
        .by_method(plimsoll_sim::temporal::Process::Frontend, &Calibration::reference())
        .values()
        .sum();
    // Each pod may have its burst of two seconds beside its rate; polls that end empty are made again whatever the limit.
    let allowed = 3.0 * 20.0 * (120.0 + 2.0);
    assert!(served <= allowed + 160.0 * 2.0 + 3.0, "{served} served, {allowed} allowed");
    assert!(served >= 0.97 * allowed, "{served} served, {allowed} allowed");
    assert!(outcome.work.throttled[0] > 1_000, "{:?}", outcome.work.throttled);
    assert!(outcome.unfinished > 100, "{} unfinished", outcome.unfinished);

    // Twice the load's need: nothing is lost, only the bursts beyond wait.
    let (profile, size) = with_server(20.0, "namespace_rps = \"80/s\"");
    let outcome = run_under(&profile, size, settings(1, 20.0, 2_400.0), &[]);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}

#[test]
fn a_start_that_is_refused_is_made_again_after_the_sdks_back_off() {
    // Starts take the namespace's tokens as long as they come together: 40 at once, then 20 a second.
    let (mut profile, mut size) = with_server(20.0, "namespace_rps = \"20/s\"\nhistory_rps = \"unlimited\"");
    profile.cluster.server.namespace_burst_ratio = 1.0;
    size.frontend.count = 1;
    let outcome = run_under(&profile, size, settings(1, 60.0, 120.0), &[]);
    let slowest = Nanos(outcome.recorder.total(Metric::Start).inner().max());
    assert!(slowest > Nanos::from_millis(800), "refused starts wait a second: {slowest}");
    assert_eq!(outcome.counts.completed, outcome.counts.offered, "all come through in the end");
}

#[test]
fn a_cache_too_small_for_the_open_workflows_loads_them_again() {
    // Two timers of three seconds: with room for all, each run is loaded once; else again at each timer.
    let steps = r#"{ timer = "3s" }, { timer = "3s" }"#;
    let statements = |entries: u32| {
        let mut profile = on_measured_machine(&workflows("", steps), 10.0);
        profile.cluster.server.history_cache_entries = entries;
        let outcome = run_under(&profile, SystemSize::of(&profile), settings(1, 10.0, 3_000.0), &[]);
        (
            outcome.work.statements as f64 / outcome.counts.offered as f64,
            outcome.work.cold_loads as f64 / outcome.counts.offered as f64,
        )
    };
    // Ten runs a second: 1,000 entries last for 100 s, ten for one.
    let ((room, loads), (crowded, loads_again)) = (statements(1_000), statements(10));
    assert_eq!(loads, 0.0);
    assert!((loads_again - 2.0).abs() < 0.1, "{loads_again} loads again per workflow");
    assert!((crowded - room - 18.0).abs() < 1.0, "nine SELECTs for each of two timers: {room} → {crowded}");
}

#[test]
fn time_outs_of_hours_find_their_run_gone_from_the_cache() {
    let with = |timeout: &str| {
        let steps = format!("{{ activity = \"a\", takes = \"0s\", start_to_close = \"{timeout}\" }}");
        let profile = on_measured_machine(&workflows("", &steps), 10.0);
        let outcome = run_under(&profile, SystemSize::of(&profile), settings(1, 10.0, 1_000.0), &[]);
        (outcome.work, outcome.counts.offered)
    };
    let ((short, _), (long, offered)) = (with("10min"), with("24h"));
    assert_eq!((short.cold_loads, long.cold_loads), (0, offered));
    // The nine SELECTs of the load, and two reads of the timer queue.
    let more = (long.statements - short.statements) as f64 / offered as f64;
    assert!((more - 11.0).abs() < 0.2, "{more} more statements per workflow");
}

#[test]
fn idle_workers_poll_once_a_minute() {
    let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), 0.1);
    let mut size = SystemSize::of(&profile);
    size.workers.activity_pollers = 100;
    size.workers.workflow_task_pollers = 50;
    size.workers.pods.count = 4;
    let none = Settings {
        load: plimsoll_sim::temporal::Load::Poisson(plimsoll_profiles::units::Rate::ZERO),
        measured: seconds(600),
        drain: Nanos::ZERO,
        ..settings(1, 1.0, 1.0)
    };
    let outcome = run_under(&profile, size, none, &[]);
    let polls = outcome.work.requests.by_method(plimsoll_sim::temporal::Process::Frontend, &Calibration::reference());
    assert!((polls["PollActivityTaskQueue"] - 4_000.0).abs() <= 2.0, "{polls:?}");
    assert!((polls["PollWorkflowTaskQueue"] - 2_000.0).abs() <= 2.0, "{polls:?}");
}

#[test]
fn sixteen_thousand_shards_and_two_hundred_pods_run() {
    let (profile, mut size) = with_server(400.0, "");
    size.history_shards = 16_384;
    size.history.count = 200;
    size.frontend.count = 50;
    size.matching.count = 50;
    size.workers.pods.count = 200;
    size.database = plimsoll_profiles::units::Cores::new(64.0);
    let window = settings(1, 400.0, 4_000.0);
    let mut simulation = Model::simulation_under(&profile, &Calibration::reference(), size, window, &[]);
    let mut end = seconds(10);
    simulation.run_until(end);
    for turn in 0..1_000 {
        if simulation.model().leftovers() == Leftovers::default() {
            break;
        }
        end += Nanos::from_millis(37 + turn % 7);
        simulation.run_until(end);
    }
    assert_eq!(simulation.model().leftovers(), Leftovers::default());
    let counts = simulation.model().counts();
    assert!(counts.offered > 3_800 && counts.completed == counts.offered, "{counts:?}");
    let reports = simulation.model_mut().reports(end);
    assert!(reports.len() > 16_384 + 500, "{} stations", reports.len());
    for (name, report) in reports {
        laws::exact(&report).unwrap_or_else(|broken| panic!("{name}: {broken}"));
    }
}
