//! `plimsoll-load run`.
//!
//! | file | subject |
//! | --- | --- |
//! | [`prepare`] | from profile and flags to what is run |
//! | [`target`] | the cluster or the embedded target, connected |
//! | [`crew`] | who does the work, and how its completions come in |
//! | [`monitor`] | once a second: files and progress |
//! | [`sampling`] | what is read beside the load |
//! | [`course`] | from the first start to the last answer, and what can end it |
//! | [`finish`] | the manifest, the report and the answer |
//! | [`capacity`] | `--find-capacity`: many runs, one answer |

mod capacity;
mod course;
mod crew;
mod finish;
mod monitor;
mod prepare;
mod sampling;
mod target;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_profiles::World;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::{
    Cap, Clock, CompletionsBy, MANIFEST_SCHEMA_VERSION, Manifest, Measurement, RunVerdict, SelfTest, Sent, Trust,
    Window, WorkersKind, columns,
};
use plimsoll_reports::run_document::RunKind;

use super::cleanup::sweep;
use super::interrupts::Interrupts;
use crate::cli::{CompletionsChoice, RunArgs, TargetChoice, WorkersChoice};
use crate::clock::RunClock;
use crate::console::Console;
use crate::driver::{Books, Completions, Settings};
use crate::engine::{Engine, Load, driver_runtime};
use crate::failure::{Exit, Failure};
use crate::identity::RunId;
use crate::progress::Progress;
use crate::record::{Errors, Ledger, Recorder, RunFiles};
use crate::safety::{AbortKind, AbortRule, AbortWatch, Caps, DryRun, Intent, Terminal, consent};
use crate::selftest::cache;
use crate::validate::Observer;
use crate::validate::observer::AFTERMATH;
use crate::verdict::GapReservoir;
use crate::workload::Workload;
use course::Course;
pub(in crate::commands) use course::End;
use crew::Crew;
pub(in crate::commands) use finish::Outcome;
use monitor::{Latest, Monitor, Watched};
pub(in crate::commands) use prepare::{Prepared, prepare};
use sampling::Sampling;
use target::Reached;

/// Operations that may wait at the in-flight cap: a minute of 10,000 per second.
const MOST_WAITING: usize = 600_000;
/// From the moment everything is ready to the first intended time: threads are up by then.
const LEAD: Duration = Duration::from_millis(300);
/// The CPU of the target's processes, as samplers name it.
const TARGET_CPU: [&str; 5] = ["frontend_cpu", "history_cpu", "matching_cpu", "system_worker_cpu", "database_cpu"];
/// How long `--cleanup` may take.
const CLEANUP_LIMIT: Duration = Duration::from_secs(120);

/// Runs a profile against a target, and judges the result.
///
/// # Errors
/// When there is no run: wrong profile or flags, target not reached, files that cannot be made.
pub fn run(arguments: &RunArgs, console: &Console) -> Result<Exit, Failure> {
    super::block_on(async {
        let interrupts = Interrupts::listen()?;
        if arguments.arrivals.find_capacity {
            return capacity::run(arguments, &interrupts, console).await;
        }
        let prepared = prepare(arguments)?;
        match execute(arguments, prepared, Leave::Needed, None, &interrupts, console).await? {
            Some(outcome) => outcome.tell(arguments.output.format, console),
            None => Ok(Exit::Success),
        }
    })
}

/// Whether somebody still has to agree.
#[derive(Debug)]
pub(in crate::commands) enum Leave {
    /// By flag or at the terminal.
    Needed,
    /// To something else than this run: the heaviest of several.
    NeededFor(Box<Prepared>),
    /// It was given for all of several runs.
    Given,
}

