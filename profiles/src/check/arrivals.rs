//! Checks of the arrival schedule.

use super::{Checker, TraceLoader};
use crate::arrivals::{Arrivals, Pattern, Phase, Process};
use crate::raw::arrivals::{RawArrivals, RawPhase, RawProcess, RawTracePhase, RawWeekly};
use crate::units::{Nanos, Rate};

impl Checker {
    pub(super) fn arrivals(&mut self, raw: RawArrivals, traces: TraceLoader<'_>) -> Arrivals {
        if raw.phases.is_empty() {
            let help = "give at least one, e.g. phases = [{ for = \"10m\", rate = \"20/s\" }]";
            self.note("phases", "the schedule has no phases", "empty", help);
        }
        let mut phases = Vec::new();
        self.under("phases", |c| {
            for (index, phase) in raw.phases.into_iter().enumerate() {
                c.under(index, |c| c.phase(phase, traces, &mut phases));
            }
        });
        let arrivals = self.weekly(raw.weekly, Arrivals { phases });
        let total = arrivals.phases.iter().try_fold(0u64, |sum, phase| sum.checked_add(phase.duration.0));
        if total.is_none_or(|total| total > Nanos::MAX_INPUT.0) {
            self.note("phases", "the schedule is longer than 100 years", "too long", "shorten or remove phases");
        } else if self.findings.is_empty() && arrivals.expected_arrivals(arrivals.duration()) <= 0.0 {
            self.note("phases", "nothing ever arrives", "every rate is zero", "give a phase with a rate above zero");
        }
        arrivals
    }

    /// The schedule with the factors of the days, if there are any.
    fn weekly(&mut self, raw: Option<RawWeekly>, arrivals: Arrivals) -> Arrivals {
        let Some(raw) = raw else { return arrivals };
        let days = [
            ("monday", raw.monday),
            ("tuesday", raw.tuesday),
            ("wednesday", raw.wednesday),
            ("thursday", raw.thursday),
            ("friday", raw.friday),
            ("saturday", raw.saturday),
            ("sunday", raw.sunday),
        ];
        let mut factors = days.map(|(_, factor)| factor.unwrap_or(1.0));
        self.under("weekly", |c| {
            for (day, factor) in days {
                if factor.is_some_and(|factor| !(0.0..=1e6).contains(&factor)) {
                    c.note(day, format!("{day} has no possible factor"), "not 0 or more", "1 is as the phases say");
                }
            }
        });
        factors.rotate_left(raw.begins_on.unwrap_or_default() as usize);
        if !self.findings.is_empty() {
            return arrivals;
        }
        match arrivals.week(&factors) {
            Some(week) => week,
            None => {
                let help = "let the phases last 24h, or whole days up to seven";
                self.note("weekly", "the schedule does not last whole days of a week", "no whole days", help);
                arrivals
            }
        }
    }

