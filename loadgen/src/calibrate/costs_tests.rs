//! Costs that are known are found again from synthetic measurements.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::random::Stream;

use super::*;

/// Runs of workloads with independent counts, their CPU from known costs, measured as exactly as a real run is.
fn synthetic(truth: &[f64], runs: usize, draws: &mut Stream) -> Vec<Run> {
    (0..runs)
        .map(|_| {
            let counts: Vec<f64> = truth.iter().map(|_| 0.5 + 9.5 * draws.uniform()).collect();
            measured(truth, counts, draws)
        })
        .collect()
}

fn measured(truth: &[f64], counts: Vec<f64>, draws: &mut Stream) -> Run {
    let workflows = 200.0;
    let cpu_ms = PROCESSES.map(|(process, _)| {
        let of = COSTS.iter().zip(truth).zip(&counts).filter(|((cost, _), _)| cost.process == process);
        let exact: f64 = of.map(|((_, cost), count)| cost * count).sum();
        let collection = if process == Process::History { HISTORY_COLLECTION } else { OTHER_COLLECTION };
        Some(exact * (1.0 + SHARE * draws.normal()) + collection * 1e3 / workflows * draws.normal())
    });
    Run { counts, cpu_ms, workflows, slowness: 1.0 }
}

fn base() -> Calibration {
    Calibration::reference()
}

/// Costs between 0.6 and 1.6 times the base's.
fn other_machine(draws: &mut Stream) -> Vec<f64> {
    COSTS.iter().map(|cost| cost.of(&base()) * (0.6 + draws.uniform())).collect()
}

#[test]
fn known_costs_are_found_again_within_their_intervals() {
    let (mut inside, mut all) = (0, 0);
    for seed in 0..5 {
        println!("seed {seed}");
        let mut draws = Streams::new(seed).stream("test", "costs", 0);
        let truth = other_machine(&mut draws);
        let fit = Fit::of(&synthetic(&truth, 60, &mut draws), &base(), seed).unwrap();
        for (estimate, truth) in fit.costs.iter().zip(&truth) {
            assert!(estimate.interval[0] <= estimate.value && estimate.value <= estimate.interval[1]);
            if estimate.from_runs > 0.8 {
                all += 1;
                inside += u32::from((estimate.interval[0]..=estimate.interval[1]).contains(truth));
            }
        }
        // What a workflow costs in all is known much better than its parts.
        let total = |costs: &[f64]| costs.iter().sum::<f64>() * 5.25;
        let found: Vec<f64> = fit.costs.iter().map(|cost| cost.value).collect();
        let error = total(&found) / total(&truth) - 1.0;
        assert!(error.abs() < 0.05, "seed {seed}: the sum of all costs is off by {error:.3}");
    }
    assert!(all > 25, "the runs say something of {all} costs only");
    // 90 % intervals; a cost far from the base is pulled towards it a little.
    let share = f64::from(inside) / f64::from(all);
    assert!(share > 0.78, "{inside} of {all} intervals hold the truth");
}

#[test]
fn without_noise_and_far_from_the_base_costs_are_exact() {
    let mut draws = Streams::new(7).stream("test", "exact", 0);
    let truth = other_machine(&mut draws);
    let runs: Vec<Run> = synthetic(&truth, 400, &mut draws)
        .into_iter()
        .map(|run| {
            let cpu_ms = PROCESSES.map(|(process, _)| {
                let of = COSTS.iter().zip(&truth).zip(&run.counts).filter(|((cost, _), _)| cost.process == process);
                Some(of.map(|((_, cost), count)| cost * count).sum())
            });
            Run { cpu_ms, ..run }
        })
        .collect();
    let fit = Fit::of(&runs, &base(), 1).unwrap();
    for (estimate, truth) in fit.costs.iter().zip(&truth) {
        let error = estimate.value / truth - 1.0;
        assert!(error.abs() < 0.08, "{}: {} of {truth}", estimate.key, estimate.value);
    }
}

#[test]
fn a_cost_is_never_negative() {
    let mut draws = Streams::new(3).stream("test", "negative", 0);
    let mut truth = other_machine(&mut draws);
    truth[0] = 0.0;
    let fit = Fit::of(&synthetic(&truth, 40, &mut draws), &base(), 3).unwrap();
    assert!(fit.costs.iter().all(|cost| cost.value >= 0.0 && cost.interval[0] >= 0.0));
    assert!(fit.costs[0].value < 0.1 * fit.costs[0].base + 0.05, "{:?}", fit.costs[0]);
}

