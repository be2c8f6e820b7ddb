//! A run's course in a row: what several scenarios are held against each other by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Episode, Timeline, backlog};

/// What a run's events cost in all.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ScenarioSummary {
    /// The most tasks that waited over the measured window; absent where that was not recorded.
    pub backlog_peak: Option<f64>,
    /// Windows of the measured window in which a promise was missed, seconds.
    pub missed_seconds: f64,
    /// Length of a window, seconds.
    pub window_seconds: f64,
    /// Whether all was as before again.
    pub recovery: Recovery,
    /// Hours of pods, starting and draining ones included; absent where pods were not recorded.
    pub pod_hours: Option<f64>,
    /// Event by event.
    pub events: Vec<Episode>,
}

/// Whether and when all was as before the events.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// Nothing happened.
    NoEvents,
    /// After each event; so many seconds after its end where it took longest.
    WithinSeconds(f64),
    /// After one event at least it was not before the next one or the end of the run.
    NotWithinTheRun,
}

impl ScenarioSummary {
    /// The row of a run.
    pub fn of(timeline: &Timeline) -> Self {
        let (from, until) = timeline.measured;
        let waiting: Vec<(f64, f64)> = timeline.whole_backlog();
        let measured: Vec<(f64, f64)> = waiting.into_iter().filter(|(at, _)| (from..=until).contains(at)).collect();
        ScenarioSummary {
            backlog_peak: backlog::highest(&measured).map(|(_, tasks)| tasks),
            missed_seconds: timeline.missed_seconds(from, until),
            window_seconds: timeline.window,
            recovery: recovery(&timeline.episodes),
            pod_hours: timeline.pod_hours(),
            events: timeline.episodes.clone(),
        }
    }
}

fn recovery(episodes: &[Episode]) -> Recovery {
    if episodes.is_empty() {
        return Recovery::NoEvents;
    }
    let each: Option<Vec<f64>> = episodes.iter().map(|episode| episode.time_to_recover_seconds).collect();
    match each {
        Some(each) => Recovery::WithinSeconds(each.into_iter().fold(0.0, f64::max)),
        None => Recovery::NotWithinTheRun,
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::outage;
    use super::*;

    #[test]
    fn a_row_has_the_costs_of_the_whole_run() {
        let summary = ScenarioSummary::of(&Timeline::of(&outage(0, 1.0)));
        assert_eq!((summary.backlog_peak, summary.missed_seconds), (Some(200.0), 40.0));
        assert_eq!(summary.recovery, Recovery::WithinSeconds(20.0));
        let mut run = outage(0, 1.0);
        run.resources.rows.truncate(95);
        run.intervals.truncate(95);
        assert_eq!(ScenarioSummary::of(&Timeline::of(&run)).recovery, Recovery::NotWithinTheRun);
        run.manifest.profile = "{}".into();
        assert_eq!(ScenarioSummary::of(&Timeline::of(&run)).recovery, Recovery::NoEvents);
    }
}
