//! When a run stops by itself: rules over the last seconds, decided once a second, from what was seen alone.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use plimsoll_profiles::units::{Nanos, Probability, Rate};
use plimsoll_reports::number;

/// Fewest answered requests in a window that an error ratio is told from: below, one unlucky request would decide.
const FEWEST_ANSWERS: u64 = 20;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortKind {
    /// Failed requests of all answered ones, over the window.
    ErrorRatio,
    /// How fast the task queues' backlog grows, from the window's begin to its end.
    BacklogGrowth,
    /// The 99th percentile of each second's response times, in every second of the window that has one.
    P99,
    /// Mean use of the target's CPU over the window.
    TargetCpu,
}

/// The limit, in the unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Share(Probability),
    Rate(Rate),
    Span(Nanos),
}

/// Stops the run when what is looked at was above the limit for the whole window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbortRule {
    /// What is looked at.
    pub kind: AbortKind,
    limit: Limit,
    /// Whole seconds.
    window: usize,
}

/// What was seen in one second; `None` where it is not known, which never aborts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Requests answered, errors included.
    pub answered: u64,
    /// Of these, errors.
    pub failed: u64,
    /// Tasks in the backlog of the run's task queues.
    pub backlog: Option<u64>,
    /// 99th percentile of the response times of what was completed in it.
    pub p99: Option<Nanos>,
    /// Part of the target's CPU in use.
    pub target_cpu: Option<Probability>,
}

impl AbortRule {
    /// The rules when none are given; see [`super::SafetyFlags::rules`].
    pub fn defaults(loopback: bool) -> Vec<AbortRule> {
        let share = |value| Limit::Share(Probability::new(value));
        if loopback {
            return vec![AbortRule { kind: AbortKind::ErrorRatio, limit: share(0.9), window: 30 }];
        }
        vec![
            AbortRule { kind: AbortKind::ErrorRatio, limit: share(0.1), window: 10 },
            AbortRule { kind: AbortKind::BacklogGrowth, limit: Limit::Rate(Rate::per_second(50.0)), window: 60 },
            AbortRule { kind: AbortKind::P99, limit: Limit::Span(Nanos::from_secs(30)), window: 30 },
            AbortRule { kind: AbortKind::TargetCpu, limit: share(0.95), window: 60 },
        ]
    }

    /// What it says of the last `window` seconds; `None`: nothing against going on.
    fn broken(&self, seen: &VecDeque<Second>) -> Option<String> {
        if seen.len() < self.window {
            return None;
        }
        let window = seen.iter().skip(seen.len() - self.window);
        let span = format!("the last {} s", self.window);
        match (self.kind, self.limit) {
            (AbortKind::ErrorRatio, Limit::Share(limit)) => {
                let (answered, failed) =
                    window.fold((0, 0), |(all, bad), second| (all + second.answered, bad + second.failed));
                let ratio = failed as f64 / answered.max(1) as f64;
                let broken = answered >= FEWEST_ANSWERS && ratio > limit.get();
                broken.then(|| {
                    format!(
                        "{} of {} requests of {span} failed ({}), more than {}",
                        number::count(failed),
                        number::count(answered),
                        number::percent(ratio),
                        number::percent(limit.get())
                    )
                })
            }
            (AbortKind::BacklogGrowth, Limit::Rate(limit)) => {
                let known: Vec<(usize, u64)> =
                    window.enumerate().filter_map(|(at, second)| Some((at, second.backlog?))).collect();
                let (first, last) = (known.first()?, known.last()?);
                let seconds = last.0.checked_sub(first.0).filter(|seconds| *seconds * 2 >= self.window)? as f64;
                let growth = (last.1 as f64 - first.1 as f64) / seconds;
                let broken = growth > limit.as_per_second();
                broken.then(|| {
                    format!(
                        "the backlog grew from {} to {} tasks over {span}: {}, more than {}",
                        number::count(first.1),
                        number::count(last.1),
                        number::rate(growth),
                        number::rate(limit.as_per_second())
                    )
                })
            }
            (AbortKind::P99, Limit::Span(limit)) => {
                let known: Vec<Nanos> = window.filter_map(|second| second.p99).collect();
                let lowest = known.iter().min().copied()?;
                let broken = known.len() * 2 >= self.window && lowest > limit;
                broken.then(|| {
                    format!(
                        "the p99 of the response time was at least {} in each second of {span}, more than {}",
                        lowest.brief(),
                        limit.brief()
                    )
                })
            }
            (AbortKind::TargetCpu, Limit::Share(limit)) => {
                let known: Vec<f64> = window.filter_map(|second| second.target_cpu).map(Probability::get).collect();
                let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
                let broken = known.len() * 2 >= self.window && mean > limit.get();
                broken.then(|| {
                    format!(
                        "the target's CPU was {} busy over {span}, more than {}",
                        number::percent(mean),
                        number::percent(limit.get())
                    )
                })
            }
            // Not made by `from_str` nor by `defaults`.
            _ => None,
        }
    }
}

