//! What emitted alerts and dashboards read, on the endpoints of a real cluster's services and of real workers.
//!
//! `emit metrics` lists what they read; that the list is complete is a test of the reports crate. Here each listed name and each of its labels is looked for where the
//! list says it is: on the four services, and on workers of Core (`--sdk-metrics`) and of the Go SDK (`loadgen/reference`).
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_load::connect::Connected;
use plimsoll_load::worker::{WorkerSet, WorkerSettings};
use plimsoll_load::workload::{Request, StartKind, Workload};
use plimsoll_profiles::profile::Sdk;
use plimsoll_profiles::{Document, World, shipped};
use plimsoll_reports::emit::{self, EmittedFile, Endpoint, Metric, catalogue, emit_all};
use plimsoll_reports::plan_basis::{PlanBasis, TasksPerWorkflow};
use plimsoll_reports::plan_document::PlanDocument;
use tokio::sync::mpsc::unbounded_channel;

use common::reference::{self, Workers};
use common::{Settings, cluster, connected, profile, workload};

/// The services report about their connections once a minute.
const PATIENCE: Duration = Duration::from_secs(100);

/// What appears with the first event of a kind that this test does not bring about, and why it does not. They are read all the same: an alert on what has not
/// appeared is silent.
const LATER: [(&str, &str); 5] = [
    ("service_errors", "no service fails"),
    ("service_errors_resource_exhausted", "no limit is reached"),
    ("persistence_errors", "the database answers"),
    ("schedule_to_start_timeout", "a worker is free for every task"),
    ("heartbeat_timeout", "no activity promises heartbeats"),
];

/// Workflows that end in every way, and activities that time out; half of the workflows of the first type fail.
const EVENTS: &str = r#"
[[workflow]]
type = "Half"
share = 0.25
steps = [{ activity = "works", takes = "5ms" }, { activity = "breaks", takes = "5ms", fails = 0.5, non_retryable = 1.0 }]

[[workflow]]
type = "Cancelled"
share = 0.15
cancelled = { probability = 1.0, after = "300ms" }
steps = [{ timer = "1h" }]

[[workflow]]
type = "Terminated"
share = 0.15
terminated = { probability = 1.0, after = "300ms" }
steps = [{ timer = "1h" }]

[[workflow]]
type = "Late"
share = 0.15
run_timeout = "2s"
steps = [{ timer = "1h" }]

[[workflow]]
type = "SlowAttempt"
share = 0.15
steps = [{ activity = "slow", takes = { p50 = "900ms", p99 = "20s" }, start_to_close = "1s", retry = { attempts = 1 } }]

[[workflow]]
type = "SlowActivity"
share = 0.15
steps = [{ activity = "slower", takes = { p50 = "900ms", p99 = "20s" }, schedule_to_close = "1s", retry = { attempts = 1 } }]
"#;
/// How many of them: each type comes, and each of its ends.
const STARTS: u64 = 100;
/// After that none is open: nobody clears up behind a test.
const ALL_ENDED: Duration = Duration::from_secs(6);

/// A series as it was scraped, without its value.
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

impl Series {
    /// Whether alerts and dashboards take it for one of the user's workers.
    fn is_of_users(&self) -> bool {
        let label = |name: &str| self.labels.get(name).map_or("", String::as_str);
        let queue = label("task_queue").replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        label("namespace") != "temporal_system" && !queue.starts_with("temporal_sys")
    }
}

/// Labels in these texts have neither quotes nor backslashes in them.
fn series(line: &str) -> Option<Series> {
    if line.starts_with('#') {
        return None;
    }
    let (series, _) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
    let labels = labels.map(|(name, value)| (name.trim().to_owned(), value.trim_end_matches('"').to_owned()));
    Some(Series { name: name.to_owned(), labels: labels.collect() })
}

