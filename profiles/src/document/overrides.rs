//! `--set key=value`: a dotted path with array indexes, and a TOML value or a plain text.

use toml::de::DeValue;

use super::tree::{Entry, Node, Place, Table, Value};
use crate::problems::Problem;

/// Lays one override over the tree. Its own text is the source that errors point into.
pub(super) fn apply(tree: &mut Node, text: &str, source: usize) -> Result<(), Box<Problem>> {
    let refuse = |message: String, span: std::ops::Range<usize>, path: &str, help: &str| {
        let (path, label) = (path.to_owned(), "here".to_owned());
        Box::new(Problem { message, path, source, span: Some(span), label, help: Some(help.to_owned()) })
    };
    let Some(equals) = text.find('=') else {
        let help = "expected key=value, e.g. --set workers.pods=4";
        return Err(refuse("the override has no `=`".to_owned(), 0..text.len(), "", help));
    };
    let path = text[..equals].trim();
    let segments: Vec<&str> = path.split('.').map(str::trim).collect();
    if segments.iter().any(|segment| segment.is_empty()) || segments.len() > super::tree::MAX_DEPTH {
        let help = "expected names and indexes with dots between, e.g. workflow.0.steps.1.takes=40ms";
        return Err(refuse("the key is not a dotted path".to_owned(), 0..equals.max(1).min(text.len()), path, help));
    }
    let value = value(&text[equals + 1..], equals + 1, source);
    let place = |segment: &str| {
        let start = segment.as_ptr() as usize - text.as_ptr() as usize;
        start..start + segment.len()
    };
    let mut node = tree;
    for (depth, segment) in segments.iter().enumerate() {
        let key_at = Place { source, span: place(segment) };
        let above = if depth == 0 { "the profile".to_owned() } else { format!("`{}`", segments[..depth].join(".")) };
        node = match &mut node.value {
            Value::Table(table) => child_of_table(table, segment, key_at),
            Value::Array(items) => {
                let count = items.len();
                let index = segment.parse::<usize>().ok();
                match index.and_then(|index| items.get_mut(index)) {
                    Some(item) => item,
                    None => {
                        let message = format!("{above} has no element {}", crate::units::quoted(segment));
                        let help = match count {
                            0 => "it is empty".to_owned(),
                            1 => "its only element is 0".to_owned(),
                            _ => format!("its elements are 0 to {}", count - 1),
                        };
                        return Err(refuse(message, place(segment), path, &help));
                    }
                }
            }
            other => {
                let kind = Node { value: other.clone(), at: Place::default() }.kind();
                let message = format!("{above} is {kind} and has no key {}", crate::units::quoted(segment));
                return Err(refuse(message, place(segment), path, "override the whole value instead"));
            }
        };
    }
    *node = value;
    Ok(())
}

/// The value under a key, put there (as an empty table) when it is missing: the typed reading judges the key.
fn child_of_table<'a>(table: &'a mut Table, key: &str, key_at: Place) -> &'a mut Node {
    let index = match table.entries.iter().position(|entry| entry.key == key) {
        Some(index) => index,
        None => {
            let node = Node { value: Value::Table(Table::default()), at: key_at.clone() };
            table.entries.push(Entry { key: key.to_owned(), key_at: key_at.clone(), node });
            table.entries.len() - 1
        }
    };
    let entry = &mut table.entries[index];
    entry.key_at = key_at;
    &mut entry.node
}

/// A TOML value if the text is one, else the text itself: `40ms` needs no quotes.
fn value(text: &str, offset: usize, source: usize) -> Node {
    let trimmed = text.trim();
    let start = offset + (text.len() - text.trim_start().len());
    let at = Place { source, span: start..start + trimmed.len() };
    let plain = || Node { value: Value::String(trimmed.to_owned()), at: at.clone() };
    let Ok(parsed) = DeValue::parse(trimmed) else { return plain() };
    if matches!(parsed.get_ref(), DeValue::Datetime(_)) {
        return plain();
    }
    let span = parsed.span();
    let Ok(mut node) = Node::from_value(parsed.into_inner(), span, source) else { return plain() };
    shift(&mut node, start);
    node
}

fn shift(node: &mut Node, by: usize) {
    let moved = |at: &mut Place| at.span = at.span.start + by..at.span.end + by;
    moved(&mut node.at);
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Table(table) => {
            for entry in &mut table.entries {
                moved(&mut entry.key_at);
                shift(&mut entry.node, by);
            }
        }
        _ => {}
    }
}
