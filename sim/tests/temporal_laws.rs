//! What holds for every run of the Temporal model, whatever the profile: workflows are conserved, nothing is left behind, and
//! every station obeys its laws. On shipped profiles and on random ones; a failure prints the seed and the profile.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_sim::engine::{Simulation, laws};
use plimsoll_sim::planner::provision;
use plimsoll_sim::temporal::{
    IdleLoad, Leftovers, Load, Model, Process, Settings, SystemSize, collection_share, simulate,
};
use temporal_support::{on_measured_machine, profile, run, settings, shipped_profile};

/// Runs until nothing is left, or fails saying what is.
fn run_dry(simulation: &mut Simulation<Model>, end: Nanos, what: &str) {
    simulation.run_until(end);
    let mut left = simulation.model().leftovers();
    // Long timers, late time-outs and retries of workflows closed long ago; then whatever the idle cluster does.
    for turn in 0u64..4_000 {
        if left == Leftovers::default() {
            return;
        }
        // Not in step with anything periodic.
        let now = simulation.schedule().now();
        simulation.run_until(now + Nanos::from_millis(137 + turn % 7));
        left = simulation.model().leftovers();
    }
    panic!("never empty: {left:?}\n{what}");
}

fn check_laws(profile: &Profile, size: SystemSize, settings: Settings, what: &str) {
    let mut simulation = Model::simulation(profile, &Calibration::reference(), size, settings);
    let end = settings.warmup + settings.measured;
    simulation.run_until(Nanos(end.0 / 2));
    let counts = simulation.model().counts();
    let open = simulation.model().leftovers().open_workflows as u64;
    assert_eq!(counts.offered, counts.completed + counts.failed + open, "in the middle of\n{what}");
    for (name, report) in simulation.model_mut().reports(Nanos(end.0 / 2)) {
        laws::exact(&report).unwrap_or_else(|broken| panic!("{name}, half way: {broken}\n{what}"));
    }
    run_dry(&mut simulation, end, what);
    let now = simulation.schedule().now();
    let counts = simulation.model().counts();
    assert!(counts.offered > 0, "nothing was started by\n{what}");
    assert_eq!(counts.offered, counts.completed + counts.failed, "at the end of\n{what}");
    for (name, report) in simulation.model_mut().reports(now) {
        laws::exact(&report).unwrap_or_else(|broken| panic!("{name}: {broken}\n{what}"));
    }
    utilisation_law(&mut simulation, what);
}

/// Every nanosecond of CPU that was asked for was spent on some host, and nothing else was; the idle cluster's work apart.
fn utilisation_law(simulation: &mut Simulation<Model>, what: &str) {
    // Garbage collections, which nobody waits for, were asked for as a whole when they began.
    let mut now = simulation.schedule().now();
    let mut reports = simulation.model_mut().reports(now);
    while reports.iter().any(|(name, report)| name.starts_with("host") && report.population > 0) {
        simulation.run_until(now + Nanos::from_millis(37));
        now = simulation.schedule().now();
        reports = simulation.model_mut().reports(now);
    }
    let spent: u128 = reports.iter().filter(|(name, _)| name.starts_with("host")).map(|(_, r)| r.busy_area).sum();
    let work = simulation.model().work();
    // CPU is counted with its share of the collections to come; here they count when they ran.
    let calibration = Calibration::reference();
    let processes = [
        Process::Frontend,
        Process::History,
        Process::Matching,
        Process::Database,
        Process::Worker,
        Process::VisibilityDatabase,
    ];
    let own =
        |process: Process| work.cpu[process as usize].as_secs_f64() / (1.0 + collection_share(process, &calibration));
    let asked = processes.map(own).iter().sum::<f64>() + work.collections.as_secs_f64();
    let shards = reports.iter().filter(|(name, _)| name.starts_with("shard")).count() as u32;
    let idle = IdleLoad::of(&Calibration::reference(), shards).cpu().as_secs_f64() * now.as_secs_f64();
    let spent = spent as f64 / 1e9;
    assert!(
        (spent - asked - idle).abs() < 0.002 * (asked + idle) + 0.02,
        "{spent} s spent, {asked} s + {idle} s asked\n{what}"
    );
    // Transactions, statements and commits belong together.
    assert!(work.commits >= work.write_transactions, "{work:?}\n{what}");
    assert!(work.fsyncs <= work.commits, "{work:?}\n{what}");
    assert!(work.cpu[Process::Database as usize] > Nanos::ZERO, "{work:?}\n{what}");
}