async fn scrape(url: &str) -> Vec<Series> {
    let answer = reqwest::get(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    answer.text().await.unwrap().lines().filter_map(series).collect()
}

async fn scrape_all(urls: &[String]) -> Vec<Series> {
    let mut all = Vec::new();
    for url in urls {
        all.extend(scrape(url).await);
    }
    all
}

/// Everything that is exposed at a moment.
struct Exposed {
    frontend: Vec<Series>,
    history: Vec<Series>,
    matching: Vec<Series>,
    system_worker: Vec<Series>,
    workers: Vec<Series>,
}

impl Exposed {
    async fn now(settings: &Settings, workers: &[String]) -> Exposed {
        let of = |service: &str| settings[&format!("PLIMSOLL_{service}_METRICS")].clone();
        Exposed {
            frontend: scrape(&of("FRONTEND")).await,
            history: scrape(&of("HISTORY")).await,
            matching: scrape(&of("MATCHING")).await,
            system_worker: scrape(&of("WORKER")).await,
            workers: scrape_all(workers).await,
        }
    }

    fn services(&self) -> impl Iterator<Item = &Series> {
        [&self.frontend, &self.history, &self.matching, &self.system_worker].into_iter().flatten()
    }

    /// Where the list says a metric is; `None` of what this cluster has no exporter for.
    fn of(&self, endpoint: Endpoint) -> Option<Vec<&Series>> {
        Some(match endpoint {
            Endpoint::Services => self.services().collect(),
            Endpoint::History => self.history.iter().collect(),
            Endpoint::Matching => self.matching.iter().collect(),
            Endpoint::Sdk => self.workers.iter().collect(),
            Endpoint::PostgresExporter => return None,
        })
    }

    /// What is wrong with a metric where the workers' SDK is this one: a name that is not there, or a label.
    fn lacks(&self, metric: &Metric, sdk: Sdk) -> Vec<String> {
        let Some(series) = self.of(metric.endpoint) else { return Vec::new() };
        let mut lacks = Vec::new();
        for name in metric.exposed_by(sdk) {
            let labels: Vec<BTreeSet<&str>> = series
                .iter()
                .filter(|series| series.name == name)
                .map(|series| series.labels.keys().map(String::as_str).collect())
                .collect();
            if labels.is_empty() {
                lacks.push(name);
                continue;
            }
            let unlabelled =
                metric.labels.iter().filter(|label| !labels.iter().any(|all| all.contains(label.as_str())));
            lacks.extend(unlabelled.map(|label| format!("{name}: label {label}")));
        }
        lacks
    }
}

/// What is emitted for a plan whose workers are of this SDK.
fn emitted(sdk: &str) -> Vec<EmittedFile> {
    let text = shipped::profile("order-fulfilment").unwrap().text;
    let document = Document::parse(text, "order-fulfilment.toml", &[format!("sdk={sdk:?}")]).unwrap();
    let basis = PlanBasis {
        plimsoll: "0.1.0".into(),
        command: "plimsoll plan order-fulfilment".into(),
        profile: document.to_json(&World::mid()),
        tasks: TasksPerWorkflow { workflow: 6.5, activity: 5.0 },
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/tests/fixtures/plan.json");
    let plan: PlanDocument = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    emit_all(&PlanDocument { basis: Some(basis), ..plan }, &emit::Settings::default()).unwrap().files
}

/// Names of SDK metrics in alerts and dashboards: the words that begin as such names do, but for the namespace of Temporal's own workers.
fn read_of_sdk(files: &[EmittedFile]) -> BTreeSet<String> {
    let read = files.iter().filter(|file| file.path.ends_with("alerts.yml") || file.path.contains("grafana/"));
    let words = read.flat_map(|file| file.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
    words.filter(|word| word.starts_with("temporal_") && *word != "temporal_system").map(str::to_owned).collect()
}

/// Waits until all that can be there is there, and holds what the emitted files read against it.
async fn hold(settings: &Settings, workers: &[String], sdk: Sdk, name: &str) {
    let may_lack = |metric: &Metric| LATER.iter().any(|(later, _)| *later == metric.name);
    assert!(LATER.iter().all(|(name, _)| catalogue().iter().any(|metric| metric.name == *name)));
    let begin = Instant::now();
    let exposed = loop {
        let exposed = Exposed::now(settings, workers).await;
        let complete =
            catalogue().iter().filter(|metric| !may_lack(metric)).all(|metric| exposed.lacks(metric, sdk).is_empty());
        if complete || begin.elapsed() > PATIENCE {
            break exposed;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    let mut lacking = Vec::new();
    let mut seen = 0;
    for metric in catalogue() {
        let lacks = exposed.lacks(metric, sdk);
        match LATER.iter().find(|(later, _)| *later == metric.name) {
            Some((name, why)) if !lacks.is_empty() => eprintln!("{name}: not seen, {}: {why}", metric.appears),
            None if metric.endpoint == Endpoint::PostgresExporter => {
                eprintln!("{}: not looked for, this cluster has no postgres_exporter", metric.name);
            }
            _ if lacks.is_empty() => seen += 1,
            _ => lacking.extend(lacks),
        }
    }
    eprintln!("{name}: {seen} of {} metrics are exposed, with their labels", catalogue().len());
    assert!(lacking.is_empty(), "{name}: not exposed after {} s: {lacking:?}", begin.elapsed().as_secs());

    let there: BTreeSet<&str> = exposed.workers.iter().map(|series| series.name.as_str()).collect();
    let read = read_of_sdk(&emitted(name));
    assert!(read.len() >= 8, "{read:?}");
    let unknown: Vec<&String> = read.iter().filter(|name| !there.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "{name}: alerts and dashboards read {unknown:?}");

    // The worker service is a worker, too, and not one of the user's.
    let slots = |series: &&Series| {
        series.name == "temporal_worker_task_slots_available"
            && series.labels.get("worker_type").is_some_and(|kind| kind == "WorkflowWorker")
    };
    assert!(exposed.services().any(|series| slots(&series)), "then alerts need not leave the system's workers out");
    let taken: Vec<&BTreeMap<String, String>> = exposed
        .services()
        .filter(|series| read.contains(&series.name) && series.is_of_users())
        .map(|series| &series.labels)
        .collect();
    assert!(taken.is_empty(), "the server's own workers would be taken for the user's: {taken:?}");
    let counted = exposed.workers.iter().filter(slots).filter(|series| series.is_of_users()).count();
    assert_eq!(counted, workers.len(), "a worker has one such series");
}

/// Starts workflows, and cancels and terminates those that are to be.
async fn offer(connected: &Connected, workload: &Workload) {
    for ordinal in 0..STARTS {
        let start = workload.start(ordinal);
        let StartKind::Start(request) = start.request else { unreachable!("no signal in the profile") };
        connected.service().start_workflow_execution(*request).await.unwrap();
        for follow_up in start.follow_ups {
            let (mut service, request) = (connected.service(), workload.request(&start.workflow_id, &follow_up));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_nanos(follow_up.after.0)).await;
                match request {
                    Request::Cancel(request) => {
                        drop(service.request_cancel_workflow_execution(*request).await.unwrap())
                    }
                    Request::Terminate(request) => drop(service.terminate_workflow_execution(*request).await.unwrap()),
                    _ => unreachable!("nothing else is asked for"),
                }
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn services_and_workers_of_core_expose_all_that_alerts_and_dashboards_read() {
    let Some(settings) = cluster() else { return };
    let connected = connected(settings).await;
    let profile = profile(EVENTS);
    // Core under its own names, and under those that it takes over for a profile of the Go SDK.
    for (sdk, name) in [(Sdk::Rust, "rust"), (Sdk::Go, "go")] {
        let workload = workload(&profile, &connected);
        let served =
            WorkerSettings { workers: 2, sdk, sdk_metrics: "127.0.0.1:0".parse().ok(), ..WorkerSettings::of(&profile) };
        let (sender, _events) = unbounded_channel();
        let workers = WorkerSet::start(&connected, &workload, &served, sender).await.unwrap();
        let addresses = workers.sdk_metrics();
        assert!(addresses.len() == 2 && addresses[0] != addresses[1], "{addresses:?}");
        offer(&connected, &workload).await;
        let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}/metrics")).collect();
        tokio::time::sleep(ALL_ENDED).await;
        hold(settings, &urls, sdk, name).await;
        workers.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster (loadgen/cluster/up) and Go"]
async fn workers_of_the_go_sdk_expose_all_that_alerts_and_dashboards_read() {
    let Some(settings) = cluster() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = reference::build(folder.path()) else { return };
    let connected = connected(settings).await;
    // For what only the services expose.
    let profile = profile(EVENTS);
    let workload = workload(&profile, &connected);
    let (sender, _events) = unbounded_channel();
    let of_core = WorkerSet::start(&connected, &workload, &WorkerSettings::of(&profile), sender).await.unwrap();
    assert!(of_core.sdk_metrics().is_empty(), "nobody asked for them");
    offer(&connected, &workload).await;
    tokio::time::sleep(ALL_ENDED).await;

    let queue = format!("plimsoll-metrics-{}", std::process::id());
    let workers = Workers::start(&program, settings, &queue, &["-metrics", "127.0.0.1:0", "-fails", "0.5"]);
    let url = workers.said.trim().split_once("metrics at ").map(|(_, url)| url.to_owned()).unwrap();
    let output = reference::command(&program, settings, &queue)
        .args(["-rate", "10", "-duration", "4s", "-warm-up", "0s"])
        .output()
        .unwrap();
    // It exits with 1 when a workflow has failed, as half of these are to.
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("count "), "{said}{}", String::from_utf8_lossy(&output.stderr));
    hold(settings, &[url], Sdk::Go, "go").await;
    of_core.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn worker_processes_of_a_run_serve_their_metrics_each_at_its_own_address() {
    let Some(settings) = cluster() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_plimsoll-load"))
        .args(["run", "one-activity", "--yes", "--rate", "5/s", "--duration", "15s", "--idle-baseline", "0s"])
        .args(["--workers", "processes=2", "--sdk-metrics", "127.0.0.1:0", "--no-local-cluster", "--out"])
        .arg(folder.path().join("run"))
        .env("TEMPORAL_ADDRESS", &settings["TEMPORAL_ADDRESS"])
        .env("TEMPORAL_NAMESPACE", &settings["TEMPORAL_NAMESPACE"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told = |line: String| line.split_once("SDK metrics of a worker: ").map(|(_, url)| url.trim().to_owned());
    let urls: Vec<String> = said.by_ref().filter_map(told).take(2).collect();
    assert!(urls.len() == 2 && urls[0] != urls[1], "{urls:?}");
    let rest = std::thread::spawn(move || said.collect::<Vec<String>>());
    for url in &urls {
        // The run lasts longer than a worker needs to its first workflow, and its end would end the endpoint.
        while !scrape(url).await.iter().any(|series| series.name == "temporal_workflow_completed_total") {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    let code = run.wait().unwrap().code();
    // 1 is a promise that was not kept, 3 a run that does not trust itself: this is no measurement.
    assert!(matches!(code, Some(0 | 1 | 3)), "{code:?}: {:?}", rest.join().unwrap());
}

#[test]
fn metrics_of_workers_that_are_not_this_programs_are_refused() {
    for other in [["--target", "embedded"], ["--workers", "own"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_plimsoll-load"))
            .args(["run", "one-activity", "--yes", "--sdk-metrics", "127.0.0.1:0"])
            .args(other)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains("--sdk-metrics"), "{other:?}: {said}");
    }
}

#[test]
fn a_scraped_line_is_read() {
    let read = series("a{b=\"c d\",e=\"f\"} 3").unwrap();
    assert_eq!((read.name.as_str(), read.labels["b"].as_str(), read.labels["e"].as_str()), ("a", "c d", "f"));
    assert!(read.is_of_users() && series("# HELP a b").is_none());
    assert!(!series("a{namespace=\"temporal_system\"} 1").unwrap().is_of_users());
    assert!(!series("a{namespace=\"default\",task_queue=\"temporal_sys_per_ns_tq\"} 1").unwrap().is_of_users());
    assert_eq!(series("plain 1").unwrap().labels.len(), 0);
}
