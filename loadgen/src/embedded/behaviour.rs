//! What the target is told to do.

use std::collections::BTreeMap;
use std::str::FromStr;

use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::{Nanos, Probability, Rate};
use tonic::Code;

use super::method::Method;

/// What the target does. Times of freezes, outages and resets count from the first start it receives, not from its own
/// start: whoever connects first and prepares for a while finds them where they were asked for.
///
/// Delays, freezes and closes are kept to the millisecond, rounded up: that is the resolution of tokio's timer.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// How long an answer takes. Zero: at once. What connecting clients ask once (`GetSystemInfo` …) is not delayed.
    pub delay: Distribution,
    /// How long the answers of single methods take, in place of `delay`.
    pub delays: BTreeMap<Method, Distribution>,
    /// When a workflow closes by itself, from its start; `None`: it stays open until it is cancelled or terminated.
    pub close_after: Option<Distribution>,
    /// Which part of these closes as failed instead of completed.
    pub close_failed: Probability,
    /// Errors by chance. The first rule that strikes answers in place of the method: nothing is then started or changed.
    pub errors: Vec<ErrorRule>,
    /// While frozen, requests are received and nothing is answered; after it, everything is.
    pub freezes: Vec<Window>,
    /// When all connections are reset (TCP RST). Requests that wait for an answer then are lost with them.
    pub resets: Vec<Nanos>,
    /// While gone, nobody listens: connections are reset and new ones refused. The workflows are still there afterwards.
    pub outages: Vec<Window>,
    /// The most requests per second the target works off; what comes faster waits in one queue, first come, first served.
    pub capacity: Option<Rate>,
    /// How long a long poll without an event waits before its empty answer: 20 s in Temporal
    /// (`history.longPollExpirationInterval`).
    pub long_poll: Nanos,
    /// The namespaces there are; empty: any.
    pub namespaces: Vec<String>,
    /// Seed of everything left to chance.
    pub seed: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            delay: Distribution::Constant(Nanos::ZERO),
            delays: BTreeMap::new(),
            close_after: Some(Distribution::Constant(Nanos::from_millis(100))),
            close_failed: Probability::ZERO,
            errors: Vec::new(),
            freezes: Vec::new(),
            resets: Vec::new(),
            outages: Vec::new(),
            capacity: None,
            long_poll: Nanos::from_secs(20),
            namespaces: Vec::new(),
            seed: 0,
        }
    }
}

impl Behaviour {
    /// How long an answer of a method takes.
    pub(super) fn delay_of(&self, method: Method) -> &Distribution {
        const NONE: &Distribution = &Distribution::Constant(Nanos::ZERO);
        match self.delays.get(&method) {
            Some(delay) => delay,
            None if method.is_handshake() => NONE,
            None => &self.delay,
        }
    }
}

/// An error by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorRule {
    /// The method it strikes; `None`: every method that is not asked while connecting.
    pub method: Option<Method>,
    /// The status of the answer.
    pub code: Code,
    /// How often.
    pub probability: Probability,
}

impl ErrorRule {
    pub(super) fn strikes(&self, method: Method) -> bool {
        self.method.map_or(!method.is_handshake(), |only| only == method)
    }
}

/// A stretch of time, from the first start received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: Nanos,
    /// Its length.
    pub length: Nanos,
}

impl Window {
    /// Its end.
    pub fn until(self) -> Nanos {
        self.from + self.length
    }

    /// Whether an instant lies in it.
    pub fn contains(self, at: Nanos) -> bool {
        self.from <= at && at < self.until()
    }
}

impl FromStr for Window {
    type Err = String;

    /// `FROM+LENGTH`, as in `5s+2s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (from, length) =
            text.split_once('+').ok_or_else(|| format!("'{text}' is not FROM+LENGTH, for example 5s+2s"))?;
        Ok(Window { from: duration(from)?, length: duration(length)? })
    }
}

impl FromStr for ErrorRule {
    type Err = String;

    /// `[METHOD=]CODE:PROBABILITY`, as in `unavailable:1%` and `SignalWorkflowExecution=not-found:0.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (method, rule) = match text.split_once('=') {
            Some((method, rule)) => (Some(method.parse()?), rule),
            None => (None, text),
        };
        let (code, probability) = rule
            .split_once(':')
            .ok_or_else(|| format!("'{rule}' is not CODE:PROBABILITY, for example unavailable:1%"))?;
        let probability = probability.parse::<Probability>().map_err(|error| error.to_string())?;
        Ok(ErrorRule { method, code: code_named(code)?, probability })
    }
}

/// A delay of all methods or of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// The method; `None`: all.
    pub method: Option<Method>,
    /// How long its answers take.
    pub takes: Distribution,
}

impl FromStr for Delay {
    type Err = String;

    /// `[METHOD=]SPAN`, where SPAN is what [`span`] reads.
    fn from_str(text: &str) -> Result<Self, String> {
        let of_one = text.split_once('=').and_then(|(name, takes)| Some((name.parse::<Method>().ok()?, takes)));
        match of_one {
            Some((method, takes)) => Ok(Delay { method: Some(method), takes: span(takes)? }),
            None => Ok(Delay { method: None, takes: span(text)? }),
        }
    }
}

