//! What ran one after the other and what at once.
//!
//! Things whose lives overlap belong to one block. Within a block, a thing that began after another ended continues
//! that one's branch. So the result has one level of branches: a fan-out of chains, the shape of most workflows;
//! deeper nesting is flattened into it.

use super::raw::Time;
use super::run::{Kind, Seen, Step};

/// Something that opens with one event and closes with a later one (or the same).
#[derive(Debug)]
pub struct Item {
    pub kind: Kind,
    pub seen: Seen,
    pub opened: usize,
    pub closed: usize,
    pub closed_at: Time,
}

/// Puts items, in the order in which they open, into steps.
#[derive(Debug)]
pub struct Arrangement {
    steps: Vec<Step>,
    block: Vec<Item>,
    /// Signals that came while something was open: waited for after the block, sent from the start.
    signals: Vec<(String, u64, Time)>,
    begun: Time,
    idle_since: Time,
    last_signal: Option<Time>,
}

impl Arrangement {
    pub fn new(begun: Time) -> Self {
        Arrangement {
            steps: Vec::new(),
            block: Vec::new(),
            signals: Vec::new(),
            begun,
            idle_since: begun,
            last_signal: None,
        }
    }

    /// Since when nothing is open.
    pub fn idle_since(&self) -> Time {
        self.idle_since
    }

    pub fn open(&mut self, item: Item) {
        if !self.is_open(item.opened) {
            self.flush();
        }
        self.block.push(item);
        self.last_signal = None;
    }

    /// An event that may close something.
    pub fn passed(&mut self, index: usize, at: Time) {
        if self.block.iter().any(|item| item.closed == index) && !self.is_open(index) {
            self.idle_since = at;
        }
    }

    pub fn signal(&mut self, index: usize, name: &str, payload: u64, at: Time) {
        if self.is_open(index) {
            self.signals.push((name.to_owned(), payload, at));
            return;
        }
        self.flush();
        let since = self.last_signal.unwrap_or(self.idle_since);
        self.wait(Kind::Signal { name: name.to_owned(), from_start: false }, payload, at.since(since));
        self.last_signal = Some(at);
        self.idle_since = at;
    }

    pub fn finish(mut self) -> Vec<Step> {
        self.flush();
        self.steps
    }

    /// Whether something of the block is open when the event `index` is written.
    fn is_open(&self, index: usize) -> bool {
        self.block.iter().any(|item| item.closed > index)
    }

    fn flush(&mut self) {
        let items = std::mem::take(&mut self.block);
        if let Some(last) = items.iter().map(|item| item.closed_at).max() {
            self.idle_since = last;
        }
        let mut branches = branches(items);
        if branches.len() == 1 {
            for step in branches.remove(0) {
                push(&mut self.steps, step);
            }
        } else if !branches.is_empty() {
            self.steps.push(Step::Parallel(branches));
        }
        let mut since = self.begun;
        for (name, payload, at) in std::mem::take(&mut self.signals) {
            self.wait(Kind::Signal { name, from_start: true }, payload, at.since(since));
            since = at;
        }
    }

    fn wait(&mut self, kind: Kind, payload: u64, span: plimsoll_profiles::units::Nanos) {
        let seen = Seen { span: Some(span), input: Some(payload), ..Seen::default() };
        push(&mut self.steps, Step::One(kind, vec![seen]));
    }
}

/// The same thing again is one step with a count.
fn push(steps: &mut Vec<Step>, step: Step) {
    let countable = |kind: &Kind| matches!(kind, Kind::Activity(_) | Kind::LocalActivity(_) | Kind::Signal { .. });
    if let (Some(Step::One(last, seen)), Step::One(kind, more)) = (steps.last_mut(), &step)
        && last == kind
        && countable(kind)
    {
        seen.extend(more.iter().cloned());
        return;
    }
    steps.push(step);
}

fn branches(items: Vec<Item>) -> Vec<Vec<Step>> {
    let mut branches: Vec<(usize, Vec<Step>)> = Vec::new();
    for item in items {
        let (opened, closed) = (item.opened, item.closed);
        let step = Step::One(item.kind, vec![item.seen]);
        let continued = branches.iter_mut().filter(|(end, _)| *end < opened).max_by_key(|(end, _)| *end);
        match continued {
            Some((end, steps)) => {
                *end = closed;
                push(steps, step);
            }
            None => branches.push((closed, vec![step])),
        }
    }
    branches.into_iter().map(|(_, steps)| steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, opened: usize, closed: usize) -> Item {
        Item {
            kind: Kind::Activity(name.to_owned()),
            seen: Seen::default(),
            opened,
            closed,
            closed_at: Time(closed as i128),
        }
    }

    fn shape(steps: &[Step]) -> String {
        let one = |step: &Step| match step {
            Step::One(Kind::Activity(name), seen) => format!("{name}×{}", seen.len()),
            Step::One(Kind::Signal { name, from_start }, seen) => format!("{name}({from_start})×{}", seen.len()),
            Step::One(kind, _) => format!("{kind:?}"),
            Step::Parallel(branches) => {
                let branches: Vec<String> = branches.iter().map(|branch| shape(branch)).collect();
                format!("[{}]", branches.join(" | "))
            }
        };
        steps.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn arranged(items: Vec<Item>) -> String {
        let mut arrangement = Arrangement::new(Time(0));
        for item in items {
            arrangement.open(item);
        }
        shape(&arrangement.finish())
    }

    #[test]
    fn one_after_the_other_is_a_sequence() {
        assert_eq!(arranged(vec![item("a", 1, 3), item("b", 5, 7), item("b", 9, 11)]), "a×1 b×2");
    }

    #[test]
    fn overlapping_lives_are_parallel() {
        assert_eq!(arranged(vec![item("a", 1, 5), item("a", 2, 4), item("b", 8, 9)]), "[a×1 | a×1] b×1");
    }

    #[test]
    fn a_chain_beside_a_long_one_is_a_branch_of_its_own() {
        assert_eq!(arranged(vec![item("a", 1, 4), item("long", 2, 20), item("b", 6, 9)]), "[a×1 b×1 | long×1]");
    }

    #[test]
    fn signals_in_a_row_are_one_wait_and_signals_during_work_count_from_the_start() {
        let mut arrangement = Arrangement::new(Time(0));
        arrangement.signal(5, "go", 1, Time(5));
        arrangement.signal(9, "go", 1, Time(9));
        arrangement.open(item("a", 10, 20));
        arrangement.signal(15, "stop", 1, Time(15));
        let steps = arrangement.finish();
        assert_eq!(shape(&steps), "go(false)×2 a×1 stop(true)×1");
        let spans: Vec<u64> = match &steps[0] {
            Step::One(_, seen) => seen.iter().filter_map(|s| s.span).map(|span| span.0).collect(),
            Step::Parallel(_) => Vec::new(),
        };
        assert_eq!(spans, [5, 4]);
    }
}
