//! Uncertain inputs in the tree: finding them, and choosing one of their estimates.

use super::tree::{Node, Value};
use crate::check::Finding;
use crate::units::{Quantity, quoted};
use crate::world::{Level, UncertainInput, World};

/// Whether a table is meant as `{ low, mid, high }`: nothing else in a profile has the key `mid`.
fn is_uncertain(node: &Node) -> bool {
    node.child("mid").is_some() && node.as_table().is_some()
}

/// All `{ low, mid, high }` of the tree, checked: three scalars of one kind, in order.
pub(super) fn uncertain_inputs(tree: &Node) -> Result<Vec<UncertainInput>, Vec<Finding>> {
    let mut found = Vec::new();
    let mut findings = Vec::new();
    walk(tree, &mut Vec::new(), &mut found, &mut findings);
    if findings.is_empty() { Ok(found) } else { Err(findings) }
}

fn walk(node: &Node, path: &mut Vec<String>, found: &mut Vec<UncertainInput>, findings: &mut Vec<Finding>) {
    if is_uncertain(node) {
        match estimates(node) {
            Ok([low, mid, high]) => found.push(UncertainInput { path: path.join("."), low, mid, high }),
            Err((key, message)) => {
                let mut path = path.clone();
                path.extend(key);
                findings.push(Finding {
                    path,
                    message,
                    label: "in this uncertain value".to_owned(),
                    help: Some(
                        "expected { low = …, mid = …, high = … } of one unit, each at least the one before".to_owned(),
                    ),
                });
            }
        }
        return;
    }
    let mut child = |segment: String, node: &Node| {
        path.push(segment);
        walk(node, path, found, findings);
        path.pop();
    };
    match &node.value {
        Value::Table(table) => table.entries.iter().for_each(|entry| child(entry.key.clone(), &entry.node)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| child(index.to_string(), item)),
        _ => {}
    }
}

type Refusal = (Option<String>, String);

/// The three estimates as text.
fn estimates(node: &Node) -> Result<[String; 3], Refusal> {
    const KEYS: [&str; 3] = ["low", "mid", "high"];
    if let Some(extra) = node.as_table().and_then(|t| t.entries.iter().find(|e| !KEYS.contains(&e.key.as_str()))) {
        let message = format!("{} does not belong beside low, mid and high", quoted(&extra.key));
        return Err((Some(extra.key.clone()), message));
    }
    let mut texts: [String; 3] = Default::default();
    let mut values = [0.0; 3];
    let mut kind = None;
    for (index, key) in KEYS.into_iter().enumerate() {
        let refuse = |message: String| Err((Some(key.to_owned()), message));
        let Some(estimate) = node.child(key) else {
            return Err((None, format!("an uncertain value without `{key}`")));
        };
        let (this_kind, value, text) = match &estimate.value {
            Value::Integer(number) => (None, *number as f64, number.to_string()),
            Value::Float(number) => (None, *number, format!("{number:?}")),
            Value::String(text) => match Quantity::read(text) {
                Some(quantity) => (Some(quantity.kind), quantity.value, text.clone()),
                None => return refuse(format!("{} is not a quantity", quoted(text))),
            },
            _ => return refuse(format!("{} cannot be uncertain", estimate.kind())),
        };
        if index > 0 && kind != Some(this_kind) {
            return refuse(format!("{} is not of the same unit as {}", quoted(&text), quoted(&texts[index - 1])));
        }
        if index > 0 && (value < values[index - 1] || value.is_nan()) {
            return refuse(format!("{key} ({text}) is below {} ({})", KEYS[index - 1], texts[index - 1]));
        }
        kind = Some(this_kind);
        values[index] = value;
        texts[index] = text;
    }
    Ok(texts)
}

/// The tree with every uncertain input at its level of this world.
pub(super) fn in_world(tree: &Node, world: &World) -> Node {
    let mut resolved = tree.clone();
    choose(&mut resolved, world, &mut Vec::new());
    resolved
}

fn choose(node: &mut Node, world: &World, path: &mut Vec<String>) {
    if is_uncertain(node) {
        let key = match world.level(&path.join(".")) {
            Level::Low => "low",
            Level::Mid => "mid",
            Level::High => "high",
        };
        if let Some(chosen) = node.child(key).cloned() {
            *node = chosen;
        }
        return;
    }
    match &mut node.value {
        Value::Table(table) => {
            for entry in &mut table.entries {
                path.push(entry.key.clone());
                choose(&mut entry.node, world, path);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(index.to_string());
                choose(item, world, path);
                path.pop();
            }
        }
        _ => {}
    }
}
