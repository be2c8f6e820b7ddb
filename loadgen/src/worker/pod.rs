//! One worker on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use temporalio_client::{Client, ClientOptions, Connection};
use temporalio_common::telemetry::TelemetryOptions;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use tokio::sync::oneshot;

use super::activities::Activities;
use super::generic::GenericWorkflow;
use super::hook::Hook;
use super::{START_LIMIT, STOP_LIMIT, Shared, WorkerEvent, WorkerSettings, metrics, registry};
use crate::connect::Connected;
use crate::failure::Failure;

/// A worker that runs.
#[derive(Debug)]
pub(super) struct Pod {
    stop: tokio_util::sync::CancellationToken,
    thread: JoinHandle<()>,
    sdk_metrics: Option<SocketAddr>,
}

impl Pod {
    /// Starts one; it polls when this returns.
    pub(super) async fn start(
        connected: &Connected,
        settings: &WorkerSettings,
        shared: Arc<Shared>,
        number: u32,
    ) -> Result<Pod, Failure> {
        let identity = super::identity(shared.workload.run(), number);
        let sdk_metrics = settings.sdk_metrics.map(|first| metrics::address_of(first, number)).transpose()?;
        let stop = tokio_util::sync::CancellationToken::new();
        let (ready, started) = oneshot::channel();
        let job = Job {
            connected: connected.clone(),
            settings: settings.clone(),
            shared: shared.clone(),
            identity,
            sdk_metrics,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || job.run(ready))
            .map_err(|error| Failure::io(format!("no thread for a worker: {error}")))?;
        let mut pod = Pod { stop, thread, sdk_metrics: None };
        match tokio::time::timeout(START_LIMIT, started).await {
            Ok(Ok(Ok(address))) => {
                pod.sdk_metrics = address;
                Ok(pod)
            }
            Ok(Ok(Err(failure))) => Err(failure),
            Ok(Err(_)) => Err(Failure::io("a worker ended before it polled")),
            Err(_) => {
                pod.stop();
                Err(Failure::io(format!("a worker did not poll within {} s", START_LIMIT.as_secs())))
            }
        }
    }

