//! The engine against an implementation that has no events: the recursion of Kiefer and Wolfowitz (1955).

#![allow(clippy::unwrap_used)]

mod engine_support;

use engine_support::*;
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::engine::Fcfs;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const CUSTOMERS: usize = 100_000;
const SEED: u64 = 7;

/// Each customer takes the server that is free first.
fn kiefer_wolfowitz(servers: usize, mut gaps: Source, mut services: Source) -> Vec<Nanos> {
    let mut free: BinaryHeap<Reverse<u64>> = (0..servers).map(|_| Reverse(0)).collect();
    let mut arrival = 0;
    let mut waits = Vec::with_capacity(CUSTOMERS);
    for _ in 0..CUSTOMERS {
        let Reverse(first_free) = free.pop().unwrap();
        let start = first_free.max(arrival);
        waits.push(Nanos(start - arrival));
        free.push(Reverse(start + services.draw().0));
        arrival += gaps.draw().0;
    }
    waits
}

#[test]
fn every_customer_waits_as_in_the_recursion_to_the_nanosecond() {
    let ms = Nanos::from_millis;
    let mut waited = 0;
    for servers in [1, 2, 3, 10, 64] {
        let gap = Nanos(1_100_000_000 / servers);
        let cases = [
            (exponential(gap), exponential(SECOND)),
            (exponential(gap), Distribution::from_mean_cv(SECOND, 2.0)),
            (Distribution::from_mean_cv(gap, 3.0), Distribution::from_mean_cv(SECOND, 0.3)),
            (Distribution::Constant(gap), exponential(SECOND)),
            (exponential(gap), Distribution::Constant(SECOND)),
            (exponential(Nanos(900_000_000 / servers)), Distribution::Uniform { low: Nanos::ZERO, high: ms(2_000) }),
            // A clock of a few nanoseconds: arrivals and departures coincide all the time.
            (
                Distribution::Uniform { low: Nanos::ZERO, high: Nanos(2) },
                Distribution::Uniform { low: Nanos::ZERO, high: Nanos(2 * servers - 1) },
            ),
            (Distribution::Constant(Nanos(1)), Distribution::Constant(Nanos(servers))),
        ];
        for (gap, service) in cases {
            let gaps = || Source::new(gap.clone(), "gaps", SEED, 0);
            let services = || Source::new(service.clone(), "services", SEED, 0);
            let line = Line::new(Fcfs::new(servers as u32), gaps(), services(), 0, CUSTOMERS);
            let simulated = line.run_without_laws();
            let expected = kiefer_wolfowitz(servers as usize, gaps(), services());
            let first = simulated.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!(first, None, "{servers} servers, {gap:?}, {service:?}: the first customer that differs");
            assert_eq!(simulated.len(), CUSTOMERS);
            waited += expected.iter().filter(|wait| wait.0 > 0).count();
        }
    }
    assert!(waited > 1_000_000, "the cases must make customers wait: {waited}");
}
