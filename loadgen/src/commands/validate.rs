//! `plimsoll-load validate`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll::model::{self, LoadWindow, ModelError, Watcher};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::compare::Tolerances;
use plimsoll_reports::run_dir::{self, Run};
use plimsoll_reports::validation::{MachineSpeed, MeasuredRun, PredictedRun, StepTimes, Validation, unusable};
use plimsoll_reports::{html, text};

use super::interrupts::Interrupts;
use super::run::{End, Leave, Outcome, Prepared, execute, prepare};
use crate::cli::{CompletionsChoice, Format, RunArgs, TargetChoice, ValidateArgs, WorkersChoice};
use crate::connect::Endpoint;
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::samplers::local_cluster::LocalCluster;
use crate::validate::machine::Speed;
use crate::validate::{Observer, Repeats, Try, cluster};

/// The idle target is watched for at least this: what it does by itself is taken off, and comes in bursts.
const IDLE: Nanos = Nanos::from_secs(20);
/// The model's run within the directory.
const SIMULATED: &str = "sim";
/// The document within the directory.
const DOCUMENT_FILE: &str = "validation.json";
/// The page within the directory.
const PAGE_FILE: &str = "validation.html";

/// Simulates the load, runs it several times, and holds the one against the others.
///
/// # Errors
/// When there is nothing to compare: wrong profile or flags, target not reached, files that cannot be made, or Ctrl-C before a run
/// that counts.
pub fn run(arguments: &ValidateArgs, console: &Console) -> Result<Exit, Failure> {
    if arguments.run.arrivals.find_capacity {
        return Err(Failure::usage("validate runs one load several times: leave --find-capacity out"));
    }
    let tolerances = tolerances(arguments.tolerances.as_deref())?;
    let earlier = arguments.measured.as_deref().map(Earlier::read).transpose()?;
    super::block_on(async {
        let interrupts = Interrupts::listen()?;
        let (flags, changes) = flags(arguments, earlier.as_ref())?;
        let prepared = prepare(&flags)?;
        if flags.safety.dry_run {
            // What it would send, as often.
            execute(&flags, prepared, Leave::Needed, None, &interrupts, console).await?;
            return Ok(Exit::Success);
        }
        changes.iter().for_each(|change| console.note(change));
        let folder = folder(arguments);
        let mut repeats = Repeats::new(usize::from(arguments.repeats));
        let mut series = match earlier {
            Some(Earlier::Document(document)) => {
                let speed = speed(&prepared, &flags, document.canary_seconds())?;
                let predicted = simulate(&prepared, &flags, &folder, speed, &interrupts)?;
                let validation = document.against(&predicted, &tolerances);
                answer(&validation, arguments, &folder, console)?;
                return Ok(exit(&validation));
            }
            Some(Earlier::Runs(runs)) => {
                runs.iter().for_each(|run| repeats.record(tried(&run.run)));
                let speed = speed(&prepared, &flags, repeats.canary())?;
                let predicted = simulate(&prepared, &flags, &folder, speed, &interrupts)?;
                let series = Series { arguments, flags, folder, repeats, runs };
                return series.tell(&predicted, &tolerances, false, console);
            }
            None => Series { arguments, flags, folder, repeats, runs: Vec::new() },
        };
        // Before anything is sent: a profile that the model cannot run is told now, and an interrupted series has something beside it.
        let mut predicted = simulate(&prepared, &series.flags, &series.folder, None, &interrupts)?;
        console.note(&format!("simulated: {}", series.folder.join(SIMULATED).display()));
        let interrupted = series.run(&interrupts, console).await?;
        if let speed @ Some(_) = speed(&prepared, &series.flags, series.repeats.canary())? {
            match simulate(&prepared, &series.flags, &series.folder, speed, &interrupts) {
                Ok(at_speed) => predicted = at_speed,
                // The runs are kept all the same, beside the model on the calibration's own machine.
                Err(Failure::Message(Exit::Interrupted, _)) => {}
                Err(error) => return Err(error),
            }
        }
        series.tell(&predicted, &tolerances, interrupted, console)
    })
}

