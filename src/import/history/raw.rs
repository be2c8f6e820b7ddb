//! The part of a history's JSON (protobuf's mapping of `temporal.api.history.v1.History`) that an import looks at.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll::payloads;
use plimsoll_profiles::units::Nanos;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// One workflow run.
#[derive(Debug, Deserialize)]
pub struct History {
    pub events: Vec<Event>,
}

/// One event; the attributes it has are those of its type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    pub event_id: Id,
    pub event_time: Time,
    pub event_type: String,
    pub workflow_execution_started_event_attributes: Option<Started>,
    pub workflow_execution_completed_event_attributes: Option<WithResult>,
    pub workflow_execution_continued_as_new_event_attributes: Option<ContinuedAsNew>,
    pub workflow_task_completed_event_attributes: Option<WorkflowTaskCompleted>,
    pub activity_task_scheduled_event_attributes: Option<ActivityScheduled>,
    pub activity_task_started_event_attributes: Option<ActivityStarted>,
    pub activity_task_completed_event_attributes: Option<Closes>,
    pub activity_task_failed_event_attributes: Option<Closes>,
    pub activity_task_timed_out_event_attributes: Option<Closes>,
    pub activity_task_canceled_event_attributes: Option<Closes>,
    pub timer_started_event_attributes: Option<TimerStarted>,
    pub timer_fired_event_attributes: Option<Closes>,
    pub timer_canceled_event_attributes: Option<Closes>,
    pub marker_recorded_event_attributes: Option<Marker>,
    pub workflow_execution_signaled_event_attributes: Option<Signaled>,
    pub workflow_execution_update_accepted_event_attributes: Option<UpdateAccepted>,
    pub workflow_execution_update_completed_event_attributes: Option<UpdateCompleted>,
    pub start_child_workflow_execution_initiated_event_attributes: Option<ChildInitiated>,
    pub start_child_workflow_execution_failed_event_attributes: Option<Closes>,
    pub child_workflow_execution_started_event_attributes: Option<ChildStarted>,
    pub child_workflow_execution_completed_event_attributes: Option<Closes>,
    pub child_workflow_execution_failed_event_attributes: Option<Closes>,
    pub child_workflow_execution_canceled_event_attributes: Option<Closes>,
    pub child_workflow_execution_timed_out_event_attributes: Option<Closes>,
    pub child_workflow_execution_terminated_event_attributes: Option<Closes>,
}

/// An event's number: protobuf writes 64-bit integers as strings, some tools as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event number")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                text.parse().map(Id).map_err(|_| E::custom(format!("{text:?} is not an event number")))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i128);

impl Time {
    /// The span from `earlier` to here; zero when `earlier` is later (buffered events are written out of order),
    /// at most what a profile may hold.
    pub fn since(self, earlier: Time) -> Nanos {
        Nanos((self.0 - earlier.0).clamp(0, i128::from(Nanos::MAX_INPUT.0)) as u64)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp =
            text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not an RFC 3339 time")))?;
        Ok(Time(time.as_nanosecond()))
    }
}

/// A protobuf duration: seconds with an `s`; zero where it is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duration(pub Nanos);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Duration).map_err(|error| D::Error::custom(format!("duration {text:?}: {error}")))
    }
}

/// Bytes of the payloads: data and metadata, as the server stores them (without protobuf's few framing bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payloads(pub u64);

impl<'de> Deserialize<'de> for Payloads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Raw {
            payloads: Vec<PayloadSize>,
        }
        Ok(Payloads(Raw::deserialize(deserializer)?.payloads.iter().map(|p| p.data.0 + p.metadata.0).sum()))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PayloadSize {
    data: Length,
    metadata: MetadataLength,
}

/// The decoded length of a base64 text, which is never copied.
#[derive(Default)]
struct Length(u64);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Length, E> {
                Ok(Length(payloads::decoded_length(text)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[derive(Default)]
struct MetadataLength(u64);

impl<'de> Deserialize<'de> for MetadataLength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = MetadataLength;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("payload metadata")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetadataLength, A::Error> {
                let mut total = 0;
                while let Some((key, value)) = map.next_entry::<String, Length>()? {
                    total += key.len() as u64 + value.0;
                }
                Ok(MetadataLength(total))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Name {
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase", default)]
pub struct Execution {
    pub run_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Started {
    pub workflow_type: Name,
    pub input: Payloads,
    pub original_execution_run_id: String,
    pub continued_execution_run_id: String,
    pub initiator: String,
    pub parent_workflow_execution: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WithResult {
    pub result: Payloads,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContinuedAsNew {
    pub new_execution_run_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowTaskCompleted {
    pub sdk_metadata: SdkMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SdkMetadata {
    pub sdk_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActivityScheduled {
    pub activity_type: Name,
    pub input: Payloads,
    pub schedule_to_close_timeout: Duration,
    pub schedule_to_start_timeout: Duration,
    pub start_to_close_timeout: Duration,
    pub heartbeat_timeout: Duration,
    pub retry_policy: Option<RetryPolicy>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryPolicy {
    pub initial_interval: Duration,
    pub backoff_coefficient: f64,
    pub maximum_interval: Duration,
    pub maximum_attempts: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActivityStarted {
    pub scheduled_event_id: Id,
    pub attempt: u32,
}

/// An event that ends what an earlier one began: an activity, a timer, a child.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Closes {
    pub scheduled_event_id: Id,
    pub started_event_id: Id,
    pub initiated_event_id: Id,
    pub result: Payloads,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimerStarted {
    pub start_to_fire_timeout: Duration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Marker {
    pub marker_name: String,
    pub details: BTreeMap<String, MarkerPayloads>,
}

/// The payloads of one marker detail; the texts are kept, because they name the local activity.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MarkerPayloads {
    pub payloads: Vec<MarkerPayload>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MarkerPayload {
    pub data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Signaled {
    pub signal_name: String,
    pub input: Payloads,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateAccepted {
    pub accepted_request: UpdateRequest,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UpdateRequest {
    pub input: UpdateInput,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UpdateInput {
    pub name: String,
    pub args: Payloads,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateCompleted {
    pub accepted_event_id: Id,
    pub outcome: UpdateOutcome,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UpdateOutcome {
    pub success: Payloads,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChildInitiated {
    pub workflow_type: Name,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChildStarted {
    pub initiated_event_id: Id,
    pub workflow_execution: Execution,
}
