//! A workflow history, as `temporal workflow show --output json` prints it, as rules look at it.

use std::collections::HashMap;

use plimsoll_profiles::units::Nanos;
use serde_json::Value;

use super::rules::names;
use crate::payloads;

/// One run.
#[derive(Debug, Default)]
pub struct History {
    /// The file as the user named it.
    pub file: String,
    /// Workflow type.
    pub workflow_type: String,
    /// Workflow id.
    pub workflow_id: String,
    /// Number of the last event.
    pub events: u64,
    /// The server's own size of it in bytes, at its last workflow task.
    pub size: Option<u64>,
    /// Activities.
    pub activities: Vec<Activity>,
    /// Timers: event, and how long.
    pub timers: Vec<(u64, Nanos)>,
    /// Most activities pending at once, and the event at which they were.
    pub pending_activities: (u64, u64),
    /// Most children open at once, and the event at which they were.
    pub pending_children: (u64, u64),
    /// Most signals to and cancel requests of other workflows under way at once, and the event at which they were.
    pub pending_external: (u64, u64),
    /// Signals received, and the last.
    pub signals: (u64, u64),
    /// Updates accepted, and the last.
    pub updates: (u64, u64),
    /// Payloads of each event that has some.
    pub payloads: Vec<Payload>,
    /// Names that everybody who may look at histories sees: event, what it names, the name.
    pub names: Vec<(u64, &'static str, String)>,
    /// Workflow tasks that failed or timed out: event, cause.
    pub task_failures: Vec<(u64, String)>,
    /// Whether its workflow tasks were completed by workers with a deployment version or a versioned build id.
    pub versioned: bool,
    /// Whether the workflow code left patch or version markers.
    pub patched: bool,
    /// Lines of the events by number.
    lines: HashMap<u64, usize>,
}

/// An activity of a history.
#[derive(Debug, Default)]
pub struct Activity {
    /// Its scheduling event.
    pub event: u64,
    /// Its name.
    pub name: String,
    /// How long its last attempt ran, where it has ended.
    pub took: Option<Nanos>,
    /// Attempts.
    pub attempts: u64,
    /// Time-outs; zero: none.
    pub start_to_close: Nanos,
    /// Longest wait for a worker; zero: none.
    pub schedule_to_start: Nanos,
    /// Of everything; zero: none.
    pub schedule_to_close: Nanos,
    /// Heartbeat time-out; zero: none.
    pub heartbeat: Nanos,
    /// First wait before a retry; zero: there is no policy.
    pub retry_interval: Nanos,
    /// Attempts allowed; zero: any number.
    pub retry_attempts: u64,
    /// Whether error types are named that are not retried.
    pub non_retryable: bool,
    /// Event and kind of the time-out that ended it.
    pub timed_out: Option<(u64, String)>,
}

/// Payloads of one event.
#[derive(Debug, Default)]
pub struct Payload {
    /// The event.
    pub event: u64,
    /// Bytes of data and metadata.
    pub bytes: u64,
    /// Whether the workflow takes it in: its input, results, signals.
    pub taken_in: bool,
    /// Encoding of the first.
    pub encoding: String,
    /// Keys of JSON objects in them that look like secrets.
    pub secret_keys: Vec<String>,
}

impl History {
    /// Reads a history: an object with `events`, or the bare list.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn read(file: &str, text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let events = json
            .get("events")
            .unwrap_or(&json)
            .as_array()
            .ok_or("it is neither a list of events nor an object with `events`")?;
        let first = events.first().ok_or("it holds no events")?;
        if attributes(first, "workflowExecutionStarted").is_none() {
            return Err("its first event is not WORKFLOW_EXECUTION_STARTED: the whole history is needed".to_owned());
        }
        let mut history = History { file: file.to_owned(), ..History::default() };
        let mut reader = Reader::default();
        for event in events {
            reader.event(&mut history, event);
        }
        history.activities = reader.activities;
        history.lines = lines(text, events);
        Ok(history)
    }

    /// The line on which an event begins, from 1.
    pub fn line_of(&self, event: u64) -> Option<usize> {
        self.lines.get(&event).copied()
    }
}

/// Where each event's number stands. Numbers of other events stand in links, after the event's own.
fn lines(text: &str, events: &[Value]) -> HashMap<u64, usize> {
    const KEY: &str = "\"eventId\"";
    let mut lines = HashMap::new();
    let (mut at, mut line) = (0, 1);
    for event in events {
        let id = number(event.get("eventId"));
        while let Some(found) = text[at..].find(KEY) {
            let end = at + found + KEY.len();
            line += text[at..end].matches('\n').count();
            at = end;
            let value = text[at..].trim_start_matches([' ', ':', '"', '\n', '\t']);
            let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
            if digits.parse() == Ok(id) {
                lines.insert(id, line);
                break;
            }
        }
    }
    lines
}

