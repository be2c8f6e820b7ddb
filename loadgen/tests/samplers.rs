//! Samplers together, against what is really there: a PostgreSQL of the test's own, endpoints that fail, a real cluster.

#![allow(clippy::unwrap_used)]

mod temporary_postgres;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use clap::Parser;
use plimsoll_load::connect::{ConnectFlags, Endpoint, Environment, Service};
use plimsoll_load::samplers::histories::HistoryMetric;
use plimsoll_load::samplers::local_cluster::LocalCluster;
use plimsoll_load::samplers::postgres::Verb;
use plimsoll_load::samplers::{SamplerFlags, SamplerSettings, Samplers};
use temporalio_common::protos::temporal::api::command::v1::command::Attributes;
use temporalio_common::protos::temporal::api::command::v1::{
    Command as WorkflowCommand, CompleteWorkflowExecutionCommandAttributes,
};
use temporalio_common::protos::temporal::api::common::v1::WorkflowType;
use temporalio_common::protos::temporal::api::enums::v1::CommandType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
};
use temporary_postgres::TemporaryPostgres;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    samplers: SamplerFlags,
}

fn settings(arguments: &[&str]) -> SamplerSettings {
    let all = std::iter::once("x").chain(arguments.iter().copied());
    let flags = Command::try_parse_from(all).map_err(|error| error.to_string()).unwrap().samplers;
    SamplerSettings::resolve_in(&flags, &|_| None, None, &[], 1).unwrap()
}

fn value(samplers: &Samplers, row: &[Option<f64>], column: &str) -> Option<f64> {
    let at = samplers.columns().iter().position(|other| other.name == column);
    row[at.unwrap_or_else(|| panic!("no column {column}"))]
}