impl fmt::Display for AbortRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        let limit = match self.limit {
            Limit::Share(share) => format!("{}%", number::quantity(share.get() * 100.0)),
            Limit::Rate(rate) => number::rate(rate.as_per_second()),
            Limit::Span(span) => span.to_string(),
        };
        write!(f, "{name}>{limit}/{}s", self.window)
    }
}

const NAMES: [(&str, AbortKind); 4] = [
    ("error-ratio", AbortKind::ErrorRatio),
    ("backlog-growth", AbortKind::BacklogGrowth),
    ("p99", AbortKind::P99),
    ("target-cpu", AbortKind::TargetCpu),
];

impl FromStr for AbortRule {
    type Err = String;

    /// `KIND>LIMIT/WINDOW`: `error-ratio>10%/10s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "a rule is KIND>LIMIT/WINDOW, for example error-ratio>10%/10s";
        let (name, rest) = text.split_once('>').ok_or(expected)?;
        let (limit, window) = rest.rsplit_once('/').ok_or(expected)?;
        let (_, kind) = NAMES.iter().find(|(known, _)| *known == name.trim()).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("there is no rule '{}'; there are {}", name.trim(), known.join(", "))
        })?;
        let share = || limit.trim().parse::<Probability>().map(Limit::Share).map_err(|error| error.to_string());
        let limit = match kind {
            AbortKind::ErrorRatio | AbortKind::TargetCpu => share()?,
            AbortKind::BacklogGrowth => Limit::Rate(
                limit.trim().parse().map_err(|error: plimsoll_profiles::units::UnitError| error.to_string())?,
            ),
            AbortKind::P99 => Limit::Span(
                limit.trim().parse().map_err(|error: plimsoll_profiles::units::UnitError| error.to_string())?,
            ),
        };
        let window: Nanos =
            window.trim().parse().map_err(|error: plimsoll_profiles::units::UnitError| error.to_string())?;
        let seconds = window.0 / 1_000_000_000;
        if !(2..=3_600).contains(&seconds) || Nanos::from_secs(seconds) != window {
            return Err("a window is whole seconds, from 2s to 1h".to_owned());
        }
        Ok(AbortRule { kind: *kind, limit, window: usize::try_from(seconds).map_err(|error| error.to_string())? })
    }
}

/// Decides once a second whether the run goes on.
#[derive(Clone, Debug)]
pub struct AbortWatch {
    rules: Vec<AbortRule>,
    seen: VecDeque<Second>,
    longest: usize,
    aborted: Option<String>,
}

impl AbortWatch {
    /// A watch by these rules.
    pub fn new(rules: Vec<AbortRule>) -> Self {
        let longest = rules.iter().map(|rule| rule.window).max().unwrap_or(0);
        AbortWatch { rules, seen: VecDeque::with_capacity(longest + 1), longest, aborted: None }
    }

    /// Takes the next second; the reason to stop, if there is one. It stays once it is given.
    pub fn feed(&mut self, second: Second) -> Option<&str> {
        if self.aborted.is_none() {
            self.seen.push_back(second);
            if self.seen.len() > self.longest {
                self.seen.pop_front();
            }
            let broken = self.rules.iter().find_map(|rule| Some((rule, rule.broken(&self.seen)?)));
            self.aborted = broken.map(|(rule, why)| format!("{why} (rule {rule})"));
        }
        self.aborted.as_deref()
    }

