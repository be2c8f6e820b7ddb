//! Histories made for tests.

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event};

/// Events with ids from 1, at these milliseconds.
pub fn history_at(events: Vec<(i64, history_event::Attributes)>) -> Vec<HistoryEvent> {
    let event = |(index, (millis, attributes)): (usize, (i64, history_event::Attributes))| {
        let mut event =
            HistoryEvent { event_id: index as i64 + 1, attributes: Some(attributes), ..HistoryEvent::default() };
        let time = event.event_time.get_or_insert_default();
        time.seconds = 1_700_000_000 + millis / 1000;
        time.nanos = i32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        event
    };
    events.into_iter().enumerate().map(event).collect()
}
