//! A TOML document as a tree in which every key and value knows its place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// A place in one of a document's sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub source: usize,
    pub span: Range<usize>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub at: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
}

/// Entries in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub key_at: Place,
    pub node: Node,
}

/// Why a TOML tree cannot be taken over: what, and where in the text.
pub(crate) type Refusal = (String, Range<usize>);

/// Deeper nesting than any workflow needs; keeps every walk over the tree from overflowing the stack.
pub(crate) const MAX_DEPTH: usize = 100;

impl Node {
    /// Takes over a parsed document.
    pub fn from_document(root: DeTable<'_>, source: usize) -> Result<Node, Refusal> {
        let value = Value::Table(table(root, source, 0)?);
        Ok(Node { value, at: Place { source, span: 0..0 } })
    }

    /// Takes over a parsed value.
    pub fn from_value(value: DeValue<'_>, span: Range<usize>, source: usize) -> Result<Node, Refusal> {
        node(value, span, source, 0)
    }

    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The child under a key or an array index.
    pub fn child(&self, segment: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(table) => table.get(segment),
            Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        }
    }

    pub fn child_mut(&mut self, segment: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Table(table) => table.entries.iter_mut().find(|e| e.key == segment).map(|e| &mut e.node),
            Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The place of the deepest part of `path` that exists.
    pub fn place_of(&self, path: &[String]) -> Place {
        let mut node = self;
        let mut place = self.at.clone();
        for segment in path {
            let Some(child) = node.child(segment) else { break };
            place = match node.as_table().and_then(|table| table.entry(segment)) {
                // A table's own span is its header, which may be far away or empty: its key is what the reader knows.
                Some(entry) if child.as_table().is_some() && child.at.span.is_empty() => entry.key_at.clone(),
                _ => child.at.clone(),
            };
            node = child;
        }
        place
    }

    /// Removes what is at `path`; whether there was something.
    pub fn remove(&mut self, path: &[String]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let mut node = self;
        for segment in parents {
            let Some(child) = node.child_mut(segment) else { return false };
            node = child;
        }
        match &mut node.value {
            Value::Table(table) => {
                let before = table.entries.len();
                table.entries.retain(|e| e.key != *last);
                table.entries.len() < before
            }
            _ => false,
        }
    }

    /// Lays `over` on top of this tree: tables are merged key by key, everything else is replaced.
    pub fn merge(&mut self, over: Node) {
        if let (Value::Table(base), Value::Table(_)) = (&mut self.value, &over.value) {
            let Value::Table(over_table) = over.value else { return };
            for entry in over_table.entries {
                match base.entries.iter_mut().find(|e| e.key == entry.key) {
                    Some(existing) => {
                        existing.key_at = entry.key_at;
                        existing.node.merge(entry.node);
                    }
                    None => base.entries.push(entry),
                }
            }
            self.at = over.at;
            return;
        }
        *self = over;
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::String(_) => "a text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// The tree as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::String(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Boolean(flag) => (*flag).into(),
            Value::Array(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(table) => {
                serde_json::Value::Object(table.entries.iter().map(|e| (e.key.clone(), e.node.to_json())).collect())
            }
        }
    }
}

impl Table {
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.node)
    }
}

fn table(table: DeTable<'_>, source: usize, depth: usize) -> Result<Table, Refusal> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let key_at = Place { source, span: key.span() };
        let span = value.span();
        let node = node(value.into_inner(), span, source, depth + 1)?;
        entries.push(Entry { key: key.into_inner().into_owned(), key_at, node });
    }
    entries.sort_by_key(|e| e.key_at.span.start);
    Ok(Table { entries })
}

fn node(value: DeValue<'_>, span: Range<usize>, source: usize, depth: usize) -> Result<Node, Refusal> {
    if depth > MAX_DEPTH {
        return Err((format!("tables and arrays are nested more than {MAX_DEPTH} deep"), span));
    }
    let value = match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => {
            let text = number.as_str().replace('_', "");
            match i64::from_str_radix(&text, number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => return Err(("the number does not fit into 64 bits".to_owned(), span)),
            }
        }
        DeValue::Float(number) => match number.as_str().replace('_', "").parse::<f64>() {
            Ok(number) => Value::Float(number),
            Err(_) => return Err(("the number cannot be read".to_owned(), span)),
        },
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let mut nodes = Vec::with_capacity(items.len());
            for item in items {
                let span = item.span();
                nodes.push(node(item.into_inner(), span, source, depth + 1)?);
            }
            Value::Array(nodes)
        }
        DeValue::Table(inner) => Value::Table(table(inner, source, depth)?),
    };
    Ok(Node { value, at: Place { source, span } })
}
