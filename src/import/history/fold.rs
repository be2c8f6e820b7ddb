//! Loops: the same few steps again and again become one repetition.

use super::run::{Kind, Step};

/// Longest loop body looked for.
const LONGEST_BODY: usize = 8;
/// Twice may be chance.
const FEWEST_ITERATIONS: usize = 3;

/// What two lists of steps must share to be the same: kinds, names, order, and (`with_counts`) how often each; not
/// durations or sizes.
pub fn signature(steps: &[Step], with_counts: bool) -> String {
    steps.iter().map(|step| of(step, with_counts) + ";").collect()
}

fn of(step: &Step, with_counts: bool) -> String {
    let count = |count: usize| if with_counts { format!("×{count}") } else { String::new() };
    match step {
        Step::One(kind, seen) => format!("{kind:?}{}", count(seen.len())),
        Step::Parallel(branches) => {
            let branches: Vec<String> = branches.iter().map(|branch| signature(branch, with_counts)).collect();
            format!("[{}]", branches.join("|"))
        }
        Step::Repeat(iterations) => {
            let body = iterations.first().map(|body| signature(body, with_counts)).unwrap_or_default();
            format!("({body}){}", count(iterations.len()))
        }
    }
}

/// Folds loops of the list and of its parallel branches: from left to right, the body that covers most.
pub fn folded(steps: Vec<Step>) -> Vec<Step> {
    let mut steps: Vec<Option<Step>> = steps.into_iter().map(|step| Some(inner(step))).collect();
    let signatures: Vec<String> = steps.iter().flatten().map(|step| of(step, true)).collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let (body, iterations) = best_loop(&signatures[at..]);
        if iterations < FEWEST_ITERATIONS {
            out.extend(steps[at].take());
            at += 1;
            continue;
        }
        let mut take = |from: usize, length: usize| -> Vec<Step> {
            steps[from..from + length].iter_mut().filter_map(Option::take).collect()
        };
        out.push(Step::Repeat((0..iterations).map(|iteration| take(at + iteration * body, body)).collect()));
        at += body * iterations;
    }
    out
}

fn inner(step: Step) -> Step {
    match step {
        Step::Parallel(branches) => Step::Parallel(branches.into_iter().map(folded).collect()),
        // A single timer or child again and again is a loop, too; activities and signals have their count already.
        other => other,
    }
}

/// Length of the body and how often it stands from the beginning on; the shortest of those that cover most.
fn best_loop(signatures: &[String]) -> (usize, usize) {
    let mut best = (1, 1);
    for body in 1..=LONGEST_BODY.min(signatures.len() / FEWEST_ITERATIONS) {
        let repeated =
            |iteration: usize| signatures.get(iteration * body..(iteration + 1) * body) == Some(&signatures[..body]);
        let iterations = (1..).take_while(|iteration| repeated(*iteration)).count() + 1;
        if iterations >= FEWEST_ITERATIONS && body * iterations > best.0 * best.1 {
            best = (body, iterations);
        }
    }
    best
}

/// Whether the same step again is counted instead of repeated.
pub fn is_countable(kind: &Kind) -> bool {
    matches!(kind, Kind::Activity(_) | Kind::LocalActivity(_) | Kind::Signal { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::history::run::Seen;

    fn steps(names: &str) -> Vec<Step> {
        names.chars().map(|name| Step::One(Kind::Activity(name.to_string()), vec![Seen::default()])).collect()
    }

    fn shape(steps: &[Step]) -> String {
        let one = |step: &Step| match step {
            Step::One(Kind::Activity(name), _) => name.clone(),
            Step::One(kind, _) => format!("{kind:?}"),
            Step::Repeat(iterations) => format!("({}){}", shape(&iterations[0]), iterations.len()),
            Step::Parallel(branches) => {
                format!("[{}]", branches.iter().map(|b| shape(b)).collect::<Vec<_>>().join("|"))
            }
        };
        steps.iter().map(one).collect()
    }

    #[test]
    fn folds_what_repeats_three_times_and_nothing_else() {
        for (given, expected) in [
            ("", ""),
            ("abc", "abc"),
            ("abab", "abab"),
            ("ababab", "(ab)3"),
            ("xabababy", "x(ab)3y"),
            ("abcabcabcabc", "(abc)4"),
            ("aababab", "a(ab)3"),
            ("ababababcdcdcd", "(ab)4(cd)3"),
        ] {
            assert_eq!(shape(&folded(steps(given))), expected, "{given}");
        }
    }

    #[test]
    fn no_step_is_lost() {
        let given = "abcabcabcdabababx";
        fn count(steps: &[Step]) -> usize {
            steps
                .iter()
                .map(|step| match step {
                    Step::One(..) => 1,
                    Step::Parallel(lists) | Step::Repeat(lists) => lists.iter().map(|list| count(list)).sum(),
                })
                .sum()
        }
        assert_eq!(count(&folded(steps(given))), given.len());
    }

    #[test]
    fn loops_within_branches_are_folded() {
        assert_eq!(shape(&folded(vec![Step::Parallel(vec![steps("ababab"), steps("c")])])), "[(ab)3|c]");
    }
}