    /// The rules.
    pub fn rules(&self) -> &[AbortRule] {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn watch(rule: &str) -> AbortWatch {
        AbortWatch::new(vec![rule.parse().unwrap()])
    }

    fn answered(answered: u64, failed: u64) -> Second {
        Second { answered, failed, ..Second::default() }
    }

    /// The second (counted from 1) at which a watch stops.
    fn stops_at(watch: &mut AbortWatch, seconds: impl IntoIterator<Item = Second>) -> Option<usize> {
        seconds.into_iter().position(|second| watch.feed(second).is_some()).map(|index| index + 1)
    }

    #[test]
    fn rules_read_back_as_they_are_written() {
        for text in ["error-ratio>10%/10s", "backlog-growth>50/s/60s", "p99>1.5s/30s", "target-cpu>95%/60s"] {
            assert_eq!(text.parse::<AbortRule>().unwrap().to_string(), text);
        }
        for text in [
            "error-ratio>10%",
            "errors>10%/10s",
            "p99>10%/10s",
            "p99>1s/500ms",
            "p99>1s/1.5s",
            "backlog-growth>5/10s",
            "",
            "error-ratio>110%/10s",
        ] {
            assert!(text.parse::<AbortRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn errors_abort_only_when_the_window_is_full_and_their_part_is_above_the_limit() {
        assert_eq!(stops_at(&mut watch("error-ratio>10%/5s"), vec![answered(100, 100); 9]), Some(5));
        assert_eq!(
            stops_at(&mut watch("error-ratio>10%/5s"), vec![answered(100, 10); 60]),
            None,
            "at the limit is not above it"
        );
        let burst = [vec![answered(100, 0); 10], vec![answered(100, 45)], vec![answered(100, 0); 10]].concat();
        assert_eq!(stops_at(&mut watch("error-ratio>10%/5s"), burst), None, "45 of 500 is 9 %");
    }

    #[test]
    fn a_handful_of_requests_does_not_abort() {
        assert_eq!(stops_at(&mut watch("error-ratio>10%/5s"), vec![answered(3, 3); 60]), None);
        assert_eq!(stops_at(&mut watch("error-ratio>10%/5s"), vec![answered(4, 4); 60]), Some(5));
    }

    #[test]
    fn a_growing_backlog_aborts_and_a_large_one_that_stays_does_not() {
        let backlog = |backlog| Second { backlog: Some(backlog), ..Second::default() };
        assert_eq!(stops_at(&mut watch("backlog-growth>50/s/10s"), (0..60).map(|t| backlog(100 * t))), Some(10));
        assert_eq!(stops_at(&mut watch("backlog-growth>50/s/10s"), (0..60).map(|_| backlog(1_000_000))), None);
        assert_eq!(stops_at(&mut watch("backlog-growth>50/s/10s"), (0..60).map(|t| backlog(6_000 - 100 * t))), None);
    }

    #[test]
    fn one_slow_second_does_not_abort_and_a_slow_window_does() {
        let p99 = |ms| Second { p99: Some(Nanos::from_millis(ms)), ..Second::default() };
        let one_slow = (0..60).map(|t| p99(if t % 10 == 9 { 9_000 } else { 20 }));
        assert_eq!(stops_at(&mut watch("p99>1s/10s"), one_slow), None);
        assert_eq!(stops_at(&mut watch("p99>1s/10s"), (0..60).map(|_| p99(1_001))), Some(10));
    }

    #[test]
    fn what_is_not_known_never_aborts() {
        for rule in ["error-ratio>1%/2s", "backlog-growth>1/s/2s", "p99>1ms/2s", "target-cpu>1%/2s"] {
            assert_eq!(stops_at(&mut watch(rule), vec![Second::default(); 20]), None, "{rule}");
        }
    }

    #[test]
    fn the_reason_names_the_number_the_limit_and_the_rule_and_stays() {
        let mut watch = watch("target-cpu>80%/2s");
        let busy = Second { target_cpu: Some(Probability::new(0.97)), ..Second::default() };
        assert_eq!(watch.feed(busy), None);
        let reason = watch.feed(busy).unwrap().to_owned();
        assert_eq!(reason, "the target's CPU was 97 % busy over the last 2 s, more than 80 % (rule target-cpu>80%/2s)");
        assert_eq!(watch.feed(Second::default()), Some(reason.as_str()));
    }

    proptest! {
        /// The window's sum is what a naive count over the last seconds gives.
        #[test]
        fn an_error_ratio_is_that_of_the_last_seconds_alone(seconds in prop::collection::vec((0u64..50, 0u64..50), 1..80)) {
            let mut watch = watch("error-ratio>50%/7s");
            let seconds: Vec<Second> = seconds.into_iter().map(|(good, bad)| answered(good + bad, bad)).collect();
            let expected = (7..=seconds.len()).find(|end| {
                let window = &seconds[end - 7..*end];
                let (all, bad) = window.iter().fold((0, 0), |(a, b), s| (a + s.answered, b + s.failed));
                all >= 20 && 2 * bad > all
            });
            prop_assert_eq!(stops_at(&mut watch, seconds), expected);
        }
    }
}
