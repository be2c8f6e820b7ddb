//! Checks of activities: time-outs, retries, heartbeats.

use super::Checker;
use super::workflow::SMALL_PAYLOAD;
use crate::profile::{Activity, Heartbeat, RetryPolicy, Span, Timeouts};
use crate::raw::workflow::{RawActivity, RawHeartbeat, RawRetry};
use crate::units::{Nanos, Probability};

impl Checker {
    fn heartbeat(&mut self, raw: RawHeartbeat) -> Heartbeat {
        self.under("heartbeat", |c| {
            let help = "give a time-out of at least twice `every`, and `every` above zero";
            if let Some(timeout) = raw.timeout.filter(|timeout| *timeout <= raw.every || raw.every == Nanos::ZERO) {
                let message = format!("a heartbeat every {} is never in time for a time-out of {timeout}", raw.every);
                c.note("timeout", message, "too short", help);
            } else if raw.every == Nanos::ZERO {
                c.note("every", "a heartbeat every 0s", "zero", help);
            }
        });
        Heartbeat { every: raw.every, timeout: raw.timeout }
    }

    pub(super) fn activity(&mut self, raw: RawActivity) -> Activity {
        let name = self.name("activity", raw.activity);
        let takes = self.span("takes", raw.takes);
        let fails = raw.fails.unwrap_or(Probability::ZERO);
        let retry = self.retry(raw.retry);
        let non_retryable = raw.non_retryable.unwrap_or(Probability::ZERO);
        if non_retryable > Probability::ZERO && fails == Probability::ZERO {
            let help = "give `fails`, of which this is a share, or leave non_retryable out";
            self.note("non_retryable", "a share of the failures of an activity that never fails", "no failures", help);
        }
        if fails.get() >= 1.0
            && retry.attempts == 0
            && non_retryable == Probability::ZERO
            && raw.schedule_to_close.is_none()
        {
            let help = "lower `fails`, limit retry.attempts, or give schedule_to_close";
            self.note("fails", "an activity that always fails and is always retried never ends", "always fails", help);
        }
        let heartbeat = raw.heartbeat.map(|raw| self.heartbeat(raw));
        let start_to_close = match (raw.start_to_close, raw.schedule_to_close) {
            (None, None) => Some(generous_timeout(&takes)),
            (given, _) => given,
        };
        let timeouts = Timeouts {
            start_to_close,
            schedule_to_start: raw.schedule_to_start,
            schedule_to_close: raw.schedule_to_close,
        };
        self.timeouts_suffice(&takes, &timeouts);
        Activity {
            name,
            takes,
            cpu: raw.cpu.unwrap_or(Nanos::ZERO),
            memory: raw.memory,
            input: raw.input.unwrap_or(SMALL_PAYLOAD),
            output: raw.output.unwrap_or(SMALL_PAYLOAD),
            fails,
            non_retryable,
            fails_first: raw.fails_first.unwrap_or(0),
            retry,
            heartbeat,
            timeouts,
        }
    }

    fn timeouts_suffice(&mut self, takes: &Span, timeouts: &Timeouts) {
        let usual = usual(takes);
        let limits = [("start_to_close", timeouts.start_to_close), ("schedule_to_close", timeouts.schedule_to_close)];
        for (key, limit) in limits {
            if limit.is_some_and(|limit| limit <= usual) {
                let limit = limit.unwrap_or_default();
                let message = format!("the activity usually takes {usual}, but {key} ends it after {limit}");
                self.note(key, message, "shorter than the activity", "give a time-out above what the activity takes");
            }
        }
        if timeouts.schedule_to_start == Some(Nanos::ZERO) {
            let help = "give how long a task may wait for a worker, or leave it out";
            self.note("schedule_to_start", "no task is started in no time", "zero", help);
        }
    }

    /// What is left out is the server's default: 1 s, 2.0, 100 × initial, unlimited (`common/retrypolicy`).
    fn retry(&mut self, raw: Option<RawRetry>) -> RetryPolicy {
        let raw = raw.unwrap_or(RawRetry { initial: None, backoff: None, maximum: None, attempts: None });
        let initial = raw.initial.unwrap_or(Nanos::from_secs(1));
        self.under("retry", |c| {
            if initial == Nanos::ZERO {
                c.note("initial", "a first wait of zero", "zero", "give a wait above zero, e.g. \"1s\"");
            }
            let maximum = raw.maximum.unwrap_or(Nanos(initial.0.saturating_mul(100).min(Nanos::MAX_INPUT.0)));
            if maximum < initial {
                let message = format!("the longest wait ({maximum}) is below the first ({initial})");
                c.note("maximum", message, "below initial", "raise maximum, or lower initial");
            }
            RetryPolicy {
                initial,
                backoff: c.number("backoff", raw.backoff.unwrap_or(2.0), 1.0, 1_000.0),
                maximum,
                attempts: raw.attempts.unwrap_or(0),
            }
        })
    }
}

/// The duration that half of the runs stay under, roughly: the lowest one given.
fn usual(takes: &Span) -> Nanos {
    match takes {
        Span::Constant(nanos) => *nanos,
        Span::Quantiles(quantiles) => quantiles.first().map_or(Nanos::ZERO, |(_, value)| *value),
        // The median of a lognormal: mean / √(1 + cv²).
        Span::MeanCv { mean, cv } => Nanos::from_secs_f64(mean.as_secs_f64() / libm::sqrt(1.0 + cv * cv)),
    }
}

/// Ten times the longest duration the span names, at least 10 s: generous, because a time-out that nobody wrote
/// should not shape the result.
fn generous_timeout(takes: &Span) -> Nanos {
    let longest = match takes {
        Span::Constant(nanos) => *nanos,
        Span::Quantiles(quantiles) => quantiles.last().map_or(Nanos::ZERO, |(_, value)| *value),
        Span::MeanCv { mean, cv } => Nanos::from_secs_f64(mean.as_secs_f64() * (1.0 + 3.0 * cv.clamp(0.0, 100.0))),
    };
    Nanos(longest.0.saturating_mul(10)).clamp(Nanos::from_secs(10), Nanos::MAX_INPUT)
}
