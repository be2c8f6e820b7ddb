//! The verdict against runs whose truth is known: made-up ones with one fault each, and queues.
#![allow(clippy::unwrap_used)]

use hdrhistogram::Histogram;
use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase, Process};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Cores, Nanos, Rate};
use plimsoll_reports::compare::statistics;
use plimsoll_reports::run_dir::{Buckets, CheckOutcome, IntervalHistogram, MeasuredCounts, Trust};
use plimsoll_reports::run_document::SteadyState;

use super::{Ended, Evidence, GapReservoir, GeneratorUse, Second, judge};

const OFFERED_PER_SECOND: f64 = 20.0;

/// Starts as the queue sees them.
struct Customer {
    intended: Nanos,
    closed: Nanos,
}

fn arrivals(seconds: u64) -> Arrivals {
    let pattern = Pattern::Constant(Rate::per_second(OFFERED_PER_SECOND));
    Arrivals { phases: vec![Phase { duration: Nanos::from_secs(seconds), pattern, process: Process::Poisson }] }
}

/// One server with exponential service times, first come first served, at the given utilisation.
fn queue(seconds: u64, seed: u64, utilisation: f64) -> Vec<Customer> {
    let mut stream = Streams::new(seed).stream("queue", "service", 0);
    let mut free = Nanos::ZERO;
    let serve = |stream: &mut Stream| Nanos::from_secs_f64(stream.exponential() * utilisation / OFFERED_PER_SECOND);
    arrivals(seconds)
        .schedule(seed)
        .map(|intended| {
            free = free.max(intended) + serve(&mut stream);
            Customer { intended, closed: free }
        })
        .collect()
}

/// The evidence of a run that sent every start after `lag`, with the measured window from `begin` to the end.
fn evidence(customers: &[Customer], begin: u64, seconds: u64, seed: u64, lag: Nanos) -> Evidence {
    let end = Nanos::from_secs(seconds);
    // What is open 10 s after the last start is unfinished.
    let drained = end + Nanos::from_secs(10);
    let completed = customers.iter().filter(|customer| customer.closed <= drained).count() as u64;
    let offered = customers.len() as u64;
    let counts = MeasuredCounts {
        offered,
        sent: offered,
        completed,
        unfinished: offered - completed,
        ..MeasuredCounts::default()
    };
    let mut gaps = GapReservoir::new(arrivals(seconds), seed);
    let (mut by_second, mut intervals) = (Vec::new(), Vec::new());
    for customer in customers {
        gaps.record(customer.intended, customer.intended + lag);
    }
    for second in 0..seconds {
        let start = Nanos::from_secs(second);
        let within = |at: Nanos| at >= start && at < start + Nanos::from_secs(1);
        let of_second: Vec<&Customer> = customers.iter().filter(|customer| within(customer.intended)).collect();
        let after = start + Nanos::from_secs(1);
        let count = of_second.len() as u64;
        by_second.push(Second {
            start,
            length: Nanos::from_secs(1),
            intended: count,
            offered: count,
            sent: customers.iter().filter(|customer| within(customer.intended + lag)).count() as u64,
            closed: Some(customers.iter().filter(|customer| within(customer.closed)).count() as u64),
            open: Some(customers.iter().filter(|c| c.intended < after && c.closed >= after).count() as u64),
        });
        let mut histograms =
            [("e2e.response", Vec::new()), ("start.response", Vec::new()), ("dispatch_lag", Vec::new())];
        for customer in &of_second {
            if customer.closed <= drained {
                histograms[0].1.push(customer.closed - customer.intended);
            }
            histograms[1].1.push(Nanos::from_micros(4_000 + customer.intended.0 % 3_000));
            histograms[2].1.push(lag);
        }
        for (metric, values) in histograms {
            let length = Nanos::from_secs(1);
            intervals.push(IntervalHistogram { metric: metric.into(), start, length, buckets: buckets(&values) });
        }
    }
    Evidence {
        begin: Nanos::from_secs(begin),
        end,
        counts,
        seconds: by_second,
        gaps: gaps.gaps().to_vec(),
        intervals,
        in_flight_cap: Some(1_000),
        generator: GeneratorUse {
            limit: Cores::new(2.0),
            used: (0..seconds).map(|second| (Nanos::from_secs(second + 1), Cores::new(0.3))).collect(),
        },
        canary: vec![Nanos::from_millis(1); 100],
        self_test: Some(Rate::per_second(10_000.0)),
        ..Evidence::default()
    }
}

fn buckets(values: &[Nanos]) -> Buckets {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    for value in values {
        histogram.record(value.0).unwrap();
    }
    Buckets::of(&histogram)
}

const LAG: Nanos = Nanos::from_micros(100);

