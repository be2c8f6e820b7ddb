//! Workflow histories made for a test, in the JSON of `temporal workflow show --output json`.

use serde_json::{Map, Value, json};

/// A history under construction; each event a second after the one before unless time is moved on.
pub struct Recorded {
    events: Vec<Value>,
    seconds: u64,
}

/// What an encrypting codec leaves of a payload of so many bytes.
pub fn encrypted(bytes: usize) -> Value {
    json!({ "payloads": [{ "metadata": { "encoding": "YmluYXJ5L2VuY3J5cHRlZA==" }, "data": "A".repeat(bytes * 4 / 3) }] })
}

/// `{"user":"u","password":"p"}` and the like as plain JSON.
pub fn plain(data_in_base64: &str) -> Value {
    json!({ "payloads": [{ "metadata": { "encoding": "anNvbi9wbGFpbg==" }, "data": data_in_base64 }] })
}

impl Recorded {
    /// A start whose attributes are those of a sound one with `changes` over them.
    pub fn start(changes: Value) -> Self {
        let mut recorded = Recorded { events: Vec::new(), seconds: 0 };
        let sound = json!({ "workflowType": { "name": "Order" }, "workflowId": "order-4711", "input": encrypted(40) });
        recorded.add("workflowExecutionStarted", merged(sound, changes));
        recorded
    }

    /// A sound start, and a workflow task of a versioned worker.
    pub fn sound() -> Self {
        Self::start(json!({})).task(json!({}), 600)
    }

    /// Adds an event.
    pub fn add(&mut self, kind: &str, attributes: Value) -> u64 {
        let id = self.events.len() as u64 + 1;
        self.seconds += 1;
        let at =
            format!("2026-01-01T{:02}:{:02}:{:02}Z", self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60);
        let mut event = Map::new();
        event.insert("eventId".into(), json!(id.to_string()));
        event.insert("eventTime".into(), json!(at));
        event.insert("eventType".into(), json!("EVENT_TYPE_X"));
        event.insert(format!("{kind}EventAttributes"), attributes);
        self.events.push(Value::Object(event));
        id
    }

    /// Adds an event and goes on.
    pub fn with(mut self, kind: &str, attributes: Value) -> Self {
        self.add(kind, attributes);
        self
    }

    /// A workflow task.
    pub fn task(mut self, completed: Value, history_bytes: u64) -> Self {
        let scheduled = self.add("workflowTaskScheduled", json!({}));
        self.add(
            "workflowTaskStarted",
            json!({ "scheduledEventId": scheduled.to_string(), "historySizeBytes": history_bytes.to_string() }),
        );
        let sound = json!({ "deploymentVersion": { "deploymentName": "orders", "buildId": "v7" } });
        self.add("workflowTaskCompleted", merged(sound, completed));
        self
    }

    /// An activity that ran for so long, with `changes` over the attributes of a sound one, and so many attempts.
    pub fn activity(mut self, seconds: u64, attempts: u64, changes: Value) -> Self {
        let sound = json!({
            "activityType": { "name": "charge-card" },
            "input": encrypted(40),
            "startToCloseTimeout": "600s", "heartbeatTimeout": "30s", "scheduleToStartTimeout": "0s", "scheduleToCloseTimeout": "0s",
            "retryPolicy": { "initialInterval": "1s", "backoffCoefficient": 2, "maximumInterval": "100s", "maximumAttempts": 20,
                             "nonRetryableErrorTypes": ["Declined"] },
        });
        let scheduled = self.add("activityTaskScheduled", merged(sound, changes));
        self.add("activityTaskStarted", json!({ "scheduledEventId": scheduled.to_string(), "attempt": attempts }));
        self.seconds += seconds.saturating_sub(1);
        self.add(
            "activityTaskCompleted",
            json!({ "scheduledEventId": scheduled.to_string(), "result": encrypted(20) }),
        );
        self
    }

    /// The JSON.
    pub fn text(self) -> String {
        serde_json::to_string_pretty(&json!({ "events": self.events })).expect("JSON")
    }
}

fn merged(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let below = base.remove(&key).unwrap_or(Value::Null);
                base.insert(key, merged(below, value));
            }
            Value::Object(base)
        }
        (_, over) => over,
    }
}
