//! Each check: its number, its limit, and one sentence with both and what to do.

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::compare::statistics;
use plimsoll_reports::number;
use plimsoll_reports::run_dir::{Buckets, CheckOutcome, CheckResult, DISPATCH_LAG_CHECK};
use plimsoll_reports::run_document::SteadyState;
use plimsoll_reports::wording;

use super::evidence::{Ended, Evidence};
use super::gaps;
use super::limits;
use super::steady::Steadiness;

/// Every check, in the order a reader wants them: was everything counted, was it sent as intended, was the machine fast
/// enough, and what the target did.
pub fn all(evidence: &Evidence, steady: &Steadiness) -> Vec<CheckResult> {
    let mut checks = vec![counts(evidence), offered(evidence), sent(evidence), even(evidence), lag(evidence)];
    checks.extend(gaps(evidence));
    checks.extend([unsent(evidence), delayed(evidence), own_cpu(evidence), canary(evidence), self_test(evidence)]);
    checks.extend([lost(evidence), failed(evidence), ended(evidence)]);
    checks.push(self::steady(evidence, steady));
    checks.extend(tails(evidence, steady));
    checks
}

/// A rate over less is chance.
const SHORTEST_SECOND: Nanos = Nanos::from_millis(500);

struct Measured {
    check: &'static str,
    found: Option<f64>,
    limit: Option<f64>,
    unit: &'static str,
}

impl Measured {
    fn new(check: &'static str, found: f64, limit: f64, unit: &'static str) -> Self {
        Measured { check, found: Some(found), limit: Some(limit), unit }
    }

    fn conclude(self, outcome: CheckOutcome, sentence: impl Into<String>) -> CheckResult {
        CheckResult {
            check: self.check.to_owned(),
            found: self.found,
            limit: self.limit,
            unit: self.unit.to_owned(),
            outcome,
            sentence: sentence.into(),
        }
    }
}

fn not_checked(check: &'static str, sentence: impl Into<String>) -> CheckResult {
    Measured { check, found: None, limit: None, unit: "" }.conclude(CheckOutcome::NotChecked, sentence)
}

/// There is nothing at all that could be right.
fn nothing(check: &'static str, sentence: &str) -> CheckResult {
    Measured { check, found: None, limit: None, unit: "" }.conclude(CheckOutcome::Invalid, sentence)
}

