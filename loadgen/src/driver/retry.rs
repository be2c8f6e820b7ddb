//! When a request is sent again.

use std::error::Error;
use std::time::Duration;

use rand::RngExt;
use tonic::{Code, Status};

/// The numbers of the Rust SDK's client 1.1.1 (`retry.rs`: `RetryOptions::default`, `throttle_retry_policy`): what an
/// application behind this cluster would do, and see.
const INITIAL: Duration = Duration::from_millis(100);
const INITIAL_THROTTLED: Duration = Duration::from_secs(1);
const FACTOR: f64 = 1.7;
const FACTOR_THROTTLED: f64 = 2.0;
const LONGEST: Duration = Duration::from_secs(5);
const LONGEST_THROTTLED: Duration = Duration::from_secs(10);
const JITTER: f64 = 0.2;
const MOST_ATTEMPTS: u32 = 10;
const MOST_ELAPSED: Duration = Duration::from_secs(10);

/// How long a request that is no long poll may take before it is given up (the SDK's `OTHER_CALL_TIMEOUT`).
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait before attempt `failed + 1`, after `failed` attempts and `elapsed` since the first; `None` when the
/// request has failed for good.
pub fn wait(status: &Status, failed: u32, elapsed: Duration) -> Option<Duration> {
    let retryable = matches!(
        status.code(),
        Code::DataLoss
            | Code::Internal
            | Code::Unknown
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
    ) || is_cut_off(status);
    if !retryable || failed >= MOST_ATTEMPTS || elapsed >= MOST_ELAPSED {
        return None;
    }
    let (initial, factor, longest) = match status.code() {
        Code::ResourceExhausted => (INITIAL_THROTTLED, FACTOR_THROTTLED, LONGEST_THROTTLED),
        _ => (INITIAL, FACTOR, LONGEST),
    };
    let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
    let wait = initial.mul_f64(factor.powi(exponent)).min(longest);
    // How clients spread out again after an outage is no part of the schedule: no seed.
    Some(wait.mul_f64(1.0 + JITTER * (rand::rng().random::<f64>() * 2.0 - 1.0)))
}

/// Whether a cancelled request is one whose connection went, and not one that the server or its caller cancelled: only the former has an error of
/// the transport behind it (`retry.rs` of the SDK's client: `is_transport_cancelled`).
fn is_cut_off(status: &Status) -> bool {
    let is_transport = |error: &(dyn Error + 'static)| error.is::<tonic::transport::Error>();
    status.code() == Code::Cancelled && status.source().is_some_and(is_transport)
}

/// The gRPC code as the log and the manifest spell it.
pub fn kind(status: &Status) -> &'static str {
    match status.code() {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid argument",
        Code::DeadlineExceeded => "deadline exceeded",
        Code::NotFound => "not found",
        Code::AlreadyExists => "already exists",
        Code::PermissionDenied => "permission denied",
        Code::ResourceExhausted => "resource exhausted",
        Code::FailedPrecondition => "failed precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out of range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_get_better_is_not_sent_again() {
        for code in [Code::InvalidArgument, Code::NotFound, Code::PermissionDenied, Code::AlreadyExists] {
            assert_eq!(wait(&Status::new(code, ""), 1, Duration::ZERO), None, "{code:?}");
        }
    }

    #[tokio::test]
    async fn a_request_whose_connection_went_is_sent_again_and_one_that_was_cancelled_is_not() {
        let nobody = tonic::transport::Endpoint::from_static("http://127.0.0.1:1");
        let gone = nobody.connect().await.expect_err("nobody listens there");
        let mut status = Status::cancelled("operation was canceled");
        assert_eq!(wait(&status, 1, Duration::ZERO), None);
        status.set_source(std::sync::Arc::new(gone));
        assert!(wait(&status, 1, Duration::ZERO).is_some(), "{status:?}");
    }

    #[test]
    fn waits_grow_and_end() {
        let unavailable = Status::unavailable("");
        let first = wait(&unavailable, 1, Duration::ZERO).expect("a wait");
        assert!((Duration::from_millis(80)..=Duration::from_millis(120)).contains(&first), "{first:?}");
        let late = wait(&unavailable, 9, Duration::ZERO).expect("a wait");
        assert!((Duration::from_secs(4)..=Duration::from_secs(6)).contains(&late), "{late:?}");
        assert_eq!(wait(&unavailable, 10, Duration::ZERO), None);
        assert_eq!(wait(&unavailable, 2, Duration::from_secs(10)), None);
        let throttled = wait(&Status::resource_exhausted(""), 1, Duration::ZERO).expect("a wait");
        assert!(throttled >= Duration::from_millis(800), "{throttled:?}");
    }
}