/// How fast the machine was against the calibration's, by the runs' canary; `None` where one of them is not known, or the profile says how fast
/// its cluster is.
fn speed(prepared: &Prepared, flags: &RunArgs, measured: Option<f64>) -> Result<Option<MachineSpeed>, Failure> {
    let is_told = prepared.profile.cluster.canary_cpu.is_some();
    let calibrated = prepared.calibration(&flags.profile)?.canary_cpu.filter(|_| !is_told);
    let known = calibrated.zip(measured);
    Ok(known.map(|(calibrated, measured)| MachineSpeed { calibrated: calibrated.as_secs_f64(), measured }))
}

/// The flags of each run, with the costs and the cluster that the model is told in the profile, so that all files have them.
fn flags(arguments: &ValidateArgs, earlier: Option<&Earlier>) -> Result<(RunArgs, Vec<String>), Failure> {
    let mut flags = arguments.run.clone();
    let mut changes = Vec::new();
    if let Some(calibration) = &arguments.calibration {
        let file = Path::new(calibration);
        // The profile's own is looked for beside the profile; this one is where the user is.
        let named = match file.exists() {
            true => std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf()).display().to_string(),
            false => calibration.clone(),
        };
        flags.set.push(format!("calibration={named:?}"));
    }
    flags.samplers.idle_baseline = flags.samplers.idle_baseline.max(IDLE);
    // The model's client waits for each result, which costs a request and a statement: the run's does so too.
    flags.completions.get_or_insert(CompletionsChoice::LongPoll);
    // Histories are read after the load, not beside it: each costs the cluster a statement.
    flags.samplers.histories_per_second = 0;
    if flags.workers != WorkersChoice::Own {
        flags.set.extend(cluster::names(&flags.set));
    }
    if let Some(earlier) = earlier {
        let Earlier::Runs(runs) = earlier else { return Ok((flags, changes)) };
        let told = runs.first().map(|first| cluster::as_measured(&first.run, &flags.set));
        flags.set.extend(told.unwrap_or_default());
    } else if flags.target == TargetChoice::Cluster && !flags.samplers.no_local_cluster {
        let address = Endpoint::resolve(&flags.connect)?.address().value.to_string();
        if let Some(local) = LocalCluster::at(&address) {
            let profile = prepare(&flags)?.profile;
            let (overrides, words) = cluster::overrides(&profile.cluster, &flags.set, &local);
            flags.set.extend(overrides);
            changes.extend(words);
            changes.extend(cluster::other_machine());
        }
    }
    Ok((flags, changes))
}

fn folder(arguments: &ValidateArgs) -> PathBuf {
    let named = || PathBuf::from(format!("validate-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
    let beside = |measured: &PathBuf| match measured.is_dir() {
        true => measured.clone(),
        false => measured.parent().map_or_else(PathBuf::new, Path::to_path_buf),
    };
    arguments.run.output.out.clone().or_else(|| arguments.measured.as_ref().map(beside)).unwrap_or_else(named)
}

/// What an earlier validation measured.
enum Earlier {
    /// Its runs.
    Runs(Vec<MeasuredRun>),
    /// Its document alone, which has their numbers.
    Document(Box<Validation>),
}

impl Earlier {
    fn read(path: &Path) -> Result<Earlier, Failure> {
        if path.is_dir() {
            return Ok(Earlier::Runs(measured_before(path)?));
        }
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        let document = serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!(
                "{}:{}: {error}; expected {DOCUMENT_FILE} as `validate` writes it, or its directory",
                path.display(),
                error.line()
            ))
        })?;
        Ok(Earlier::Document(Box::new(document)))
    }
}

/// The runs that an earlier validation left in its directory, in their order.
fn measured_before(folder: &Path) -> Result<Vec<MeasuredRun>, Failure> {
    let mut runs = Vec::new();
    for number in 1.. {
        let name = run_name(number);
        let directory = folder.join(&name);
        if !directory.is_dir() {
            break;
        }
        let run = run_dir::read(&directory).map_err(unread)?;
        let steps = StepTimes::read(&directory).map_err(unread)?;
        runs.push(measured_run(name, run, steps));
    }
    match runs.is_empty() {
        true => Err(Failure::usage(format!(
            "{} holds no runs: expected the directory that `validate` wrote, with {} and so on in it",
            folder.display(),
            run_name(1)
        ))),
        false => Ok(runs),
    }
}