/// One run, from connecting to its files; `None` after a dry run. An observer reads before and after its load.
pub(in crate::commands) async fn execute(
    arguments: &RunArgs,
    prepared: Prepared,
    leave: Leave,
    mut observer: Option<&mut Observer>,
    interrupts: &Interrupts,
    console: &Console,
) -> Result<Option<Outcome>, Failure> {
    let run_id = RunId::new();
    let completions = completions(arguments)?;
    if arguments.sdk_metrics.is_some() && !has_workers(arguments) {
        return Err(Failure::usage(
            "--sdk-metrics needs workers of this program: with --workers own they are served by your workers, and with --target embedded there are none",
        ));
    }
    let task_queue = arguments.task_queue.clone().unwrap_or_else(|| run_id.task_queue());
    let reached = Reached::open(arguments, &run_id).await?;
    let workload =
        Workload::new(&prepared.profile, arguments.seed, &run_id, reached.connected.endpoint.namespace(), &task_queue)?;
    let own = arguments.workers == WorkersChoice::Own || reached.embedded.is_some();
    let workload = if own { workload.unattended() } else { workload };
    let rules = arguments.safety.rules(reached.connected.endpoint.is_loopback());
    let agreed = match &leave {
        Leave::Needed => consented(arguments, &prepared, &reached, &workload, &rules, console)?,
        Leave::NeededFor(heaviest) => consented(arguments, heaviest, &reached, &workload, &rules, console)?,
        Leave::Given => true,
    };
    if !agreed {
        return Ok(None);
    }
    let self_test = self_test(console).await;

    let folder = arguments.output.out.clone().unwrap_or_else(|| PathBuf::from(run_id.as_str()));
    let books = Books {
        recorder: Arc::new(Recorder::default()),
        ledger: Arc::new(Ledger::new(prepared.measured_from)),
        errors: Arc::new(Errors::default()),
    };
    let runtime = driver_runtime(1)?;
    let connections = usize::from(arguments.connections);
    let target = reached.target(&run_id, &workload, connections, &runtime).await?;
    let mut crew = Crew::start(arguments, &prepared, &reached, &workload).await?;
    for address in crew.sdk_metrics() {
        console.note(&format!("SDK metrics of a worker: http://{address}/metrics"));
    }
    if let Some(observer) = observer.as_deref_mut() {
        observer.idle_begins(&sampling::settings(arguments, &reached, &task_queue)?).await;
    }
    let sampling = Sampling::start(arguments, &reached, &task_queue, console).await?;
    let latest: Latest = Latest::default();

    if interrupts.count() > 0 {
        crew.stop().await;
        return Err(Failure::Message(Exit::Interrupted, "interrupted; nothing was sent".to_owned()));
    }
    if let Some(observer) = observer.as_deref_mut() {
        observer.load_begins().await;
    }
    // Everything that can be refused has been: from here on there are files.
    let clock = RunClock::starting_in(LEAD);
    let mut manifest = begun(arguments, &prepared, &reached, &workload, completions, &rules, clock);
    manifest.resources.extend(sampling.columns());
    if let Some(measurement) = &mut manifest.measurement {
        measurement.idle_baseline = sampling.idle.clone();
        measurement.self_test = self_test;
    }
    let files = RunFiles::create(&folder, &manifest)
        .map_err(|error| Failure::io(format!("cannot make the run directory: {error}")))?;
    console.note(&format!("run {run_id} on {}: {}", reached.connected.endpoint, folder.display()));

    let settings =
        Settings { max_in_flight: arguments.limits.max_in_flight as usize, max_waiting: MOST_WAITING, completions };
    let load = Load {
        arrivals: prepared.profile.arrivals.clone(),
        seed: arguments.seed,
        until: prepared.until,
        settings,
        spin: Duration::ZERO,
    };
    let (backlog, canary) = (sampling.index(columns::BACKLOG), sampling.index(columns::CANARY));
    let target_cpu: Vec<usize> = TARGET_CPU.iter().filter_map(|name| sampling.index(name)).collect();
    if let Some(rule) = rules.iter().find(|rule| rule.kind == AbortKind::TargetCpu).filter(|_| target_cpu.is_empty()) {
        console.note(&format!(
            "the rule {rule} has nothing to look at: no process of the target is on this machine (--pid)"
        ));
    }
    let sampled = sampling.sample_into(Arc::clone(&latest), Arc::clone(&books.recorder), clock, *console);
    let engine = Engine::start(&load, &workload, target, books.clone(), clock, &runtime)?;
    crew.report_to(
        engine.driver().clone(),
        engine.follower(),
        Arc::clone(&books.recorder),
        Arc::clone(&books.errors),
        sampled.closed(),
        clock,
    );
    crew.follow(&prepared.profile.events, clock, prepared.measured_from, *console);
    let monitor = Monitor::start(Watched {
        clock,
        driver: engine.driver().clone(),
        books: books.clone(),
        files,
        phases: prepared.phases.clone(),
        latest,
        backlog,
        canary,
        target_cpu,
        progress: Progress::new(console.quiet, &prepared.phases),
        watch: AbortWatch::new(rules.clone()),
        gaps: GapReservoir::new(prepared.profile.arrivals.clone(), arguments.seed),
    })?;
    let mut course = Course { engine, monitor: &monitor, interrupts: interrupts.clone(), clock, console };
    let end = course.run(prepared.until, arguments.limits.drain).await;
    let engine = course.engine;
    if let (Some(observer), End::Complete) = (observer.as_deref_mut(), &end) {
        observe(observer, &load, &prepared, &reached, &workload, &books, interrupts).await;
    }
    let lost = crew.lost();
    let findings = sampled.stop().await;
    crew.stop().await;
    let monitored = monitor.finish()?;
    if arguments.limits.cleanup && reached.embedded.is_none() {
        let swept = sweep(&reached.connected, &run_id, CLEANUP_LIMIT, false).await?;
        console.note(&swept.words(&run_id));
    }
    drop(runtime);
    finish::finish(finish::Finished {
        arguments,
        prepared: &prepared,
        load,
        manifest,
        books,
        engine,
        monitored,
        end,
        lost,
        findings,
        per_workflow: observer.and_then(|observer| observer.observed().per_workflow.clone()),
    })
    .map(Some)
}