    /// Where it serves the SDK's metrics.
    pub(super) fn sdk_metrics(&self) -> Option<SocketAddr> {
        self.sdk_metrics
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn ended(self) {
        // A worker's panic was reported where it happened; there is nothing left to wait for.
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

struct Job {
    connected: Connected,
    settings: WorkerSettings,
    shared: Arc<Shared>,
    identity: String,
    sdk_metrics: Option<SocketAddr>,
    stop: tokio_util::sync::CancellationToken,
}

/// Told once: the worker polls, and where it serves the SDK's metrics; or why it does not.
type Ready = oneshot::Sender<Result<Option<SocketAddr>, Failure>>;

impl Job {
    /// Workflow code runs on this thread; the SDK's own work and activities on the runtime's.
    fn run(self, ready: Ready) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("worker").build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.work(ready));
                // A burn that is still running is not waited for.
                runtime.shutdown_background();
            }
            Err(error) => {
                let _ = ready.send(Err(Failure::io(format!("no runtime for a worker: {error}"))));
            }
        }
    }

    async fn work(self, ready: Ready) {
        let (mut worker, sdk_metrics) = match self.worker().await {
            Ok(started) => started,
            Err(failure) => {
                // Whoever started it may have given up.
                let _ = ready.send(Err(failure));
                return;
            }
        };
        let (shared, stop) = (self.shared.clone(), self.stop.clone());
        let shutdown = worker.shutdown_handle();
        let mut ready = Some(ready);
        let stopping = async {
            tokio::select! {
                () = shared.first_poll.notified() => {
                    if let Some(ready) = ready.take() {
                        let _ = ready.send(Ok(sdk_metrics));
                    }
                    stop.cancelled().await;
                }
                () = stop.cancelled() => {}
            }
            shutdown();
            tokio::time::sleep(STOP_LIMIT).await;
            shared.stopping.cancel();
            // Activities end at once now; the SDK then tells the server.
            tokio::time::sleep(STOP_LIMIT).await;
        };
        let result = tokio::select! {
            result = worker.run() => result,
            () = stopping => Ok(()),
        };
        let error = match result {
            Ok(()) if stop.is_cancelled() => return,
            Ok(()) => "it ended by itself".to_owned(),
            Err(error) => chain(&error),
        };
        match ready {
            Some(ready) => {
                let _ = ready.send(Err(Failure::io(format!("a worker did not start: {error}"))));
            }
            None => self.shared.tell(WorkerEvent::Stopped { reason: format!("a worker stopped: {error}") }),
        }
    }

    /// The worker, and where it serves the SDK's metrics: as long as the runtime it is called on lives.
    async fn worker(&self) -> Result<(Worker, Option<SocketAddr>), Failure> {
        let endpoint = &self.connected.endpoint;
        let failed = |what: &str, error: &dyn std::error::Error| {
            Failure::io(format!("a worker for {}: {what}: {}", endpoint.address(), chain(error)))
        };
        let channel = endpoint.transport()?.connect().await.map_err(|error| failed("no connection", &error))?;
        let mut options = endpoint.connection_options(&self.identity)?;
        options.service_override = Some(Hook::service(channel, self.shared.clone()));
        // The channel is given: there is no name to look up any more.
        options.dns_load_balancing = None;
        let connection = Connection::connect(options).await.map_err(|error| failed("no connection", &error))?;
        let client = Client::new(connection, ClientOptions::new(endpoint.namespace()).build())
            .map_err(|error| failed("no client", &error))?;
        let served = self.sdk_metrics.map(|address| metrics::serve(address, self.settings.sdk)).transpose()?;
        let (sdk_metrics, telemetry) = match served {
            Some(served) => (Some(served.address), served.telemetry),
            None => (None, TelemetryOptions::default()),
        };
        // Without the SDK's own reports about the worker, which no other load of this kind has.
        let runtime_options = RuntimeOptions::builder().heartbeat_interval(None).telemetry_options(telemetry);
        let runtime_options = runtime_options.build().map_err(Failure::io)?;
        let runtime = Runtime::from_current_tokio(runtime_options).map_err(|error| failed("no runtime", &error))?;
        let worker = Worker::new(&runtime, client, self.options()?).map_err(|error| failed("refused", &error))?;
        Ok((worker, sdk_metrics))
    }

    fn options(&self) -> Result<WorkerOptions, Failure> {
        let (settings, workload) = (&self.settings, &self.shared.workload);
        // Fields are set one by one: the builder's types would make the compiler work for half a minute.
        let mut options = WorkerOptions::new(workload.task_queue())
            .deployment_options(WorkerDeploymentOptions::from_build_id(super::BUILD_ID.to_owned()))
            .build();
        options.max_cached_workflows = settings.cached_workflows as usize;
        options.tuner = settings.tuner();
        options.workflow_task_poller_behavior = Some(settings.workflow_task_behaviour());
        options.activity_task_poller_behavior = Some(settings.activity_behaviour());
        options.sticky_queue_schedule_to_start_timeout = settings.sticky_timeout;
        options.default_heartbeat_throttle_interval = settings.heartbeat_throttle;
        options.max_heartbeat_throttle_interval = settings.longest_heartbeat_throttle;
        options.graceful_shutdown_period = Some(STOP_LIMIT);
        options.register_activities(Activities { shared: self.shared.clone() });
        for (index, plan) in workload.program().types.iter().enumerate() {
            let shared = self.shared.clone();
            registry::under_name(&plan.name, || {
                options
                    .register_workflow_with_factory::<GenericWorkflow, _>(move || {
                        GenericWorkflow::new(shared.clone(), index)
                    })
                    .map(|_| ())
            })
            .map_err(|error| Failure::io(format!("a worker cannot run {}: {error}", plan.name)))?;
        }
        Ok(options)
    }
}

/// An error with what caused it, down to the last cause.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
