//! What the server's own machinery does with work: workers that stop, task queues, limits, caches, shards.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::laws;
use plimsoll_sim::temporal::{
    Leftovers, Metric, Model, Outage, Outcome, Sample, Settings, StoppedWorkers, SystemSize, simulate_under,
};
use temporal_support::shapes::{SHAPES, workflows};
use temporal_support::{on_measured_machine, run_out, settings};

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
fn a_stopped_worker_is_given_nothing_eagerly() {
    let workflow = "[[workflow]]\ntype = \"W\"\neager_start = true\nsteps = [{ activity = \"a\", takes = \"50ms\", start_to_close = \"10s\" }]";
    let mut profile = on_measured_machine(workflow, 8.0);
    profile.cluster.eager_activities = true;
    let sampled = Settings { sample: true, ..settings(1, 8.0, 480.0) };
    let outage = Outage::of_all_workers(seconds(20), seconds(40));
    let outcome = run_under(&profile, SystemSize::of(&profile), sampled, &[outage]);
    let (stopped, back) = (at(&outcome, 22), at(&outcome, 40));
    assert!(stopped.counts.completed > 100, "{:?}", stopped.counts);
    assert_eq!(back.counts.completed, stopped.counts.completed);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}

#[test]
fn a_backlog_drains_in_the_time_that_flow_balance_gives() {
    // What the workers do at most: measured where a little more comes, so that the rest of the machine is as busy as in the drain.
    let (profile, size) = ten_slots(12.0);
    let window = Settings { drain: Nanos::ZERO, sample: true, ..settings(1, 12.0, 12.0 * 121.0) };
    let flooded = run_under(&profile, size, window, &[]);
    let completed = |second| at(&flooded, second).counts.completed as f64;
    let capacity = (completed(120) - completed(20)) / 100.0;
    assert!((9.3..10.0).contains(&capacity), "ten slots, a second each and the way to the next: {capacity}/s");

    for (seed, rate) in [(1, 5.0), (2, 5.0), (3, 7.0)] {
        let (profile, size) = ten_slots(rate);
        let sampled =
            Settings { sample: true, interval: Nanos::from_millis(250), ..settings(seed, rate, rate * 150.0) };
        let outage = Outage::of_all_workers(seconds(20), seconds(40));
        let outcome = run_under(&profile, size, sampled, &[outage]);
        let back = at(&outcome, 40);
        assert_eq!(back.activities, 0);
        // What came is done, or waits, or is in the ten slots. These run in step after the outage, so up to ten more are on the
        // way out of them.
        let mut furthest: f64 = 0.0;
        let mut expected = None;
        for sample in outcome.samples.iter().filter(|sample| sample.at > back.at + seconds(1)) {
            let since = (sample.at - back.at).as_secs_f64();
            let waiting = (sample.counts.offered - back.counts.completed) as f64 - capacity * since - 10.0;
            if waiting <= 0.0 {
                expected = Some(since);
                break;
            }
            furthest = furthest.max((sample.backlog as f64 - waiting).abs());
        }
        assert!(furthest <= 12.0, "{furthest} tasks off the line that flow balance draws");
        let expected = expected.unwrap();
        let empty = outcome.samples.iter().find(|sample| sample.at > seconds(41) && sample.backlog == 0);
        let drained = (empty.unwrap().at - back.at).as_secs_f64();
        println!(
            "{rate}/s of {capacity}/s: {} waited, empty after {drained} s, flow balance says {expected} s",
            back.backlog
        );
        let in_step = 10.0 / (capacity - rate);
        assert!(
            drained <= expected + 0.5 && drained >= expected - in_step,
            "empty after {drained} s, flow balance says {expected} s"
        );
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
        Outage { workers: StoppedWorkers::From { first: 1, pods: 7 }, from: seconds(20), until: seconds(30) },
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
        run_out(&mut simulation, seconds(40), 4_000, &format!("seed {seed}"));
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
    assert_eq!(default.work.throttled, [0; plimsoll_sim::temporal::Process::COUNT]);
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
        let outcome = run_under(&profile, SystemSize::of(&profile), settings(1, 10.0, 4_000.0), &[]);
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

#[test]
fn a_backlog_is_handed_out_in_order_within_a_partition() {
    // Waiting times after an outage, in the order in which one poller got the tasks: with one partition the oldest waited
    // longest, and each later one less; with four some overtake others.
    let waits = |partitions: u32| {
        let mut profile = on_measured_machine(&workflows("act1", SHAPES[0].1), 5.0);
        profile.cluster.task_queue_partitions = partitions;
        let outage = Outage::of_all_workers(seconds(10), seconds(30));
        let mut size = SystemSize::of(&profile);
        size.workers.workflow_task_pollers = 1;
        size.workers.workflow_task_slots = 1;
        let outcome = run_under(&profile, size, settings(3, 5.0, 150.0), &[outage]);
        let all: Vec<u64> = outcome.recorder.values(Metric::ScheduleToStartWorkflow).unwrap().collect();
        all.into_iter().filter(|wait| *wait > 3_000_000_000).collect::<Vec<_>>()
    };
    let inversions = |waits: &[u64]| waits.windows(2).filter(|pair| pair[1] > pair[0] + 200_000_000).count();
    let (one, four) = (waits(1), waits(4));
    assert!(one.len() > 60 && four.len() > 60, "{} and {} waited", one.len(), four.len());
    assert_eq!(inversions(&one), 0, "{one:?}");
    assert!(inversions(&four) > 5, "{four:?}");
}

/// Ten workflows a second, the worker away from 20 s to 40 s: start and response of each on a real server.
fn really_stopped() -> Vec<(f64, f64)> {
    let text = include_str!("data/worker_stopped_20s.json");
    let run: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows = run["workflows"].as_array().unwrap();
    rows.iter().map(|row| (row[0].as_f64().unwrap(), row[1].as_f64().unwrap())).collect()
}

/// Completions a second from the worker's return until the backlog is gone, and when that is.
fn drain(workflows: &[(f64, f64)], ends: f64) -> f64 {
    let done = |at: f64| workflows.iter().filter(|(start, response)| start + response <= at).count() as f64;
    (done(ends) - done(41.0)) / (ends - 41.0)
}

#[test]
fn a_worker_stopped_on_a_real_server_left_and_drained_the_backlog_that_the_model_says() {
    let real = really_stopped();
    let started = |from: f64, to: f64| real.iter().filter(|(start, _)| (from..to).contains(start)).count() as f64;
    // The real machine was busy with other programs: its capacity is what it did while the backlog lasted.
    let capacity = drain(&real, 51.0);
    let rate = started(0.0, 90.0) / 90.0;
    let expected = started(20.0, 40.0) / (capacity - rate);
    let open = |at: f64| real.iter().filter(|(start, response)| *start <= at && start + response > at).count();
    let empty = (410..900).map(|tenth| f64::from(tenth) / 10.0).find(|at| open(*at) <= 12).unwrap() - 40.0;
    println!("capacity {capacity}/s, flow balance {expected} s, really {empty} s");
    assert!((empty - expected).abs() < 0.15 * expected, "really {empty} s, flow balance says {expected} s");

    // The same on the model, with as much of the machine as there was: how long do workflows take?
    let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), 10.0);
    let mut quantiles = [0.6, 0.7, 0.8, 0.9, 0.99].map(|q| (q, Vec::new()));
    for seed in 0..5 {
        let mut profile = profile.clone();
        let plimsoll_profiles::profile::Placement::Shared(host) = &mut profile.cluster.placement else { panic!() };
        host.size.cpu = plimsoll_profiles::units::Cores::new(2.0 * capacity / 44.0);
        let outage = Outage::of_all_workers(seconds(20), seconds(40));
        let outcome = run_under(&profile, SystemSize::of(&profile), settings(seed, 10.0, 900.0), &[outage]);
        for (q, values) in &mut quantiles {
            values.push(outcome.recorder.total(Metric::EndToEnd).inner().value_at_quantile(*q) as f64 / 1e9);
        }
    }
    let mut sorted: Vec<f64> = real.iter().map(|workflow| workflow.1).collect();
    sorted.sort_by(f64::total_cmp);
    for (q, values) in &mut quantiles {
        values.sort_by(f64::total_cmp);
        let (model, measured) = (values[2], sorted[(*q * sorted.len() as f64) as usize]);
        println!("p{}: {model:.2} s, measured {measured:.2} s", *q * 100.0);
        assert!((model - measured).abs() < 0.2 * measured + 1.0, "p{}: {model} s, measured {measured} s", *q * 100.0);
    }
}
