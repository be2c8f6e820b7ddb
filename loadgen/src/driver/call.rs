//! One operation as gRPC requests.

use std::future::Future;
use std::time::{Duration, Instant};

use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage;
use temporalio_common::protos::temporal::api::update::v1::outcome;
use temporalio_common::protos::temporal::api::workflowservice::v1::UpdateWorkflowExecutionRequest;
use tonic::{Code, Status};

use super::operation::{FollowUpOperation, StartOperation};
use super::{Counters, Shared, retry};
use crate::connect::Service;
use crate::record::Metric;
use crate::workload::{Request, StartKind};

/// A request that the server holds until there is something to say (the SDK's `LONG_POLL_TIMEOUT`).
pub(super) const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(70);

/// What an operation's three latencies are called.
struct Names {
    operation: &'static str,
    response: Metric,
    service: Metric,
    failed: Metric,
}

const SIGNAL: Names = Names {
    operation: "signal",
    response: Metric::SignalResponse,
    service: Metric::SignalService,
    failed: Metric::SignalFailed,
};
const QUERY: Names = Names {
    operation: "query",
    response: Metric::QueryResponse,
    service: Metric::QueryService,
    failed: Metric::QueryFailed,
};
const UPDATE: Names = Names {
    operation: "update",
    response: Metric::UpdateResponse,
    service: Metric::UpdateService,
    failed: Metric::UpdateFailed,
};
const CANCEL: Names = Names {
    operation: "cancel",
    response: Metric::CancelResponse,
    service: Metric::CancelService,
    failed: Metric::CancelFailed,
};
const TERMINATE: Names = Names {
    operation: "terminate",
    response: Metric::TerminateResponse,
    service: Metric::TerminateService,
    failed: Metric::TerminateFailed,
};

/// What became of an update.
enum Update {
    Accepted,
    Rejected,
}

/// A message with the time the server may take for it: it gives up by itself when nobody waits any more.
pub(super) fn timed<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}

impl Shared {
    /// Sends a start, again where a client would. Whether the server took it.
    pub(super) async fn start(&self, start: &StartOperation, intended: Nanos, sent: Nanos) -> bool {
        // Boxed, because a call's state is kilobytes: within the task's own it would be allocated and copied, several times, on the dispatcher's
        // thread, which at 10,000/s on one core was late for it.
        let answer = match &start.request {
            StartKind::Start(request) => {
                Box::pin(self.retried("start", async |mut service: Service| {
                    let message = request.as_ref().clone();
                    service.start_workflow_execution(timed(message, retry::REQUEST_TIMEOUT)).await.map(drop)
                }))
                .await
            }
            StartKind::SignalWithStart(request) => {
                Box::pin(self.retried("start", async |mut service: Service| {
                    let message = request.as_ref().clone();
                    service.signal_with_start_workflow_execution(timed(message, retry::REQUEST_TIMEOUT)).await.map(drop)
                }))
                .await
            }
        };
        let now = self.clock.now();
        match answer {
            Ok(()) => {
                self.ledger.accepted(start.ordinal);
                let latencies = [
                    (Metric::StartResponse, now.saturating_sub(intended)),
                    (Metric::StartService, now.saturating_sub(sent)),
                ];
                self.recorder.record_many(intended, &latencies);
                true
            }
            Err(status) => {
                self.ledger.refused(start.ordinal);
                self.errors.count("start", retry::kind(&status), status.message());
                self.recorder.record(Metric::StartFailed, intended, now.saturating_sub(intended));
                false
            }
        }
    }

