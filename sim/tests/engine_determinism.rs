//! A run depends on its inputs alone.

#![allow(clippy::unwrap_used)]

mod engine_support;

use engine_support::*;
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::{Fcfs, Simulation, check_determinism, replications};
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};

fn line(seed: u64, replication: u32) -> Line {
    let services = Source::new(Distribution::from_mean_cv(SECOND, 2.0), "services", seed, replication);
    Line::new(Fcfs::new(10), Source::poisson(8.0, seed, replication), services, 100, 5_000)
}

fn simulation(seed: u64) -> Simulation<Line> {
    let mut simulation = Simulation::new(line(seed, 0));
    simulation.schedule_mut().at(Nanos::ZERO, Event::Arrival);
    simulation
}

fn draws(line: &Line, hash: &mut plimsoll_sim::engine::RunningHash) {
    hash.write_u64(line.gaps.stream.clone().next_u64());
    hash.write_u64(line.services.stream.clone().next_u64());
}

#[test]
fn any_number_of_threads_gives_the_same_results_in_the_same_order() {
    let run = |threads| {
        let results = replications(16, threads, |replication| {
            let (line, report) = line(3, replication).run();
            format!("{report:?} {:?}", line.waits)
        });
        results.unwrap()
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
    assert_ne!(one[0], one[1]);
}

#[test]
fn two_runs_of_the_same_inputs_have_the_same_hash_and_other_seeds_another() {
    let end = SECOND * 500;
    let hash = check_determinism(|| simulation(1), end, draws).unwrap();
    assert_eq!(hash, check_determinism(|| simulation(1), end, draws).unwrap());
    assert_ne!(hash, check_determinism(|| simulation(2), end, draws).unwrap());
}

#[test]
fn a_divergence_names_its_first_event() {
    // The fingerprint of the second run has one more in it from its 700th event on.
    let calls = AtomicU64::new(0);
    let divergence = check_determinism(
        || simulation(1),
        SECOND * 500,
        |_, hash| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            let (event, second_run) = (call / 2 + 1, call % 2 == 1);
            hash.write_u64(u64::from(second_run && event >= 700));
        },
    )
    .unwrap_err();
    assert_eq!(divergence.event_number, 700);
    assert_eq!(divergence.first, divergence.second);
    // Different inputs differ at once, or where the first draw shows.
    let seeds = AtomicU64::new(0);
    let made = || simulation(seeds.fetch_add(1, Ordering::Relaxed));
    assert_eq!(check_determinism(made, SECOND * 500, draws).unwrap_err().event_number, 1);
}