#[test]
fn shipped_profiles_obey_the_laws() {
    for (name, rate, seconds) in [
        ("one-activity", 10.0, 60.0),
        ("order-fulfilment", 20.0, 30.0),
        ("agent-pipeline", 0.5, 60.0),
        ("iot-devices", 30.0, 30.0),
        ("subscriptions", 5.0, 60.0),
        ("worked-example", 1.0, 30.0),
    ] {
        let profile = shipped_profile(name);
        let size = provision(&profile, &Calibration::reference(), 1, &|| false);
        check_laws(&profile, size, settings(1, rate, rate * seconds), name);
    }
}

/// Random workflow types: trees of every kind of step, a few deep, failing often.
struct Generator {
    random: Stream,
    steps: u32,
}

impl Generator {
    fn one_of(&mut self, choices: &[&str]) -> String {
        choices[self.random.below(choices.len() as u64) as usize].to_owned()
    }

    fn activity(&mut self) -> String {
        // The last one is timed out now and then.
        let choices =
            ["\"0s\"|1s", "\"5ms\"|50ms", "\"40ms\"|10s", "\"1500ms\"|3s", "{ mean = \"100ms\", cv = 1.5 }|200ms"];
        let choice = self.one_of(&choices);
        let (takes, start_to_close) = choice.split_once('|').unwrap();
        let fails = self.one_of(&["0", "0", "0.2", "0.6", "1.0"]);
        let attempts = 1 + self.random.below(3);
        let heartbeat = self.one_of(&[
            "",
            "",
            ", heartbeat = { every = \"400ms\", timeout = \"700ms\" }",
            ", heartbeat = { every = \"300ms\" }",
        ]);
        let mut more = self.one_of(&["", "", ", schedule_to_start = \"800ms\"", ", schedule_to_close = \"4s\""]);
        if fails != "0" {
            more += &self.one_of(&["", ", non_retryable = 0.5"]);
        }
        let memory = self.one_of(&["100B", "1000KiB", "5MiB"]);
        format!(
            "{{ activity = \"a\", takes = {takes}, fails = {fails}{more}, memory = \"{memory}\", start_to_close = \"{start_to_close}\"{heartbeat}, \
             retry = {{ initial = \"200ms\", backoff = 2.0, attempts = {attempts} }} }}"
        )
    }

    fn list(&mut self, depth: u32, most: u64) -> String {
        let steps: Vec<String> = (0..=self.random.below(most)).map(|_| self.step(depth)).collect();
        steps.join(", ")
    }

