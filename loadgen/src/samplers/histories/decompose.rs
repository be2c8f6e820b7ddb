//! One history taken apart into times.

use std::collections::HashMap;

use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

/// A time between two events of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HistoryMetric {
    /// Workflow task: scheduled to started.
    WorkflowTaskScheduleToStart,
    /// Workflow task: started to completed.
    WorkflowTaskStartToClose,
    /// Activity, first attempt: scheduled to started. A later attempt's would hold the attempts and waits before it.
    ActivityScheduleToStart,
    /// Activity, the attempt that ended it: started to completed, failed, timed out or cancelled.
    ActivityStartToClose,
    /// Activity: scheduled to its end, with all attempts.
    ActivityScheduleToClose,
    /// Timer: how much later it fired than it was set for.
    TimerLateness,
    /// Child workflow: asked for to started.
    ChildStart,
    /// The workflow: first to last event.
    Workflow,
}

impl HistoryMetric {
    /// The tag in `run.hlog`. It begins with `history.`: a sample by the server's clock, beside what worker and client measure.
    pub fn name(self) -> &'static str {
        match self {
            HistoryMetric::WorkflowTaskScheduleToStart => "history.schedule_to_start.workflow",
            HistoryMetric::WorkflowTaskStartToClose => "history.start_to_close.workflow",
            HistoryMetric::ActivityScheduleToStart => "history.schedule_to_start.activity",
            HistoryMetric::ActivityStartToClose => "history.start_to_close.activity",
            HistoryMetric::ActivityScheduleToClose => "history.schedule_to_close.activity",
            HistoryMetric::TimerLateness => "history.timer_lateness",
            HistoryMetric::ChildStart => "history.child_start",
            HistoryMetric::Workflow => "history.workflow",
        }
    }

    /// The tag that simulated runs and the run's own workers have for the same quantity: to be used as well where no worker of
    /// the run measures it for every task.
    pub fn simulated_name(self) -> Option<&'static str> {
        match self {
            HistoryMetric::WorkflowTaskScheduleToStart => Some("schedule_to_start.workflow"),
            HistoryMetric::ActivityScheduleToStart => Some("schedule_to_start.activity"),
            _ => None,
        }
    }
}

/// The times in a history. What has not ended in it gives nothing; where one process's clock is behind another's, zero.
pub fn decompose(events: &[HistoryEvent]) -> Vec<(HistoryMetric, Nanos)> {
    let at: HashMap<i64, i128> = events.iter().filter_map(|event| Some((event.event_id, time(event)?))).collect();
    let mut list = Vec::new();
    // Attempt and start of activities, by the event that scheduled them; when timers are due, by the event that started them.
    let mut attempts = HashMap::new();
    let mut due: HashMap<i64, i128> = HashMap::new();
    for event in events {
        let (Some(now), Some(attributes)) = (time(event), &event.attributes) else { continue };
        let mut since = |metric: HistoryMetric, earlier: i64| {
            if let Some(then) = at.get(&earlier) {
                list.push((metric, span(*then, now)));
            }
        };
        match attributes {
            Attributes::WorkflowTaskStartedEventAttributes(a) => {
                since(HistoryMetric::WorkflowTaskScheduleToStart, a.scheduled_event_id)
            }
            Attributes::WorkflowTaskCompletedEventAttributes(a) => {
                since(HistoryMetric::WorkflowTaskStartToClose, a.started_event_id)
            }
            Attributes::ActivityTaskStartedEventAttributes(a) => {
                attempts.insert(event.event_id, a.attempt);
                if a.attempt <= 1 {
                    since(HistoryMetric::ActivityScheduleToStart, a.scheduled_event_id);
                }
            }
            Attributes::ActivityTaskCompletedEventAttributes(a) => {
                since(HistoryMetric::ActivityStartToClose, a.started_event_id);
                since(HistoryMetric::ActivityScheduleToClose, a.scheduled_event_id);
            }
            Attributes::ActivityTaskFailedEventAttributes(a) => {
                since(HistoryMetric::ActivityStartToClose, a.started_event_id);
                since(HistoryMetric::ActivityScheduleToClose, a.scheduled_event_id);
            }
            Attributes::ActivityTaskTimedOutEventAttributes(a) => {
                since(HistoryMetric::ActivityStartToClose, a.started_event_id);
                since(HistoryMetric::ActivityScheduleToClose, a.scheduled_event_id);
            }
            Attributes::ActivityTaskCanceledEventAttributes(a) => {
                since(HistoryMetric::ActivityStartToClose, a.started_event_id);
                since(HistoryMetric::ActivityScheduleToClose, a.scheduled_event_id);
            }
            Attributes::TimerStartedEventAttributes(a) => {
                let length = a
                    .start_to_fire_timeout
                    .as_ref()
                    .map_or(0, |d| i128::from(d.seconds) * 1_000_000_000 + i128::from(d.nanos));
                due.insert(event.event_id, now + length);
            }
            Attributes::TimerFiredEventAttributes(a) => {
                if let Some(due) = due.get(&a.started_event_id) {
                    list.push((HistoryMetric::TimerLateness, span(*due, now)));
                }
            }
            Attributes::ChildWorkflowExecutionStartedEventAttributes(a) => {
                since(HistoryMetric::ChildStart, a.initiated_event_id)
            }
            _ => {}
        }
    }
    if let [first, .., last] = events
        && let Some((first, last)) = time(first).zip(time(last)).filter(|_| ends(last))
    {
        list.push((HistoryMetric::Workflow, span(first, last)));
    }
    list
}