/// A span of time or its distribution: `5ms`, `exp:5ms` (mean), `uniform:1ms..5ms`, `p50=5ms,p99=80ms`.
pub fn span(text: &str) -> Result<Distribution, String> {
    if let Some(mean) = text.strip_prefix("exp:") {
        return Ok(Distribution::Exponential { mean: duration(mean)? });
    }
    if let Some(range) = text.strip_prefix("uniform:") {
        let (low, high) =
            range.split_once("..").ok_or_else(|| format!("'{range}' is not LOW..HIGH, for example 1ms..5ms"))?;
        let (low, high) = (duration(low)?, duration(high)?);
        if low > high {
            return Err(format!("'{range}' falls: the low end comes first"));
        }
        return Ok(Distribution::Uniform { low, high });
    }
    if text.starts_with('p') {
        let points = text.split(',').map(quantile).collect::<Result<Vec<_>, _>>()?;
        return Distribution::from_quantiles(&points).map_err(|error| format!("'{text}': {error}"));
    }
    duration(text)
        .map(Distribution::Constant)
        .map_err(|error| format!("{error}; or a distribution: exp:5ms, uniform:1ms..5ms, p50=5ms,p99=80ms"))
}

/// `p99=80ms`.
fn quantile(text: &str) -> Result<(f64, Nanos), String> {
    let wrong = || format!("'{text}' is not a quantile, for example p99=80ms");
    let (level, at) = text.trim().strip_prefix('p').and_then(|rest| rest.split_once('=')).ok_or_else(wrong)?;
    let level = level.parse::<f64>().map_err(|_| wrong())?;
    Ok((level / 100.0, duration(at)?))
}

fn duration(text: &str) -> Result<Nanos, String> {
    text.trim().parse::<Nanos>().map_err(|error| error.to_string())
}

const CODES: [(&str, Code); 16] = [
    ("cancelled", Code::Cancelled),
    ("unknown", Code::Unknown),
    ("invalid-argument", Code::InvalidArgument),
    ("deadline-exceeded", Code::DeadlineExceeded),
    ("not-found", Code::NotFound),
    ("already-exists", Code::AlreadyExists),
    ("permission-denied", Code::PermissionDenied),
    ("resource-exhausted", Code::ResourceExhausted),
    ("failed-precondition", Code::FailedPrecondition),
    ("aborted", Code::Aborted),
    ("out-of-range", Code::OutOfRange),
    ("unimplemented", Code::Unimplemented),
    ("internal", Code::Internal),
    ("unavailable", Code::Unavailable),
    ("data-loss", Code::DataLoss),
    ("unauthenticated", Code::Unauthenticated),
];

/// The status of a name, written as in `resource-exhausted`, `RESOURCE_EXHAUSTED` or `ResourceExhausted`.
fn code_named(text: &str) -> Result<Code, String> {
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let wanted = plain(text);
    CODES.iter().find(|(name, _)| plain(name) == wanted).map(|&(_, code)| code).ok_or_else(|| {
        let names: Vec<_> = CODES.iter().map(|(name, _)| *name).collect();
        format!("'{text}' is not a gRPC status; they are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_are_read_with_their_distribution() {
        assert_eq!(span("5ms").unwrap(), Distribution::Constant(Nanos::from_millis(5)));
        assert_eq!(span("exp:5ms").unwrap(), Distribution::Exponential { mean: Nanos::from_millis(5) });
        let uniform = Distribution::Uniform { low: Nanos::from_millis(1), high: Nanos::from_millis(5) };
        assert_eq!(span("uniform:1ms..5ms").unwrap(), uniform);
        let curve = span("p50=5ms,p99=80ms").unwrap();
        assert!((curve.quantile(0.99).as_secs_f64() - 0.080).abs() < 1e-6);
        for wrong in ["5", "exp:", "uniform:5ms..1ms", "uniform:5ms", "p50=5ms", "p0=1ms,p50=2ms", "", "fast"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_delay_is_of_one_method_or_of_all() {
        let one: Delay = "QueryWorkflow=p50=1ms,p99=9ms".parse().unwrap();
        assert_eq!(one.method, Some(Method::QueryWorkflow));
        let all: Delay = "p50=1ms,p99=9ms".parse().unwrap();
        assert_eq!((all.method, all.takes), (None, one.takes));
        assert!("NoSuchMethod=1ms".parse::<Delay>().is_err());
    }

    #[test]
    fn error_rules_and_windows_are_read_as_documented() {
        let rule: ErrorRule = "unavailable:1%".parse().unwrap();
        assert_eq!(rule, ErrorRule { method: None, code: Code::Unavailable, probability: Probability::new(0.01) });
        let rule: ErrorRule = "StartWorkflowExecution=RESOURCE_EXHAUSTED:0.5".parse().unwrap();
        assert_eq!((rule.method, rule.code), (Some(Method::StartWorkflowExecution), Code::ResourceExhausted));
        assert!("teapot:1".parse::<ErrorRule>().unwrap_err().contains("unavailable"));
        assert_eq!("5s+200ms".parse(), Ok(Window { from: Nanos::from_secs(5), length: Nanos::from_millis(200) }));
        assert!("5s".parse::<Window>().is_err());
    }
}