    fn step(&mut self, depth: u32) -> String {
        self.steps += 1;
        let kinds = if depth == 0 || self.steps > 25 { 7 } else { 11 };
        match self.random.below(kinds) {
            0 | 1 => self.activity(),
            2 => self.one_of(&[
                "{ local_activity = \"l\", takes = \"2ms\", count = 2 }",
                "{ local_activity = \"l\", takes = \"9s\" }",
                "{ upsert_search_attributes = \"a\" }, { side_effect = \"e\" }",
            ]),
            3 => format!("{{ timer = \"{}\" }}", self.one_of(&["10ms", "1200ms", "3s", "2h", "40d"])),
            4 => {
                let (after, start) = (self.one_of(&["0s", "20ms", "1s", "3h"]), self.one_of(&["true", "false"]));
                format!(
                    "{{ wait_signal = \"s\", after = \"{after}\", from_start = {start}, count = {} }}",
                    1 + self.random.below(3)
                )
            }
            5 => format!(
                "{{ update = \"u\", after = \"{}\", from_start = {}, count = {}, rejected = {} }}",
                self.one_of(&["0s", "100ms", "1d"]),
                self.one_of(&["true", "false"]),
                1 + self.random.below(3),
                self.one_of(&["0", "0.3"])
            ),
            6 => match self.random.below(3) {
                0 => "{ query = \"q\", count = 2 }".to_owned(),
                1 => "{ child = \"Child\" }".to_owned(),
                _ => format!(
                    "{{ child = \"Child\", wait = false, on_parent_close = \"{}\" }}",
                    self.one_of(&["terminate", "request-cancel", "abandon"])
                ),
            },
            7 | 8 => format!("{{ parallel = [ {} ] }}", self.list(depth - 1, 4)),
            9 => format!(
                "{{ repeat = {{ times = {}, steps = [ {} ] }} }}",
                1 + self.random.below(3),
                self.list(depth - 1, 2)
            ),
            _ => format!(
                "{{ branch = [ {{ probability = 0.3, steps = [ {} ] }}, {{ probability = 0.5, steps = [ {} ] }} ] }}",
                self.list(depth - 1, 2),
                self.list(depth - 1, 2)
            ),
        }
    }

    fn workflows(&mut self) -> String {
        let mut root = self.list(3, 4);
        if self.random.below(3) == 0 {
            root +=
                &format!(", {{ continue_as_new = {{ runs = {} }} }}, {}", 1 + self.random.below(2), self.activity());
        }
        let keys: String = (0..2)
            .map(|_| {
                self.one_of(&[
                    "",
                    "",
                    "eager_start = true\n",
                    "cancelled = { probability = 0.4, after = { mean = \"3s\", cv = 2.0 } }\n",
                    "terminated = { probability = 0.4, after = \"2s\" }\n",
                    "run_timeout = \"6s\"\n",
                    "execution_timeout = \"3h\"\n",
                    "scheduled = true\n",
                ])
            })
            .collect();
        let keys = match keys.split_once('\n') {
            // One of a kind is enough, and a scheduled start is not an eager one.
            Some((first, rest)) if rest.trim() == first || keys.contains("scheduled") => format!("{first}\n"),
            _ => keys,
        };
        let child = if self.random.below(2) == 0 { self.activity() } else { "{ timer = \"1s\" }".to_owned() };
        if !root.contains("child") {
            return format!("[[workflow]]\ntype = \"Root\"\nshare = 1.0\n{keys}steps = [ {root} ]\n");
        }
        format!(
            "[[workflow]]\ntype = \"Root\"\nshare = 1.0\n{keys}steps = [ {root} ]\n[[workflow]]\ntype = \"Child\"\nsteps = [ {child} ]\n"
        )
    }
}

fn random_workflows(seed: u64) -> String {
    Generator { random: Streams::new(seed).stream("test", "profile", 0), steps: 0 }.workflows()
}

#[test]
fn random_profiles_obey_the_laws() {
    let mut failing = 0;
    for seed in 0..120 {
        let workflows = random_workflows(seed);
        let profile = on_measured_machine(&workflows, 4.0);
        let mut size = SystemSize::of(&profile);
        if seed % 3 == 1 {
            // Separate pods, few slots, a cache too small: everything is waited for.
            size.workers.pods.count = 2;
            size.workers.activity_slots = 3;
            size.workers.workflow_task_slots = 2;
            size.workers.workflow_task_pollers = 2;
            size.workers.activity_pollers = 4;
            size.workers.cached_workflows = 2;
            size.history_shards = 2;
        }
        let mut profile = profile;
        profile.cluster.eager_activities = seed % 2 == 0;
        let what = format!("seed {seed}\n{workflows}");
        check_laws(&profile, size, settings(seed, 4.0, 60.0), &what);
        let outcome = run(&profile, settings(seed, 4.0, 60.0));
        failing += u32::from(outcome.counts.failed > 0);
    }
    assert!(failing > 20, "only {failing} of the random profiles had workflows that failed");
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    for seed in [1, 2, 3] {
        let profile = on_measured_machine(&random_workflows(seed), 4.0);
        let bytes = |seed: u64| format!("{:?}", run(&profile, settings(seed, 4.0, 40.0)));
        assert_eq!(bytes(seed), bytes(seed), "seed {seed}");
        assert_ne!(bytes(seed), bytes(seed + 100), "seeds {seed} and {}", seed + 100);
    }
}