/// A run without a fault: 30 s of warm-up, 270 s at a fifth of what the target carries.
fn faultless() -> Evidence {
    evidence(&queue(300, 11, 0.2), 30, 300, 11, LAG)
}

#[test]
fn a_faultless_run_is_valid_without_a_word() {
    let judgement = judge(&faultless());
    assert_eq!(judgement.verdict.verdict, Trust::Valid, "{:?}", judgement.verdict.reasons);
    assert!(judgement.verdict.reasons.is_empty(), "{:?}", judgement.verdict.reasons);
    assert_eq!(judgement.steady_state, SteadyState::Steady);
    assert!(judgement.checks.iter().all(|check| check.outcome == CheckOutcome::Passed), "{:#?}", judgement.checks);
    let lag = judgement.dispatch_lag.unwrap();
    assert!((lag.p99_seconds - LAG.as_secs_f64()).abs() < 1e-6, "{lag:?}");
}

/// A fault, the verdict it must have, and what its reason must say.
struct Fault {
    make: fn(&mut Evidence),
    verdict: Trust,
    says: &'static [&'static str],
}

#[test]
fn every_fault_has_its_verdict_and_says_number_limit_and_advice() {
    let faults = [
        Fault { make: |run| run.counts.completed -= 1, verdict: Trust::Invalid, says: &["do not add up", "report it"] },
        Fault {
            make: |run| run.seconds[100].offered += 1,
            verdict: Trust::Invalid,
            says: &["1 of 300 seconds", "first at 100 s"],
        },
        Fault {
            make: |run| run.seconds.iter_mut().for_each(|second| second.sent = second.sent * 19 / 20),
            verdict: Trust::Suspect,
            says: &["at least 99 %", "Lower the rate"],
        },
        Fault {
            make: |run| run.seconds.iter_mut().for_each(|second| second.sent /= 2),
            verdict: Trust::Invalid,
            says: &["at least 99 %", "agents"],
        },
        Fault {
            make: |run| run.seconds[100..106].iter_mut().for_each(|second| second.sent = second.sent * 2 + 5),
            verdict: Trust::Suspect,
            says: &["6 of 270 seconds", "10 %"],
        },
        Fault {
            make: |run| {
                for interval in run.intervals.iter_mut().filter(|interval| interval.metric == "dispatch_lag") {
                    interval.buckets = Buckets::from_pairs([(100_000, 95), (3_000_000, 5)]);
                }
                run.generator.used.iter_mut().for_each(|used| used.1 = Cores::new(1.5));
            },
            verdict: Trust::Invalid,
            says: &["within 3 ms", "limit is 1 ms", "more CPU"],
        },
        Fault {
            make: |run| {
                for interval in run.intervals.iter_mut().filter(|interval| interval.metric == "dispatch_lag") {
                    interval.buckets = Buckets::from_pairs([(3_000_000, interval.buckets.total())]);
                }
            },
            verdict: Trust::Invalid,
            says: &["within 3 ms", "little CPU itself", "quieter machine"],
        },
        Fault {
            make: |run| {
                // A timer of 200 ms.
                let mut gaps = GapReservoir::new(arrivals(300), 1);
                for at in arrivals(300).schedule(11) {
                    gaps.record(at, Nanos((at.0 / 200_000_000 + 1) * 200_000_000));
                }
                run.gaps = gaps.gaps().to_vec();
            },
            verdict: Trust::Invalid,
            says: &["bunches", "limit 5 %"],
        },
        Fault {
            make: |run| {
                (run.counts.unsent, run.counts.sent) = (3, run.counts.sent - 3);
                run.counts.completed -= 3;
            },
            verdict: Trust::Suspect,
            says: &["3 of", "were not sent", "raise the caps"],
        },
        Fault {
            make: |run| {
                (run.counts.unsent, run.counts.sent) = (300, run.counts.sent - 300);
                run.counts.completed -= 300;
            },
            verdict: Trust::Invalid,
            says: &["300 of", "were not sent"],
        },
        Fault {
            make: |run| {
                run.counts.delayed = 400;
                run.longest_delay = Nanos::from_secs(2);
            },
            verdict: Trust::Suspect,
            says: &["400 of", "cap of 1,000", "longest for 2 s", "Raise the cap"],
        },
        Fault { make: |run| run.counts.delayed = 1_000, verdict: Trust::Invalid, says: &["1,000 of"] },
        Fault {
            make: |run| run.generator.used.iter_mut().for_each(|used| used.1 = Cores::new(1.9)),
            verdict: Trust::Suspect,
            says: &["1.9 of 2 cores", "limit is 90 %", "more CPU"],
        },
        Fault {
            make: |run| run.canary[..10].fill(Nanos::from_micros(1_500)),
            verdict: Trust::Suspect,
            says: &["15 % of 100 seconds", "+50 %", "when it is quiet"],
        },
        Fault {
            make: |run| run.self_test = Some(Rate::per_second(10.0)),
            verdict: Trust::Suspect,
            says: &["can send 10/s", "agents"],
        },
        Fault { make: |run| run.completions_lost = 2, verdict: Trust::Suspect, says: &["2 completions", "repeat"] },
        Fault { make: |run| run.completions_lost = 900, verdict: Trust::Invalid, says: &["900 completions"] },
        Fault {
            make: |run| (run.counts.failed, run.counts.completed) = (200, run.counts.completed - 200),
            verdict: Trust::Suspect,
            says: &["200 of", "limit is 1 %"],
        },
        Fault {
            make: |run| (run.counts.failed, run.counts.completed) = (run.counts.completed, 0),
            verdict: Trust::Invalid,
            says: &["mostly errors"],
        },
        Fault {
            make: |run| {
                let (rule, found) = ("errors above 10 %".to_owned(), "12 % over 10 s".to_owned());
                run.ended = Some(Ended::Aborted { at: Nanos::from_secs(110), rule, found });
            },
            verdict: Trust::Suspect,
            says: &["errors above 10 %", "12 % over 10 s", "110 s"],
        },
        Fault {
            make: |run| run.ended = Some(Ended::Interrupted { at: Nanos::from_secs(90), by: "Ctrl-C".into() }),
            verdict: Trust::Suspect,
            says: &["Ctrl-C ended the run at 90 s"],
        },
        Fault { make: |run| run.intervals.clear(), verdict: Trust::Invalid, says: &["nothing was measured"] },
    ];
    for (index, fault) in faults.iter().enumerate() {
        let mut run = faultless();
        (fault.make)(&mut run);
        let verdict = judge(&run).verdict;
        assert_eq!(verdict.verdict, fault.verdict, "fault {index}: {:?}", verdict.reasons);
        let reason = &verdict.reasons[0];
        for part in fault.says {
            assert!(reason.contains(part), "fault {index}: {reason:?} lacks {part:?}");
        }
        assert!(reason.ends_with('.'), "{reason}");
    }
}

