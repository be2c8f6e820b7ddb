//! Many runs to workflow types: runs of one type that did the same steps are one type of the profile.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fold::signature;
use super::raw::Time;
use super::run::{Kind, Outcome, Run, Seen, Step};

/// Step lists kept of one workflow type; rarer ones are reported and left out.
const MOST_VARIANTS: usize = 24;

/// Everything the profile is written from.
#[derive(Debug, Default)]
pub struct Fit {
    /// Histories read.
    pub runs: usize,
    /// Types started from outside first, most frequent first; then types that run as children.
    pub types: Vec<FittedType>,
    /// When workflows were started from outside, in order.
    pub starts: Vec<Time>,
    /// The SDK most runs were made with.
    pub sdk: Option<String>,
    /// Events and runs that the profile does not hold, with how many.
    pub left_out: BTreeMap<String, u64>,
}

/// A workflow type of the profile.
#[derive(Debug)]
pub struct FittedType {
    /// Its name in the profile: the workflow's type, numbered where that type did different things.
    pub name: String,
    /// Whether it runs only as a child.
    pub is_child: bool,
    /// Executions (chains of runs) it was seen in.
    pub executions: u64,
    /// Further runs by continue-as-new.
    pub further_runs: u32,
    /// Whether some run of a chain is not among the files.
    pub chain_incomplete: bool,
    /// Whether runs that differ in how often steps happened were put together.
    pub counts_are_means: bool,
    /// Payload sizes.
    pub inputs: Vec<u64>,
    /// Payload sizes.
    pub results: Vec<u64>,
    /// What it does.
    pub steps: Vec<FittedStep>,
}

/// A step with everything that was seen of it.
#[derive(Debug)]
pub enum FittedStep {
    /// One thing.
    One(FittedOne),
    /// Branches at once.
    Parallel(Vec<Vec<FittedStep>>),
    /// A loop.
    Repeat {
        /// How often.
        times: u32,
        /// Its body.
        steps: Vec<FittedStep>,
    },
}

/// One thing with everything that was seen of it.
#[derive(Debug)]
pub struct FittedOne {
    /// What.
    pub kind: Kind,
    /// How often in a row; the mean where it differs between runs.
    pub count: u32,
    /// Each time it was seen.
    pub seen: Vec<Seen>,
    /// For a child: how often it was which type of the profile (index); without any, it becomes a wait.
    pub children: Vec<(usize, u64)>,
    /// Children left out of that because they would make a cycle of types.
    pub in_cycles: u64,
}

/// Fits workflow types to runs.
pub fn fit(runs: Vec<Run>) -> Fit {
    let mut fit = Fit { runs: runs.len(), sdk: most_frequent_sdk(&runs), ..Fit::default() };
    for run in &runs {
        for (what, count) in &run.left_out {
            *fit.left_out.entry(what.clone()).or_default() += count;
        }
    }
    let started_as_child = children_started(&runs);
    let mut groups: BTreeMap<GroupKey, Vec<Chain>> = BTreeMap::new();
    let chains = chains(&runs, &mut fit.left_out);
    let coarse = types_with_many_shapes(&runs, &chains);
    for chain in chains {
        let head = &runs[chain.runs[0]];
        let is_child = started_as_child.contains(&head.run_id);
        if !is_child && head.has_parent {
            fit.leave_out("children whose parents are not among the files (counted as started from outside)", 1);
        }
        if !is_child && !chain.head_missing {
            fit.starts.push(head.started);
        }
        let key = GroupKey {
            is_child,
            workflow_type: head.workflow_type.clone(),
            further_runs: chain.further_runs,
            signature: signature(&head.steps, !coarse.contains(&head.workflow_type)),
        };
        groups.entry(key).or_default().push(chain);
    }
    fit.starts.sort_unstable();
    build_types(&mut fit, &runs, groups, &coarse);
    fit
}

/// Types whose runs differ too much to keep every list of steps: runs that differ only in how often something
/// happened are one, with the mean.
fn types_with_many_shapes(runs: &[Run], chains: &[Chain]) -> HashSet<String> {
    let mut shapes: BTreeMap<&str, HashSet<String>> = BTreeMap::new();
    for head in chains.iter().map(|chain| &runs[chain.runs[0]]) {
        shapes.entry(&head.workflow_type).or_default().insert(signature(&head.steps, true));
    }
    shapes.into_iter().filter(|(_, shapes)| shapes.len() > MOST_VARIANTS).map(|(name, _)| name.to_owned()).collect()
}

