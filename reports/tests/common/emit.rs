//! Plans, and what is read from the files they become.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_reports::emit::{EmittedFile, Kind, Settings, emit, plan_hash};
use plimsoll_reports::plan_document::PlanDocument;
use serde_json::Value;

use super::plan_of;

pub fn settings() -> Settings {
    Settings { plan_hash: plan_hash(b"the plan"), ..Settings::default() }
}

pub fn orders() -> PlanDocument {
    plan_of("order-fulfilment", &[])
}

/// Plans that differ in what the files depend on.
pub fn plans() -> Vec<(&'static str, PlanDocument)> {
    vec![
        ("go", orders()),
        ("python", plan_of("order-fulfilment", &["sdk=\"python\""])),
        ("no promise", plan_of("order-fulfilment", &["slo={ end_to_end = { p95 = \"30s\" } }"])),
        ("one-activity", plan_of("one-activity", &[])),
        ("cloud", plan_of("order-fulfilment", &["cluster={ use = \"temporal-cloud\" }"])),
    ]
}

pub fn only(plan: &PlanDocument, kind: Kind) -> String {
    emit(plan, kind, &settings()).unwrap().remove(0).text
}

pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Expressions of rules and panels.
pub fn expressions(file: &EmittedFile) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match (key.as_str(), value) {
                ("expr", Value::String(expr)) => found.push(expr.clone()),
                _ => collect(value, found),
            }),
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let value = match Path::new(&file.path).extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&file.text).unwrap(),
        Some("yml" | "yaml") => yaml(&file.text),
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    collect(&value, &mut found);
    found
}

/// Names of metrics in expressions: what is left without selectors, groupings, ranges, functions and operators.
pub fn used(expressions: &[String]) -> BTreeSet<String> {
    const WORDS: [&str; 13] = [
        "sum",
        "max",
        "count",
        "rate",
        "increase",
        "deriv",
        "predict_linear",
        "histogram_quantile",
        "vector",
        "or",
        "by",
        "le",
        "min",
    ];
    let mut names = BTreeSet::new();
    for expr in expressions {
        let mut rest = String::new();
        let mut depth = 0;
        for c in expr.chars() {
            match c {
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                c if depth == 0 => rest.push(c),
                _ => {}
            }
        }
        while let Some(start) = rest.find("by (") {
            let end = start + rest[start..].find(')').unwrap();
            rest.replace_range(start..=end, "");
        }
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let words = rest.split(word).filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
        names.extend(words.filter(|word| !WORDS.contains(word)).map(str::to_owned));
    }
    names
}
