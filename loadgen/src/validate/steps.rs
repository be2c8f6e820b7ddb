//! A history as times of single tasks.

use std::collections::HashMap;

use plimsoll_reports::validation::{StepKey, StepSpan, StepTask};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

/// Nanoseconds that each task of a history waited and took, in the order of its events. What has not ended gives nothing; where one
/// process's clock is behind another's, zero.
///
/// Tasks are counted as they were scheduled. A retried activity has no wait: its only started event is its last attempt's.
pub fn times(events: &[HistoryEvent]) -> Vec<(StepKey, u64)> {
    let mut workflow = String::new();
    let mut list = Vec::new();
    let (mut tasks, mut activities) = (0, 0);
    // By event: which task of its kind it belongs to, and when it was.
    let mut at: HashMap<i64, (u32, i128)> = HashMap::new();
    for event in events {
        let (Some(now), Some(attributes)) = (time(event), &event.attributes) else { continue };
        let mut since = |task: StepTask, span: StepSpan, earlier: i64| {
            let (ordinal, then) = *at.get(&earlier)?;
            let took = u64::try_from((now - then).max(0)).unwrap_or(u64::MAX);
            list.push((StepKey { workflow: workflow.clone(), ordinal, task, span }, took));
            Some(ordinal)
        };
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(a) => {
                workflow = a.workflow_type.as_ref().map(|kind| kind.name.clone()).unwrap_or_default();
            }
            Attributes::WorkflowTaskScheduledEventAttributes(_) => {
                tasks += 1;
                at.insert(event.event_id, (tasks, now));
            }
            Attributes::WorkflowTaskStartedEventAttributes(a) => {
                let ordinal = since(StepTask::WorkflowTask, StepSpan::ScheduleToStart, a.scheduled_event_id);
                at.insert(event.event_id, (ordinal.unwrap_or(tasks), now));
            }
            Attributes::WorkflowTaskCompletedEventAttributes(a) => {
                since(StepTask::WorkflowTask, StepSpan::StartToComplete, a.started_event_id);
            }
            Attributes::ActivityTaskScheduledEventAttributes(_) => {
                activities += 1;
                at.insert(event.event_id, (activities, now));
            }
            Attributes::ActivityTaskStartedEventAttributes(a) => {
                let ordinal = at.get(&a.scheduled_event_id).map_or(activities, |(ordinal, _)| *ordinal);
                if a.attempt <= 1 {
                    since(StepTask::Activity, StepSpan::ScheduleToStart, a.scheduled_event_id);
                }
                at.insert(event.event_id, (ordinal, now));
            }
            Attributes::ActivityTaskCompletedEventAttributes(a) => {
                since(StepTask::Activity, StepSpan::StartToComplete, a.started_event_id);
            }
            Attributes::ActivityTaskFailedEventAttributes(a) => {
                since(StepTask::Activity, StepSpan::StartToComplete, a.started_event_id);
            }
            Attributes::ActivityTaskTimedOutEventAttributes(a) => {
                since(StepTask::Activity, StepSpan::StartToComplete, a.started_event_id);
            }
            Attributes::ActivityTaskCanceledEventAttributes(a) => {
                since(StepTask::Activity, StepSpan::StartToComplete, a.started_event_id);
            }
            _ => {}
        }
    }
    list
}

/// The first run of the chain that a history belongs to, where it is not that run's own.
pub fn first_run(events: &[HistoryEvent]) -> Option<&str> {
    match events.first()?.attributes.as_ref()? {
        Attributes::WorkflowExecutionStartedEventAttributes(a)
            if !a.first_execution_run_id.is_empty() && a.first_execution_run_id != a.original_execution_run_id =>
        {
            Some(&a.first_execution_run_id)
        }
        _ => None,
    }
}

/// Whether a history has others beside it: children's, or a further run's.
pub fn has_others(events: &[HistoryEvent]) -> bool {
    events.iter().any(|event| {
        matches!(
            event.attributes,
            Some(
                Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_)
                    | Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(_)
            )
        )
    })
}

