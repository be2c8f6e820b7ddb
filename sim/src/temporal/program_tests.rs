//! A compiled program does what its steps say, as an interpreter of the steps themselves does it.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::profile::{Arm, Profile, Query, Span, Step, WaitSignal};
use plimsoll_profiles::random::{Distribution, Stream, Streams};
use plimsoll_profiles::units::{Bytes, Nanos, Probability};
use plimsoll_profiles::{Document, World, shipped};

use super::{Instruction, Program};

fn profile_with(steps: Vec<Step>) -> Profile {
    let text = shipped::profile("one-activity").unwrap().text;
    let mut profile = Document::parse(text, "p.toml", &[]).unwrap().profile(&World::mid()).unwrap();
    profile.workflows[0].steps = steps;
    profile
}

/// What a workflow does, in order; branches of a parallel block one after the other.
type Trace = Vec<String>;

/// The steps themselves. `taken` says, arm by arm, whether a branch goes that way.
fn interpret(steps: &[Step], taken: &mut dyn FnMut() -> bool, trace: &mut Trace) {
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Timer(Span::Constant(span)) => trace.push(format!("timer {}", span.0)),
            Step::Query(query) => trace.push(format!("query {}", query.count)),
            Step::WaitSignal(wait) => {
                let Span::Constant(after) = wait.after else { unreachable!() };
                (0..wait.count).for_each(|_| trace.push(format!("signal {}", after.0)));
            }
            Step::Sequence(steps) => interpret(steps, taken, trace),
            Step::Parallel(branches) => {
                branches.iter().for_each(|branch| interpret(std::slice::from_ref(branch), taken, trace));
            }
            Step::Repeat { times, steps } => (0..*times).for_each(|_| interpret(steps, taken, trace)),
            Step::Branch(arms) => {
                if let Some(arm) = arms.iter().find(|_| taken()) {
                    interpret(&arm.steps, taken, trace);
                }
            }
            Step::ContinueAsNew { runs } => {
                for _ in 0..*runs {
                    trace.push("continue as new".to_owned());
                    interpret(&steps[..index], taken, trace);
                }
            }
            other => unreachable!("{other:?}"),
        }
    }
}

/// The program, by the rules that the documentation of [`Instruction`] gives.
fn execute(program: &Program, taken: &mut dyn FnMut(f64) -> bool) -> Trace {
    let mut trace = Trace::new();
    let mut runs_made = 0;
    let end = thread(program, 0, &mut runs_made, taken, &mut trace);
    assert_eq!(program.types[0].instructions[end], Instruction::Done);
    trace
}

/// Runs one thread from a place until it joins or is done; answers where.
fn thread(
    program: &Program,
    start: usize,
    runs_made: &mut u32,
    taken: &mut dyn FnMut(f64) -> bool,
    trace: &mut Trace,
) -> usize {
    let constant = |index: u32| match program.spans[index as usize].span {
        Distribution::Constant(span) => span.0,
        ref other => unreachable!("{other:?}"),
    };
    let mut place = start;
    loop {
        let here = place;
        place += 1;
        match program.types[0].instructions[here] {
            Instruction::Timer(index) => trace.push(format!("timer {}", constant(index))),
            Instruction::Signal(index) | Instruction::MessageFromStart(index) => {
                trace.push(format!("signal {}", constant(index)));
            }
            Instruction::Query(count) => trace.push(format!("query {count}")),
            Instruction::Jump(to) => place = to as usize,
            Instruction::Unless { p, otherwise } if !taken(p) => place = otherwise as usize,
            Instruction::Unless { .. } => {}
            Instruction::Fork { count } => {
                for branch in 0..count as usize {
                    let end = thread(program, here + 1 + branch, runs_made, taken, trace);
                    assert_eq!(program.types[0].instructions[end], Instruction::Join);
                }
                place = here + 1 + count as usize;
            }
            Instruction::ContinueAsNew { runs } => {
                if *runs_made < runs {
                    *runs_made += 1;
                    trace.push("continue as new".to_owned());
                    place = 0;
                }
            }
            Instruction::Join | Instruction::Done => return here,
            other => unreachable!("{other:?}"),
        }
    }
}

struct Steps {
    random: Stream,
    label: u64,
}

impl Steps {
    fn list(&mut self, depth: u32) -> Vec<Step> {
        (0..=self.random.below(3)).map(|_| self.step(depth)).collect()
    }

