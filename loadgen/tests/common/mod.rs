//! A real cluster for tests: the one that `loadgen/cluster/up` starts, or finds running.
//!
//! Tests that need it are `#[ignore]`d with that reason and run with `cargo test -- --ignored`. Where it cannot be had (no Go,
//! no PostgreSQL), such a test says why and ends; with `PLIMSOLL_CLUSTER=required` in the environment it fails instead.
#![allow(dead_code, clippy::unwrap_used)]

pub mod reference;

use std::collections::HashMap;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use plimsoll_load::connect::{ConnectFlags, Connected, Endpoint, Environment};
use plimsoll_load::identity::RunId;
use plimsoll_load::workload::Workload;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::{Document, World};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;

/// What the environment file of a cluster says.
pub type Settings = HashMap<String, String>;

/// The cluster, or nothing after saying why there is none.
///
/// `PLIMSOLL_TEST_ENV` is the environment file of another than the default one, which `up` printed when it was started.
///
/// # Panics
/// When there is none and `PLIMSOLL_CLUSTER=required`.
pub fn cluster() -> Option<&'static Settings> {
    static CLUSTER: OnceLock<Result<Settings, String>> = OnceLock::new();
    match CLUSTER.get_or_init(up) {
        Ok(settings) => Some(settings),
        Err(reason) if std::env::var("PLIMSOLL_CLUSTER").as_deref() == Ok("required") => {
            panic!("PLIMSOLL_CLUSTER=required, but there is no cluster: {reason}")
        }
        Err(reason) => {
            eprintln!("not run: {reason}");
            None
        }
    }
}

fn up() -> Result<Settings, String> {
    let path = match std::env::var("PLIMSOLL_TEST_ENV") {
        Ok(path) => path,
        Err(_) => start()?,
    };
    let path = path.as_str();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// Runs `up`, which starts nothing twice; gives its environment file.
fn start() -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/up");
    let output = Command::new(script).output().map_err(|error| format!("{script}: {error}"))?;
    if !output.status.success() {
        return Err(format!("loadgen/cluster/up: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(printed.lines().last().unwrap_or_default().trim().to_owned())
}

/// A connection to the cluster.
pub async fn connected(settings: &Settings) -> Connected {
    let address = settings["TEMPORAL_ADDRESS"].as_str();
    let environment = Environment::of([
        ("TEMPORAL_ADDRESS", address),
        ("TEMPORAL_NAMESPACE", settings["TEMPORAL_NAMESPACE"].as_str()),
    ]);
    let endpoint = Endpoint::resolve_in(&ConnectFlags::default(), &environment).unwrap();
    endpoint.connect("plimsoll-test").await.unwrap()
}

/// A profile of these workflow tables.
pub fn profile(workflows: &str) -> Profile {
    let text = format!(
        "name = \"test\"\nsdk = \"rust\"\n[slo]\nstart = {{ p99 = \"1s\" }}\n[cluster]\nuse = \"staging\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"5/s\" }}]\n[workers]\npods = 1\n{workflows}"
    );
    let document = Document::parse(&text, "test.toml", &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// A run of the profile, with a task queue of its own.
pub fn workload(profile: &Profile, connected: &Connected) -> Workload {
    let run = RunId::new();
    Workload::new(profile, 1, &run, connected.endpoint.namespace(), &run.task_queue()).unwrap()
}

/// The events of a workflow's run; of the newest when no run is named.
pub async fn history(connected: &Connected, workflow_id: &str, run_id: &str) -> Vec<HistoryEvent> {
    let mut service = connected.service();
    let mut events = Vec::new();
    let mut next_page_token = Vec::new();
    loop {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: connected.endpoint.namespace().to_owned(),
            execution: Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: run_id.to_owned() }),
            next_page_token,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let answer = tokio::time::timeout(Duration::from_secs(20), service.get_workflow_execution_history(request));
        let answer = answer.await.expect("an answer within 20 s").unwrap().into_inner();
        events.extend(answer.history.unwrap_or_default().events);
        next_page_token = answer.next_page_token;
        if next_page_token.is_empty() {
            return events;
        }
    }
}

/// How many events of this type.
pub fn count(events: &[HistoryEvent], kind: EventType) -> usize {
    events.iter().filter(|event| event.event_type() == kind).count()
}
