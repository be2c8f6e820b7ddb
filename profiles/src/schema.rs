//! JSON Schema of profiles and clusters, for editors and for programs that write them.

use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::raw::RawProfile;
use crate::raw::cluster::RawCluster;

/// The JSON Schema (draft 2020-12) of a profile, as published in `profiles/schema/profile.json`.
pub fn profile_schema() -> Value {
    published::<RawProfile>("profile")
}

/// The JSON Schema (draft 2020-12) of a cluster file, as published in `profiles/schema/cluster.json`.
pub fn cluster_schema() -> Value {
    published::<RawCluster>("cluster")
}

fn published<T: JsonSchema>(name: &str) -> Value {
    let schema = schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut value = schema.to_value();
    let plain_numbers = describe(&mut value);
    if let Some(root) = value.as_object_mut() {
        root.insert("$id".to_owned(), json!(format!("plimsoll/{name}.json")));
        let definitions = root.entry("$defs").or_insert_with(|| json!({}));
        if let Some(definitions) = definitions.as_object_mut() {
            definitions.extend(plain_numbers);
        }
    }
    value
}

/// A scalar, or the three estimates of an uncertain one.
pub(crate) fn or_uncertain(description: &str, scalar: Schema) -> Schema {
    let scalar = scalar.to_value();
    json_schema!({ "description": description, "anyOf": [scalar, uncertain(&scalar)] })
}

fn uncertain(scalar: &Value) -> Value {
    json!({
        "type": "object",
        "description": "An uncertain value: three estimates, about the 10th, 50th and 90th percentile of what it may be.",
        "properties": { "low": scalar, "mid": scalar, "high": scalar },
        "required": ["low", "mid", "high"],
        "additionalProperties": false
    })
}

/// Brings the derived schema to what a TOML reader takes: no nulls (TOML has none), and every plain number may be
/// uncertain. Returns the definitions that the second needs.
fn describe(schema: &mut Value) -> Map<String, Value> {
    walk(schema);
    let number = json!({ "type": "number" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let define =
        |description: &str, scalar: &Value| json!({ "description": description, "anyOf": [scalar, uncertain(scalar)] });
    Map::from_iter([
        ("Number".to_owned(), define("A number.", &number)),
        ("Count".to_owned(), define("A whole number.", &count)),
    ])
}

fn walk(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(object) => {
            without_null(object);
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                let estimates = properties.contains_key("mid");
                for property in properties.values_mut().filter(|_| !estimates) {
                    plain_number(property);
                }
            }
            object.values_mut().for_each(walk);
        }
        _ => {}
    }
}

fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(options)) = object.get_mut("anyOf") else { return };
    options.retain(|option| option.get("type") != Some(&json!("null")));
    if let [Value::Object(only)] = options.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        // A description beside `$ref` is the key's own, and stays.
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

/// A property that is a bare number refers to the shared definition that may be uncertain, and keeps its description.
fn plain_number(property: &mut Value) {
    let Value::Object(object) = property else { return };
    without_null(object);
    let definition = match object.get("type").and_then(Value::as_str) {
        Some("number") => "Number",
        Some("integer") => "Count",
        _ => return,
    };
    object.retain(|key, _| key == "description");
    object.insert("$ref".to_owned(), json!(format!("#/$defs/{definition}")));
}