/// Serves one answer to each request, for ever.
fn endpoint(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// A port at which nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn endpoints_that_fail_are_told_of_once_and_the_others_go_on() {
    let closed = closed_port();
    let html = endpoint("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>not metrics</html>");
    let missing = endpoint("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let good = endpoint("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nnum_goroutines 12\n");
    let mut samplers = Samplers::connect(
        &settings(&[
            &format!("--prometheus=frontend=127.0.0.1:{closed}"),
            &format!("--prometheus=history={html}"),
            &format!("--prometheus=matching={missing}"),
            &format!("--prometheus=system-worker={good}"),
            &format!("--postgres=postgres://me:hunter2@127.0.0.1:{closed}/temporal"),
            "--pid=worker=2147483000",
            "--scrape-interval=1s",
        ]),
        None,
    )
    .await;
    let told = samplers.new_problems();
    let text = told.join("\n");
    for expected in [
        "Prometheus of frontend",
        "cannot connect",
        "not Prometheus's text format ('<html>not metrics</html>')",
        "HTTP 404",
        "PostgreSQL (me@127.0.0.1",
        "process 2147483000 has ended",
        "the run goes on without its values",
    ] {
        assert!(text.contains(expected), "no '{expected}' in:\n{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    let mut row = Vec::new();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        row = samplers.sample().await;
    }
    assert_eq!(value(&samplers, &row, "system_worker_goroutines"), Some(12.0));
    assert!(value(&samplers, &row, "generator_cpu").is_some() && value(&samplers, &row, "host_cpu").is_some());
    assert_eq!(value(&samplers, &row, "frontend_goroutines"), None);
    assert_eq!(samplers.new_problems(), [""; 0], "each is told of once");
    assert!(samplers.problems().iter().any(|problem| problem.sampler.contains("history") && problem.failures >= 3));
}

#[tokio::test]
async fn an_endpoint_that_hangs_does_not_hold_up_the_row() {
    // It accepts and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hanging.local_addr().unwrap();
    let mut samplers =
        Samplers::connect(&settings(&[&format!("--prometheus=history={address}"), "--scrape-interval=1s"]), None).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        let row = samplers.sample().await;
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(value(&samplers, &row, "generator_memory").is_some());
    }
    drop(hanging);
}

#[tokio::test]
#[ignore = "needs PostgreSQL's programs (Debian package postgresql, or PLIMSOLL_PG_BIN)"]
async fn postgresql_counts_to_the_statement_and_leaves_ours_out() {
    let postgres = TemporaryPostgres::start(true);
    postgres.query("temporal", "CREATE TABLE executions (id int, data text)");
    let database = format!("--pid=database={}", postgres.pid());
    let mut samplers =
        Samplers::connect(&settings(&[&format!("--postgres={}", postgres.right_url()), &database]), None).await;
    assert_eq!(samplers.new_problems(), [""; 0]);
    // The first readings find the texts of our own statements.
    tokio::time::sleep(Duration::from_secs(2)).await;
    samplers.sample().await;
    let mut last = Instant::now();
    let before = samplers.statement_costs();

    let sql = "BEGIN; INSERT INTO executions SELECT n, repeat('x', 1000) FROM generate_series(1, 5000) n; UPDATE executions SET id = id + 1 WHERE id <= 100; COMMIT";
    postgres.query("temporal", sql);
    postgres.query("temporal_visibility", "SELECT 1");
    // Counters of a session are there when it has ended, at the latest a second after.
    let mut sums = vec![0.0; 6];
    let names = ["statements", "visibility_statements", "statements_insert", "commits", "wal_bytes", "database_cpu"];
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let row = samplers.sample().await;
        let passed = last.elapsed().as_secs_f64();
        last = Instant::now();
        for (sum, name) in sums.iter_mut().zip(names) {
            *sum += value(&samplers, &row, name).unwrap_or(0.0) * passed;
        }
    }
    // BEGIN, INSERT, UPDATE, COMMIT in one and SELECT in the other database. Time between rows is not known here to better than some per cent.
    let near = |value: f64, expected: f64| (value - expected).abs() <= 0.15 * expected;
    assert!(near(sums[0], 5.0) && near(sums[1], 1.0) && near(sums[2], 1.0) && near(sums[3], 1.0), "{sums:?}");
    assert!(sums[4] > 5000.0 * 1000.0, "5,000 rows of 1,000 bytes are at least that much WAL: {sums:?}");
    let costs = samplers.statement_costs();
    let calls = |verb: Verb, table: &str| -> f64 {
        let of = |costs: &[plimsoll_load::samplers::postgres::StatementCost]| -> f64 {
            costs
                .iter()
                .filter(|cost| cost.class.verb == verb && cost.class.table == table)
                .map(|cost| cost.cost.calls)
                .sum()
        };
        of(&costs) - of(&before)
    };
    assert_eq!(
        (calls(Verb::Insert, "executions"), calls(Verb::Update, "executions"), calls(Verb::Commit, "")),
        (1.0, 1.0, 1.0)
    );
    let rows: f64 = costs.iter().filter(|cost| cost.class.verb == Verb::Insert).map(|cost| cost.cost.rows).sum();
    assert_eq!(rows, 5000.0);
}

#[tokio::test]
#[ignore = "needs PostgreSQL's programs (Debian package postgresql, or PLIMSOLL_PG_BIN)"]
async fn an_idle_postgresql_has_no_statements_and_no_transactions_though_we_look_at_it() {
    let postgres = TemporaryPostgres::start(true);
    let mut samplers = Samplers::connect(&settings(&[&format!("--postgres={}", postgres.right_url())]), None).await;
    // The first connections into Temporal's databases are made, and their counters written, in the first seconds.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        samplers.sample().await;
    }
    let idle = samplers.idle_baseline(Duration::from_secs(12)).await;
    let mean =
        |name: &str| idle.columns.iter().find(|column| column.name == name).unwrap_or_else(|| panic!("no {name}")).mean;
    assert_eq!((mean("statements"), mean("connections")), (0.0, 0.0));
    // Two statements in twelve seconds are ours; what is left is the difference between when we make them and when the server counts them.
    assert!(mean("transactions") <= 0.35, "{}", mean("transactions"));
    assert!(mean("database_bytes") > 1e6);
}