/// Reads what the load left, when all of it is there: counters, then histories of the measured window.
async fn observe(
    observer: &mut Observer,
    load: &Load,
    prepared: &Prepared,
    reached: &Reached,
    workload: &Workload,
    books: &Books,
    interrupts: &Interrupts,
) {
    if reached.embedded.is_some() {
        return;
    }
    let mut interrupts = interrupts.clone();
    let aftermath = if observer.counts() { AFTERMATH } else { Duration::ZERO };
    tokio::select! {
        () = interrupts.next() => return,
        () = tokio::time::sleep(aftermath) => {}
    }
    observer.load_ended(books.ledger.whole().sent).await;
    let measured = (0..).zip(load.schedule()).filter(|(_, at)| *at >= prepared.measured_from);
    let ids: Vec<String> = measured.map(|(ordinal, _)| workload.run().workflow_id(ordinal)).collect();
    tokio::select! {
        () = interrupts.next() => {}
        () = observer.read_histories(&reached.connected, &ids) => {}
    }
}

/// Says what the run would do, and asks for a yes. `false` after a dry run: there is nothing more to do.
fn consented(
    arguments: &RunArgs,
    prepared: &Prepared,
    reached: &Reached,
    workload: &Workload,
    rules: &[AbortRule],
    console: &Console,
) -> Result<bool, Failure> {
    let endpoint = &reached.connected.endpoint;
    let arrivals = prepared.profile.arrivals.window(Nanos::ZERO, prepared.until);
    let calibration = prepared.calibration(&arguments.profile)?.on_machine(prepared.profile.cluster.canary_cpu);
    let calibration = calibration.map_err(|error| Failure::usage(error.to_string()))?;
    let notes: Vec<String> = prepared.changes.iter().chain(workload.not_replayed()).cloned().collect();
    let dry_run = DryRun::of(&Intent {
        endpoint,
        server: Some(&reached.connected.server),
        profile: &prepared.profile,
        calibration: &calibration,
        arrivals: arrivals.as_ref().unwrap_or(&prepared.profile.arrivals),
        ramp: prepared.ramp,
        seed: arguments.seed,
        caps: Caps {
            max_in_flight: arguments.limits.max_in_flight,
            max_starts: arguments.limits.max_starts,
            max_duration: arguments.limits.max_duration,
        },
        rules,
        run: workload.run(),
        notes: &notes,
    })?;
    if arguments.safety.dry_run {
        console.answer(&dry_run.to_string())?;
        return Ok(false);
    }
    if arguments.safety.yes {
        console.detail(&dry_run.to_string());
        prepared.changes.iter().for_each(|change| console.note(&format!("changed: {change} (--longest-wait)")));
    } else {
        console.note(&dry_run.to_string());
    }
    // What the program starts for itself needs nobody's leave.
    if reached.embedded.is_none() {
        consent(endpoint, &arguments.safety, &dry_run.what(), &mut Terminal)?;
    }
    Ok(true)
}