impl Fit {
    fn leave_out(&mut self, what: &str, count: u64) {
        *self.left_out.entry(what.to_owned()).or_default() += count;
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    is_child: bool,
    workflow_type: String,
    further_runs: u32,
    signature: String,
}

/// Runs that are one execution, by continue-as-new.
struct Chain {
    /// Indices of runs, in order.
    runs: Vec<usize>,
    further_runs: u32,
    head_missing: bool,
    tail_missing: bool,
}

fn most_frequent_sdk(runs: &[Run]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for sdk in runs.iter().filter_map(|run| run.sdk.as_deref()) {
        *counts.entry(sdk).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(sdk, _)| sdk.to_owned())
}

fn children_started(runs: &[Run]) -> HashSet<String> {
    fn collect(steps: &[Step], children: &mut HashSet<String>) {
        for step in steps {
            match step {
                Step::One(_, seen) => children.extend(seen.iter().filter_map(|seen| seen.child.clone())),
                Step::Parallel(lists) | Step::Repeat(lists) => lists.iter().for_each(|list| collect(list, children)),
            }
        }
    }
    let mut children = HashSet::new();
    runs.iter().for_each(|run| collect(&run.steps, &mut children));
    children
}

fn chains(runs: &[Run], left_out: &mut BTreeMap<String, u64>) -> Vec<Chain> {
    let by_id: HashMap<&str, usize> = runs.iter().enumerate().map(|(i, run)| (run.run_id.as_str(), i)).collect();
    let successor: HashMap<&str, usize> =
        runs.iter().enumerate().filter_map(|(i, run)| Some((run.continued_from.as_deref()?, i))).collect();
    let mut chains = Vec::new();
    let mut in_chain = vec![false; runs.len()];
    for (first, run) in runs.iter().enumerate() {
        if run.continued_from.as_deref().is_some_and(|before| by_id.contains_key(before)) {
            continue;
        }
        let mut members = Vec::new();
        let mut next = Some(first);
        while let Some(index) = next.filter(|index| !in_chain[*index]) {
            in_chain[index] = true;
            members.push(index);
            let run = &runs[index];
            let named = run.continued_to.as_deref().and_then(|id| by_id.get(id));
            next = named.or_else(|| successor.get(run.run_id.as_str())).copied();
        }
        let Some(&last) = members.last() else { continue };
        if runs[last].outcome == Outcome::Open {
            *left_out.entry("runs that are still open (their steps so far are left out)".to_owned()).or_default() += 1;
            members.pop();
            if members.is_empty() {
                continue;
            }
        }
        let head_missing = run.continued_from.is_some();
        let tail_missing = members.last().is_some_and(|last| runs[*last].outcome == Outcome::ContinuedAsNew);
        let further_runs = members.len() as u32 - 1 + u32::from(head_missing) + u32::from(tail_missing);
        chains.push(Chain { runs: members, further_runs, head_missing, tail_missing });
    }
    chains
}

fn build_types(fit: &mut Fit, runs: &[Run], groups: BTreeMap<GroupKey, Vec<Chain>>, coarse: &HashSet<String>) {
    let mut groups: Vec<(GroupKey, Vec<Chain>)> = groups.into_iter().collect();
    // Started from outside first, then most frequent first; equal ones stay in the order of their names.
    groups.sort_by_key(|(key, chains)| (key.is_child, std::cmp::Reverse(chains.len())));
    let mut kept: HashMap<(String, bool), usize> = HashMap::new();
    groups.retain(|(key, chains)| {
        let variants = kept.entry((key.workflow_type.clone(), key.is_child)).or_default();
        *variants += 1;
        let keep = *variants <= MOST_VARIANTS;
        if !keep {
            let what = format!("executions of {} with rarer steps than the {MOST_VARIANTS} kept", key.workflow_type);
            fit.leave_out(&what, chains.len() as u64);
        }
        keep
    });
    let mut type_of: HashMap<String, usize> = HashMap::new();
    for (index, (_, chains)) in groups.iter().enumerate() {
        for chain in chains {
            type_of.insert(runs[chain.runs[0]].run_id.clone(), index);
        }
    }
    let names = names(&groups);
    for ((key, chains), name) in groups.into_iter().zip(names) {
        let mut same = Vec::new();
        for &index in chains.iter().flat_map(|chain| &chain.runs) {
            if signature(&runs[index].steps, !coarse.contains(&key.workflow_type)) == key.signature {
                same.push(&runs[index]);
            } else {
                fit.leave_out("continued runs with other steps than the first of their chain", 1);
            }
        }
        let heads = chains.iter().filter(|chain| !chain.head_missing).map(|chain| runs[chain.runs[0]].input);
        let inputs: Vec<u64> = heads.collect();
        fit.types.push(FittedType {
            name,
            is_child: key.is_child,
            executions: chains.len() as u64,
            further_runs: key.further_runs,
            chain_incomplete: chains.iter().any(|chain| chain.head_missing || chain.tail_missing),
            counts_are_means: coarse.contains(&key.workflow_type),
            inputs: if inputs.is_empty() { same.iter().map(|run| run.input).collect() } else { inputs },
            results: same.iter().filter_map(|run| run.result).collect(),
            steps: merged(&same.iter().map(|run| run.steps.as_slice()).collect::<Vec<_>>(), &type_of),
        });
    }
    drop_child_cycles(&mut fit.types);
}

fn names(groups: &[(GroupKey, Vec<Chain>)]) -> Vec<String> {
    let mut totals: HashMap<&str, usize> = HashMap::new();
    for (key, _) in groups {
        *totals.entry(&key.workflow_type).or_default() += 1;
    }
    // A numbered name may be another type's own.
    let mut used: HashSet<String> = totals.keys().map(|name| (*name).to_owned()).collect();
    let mut names = Vec::new();
    for (key, _) in groups {
        if totals[key.workflow_type.as_str()] == 1 && !key.workflow_type.trim().is_empty() {
            names.push(key.workflow_type.clone());
            continue;
        }
        let workflow_type = if key.workflow_type.trim().is_empty() { "unnamed" } else { &key.workflow_type };
        let mut number = 1;
        while !used.insert(format!("{workflow_type}-{number}")) {
            number += 1;
        }
        names.push(format!("{workflow_type}-{number}"));
    }
    names
}

/// Step by step over runs of one signature, so all lists have the same shape.
fn merged(runs: &[&[Step]], type_of: &HashMap<String, usize>) -> Vec<FittedStep> {
    let Some(first) = runs.first() else { return Vec::new() };
    let merge_at = |position: usize| match &first[position] {
        Step::One(kind, _) => {
            let mut seen = Vec::new();
            for run in runs {
                if let Some(Step::One(_, more)) = run.get(position) {
                    seen.extend(more.iter().cloned());
                }
            }
            let count = mean(seen.len(), runs.len());
            let mut children: BTreeMap<usize, u64> = BTreeMap::new();
            for index in seen.iter().filter_map(|seen| type_of.get(seen.child.as_ref()?)) {
                *children.entry(*index).or_default() += 1;
            }
            let children = children.into_iter().collect();
            FittedStep::One(FittedOne { kind: kind.clone(), count, seen, children, in_cycles: 0 })
        }
        Step::Parallel(branches) => FittedStep::Parallel(
            (0..branches.len())
                .map(|branch| {
                    let lists: Vec<&[Step]> = runs
                        .iter()
                        .filter_map(|run| match run.get(position) {
                            Some(Step::Parallel(branches)) => branches.get(branch).map(Vec::as_slice),
                            _ => None,
                        })
                        .collect();
                    merged(&lists, type_of)
                })
                .collect(),
        ),
        Step::Repeat(_) => {
            let mut iterations: Vec<&[Step]> = Vec::new();
            for run in runs {
                if let Some(Step::Repeat(more)) = run.get(position) {
                    iterations.extend(more.iter().map(Vec::as_slice));
                }
            }
            FittedStep::Repeat { times: mean(iterations.len(), runs.len()), steps: merged(&iterations, type_of) }
        }
    };
    (0..first.len()).map(merge_at).collect()
}

/// Rounded, at least once.
fn mean(total: usize, runs: usize) -> u32 {
    u32::try_from((total + runs / 2) / runs.max(1)).unwrap_or(u32::MAX).max(1)
}

/// A profile's children have no cycles: an edge that would close one goes, and the child becomes a wait.
fn drop_child_cycles(types: &mut [FittedType]) {
    let mut edges: Vec<HashSet<usize>> = vec![HashSet::new(); types.len()];
    for (index, fitted) in types.iter_mut().enumerate() {
        keep_acyclic(&mut fitted.steps, index, &mut edges);
    }
}

fn keep_acyclic(steps: &mut [FittedStep], parent: usize, edges: &mut [HashSet<usize>]) {
    for step in steps {
        match step {
            FittedStep::One(FittedOne { children, in_cycles, .. }) => children.retain(|(child, times)| {
                let closes_a_cycle = *child == parent || reaches(*child, parent, edges);
                if closes_a_cycle {
                    *in_cycles += times;
                } else {
                    edges[parent].insert(*child);
                }
                !closes_a_cycle
            }),
            FittedStep::Repeat { steps, .. } => keep_acyclic(steps, parent, edges),
            FittedStep::Parallel(branches) => {
                branches.iter_mut().for_each(|branch| keep_acyclic(branch, parent, edges))
            }
        }
    }
}

fn reaches(from: usize, to: usize, edges: &[HashSet<usize>]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(&edges[at]);
        }
    }
    false
}