#[test]
fn what_cannot_be_checked_is_said_and_not_held_against_the_run() {
    let mut run = faultless();
    run.generator = GeneratorUse::default();
    run.canary.clear();
    run.self_test = None;
    run.gaps.truncate(20);
    let judgement = judge(&run);
    assert_eq!(judgement.verdict.verdict, Trust::Valid, "{:?}", judgement.verdict.reasons);
    let unchecked = judgement.checks.iter().filter(|check| check.outcome == CheckOutcome::NotChecked).count();
    assert_eq!(unchecked, 4);
    // Nothing at all is invalid, not a panic.
    assert_eq!(judge(&Evidence::default()).verdict.verdict, Trust::Invalid);
}

#[test]
fn one_late_start_of_a_few_makes_a_run_suspect_and_not_invalid() {
    let mut run = faultless();
    let mut late = 0;
    for interval in run.intervals.iter_mut().filter(|interval| interval.metric == "dispatch_lag") {
        // One start a third second: 90 in the window, the first of them late.
        let lag = if late == 0 && interval.start >= run.begin { 30_000_000 } else { 100_000 };
        let starts = u64::from(interval.start.0 / 1_000_000_000 % 3 == 0);
        late += starts * u64::from(lag > 1_000_000);
        interval.buckets = Buckets::from_pairs([(lag, starts)]);
    }
    assert_eq!(late, 1);
    let verdict = judge(&run).verdict;
    assert_eq!(verdict.verdict, Trust::Suspect, "{:?}", verdict.reasons);
    assert!(verdict.reasons[0].contains("90 starts"), "{:?}", verdict.reasons);
}

#[test]
fn the_rest_of_a_last_second_is_no_burst() {
    let mut run = faultless();
    run.self_test = Some(Rate::per_second(100.0));
    let last = run.seconds.last_mut().unwrap();
    (last.length, last.intended, last.offered, last.sent) = (Nanos::from_millis(1), 1, 1, 1);
    let judgement = judge(&run);
    let check = judgement.checks.iter().find(|check| check.check.contains("self-test")).unwrap();
    assert_eq!(check.outcome, CheckOutcome::Passed, "{check:?}");
}

#[test]
fn late_sends_are_late_against_the_response_they_are_part_of() {
    // 2 ms of lag against a median start of 400 ms are half of one percent.
    let slow = |run: &mut Evidence| {
        run.intervals.retain(|interval| interval.metric != "e2e.response");
        for interval in run.intervals.iter_mut().filter(|interval| interval.metric == "start.response") {
            interval.buckets = Buckets::from_pairs([(400_000_000, interval.buckets.total())]);
        }
    };
    let late = evidence(&queue(300, 11, 0.2), 30, 300, 11, Nanos::from_millis(2));
    assert_eq!(judge(&late).verdict.verdict, Trust::Invalid);
    let mut against_slow = late.clone();
    slow(&mut against_slow);
    assert_eq!(judge(&against_slow).verdict.verdict, Trust::Valid, "{:?}", judge(&against_slow).verdict);
}