fn unread(error: run_dir::RunDirError) -> Failure {
    Failure::usage(error.to_string())
}

/// The directory of a measured run within the validation's.
fn run_name(number: usize) -> String {
    format!("run-{number}")
}

/// By how much its canary moved is known when all runs are there.
fn measured_run(name: String, run: Run, steps: StepTimes) -> MeasuredRun {
    let canary_seconds = Speed::of(&run).map(|speed| speed.mean);
    MeasuredRun { name, run, steps, canary_moved: None, canary_seconds }
}

/// What counts of a run that has ended.
fn tried(run: &Run) -> Try {
    Try { usable: unusable(run).is_none(), speed: Speed::of(run) }
}

fn tolerances(file: Option<&Path>) -> Result<Tolerances, Failure> {
    let Some(file) = file else { return Ok(Tolerances::accuracy()) };
    let text =
        fs::read_to_string(file).map_err(|error| Failure::io(format!("cannot read {}: {error}", file.display())))?;
    Tolerances::accuracy().overlaid(&text, &file.display().to_string()).map_err(Failure::Problems)
}

/// Ctrl-C as the simulation hears of it: one that came while it ran, not the one that ended the runs before it.
struct Interrupted<'a> {
    interrupts: &'a Interrupts,
    heard: u32,
}

impl Watcher for Interrupted<'_> {
    fn is_cancelled(&self) -> bool {
        self.interrupts.count() > self.heard
    }

    fn say(&self, _: &str) {}
}

/// The model's run, in a directory of its own.
fn simulate(
    prepared: &Prepared,
    flags: &RunArgs,
    folder: &Path,
    speed: Option<MachineSpeed>,
    interrupts: &Interrupts,
) -> Result<PredictedRun, Failure> {
    let canary_cpu = speed.map(|speed| Nanos::from_secs_f64(speed.measured));
    let window = LoadWindow {
        seed: flags.seed,
        measured_from: prepared.measured_from,
        until: prepared.until,
        canary_cpu,
        own_workers: flags.workers != WorkersChoice::Own,
    };
    let watcher = Interrupted { interrupts, heard: interrupts.count() };
    let simulated = tokio::task::block_in_place(|| model::simulate_load(&prepared.document, &window, &watcher));
    let simulated = simulated.map_err(|error| match error {
        ModelError::Problems(problems) => Failure::Problems(problems),
        ModelError::Unsupported(message) => Failure::usage(message),
        ModelError::Cancelled => interrupted_early(),
    })?;
    let into = folder.join(SIMULATED);
    model::write_run_directory(&into, &prepared.document, &simulated, watcher.is_cancelled()).map_err(unwritten)?;
    if watcher.is_cancelled() {
        return Err(interrupted_early());
    }
    let run = run_dir::read(&into).map_err(unwritten)?;
    Ok(PredictedRun { name: SIMULATED.to_owned(), run, steps: model::step_times(&simulated.steps), speed })
}

fn interrupted_early() -> Failure {
    Failure::Message(Exit::Interrupted, "interrupted before any run was measured".to_owned())
}

fn unwritten(error: run_dir::RunDirError) -> Failure {
    Failure::io(error.to_string())
}

/// The measured runs.
struct Series<'a> {
    arguments: &'a ValidateArgs,
    flags: RunArgs,
    folder: PathBuf,
    repeats: Repeats,
    runs: Vec<MeasuredRun>,
}

