//! Arrival schedules: the right counts, the right gaps, the same times everywhere.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase, Process};
use plimsoll_profiles::units::{Nanos, Rate};
use proptest::prelude::*;

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second)
}

fn one(seconds: u64, pattern: Pattern, process: Process) -> Arrivals {
    Arrivals { phases: vec![Phase { duration: Nanos::from_secs(seconds), pattern, process }] }
}

fn constant(seconds: u64, per_second: f64) -> Arrivals {
    one(seconds, Pattern::Constant(rate(per_second)), Process::Poisson)
}

fn diurnal(low: f64, high: f64) -> Pattern {
    Pattern::Diurnal {
        low: rate(low),
        high: rate(high),
        peak_at: Nanos::from_secs(18 * 3_600),
        begins_at: Nanos::ZERO,
        period: Nanos::from_secs(86_400),
    }
}

fn ramp(from: f64, to: f64) -> Pattern {
    Pattern::Ramp { from: rate(from), to: rate(to) }
}

/// Kolmogorov's distance of the sample from the unit exponential.
fn distance_from_exponential(mut gaps: Vec<f64>) -> f64 {
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let one = |(i, gap): (usize, &f64)| {
        let f = 1.0 - (-gap).exp();
        (f - i as f64 / n).abs().max(((i + 1) as f64 / n - f).abs())
    };
    gaps.iter().enumerate().map(one).fold(0.0, f64::max)
}

/// In the clock of expected arrivals every Poisson schedule has gaps of the unit exponential (time rescaling, Brown et
/// al. 2002). The critical value of the test is Kolmogorov's at 0.1 %: 1.949/√n.
fn assert_poisson(arrivals: &Arrivals, seed: u64) {
    let clock: Vec<f64> = arrivals.schedule(seed).map(|at| arrivals.expected_arrivals(at)).collect();
    let expected = arrivals.expected_arrivals(arrivals.duration());
    let n = clock.len() as f64;
    assert!((n - expected).abs() < 4.0 * expected.sqrt(), "seed {seed}: {n} arrivals, expected {expected}");
    let gaps: Vec<f64> = clock.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let distance = distance_from_exponential(gaps);
    assert!(distance < 1.949 / n.sqrt(), "seed {seed}: distance {distance} of {n} gaps");
}

#[test]
fn a_constant_rate_is_a_poisson_process() {
    for seed in 0..5 {
        assert_poisson(&constant(1_000, 20.0), seed);
    }
}

#[test]
fn a_ramp_is_a_poisson_process_of_its_rate() {
    for seed in 0..5 {
        assert_poisson(&one(600, ramp(1.0, 60.0), Process::Poisson), seed);
        assert_poisson(&one(600, ramp(60.0, 0.0), Process::Poisson), seed);
    }
}

#[test]
fn a_daily_curve_is_a_poisson_process_of_its_rate() {
    for seed in 0..3 {
        assert_poisson(&one(86_400, diurnal(0.0, 0.5), Process::Poisson), seed);
    }
}

#[test]
fn bursts_arrive_at_the_mean_rate_of_both_states() {
    let pattern = Pattern::Mmpp {
        calm: rate(2.0),
        burst: rate(20.0),
        mean_calm: Nanos::from_secs(30),
        mean_burst: Nanos::from_secs(10),
    };
    let arrivals = one(40_000, pattern, Process::Poisson);
    let expected = 6.5 * 40_000.0;
    let n = arrivals.schedule(3).count() as f64;
    // The count's variance is dominated by the states: (18/s)² × Var(time in bursts); the time in bursts of an
    // alternating process has variance 2 (ab)² / (a + b)³ per unit of time (Cox 1962, Renewal Theory, ch. 7).
    let states = 18.0 * 18.0 * 2.0 * (30.0f64 * 10.0).powi(2) / 40.0f64.powi(3) * 40_000.0;
    let sigma = (states + expected).sqrt();
    assert!((n - expected).abs() < 4.0 * sigma, "{n}, expected {expected} ± {sigma}");
    assert!((arrivals.mean_rate().as_per_second() - 6.5).abs() < 1e-9);
}