fn time(event: &HistoryEvent) -> Option<i128> {
    let time = event.event_time.as_ref()?;
    Some(i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::common::v1::WorkflowType;
    use temporalio_common::protos::temporal::api::history::v1::{
        ActivityTaskCompletedEventAttributes, ActivityTaskScheduledEventAttributes, ActivityTaskStartedEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowTaskCompletedEventAttributes,
        WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes, WorkflowTaskTimedOutEventAttributes,
    };

    use super::*;
    use crate::samplers::histories::fixture::history_at as history;

    fn started(first: &str, own: &str) -> Attributes {
        Attributes::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes {
            workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
            first_execution_run_id: first.to_owned(),
            original_execution_run_id: own.to_owned(),
            ..Default::default()
        })
    }

    fn task_scheduled() -> Attributes {
        Attributes::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes::default())
    }

    fn task_started(scheduled_event_id: i64) -> Attributes {
        let attributes = WorkflowTaskStartedEventAttributes { scheduled_event_id, ..Default::default() };
        Attributes::WorkflowTaskStartedEventAttributes(attributes)
    }

    fn task_completed(scheduled_event_id: i64, started_event_id: i64) -> Attributes {
        let attributes =
            WorkflowTaskCompletedEventAttributes { scheduled_event_id, started_event_id, ..Default::default() };
        Attributes::WorkflowTaskCompletedEventAttributes(attributes)
    }

    fn activity_scheduled() -> Attributes {
        Attributes::ActivityTaskScheduledEventAttributes(ActivityTaskScheduledEventAttributes::default())
    }

    fn activity_started(scheduled_event_id: i64, attempt: i32) -> Attributes {
        let attributes = ActivityTaskStartedEventAttributes { scheduled_event_id, attempt, ..Default::default() };
        Attributes::ActivityTaskStartedEventAttributes(attributes)
    }

    fn activity_completed(scheduled_event_id: i64, started_event_id: i64) -> Attributes {
        let attributes =
            ActivityTaskCompletedEventAttributes { scheduled_event_id, started_event_id, ..Default::default() };
        Attributes::ActivityTaskCompletedEventAttributes(attributes)
    }

    fn in_words(events: &[HistoryEvent]) -> Vec<(String, u64)> {
        times(events).into_iter().map(|(key, nanos)| (key.words(), nanos / 1_000_000)).collect()
    }

    #[test]
    fn each_task_has_its_number_and_its_times() {
        let events = history(vec![
            (0, started("r", "r")),
            (0, task_scheduled()),
            (12, task_started(2)),
            (20, task_completed(2, 3)),
            (20, activity_scheduled()),
            (20, activity_scheduled()),
            (26, activity_started(6, 1)),
            (29, activity_completed(6, 7)),
            (29, task_scheduled()),
            (31, activity_started(5, 3)),
            (41, activity_completed(5, 10)),
            (45, task_started(9)),
            (46, task_completed(9, 12)),
        ]);
        let expected = [
            ("workflow task 1, schedule-to-start", 12),
            ("workflow task 1, start-to-complete", 8),
            ("activity 2, schedule-to-start", 6),
            ("activity 2, start-to-complete", 3),
            ("activity 1, start-to-complete", 10),
            ("workflow task 2, schedule-to-start", 16),
            ("workflow task 2, start-to-complete", 1),
        ];
        assert_eq!(in_words(&events), expected.map(|(name, millis)| (name.to_owned(), millis)));
        assert!(times(&events).iter().all(|(key, _)| key.workflow == "Order"));
    }

    #[test]
    fn a_task_that_timed_out_counts_and_has_no_end() {
        let timed_out = Attributes::WorkflowTaskTimedOutEventAttributes(WorkflowTaskTimedOutEventAttributes::default());
        let events = history(vec![
            (0, started("r", "r")),
            (0, task_scheduled()),
            (5_000, timed_out),
            (5_000, task_scheduled()),
            (5_004, task_started(4)),
            (5_010, task_completed(4, 5)),
        ]);
        let expected = [("workflow task 2, schedule-to-start", 4), ("workflow task 2, start-to-complete", 6)];
        assert_eq!(in_words(&events), expected.map(|(name, millis)| (name.to_owned(), millis)));
    }

    #[test]
    fn a_further_run_names_the_first_of_its_chain() {
        assert_eq!(first_run(&history(vec![(0, started("first", "second"))])), Some("first"));
        assert_eq!(first_run(&history(vec![(0, started("first", "first"))])), None);
        assert_eq!(first_run(&[]), None);
    }
}