    fn step(&mut self, depth: u32) -> Step {
        self.label += 1;
        match self.random.below(if depth == 0 { 3 } else { 8 }) {
            0 => Step::Timer(Span::Constant(Nanos(self.label))),
            1 => Step::Query(Query { name: "q".to_owned(), count: self.label as u32, output: Bytes(0) }),
            2 => Step::WaitSignal(WaitSignal {
                name: "s".to_owned(),
                after: Span::Constant(Nanos(self.label)),
                from_start: self.random.below(2) == 0,
                payload: Bytes(0),
                count: 1 + self.random.below(3) as u32,
            }),
            3 => Step::Sequence(self.list(depth - 1)),
            4 => Step::Repeat { times: 1 + self.random.below(3) as u32, steps: self.list(depth - 1) },
            5 | 6 => Step::Parallel(self.list(depth - 1)),
            _ => {
                let arms = 1 + self.random.below(3);
                let probability = Probability::new(1.0 / (arms + 1) as f64);
                Step::Branch((0..arms).map(|_| Arm { probability, steps: self.list(depth - 1) }).collect())
            }
        }
    }
}

#[test]
fn a_program_visits_the_steps_that_an_interpreter_of_the_steps_visits() {
    let mut longest = 0;
    for seed in 0..500 {
        let mut steps = Steps { random: Streams::new(seed).stream("test", "steps", 0), label: 0 };
        let mut list = steps.list(4);
        if seed % 4 == 0 {
            list.push(Step::ContinueAsNew { runs: 1 + (seed % 3) as u32 });
            list.extend(steps.list(1));
        }
        let program = Program::of(&profile_with(list.clone()));
        // Both are asked the same questions in the same order, so they get the same answers.
        let choices = |seed: u64| {
            let mut random = Streams::new(seed).stream("test", "choices", 0);
            move || random.below(2) == 0
        };
        let mut expected = Trace::new();
        interpret(&list, &mut choices(seed), &mut expected);
        let mut choice = choices(seed);
        assert_eq!(execute(&program, &mut |_| choice()), expected, "seed {seed}: {list:?}");
        longest = longest.max(expected.len());
    }
    assert!(longest > 50, "the longest of the random workflows has {longest} steps only");
}

#[test]
fn a_branchs_arms_are_taken_with_their_probabilities() {
    let probabilities = [0.1, 0.25, 0.5];
    let arms = probabilities.iter().enumerate().map(|(index, p)| Arm {
        probability: Probability::new(*p),
        steps: vec![Step::Timer(Span::Constant(Nanos(index as u64)))],
    });
    let program = Program::of(&profile_with(vec![Step::Branch(arms.collect())]));
    let mut random = Streams::new(1).stream("test", "arms", 0);
    let turns = 40_000;
    let mut taken = [0; 4];
    for _ in 0..turns {
        let trace = execute(&program, &mut |p| random.uniform() < p);
        let arm = trace.first().map_or(3, |step| step.trim_start_matches("timer ").parse().unwrap());
        taken[arm] += 1;
    }
    for (arm, p) in probabilities.into_iter().chain([0.15]).enumerate() {
        let share = f64::from(taken[arm]) / f64::from(turns);
        let four_sigma = 4.0 * (p * (1.0 - p) / f64::from(turns)).sqrt();
        assert!((share - p).abs() < four_sigma, "arm {arm} is taken {share} of the time, its probability is {p}");
    }
}

#[test]
fn signals_from_the_start_are_counted_once_and_never_in_a_branch() {
    let signal = |after: u64, from_start: bool, count: u32| {
        Step::WaitSignal(WaitSignal {
            name: "s".to_owned(),
            after: Span::Constant(Nanos(after)),
            from_start,
            payload: Bytes(0),
            count,
        })
    };
    let arm = Arm { probability: Probability::new(0.5), steps: vec![signal(3, true, 1)] };
    let steps = vec![
        Step::Repeat { times: 2, steps: vec![signal(1, true, 3)] },
        signal(2, false, 1),
        Step::Branch(vec![arm]),
        signal(4, true, 1),
    ];
    let program = Program::of(&profile_with(steps));
    let spans: Vec<_> = program.types[0]
        .from_start
        .iter()
        .map(|(span, count)| (program.spans[*span as usize].span.clone(), *count))
        .collect();
    assert_eq!(spans, [(Distribution::Constant(Nanos(1)), 6), (Distribution::Constant(Nanos(4)), 1)]);
}