/// Whether an event closes its workflow.
fn ends(event: &HistoryEvent) -> bool {
    matches!(
        event.attributes,
        Some(
            Attributes::WorkflowExecutionCompletedEventAttributes(_)
                | Attributes::WorkflowExecutionFailedEventAttributes(_)
                | Attributes::WorkflowExecutionTimedOutEventAttributes(_)
                | Attributes::WorkflowExecutionCanceledEventAttributes(_)
                | Attributes::WorkflowExecutionTerminatedEventAttributes(_)
                | Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_)
        )
    )
}

fn time(event: &HistoryEvent) -> Option<i128> {
    let time = event.event_time.as_ref()?;
    Some(i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
}

fn span(from: i128, to: i128) -> Nanos {
    Nanos(u64::try_from(to.saturating_sub(from).max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::history::v1::{
        ActivityTaskCompletedEventAttributes, ActivityTaskScheduledEventAttributes, ActivityTaskStartedEventAttributes,
        TimerFiredEventAttributes, TimerStartedEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowTaskCompletedEventAttributes,
        WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes,
    };

    use super::*;
    use crate::samplers::histories::fixture::history_at as history;

    fn in_millis(list: &[(HistoryMetric, Nanos)]) -> Vec<(&'static str, u64)> {
        list.iter().map(|(metric, time)| (metric.name(), time.0 / 1_000_000)).collect()
    }

    fn workflow_task(scheduled: i64) -> [Attributes; 3] {
        [
            Attributes::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes::default()),
            Attributes::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes {
                scheduled_event_id: scheduled,
                ..Default::default()
            }),
            Attributes::WorkflowTaskCompletedEventAttributes(WorkflowTaskCompletedEventAttributes {
                scheduled_event_id: scheduled,
                started_event_id: scheduled + 1,
                ..Default::default()
            }),
        ]
    }

    fn activity(scheduled: i64, attempt: i32) -> [Attributes; 3] {
        [
            Attributes::ActivityTaskScheduledEventAttributes(ActivityTaskScheduledEventAttributes::default()),
            Attributes::ActivityTaskStartedEventAttributes(ActivityTaskStartedEventAttributes {
                scheduled_event_id: scheduled,
                attempt,
                ..Default::default()
            }),
            Attributes::ActivityTaskCompletedEventAttributes(ActivityTaskCompletedEventAttributes {
                scheduled_event_id: scheduled,
                started_event_id: scheduled + 1,
                ..Default::default()
            }),
        ]
    }

    #[test]
    fn a_workflow_with_one_activity_is_taken_apart() {
        let [a, b, c] = workflow_task(2);
        let [d, e, f] = activity(5, 1);
        let start =
            Attributes::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes::default());
        let end =
            Attributes::WorkflowExecutionCompletedEventAttributes(WorkflowExecutionCompletedEventAttributes::default());
        let events = history(vec![(0, start), (0, a), (12, b), (20, c), (20, d), (26, e), (1033, f), (1040, end)]);
        assert_eq!(
            in_millis(&decompose(&events)),
            [
                ("history.schedule_to_start.workflow", 12),
                ("history.start_to_close.workflow", 8),
                ("history.schedule_to_start.activity", 6),
                ("history.start_to_close.activity", 1007),
                ("history.schedule_to_close.activity", 1013),
                ("history.workflow", 1040),
            ]
        );
    }

    #[test]
    fn a_retried_activity_has_no_schedule_to_start_and_an_open_workflow_no_end() {
        let [d, e, f] = activity(1, 3);
        let list = decompose(&history(vec![(0, d), (4000, e), (4010, f)]));
        assert_eq!(
            in_millis(&list),
            [("history.start_to_close.activity", 10), ("history.schedule_to_close.activity", 4010)]
        );
    }

    #[test]
    fn a_timer_is_as_late_as_it_fired_after_its_time() {
        let mut timer = TimerStartedEventAttributes::default();
        timer.start_to_fire_timeout.get_or_insert_default().seconds = 2;
        let fired = TimerFiredEventAttributes { started_event_id: 1, ..Default::default() };
        let events = vec![
            (100, Attributes::TimerStartedEventAttributes(timer)),
            (2130, Attributes::TimerFiredEventAttributes(fired)),
        ];
        assert_eq!(in_millis(&decompose(&history(events))), [("history.timer_lateness", 30)]);
    }

    #[test]
    fn clocks_that_differ_give_zero_not_an_underflow() {
        let [a, b, _] = workflow_task(1);
        assert_eq!(
            in_millis(&decompose(&history(vec![(50, a), (20, b)]))),
            [("history.schedule_to_start.workflow", 0)]
        );
        assert_eq!(decompose(&[]), []);
    }
}
