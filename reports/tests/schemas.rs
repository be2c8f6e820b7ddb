//! The published schemas are those of the types, and hold for real documents.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use plimsoll_reports::compare::{Tolerances, compare};
use plimsoll_reports::run_dir;
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::schema;
use plimsoll_reports::sweep_document::{SWEEP_SCHEMA_VERSION, SweepDocument, SweepPoint};
use serde_json::Value;

fn assert_valid(name: &str, document: &Value) {
    let schema = schema::all().into_iter().find(|schema| schema.name == name).unwrap().schema;
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}

#[test]
fn committed_schemas_are_those_of_the_types() {
    for schema in schema::all() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(format!("{}.json", schema.name));
        let committed = std::fs::read_to_string(&file).unwrap();
        assert!(
            committed == schema.text(),
            "{} is out of date: cargo run -p plimsoll-reports --example write_schemas",
            file.display()
        );
    }
}

#[test]
fn documents_validate_against_their_schema() {
    for (name, fixture) in [
        ("plan", "plan.json"),
        ("plan", "plan_infeasible.json"),
        ("simulate", "run.json"),
        ("simulate", "run_measured.json"),
    ] {
        assert_valid(name, &serde_json::from_str(&common::fixture(fixture)).unwrap());
    }
    assert_valid("plan", &serde_json::to_value(common::plan()).unwrap());

    let sweep = SweepDocument {
        schema_version: SWEEP_SCHEMA_VERSION,
        profile: "p".into(),
        cluster: "c".into(),
        seed: 1,
        vary: vec!["workers.pods".into()],
        points: vec![SweepPoint::from_run(vec!["4".into()], &common::run(), Some(true))],
    };
    assert_valid("sweep", &serde_json::to_value(sweep).unwrap());

    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(RunKind::Simulated, 20.0);
    assert_valid("run", &serde_json::to_value(&manifest).unwrap());
    let run = run_dir::read(&common::write_run(folder.path(), &manifest, &common::shape(20, 200, 0))).unwrap();
    assert_valid("compare", &serde_json::to_value(compare(&run, &run, &Tolerances::default())).unwrap());
}

#[test]
fn a_document_with_a_key_missing_does_not_validate() {
    let mut plan: Value = serde_json::from_str(&common::fixture("plan.json")).unwrap();
    plan.as_object_mut().unwrap().remove("verdict");
    let schema = schema::all().into_iter().find(|schema| schema.name == "plan").unwrap().schema;
    assert!(!jsonschema::validator_for(&schema).unwrap().is_valid(&plan));
}