#[tokio::test]
#[ignore = "needs PostgreSQL's programs (Debian package postgresql, or PLIMSOLL_PG_BIN)"]
async fn a_wrong_password_is_said_to_be_one_and_a_restart_is_survived() {
    let postgres = TemporaryPostgres::start(true);
    let wrong = Samplers::connect(&settings(&[&format!("--postgres={}", postgres.url("hunter2"))]), None).await;
    let problems = wrong.problems();
    let problem = problems.iter().find(|problem| problem.sampler.starts_with("PostgreSQL")).unwrap();
    assert!(problem.message.contains("wrong password") && problem.message.contains("PGPASSWORD"), "{problem:?}");
    assert!(!format!("{problems:?}").contains("hunter2"));

    let mut samplers = Samplers::connect(&settings(&[&format!("--postgres={}", postgres.right_url())]), None).await;
    postgres.restart();
    // A sample waits half a second at most: on a busy machine the loss is noticed by a later one.
    let mut line = String::new();
    for _ in 0..20 {
        samplers.sample().await;
        line.push_str(&samplers.new_problems().join("\n"));
        if !line.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(
        line.contains("PostgreSQL")
            && (line.contains("connection was lost") || line.contains("shutting down") || line.contains("closed")),
        "{line}"
    );
    // Tables are read every ten seconds only: what failed of them is known to be well again that much later.
    let mut recovered = false;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let row = samplers.sample().await;
        recovered |= value(&samplers, &row, "statements").is_some();
        if recovered && samplers.problems().iter().all(|problem| problem.recovered) {
            return;
        }
    }
    panic!("not recovered: {:?}", samplers.problems());
}

#[tokio::test]
#[ignore = "needs PostgreSQL's programs (Debian package postgresql, or PLIMSOLL_PG_BIN)"]
async fn without_pg_stat_statements_the_rest_is_sampled_and_it_is_said_what_to_do() {
    let postgres = TemporaryPostgres::start(false);
    let mut samplers = Samplers::connect(&settings(&[&format!("--postgres={}", postgres.right_url())]), None).await;
    let told = samplers.new_problems().join("\n");
    assert!(told.contains("shared_preload_libraries") && !told.contains("the run goes on without"), "{told}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let row = samplers.sample().await;
    assert_eq!(value(&samplers, &row, "statements"), None);
    assert!(value(&samplers, &row, "wal_bytes").is_some() && value(&samplers, &row, "database_bytes").is_none());
}

fn running_cluster() -> LocalCluster {
    let named = std::env::var("TEMPORAL_ADDRESS").ok().and_then(|address| LocalCluster::at(&address));
    named.or_else(LocalCluster::default_one).expect("a running cluster: source \"$(loadgen/cluster/up)\"")
}

async fn start(service: &mut Service, queue: &str, id: &str) {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Nothing".to_owned() }),
        task_queue: Some(TaskQueue { name: queue.to_owned(), ..TaskQueue::default() }),
        request_id: id.to_owned(),
        ..StartWorkflowExecutionRequest::default()
    };
    service.start_workflow_execution(request).await.unwrap();
}

/// Takes one workflow task and completes its workflow; gives the workflow's id.
async fn complete_one(service: &mut Service, queue: &str) -> String {
    let poll = PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: Some(TaskQueue { name: queue.to_owned(), ..TaskQueue::default() }),
        identity: "samplers".to_owned(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let mut poll = tonic::Request::new(poll);
    // The server refuses a long poll without a deadline.
    poll.set_timeout(Duration::from_secs(60));
    let task = service.poll_workflow_task_queue(poll).await.unwrap().into_inner();
    let complete = WorkflowCommand {
        command_type: CommandType::CompleteWorkflowExecution.into(),
        attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(
            CompleteWorkflowExecutionCommandAttributes::default(),
        )),
        ..WorkflowCommand::default()
    };
    let answer = RespondWorkflowTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        commands: vec![complete],
        identity: "samplers".to_owned(),
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    service.respond_workflow_task_completed(answer).await.unwrap();
    task.workflow_execution.unwrap().workflow_id
}

