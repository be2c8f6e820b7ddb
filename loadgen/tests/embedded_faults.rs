//! Faults of the target: whatever it does, every intended start is accounted for.
#![allow(clippy::unwrap_used)]

mod embedded_load;

use std::time::Duration;

use embedded_load::{Seen, Sending, send, send_while};
use plimsoll_load::embedded::{Behaviour, Embedded, Method, MethodCounts, span};
use plimsoll_load::record::Metric;
use plimsoll_profiles::units::{Nanos, Probability, Rate};

fn behaviour() -> Behaviour {
    Behaviour { close_after: Some(span("10ms").unwrap()), ..Behaviour::default() }
}

async fn load(target: &Embedded, sending: Sending) -> Seen {
    let address = target.address();
    tokio::task::spawn_blocking(move || send(address, &sending)).await.unwrap()
}

fn starts(target: &Embedded) -> MethodCounts {
    target.counts().of(Method::StartWorkflowExecution)
}

#[tokio::test]
async fn errors_that_no_client_retries_are_counted_exactly() {
    let errors = vec!["StartWorkflowExecution=permission-denied:10%".parse().unwrap()];
    let target = Embedded::start(Behaviour { errors, ..behaviour() }).await.unwrap();
    let seen = load(&target, Sending::default()).await;
    let starts = starts(&target);
    assert_eq!(starts.received, seen.tally.sent);
    assert_eq!(starts.refused, seen.tally.refused);
    assert!(starts.refused > 0);
    assert_eq!(seen.tally.completed, seen.tally.offered - starts.refused);
    assert_eq!(target.counts().workflows_started, seen.tally.completed);
    assert_eq!((seen.retries, seen.tally.unfinished, seen.tally.unsent), (0, 0, 0));
    assert_eq!(seen.histogram(Metric::StartFailed).len(), starts.refused);
}

#[tokio::test]
async fn errors_that_clients_retry_cost_time_and_no_start() {
    let errors = vec!["StartWorkflowExecution=unavailable:10%".parse().unwrap()];
    let target = Embedded::start(Behaviour { errors, ..behaviour() }).await.unwrap();
    let seen = load(&target, Sending::default()).await;
    let starts = starts(&target);
    assert_eq!(starts.received, seen.tally.sent + seen.retries);
    assert_eq!((starts.refused, starts.answered), (seen.retries, seen.tally.accepted));
    assert!(seen.retries > 0);
    assert_eq!(seen.tally.completed, seen.tally.offered);
}

#[tokio::test]
async fn workflows_that_fail_are_failed_and_not_lost() {
    let target = Embedded::start(Behaviour { close_failed: Probability::new(0.2), ..behaviour() }).await.unwrap();
    let seen = load(&target, Sending::default()).await;
    assert!(seen.tally.failed > 0 && seen.tally.refused == 0, "{:?}", seen.tally);
    assert_eq!(seen.tally.completed + seen.tally.failed, seen.tally.offered);
    assert_eq!(seen.histogram(Metric::EndToEndFailed).len(), seen.tally.failed);
}

#[tokio::test]
async fn after_a_connection_reset_every_start_is_made_once() {
    let resets = vec![Nanos::from_millis(700), Nanos::from_millis(1_300)];
    // Slow enough that some wait for their answer when it strikes.
    let delay = span("20ms").unwrap();
    let target = Embedded::start(Behaviour { resets, delay, ..behaviour() }).await.unwrap();
    let seen = load(&target, Sending::default()).await;
    let counts = target.counts();
    assert!(counts.connections_reset >= 2 && seen.retries > 0, "{counts:?}, {} retries", seen.retries);
    assert_eq!(counts.workflows_started, seen.tally.offered);
    assert_eq!(seen.tally.completed, seen.tally.offered, "{:?}", seen.tally);
}

#[tokio::test]
async fn a_target_that_is_gone_for_a_while_costs_time_and_no_start() {
    let outages = vec!["500ms+800ms".parse().unwrap()];
    let target = Embedded::start(Behaviour { outages, ..behaviour() }).await.unwrap();
    let seen = load(&target, Sending::default()).await;
    assert!(seen.retries > 0);
    assert_eq!(target.counts().workflows_started, seen.tally.offered, "{:?}, {}", seen.tally, seen.errors);
    assert_eq!(seen.tally.completed, seen.tally.offered, "{:?}, {}", seen.tally, seen.errors);
    // Those intended at the begin of the outage waited for its end.
    let longest = Duration::from_nanos(seen.histogram(Metric::StartResponse).max());
    assert!(longest >= Duration::from_millis(700), "{longest:?}");
}

#[tokio::test]
async fn a_target_that_never_comes_back_leaves_everything_accounted_for() {
    let target = Embedded::start(Behaviour { close_after: None, ..behaviour() }).await.unwrap();
    let address = target.address();
    let mut target = Some(target);
    let seen = tokio::task::spawn_blocking(move || {
        let sending = Sending { phases: "1s@200/s", drain: Duration::from_millis(500), ..Sending::default() };
        let mut counts = None;
        let seen = send_while(address, &sending, |since| {
            if since >= Duration::from_millis(500)
                && let Some(gone) = target.take()
            {
                counts = Some(gone.counts());
            }
        });
        (seen, counts.unwrap())
    });
    let (seen, counts) = seen.await.unwrap();
    assert_eq!(seen.tally.completed, 0);
    assert!(seen.tally.accepted >= 1 && seen.tally.accepted <= seen.tally.offered);
    assert!(counts.workflows_started >= seen.tally.accepted.saturating_sub(50), "{counts:?}, {:?}", seen.tally);
    assert_eq!(seen.tally.failed + seen.tally.unfinished + seen.tally.unsent, seen.tally.offered);
    assert!(seen.tally.unfinished >= seen.tally.accepted);
}

#[tokio::test]
async fn at_twice_the_targets_capacity_the_schedule_is_kept_and_nothing_is_lost() {
    let capacity = Some(Rate::per_second(150.0));
    let target = Embedded::start(Behaviour { capacity, ..behaviour() }).await.unwrap();
    // Long polls need the capacity too: two requests per workflow are four times what there is.
    let sending = Sending { phases: "3s@300/s", drain: Duration::from_millis(500), ..Sending::default() };
    let seen = load(&target, sending).await;
    assert_eq!((seen.tally.sent, seen.tally.unsent, seen.delayed), (seen.tally.offered, 0, 0));
    assert!(seen.tally.unfinished > seen.tally.offered / 4, "{:?}", seen.tally);
    // Users wait ever longer, and the response says so.
    let response = seen.histogram(Metric::StartResponse);
    assert!(response.max() > 1_000_000_000, "{}", response.max());
}

#[tokio::test]
async fn at_the_cap_starts_are_delayed_and_then_given_up_and_each_is_counted() {
    let capacity = Some(Rate::per_second(100.0));
    let target = Embedded::start(Behaviour { capacity, ..behaviour() }).await.unwrap();
    let sending = Sending { phases: "2s@400/s", max_in_flight: 20, max_waiting: 50, drain: Duration::from_millis(300) };
    let seen = load(&target, sending).await;
    assert!(seen.delayed > 0 && seen.tally.unsent > seen.tally.offered / 4, "{:?}", seen.tally);
    assert_eq!(seen.tally.sent + seen.tally.unsent, seen.tally.offered);
    assert_eq!(starts(&target).received, seen.tally.sent);
}
