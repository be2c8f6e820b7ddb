//! A target that freezes for two seconds: what an open loop says of it, and what a closed loop says.
//!
//! 200 starts a second are intended for ten seconds; the target answers within some milliseconds, but for two seconds it
//! answers nothing. 400 users ask in that time, and wait 0 to 2 s: of 2,000 users, 20 (1 %) wait longer than 1.9 s.
#![allow(clippy::unwrap_used)]

mod embedded_load;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use embedded_load::{Seen, Sending, send};
use hdrhistogram::Histogram;
use plimsoll_load::embedded::{Behaviour, Embedded, Method, Window, span};
use plimsoll_load::record::Metric;
use plimsoll_load::record::recorder::empty;
use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;
use temporalio_common::protos::temporal::api::workflowservice::v1::workflow_service_client::WorkflowServiceClient;
use tonic::transport::Endpoint;

const FROZEN: Duration = Duration::from_secs(2);
const RUN: Duration = Duration::from_secs(10);
/// Clients of the closed loop, and requests that the capped open loop lets out at once. Fewer than 1 % of the starts, so that
/// those under way when the target freezes are not in the service's p99.
const CLIENTS: usize = 15;

async fn freezing() -> Embedded {
    let freeze = Window { from: Nanos::from_secs(4), length: Nanos(FROZEN.as_nanos() as u64) };
    let behaviour = Behaviour {
        delay: span("1ms").unwrap(),
        close_after: Some(span("5ms").unwrap()),
        freezes: vec![freeze],
        ..Behaviour::default()
    };
    Embedded::start(behaviour).await.unwrap()
}

/// Clients that send their next request when they have their answer, 200 a second together at most: times from send to answer.
async fn closed_loop(address: SocketAddr) -> Histogram<u64> {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let clients = (0..CLIENTS).map(|client| {
        let mut service = WorkflowServiceClient::new(channel.clone());
        tokio::spawn(async move {
            let (begin, mut latencies) = (Instant::now(), empty());
            let mut pace = tokio::time::interval(Duration::from_millis(5) * CLIENTS as u32);
            pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while begin.elapsed() < RUN {
                pace.tick().await;
                let request = StartWorkflowExecutionRequest {
                    namespace: "default".into(),
                    workflow_id: format!("closed-{client}-{}", latencies.len()),
                    task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
                    ..StartWorkflowExecutionRequest::default()
                };
                let sent = Instant::now();
                service.start_workflow_execution(request).await.unwrap();
                latencies.record(sent.elapsed().as_nanos() as u64).unwrap();
            }
            latencies
        })
    });
    let mut all = empty();
    for client in clients.collect::<Vec<_>>() {
        all.add(client.await.unwrap()).unwrap();
    }
    all
}

async fn open_loop(target: &Embedded, max_in_flight: usize) -> Seen {
    let address = target.address();
    let sending = Sending { phases: "10s@200/s", max_in_flight, ..Sending::default() };
    tokio::task::spawn_blocking(move || send(address, &sending)).await.unwrap()
}

/// Of the 400 starts of the freeze, all but those under way and a few standard deviations of the Poisson process.
const FEWEST_DELAYED: u64 = 300;

/// Starts whose answer came more than 200 ms after their intended time: those of the freeze's first 1.8 s.
fn waited_long(seen: &Seen) -> u64 {
    seen.histogram(Metric::StartResponse).count_between(200_000_000, u64::MAX)
}

/// 360 are expected, 265 at least (five standard deviations of a Poisson process). A busy machine makes others wait too; how
/// many is not this test's business as long as it is a minority.
fn assert_about_400(waited: u64) {
    assert!((265..=800).contains(&waited), "{waited} starts waited longer than 200 ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_target_shows_in_the_response_and_a_closed_loop_hides_it() {
    let (capped, uncapped, closed) = (freezing().await, freezing().await, freezing().await);
    let (with_cap, without_cap, closed_loop) =
        tokio::join!(open_loop(&capped, CLIENTS), open_loop(&uncapped, 10_000), closed_loop(closed.address()));

    let closed_p99 = Duration::from_nanos(closed_loop.value_at_quantile(0.99));
    let line = |name: &str, seen: &Seen| {
        println!(
            "{name}: {} starts, {} delayed, {} answered more than 200 ms late; start p99 response {:?}, service {:?}",
            seen.tally.offered,
            seen.delayed,
            waited_long(seen),
            seen.p99(Metric::StartResponse),
            seen.p99(Metric::StartService)
        );
    };
    line("open loop, 15 in flight at most", &with_cap);
    line("open loop, 10,000 in flight at most", &without_cap);
    println!("closed loop of 15 clients: {} starts, p99 {closed_p99:?}", closed_loop.len());

    // Each user's wait is in the response, wherever it was spent.
    let long = Duration::from_millis(1_800);
    assert!(with_cap.p99(Metric::StartResponse) >= long);
    assert!(without_cap.p99(Metric::StartResponse) >= long);
    // With a cap they waited in the generator: they are counted, and not in the service.
    assert!(with_cap.delayed >= FEWEST_DELAYED, "{}", with_cap.delayed);
    assert_about_400(waited_long(&with_cap));
    assert!(with_cap.p99(Metric::StartService) < long / 2, "{:?}", with_cap.p99(Metric::StartService));
    // Without, they waited in the target.
    assert_about_400(waited_long(&without_cap));
    assert_eq!(without_cap.delayed, 0);
    assert!(without_cap.p99(Metric::StartService) >= long);
    // The closed loop sent next to nothing in these two seconds, and so it has next to nothing to tell of them.
    assert!(closed_p99 < long / 2, "{closed_p99:?}");

    for (target, seen) in [(&capped, &with_cap), (&uncapped, &without_cap)] {
        assert_eq!((seen.tally.completed, seen.tally.unsent), (seen.tally.offered, 0), "{:?}", seen.tally);
        assert_eq!(target.counts().of(Method::StartWorkflowExecution).answered, seen.tally.offered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_of_a_run_on_a_frozen_target_says_what_happened() {
    let target = freezing().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll-load"));
    run.args(["--quiet", "run", "one-activity", "--yes", "--workers", "own", "--namespace", "default"])
        .args(["--rate", "200/s", "--duration", "10s", "--ramp", "0s", "--warm-up", "0s", "--max-in-flight", "15"])
        .args(["--address", &target.address().to_string(), "--out"])
        .arg(&out);
    let ended = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");

    let run = plimsoll_reports::run_dir::read(&out).unwrap();
    let verdict = &run.manifest.verdict;
    assert_eq!(verdict.verdict.word(), "INVALID", "{verdict:?}");
    let why = verdict.reasons.iter().find(|reason| reason.contains("held back at the in-flight cap of 15"));
    println!("{}", why.unwrap_or_else(|| panic!("{verdict:?}")));
    let counts = &run.manifest.measurement.as_ref().unwrap().counts;
    assert!(counts.delayed >= FEWEST_DELAYED, "{counts:?}");
    assert_eq!((counts.completed, counts.unsent), (counts.offered, 0), "{counts:?}");
    assert_eq!(target.counts().of(Method::StartWorkflowExecution).answered, counts.offered);
    let p99 = |metric: &str| Duration::from_nanos(run.merged(metric).quantile(0.99).unwrap());
    assert!(p99("start.response") >= Duration::from_millis(1_800), "{:?}", p99("start.response"));
    assert!(p99("start.service") < Duration::from_millis(900), "{:?}", p99("start.service"));
}
