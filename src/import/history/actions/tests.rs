//! Histories whose actions are known.
#![allow(clippy::unwrap_used)]

use super::*;

const ACT4: &str = include_str!("../../../../tests/data/histories/act4_parallel-1.json");
const CHILD: &str = include_str!("../../../../tests/data/histories/child1-1.json");
const LOCAL: &str = include_str!("../../../../tests/data/histories/local3-1.json");
const RETRY: &str = include_str!("../../../../tests/data/histories/retry1_after_100ms-1.json");
const SIGNAL: &str = include_str!("../../../../tests/data/histories/signal2-1.json");
const TIMER: &str = include_str!("../../../../tests/data/histories/timer_2s-1.json");

fn counted(text: &str) -> Counted {
    of_events(&serde_json::from_str::<History>(text).unwrap().events).unwrap()
}

fn together(texts: &[&str]) -> ActionsDocument {
    let runs = texts.iter().enumerate().map(|(index, text)| (PathBuf::from(format!("{index}.json")), counted(text)));
    document(runs.collect(), 0)
}

#[test]
fn real_histories_have_the_actions_of_their_steps() {
    for (name, text, expected) in [
        ("four activities", ACT4, 5),
        ("a child", CHILD, 3),
        ("three local activities in one workflow task", LOCAL, 2),
        ("an activity and its retry", RETRY, 3),
        ("two signals", SIGNAL, 3),
        ("a timer", TIMER, 2),
    ] {
        let run = counted(text);
        assert_eq!((run.billed(), run.server()), (expected, expected), "{name}: {run:?}");
    }
}

#[test]
fn the_sum_by_label_is_the_servers_counter() {
    let all = together(&[ACT4, CHILD, LOCAL, RETRY, SIGNAL, TIMER]);
    let by_label: u64 = all.server_labels.iter().map(|row| row.count).sum();
    assert_eq!((all.runs, all.billed, all.server_counter, by_label), (6, 18, 18, 18));
    let of = |label: &str| all.server_labels.iter().find(|row| row.action_type == label).map_or(0, |row| row.count);
    assert_eq!(of("grpc_StartWorkflowExecution"), 6);
    assert_eq!(of("command_StartChildWorkflowExecution_Extra"), 1);
    assert_eq!(of("activity_retry"), 1);
    assert_eq!(of("command_BatchMarkers"), 1);
}

#[test]
fn the_server_counts_a_pause_and_its_end_under_their_own_labels() {
    let paused = history(&[
        started("{\"originalExecutionRunId\":\"r\"}"),
        ("WORKFLOW_EXECUTION_PAUSED", "x", "{}"),
        ("WORKFLOW_EXECUTION_UNPAUSED", "x", "{}"),
    ]);
    let all = together(&[&paused]);
    let labels: Vec<&str> = all.server_labels.iter().map(|row| row.action_type.as_str()).collect();
    assert_eq!(labels, ["grpc_PauseWorkflowExecution", "grpc_StartWorkflowExecution", "grpc_UnpauseWorkflowExecution"]);
    assert_eq!((all.billed, all.server_counter), (1, 3));
}

/// A history of events as `(type, attributes)`.
fn history(events: &[(&str, &str, &str)]) -> String {
    let events: Vec<String> = events
        .iter()
        .enumerate()
        .map(|(index, (kind, attributes, value))| {
            format!("{{\"eventId\":\"{}\",\"eventType\":\"EVENT_TYPE_{kind}\",\"{attributes}\":{value}}}", index + 1)
        })
        .collect();
    format!("{{\"events\":[{}]}}", events.join(","))
}

const STARTED: &str = "workflowExecutionStartedEventAttributes";
const SIGNALED: (&str, &str, &str) =
    ("WORKFLOW_EXECUTION_SIGNALED", "workflowExecutionSignaledEventAttributes", "{\"signalName\":\"s\"}");

fn started(value: &str) -> (&str, &str, &str) {
    ("WORKFLOW_EXECUTION_STARTED", STARTED, value)
}