#[test]
fn bursts_are_more_variable_than_a_poisson_process() {
    let pattern = Pattern::Mmpp {
        calm: rate(1.0),
        burst: rate(50.0),
        mean_calm: Nanos::from_secs(60),
        mean_burst: Nanos::from_secs(10),
    };
    let mut counts = vec![0.0; 2_000];
    for at in one(20_000, pattern, Process::Poisson).schedule(1) {
        counts[(at.0 / 10_000_000_000) as usize] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (counts.len() - 1) as f64;
    assert!(variance > 10.0 * mean, "variance {variance}, mean {mean}");
}

#[test]
fn an_even_schedule_is_exact_to_the_nanosecond() {
    let arrivals = one(100, Pattern::Constant(rate(20.0)), Process::Even);
    let times: Vec<u64> = arrivals.schedule(0).map(|at| at.0).collect();
    let expected: Vec<u64> = (0..2_000).map(|k| k * 50_000_000).collect();
    assert_eq!(times, expected);
    let thirds = one(10, Pattern::Constant(rate(3.0)), Process::Even);
    let times: Vec<u64> = thirds.schedule(9).map(|at| at.0).collect();
    let expected: Vec<u64> = (0..30u64).map(|k| (k * 1_000_000_000 + 1) / 3).collect();
    assert_eq!(times, expected);
}

#[test]
fn an_even_ramp_places_the_nth_arrival_where_n_are_expected() {
    let arrivals = one(100, ramp(0.0, 10.0), Process::Even);
    // Λ(t) = 0.05 t², so that arrival k is at √(20 k).
    for (k, at) in arrivals.schedule(0).enumerate() {
        let expected = (20.0 * k as f64).sqrt();
        assert!((at.as_secs_f64() - expected).abs() < 1e-8, "{k}: {at}, expected {expected}");
    }
    assert_eq!(arrivals.schedule(0).count(), 500);
}

#[test]
fn a_count_gives_exactly_that_many_uniform_times() {
    let arrivals = one(1_000, Pattern::Constant(rate(1.0)), Process::Count(5_000));
    let times: Vec<f64> = arrivals.schedule(4).map(|at| at.as_secs_f64() / 1_000.0).collect();
    assert_eq!(times.len(), 5_000);
    let n = times.len() as f64;
    let distance = times.iter().enumerate().map(|(i, u)| (u - i as f64 / n).abs().max(((i + 1) as f64 / n - u).abs()));
    assert!(distance.fold(0.0, f64::max) < 1.949 / n.sqrt());
    assert_eq!(one(60, diurnal(1.0, 2.0), Process::Count(17)).schedule(0).count(), 17);
}

#[test]
fn the_first_times_of_a_seed_never_change() {
    // Golden: stored runs and schedules of load tests depend on them.
    let first = |arrivals: &Arrivals| arrivals.schedule(42).take(4).map(|at| at.0).collect::<Vec<_>>();
    insta::assert_debug_snapshot!(
        "first_times",
        [
            ("constant", first(&constant(1_000, 10.0))),
            ("ramp", first(&one(1_000, ramp(1.0, 10.0), Process::Poisson))),
            ("diurnal", first(&one(86_400, diurnal(1.0, 10.0), Process::Poisson))),
            ("count", first(&one(1_000, Pattern::Constant(rate(10.0)), Process::Count(100)))),
        ]
    );
}

#[test]
fn scaling_moves_every_arrival_and_redraws_none() {
    let arrivals = constant(1_000, 10.0);
    let twice = arrivals.scaled(2.0);
    for (one, other) in arrivals.schedule(7).zip(twice.schedule(7)) {
        assert!(one.0.abs_diff(other.0 * 2) <= 2, "{one} {other}");
    }
}

#[test]
fn a_change_in_one_phase_leaves_the_others_arrivals() {
    let two = |first: f64| Arrivals {
        phases: vec![constant(100, first).phases.remove(0), constant(100, 5.0).phases.remove(0)],
    };
    let second =
        |arrivals: &Arrivals| arrivals.schedule(1).filter(|at| *at >= Nanos::from_secs(100)).collect::<Vec<_>>();
    assert_eq!(second(&two(1.0)), second(&two(50.0)));
}

#[test]
fn the_peak_of_a_daily_curve_is_around_its_peak_hour() {
    let arrivals = one(86_400, diurnal(8.0, 60.0), Process::Poisson);
    let peak = arrivals.peak(Nanos::from_secs(3_600));
    let middle = peak.start.as_secs_f64() + 1_800.0;
    assert!((middle - 18.0 * 3_600.0).abs() < 60.0, "{middle}");
    // Mean of 34 + 26 cos over half an hour either side: 34 + 26 sin(x)/x, x = π/24.
    let x = std::f64::consts::PI / 24.0;
    assert!((peak.rate.as_per_second() - (34.0 + 26.0 * x.sin() / x)).abs() < 1e-3, "{:?}", peak.rate);
}

#[test]
fn the_peak_of_a_burst_between_quiet_phases_is_the_burst() {
    let quiet = constant(7_200, 0.5).phases.remove(0);
    let busy = constant(600, 200.0).phases.remove(0);
    let arrivals = Arrivals { phases: vec![quiet.clone(), busy, quiet] };
    let peak = arrivals.peak(Nanos::from_secs(600));
    assert_eq!((peak.start, peak.rate.as_per_second()), (Nanos::from_secs(7_200), 200.0));
    let wide = arrivals.peak(Nanos::from_secs(1_200)).rate.as_per_second();
    assert!((wide - 100.25).abs() < 1e-9, "{wide}");
    assert!((arrivals.rate_at(Nanos::from_secs(7_300)).as_per_second() - 200.0).abs() < 1e-12);
    assert_eq!(arrivals.rate_at(arrivals.duration()), Rate::ZERO);
}

#[test]
fn a_trace_is_replayed_as_it_is() {
    let times = [0u64, 5, 5, 900];
    let trace = Pattern::Trace(times.map(Nanos).into());
    let arrivals = one(1, trace, Process::Poisson);
    assert_eq!(arrivals.schedule(1).map(|at| at.0).collect::<Vec<_>>(), times);
    assert_eq!(arrivals.scaled(2.0).schedule(1).count(), 8);
    assert_eq!(arrivals.scaled(0.5).schedule(1).count(), 2);
}

#[test]
fn a_window_keeps_the_rates_between_its_ends() {
    let arrivals = Arrivals {
        phases: vec![constant(100, 1.0).phases.remove(0), one(100, ramp(0.0, 10.0), Process::Even).phases.remove(0)],
    };
    let window = arrivals.window(Nanos::from_secs(50), Nanos::from_secs(150)).unwrap();
    assert_eq!(window.duration(), Nanos::from_secs(100));
    for second in [0, 49, 50, 99] {
        let (there, here) = (arrivals.rate_at(Nanos::from_secs(50 + second)), window.rate_at(Nanos::from_secs(second)));
        assert!((there.as_per_second() - here.as_per_second()).abs() < 1e-9, "{second}");
    }
    assert!(arrivals.window(Nanos::from_secs(200), Nanos::from_secs(300)).is_none());
    let evening = one(86_400, diurnal(1.0, 9.0), Process::Poisson)
        .window(Nanos::from_secs(64_800), Nanos::from_secs(64_860))
        .unwrap();
    assert!((evening.mean_rate().as_per_second() - 9.0).abs() < 1e-3);
}

#[test]
fn the_short_form_names_phases_in_one_line() {
    let arrivals: Arrivals = "30s@50/s, 1m@50/s..200/s".parse().unwrap();
    assert_eq!(arrivals.phases[0].pattern, Pattern::Constant(rate(50.0)));
    assert_eq!(arrivals.phases[1].pattern, ramp(50.0, 200.0));
    assert_eq!(arrivals.duration(), Nanos::from_secs(90));
    for broken in ["", "30s", "30s@", "@5/s", "30@50/s", "30s@50", "0s@5/s", "30s@0/s", "30s@50/s,,", "90y@1/s,90y@1/s"]
    {
        let message = broken.parse::<Arrivals>().unwrap_err().to_string();
        assert!(message.contains("; expected phases as duration@rate"), "{broken}: {message}");
    }
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let r = || 0.0..40.0f64;
    prop_oneof![
        r().prop_map(|a| Pattern::Constant(rate(a))),
        (r(), r()).prop_map(|(a, b)| ramp(a, b)),
        (r(), r()).prop_map(|(a, b)| diurnal(a.min(b), a.max(b))),
        (r(), r(), 1u64..60, 1u64..60).prop_map(|(a, b, c, d)| Pattern::Mmpp {
            calm: rate(a),
            burst: rate(b),
            mean_calm: Nanos::from_secs(c),
            mean_burst: Nanos::from_secs(d),
        }),
        prop::collection::vec(0u64..60_000_000_000, 0..50).prop_map(|mut times| {
            times.sort_unstable();
            Pattern::Trace(times.into_iter().map(Nanos).collect())
        }),
    ]
}

fn any_arrivals() -> impl Strategy<Value = Arrivals> {
    let process = prop_oneof![Just(Process::Poisson), Just(Process::Even), (1u64..200).prop_map(Process::Count)];
    let phase = (1u64..60_000, any_pattern(), process).prop_map(|(millis, pattern, process)| Phase {
        duration: Nanos::from_millis(millis),
        pattern,
        process,
    });
    prop::collection::vec(phase, 1..4).prop_map(|phases| Arrivals { phases })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn times_never_go_back_and_stay_within_the_schedule(arrivals in any_arrivals(), seed: u64) {
        let mut last = Nanos::ZERO;
        for at in arrivals.schedule(seed) {
            prop_assert!(at >= last && at < arrivals.duration(), "{at} after {last}");
            last = at;
        }
        prop_assert!(arrivals.schedule(seed).eq(arrivals.schedule(seed)));
    }

    #[test]
    fn the_shares_of_all_agents_are_the_whole_schedule(arrivals in any_arrivals(), seed: u64, agents in 1usize..6) {
        let whole: Vec<Nanos> = arrivals.schedule(seed).collect();
        let mut merged: Vec<Nanos> = (0..agents).flat_map(|agent| arrivals.schedule(seed).split(agents, agent)).collect();
        merged.sort_unstable();
        prop_assert_eq!(&merged, &whole);
        let first: Vec<Nanos> = arrivals.schedule(seed).split(agents, 0).collect();
        let expected: Vec<Nanos> = whole.iter().step_by(agents).copied().collect();
        prop_assert_eq!(first, expected);
    }

    #[test]
    fn no_stretch_is_busier_than_the_peak(arrivals in any_arrivals(), window in 1u64..30_000, start in 0.0..1.0f64) {
        let window = Nanos::from_millis(window).min(arrivals.duration());
        let start = Nanos((arrivals.duration().saturating_sub(window).0 as f64 * start) as u64);
        let inside = arrivals.expected_arrivals(start + window) - arrivals.expected_arrivals(start);
        let peak = arrivals.peak(window).rate.as_per_second() * window.as_secs_f64();
        prop_assert!(inside <= peak * 1.001 + 1e-6, "{inside} > {peak}");
    }
}
