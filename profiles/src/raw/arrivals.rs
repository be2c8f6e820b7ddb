//! The arrival schedule as it is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::units::{Nanos, Rate};

/// When workflows are started: open loop, whether or not the system is ready.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Arrivals")]
pub(crate) struct RawArrivals {
    /// Phases, one after the other; at least one.
    pub phases: Vec<RawPhase>,
    /// Factors on the rates by day of the week: the phases, which must last a whole number of days up to seven, are repeated to a week. Default: every day is as the phases say.
    pub weekly: Option<RawWeekly>,
}

/// How busy the days of a week are; 1 is as the phases say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Weekly")]
pub(crate) struct RawWeekly {
    /// The day that the schedule begins on. Default: monday.
    pub begins_on: Option<RawDay>,
    /// Default: 1.
    pub monday: Option<f64>,
    /// Default: 1.
    pub tuesday: Option<f64>,
    /// Default: 1.
    pub wednesday: Option<f64>,
    /// Default: 1.
    pub thursday: Option<f64>,
    /// Default: 1.
    pub friday: Option<f64>,
    /// Default: 1.
    pub saturday: Option<f64>,
    /// Default: 1.
    pub sunday: Option<f64>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Weekday")]
pub(crate) enum RawDay {
    /// Monday.
    #[default]
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// One phase of the schedule; its pattern is the key that names it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Phase", untagged)]
pub(crate) enum RawPhase {
    /// A constant rate.
    Rate(RawConstant),
    /// A ramp.
    Ramp(RawRampPhase),
    /// Steps.
    Steps(RawStepsPhase),
    /// A daily curve.
    Diurnal(RawDiurnalPhase),
    /// Random bursts.
    Mmpp(RawMmppPhase),
    /// Recorded times.
    Trace(RawTracePhase),
}

/// How arrivals follow the rate.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Process")]
pub(crate) enum RawProcess {
    /// Independent arrivals: a Poisson process with this rate.
    #[default]
    Poisson,
    /// Evenly spaced arrivals, the first at the phase's begin.
    Even,
}

/// A constant rate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConstantPhase")]
pub(crate) struct RawConstant {
    /// How long.
    #[serde(rename = "for")]
    pub duration: Nanos,
    /// Starts per unit of time.
    pub rate: Rate,
    /// How arrivals follow the rate. Default: poisson.
    pub process: Option<RawProcess>,
    /// Exactly so many arrivals, at independent random times that follow the rate. Default: as many as the process gives.
    pub count: Option<u64>,
}

/// A rate that rises or falls in a straight line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RampPhase")]
pub(crate) struct RawRampPhase {
    /// How long.
    #[serde(rename = "for")]
    pub duration: Nanos,
    /// From which rate to which.
    pub ramp: RawRamp,
    /// How arrivals follow the rate. Default: poisson.
    pub process: Option<RawProcess>,
    /// Exactly so many arrivals. Default: as many as the process gives.
    pub count: Option<u64>,
}

/// The two ends of a ramp.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ramp")]
pub(crate) struct RawRamp {
    /// The rate at the begin.
    pub from: Rate,
    /// The rate at the end.
    pub to: Rate,
}

/// Constant rates one after the other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StepsPhase")]
pub(crate) struct RawStepsPhase {
    /// Which rates, and how long each.
    pub steps: RawSteps,
    /// How arrivals follow the rate. Default: poisson.
    pub process: Option<RawProcess>,
}

/// The rates of a staircase.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Steps")]
pub(crate) struct RawSteps {
    /// The rates, in order.
    pub rates: Vec<Rate>,
    /// How long each.
    pub each: Nanos,
}

/// A daily curve.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DiurnalPhase")]
pub(crate) struct RawDiurnalPhase {
    /// How long.
    #[serde(rename = "for")]
    pub duration: Nanos,
    /// The curve.
    pub diurnal: RawDiurnal,
    /// How arrivals follow the rate. Default: poisson.
    pub process: Option<RawProcess>,
    /// Exactly so many arrivals. Default: as many as the process gives.
    pub count: Option<u64>,
}

/// A sine curve over the day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Diurnal")]
pub(crate) struct RawDiurnal {
    /// The lowest rate, half a period from the peak.
    pub low: Rate,
    /// The highest rate.
    pub high: Rate,
    /// Time of day of the highest rate, e.g. "18:00".
    pub peak_at: RawClock,
    /// Time of day at which the phase begins. Default: "00:00".
    pub begins_at: Option<RawClock>,
    /// How long one wave is. Default: 24h.
    pub period: Option<Nanos>,
}

/// Bursts at random times: a Markov-modulated Poisson process with two states.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MmppPhase")]
pub(crate) struct RawMmppPhase {
    /// How long.
    #[serde(rename = "for")]
    pub duration: Nanos,
    /// The two states.
    pub mmpp: RawMmpp,
}

/// Two rates and how long each lasts on average; the phase begins calm.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Mmpp")]
pub(crate) struct RawMmpp {
    /// The rate between bursts.
    pub calm: Rate,
    /// The rate within a burst.
    pub burst: Rate,
    /// Mean time between bursts (exponential).
    pub mean_calm: Nanos,
    /// Mean length of a burst (exponential).
    pub mean_burst: Nanos,
}

/// Recorded arrivals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TracePhase")]
pub(crate) struct RawTracePhase {
    /// Cut after so long. Default: until the last arrival.
    #[serde(rename = "for")]
    pub duration: Option<Nanos>,
    /// Where the times are.
    pub trace: RawTrace,
}

/// A file of arrival times.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Trace")]
pub(crate) struct RawTrace {
    /// A CSV file, relative to the profile: the first column is seconds from the begin of the phase, or RFC 3339 times; a header line may stand above.
    pub file: String,
}

/// A time of day, as the span since midnight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawClock(pub Nanos);

const EXPECTED_CLOCK: &str = "a time of day, e.g. \"18:00\"";

struct ClockVisitor;

impl Visitor<'_> for ClockVisitor {
    type Value = RawClock;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_CLOCK)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawClock, E> {
        clock(text).map(RawClock).ok_or_else(|| {
            let reason = format!("{} is not a time of day", crate::units::quoted(text));
            E::custom(crate::units::UnitError { reason, expected: EXPECTED_CLOCK })
        })
    }
}

fn clock(text: &str) -> Option<Nanos> {
    let mut parts = text.trim().split(':');
    let mut part = |limit: u64| {
        let digits = parts.next()?;
        let value = (!digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<u64>().ok())??;
        (value < limit).then_some(value)
    };
    let (hours, minutes) = (part(24)?, part(60)?);
    let seconds = if text.matches(':').count() == 2 { part(60)? } else { 0 };
    parts.next().is_none().then(|| Nanos::from_secs(hours * 3_600 + minutes * 60 + seconds))
}

impl<'de> Deserialize<'de> for RawClock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClockVisitor)
    }
}

impl JsonSchema for RawClock {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A time of day, hours:minutes or hours:minutes:seconds.",
            "type": "string",
            "pattern": r"^\s*([01]?[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9])?\s*$"
        })
    }
}
