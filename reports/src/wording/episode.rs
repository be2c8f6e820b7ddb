//! An event and what it cost, in words: shared by text and HTML.

use super::metric;
use crate::number;
use crate::timeline::{Episode, Part, PartKind, RECOVERED_FOR};

/// `60 s to 80 s`, `at 60 s`.
pub fn when(at: f64, until: Option<f64>) -> String {
    match until.filter(|until| *until > at) {
        Some(until) => format!("{} to {}", number::seconds(at), number::seconds(until)),
        None => format!("at {}", number::seconds(at)),
    }
}

/// What an event cost, in two sentences.
pub fn cost(episode: &Episode) -> String {
    let mut text = match (episode.backlog_peak, episode.backlog_growth, episode.drain_seconds) {
        (Some(peak), Some(growth), Some(drained)) => format!(
            "The backlog grew by {} to {} tasks and drained within {} of its peak.",
            number::rate(growth),
            number::quantity(peak),
            number::seconds(drained)
        ),
        (Some(peak), Some(growth), None) => format!(
            "The backlog grew by {} to {} tasks and did not drain in the time shown.",
            number::rate(growth),
            number::quantity(peak)
        ),
        (Some(peak), _, _) => format!("At most {} tasks waited.", number::quantity(peak)),
        _ => String::new(),
    };
    let missed = match episode.missed_seconds {
        0.0 => "No promise was missed".to_owned(),
        seconds => format!("Promises were missed for {}", number::seconds(seconds)),
    };
    let recovered = match episode.time_to_recover_seconds {
        Some(0.0) => "all was as before when it was over".to_owned(),
        Some(seconds) => format!("all was as before {} after its end", number::seconds(seconds)),
        None => "it was not as before by the end of the time shown".to_owned(),
    };
    if !text.is_empty() {
        text.push(' ');
    }
    format!("{text}{missed}; {recovered}.")
}

/// What "as before" and "missed" mean.
pub fn definition(window: f64) -> String {
    format!(
        "All is as before from the first instant after an event on after which, for {}, every promise is kept that was kept before it and the \
         backlog is not above its highest before (or 5 % of its peak, or ten tasks). A promise is missed in a window of {} when \
         more of what began in it than its quantile leaves was above the limit; SLO minutes are the sum of such windows.",
        number::seconds(RECOVERED_FOR),
        number::seconds(window)
    )
}

/// A metric in as few words as a table's first column has room for.
fn short(name: &str) -> String {
    match name {
        "schedule_to_start.workflow" => "workflow task wait".into(),
        "schedule_to_start.activity" => "activity wait".into(),
        name => metric(name),
    }
}

/// A row per number, with a cell per part in the order of [`PartKind::ALL`].
pub fn rows(episode: &Episode) -> Vec<(String, [String; 4])> {
    let cells = |of: &dyn Fn(&Part) -> Option<String>| -> [String; 4] {
        PartKind::ALL.map(|kind| episode.part(kind).and_then(of).unwrap_or_else(|| number::MISSING.into()))
    };
    let mut metrics: Vec<&str> = Vec::new();
    for latency in episode.parts.iter().flat_map(|part| &part.latency) {
        if !metrics.contains(&latency.metric.as_str()) {
            metrics.push(&latency.metric);
        }
    }
    let mut rows =
        vec![("lasted".to_owned(), cells(&|part| Some(number::seconds(part.until_seconds - part.from_seconds))))];
    for name in metrics {
        let of = |part: &Part, p99: bool| {
            let latency = part.latency.iter().find(|latency| latency.metric == name)?;
            if p99 { latency.p99 } else { latency.p50 }.map(number::seconds)
        };
        rows.push((format!("{} p50", short(name)), cells(&|part| of(part, false))));
        rows.push((format!("{} p99", short(name)), cells(&|part| of(part, true))));
    }
    type OfPart<'a> = &'a dyn Fn(&Part) -> Option<String>;
    let numbers: [(&str, OfPart<'_>); 3] = [
        ("backlog peak", &|part| part.backlog_peak.map(number::quantity)),
        ("completed", &|part| part.completed_per_second.map(number::rate)),
        ("promises missed for", &|part| Some(number::seconds(part.missed_seconds))),
    ];
    rows.extend(numbers.into_iter().map(|(name, of)| (name.to_owned(), cells(of))));
    rows.retain(|(_, cells)| cells.iter().any(|cell| cell != number::MISSING));
    rows
}