#[test]
fn activities_in_slots_are_their_rate_times_their_duration() {
    let steps =
        "[[workflow]]\ntype = \"Root\"\nsteps = [ { activity = \"a\", takes = \"2s\", start_to_close = \"10s\" } ]\n";
    let profile = on_measured_machine(steps, 8.0);
    let window = Settings {
        warmup: Nanos::from_secs(20),
        measured: Nanos::from_secs(400),
        load: Load::Poisson(Rate::per_second(8.0)),
        ..settings(1, 8.0, 1.0)
    };
    let outcome = run(&profile, window);
    let rate = outcome.measured_closed as f64 / outcome.measured.as_secs_f64();
    // The slot is held from the task's arrival until the answer: two seconds and about ten milliseconds.
    let expected = rate * 2.01;
    let mean = outcome.populations.activities;
    assert!((mean / expected - 1.0).abs() < 0.01, "{mean} activities on average, rate times duration is {expected}");
}

#[test]
fn a_failed_workflow_leaves_its_parallel_steps_behind_without_a_trace() {
    let steps = "[[workflow]]\ntype = \"Root\"\nsteps = [ { parallel = [ \
        { activity = \"bad\", takes = \"5ms\", fails = 1.0, start_to_close = \"1s\", retry = { attempts = 1 } }, \
        { activity = \"slow\", takes = \"2s\", start_to_close = \"9s\" }, \
        { timer = \"3s\" }, \
        { wait_signal = \"s\", after = \"1s\" } ] } ]\n";
    let profile = on_measured_machine(steps, 5.0);
    let outcome = run(&profile, settings(1, 5.0, 100.0));
    assert_eq!(outcome.counts.completed, 0);
    assert_eq!(outcome.counts.failed, outcome.counts.offered);
    // It fails at once, and what comes later writes nothing: start, two workflow tasks, two activity starts, one failure.
    assert_eq!(outcome.work.state_transitions, 8 * outcome.counts.offered);
    check_laws(&profile, SystemSize::of(&profile), settings(1, 5.0, 100.0), steps);
}

#[test]
fn a_child_that_fails_fails_its_parent() {
    let steps = "[[workflow]]\ntype = \"Root\"\nshare = 1.0\nsteps = [ { child = \"Child\" } ]\n\
        [[workflow]]\ntype = \"Child\"\nsteps = [ { activity = \"bad\", takes = \"5ms\", fails = 1.0, start_to_close = \"1s\", retry = { attempts = 1 } } ]\n";
    let profile = on_measured_machine(steps, 5.0);
    let outcome = run(&profile, settings(1, 5.0, 50.0));
    assert_eq!(outcome.counts.failed, outcome.counts.offered);
}

#[test]
fn a_providers_cluster_is_left_empty_too() {
    let text = "name = \"cloud\"\nsdk = \"go\"\n[arrivals]\nphases = [{ for = \"1min\", rate = \"5/s\" }]\n".to_owned()
        + &random_workflows(7)
        + "\n[workers]\npod = { cpu = 1, memory = \"2GiB\" }\n[cluster]\nuse = \"temporal-cloud\"\n";
    let profile = profile(&text);
    let size = provision(&profile, &Calibration::reference(), 1, &|| false);
    let outcome = simulate(&profile, &Calibration::reference(), size, settings(1, 5.0, 200.0), &|| false);
    assert_eq!(outcome.unfinished, 0);
    let mut simulation = Model::simulation(&profile, &Calibration::reference(), size, settings(1, 5.0, 200.0));
    run_dry(&mut simulation, Nanos::from_secs(40), "cloud");
}
