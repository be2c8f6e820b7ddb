//! Who does the work, and how what they see comes in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plimsoll_profiles::profile::{Event, EventKind, Profile, ServiceName};
use plimsoll_profiles::units::Nanos;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::prepare::Prepared;
use super::target::Reached;
use crate::cli::{RunArgs, WorkersChoice};
use crate::clock::RunClock;
use crate::commands::worker::{Order, Processes};
use crate::connect::{ConnectFlags, Connected, Endpoint};
use crate::console::Console;
use crate::driver::Driver;
use crate::engine::Follower;
use crate::failure::Failure;
use crate::record::ledger::End;
use crate::record::{Errors, Metric, Recorder};
use crate::samplers::local_cluster::LocalCluster;
use crate::worker::metrics::address_of;
use crate::worker::{Outcome, TaskKind, WorkerEvent, WorkerSet, WorkerSettings};
use crate::workload::Workload;

/// Workers get so long to end what they do.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The workers of a run.
pub struct Crew {
    kind: Arc<Mutex<Kind>>,
    recipe: Recipe,
    sdk_metrics: Vec<SocketAddr>,
    events: Option<UnboundedReceiver<WorkerEvent>>,
    listener: Option<JoinHandle<()>>,
    outages: Vec<JoinHandle<()>>,
    /// Worker processes that were asked to end and have not said so yet.
    asked: Arc<AtomicUsize>,
    services: Option<ServiceScript>,
    /// Services that were killed and not started again yet.
    killed: Arc<parking_lot::Mutex<Vec<&'static str>>>,
    lost: Arc<parking_lot::Mutex<Vec<String>>>,
}

enum Kind {
    /// The user's, none, or those that have stopped.
    Foreign,
    InProcess(WorkerSet),
    Processes(Processes),
}

impl Kind {
    fn sdk_metrics(&self) -> Vec<SocketAddr> {
        match self {
            Kind::Foreign => Vec::new(),
            Kind::InProcess(workers) => workers.sdk_metrics(),
            Kind::Processes(processes) => processes.sdk_metrics(),
        }
    }

    async fn stop(self) {
        match self {
            Kind::Foreign => {}
            Kind::InProcess(workers) => workers.shutdown().await,
            Kind::Processes(processes) => processes.stop().await,
        }
    }
}

/// How workers are started, at the begin and after an outage.
#[derive(Clone)]
struct Recipe {
    choice: WorkersChoice,
    connect: ConnectFlags,
    order: Order,
    connected: Connected,
    workload: Workload,
    settings: WorkerSettings,
    sender: UnboundedSender<WorkerEvent>,
}

impl Recipe {
    async fn start(&self) -> Result<Kind, Failure> {
        Ok(match self.choice {
            WorkersChoice::Own => Kind::Foreign,
            WorkersChoice::InProcess => Kind::InProcess(
                WorkerSet::start(&self.connected, &self.workload, &self.settings, self.sender.clone()).await?,
            ),
            WorkersChoice::Processes(count) => {
                let (sdk_metrics, sender) = (self.settings.sdk_metrics, self.sender.clone());
                Kind::Processes(Processes::start(&self.connect, &self.order, count, sdk_metrics, sender).await?)
            }
        })
    }

    /// So many processes, in the places of others from `first` on.
    fn in_place_of(mut self, first: usize, count: u16) -> Recipe {
        self.choice = WorkersChoice::Processes(count);
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        self.settings.sdk_metrics = self.settings.sdk_metrics.and_then(|address| address_of(address, first).ok());
        self
    }
}

impl Crew {
    /// Starts them; they poll when this returns.
    ///
    /// # Errors
    /// When one cannot be started, or the profile stops some of them.
    pub async fn start(
        arguments: &RunArgs,
        prepared: &Prepared,
        reached: &Reached,
        workload: &Workload,
    ) -> Result<Crew, Failure> {
        let (sender, events) = unbounded_channel();
        let choice = if reached.embedded.is_some() { WorkersChoice::Own } else { arguments.workers };
        let services = ServiceScript::of(arguments, reached);
        can_happen(&prepared.profile, choice, services.is_some())?;
        let recipe = Recipe {
            choice,
            connect: arguments.connect.clone(),
            order: order(arguments, prepared, workload),
            connected: reached.connected.clone(),
            workload: workload.clone(),
            settings: WorkerSettings { sdk_metrics: arguments.sdk_metrics, ..WorkerSettings::of(&prepared.profile) },
            sender,
        };
        let kind = recipe.start().await?;
        let sdk_metrics = kind.sdk_metrics();
        let kind = Arc::new(Mutex::new(kind));
        let (asked, killed, lost) = (Arc::default(), Arc::default(), Arc::default());
        Ok(Crew {
            kind,
            recipe,
            sdk_metrics,
            events: Some(events),
            listener: None,
            outages: Vec::new(),
            asked,
            services,
            killed,
            lost,
        })
    }

    /// Where they served the SDK's metrics when they had been started.
    pub fn sdk_metrics(&self) -> &[SocketAddr] {
        &self.sdk_metrics
    }

