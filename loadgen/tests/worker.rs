//! The generic workflow and its activities on a real cluster: each step kind leaves the history that it should.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use plimsoll_load::connect::Connected;
use plimsoll_load::worker::{Outcome, TaskKind, WorkerEvent, WorkerSet, WorkerSettings};
use plimsoll_load::workload::{FollowUp, Message, Request, StartKind, Workload};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::{EventType, HistoryEventFilterType};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use common::{cluster, connected, count, history, profile, workload};

/// How long one small workflow may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A worker for a profile, and what it tells.
struct Bench {
    connected: Connected,
    workload: Workload,
    workers: WorkerSet,
    events: UnboundedReceiver<WorkerEvent>,
}

/// What was seen of one workflow.
struct Seen {
    workflow_id: String,
    outcome: Outcome,
    asked: Vec<FollowUp>,
    started: Vec<TaskKind>,
}

impl Bench {
    async fn new(workflows: &str) -> Option<Bench> {
        let connected = connected(cluster()?).await;
        let profile = profile(workflows);
        let workload = workload(&profile, &connected);
        let (sender, events) = unbounded_channel();
        let workers = WorkerSet::start(&connected, &workload, &WorkerSettings::of(&profile), sender).await.unwrap();
        Some(Bench { connected, workload, workers, events })
    }

    /// Starts a workflow, sends what is to be sent, and waits for its end.
    async fn run(&mut self, ordinal: u64) -> Seen {
        let start = self.workload.start(ordinal);
        let begin = Instant::now();
        let mut service = self.connected.service();
        match start.request {
            StartKind::Start(request) => drop(service.start_workflow_execution(*request).await.unwrap()),
            StartKind::SignalWithStart(request) => {
                drop(service.signal_with_start_workflow_execution(*request).await.unwrap());
            }
        }
        for follow_up in start.follow_ups {
            self.send(&start.workflow_id, begin, follow_up);
        }
        let (mut asked, mut started) = (Vec::new(), Vec::new());
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("the workflow's end in time");
            match event.unwrap() {
                WorkerEvent::Completed(completion) if completion.workflow_id == start.workflow_id => {
                    assert!(completion.at >= begin && completion.at <= Instant::now());
                    let workflow_id = completion.workflow_id;
                    return Seen { workflow_id, outcome: completion.outcome, asked, started };
                }
                WorkerEvent::Wants { workflow_id, follow_up, at } => {
                    self.send(&workflow_id, at, follow_up.clone());
                    asked.push(follow_up);
                }
                WorkerEvent::Started { task, .. } => started.push(task),
                WorkerEvent::Completed(_) => {}
                WorkerEvent::Stopped { reason } => panic!("{reason}"),
            }
        }
    }

    fn send(&self, workflow_id: &str, from: Instant, follow_up: FollowUp) {
        let mut service = self.connected.service();
        let request = self.workload.request(workflow_id, &follow_up);
        tokio::spawn(async move {
            tokio::time::sleep_until((from + Duration::from_nanos(follow_up.after.0)).into()).await;
            match request {
                Request::Signal(request) => drop(service.signal_workflow_execution(*request).await),
                Request::Query(request, times) => {
                    for _ in 0..times {
                        drop(service.query_workflow(*request.clone()).await);
                    }
                }
                Request::Update(request) => drop(service.update_workflow_execution(*request).await),
                Request::Cancel(request) => drop(service.request_cancel_workflow_execution(*request).await),
                Request::Terminate(request) => drop(service.terminate_workflow_execution(*request).await),
            }
        });
    }

    async fn history(&self, seen: &Seen) -> Vec<HistoryEvent> {
        history(&self.connected, &seen.workflow_id, "").await
    }
}

fn only<T>(events: &[HistoryEvent], find: impl Fn(&Attributes) -> Option<T>) -> T {
    let mut found: Vec<T> = events.iter().filter_map(|event| event.attributes.as_ref().and_then(&find)).collect();
    assert_eq!(found.len(), 1, "one event of its kind among {:?}", types(events));
    found.remove(0)
}