    fn phase(&mut self, raw: RawPhase, traces: TraceLoader<'_>, phases: &mut Vec<Phase>) {
        match raw {
            RawPhase::Rate(raw) => {
                let duration = self.phase_duration(raw.duration);
                let process = self.process(raw.process, raw.count);
                phases.push(Phase { duration, pattern: Pattern::Constant(raw.rate), process });
            }
            RawPhase::Ramp(raw) => {
                let duration = self.phase_duration(raw.duration);
                let process = self.process(raw.process, raw.count);
                let pattern = Pattern::Ramp { from: raw.ramp.from, to: raw.ramp.to };
                phases.push(Phase { duration, pattern, process });
            }
            RawPhase::Steps(raw) => {
                self.under("steps", |c| c.staircase(&raw.steps.rates, raw.steps.each));
                let process = self.process(raw.process, None);
                let step = |rate: &Rate| Phase { duration: raw.steps.each, pattern: Pattern::Constant(*rate), process };
                phases.extend(raw.steps.rates.iter().map(step));
            }
            RawPhase::Diurnal(raw) => {
                let duration = self.phase_duration(raw.duration);
                let process = self.process(raw.process, raw.count);
                let period = raw.diurnal.period.unwrap_or(Nanos::from_secs(86_400));
                let (low, high) = (raw.diurnal.low, raw.diurnal.high);
                self.under("diurnal", |c| {
                    if low.as_per_second() > high.as_per_second() {
                        c.note(
                            "low",
                            format!("low ({low}) is above high ({high})"),
                            "above high",
                            "swap the two rates",
                        );
                    }
                    if period < Nanos::from_secs(1) {
                        c.note(
                            "period",
                            "the period is too short",
                            "below 1s",
                            "give the length of one wave, e.g. \"24h\"",
                        );
                    }
                });
                let begins_at = raw.diurnal.begins_at.map_or(Nanos::ZERO, |clock| clock.0);
                let pattern = Pattern::Diurnal { low, high, peak_at: raw.diurnal.peak_at.0, begins_at, period };
                phases.push(Phase { duration, pattern, process });
            }
            RawPhase::Mmpp(raw) => {
                let duration = self.phase_duration(raw.duration);
                let raw = raw.mmpp;
                self.under("mmpp", |c| {
                    for (key, mean) in [("mean_calm", raw.mean_calm), ("mean_burst", raw.mean_burst)] {
                        if mean < Nanos::from_millis(1) {
                            c.note(
                                key,
                                format!("{key} is too short"),
                                "below 1ms",
                                "give how long the state lasts, e.g. \"5min\"",
                            );
                        }
                    }
                    let changes =
                        2.0 * duration.as_secs_f64() / (raw.mean_calm + raw.mean_burst).as_secs_f64().max(1e-9);
                    if changes > 10_000_000.0 {
                        let help = "lengthen the states, or shorten the phase";
                        c.note("mean_calm", "more than ten million changes of state", "too short for this phase", help);
                    }
                    if raw.burst.as_per_second() < raw.calm.as_per_second() {
                        c.note("burst", "a burst that is calmer than calm", "below calm", "swap the two states");
                    }
                });
                let pattern = Pattern::Mmpp {
                    calm: raw.calm,
                    burst: raw.burst,
                    mean_calm: raw.mean_calm,
                    mean_burst: raw.mean_burst,
                };
                phases.push(Phase { duration, pattern, process: Process::Poisson });
            }
            RawPhase::Trace(raw) => self.trace_phase(&raw, traces, phases),
        }
    }

    fn trace_phase(&mut self, raw: &RawTracePhase, traces: TraceLoader<'_>, phases: &mut Vec<Phase>) {
        let times = match traces(&raw.trace.file) {
            Ok(times) => times,
            Err((message, help)) => {
                self.under("trace", |c| c.note("file", message, "this trace", help));
                return;
            }
        };
        let duration = match raw.duration {
            Some(duration) => self.phase_duration(duration),
            // One nanosecond past the last, so that the last is in it.
            None => times.last().map_or(Nanos(1), |last| *last + Nanos(1)),
        };
        let times = if times.last().is_some_and(|last| *last >= duration) {
            times.iter().copied().filter(|time| *time < duration).collect()
        } else {
            times
        };
        phases.push(Phase { duration, pattern: Pattern::Trace(times), process: Process::Poisson });
    }

    fn phase_duration(&mut self, duration: Nanos) -> Nanos {
        if duration == Nanos::ZERO {
            self.note("for", "a phase of no length", "zero", "give how long it lasts, e.g. \"10min\"");
        }
        duration
    }

    fn process(&mut self, process: Option<RawProcess>, count: Option<u64>) -> Process {
        match (process, count) {
            (Some(_), Some(_)) => {
                let help = "leave `process` out: a count already says how arrivals are placed";
                self.note("count", "count and process cannot stand together", "with process", help);
                Process::Poisson
            }
            (_, Some(0)) => {
                self.note("count", "zero arrivals", "zero", "give at least 1, or leave the phase's count out");
                Process::Poisson
            }
            (_, Some(count)) => Process::Count(count),
            (Some(RawProcess::Even), None) => Process::Even,
            (Some(RawProcess::Poisson) | None, None) => Process::Poisson,
        }
    }

    fn staircase(&mut self, rates: &[Rate], each: Nanos) {
        if rates.is_empty() {
            self.note("rates", "a staircase without steps", "empty", "give the rates, e.g. [\"10/s\", \"20/s\"]");
        }
        if rates.len() > 10_000 {
            self.note("rates", "more than 10,000 steps", "too many", "give fewer steps, or a trace file");
        }
        if each == Nanos::ZERO {
            self.note("each", "steps of no length", "zero", "give how long each lasts, e.g. \"5min\"");
        }
    }
}