    /// Stops and starts them, and services of a local cluster, as the profile's events say; the first start is intended `measured_from`
    /// before the events' zero.
    pub fn follow(&mut self, events: &[Event], clock: RunClock, measured_from: Nanos, console: Console) {
        for event in events {
            let (from, until) = (measured_from + event.at, measured_from + event.at + event.duration);
            let scene = Scene { clock, from, until, console, lost: Arc::clone(&self.lost) };
            let outage = match event.kind {
                EventKind::WorkersStop { pods, first } => {
                    let workers = (Arc::clone(&self.kind), self.recipe.clone(), Arc::clone(&self.asked));
                    tokio::spawn(scene.workers_stop(
                        first as usize,
                        pods.map_or(usize::MAX, |pods| pods as usize),
                        workers,
                    ))
                }
                EventKind::PodLost { service, .. } => {
                    let Some(script) = self.services.clone() else { continue };
                    tokio::spawn(scene.service_is_killed(script, service, Arc::clone(&self.killed)))
                }
                _ => continue,
            };
            self.outages.push(outage);
        }
    }

    /// From now on, tells what they see.
    pub fn report_to(
        &mut self,
        driver: Driver,
        follower: Follower,
        recorder: Arc<Recorder>,
        errors: Arc<Errors>,
        closed: UnboundedSender<String>,
        clock: RunClock,
    ) {
        let Some(mut events) = self.events.take() else { return };
        let (lost, asked) = (Arc::clone(&self.lost), Arc::clone(&self.asked));
        self.listener = Some(tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    WorkerEvent::Completed(completion) => {
                        let end = match completion.outcome {
                            Outcome::Completed => End::Completed,
                            Outcome::Failed | Outcome::Cancelled | Outcome::Terminated | Outcome::TimedOut => {
                                errors.count("workflow", word(completion.outcome), "");
                                End::Failed
                            }
                        };
                        driver.ended(&completion.workflow_id, end, completion.at);
                        // Without samplers nobody listens.
                        let _ = closed.send(completion.workflow_id);
                    }
                    WorkerEvent::Wants { workflow_id, follow_up, at } => follower.add(&workflow_id, follow_up, at),
                    WorkerEvent::Started { task, schedule_to_start, at } => {
                        let metric = match task {
                            TaskKind::Workflow => Metric::ScheduleToStartWorkflow,
                            TaskKind::Activity => Metric::ScheduleToStartActivity,
                        };
                        // It belongs to the second in which the task was scheduled.
                        let scheduled = clock.at(at).saturating_sub(schedule_to_start);
                        recorder.record(metric, scheduled, Nanos(schedule_to_start.0));
                    }
                    WorkerEvent::Stopped { .. } if take_one(&asked) => {}
                    WorkerEvent::Stopped { reason } => {
                        errors.count("worker", "stopped", &reason);
                        lost.lock().push(reason);
                    }
                }
            }
        }));
    }

    /// Workers that ended although nobody asked them to, and why.
    pub fn lost(&self) -> Vec<String> {
        self.lost.lock().clone()
    }

    /// Ends them.
    pub async fn stop(self) {
        // What ends from here on ends because it was asked to.
        if let Some(listener) = self.listener {
            listener.abort();
        }
        // One that has stopped them starts no new ones.
        self.outages.iter().for_each(JoinHandle::abort);
        // A run that ends early leaves no cluster without a service.
        let killed = std::mem::take(&mut *self.killed.lock());
        if let Some(script) = &self.services {
            for part in killed {
                if let Err(why) = script.run("start", part).await {
                    self.lost.lock().push(why);
                }
            }
        }
        let stopping = async { std::mem::replace(&mut *self.kind.lock().await, Kind::Foreign).stop().await };
        // What does not end by itself ends with this process.
        let _ = tokio::time::timeout(STOP_LIMIT, stopping).await;
    }
}

/// What worker processes are told.
fn order(arguments: &RunArgs, prepared: &Prepared, workload: &Workload) -> Order {
    Order {
        profile: prepared.source.clone(),
        overrides: prepared.overrides.clone(),
        seed: arguments.seed,
        run_id: workload.run().as_str().to_owned(),
        task_queue: workload.task_queue().to_owned(),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
        Outcome::Terminated => "terminated",
        Outcome::TimedOut => "timed out",
    }
}

/// One process less that was asked to end; false when none was.
fn take_one(asked: &AtomicUsize) -> bool {
    asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}

