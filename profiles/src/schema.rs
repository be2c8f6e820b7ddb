//! JSON Schema of a profile, for editors and for programs that write profiles.

use schemars::{Schema, json_schema};

/// A scalar, or the three estimates of an uncertain one.
pub(crate) fn or_uncertain(description: &str, scalar: Schema) -> Schema {
    json_schema!({ "description": description, "anyOf": [scalar, uncertain(&scalar)] })
}

fn uncertain(scalar: &Schema) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "low": scalar, "mid": scalar, "high": scalar },
        "required": ["low", "mid", "high"],
        "additionalProperties": false
    })
}

/// The JSON Schema of a profile, as published in `profiles/schema/profile.json`.
pub fn profile_schema() -> serde_json::Value {
    serde_json::Value::Null
}