/// Whether the work is done by this program.
fn has_workers(arguments: &RunArgs) -> bool {
    arguments.target == TargetChoice::Cluster && arguments.workers != WorkersChoice::Own
}

fn completions(arguments: &RunArgs) -> Result<Completions, Failure> {
    let seen_by_workers = has_workers(arguments);
    match arguments.completions {
        Some(CompletionsChoice::Hook) if !seen_by_workers => Err(Failure::usage(
            "--completions hook needs workers of this program: with --workers own or --target embedded, only long-poll sees the end of a workflow",
        )),
        Some(CompletionsChoice::Hook) => Ok(Completions::Hook),
        Some(CompletionsChoice::LongPoll) => Ok(Completions::LongPoll),
        None if seen_by_workers => Ok(Completions::Hook),
        None => Ok(Completions::LongPoll),
    }
}

/// What this machine can generate; a run without the answer is a run all the same.
async fn self_test(console: &Console) -> Option<SelfTest> {
    let program = std::env::current_exe().ok()?;
    match tokio::task::spawn_blocking(move || cache::of_this_machine(&program)).await {
        Ok(Ok(outcome)) => Some(outcome.summary()),
        Ok(Err(failure)) => {
            console.warn(&format!("no self-test: {failure}"));
            None
        }
        Err(_) => None,
    }
}

/// The manifest of a run that begins: enough for `cleanup` when the run is killed.
fn begun(
    arguments: &RunArgs,
    prepared: &Prepared,
    reached: &Reached,
    workload: &Workload,
    completions: Completions,
    rules: &[AbortRule],
    clock: RunClock,
) -> Manifest {
    let profile = prepared.document.to_json(&World::mid());
    let cluster = profile.get("cluster").cloned().unwrap_or_default();
    let endpoint = &reached.connected.endpoint;
    let cap = |of: &str, limit: f64| Cap { of: of.to_owned(), limit, reached: false };
    let measurement = Measurement {
        run_id: workload.run().to_string(),
        target: plimsoll_reports::run_dir::Target {
            address: endpoint.address().value.to_string(),
            namespace: endpoint.namespace().to_owned(),
            task_queue: workload.task_queue().to_owned(),
            tls: endpoint.describe().iter().any(|(name, value, _)| *name == "tls" && value != "off"),
            embedded: reached.embedded.is_some(),
        },
        workers: match arguments.workers {
            _ if reached.embedded.is_some() => WorkersKind::None,
            WorkersChoice::InProcess => WorkersKind::InProcess,
            WorkersChoice::Processes(_) => WorkersKind::Processes,
            WorkersChoice::Own => WorkersKind::Own,
        },
        completions: match completions {
            Completions::Hook => CompletionsBy::Worker,
            Completions::LongPoll => CompletionsBy::LongPoll,
        },
        window: Window {
            start_seconds: prepared.measured_from.as_secs_f64(),
            end_seconds: prepared.until.as_secs_f64(),
        },
        caps: vec![
            cap("requests in flight", f64::from(arguments.limits.max_in_flight)),
            cap("starts", arguments.limits.max_starts as f64),
            cap("seconds of schedule", arguments.limits.max_duration.as_secs_f64()),
        ],
        abort_rules: rules
            .iter()
            .map(|rule| plimsoll_reports::run_dir::AbortRule {
                rule: rule.to_string(),
                fired_at_seconds: None,
                found: None,
            })
            .collect(),
        ..Measurement::default()
    };
    Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        kind: RunKind::Measured,
        profile_name: prepared.profile.name.clone(),
        profile: format!("{profile:#}"),
        cluster_name: prepared.profile.cluster.name.clone(),
        cluster: format!("{cluster:#}"),
        seed: arguments.seed,
        versions: reached.versions(),
        clock: Clock::wall(clock.started_at()),
        phases: prepared.phases.clone(),
        sent: Sent::default(),
        verdict: RunVerdict { verdict: Trust::Incomplete, reasons: Vec::new() },
        resources: monitor::own_columns(),
        measurement: Some(measurement),
        scenario: None,
        summary: None,
    }
}

/// Seconds of the run, for people.
fn seconds(at: Nanos) -> String {
    format!("{:.1} s", at.as_secs_f64())
}