/// Protobuf writes 64-bit integers as texts, some tools as numbers.
fn number(value: Option<&Value>) -> u64 {
    match value {
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        Some(other) => other.as_u64().unwrap_or(0),
        None => 0,
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn span(value: &Value, key: &str) -> Nanos {
    text(value, &format!("/{key}")).parse().unwrap_or_default()
}

fn attributes<'v>(event: &'v Value, kind: &str) -> Option<&'v Value> {
    event.get(format!("{kind}EventAttributes"))
}

/// Nanoseconds since 1970.
fn time(event: &Value) -> Option<i128> {
    let time: jiff::Timestamp = text(event, "/eventTime").parse().ok()?;
    Some(time.as_nanosecond())
}

#[derive(Default)]
struct Reader {
    activities: Vec<Activity>,
    /// By scheduling event: index of the activity, and when its last attempt started.
    open: HashMap<u64, (usize, Option<i128>)>,
    pending: [u64; 3],
}

impl Reader {
    fn event(&mut self, history: &mut History, event: &Value) {
        let id = number(event.get("eventId"));
        history.events = history.events.max(id);
        let Some((kind, body)) = event.as_object().and_then(|object| {
            object.iter().find_map(|(key, body)| Some((key.strip_suffix("EventAttributes")?, body)))
        }) else {
            return;
        };
        self.payloads(history, id, kind, body);
        match kind {
            "workflowExecutionStarted" => {
                history.workflow_type = text(body, "/workflowType/name").to_owned();
                history.workflow_id = text(body, "/workflowId").to_owned();
            }
            "workflowTaskStarted" => {
                let size = number(body.get("historySizeBytes"));
                history.size = history.size.max((size > 0).then_some(size));
            }
            "workflowTaskCompleted" => {
                let versioned = body.pointer("/workerVersion/useVersioning").and_then(Value::as_bool) == Some(true);
                let deployed = !text(body, "/deploymentVersion/buildId").is_empty()
                    || !text(body, "/workerDeploymentVersion").is_empty()
                    || !text(body, "/deployment/buildId").is_empty();
                history.versioned |= versioned || deployed;
            }
            "workflowTaskFailed" => history.task_failures.push((id, text(body, "/cause").to_owned())),
            "workflowTaskTimedOut" => {
                let what = text(body, "/timeoutType").trim_start_matches("TIMEOUT_TYPE_").to_lowercase();
                // Sticky queues time out whenever a worker goes away: the server asks another.
                if what != "schedule_to_start" {
                    history.task_failures.push((id, format!("timed out ({what})")));
                }
            }
            "activityTaskScheduled" => self.scheduled(history, id, body),
            "activityTaskStarted" => {
                let scheduled = number(body.get("scheduledEventId"));
                if let Some((index, started)) = self.open.get_mut(&scheduled) {
                    *started = time(event);
                    self.activities[*index].attempts = number(body.get("attempt")).max(1);
                }
            }
            "activityTaskCompleted" | "activityTaskFailed" | "activityTaskTimedOut" | "activityTaskCanceled" => {
                self.ended(id, kind, event, body);
            }
            "timerStarted" => history.timers.push((id, span(body, "startToFireTimeout"))),
            "startChildWorkflowExecutionInitiated" => {
                self.opened(1, &mut history.pending_children, id);
                let name = text(body, "/workflowType/name");
                history.names.push((id, "workflow type", name.to_owned()));
            }
            "childWorkflowExecutionCompleted"
            | "childWorkflowExecutionFailed"
            | "childWorkflowExecutionCanceled"
            | "childWorkflowExecutionTimedOut"
            | "childWorkflowExecutionTerminated"
            | "startChildWorkflowExecutionFailed" => self.closed(1),
            "requestCancelExternalWorkflowExecutionInitiated" | "signalExternalWorkflowExecutionInitiated" => {
                self.opened(2, &mut history.pending_external, id);
            }
            "externalWorkflowExecutionCancelRequested"
            | "externalWorkflowExecutionSignaled"
            | "requestCancelExternalWorkflowExecutionFailed"
            | "signalExternalWorkflowExecutionFailed" => self.closed(2),
            "workflowExecutionSignaled" => {
                history.signals = (history.signals.0 + 1, id);
                history.names.push((id, "signal", text(body, "/signalName").to_owned()));
            }
            "workflowExecutionUpdateAccepted" => {
                history.updates = (history.updates.0 + 1, id);
                history.names.push((id, "update", text(body, "/acceptedRequest/input/name").to_owned()));
            }
            "markerRecorded" => {
                let name = text(body, "/markerName");
                history.patched |= matches!(name, "Version" | "core_patch" | "patch");
            }
            _ => {}
        }
        for fields in body.pointer("/searchAttributes/indexedFields").and_then(Value::as_object).into_iter() {
            history.names.extend(fields.keys().map(|key| (id, "search attribute", key.clone())));
        }
        for fields in body.pointer("/memo/fields").and_then(Value::as_object).into_iter() {
            history.names.extend(fields.keys().map(|key| (id, "memo field", key.clone())));
        }
    }

