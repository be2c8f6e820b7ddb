//! How large a workflow becomes when its repeats, parallels and children are written out, and whether its children end.

use crate::profile::{Step, WorkflowType};

/// Most steps that one workflow may become, its children's included.
pub(super) const MAX_STEPS: u64 = 100_000;

/// The first cycle of children found: the types on it, in order, the first again at the end.
pub(super) fn child_cycle(workflows: &[WorkflowType]) -> Option<Vec<usize>> {
    let children: Vec<Vec<usize>> = workflows.iter().map(|w| children_of(&w.steps)).collect();
    let mut done = vec![false; workflows.len()];
    for start in 0..workflows.len() {
        // The way from `start`: each type, and which of its children is next.
        let mut way = vec![(start, 0usize)];
        while let Some((node, next)) = way.pop() {
            if done[node] {
                continue;
            }
            let Some(child) = children[node].get(next) else {
                done[node] = true;
                continue;
            };
            way.push((node, next + 1));
            if let Some(begin) = way.iter().position(|(on_way, _)| on_way == child) {
                let mut cycle: Vec<usize> = way[begin..].iter().map(|(on_way, _)| *on_way).collect();
                cycle.push(*child);
                return Some(cycle);
            }
            way.push((*child, 0));
        }
    }
    None
}

/// The distinct types that the steps start as children.
pub(super) fn children_of(steps: &[Step]) -> Vec<usize> {
    fn collect(steps: &[Step], found: &mut Vec<usize>) {
        for step in steps {
            match step {
                Step::Child(child) => found.push(child.workflow),
                Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => collect(steps, found),
                Step::Branch(arms) => arms.iter().for_each(|arm| collect(&arm.steps, found)),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(steps, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

/// Steps of each type when written out, children included; only for types without a cycle.
pub(super) fn expanded_sizes(workflows: &[WorkflowType]) -> Vec<u64> {
    fn size_of(index: usize, workflows: &[WorkflowType], known: &mut [Option<u64>]) -> u64 {
        if let Some(size) = known[index] {
            return size;
        }
        let size = size(&workflows[index].steps, workflows, known);
        known[index] = Some(size);
        size
    }

    fn size(steps: &[Step], workflows: &[WorkflowType], known: &mut [Option<u64>]) -> u64 {
        let mut sum = 0u64;
        for step in steps {
            let own = match step {
                Step::Child(child) => 1u64.saturating_add(size_of(child.workflow, workflows, known)),
                Step::Parallel(steps) | Step::Sequence(steps) => size(steps, workflows, known),
                Step::Repeat { times, steps } => u64::from(*times).saturating_mul(size(steps, workflows, known)),
                Step::Branch(arms) => {
                    arms.iter().fold(1u64, |sum, arm| sum.saturating_add(size(&arm.steps, workflows, known)))
                }
                Step::WaitSignal(wait) => u64::from(wait.count),
                Step::Query(query) => u64::from(query.count),
                Step::Update(update) => u64::from(update.count),
                // Each further run repeats what stands before.
                Step::ContinueAsNew { runs } => sum.saturating_mul(u64::from(*runs)).saturating_add(1),
                Step::Activity(_)
                | Step::LocalActivity(_)
                | Step::Timer(_)
                | Step::UpsertSearchAttributes { .. }
                | Step::SideEffect { .. } => 1,
            };
            sum = sum.saturating_add(own);
        }
        sum
    }

    let mut known = vec![None; workflows.len()];
    (0..workflows.len()).map(|index| size_of(index, workflows, &mut known)).collect()
}