#[tokio::test]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn a_backlog_is_seen_while_no_worker_polls_and_histories_tell_how_long_tasks_waited() {
    const WORKFLOWS: usize = 4;
    let cluster = running_cluster();
    let run = plimsoll_load::identity::RunId::new();
    let queue = run.task_queue();
    let variables = [
        "TEMPORAL_ADDRESS",
        "TEMPORAL_TLS",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
        "TEMPORAL_TLS_CLIENT_CERT_PATH",
        "TEMPORAL_TLS_CLIENT_KEY_PATH",
    ];
    let environment = Environment::of(variables.into_iter().filter_map(|name| Some((name, cluster.get(name)?))));
    let connected =
        Endpoint::resolve_in(&ConnectFlags::default(), &environment).unwrap().connect("samplers").await.unwrap();
    let mut service = connected.service();
    let settings = SamplerSettings { task_queues: vec![queue.clone()], ..settings(&[]) };
    let mut samplers = Samplers::connect(&settings, Some(&connected)).await;

    let started = Instant::now();
    for ordinal in 0..WORKFLOWS {
        start(&mut service, &queue, &run.workflow_id(ordinal as u64)).await;
    }
    // The server brings the count up to date every few seconds.
    let mut backlog = Vec::new();
    while started.elapsed() < Duration::from_secs(30) && backlog.last() != Some(&Some(WORKFLOWS as f64)) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let row = samplers.sample().await;
        backlog.push(value(&samplers, &row, "backlog"));
    }
    assert_eq!(backlog.last(), Some(&Some(WORKFLOWS as f64)), "{backlog:?} {:?}", samplers.problems());
    let waited = started.elapsed();

    for _ in 0..WORKFLOWS {
        let id = complete_one(&mut service, &queue).await;
        samplers.closed(&id, "");
    }
    let waited_at_most = started.elapsed();
    let mut times = Vec::new();
    for _ in 0..10 {
        samplers.sample().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        times.extend(samplers.take_histories());
    }
    assert_eq!((samplers.histories_read(), samplers.problems()), (WORKFLOWS as u64, Vec::new()));
    let of = |metric: HistoryMetric| {
        times.iter().filter(move |(other, _)| *other == metric).map(|(_, time)| time.as_secs_f64())
    };
    let waits: Vec<f64> = of(HistoryMetric::WorkflowTaskScheduleToStart).collect();
    // All were started before the waiting was over; four starts take well under a second of it.
    let (least, most) = (waited.as_secs_f64() - 2.0, waited_at_most.as_secs_f64());
    assert!(
        waits.len() == WORKFLOWS && waits.iter().all(|wait| (least..=most).contains(wait)),
        "{waits:?} in {least}..{most}"
    );
    assert_eq!(of(HistoryMetric::Workflow).count(), WORKFLOWS);
}

#[tokio::test]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn every_column_of_a_real_cluster_has_a_value() {
    let cluster = running_cluster();
    let flags =
        Command::try_parse_from(["x", "--scrape-interval=1s"]).map_err(|error| error.to_string()).unwrap().samplers;
    let settings = SamplerSettings::resolve_in(&flags, &|_| None, Some(&cluster), &[], 1).unwrap();
    let mut samplers = Samplers::connect(&settings, None).await;
    let idle = samplers.idle_baseline(Duration::from_secs(12)).await;
    for column in &idle.columns {
        println!(
            "{:32} {:>16.6} {:>16.6} {:>4} {}",
            column.name, column.mean, column.largest, column.readings, column.unit
        );
    }
    println!("{:?}\n{:?}", samplers.canary_so_far(), samplers.problems());
    assert_eq!(samplers.problems(), []);
    // Without load there is no dispatch and no cache request to take a mean of; the pool's gauge comes after a minute.
    let may_be_empty = [
        "_latency",
        "_share",
        "_misses",
        "_matches",
        "_backlog",
        "_backlog_age",
        "open_connections",
        "relation_",
        "_cache_entries",
    ];
    let has = |name: &str| idle.columns.iter().any(|column| column.name == name);
    let empty: Vec<String> =
        samplers.columns().into_iter().map(|column| column.name).filter(|name| !has(name)).collect();
    let missing: Vec<&String> =
        empty.iter().filter(|name| !may_be_empty.iter().any(|part| name.contains(part))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
