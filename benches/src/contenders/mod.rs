//! The same M/M/10 queue in every engine: same random numbers, same statistics, same end.
//!
//! Engines whose clock is a float get it in nanoseconds: whole numbers below 2^53 are exact there, so every contender
//! must find the same waits, and does.

pub mod binary_heap;
pub mod desru;
pub mod nexosim;
pub mod plimsoll;
pub mod simu_des;

use crate::interleave::{Contender, Measured, interleave};
use crate::mm10::{Expected, Outcome, Task, erlang_c_mean_wait, expected};

/// Plimsoll's name in the report.
pub const PLIMSOLL: &str = "Plimsoll";
/// `std::collections::BinaryHeap`, every event popped and pushed.
pub const POP_PUSH: &str = "BinaryHeap pop+push";
/// `std::collections::BinaryHeap`, where an event that follows another takes its place at the top.
pub const REPLACE_TOP: &str = "BinaryHeap replace-top";

/// One engine and what it is given to do.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Version of a peer; `None` for what is in this workspace or in `std`.
    pub version: Option<&'static str>,
    /// The slower, the fewer customers: the cost of a customer does not depend on their number.
    pub customers: u64,
    /// Simulates a task.
    pub run: fn(Task) -> Outcome,
}

/// All engines; with `quick`, 40 % of the customers. Many short runs are interleaved finer than one long run of each.
pub fn entries(quick: bool) -> Vec<Entry> {
    let thousands = |thousands: u64| thousands * if quick { 400 } else { 1_000 };
    vec![
        Entry { name: PLIMSOLL, version: None, customers: thousands(250), run: plimsoll::run },
        Entry { name: POP_PUSH, version: None, customers: thousands(250), run: binary_heap::pop_push },
        Entry { name: REPLACE_TOP, version: None, customers: thousands(250), run: binary_heap::replace_top },
        Entry { name: "desru", version: Some("0.1.13"), customers: thousands(125), run: desru::run },
        Entry { name: "simu-des", version: Some("0.1.0"), customers: thousands(50), run: simu_des::run },
        Entry { name: "nexosim", version: Some("1.0.0"), customers: thousands(40), run: nexosim::run },
    ]
}

/// Measures all `entries`, interleaved.
pub fn measure(entries: &[Entry], rounds: usize, seed: u64) -> Vec<Measured<Outcome>> {
    let contenders = entries
        .iter()
        .map(|entry| Contender {
            name: entry.name,
            units: entry.customers,
            run: Box::new(|| (entry.run)(Task { customers: entry.customers, seed })),
        })
        .collect();
    interleave(contenders, rounds)
}

/// What is wrong with the outcomes, one line each; nothing when all is well.
///
/// Every round must repeat the first, the first must equal the solution without an engine, and that must lie
/// within noise of Erlang's formula.
pub fn check(seed: u64, measured: &[Measured<Outcome>]) -> Vec<String> {
    let mut failures = Vec::new();
    for one in measured {
        let task = Task { customers: one.units, seed };
        let Some(first) = one.outcomes.first() else { continue };
        if one.outcomes.iter().any(|other| other != first) {
            failures.push(format!("{}: two runs with one seed differ", one.name));
        }
        failures.extend(compare(first, &expected(task), task).map(|difference| format!("{}: {difference}", one.name)));
    }
    failures
}

/// Where `outcome` departs from the solution without an engine, or that from the theory.
fn compare(outcome: &Outcome, expected: &Expected, task: Task) -> Option<String> {
    if outcome.customers != task.customers {
        return Some(format!("{} customers served of {}", outcome.customers, task.customers));
    }
    let pairs = [
        ("mean wait", outcome.mean_wait, expected.mean_wait),
        ("mean queue length", outcome.mean_queue_length, expected.mean_queue_length),
        ("mean busy servers", outcome.mean_busy_servers, expected.mean_busy_servers),
        ("end of the run", outcome.end, expected.end),
    ];
    for (name, found, wanted) in pairs {
        // Sums of up to 10^6 rounded terms, in another order.
        if (found - wanted).abs() > 1e-9 * wanted {
            return Some(format!("{name} {found}, must be {wanted}"));
        }
    }
    // The histograms have three digits.
    if (outcome.p99_wait / expected.p99_wait - 1.0).abs() > 1e-3 {
        return Some(format!("99th percentile of the wait {}, must be {}", outcome.p99_wait, expected.p99_wait));
    }
    let theory = erlang_c_mean_wait();
    let error = (expected.mean_wait - theory).abs() / expected.standard_error;
    // 4.5 standard errors of 32 batch means: one seed in ten thousand.
    (error > 4.5).then(|| format!("mean wait {} is {error:.1} standard errors from {theory}", expected.mean_wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_finds_the_waits_of_the_recursion() {
        let task = Task { customers: 20_000, seed: 11 };
        let expected = expected(task);
        for entry in entries(true) {
            let outcome = (entry.run)(task);
            assert_eq!(compare(&outcome, &expected, task), None, "{}: {outcome:?}", entry.name);
        }
    }

    #[test]
    fn all_engines_agree_on_the_tail() {
        let task = Task { customers: 20_000, seed: 12 };
        let outcomes: Vec<Outcome> = entries(true).iter().map(|entry| (entry.run)(task)).collect();
        for outcome in &outcomes {
            assert_eq!(outcome.p99_wait, outcomes[0].p99_wait);
            assert_eq!((outcome.min_wait, outcome.max_wait), (outcomes[0].min_wait, outcomes[0].max_wait));
            assert_eq!(outcome.max_queue_length, outcomes[0].max_queue_length);
            assert!((outcome.wait_deviation / outcomes[0].wait_deviation - 1.0).abs() < 1e-9);
        }
        assert!(outcomes[0].p99_wait > 0.5, "{:?}", outcomes[0]);
    }

    #[test]
    fn a_wrong_wait_is_reported() {
        let task = Task { customers: 5_000, seed: 13 };
        let mut outcome = binary_heap::pop_push(task);
        outcome.mean_wait *= 1.000_001;
        let difference = compare(&outcome, &expected(task), task);
        assert!(difference.is_some_and(|text| text.starts_with("mean wait")));
    }

    #[test]
    fn the_versions_named_are_the_versions_built() {
        let manifest = include_str!("../../Cargo.toml");
        for entry in entries(true) {
            if let Some(version) = entry.version {
                assert!(manifest.contains(&format!("{} = \"={version}\"", entry.name)), "{} {version}", entry.name);
            }
        }
    }
}