#[test]
fn an_overloaded_target_is_a_valid_measurement_without_quantiles() {
    // 20/s offered, 16/s carried.
    for seed in 0..20 {
        let run = evidence(&queue(120, seed, 1.25), 20, 120, seed, LAG);
        let judgement = judge(&run);
        assert_eq!(judgement.steady_state, SteadyState::Overloaded, "seed {seed}: {:#?}", judgement.checks);
        assert_eq!(judgement.verdict.verdict, Trust::Valid, "seed {seed}: {:?}", judgement.verdict.reasons);
        let reason = &judgement.verdict.reasons[0];
        for part in
            ["did not keep up", "offered", "measurement of an overload", "quantiles are not defined", "Lower the rate"]
        {
            assert!(reason.contains(part), "{reason:?} lacks {part:?}");
        }
    }
}

#[test]
fn an_overload_with_late_sends_is_the_generators_fault() {
    let run = evidence(&queue(120, 3, 1.25), 20, 120, 3, Nanos::from_millis(5));
    assert_eq!(judge(&run).verdict.verdict, Trust::Invalid);
}

#[test]
fn a_stable_queue_is_hardly_ever_taken_for_an_unsteady_one() {
    let mut wrong = 0;
    for seed in 0..60 {
        let run = evidence(&queue(330, seed, 0.7), 30, 330, seed, LAG);
        wrong += u32::from(super::steady::assess(&run).state != SteadyState::Steady);
    }
    assert!(wrong <= 3, "{wrong} of 60");
}

#[test]
fn a_warm_up_shorter_than_the_workflows_is_a_drift_and_no_overload() {
    // Workflows of 200 s, each with its own timer: nothing waits, yet for 200 s only starts happen.
    let customers: Vec<Customer> = arrivals(120)
        .schedule(5)
        .map(|intended| Customer {
            intended,
            closed: intended + Nanos::from_secs(100) + Nanos(intended.0 % 7_000_000_000),
        })
        .collect();
    let mut run = evidence(&customers, 5, 120, 5, LAG);
    // The drain is as long as the workflows.
    run.counts.completed = run.counts.offered;
    run.counts.unfinished = 0;
    let judgement = judge(&run);
    assert_eq!(judgement.steady_state, SteadyState::Drifting, "{:#?}", judgement.checks);
    assert_eq!(judgement.verdict.verdict, Trust::Suspect);
    assert!(judgement.verdict.reasons[0].contains("warm-up"), "{:?}", judgement.verdict.reasons);
}

#[test]
fn a_short_window_is_undecided_and_has_no_p99() {
    let run = evidence(&queue(8, 1, 0.5), 0, 8, 1, LAG);
    let judgement = judge(&run);
    assert_eq!(judgement.steady_state, SteadyState::Undecided);
    assert!(judgement.verdict.reasons.iter().any(|reason| reason.contains("No p99")), "{:?}", judgement.verdict);
}

#[test]
fn quantile_intervals_hold_the_truth_for_autocorrelated_samples() {
    // AR(1) in normal scores, φ = 0.9, made exponential: the marginal is known, neighbours are strongly correlated.
    let (phi, trials) = (0.9f64, 300);
    let noise = libm::sqrt(1.0 - phi * phi);
    for (q, lowest) in [(0.5, 0.91), (0.9, 0.91)] {
        let truth = -libm::log(1.0 - q);
        let mut held = 0;
        let mut worth = 0.0;
        for trial in 0..trials {
            let mut stream = Streams::new(trial).stream("ar1", "coverage", 0);
            let mut score = stream.normal();
            let intervals: Vec<Buckets> = (0..60)
                .map(|_| {
                    let values: Vec<Nanos> = (0..100)
                        .map(|_| {
                            score = phi * score + noise * stream.normal();
                            let uniform = plimsoll_profiles::random::normal_cdf(-score).max(1e-15);
                            Nanos::from_secs_f64(-libm::log(uniform))
                        })
                        .collect();
                    buckets(&values)
                })
                .collect();
            let all = Buckets::merged(&intervals);
            let estimate = statistics::quantile(&intervals.iter().collect::<Vec<_>>(), &all, q).unwrap();
            worth += estimate.effective_samples / trials as f64;
            held += u64::from(estimate.seconds.low * 0.999 <= truth && truth <= estimate.seconds.high * 1.001);
        }
        let share = held as f64 / trials as f64;
        assert!((lowest..=0.985).contains(&share), "p{q}: {share}");
        assert!(worth < 6_000.0 / 4.0, "6,000 samples are worth far fewer independent ones: {worth}");
    }
}