fn types(events: &[HistoryEvent]) -> Vec<EventType> {
    events.iter().map(HistoryEvent::event_type).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn an_activity_has_the_profiles_payloads_and_leaves_a_go_workflows_history() {
    let text = r#"
[[workflow]]
type = "Order"
input = "2KiB"
result = "77B"
steps = [{ activity = "charge-card", takes = "20ms", cpu = "5ms", input = "301B", output = "5KiB" }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Completed);
    assert!(seen.started.contains(&TaskKind::Workflow) && seen.started.contains(&TaskKind::Activity));
    let events = bench.history(&seen).await;
    use EventType as E;
    assert_eq!(
        types(&events),
        [
            E::WorkflowExecutionStarted,
            E::WorkflowTaskScheduled,
            E::WorkflowTaskStarted,
            E::WorkflowTaskCompleted,
            E::ActivityTaskScheduled,
            E::ActivityTaskStarted,
            E::ActivityTaskCompleted,
            E::WorkflowTaskScheduled,
            E::WorkflowTaskStarted,
            E::WorkflowTaskCompleted,
            E::WorkflowExecutionCompleted,
        ]
    );
    let (name, size) = only(&events, |event| match event {
        Attributes::WorkflowExecutionStartedEventAttributes(started) => {
            Some((started.workflow_type.clone()?.name, started.input.as_ref()?.payloads[0].data.len()))
        }
        _ => None,
    });
    assert_eq!((name.as_str(), size), ("Order", 2048));
    let (name, size) = only(&events, |event| match event {
        Attributes::ActivityTaskScheduledEventAttributes(scheduled) => {
            Some((scheduled.activity_type.clone()?.name, scheduled.input.as_ref()?.payloads[0].data.len()))
        }
        _ => None,
    });
    assert_eq!((name.as_str(), size), ("charge-card", 301));
    let output = only(&events, |event| match event {
        Attributes::ActivityTaskCompletedEventAttributes(done) => Some(done.result.as_ref()?.payloads[0].data.len()),
        _ => None,
    });
    assert_eq!(output, 5 * 1024);
    let result = only(&events, |event| match event {
        Attributes::WorkflowExecutionCompletedEventAttributes(done) => {
            Some(done.result.as_ref()?.payloads[0].data.len())
        }
        _ => None,
    });
    assert_eq!(result, 77);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn attempts_fail_as_often_as_the_profile_says_and_are_retried_by_its_policy() {
    let text = r#"
[[workflow]]
type = "Retried"
steps = [{ activity = "flaky", takes = "1ms", fails_first = 2, retry = { initial = "100ms", backoff = 1.0, attempts = 5 } }]
[workflow.terminated]
probability = 0.0
after = "1h"
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Completed);
    let attempt = only(&bench.history(&seen).await, |event| match event {
        Attributes::ActivityTaskStartedEventAttributes(started) => Some(started.attempt),
        _ => None,
    });
    assert_eq!(attempt, 3);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn an_activity_that_fails_for_good_fails_its_workflow() {
    let text = r#"
[[workflow]]
type = "Failing"
steps = [{ activity = "broken", takes = "1ms", fails = 1.0, non_retryable = 1.0 }, { timer = "1h" }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Failed);
    let events = bench.history(&seen).await;
    assert_eq!(count(&events, EventType::ActivityTaskFailed), 1);
    assert_eq!(count(&events, EventType::TimerStarted), 0);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn every_step_kind_leaves_its_events() {
    let text = r#"
[[workflow]]
type = "Everything"
share = 1.0
steps = [
  { local_activity = "check", takes = "1ms", output = "60B", count = 2 },
  { side_effect = "id", payload = "32B" },
  { upsert_search_attributes = "stage", payload = "40B" },
  { parallel = [
      { activity = "a", takes = "5ms" },
      { activity = "b", takes = "5ms" },
      { sequence = [{ timer = "100ms" }, { activity = "c", takes = "5ms" }] },
  ] },
  { repeat = { times = 3, steps = [{ activity = "again", takes = "1ms" }] } },
  { wait_signal = "paid", payload = "200B", count = 2, after = "10ms" },
  { query = "state", output = "1KiB", count = 2 },
  { update = "address", input = "150B", output = "90B" },
  { child = "Part" },
  { branch = [{ probability = 1.0, steps = [{ timer = "10ms" }] }] },
]

[[workflow]]
type = "Part"
steps = [{ activity = "part", takes = "1ms" }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Completed);
    let events = bench.history(&seen).await;
    let counts = [
        (EventType::MarkerRecorded, 3),
        (EventType::UpsertWorkflowSearchAttributes, 1),
        (EventType::ActivityTaskScheduled, 6),
        (EventType::ActivityTaskCompleted, 6),
        (EventType::TimerStarted, 2),
        (EventType::TimerFired, 2),
        (EventType::WorkflowExecutionSignaled, 2),
        (EventType::WorkflowExecutionUpdateAccepted, 1),
        (EventType::WorkflowExecutionUpdateCompleted, 1),
        (EventType::StartChildWorkflowExecutionInitiated, 1),
        (EventType::ChildWorkflowExecutionCompleted, 1),
        (EventType::WorkflowTaskFailed, 0),
        (EventType::WorkflowTaskTimedOut, 0),
        (EventType::WorkflowExecutionCompleted, 1),
    ];
    for (kind, expected) in counts {
        assert_eq!(count(&events, kind), expected, "{kind:?} in {:?}", types(&events));
    }
    for event in &events {
        if let Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) = &event.attributes {
            assert_eq!(signal.input.as_ref().unwrap().payloads[0].data.len(), 200);
        }
    }
    // Two signals, a query step, an update.
    assert_eq!(seen.asked.len(), 4, "{:?}", seen.asked);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn a_chain_of_runs_is_one_workflow_to_the_driver() {
    let text = r#"
[[workflow]]
type = "Chain"
input = "500B"
steps = [{ timer = "1200ms" }, { continue_as_new = { runs = 2 } }, { activity = "last", takes = "1ms" }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Completed);
    let mut events = bench.history(&seen).await;
    assert_eq!(count(&events, EventType::ActivityTaskScheduled), 1);
    let mut runs = 1;
    loop {
        let (size, before) = only(&events, |event| match event {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                Some((started.input.as_ref()?.payloads[0].data.len(), started.continued_execution_run_id.clone()))
            }
            _ => None,
        });
        assert_eq!(size, 500, "the input of run {runs} from the end");
        if before.is_empty() {
            break;
        }
        events = history(&bench.connected, &seen.workflow_id, &before).await;
        assert_eq!(count(&events, EventType::ActivityTaskScheduled), 0);
        runs += 1;
    }
    assert_eq!(runs, 3);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn a_cancelled_workflow_ends_with_its_next_task() {
    let text = r#"
[[workflow]]
type = "Cancelled"
cancelled = { probability = 1.0, after = "300ms" }
steps = [{ parallel = [{ activity = "long", takes = "20s" }, { timer = "1h" }] }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Cancelled);
    let events = bench.history(&seen).await;
    assert_eq!(count(&events, EventType::WorkflowExecutionCanceled), 1);
    assert_eq!(count(&events, EventType::ActivityTaskCancelRequested), 0);
    assert_eq!(count(&events, EventType::TimerCanceled), 0);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn a_worker_refused_by_the_cluster_is_said() {
    let Some(settings) = cluster() else { return };
    let connected = connected(settings).await;
    let profile = profile("[[workflow]]\ntype = \"A\"\nsteps = [{ timer = \"1s\" }]\n");
    let mut worker_settings = WorkerSettings::of(&profile);
    worker_settings.workflow_task_slots = 0;
    let (sender, _events) = unbounded_channel();
    let workload = workload(&profile, &connected);
    let failure = WorkerSet::start(&connected, &workload, &worker_settings, sender).await.unwrap_err().to_string();
    assert!(failure.contains("a worker"), "{failure}");
}

/// What the hook costs in accuracy: the same workflows' ends as the hook and as a long poll see them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn the_hook_sees_an_end_when_a_long_poll_does() {
    let text = "[[workflow]]\ntype = \"One\"\nsteps = [{ activity = \"a\", takes = \"1ms\" }]\n";
    let Some(mut bench) = Bench::new(text).await else { return };
    let count = 60;
    let mut polls = Vec::new();
    for ordinal in 0..count {
        let start = bench.workload.start(ordinal);
        let StartKind::Start(request) = start.request else { unreachable!("no signal in the profile") };
        let mut service = bench.connected.service();
        let namespace = bench.connected.endpoint.namespace().to_owned();
        polls.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200 * ordinal)).await;
            service.start_workflow_execution(*request).await.unwrap();
            let poll = GetWorkflowExecutionHistoryRequest {
                namespace,
                execution: Some(WorkflowExecution { workflow_id: start.workflow_id.clone(), run_id: String::new() }),
                wait_new_event: true,
                history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
                skip_archival: true,
                ..GetWorkflowExecutionHistoryRequest::default()
            };
            let answer = service.get_workflow_execution_history(poll).await.unwrap().into_inner();
            assert_eq!(answer.history.unwrap().events.len(), 1, "the closing event");
            (start.workflow_id, Instant::now())
        }));
    }
    let mut hooked = std::collections::HashMap::new();
    while hooked.len() < count as usize {
        let event = tokio::time::timeout(PATIENCE, bench.events.recv()).await.expect("all ends in time").unwrap();
        if let WorkerEvent::Completed(completion) = event {
            assert_eq!(completion.outcome, Outcome::Completed);
            hooked.insert(completion.workflow_id, completion.at);
        }
    }
    let mut later = Vec::new();
    for poll in polls {
        let (workflow_id, polled) = poll.await.unwrap();
        let hook = hooked[&workflow_id];
        let (sign, span) = if polled >= hook { (1.0, polled - hook) } else { (-1.0, hook - polled) };
        later.push(sign * span.as_secs_f64() * 1e3);
    }
    later.sort_by(f64::total_cmp);
    let (p10, p50, p90) = (later[count as usize / 10], later[count as usize / 2], later[count as usize * 9 / 10]);
    eprintln!("long poll after hook, ms: p10 {p10:.2}, p50 {p50:.2}, p90 {p90:.2} of {count}");
    assert!(p50.abs() < 5.0, "a long poll hears {p50:.2} ms after the hook");
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn what_clients_send_arrives_as_the_profile_says() {
    let text = r#"
[[workflow]]
type = "Spoken"
share = 1.0
signal_with_start = "go"
steps = [
  { wait_signal = "go", payload = "123B", after = "50ms", count = 2 },
  { wait_signal = "early", from_start = true, after = "10ms" },
  { update = "set", rejected = 0.5, count = 6 },
  { child = "Listener" },
]

[[workflow]]
type = "Listener"
steps = [{ wait_signal = "heard", from_start = true, after = "10ms" }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Completed);
    let events = bench.history(&seen).await;
    let signals: Vec<&str> = events
        .iter()
        .filter_map(|event| match &event.attributes {
            Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) => Some(signal.signal_name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(signals.iter().filter(|name| **name == "go").count(), 2, "{signals:?}");
    assert_eq!(signals[0], "go", "it comes with the start");
    assert_eq!(signals.iter().filter(|name| **name == "early").count(), 1, "{signals:?}");
    assert_eq!(count(&events, EventType::WorkflowExecutionUpdateCompleted), 6);
    let updates = seen.asked.iter().filter(|asked| matches!(asked.message, Message::Update { .. })).count();
    // With seed 1 some of them are rejected; each of those is asked for again.
    assert!(updates > 6, "{updates} updates for 6 accepted ones");
    assert_eq!(count(&events, EventType::ChildWorkflowExecutionCompleted), 1);
    bench.workers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
async fn a_reporting_activity_outlives_its_heartbeat_time_out_and_a_silent_one_does_not() {
    let text = r#"
[[workflow]]
type = "Reporting"
steps = [{ activity = "long", takes = "5s", heartbeat = { every = "500ms", timeout = "2s" } }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    let seen = bench.run(0).await;
    assert_eq!(seen.outcome, Outcome::Completed);
    let attempt = only(&bench.history(&seen).await, |event| match event {
        Attributes::ActivityTaskStartedEventAttributes(started) => Some(started.attempt),
        _ => None,
    });
    assert_eq!(attempt, 1, "no heartbeat was missed");
    bench.workers.shutdown().await;

    let text = r#"
[[workflow]]
type = "Overdue"
steps = [{ activity = "slow", takes = { p50 = "100ms", p99 = "20s" }, start_to_close = "2s", fails_first = 0, retry = { attempts = 1 } }]
"#;
    let Some(mut bench) = Bench::new(text).await else { return };
    // An ordinal whose draw is above the time-out, and one whose draw is below.
    let (mut late, mut in_time) = (0, 0);
    for ordinal in 0..12 {
        let seen = bench.run(ordinal).await;
        let events = bench.history(&seen).await;
        match seen.outcome {
            Outcome::Completed => in_time += 1,
            Outcome::Failed => {
                assert_eq!(count(&events, EventType::ActivityTaskTimedOut), 1);
                late += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(in_time >= 6, "{in_time} in time, {late} too late");
    bench.workers.shutdown().await;
}