    /// Sends what follows a start.
    pub(super) async fn follow_up(&self, follow_up: &FollowUpOperation, intended: Nanos) {
        let Some(workload) = &self.workload else { return };
        match workload.request(&follow_up.workflow_id, &follow_up.follow_up) {
            Request::Signal(request) => {
                self.one(&SIGNAL, intended, async |mut service: Service| {
                    let message = request.as_ref().clone();
                    service.signal_workflow_execution(timed(message, retry::REQUEST_TIMEOUT)).await.map(drop)
                })
                .await;
            }
            Request::Query(request, times) => {
                let mut intended = intended;
                for _ in 0..times {
                    self.one(&QUERY, intended, async |mut service: Service| {
                        let message = request.as_ref().clone();
                        service.query_workflow(timed(message, retry::REQUEST_TIMEOUT)).await.map(drop)
                    })
                    .await;
                    // The next is sent when this one is answered.
                    intended = self.clock.now();
                }
            }
            Request::Update(request) => {
                self.one(&UPDATE, intended, async |service: Service| {
                    if let Update::Rejected = updated(service, &request).await? {
                        Counters::add(&self.counters.updates_rejected);
                    }
                    Ok(())
                })
                .await;
            }
            Request::Cancel(request) => {
                self.one(&CANCEL, intended, async |mut service: Service| {
                    let message = request.as_ref().clone();
                    service.request_cancel_workflow_execution(timed(message, retry::REQUEST_TIMEOUT)).await.map(drop)
                })
                .await;
            }
            Request::Terminate(request) => {
                self.one(&TERMINATE, intended, async |mut service: Service| {
                    let message = request.as_ref().clone();
                    service.terminate_workflow_execution(timed(message, retry::REQUEST_TIMEOUT)).await.map(drop)
                })
                .await;
            }
        }
    }

    /// One request of a kind, timed and counted.
    async fn one<F>(&self, names: &Names, intended: Nanos, attempt: impl Fn(Service) -> F)
    where
        F: Future<Output = Result<(), Status>>,
    {
        let sent = self.clock.now();
        let answer = self.retried(names.operation, attempt).await;
        let now = self.clock.now();
        match answer {
            Ok(()) => {
                Counters::add(&self.counters.follow_ups_done);
                let latencies =
                    [(names.response, now.saturating_sub(intended)), (names.service, now.saturating_sub(sent))];
                self.recorder.record_many(intended, &latencies);
            }
            // The workflow has ended before: what a client means to end may have ended by itself.
            Err(status) if status.code() == Code::NotFound => Counters::add(&self.counters.follow_ups_moot),
            Err(status) => {
                Counters::add(&self.counters.follow_ups_failed);
                self.errors.count(names.operation, retry::kind(&status), status.message());
                self.recorder.record(names.failed, intended, now.saturating_sub(intended));
            }
        }
    }

    /// Sends a request, and again after errors that a client of the SDK retries.
    async fn retried<T, F>(&self, operation: &str, attempt: impl Fn(Service) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let begun = Instant::now();
        let mut failed = 0;
        loop {
            let status = match attempt(self.service()).await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            failed += 1;
            let wait = retry::wait(&status, failed, begun.elapsed()).filter(|_| !self.is_aborted());
            let Some(wait) = wait else { return Err(status) };
            Counters::add(&self.counters.retries);
            self.errors.count(&format!("{operation} (sent again)"), retry::kind(&status), status.message());
            tokio::time::sleep(wait).await;
        }
    }
}

/// Sends an update and asks on until its outcome is there: the server answers after some 20 seconds with what it has.
async fn updated(mut service: Service, request: &UpdateWorkflowExecutionRequest) -> Result<Update, Status> {
    loop {
        let answer = service.update_workflow_execution(timed(request.clone(), LONG_POLL_TIMEOUT)).await?.into_inner();
        let completed = answer.stage() == UpdateWorkflowExecutionLifecycleStage::Completed;
        match answer.outcome.and_then(|outcome| outcome.value) {
            Some(outcome::Value::Success(_)) => return Ok(Update::Accepted),
            Some(outcome::Value::Failure(_)) => return Ok(Update::Rejected),
            None if completed => return Ok(Update::Accepted),
            // The same update id: the server goes on waiting for the same update.
            None => {}
        }
    }
}