#[test]
fn a_signal_with_the_start_is_one_action_and_a_later_one_another() {
    let scheduled = ("WORKFLOW_TASK_SCHEDULED", "x", "{}");
    let with = counted(&history(&[started("{\"originalExecutionRunId\":\"r\"}"), SIGNALED, scheduled, SIGNALED]));
    assert_eq!((with.billed(), with.kinds[&Kind::SignalWithStart]), (2, 1));
    let after = counted(&history(&[started("{\"originalExecutionRunId\":\"r\"}"), scheduled, SIGNALED]));
    assert_eq!((after.billed(), after.kinds.contains_key(&Kind::SignalWithStart)), (2, false));
    let delayed = counted(&history(&[started("{\"firstWorkflowTaskBackoff\":\"60s\"}"), SIGNALED]));
    assert_eq!(delayed.billed(), 2);
    let other = "{\"externalWorkflowExecution\":{\"workflowId\":\"w\"}}";
    let from_another = counted(&history(&[started("{}"), scheduled, (SIGNALED.0, SIGNALED.1, other)]));
    assert_eq!(from_another.billed(), 1);
}

#[test]
fn a_continue_as_new_is_counted_once_wherever_it_is_seen() {
    let first = history(&[
        started("{\"originalExecutionRunId\":\"one\"}"),
        (
            "WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
            "workflowExecutionContinuedAsNewEventAttributes",
            "{\"newExecutionRunId\":\"two\",\"initiator\":\"CONTINUE_AS_NEW_INITIATOR_WORKFLOW\"}",
        ),
    ]);
    let second = history(&[started(
        "{\"originalExecutionRunId\":\"two\",\"continuedExecutionRunId\":\"one\",\"initiator\":\"CONTINUE_AS_NEW_INITIATOR_WORKFLOW\"}",
    )]);
    assert_eq!(together(&[&first, &second]).server_counter, 2);
    assert_eq!(together(&[&first]).server_counter, 2);
    let alone = together(&[&second]);
    assert_eq!(alone.server_counter, 1);
    assert!(alone.notes[0].contains("not here"), "{:?}", alone.notes);
}

#[test]
fn what_the_server_counts_and_the_cloud_does_not_bill_is_told_apart() {
    let schedule = "{\"searchAttributes\":{\"indexedFields\":{\"TemporalScheduledById\":{\"data\":\"eA==\"}}}}";
    let upsert = "upsertWorkflowSearchAttributesEventAttributes";
    let run = counted(&history(&[
        started(schedule),
        (
            "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
            upsert,
            "{\"searchAttributes\":{\"indexedFields\":{\"TemporalChangeVersion\":{}}}}",
        ),
        ("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", upsert, "{\"searchAttributes\":{\"indexedFields\":{\"Region\":{}}}}"),
        ("WORKFLOW_PROPERTIES_MODIFIED", "x", "{}"),
        (
            "WORKFLOW_TASK_COMPLETED",
            "workflowTaskCompletedEventAttributes",
            "{\"meteringMetadata\":{\"nonfirstLocalActivityExecutionAttempts\":250}}",
        ),
    ]));
    // 3 of the schedule, 1 of the attribute, 100 of retries; 1 + 2 + 1.
    assert_eq!((run.billed(), run.server()), (104, 4));
}

#[test]
fn what_was_copied_into_a_reset_run_is_not_counted_again() {
    let timer = ("TIMER_STARTED", "x", "{}");
    let run = counted(&history(&[
        started("{\"originalExecutionRunId\":\"base\"}"),
        timer,
        (
            "WORKFLOW_TASK_FAILED",
            "workflowTaskFailedEventAttributes",
            "{\"cause\":\"WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW\",\"baseRunId\":\"base\",\"newRunId\":\"new\"}",
        ),
        timer,
    ]));
    assert_eq!((run.billed(), run.run_id.as_str()), (2, "new"));
}

#[test]
fn what_is_no_history_is_refused_with_the_reason() {
    assert!(of_events(&[]).unwrap_err().contains("no events"));
    let cut = history(&[("TIMER_STARTED", "x", "{}")]);
    let error = of_events(&serde_json::from_str::<History>(&cut).unwrap().events).unwrap_err();
    assert!(error.contains("TIMER_STARTED"), "{error}");
}