/// Invalid above one limit, suspect above a lower one.
fn graded(found: f64, suspect_above: f64, invalid_above: f64) -> CheckOutcome {
    if found > invalid_above {
        CheckOutcome::Invalid
    } else if found > suspect_above {
        CheckOutcome::Suspect
    } else {
        CheckOutcome::Passed
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn starts(count: u64) -> String {
    format!("{} {}", number::count(count), if count == 1 { "start" } else { "starts" })
}

fn was(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

fn counts(evidence: &Evidence) -> CheckResult {
    let counts = &evidence.counts;
    let accounted = counts.completed + counts.failed + counts.unfinished + counts.unsent;
    let measured = Measured::new("counts add up", accounted as f64, counts.offered as f64, "starts");
    match counts.contradiction() {
        Some(found) => measured.conclude(
            CheckOutcome::Invalid,
            format!("The counts do not add up: {found}; this is a fault of plimsoll-load, please report it."),
        ),
        None => measured.conclude(
            CheckOutcome::Passed,
            format!("All {} offered are accounted for, to the unit.", starts(counts.offered)),
        ),
    }
}

fn offered(evidence: &Evidence) -> CheckResult {
    let wrong: Vec<_> = evidence.seconds.iter().filter(|second| second.offered != second.intended).collect();
    let measured = Measured::new("offered as intended", wrong.len() as f64, 0.0, "");
    match wrong.first() {
        None => {
            measured.conclude(CheckOutcome::Passed, "In every second exactly the starts of the schedule were offered.")
        }
        Some(first) => measured.conclude(
            CheckOutcome::Invalid,
            format!(
                "In {} of {} seconds other starts were offered than the schedule has (first at {}: {} of {}); the load \
                 is not the profile's, please report it.",
                wrong.len(),
                evidence.seconds.len(),
                number::seconds(first.start.as_secs_f64()),
                number::count(first.offered),
                number::count(first.intended)
            ),
        ),
    }
}

fn sent(evidence: &Evidence) -> CheckResult {
    let intended: u64 = evidence.measured().map(|second| second.intended).sum();
    let sent: u64 = evidence.measured().map(|second| second.sent).sum();
    if intended == 0 {
        return nothing("sent in the window", "No start was intended in the measured window; lengthen the profile.");
    }
    let found = share(sent, intended);
    let outcome = match found {
        found if found < limits::SENT_SHARE_INVALID => CheckOutcome::Invalid,
        found if found < limits::SENT_SHARE_SUSPECT => CheckOutcome::Suspect,
        _ => CheckOutcome::Passed,
    };
    let advice = match outcome {
        CheckOutcome::Passed => "",
        _ => " Lower the rate, raise the in-flight cap, or spread the load over more agents.",
    };
    Measured::new("sent in the window", found, limits::SENT_SHARE_SUSPECT, "share").conclude(
        outcome,
        format!(
            "{} of the {} intended in the measured window were sent in it ({}; at least {} are wanted).{advice}",
            number::count(sent),
            starts(intended),
            percent(found),
            percent(limits::SENT_SHARE_SUSPECT)
        ),
    )
}

fn even(evidence: &Evidence) -> CheckResult {
    let seconds: Vec<_> = evidence.measured().collect();
    if seconds.is_empty() {
        return not_checked("seconds as intended", "There was no second to compare.");
    }
    let away = |intended: u64, sent: u64| {
        let away = sent.abs_diff(intended) as f64;
        away > limits::SECOND_DEVIATION_STARTS && away > limits::SECOND_DEVIATION * intended as f64
    };
    let deviating = seconds.iter().filter(|second| away(second.intended, second.sent)).count();
    let found = deviating as f64 / seconds.len() as f64;
    let outcome = graded(found, limits::DEVIATING_SECONDS, f64::INFINITY);
    let advice =
        if outcome == CheckOutcome::Passed { "" } else { " Look where it happened in the report's first chart." };
    Measured::new("seconds as intended", found, limits::DEVIATING_SECONDS, "share").conclude(
        outcome,
        format!(
            "In {} of {} seconds the sends were more than {} from the intended ones ({} may be).{advice}",
            number::count(deviating as u64),
            number::count(seconds.len() as u64),
            percent(limits::SECOND_DEVIATION),
            percent(limits::DEVIATING_SECONDS)
        ),
    )
}

fn lag(evidence: &Evidence) -> CheckResult {
    let Some(lag) = evidence.dispatch_lag() else {
        return nothing(DISPATCH_LAG_CHECK, "No start was sent in the measured window: nothing was measured.");
    };
    let limit = evidence.lag_limit().as_secs_f64();
    let late = lag.p99_seconds > limit;
    let little = evidence.generator_cpu().is_some_and(|cpu| cpu.p95_cores < limits::LITTLE_CPU * cpu.limit_cores);
    let advice = match (late, little) {
        (false, _) => "",
        (true, true) => {
            " The generator used little CPU itself, so the machine was busy with something else: use a quieter machine, or \
             lower the rate."
        }
        (true, false) => {
            " The generator was too slow: lower the rate, give it more CPU, or run the workers in processes of their own."
        }
    };
    let outcome = match late {
        false => CheckOutcome::Passed,
        true if lag.samples < limits::FEWEST_FOR_LAG => CheckOutcome::Suspect,
        true => CheckOutcome::Invalid,
    };
    Measured::new(DISPATCH_LAG_CHECK, lag.p99_seconds, limit, "s").conclude(
        outcome,
        format!(
            "99 % of the {} sent in the measured window were sent within {} of their intended time; the limit is {}.{advice}",
            starts(lag.samples),
            number::seconds(lag.p99_seconds),
            number::seconds(limit)
        ),
    )
}

fn gaps(evidence: &Evidence) -> Vec<CheckResult> {
    let Some(fidelity) = gaps::fidelity(&evidence.gaps, evidence.lag_limit()) else {
        let (found, needed) = (evidence.gaps.len(), limits::FEWEST_GAPS);
        return vec![not_checked("gaps as intended", format!("Only {found} gaps were sampled, {needed} are needed."))];
    };
    let (suspect, invalid) = (limits::GAP_DISTANCE_SUSPECT, limits::GAP_DISTANCE_INVALID);
    let outcome = graded(fidelity.beyond_tolerance, suspect, invalid);
    let advice = if outcome == CheckOutcome::Passed { "" } else { " The starts came in bunches: lower the rate." };
    let tolerance = number::seconds(evidence.lag_limit().as_secs_f64());
    let mut checks = vec![Measured::new("gaps as intended", fidelity.beyond_tolerance, suspect, "share").conclude(
        outcome,
        format!(
            "The gaps between sends are distributed as the intended ones within {} beyond a tolerance of {tolerance} \
             (limit {}; without the tolerance {}).{advice}",
            percent(fidelity.beyond_tolerance),
            percent(suspect),
            percent(fidelity.distance)
        ),
    )];
    if let Some(fit) = fidelity.exponential {
        let rejected = fit.test.rejected_at(limits::GAPS_SIGNIFICANCE);
        // A large sample is rejected for timer noise: only the size of the effect counts, chance excluded.
        let outcome = if rejected { graded(fit.beyond_tolerance, suspect, invalid) } else { CheckOutcome::Passed };
        let advice = if outcome == CheckOutcome::Passed {
            ""
        } else {
            " The load was not the Poisson process it was meant to be."
        };
        checks.push(Measured::new("gaps are exponential", fit.beyond_tolerance, suspect, "share").conclude(
            outcome,
            format!(
                "Against the Poisson process, Anderson and Darling's A² of {} gaps is {} ({} at 0.1 %), the largest \
                 distance {}, beyond the tolerance {} (limit {}).{advice}",
                number::count(fit.test.samples as u64),
                number::quantity(fit.test.a_squared),
                if rejected { "rejected" } else { "not rejected" },
                percent(fit.test.distance),
                percent(fit.beyond_tolerance),
                percent(suspect)
            ),
        ));
    }
    checks
}

fn unsent(evidence: &Evidence) -> CheckResult {
    let counts = &evidence.counts;
    let found = share(counts.unsent, counts.offered);
    // When the run was ended early, that is the reason, and it has a check of its own.
    let invalid = if evidence.ended.is_some() { f64::INFINITY } else { limits::UNSENT_INVALID };
    let outcome = graded(found, 0.0, invalid);
    let sentence = if counts.unsent == 0 {
        "Every start offered was sent.".to_owned()
    } else {
        let advice = match evidence.ended {
            Some(_) => "the run was ended before their turn",
            None => "raise the caps that held them back, or lower the rate",
        };
        format!(
            "{} of {} ({}) {} not sent; {advice}.",
            number::count(counts.unsent),
            starts(counts.offered),
            number::percent(found),
            was(counts.unsent)
        )
    };
    Measured::new("unsent", counts.unsent as f64, 0.0, "starts").conclude(outcome, sentence)
}

fn delayed(evidence: &Evidence) -> CheckResult {
    let counts = &evidence.counts;
    let found = share(counts.delayed, counts.sent);
    let outcome = graded(found, 0.0, limits::DELAYED_INVALID);
    let sentence = if counts.delayed == 0 {
        "No start was held back at the in-flight cap.".to_owned()
    } else {
        let cap = evidence.in_flight_cap.map_or(String::new(), |cap| format!(" of {}", number::count(cap)));
        format!(
            "{} of {} ({}) {} held back at the in-flight cap{cap}, the longest for {}: the target stalled or is slower \
             than the load, and got less of it meanwhile than intended; response times count the waiting, service times do \
             not. Raise the cap if the target should get all of it.",
            number::count(counts.delayed),
            starts(counts.sent),
            number::percent(found),
            was(counts.delayed),
            number::seconds(evidence.longest_delay.as_secs_f64())
        )
    };
    Measured::new("delayed at the cap", counts.delayed as f64, 0.0, "starts").conclude(outcome, sentence)
}

fn own_cpu(evidence: &Evidence) -> CheckResult {
    let Some(cpu) = evidence.generator_cpu() else {
        return not_checked("own CPU", "The generator's own CPU was not measured.");
    };
    let found = cpu.p95_cores / cpu.limit_cores;
    let outcome = graded(found, limits::OWN_CPU, f64::INFINITY);
    let advice = if outcome == CheckOutcome::Passed {
        ""
    } else {
        " Latencies may be the generator's own: give it more CPU, lower the rate, or use more agents."
    };
    Measured::new("own CPU", found, limits::OWN_CPU, "share").conclude(
        outcome,
        format!(
            "In its busiest seconds (95 %) the generator used {} of {} cores, {}; the limit is {}.{advice}",
            number::quantity(cpu.p95_cores),
            number::quantity(cpu.limit_cores),
            number::percent(found),
            number::percent(limits::OWN_CPU)
        ),
    )
}

fn canary(evidence: &Evidence) -> CheckResult {
    let Some(canary) = evidence.canary() else {
        return not_checked("machine speed", "The machine's speed was not watched.");
    };
    let outcome = graded(canary.deviating_share, limits::CANARY_DEVIATING, f64::INFINITY);
    let advice = if outcome == CheckOutcome::Passed {
        ""
    } else {
        " The machine was slowed down by others or by its own clock: repeat the run when it is quiet."
    };
    Measured::new("machine speed", canary.deviating_share, limits::CANARY_DEVIATING, "share").conclude(
        outcome,
        format!(
            "In {} of {} seconds, each with its neighbours, the fixed computation took more than {} more or less CPU than its median \
             (up to {}); {} may.{advice}",
            percent(canary.deviating_share),
            number::count(canary.samples),
            number::percent(limits::CANARY_DEVIATION),
            number::difference(canary.slowest_relative),
            number::percent(limits::CANARY_DEVIATING)
        ),
    )
}

fn self_test(evidence: &Evidence) -> CheckResult {
    let Some(fastest) = evidence.self_test else {
        return not_checked(
            "within the self-test's rate",
            "No self-test: `plimsoll-load selftest` says what this machine can send.",
        );
    };
    // By the second: a burst is sent at its own rate, not at the mean one. What is left of a last second is none.
    let whole = |second: &&super::Second| second.length >= SHORTEST_SECOND;
    let rate = |second: &super::Second| second.intended as f64 / second.length.as_secs_f64();
    let highest = evidence.measured().filter(whole).map(rate).fold(0.0, f64::max);
    let limit = fastest.as_per_second();
    let outcome = graded(highest, limit, f64::INFINITY);
    let advice = if outcome == CheckOutcome::Passed { "" } else { " Use more agents, or a faster machine." };
    Measured::new("within the self-test's rate", highest, limit, "1/s").conclude(
        outcome,
        format!(
            "The busiest second asks for {}; by its self-test this machine can send {}.{advice}",
            number::rate(highest),
            number::rate(limit)
        ),
    )
}

fn lost(evidence: &Evidence) -> CheckResult {
    let found = share(evidence.completions_lost, evidence.counts.sent);
    let measured = Measured::new("completions lost", evidence.completions_lost as f64, 0.0, "workflows");
    if evidence.completions_lost == 0 {
        return measured.conclude(CheckOutcome::Passed, "No completion that was seen was lost.");
    }
    measured.conclude(
        graded(found, 0.0, limits::LOST_INVALID),
        format!(
            "{} completions were not recorded ({} of the starts sent): they count as unfinished, and the latencies are \
             those of the rest; repeat the run.",
            number::count(evidence.completions_lost),
            number::percent(found)
        ),
    )
}

fn failed(evidence: &Evidence) -> CheckResult {
    let counts = &evidence.counts;
    let found = share(counts.failed, counts.sent);
    let measured = Measured::new("failures", found, limits::FAILED_SUSPECT, "share");
    if counts.failed == 0 {
        return measured.conclude(CheckOutcome::Passed, "Nothing failed.");
    }
    let outcome = graded(found, limits::FAILED_SUSPECT, limits::FAILED_INVALID);
    let advice = match outcome {
        CheckOutcome::Invalid => " The run measured mostly errors: see which in the report.",
        CheckOutcome::Suspect => " Latencies are those of the others: see which failed in the report.",
        _ => "",
    };
    measured.conclude(
        outcome,
        format!(
            "{} of {} sent ({}) failed; the limit is {}.{advice}",
            number::count(counts.failed),
            starts(counts.sent),
            number::percent(found),
            number::percent(limits::FAILED_SUSPECT)
        ),
    )
}

fn ended(evidence: &Evidence) -> CheckResult {
    let check = "whole schedule";
    let at = |at: &Nanos| number::seconds(at.as_secs_f64());
    let measured = Measured { check, found: None, limit: None, unit: "" };
    match &evidence.ended {
        None => measured.conclude(CheckOutcome::Passed, "The schedule was driven to its end."),
        Some(Ended::Aborted { at: when, rule, found }) => measured.conclude(
            CheckOutcome::Suspect,
            format!("The abort rule \"{rule}\" ended the run at {}: {found}; what is measured ends there.", at(when)),
        ),
        Some(Ended::Interrupted { at: when, by }) => measured.conclude(
            CheckOutcome::Suspect,
            format!("{by} ended the run at {}, before the end of its schedule; what is measured ends there.", at(when)),
        ),
    }
}

fn steady(evidence: &Evidence, steady: &Steadiness) -> CheckResult {
    let measured = Measured {
        check: "steady state",
        found: steady.growth.map(|growth| growth.share),
        limit: steady.growth.map(|_| limits::GROWTH),
        unit: "share",
    };
    let offered = evidence.offered_rate().as_per_second();
    let growth = steady.growth.map_or(String::new(), |growth| {
        format!(
            "the work in flight {} by {} of {} offered (p {}; limit {}), to {} at the end",
            if growth.per_second < 0.0 { "shrank" } else { "grew" },
            number::rate(growth.per_second.abs()),
            number::rate(offered),
            probability(growth.p),
            number::percent(limits::GROWTH),
            number::count(growth.at_end)
        )
    });
    let response = steady.response.map_or(String::new(), |response| {
        format!(
            "the median of {} changed by {} over the window (p {}; limit {})",
            wording::metric(response.metric),
            number::difference(response.relative),
            probability(response.p),
            number::percent(limits::DRIFT)
        )
    });
    let both: Vec<&str> = [growth.as_str(), response.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
    let both = both.join(", and ");
    match steady.state {
        SteadyState::Steady => {
            measured.conclude(CheckOutcome::Passed, wording::capital(&format!("{both}: nothing beyond its limit that chance does not explain.")))
        }
        SteadyState::Undecided => measured.conclude(
            CheckOutcome::NotChecked,
            format!(
                "The measured window of {} is too short to tell whether it is a steady state; measure longer.",
                number::seconds(evidence.end.saturating_sub(evidence.begin).as_secs_f64())
            ),
        ),
        SteadyState::Drifting => measured.conclude(
            CheckOutcome::Suspect,
            format!(
                "The measured window is not a steady state: {both}. Its quantiles are of this window alone; lengthen the \
                 warm-up, or measure a phase of one rate."
            ),
        ),
        SteadyState::Overloaded => measured.conclude(
            CheckOutcome::Remark,
            format!(
                "The target did not keep up: {both}. As a measurement of an overload this stands, but latencies that wait \
                 for the target grow as long as the load lasts: their steady-state quantiles are not defined, and none are \
                 given. Lower the rate to measure latencies."
            ),
        ),
    }
}

/// A p99 that the run is too short for, by metric.
fn tails(evidence: &Evidence, steady: &Steadiness) -> Vec<CheckResult> {
    if steady.state == SteadyState::Overloaded {
        return Vec::new();
    }
    let of = |metric: &'static str| {
        let intervals: Vec<&Buckets> = evidence.intervals(metric).iter().map(|interval| &interval.buckets).collect();
        let all = Buckets::merged(intervals.iter().copied());
        // A median has so much less need of samples that its effective number nearly always exists.
        let effective = statistics::quantile(&intervals, &all, 0.5)?.effective_samples;
        let missing = statistics::quantile(&intervals, &all, 0.99).is_none();
        missing.then(|| {
            let needed = limits::TAIL_SAMPLES / 0.01;
            Measured::new("enough samples for a p99", effective, needed, "samples").conclude(
                CheckOutcome::Remark,
                format!(
                    "No p99 of {} is given: fewer than {} effective samples lie beyond it ({} samples are worth {} \
                     independent ones at the median); measure longer.",
                    wording::metric(metric),
                    number::quantity(limits::TAIL_SAMPLES),
                    number::count(all.total()),
                    number::count(effective as u64)
                ),
            )
        })
    };
    ["start.response", "e2e.response"].into_iter().filter_map(of).collect()
}

/// A probability of a test: what is below a thousandth is not known better.
fn probability(p: f64) -> String {
    if p < 0.001 { "below 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A share with a digit more than usual near a whole: 99.4 % is not 99 %.
fn percent(value: f64) -> String {
    let whole = value * 100.0;
    if whole >= 10.0 && (whole - whole.round()).abs() > 0.05 { format!("{whole:.1} %") } else { number::percent(value) }
}