impl Series<'_> {
    /// Runs until enough runs count, or it is given up; whether Ctrl-C ended it.
    async fn run(&mut self, interrupts: &Interrupts, console: &Console) -> Result<bool, Failure> {
        let mut leave = Leave::Needed;
        while self.repeats.needs_another() {
            let number = self.repeats.tries() + 1;
            let counting = self.repeats.counting();
            console.note(&format!("run {number}: {counting} of {} count so far", self.repeats.wanted()));
            if number > 1 && !pause(self.arguments.pause, interrupts).await {
                return Ok(true);
            }
            let mut flags = self.flags.clone();
            let directory = self.folder.join(run_name(number));
            flags.output.out = Some(directory.clone());
            flags.output.html = None;
            let mut observer = Observer::default();
            let asked = std::mem::replace(&mut leave, Leave::Given);
            let outcome = match execute(&flags, prepare(&flags)?, asked, Some(&mut observer), interrupts, console).await
            {
                // Ctrl-C before it sent anything: the runs before it are kept.
                Err(Failure::Message(Exit::Interrupted, _)) => return Ok(true),
                outcome => outcome?,
            };
            // Only a dry run has none.
            let Some(outcome) = outcome else { return Ok(false) };
            if matches!(outcome.end, End::Interrupted(_)) || interrupts.count() > 0 {
                return Ok(true);
            }
            if let End::Unwritable(_, why) = &outcome.end {
                return Err(Failure::io(format!("{}: {why}", directory.display())));
            }
            self.record(&outcome, &directory, &observer, console)?;
        }
        Ok(false)
    }

    /// Takes a run that has ended.
    fn record(
        &mut self,
        outcome: &Outcome,
        directory: &Path,
        observer: &Observer,
        console: &Console,
    ) -> Result<(), Failure> {
        let observed = observer.observed();
        observed.problems.iter().for_each(|problem| console.warn(problem));
        if !observed.steps.is_empty() {
            observed.steps.write(directory).map_err(unwritten)?;
        }
        let run = run_dir::read(directory).map_err(unwritten)?;
        let verdict = &outcome.manifest.verdict;
        self.repeats.record(tried(&run));
        let name = directory.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let moved = self.repeats.moved().last().copied().flatten();
        let speed = moved.map_or_else(String::new, |moved| format!(", machine speed moved by {:.1} %", moved * 100.0));
        let why = unusable(&run).map_or_else(String::new, |why| format!(": left out, {why}"));
        console.note(&format!("{name}: {}{speed}{why}", verdict.verdict.word()));
        self.runs.push(measured_run(name, run, observed.steps.clone()));
        Ok(())
    }

    /// Holds the model against the runs: files, answer, exit code.
    fn tell(
        mut self,
        predicted: &PredictedRun,
        tolerances: &Tolerances,
        interrupted: bool,
        console: &Console,
    ) -> Result<Exit, Failure> {
        for (run, moved) in self.runs.iter_mut().zip(self.repeats.moved()) {
            run.canary_moved = moved;
        }
        if self.runs.is_empty() {
            return Err(interrupted_early());
        }
        let validation = Validation::new(predicted, &self.runs, tolerances);
        answer(&validation, self.arguments, &self.folder, console)?;
        Ok(match interrupted {
            true => Exit::Interrupted,
            false if self.repeats.counting() == 0 => Exit::InvalidRun,
            false => exit(&validation),
        })
    }
}

fn exit(validation: &Validation) -> Exit {
    match validation.within {
        true => Exit::Success,
        false => Exit::Finding,
    }
}

/// Writes the files, and prints the answer.
fn answer(validation: &Validation, arguments: &ValidateArgs, folder: &Path, console: &Console) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(validation)
        .map_err(|error| Failure::io(format!("the answer cannot be written as JSON: {error}")))?
        + "\n";
    let page = html::validation(validation);
    let mut files = vec![(folder.join(DOCUMENT_FILE), &json), (folder.join(PAGE_FILE), &page)];
    files.extend(arguments.run.output.html.clone().map(|file| (file, &page)));
    for (file, text) in files {
        fs::write(&file, text).map_err(|error| Failure::io(format!("cannot write {}: {error}", file.display())))?;
    }
    match arguments.run.output.format {
        Format::Human => {
            let (width, colour) = console.page();
            console.answer(&text::validation(validation, width, colour))?;
        }
        Format::Json => console.answer(&json)?,
    }
    console.note(&format!("kept in {} ({PAGE_FILE}, {DOCUMENT_FILE})", folder.display()));
    Ok(())
}

/// Waits between two runs; false when Ctrl-C ended the waiting.
async fn pause(length: Nanos, interrupts: &Interrupts) -> bool {
    let mut interrupts = interrupts.clone();
    tokio::select! {
        () = interrupts.next() => false,
        () = tokio::time::sleep(Duration::from_nanos(length.0)) => true,
    }
}