/// Whether this program can make the profile's events happen.
fn can_happen(profile: &Profile, choice: WorkersChoice, has_services: bool) -> Result<(), Failure> {
    for event in &profile.events {
        match &event.kind {
            EventKind::WorkersStop { pods, first } => {
                if choice == WorkersChoice::Own {
                    return Err(Failure::usage(
                        "the profile's [[event]] stops workers, and those of this run are not this program's: leave the event out, or --workers own",
                    ));
                }
                let fleet = profile.workers.pods.unwrap_or(1);
                let some = *first > 0 || pods.is_some_and(|pods| pods < fleet);
                if some && !matches!(choice, WorkersChoice::Processes(count) if u32::from(count) == fleet) {
                    return Err(Failure::usage(
                        "the profile's [[event]] stops some of the workers: run them as processes of their own with --workers processes=N, as many as [workers] pods",
                    ));
                }
            }
            // It is in the arrivals.
            EventKind::Burst { .. } => {}
            EventKind::PodLost { .. } if has_services => {}
            EventKind::PodLost { .. } => {
                return Err(Failure::usage(
                    "the profile's [[event]] kills a service: this program does that to a cluster of loadgen/cluster/up on this machine only; elsewhere leave the event out and kill a pod yourself",
                ));
            }
            other => {
                let kind = other.name();
                return Err(Failure::usage(format!(
                    "the profile's [[event]] of kind {kind} can be simulated, but this program cannot make it happen: leave it out, or make it happen yourself while a run without it goes on"
                )));
            }
        }
    }
    Ok(())
}

/// How long a service that was killed takes until it serves: a history process of Temporal 1.31.2 with 64 shards started its first workflow
/// 3.3 s after its start (on two cores, `docs/scenarios.md`).
const SERVICE_START_UP: Nanos = Nanos(3_300_000_000);

/// What stops and starts the services of a cluster on this machine (`loadgen/cluster/service`).
#[derive(Clone)]
struct ServiceScript {
    script: PathBuf,
    cluster: String,
}

impl ServiceScript {
    fn of(arguments: &RunArgs, reached: &Reached) -> Option<ServiceScript> {
        if reached.embedded.is_some() {
            return None;
        }
        let endpoint = Endpoint::resolve(&arguments.connect).ok()?;
        let local = LocalCluster::at(&endpoint.address().value.to_string())?;
        let script = PathBuf::from(local.get("PLIMSOLL_SERVICE_SCRIPT")?);
        script.is_file().then(|| ServiceScript { script, cluster: local.name().to_owned() })
    }

    async fn run(&self, action: &str, part: &str) -> Result<(), String> {
        let output = tokio::process::Command::new(&self.script)
            .args([action, part, "--name", &self.cluster])
            .stdin(std::process::Stdio::null())
            .output()
            .await;
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("{action} {part}: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(format!("cannot run {}: {error}", self.script.display())),
        }
    }
}

/// When something of a profile's events happens in a run.
struct Scene {
    clock: RunClock,
    from: Nanos,
    until: Nanos,
    console: Console,
    lost: Arc<parking_lot::Mutex<Vec<String>>>,
}

impl Scene {
    async fn workers_stop(
        self,
        first: usize,
        pods: usize,
        (kind, recipe, asked): (Arc<Mutex<Kind>>, Recipe, Arc<AtomicUsize>),
    ) {
        tokio::time::sleep_until(self.clock.instant(self.from).into()).await;
        let mut kind = kind.lock().await;
        self.console.note("workers stop, as the profile's [[event]] says");
        let stopped = match &mut *kind {
            Kind::Processes(processes) if first > 0 || pods < processes.count() => {
                let some = processes.take(first, pods);
                let count = some.count();
                asked.fetch_add(count, Ordering::Relaxed);
                some.stop().await;
                u16::try_from(count).unwrap_or(u16::MAX)
            }
            all => {
                if let Kind::Processes(processes) = &*all {
                    asked.fetch_add(processes.count(), Ordering::Relaxed);
                }
                std::mem::replace(all, Kind::Foreign).stop().await;
                0
            }
        };
        tokio::time::sleep_until(self.clock.instant(self.until).into()).await;
        let recipe = if stopped > 0 { recipe.in_place_of(first, stopped) } else { recipe };
        match (recipe.start().await, &mut *kind) {
            (Ok(Kind::Processes(new)), Kind::Processes(processes)) => processes.put(first, new),
            (Ok(started), kind) => *kind = started,
            (Err(failure), _) => self.lost.lock().push(format!("workers did not come back: {failure}")),
        }
        self.console.note("the workers are back");
    }

    async fn service_is_killed(
        self,
        script: ServiceScript,
        service: ServiceName,
        killed: Arc<parking_lot::Mutex<Vec<&'static str>>>,
    ) {
        let part = match service {
            ServiceName::Frontend => "frontend",
            ServiceName::History => "history",
            ServiceName::Matching => "matching",
            ServiceName::WorkerService => "worker",
        };
        // The event ends when the replacement serves, not when it begins to start.
        let start = self.from.max(self.until.saturating_sub(SERVICE_START_UP));
        for (at, action) in [(self.from, "kill"), (start, "start")] {
            tokio::time::sleep_until(self.clock.instant(at).into()).await;
            self.console.note(&format!("{action} {part}, as the profile's [[event]] says"));
            if action == "kill" {
                killed.lock().push(part);
            }
            if let Err(why) = script.run(action, part).await {
                self.lost.lock().push(why);
            }
        }
        killed.lock().retain(|other| *other != part);
        let late = self.clock.now().as_secs_f64() - self.until.as_secs_f64();
        self.console.note(&format!("{part} answers, {late:+.1} s from the end of its [[event]]"));
    }
}
