//! The interval of a quantile from few samples covers the true one as often as it says.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::random::Streams;
use plimsoll_sim::temporal::quantile_by_inversion;

/// Waits of an M/M/10 queue at 80 % load by the Kiefer–Wolfowitz recursion, from a start in its steady state's neighbourhood.
fn waits(experiment: u32, customers: usize) -> Vec<f64> {
    let mut stream = Streams::new(2026).stream("coverage", "quantile by inversion", experiment);
    let mut free = [0.0_f64; 10];
    let mut now = 0.0;
    let mut waits = Vec::with_capacity(customers);
    for index in 0..customers + 2_000 {
        now += stream.exponential() / 8.0;
        let (first, earliest) = free.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        let start = now.max(earliest);
        free[first] = start + stream.exponential();
        if index >= 2_000 {
            waits.push(start - now);
        }
    }
    waits
}

#[test]
fn the_interval_of_a_quantile_covers_it_as_often_as_it_says() {
    // golden/queueing.json, mmc, c=10, lam=8, mu=1.
    for (q, truth, customers) in [(0.9, 0.704_492_669_786_396, 20_000), (0.99, 1.855_785_216_283_42, 20_000)] {
        let covered = (0..1_000)
            .filter(|experiment| {
                let interval = quantile_by_inversion(&waits(*experiment, customers), q).unwrap();
                interval.low <= truth && truth <= interval.high
            })
            .count();
        assert!((930..=970).contains(&covered), "p{}: {covered} of 1,000", q * 100.0);
        println!("p{}: {covered} of 1,000", q * 100.0);
    }
}

#[test]
fn too_few_samples_have_no_interval() {
    assert!(quantile_by_inversion(&vec![1.0; 999], 0.99).is_none());
    assert!(quantile_by_inversion(&vec![1.0; 1_001], 0.99).is_some());
}
