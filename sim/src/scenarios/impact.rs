//! What one event of a run did.

use plimsoll_profiles::profile::Event;
use plimsoll_profiles::units::Nanos;

use super::minutes::Minute;
use crate::temporal::Outcome;

/// How far back the level is looked for that a backlog has to come down to.
const BEFORE: Nanos = Nanos::from_secs(300);

/// What an event did to backlog and promises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impact {
    /// The most that waited in the five minutes before: tasks without a worker, calls and tasks held up by something that is down.
    pub backlog_before: u64,
    /// The most that waited from its begin on.
    pub backlog_peak: u64,
    /// When.
    pub backlog_peak_at: Nanos,
    /// Most open workflows.
    pub open_peak: u32,
    /// Time in minutes in which a promise was missed that is kept without the event.
    pub slo_lost: Nanos,
    /// When the backlog was back at its level, first after the event's end; `None`: not while it was watched.
    pub backlog_gone: Option<Nanos>,
    /// When the promises were kept again, too, to the minute.
    pub recovered: Option<Nanos>,
    /// Until when it was watched: to the next event, or the schedule's end.
    pub watched_until: Nanos,
}

impl Impact {
    /// The run ended at `seen`, because the system did not keep up: what was to be watched after that is lost as well.
    pub(super) fn ended_early(&mut self, seen: Nanos) {
        let unseen = self.watched_until.saturating_sub(seen);
        if unseen > Nanos::ZERO {
            self.slo_lost += unseen;
            self.recovered = None;
        }
    }
}

/// The time an event is watched: to the begin of the next, or the schedule's end.
pub fn window(events: &[Event], index: usize, end: Nanos) -> (Nanos, Nanos) {
    let at = events[index].at;
    let next = events.iter().map(|event| event.at).filter(|next| *next > at).min();
    (at, next.unwrap_or(end).min(end))
}

/// What an event did, by the run with it, whose minutes are `with`, and the minutes of one `without` it.
pub fn impact(
    outcome: &Outcome,
    event: &Event,
    watched: (Nanos, Nanos),
    with: &[Minute],
    without: &[Minute],
) -> Impact {
    let (at, until) = watched;
    let over = event.until();
    let waiting = |sample: &&crate::temporal::Sample| sample.backlog + sample.held_up;
    let between =
        |from: Nanos, to: Nanos| outcome.samples.iter().filter(move |sample| sample.at > from && sample.at <= to);
    let backlog_before = between(at.saturating_sub(BEFORE), at).map(|sample| waiting(&sample)).max().unwrap_or(0);
    let mut peak = (0, at);
    for sample in between(at, until) {
        if waiting(&sample) > peak.0 {
            peak = (waiting(&sample), sample.at);
        }
    }
    let missed =
        |minute: &Minute| minute.missed && without.iter().any(|other| other.from == minute.from && !other.missed);
    let lost = with.iter().filter(|minute| minute.until > at && minute.from < until && missed(minute));
    let slo_lost = lost.clone().fold(Nanos::ZERO, |sum, minute| sum + (minute.until - minute.from));
    let first = outcome
        .samples
        .iter()
        .find(|sample| sample.at >= over && sample.at <= until && waiting(sample) <= backlog_before);
    let backlog_gone = first.map(|sample| sample.at);
    Impact {
        backlog_before,
        backlog_peak: peak.0,
        backlog_peak_at: peak.1,
        open_peak: between(at, until).map(|sample| sample.open).max().unwrap_or(0),
        slo_lost,
        backlog_gone,
        recovered: backlog_gone.and_then(|gone| kept_from(gone, until, with, &missed)),
        watched_until: until,
    }
}

/// The first instant from `gone` on that is in a minute without a loss.
fn kept_from(gone: Nanos, until: Nanos, with: &[Minute], missed: &dyn Fn(&Minute) -> bool) -> Option<Nanos> {
    let mut at = gone;
    for minute in with.iter().filter(|minute| minute.until > gone && minute.from < until) {
        if !missed(minute) {
            return Some(at);
        }
        at = minute.until;
    }
    // No minute is left to show it, unless none was needed.
    (at == gone).then_some(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(missed: &[bool]) -> Vec<Minute> {
        let at = |index: usize| Nanos::from_secs(60 * index as u64);
        missed.iter().enumerate().map(|(n, missed)| Minute { from: at(n), until: at(n + 1), missed: *missed }).collect()
    }

    #[test]
    fn promises_are_kept_again_from_the_first_minute_without_a_loss() {
        let missed = |minute: &Minute| minute.missed;
        let kept = |gone, list: &[bool]| {
            kept_from(Nanos::from_secs(gone), Nanos::from_secs(300), &minutes(list), &missed)
                .map(|at| at.0 / 1_000_000_000)
        };
        assert_eq!(kept(70, &[true, false, false, false, false]), Some(70));
        assert_eq!(kept(70, &[true, true, true, false, false]), Some(180));
        assert_eq!(kept(70, &[false, true, false, true, false]), Some(120));
        assert_eq!(kept(70, &[false, true, true, true, true]), None);
    }

    #[test]
    fn an_event_that_was_over_before_a_run_ended_early_recovered_all_the_same() {
        let seconds = Nanos::from_secs;
        let first = Impact {
            backlog_before: 0,
            backlog_peak: 9,
            backlog_peak_at: seconds(20),
            open_peak: 9,
            slo_lost: seconds(60),
            backlog_gone: Some(seconds(90)),
            recovered: Some(seconds(90)),
            watched_until: seconds(300),
        };
        let mut second = Impact { watched_until: seconds(600), recovered: Some(seconds(400)), ..first };
        let before = first;
        let mut first = first;
        first.ended_early(seconds(420));
        second.ended_early(seconds(420));
        assert_eq!(first, before);
        assert_eq!((second.slo_lost, second.recovered), (seconds(60 + 180), None));
    }

    #[test]
    fn an_event_is_watched_until_the_next() {
        let event = |at| Event {
            at: Nanos::from_secs(at),
            duration: Nanos::from_secs(5),
            kind: plimsoll_profiles::profile::EventKind::DatabaseFailover,
        };
        let events = [event(10), event(10), event(30)];
        let end = Nanos::from_secs(60);
        assert_eq!(window(&events, 0, end), (Nanos::from_secs(10), Nanos::from_secs(30)));
        assert_eq!(window(&events, 2, end), (Nanos::from_secs(30), end));
    }
}
