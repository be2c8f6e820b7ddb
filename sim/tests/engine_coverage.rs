//! Intervals hold the true value as often as they say.

#![allow(clippy::unwrap_used)]

mod engine_support;

use engine_support::*;
use plimsoll_sim::engine::statistics::BatchMeans;
use plimsoll_sim::engine::{Fcfs, Interval, Tally, replications};

const EXPERIMENTS: u32 = 1_000;
const SEED: u64 = 5;

fn share(hits: impl Iterator<Item = bool>) -> f64 {
    hits.filter(|hit| *hit).count() as f64 / f64::from(EXPERIMENTS)
}

/// M/M/10 at 80 % load, started empty.
fn waits(experiment: u32, warm_up: usize, customers: usize) -> Vec<f64> {
    let gaps = Source::poisson(8.0, SEED, experiment);
    let services = Source::new(exponential(SECOND), "services", SEED, experiment);
    Line::new(Fcfs::new(10), gaps, services, warm_up, customers).run().0.waits
}

#[test]
fn ninety_five_percent_intervals_from_one_run_hold_the_mean_and_the_p90_that_often() {
    let (_, exact) = golden("mmc").into_iter().find(|(key, _)| key == "c=10,lam=8,mu=1").unwrap();
    let (mean, p90) = (number(&exact["Wq"]), number(&exact["q90"]));
    let batches = BatchMeans::new(20, 0.95);
    let hits = replications(EXPERIMENTS, 2, |experiment| {
        let waits = waits(experiment, 5_000, 150_000);
        let result = batches.mean(&waits).unwrap();
        (result.interval.contains(mean), batches.quantile(&waits, 0.9).unwrap().contains(p90))
    })
    .unwrap();
    let of_mean = share(hits.iter().map(|hit| hit.0));
    let of_p90 = share(hits.iter().map(|hit| hit.1));
    println!("coverage of the mean {of_mean}, of the p90 {of_p90}");
    assert!((0.93..=0.97).contains(&of_mean), "coverage of the mean: {of_mean}");
    assert!((0.93..=0.97).contains(&of_p90), "coverage of the p90: {of_p90}");
}

#[test]
fn ninety_five_percent_intervals_from_replications_hold_the_mean_that_often() {
    let (_, exact) = golden("mmc").into_iter().find(|(key, _)| key == "c=10,lam=8,mu=1").unwrap();
    let hits = replications(EXPERIMENTS, 2, |experiment| {
        let mut tally = Tally::new();
        for replication in 0..10 {
            let waits = waits(EXPERIMENTS + 10 * experiment + replication, 1_000, 5_000);
            tally.record(waits.iter().sum::<f64>() / waits.len() as f64);
        }
        Interval::of_mean(&tally, 0.95).unwrap().contains(number(&exact["Wq"]))
    })
    .unwrap();
    let coverage = share(hits.into_iter());
    println!("coverage {coverage}");
    assert!((0.93..=0.97).contains(&coverage), "coverage: {coverage}");
}
