//! One tree from the profile's text, the `--set` overrides and the cluster it uses.

use std::path::Path;

use toml::de::DeTable;

use super::files;
use super::overrides;
use super::tree::{Entry, Node, Place, Table, Value};
use crate::problems::{Problem, Problems, Source, nearest};
use crate::shipped;

/// The cluster of a profile that has none.
const DEFAULT_CLUSTER: &str = "kubernetes-production";

pub(super) fn assemble(
    text: &str,
    name: &str,
    overrides: &[String],
    folder: &Path,
) -> Result<(Vec<Source>, Node), Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut sources = vec![Source { name: name.to_owned(), text: text.to_owned() }];
    if text.trim().is_empty() {
        let help = "a profile is a TOML text; the shipped ones in profiles/ are commented examples";
        return Err(Problems::whole_file(name, "the profile is empty", help));
    }
    let mut tree = match parse(text, 0) {
        Ok(tree) => tree,
        Err(problem) => return Err(Problems { sources, problems: vec![*problem] }),
    };
    for text in overrides {
        sources.push(Source { name: "--set".to_owned(), text: text.clone() });
        if let Err(problem) = overrides::apply(&mut tree, text, sources.len() - 1) {
            return Err(Problems { sources, problems: vec![*problem] });
        }
    }
    match with_cluster(&mut tree, folder, &mut sources) {
        Ok(()) => Ok((sources, tree)),
        Err(problem) => Err(Problems { sources, problems: vec![*problem] }),
    }
}

/// The tree of a TOML text.
fn parse(text: &str, source: usize) -> Result<Node, Box<Problem>> {
    let problem = |message: String, span: Option<std::ops::Range<usize>>, help: &str| {
        let (path, label) = (String::new(), "here".to_owned());
        Box::new(Problem { message, path, source, span: span.or(Some(0..0)), label, help: Some(help.to_owned()) })
    };
    const DEEP: &str = "steps may be 32 deep: flatten them, or move a part into a child workflow";
    if let Some(at) = text.find('\0') {
        return Err(problem(
            "there is a zero byte in it".to_owned(),
            Some(at..at),
            "this is not a text file: is it the right one?",
        ));
    }
    if let Some(at) = deep_key(text) {
        return Err(problem(
            "a key has more than 100 parts".to_owned(),
            Some(at..at),
            "no key of a profile has more than ten",
        ));
    }
    let table = DeTable::parse(text).map_err(|error| match error.message() {
        message if message.contains("recurs") => {
            problem("tables and arrays are nested too deep".to_owned(), error.span(), DEEP)
        }
        message => {
            let help = "this is not valid TOML; see https://toml.io for the syntax";
            problem(message.to_owned(), error.span(), help)
        }
    })?;
    Node::from_document(table.into_inner(), source).map_err(|(message, span)| {
        let help =
            if message.contains("deep") { DEEP } else { "numbers in a profile are small; quantities have a unit" };
        problem(message, Some(span), help)
    })
}

/// Where a line has so many dots outside of strings that its key could only overflow the stack.
fn deep_key(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let key = line.split(['=', '"', '\'', '#']).next().unwrap_or("");
        if key.matches('.').count() > super::tree::MAX_DEPTH {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// Puts the cluster that `cluster.use` names under the profile's own cluster keys.
fn with_cluster(tree: &mut Node, folder: &Path, sources: &mut Vec<Source>) -> Result<(), Box<Problem>> {
    let Value::Table(root) = &mut tree.value else { return Ok(()) };
    let (base_name, at) = match root.get("cluster").map(|cluster| cluster.child("use")) {
        None => (DEFAULT_CLUSTER.to_owned(), Place::default()),
        Some(Some(Node { value: Value::String(name), at })) => (name.clone(), at.clone()),
        // Without `use` there is nothing to lay under it; that another value is no text is for the typed reading to say.
        Some(_) => return Ok(()),
    };
    let problem = |message: String, at: Place, label: &str, help: String| {
        let (path, label) = ("cluster.use".to_owned(), label.to_owned());
        Box::new(Problem { message, path, source: at.source, span: Some(at.span), label, help: Some(help) })
    };
    let (name, text) =
        cluster_text(&base_name, folder).map_err(|(message, help)| problem(message, at, "this cluster", help))?;
    sources.push(Source { name, text });
    let source = sources.len() - 1;
    let mut base = parse(&sources[source].text, source)?;
    if let Some(nested) = base.child("use") {
        let help = "write the whole cluster in this file".to_owned();
        return Err(problem("a cluster file cannot use another".to_owned(), nested.at.clone(), "not here", help));
    }
    let Value::Table(root) = &mut tree.value else { return Ok(()) };
    match root.entries.iter_mut().find(|entry| entry.key == "cluster") {
        Some(entry) => {
            let over = std::mem::replace(
                &mut entry.node,
                Node { value: Value::Table(Table::default()), at: Place::default() },
            );
            base.merge(over);
            entry.node = base;
        }
        None => {
            root.entries.push(Entry { key: "cluster".to_owned(), key_at: Place { source, span: 0..0 }, node: base });
        }
    }
    Ok(())
}

/// Name and text of a cluster: shipped by name, or a file when it looks like a path.
fn cluster_text(name: &str, folder: &Path) -> Result<(String, String), (String, String)> {
    if let Some(shipped) = shipped::cluster(name) {
        return Ok((format!("cluster {name}"), shipped.text.to_owned()));
    }
    let known = shipped::CLUSTERS.map(|cluster| cluster.name);
    if !name.contains(['/', '\\']) && !name.ends_with(".toml") {
        let help = match nearest(name, known.into_iter()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("shipped clusters: {}; or give the path of a .toml file", known.join(", ")),
        };
        return Err((format!("no cluster is called {}", crate::units::quoted(name)), help));
    }
    let path = folder.join(name);
    match files::read_text(&path, "cluster file") {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err((message, help)) => Err((format!("{}: {message}", path.display()), help)),
    }
}