#[test]
fn costs_that_always_come_together_are_said_to() {
    let index = |key: &str| COSTS.iter().position(|cost| cost.key == key).unwrap();
    let (request, update) = (index("history_request"), index("history_update"));
    let mut draws = Streams::new(5).stream("test", "together", 0);
    let truth = other_machine(&mut draws);
    let runs: Vec<Run> = (0..300)
        .map(|_| {
            let mut counts: Vec<f64> = truth.iter().map(|_| 0.5 + 9.5 * draws.uniform()).collect();
            counts[update] = 0.8 * counts[request];
            measured(&truth, counts, &mut draws)
        })
        .collect();
    let fit = Fit::of(&runs, &base(), 5).unwrap();
    let named = |one: &str, other: &str| fit.pairs.iter().any(|(a, b, _)| a == one && b == other);
    assert!(named("history_request", "history_update"), "{:?}", fit.pairs);
    assert!(!named("frontend_request", "frontend_wake"), "{:?}", fit.pairs);
    // Their weighted sum is known all the same.
    let sum = |costs: &dyn Fn(usize) -> f64| costs(request) + 0.8 * costs(update);
    let error = sum(&|i| fit.costs[i].value) / sum(&|i| truth[i]) - 1.0;
    assert!(error.abs() < 0.1, "{error}");
}

#[test]
fn what_no_run_shows_stays_the_bases_and_is_said_to() {
    let index = COSTS.iter().position(|cost| cost.key == "matching_forward").unwrap();
    let mut draws = Streams::new(9).stream("test", "absent", 0);
    let truth = other_machine(&mut draws);
    let runs: Vec<Run> = (0..40)
        .map(|_| {
            let mut counts: Vec<f64> = truth.iter().map(|_| 0.5 + 9.5 * draws.uniform()).collect();
            counts[index] = 0.0;
            measured(&truth, counts, &mut draws)
        })
        .collect();
    let fit = Fit::of(&runs, &base(), 9).unwrap();
    let cost = &fit.costs[index];
    assert!((cost.value / cost.base - 1.0).abs() < 1e-6, "{cost:?}");
    assert!(
        cost.interval[0] < 0.8 * cost.base && cost.interval[1] > 1.2 * cost.base,
        "as uncertain as the base: {cost:?}"
    );
    assert!(fit.kept().any(|kept| kept.key == "matching_forward"));
}

#[test]
fn a_run_on_a_slower_machine_says_what_work_costs_at_the_usual_speed() {
    let mut draws = Streams::new(11).stream("test", "slower", 0);
    let truth = other_machine(&mut draws);
    let slower = |run: Run, slowness: f64| {
        let share = work_shares(&run.counts, &told(&truth));
        let mut cpu_ms = run.cpu_ms;
        cpu_ms.iter_mut().zip(share).for_each(|(cpu, share)| {
            *cpu = cpu.map(|cpu| cpu * (1.0 + share * (slowness - 1.0)));
        });
        Run { cpu_ms, slowness, ..run }
    };
    let runs: Vec<Run> = synthetic(&truth, 200, &mut draws)
        .into_iter()
        .enumerate()
        .map(|(number, run)| slower(run, if number % 2 == 0 { 1.0 } else { 1.8 }))
        .collect();
    let fit = Fit::of(&runs, &base(), 11).unwrap();
    for ((estimate, truth), cost) in fit.costs.iter().zip(&truth).zip(&COSTS) {
        let error = estimate.value / truth - 1.0;
        assert!(!cost.is_work() || error.abs() < 0.2, "{}: {} of {truth}", estimate.key, estimate.value);
    }
}

fn told(truth: &[f64]) -> Calibration {
    let mut calibration = base();
    COSTS.iter().zip(truth).for_each(|(cost, value)| cost.set(&mut calibration, *value));
    calibration
}

#[test]
fn without_any_cpu_there_is_no_fit() {
    let run = Run { counts: vec![1.0; COSTS.len()], cpu_ms: [None; PROCESSES.len()], workflows: 10.0, slowness: 1.0 };
    assert_eq!(Fit::of(&[run], &base(), 1), Err(NoSolution::Empty));
}
