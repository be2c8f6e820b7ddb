//! Markers of local activities.

use plimsoll::payloads;

use super::raw::{Marker, Time};

/// What a local activity's marker says; Go and Core (Python, TypeScript, .NET, Rust) write different keys.
pub struct LocalActivityData {
    pub name: String,
    pub started: Option<Time>,
    pub ended: Option<Time>,
}

impl LocalActivityData {
    pub fn of(marker: &Marker) -> Self {
        let json: serde_json::Value = marker
            .details
            .get("data")
            .and_then(|data| data.payloads.first())
            .and_then(|payload| payloads::decode(&payload.data))
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let text = |keys: [&str; 2]| keys.iter().find_map(|key| json.get(key)).and_then(|value| value.as_str());
        let time = |keys| {
            let time: jiff::Timestamp = text(keys)?.parse().ok()?;
            Some(Time(time.as_nanosecond()))
        };
        LocalActivityData {
            name: text(["ActivityType", "activity_type"]).unwrap_or("local activity").to_owned(),
            started: time(["original_schedule_time", "original_schedule_time"]),
            ended: time(["ReplayTime", "complete_time"]),
        }
    }
}
