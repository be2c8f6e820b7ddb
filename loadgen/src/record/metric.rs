//! The metrics of a measured run.

use crate::samplers::histories::HistoryMetric;

/// A latency that is recorded, by the name it has in `run.hlog`.
///
/// `response` counts from the intended time (waiting at the in-flight cap and in this program included), `service` from the
/// moment the request was sent (its retries included). Only operations that succeeded are in them; `failed` holds the others,
/// from the intended time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// From the intended start to the workflow's end.
    EndToEndResponse,
    /// From the sent start to the workflow's end.
    EndToEndService,
    /// Workflows that ended otherwise than completed, from the intended start.
    EndToEndFailed,
    /// The start request (a start with a signal as well).
    StartResponse,
    /// The start request.
    StartService,
    /// The start request.
    StartFailed,
    /// A signal.
    SignalResponse,
    /// A signal.
    SignalService,
    /// A signal.
    SignalFailed,
    /// A query, to its answer.
    QueryResponse,
    /// A query.
    QueryService,
    /// A query.
    QueryFailed,
    /// An update, to its outcome.
    UpdateResponse,
    /// An update.
    UpdateService,
    /// An update.
    UpdateFailed,
    /// A request to cancel.
    CancelResponse,
    /// A request to cancel.
    CancelService,
    /// A request to cancel.
    CancelFailed,
    /// A request to terminate.
    TerminateResponse,
    /// A request to terminate.
    TerminateService,
    /// A request to terminate.
    TerminateFailed,
    /// Of a workflow task, as the worker sees it.
    ScheduleToStartWorkflow,
    /// Of an activity, as the worker sees it.
    ScheduleToStartActivity,
    /// From an operation's intended time to the moment this program was ready to send it. Waiting at the in-flight cap is
    /// not in it (that is counted as delayed).
    DispatchLag,
    /// From the server's own event times of sampled histories.
    Server(HistoryMetric),
}

impl Metric {
    /// Those that the generator records itself.
    pub const OWN: [Metric; 24] = [
        Metric::EndToEndResponse,
        Metric::EndToEndService,
        Metric::EndToEndFailed,
        Metric::StartResponse,
        Metric::StartService,
        Metric::StartFailed,
        Metric::SignalResponse,
        Metric::SignalService,
        Metric::SignalFailed,
        Metric::QueryResponse,
        Metric::QueryService,
        Metric::QueryFailed,
        Metric::UpdateResponse,
        Metric::UpdateService,
        Metric::UpdateFailed,
        Metric::CancelResponse,
        Metric::CancelService,
        Metric::CancelFailed,
        Metric::TerminateResponse,
        Metric::TerminateService,
        Metric::TerminateFailed,
        Metric::ScheduleToStartWorkflow,
        Metric::ScheduleToStartActivity,
        Metric::DispatchLag,
    ];

    /// The tag in `run.hlog`.
    pub fn name(self) -> &'static str {
        match self {
            Metric::EndToEndResponse => "e2e.response",
            Metric::EndToEndService => "e2e.service",
            Metric::EndToEndFailed => "e2e.failed",
            Metric::StartResponse => "start.response",
            Metric::StartService => "start.service",
            Metric::StartFailed => "start.failed",
            Metric::SignalResponse => "signal.response",
            Metric::SignalService => "signal.service",
            Metric::SignalFailed => "signal.failed",
            Metric::QueryResponse => "query.response",
            Metric::QueryService => "query.service",
            Metric::QueryFailed => "query.failed",
            Metric::UpdateResponse => "update.response",
            Metric::UpdateService => "update.service",
            Metric::UpdateFailed => "update.failed",
            Metric::CancelResponse => "cancel.response",
            Metric::CancelService => "cancel.service",
            Metric::CancelFailed => "cancel.failed",
            Metric::TerminateResponse => "terminate.response",
            Metric::TerminateService => "terminate.service",
            Metric::TerminateFailed => "terminate.failed",
            Metric::ScheduleToStartWorkflow => "schedule_to_start.workflow",
            Metric::ScheduleToStartActivity => "schedule_to_start.activity",
            Metric::DispatchLag => "dispatch_lag",
            Metric::Server(metric) => metric.name(),
        }
    }
}