    fn scheduled(&mut self, history: &mut History, id: u64, body: &Value) {
        self.opened(0, &mut history.pending_activities, id);
        let name = text(body, "/activityType/name").to_owned();
        history.names.push((id, "activity", name.clone()));
        let policy = body.get("retryPolicy");
        let types = policy.and_then(|policy| policy.get("nonRetryableErrorTypes")).and_then(Value::as_array);
        self.open.insert(id, (self.activities.len(), None));
        self.activities.push(Activity {
            event: id,
            name,
            attempts: 1,
            start_to_close: span(body, "startToCloseTimeout"),
            schedule_to_start: span(body, "scheduleToStartTimeout"),
            schedule_to_close: span(body, "scheduleToCloseTimeout"),
            heartbeat: span(body, "heartbeatTimeout"),
            retry_interval: policy.map_or(Nanos::ZERO, |policy| span(policy, "initialInterval")),
            retry_attempts: policy.map_or(0, |policy| number(policy.get("maximumAttempts"))),
            non_retryable: types.is_some_and(|types| !types.is_empty()),
            ..Activity::default()
        });
    }

    fn ended(&mut self, id: u64, kind: &str, event: &Value, body: &Value) {
        let Some((index, started)) = self.open.remove(&number(body.get("scheduledEventId"))) else { return };
        self.closed(0);
        let activity = &mut self.activities[index];
        if let (Some(started), Some(ended)) = (started, time(event)) {
            activity.took = Some(Nanos((ended - started).clamp(0, i128::from(Nanos::MAX_INPUT.0)) as u64));
        }
        if kind == "activityTaskTimedOut" {
            let what = text(body, "/failure/timeoutFailureInfo/timeoutType")
                .trim_start_matches("TIMEOUT_TYPE_")
                .to_lowercase();
            activity.timed_out = Some((id, what.replace('_', "-")));
        }
    }

    fn opened(&mut self, of: usize, most: &mut (u64, u64), event: u64) {
        self.pending[of] += 1;
        if self.pending[of] > most.0 {
            *most = (self.pending[of], event);
        }
    }

    fn closed(&mut self, of: usize) {
        self.pending[of] = self.pending[of].saturating_sub(1);
    }

    fn payloads(&self, history: &mut History, event: u64, kind: &str, body: &Value) {
        let taken_in = matches!(
            kind,
            "workflowExecutionStarted"
                | "activityTaskCompleted"
                | "childWorkflowExecutionCompleted"
                | "workflowExecutionSignaled"
                | "workflowExecutionUpdateAccepted"
                | "markerRecorded"
        );
        let mut of_event = Payload { event, taken_in, ..Payload::default() };
        collect(body, &mut of_event);
        if of_event.bytes > 0 {
            history.payloads.push(of_event);
        }
    }
}

/// Adds up every payload below a value: an object with `data` and `metadata`.
fn collect(value: &Value, out: &mut Payload) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Value::Object(object) => match (object.get("metadata").and_then(Value::as_object), object.get("data")) {
            (Some(metadata), data) if metadata.contains_key("encoding") => {
                let length = |text: &str| text.trim_end_matches('=').len() as u64 * 6 / 8;
                let sizes = metadata.iter().map(|(key, value)| key.len() as u64 + value.as_str().map_or(0, length));
                out.bytes += sizes.sum::<u64>();
                let encoding =
                    metadata.get("encoding").and_then(Value::as_str).and_then(payloads::decode).unwrap_or_default();
                let encoding = String::from_utf8_lossy(&encoding).into_owned();
                if let Some(data) = data.and_then(Value::as_str) {
                    out.bytes += length(data);
                    if encoding.starts_with("json/")
                        && let Some(json) =
                            payloads::decode(data).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
                    {
                        secret_keys(&json, &mut out.secret_keys);
                    }
                }
                if out.encoding.is_empty() && encoding != "binary/null" {
                    out.encoding = encoding;
                }
            }
            _ => object.values().for_each(|value| collect(value, out)),
        },
        _ => {}
    }
}

/// The keys of a JSON value that look like secrets; the values are not kept.
fn secret_keys(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| secret_keys(item, out)),
        Value::Object(object) => {
            for (key, value) in object {
                if names::secret(key).is_some() && !value.is_null() && !out.contains(key) {
                    out.push(key.clone());
                }
                secret_keys(value, out);
            }
        }
        _ => {}
    }
}
