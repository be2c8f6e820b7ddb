//! What counting needs of a history's events.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::raw::Id;

/// The least of an event that counting needs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    pub event_id: Id,
    pub event_type: String,
    pub workflow_execution_started_event_attributes: Started,
    pub workflow_execution_continued_as_new_event_attributes: ContinuedAsNew,
    pub workflow_execution_signaled_event_attributes: Signaled,
    pub workflow_task_completed_event_attributes: TaskCompleted,
    pub workflow_task_failed_event_attributes: TaskFailed,
    pub activity_task_started_event_attributes: ActivityStarted,
    pub marker_recorded_event_attributes: Marker,
    pub upsert_workflow_search_attributes_event_attributes: Upsert,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Started {
    pub workflow_type: Named,
    pub original_execution_run_id: String,
    pub continued_execution_run_id: String,
    pub initiator: String,
    pub first_workflow_task_backoff: String,
    pub parent_workflow_execution: Option<IgnoredAny>,
    pub search_attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Attributes {
    pub indexed_fields: BTreeMap<String, IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContinuedAsNew {
    pub new_execution_run_id: String,
    pub initiator: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Signaled {
    pub external_workflow_execution: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TaskCompleted {
    pub metering_metadata: Metering,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metering {
    pub nonfirst_local_activity_execution_attempts: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TaskFailed {
    pub cause: String,
    pub new_run_id: String,
    pub base_run_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ActivityStarted {
    pub scheduled_event_id: Id,
    pub attempt: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Marker {
    pub workflow_task_completed_event_id: Id,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Upsert {
    pub search_attributes: Attributes,
}

#[derive(Debug, Deserialize)]
pub(super) struct History {
    #[serde(default)]
    pub events: Vec<Event>,
}
