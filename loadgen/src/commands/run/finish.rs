//! The manifest, the report and the answer.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use plimsoll_profiles::units::{Cores, Nanos, Rate};
use plimsoll_reports::measured::summarise;
use plimsoll_reports::run_dir::{
    Interruption, LOG_FILE, Manifest, MeasuredCounts, RESOURCES_FILE, Run, Trust, joined, read_log, read_resources,
};
use plimsoll_reports::run_document::{PerWorkflow, RunDocument};
use plimsoll_reports::{html, text};

use super::course::End;
use super::monitor::{Monitored, Series};
use super::prepare::Prepared;
use super::sampling::Findings;
use crate::cli::{Format, RunArgs};
use crate::console::Console;
use crate::driver::Books;
use crate::engine::{Engine, Load};
use crate::failure::{Exit, Failure};
use crate::find_capacity::{Kept, kept};
use crate::verdict::{Ended, Evidence, GeneratorUse, Second, judge};

/// The HTML report within the run directory.
const REPORT_FILE: &str = "report.html";

/// A run that has ended.
pub struct Finished<'a> {
    /// The flags.
    pub arguments: &'a RunArgs,
    /// What was run.
    pub prepared: &'a Prepared,
    /// What was to be sent.
    pub load: Load,
    /// The manifest it began with.
    pub manifest: Manifest,
    /// The books.
    pub books: Books,
    /// What sent.
    pub engine: Engine,
    /// What was seen.
    pub monitored: Monitored,
    /// How it ended.
    pub end: End,
    /// Workers that went away.
    pub lost: Vec<String>,
    /// What samplers said at the end.
    pub findings: Findings,
    /// Costs of a workflow by counters read before and after; without them the series say what they can.
    pub per_workflow: Option<PerWorkflow>,
}

/// A run that is judged and written.
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Its manifest, with everything in it.
    pub manifest: Manifest,
    /// Its results.
    pub document: RunDocument,
    /// What happened, for people: counts and errors.
    counts: String,
    /// Whether the profile's promise was kept.
    pub promise: Kept,
    /// Nothing is executed on the embedded target, so the promise says nothing there.
    embedded: bool,
    folder: PathBuf,
    /// What could not be written.
    unwritten: Option<String>,
}

/// Judges the run, and writes the final manifest and the report.
///
/// # Errors
/// Never for a run that began with a measurement in its manifest.
pub fn finish(mut run: Finished<'_>) -> Result<Outcome, Failure> {
    let folder = run.monitored.files.folder().to_path_buf();
    let counts = counts(&run);
    let mut notes = Vec::new();
    // As written: what is judged and summed up is what everybody else can read.
    let intervals = joined(read_log(&folder.join(LOG_FILE), &mut notes).unwrap_or_default());
    let resources = read_resources(&folder.join(RESOURCES_FILE), &mut notes).unwrap_or_default();
    let evidence = Evidence { intervals: intervals.clone(), ..evidence(&run, counts) };
    let judgement = judge(&evidence);

    let mut manifest = run.manifest.clone();
    manifest.sent = counts.sent();
    manifest.verdict = judgement.verdict.clone();
    if let Some(measurement) = &mut manifest.measurement {
        measurement.counts = counts;
        let Findings { problems, statement_costs, table_growth } = std::mem::take(&mut run.findings);
        measurement.sampler_problems = problems;
        measurement.statement_costs = statement_costs;
        measurement.table_growth = table_growth;
        measurement.window.end_seconds = until(&run).as_secs_f64().max(measurement.window.start_seconds);
        judgement.record(measurement);
        ended(&run.end, measurement);
        if let Some(cap) = measurement.caps.first_mut() {
            cap.reached = counts.delayed > 0 || run.monitored.series.waiting.iter().any(|waiting| *waiting > 0);
        }
    }
    let mut directory = Run { manifest, intervals, resources, notes };
    let Some(mut document) = summarise(&directory, judgement.steady_state) else {
        return Err(Failure::io("the run has no measurement; this is a mistake of the program"));
    };
    document.warnings.extend(warnings(&run));
    if let Some(counted) = &run.per_workflow {
        document.per_workflow = counted.clone();
    }
    directory.manifest.summary = Some(document.clone());
    run.monitored.files.finish(&directory.manifest);

    let embedded = directory.manifest.measurement.as_ref().is_some_and(|measurement| measurement.target.embedded);
    let promise = kept(&run.prepared.profile.slo, &document, &directory);
    let page = html::run(&document, Some(&directory));
    let mut unwritten = run.monitored.files.problem().map(str::to_owned);
    for file in std::iter::once(folder.join(REPORT_FILE)).chain(run.arguments.output.html.clone()) {
        if let Err(error) = std::fs::write(&file, &page) {
            unwritten.get_or_insert_with(|| format!("cannot write {}: {error}", file.display()));
        }
    }
    let words = words(&run, counts);
    Ok(Outcome {
        end: run.end,
        manifest: directory.manifest,
        document,
        counts: words,
        promise,
        embedded,
        folder,
        unwritten,
    })
}

impl Outcome {
    /// Prints the answer, and says how the command ends.
    ///
    /// # Errors
    /// When the answer or the run's files could not be written.
    pub fn tell(&self, format: Format, console: &Console) -> Result<Exit, Failure> {
        match format {
            Format::Human => {
                let (width, colour) = console.page();
                console.answer(&text::run(&self.document, width, colour))?;
                console.answer(&self.verdict())?;
            }
            Format::Json => {
                let json = serde_json::to_string_pretty(&self.manifest)
                    .map_err(|error| Failure::io(format!("the answer cannot be written as JSON: {error}")))?;
                console.answer(&format!("{json}\n"))?;
            }
        }
        if let Some(problem) = &self.unwritten {
            return Err(Failure::io(format!("{problem}; what was written until then can be read")));
        }
        Ok(match (&self.end, self.manifest.verdict.verdict) {
            (End::Interrupted(_), _) => Exit::Interrupted,
            (_, Trust::Invalid) => Exit::InvalidRun,
            _ if !self.embedded && !self.promise.kept => Exit::Finding,
            _ => Exit::Success,
        })
    }

    /// The verdict, the counts and where everything is.
    fn verdict(&self) -> String {
        let mut out = format!("\n{}", self.manifest.verdict.verdict.word());
        for reason in &self.manifest.verdict.reasons {
            out.push_str(&format!("\n  {reason}"));
        }
        if !self.embedded {
            let slo = &self.promise;
            let word = match (slo.kept, slo.sure) {
                (true, true) => "met",
                (true, false) => "met, as far as it can be told",
                (false, _) => "not met",
            };
            out.push_str(&format!("\nSLO {word}: {}", slo.because.join("; ")));
        }
        out.push_str(&format!("\n{}{} ({REPORT_FILE})\n", self.counts, self.folder.display()));
        out
    }
}

/// The counts and the errors.
fn words(run: &Finished<'_>, counts: MeasuredCounts) -> String {
    let mut out = format!(
        "{} offered = {} completed + {} failed + {} unfinished + {} unsent\n",
        counts.offered, counts.completed, counts.failed, counts.unfinished, counts.unsent
    );
    for (operation, kind, error) in run.books.errors.kinds() {
        let example = if error.example.is_empty() { String::new() } else { format!(": {}", error.example) };
        out.push_str(&format!("{operation}: {} × {kind}{example}\n", error.count));
    }
    out
}

fn counts(run: &Finished<'_>) -> MeasuredCounts {
    let tally = run.books.ledger.whole();
    let counters = run.engine.driver().counters();
    MeasuredCounts {
        offered: tally.offered,
        sent: tally.sent,
        completed: tally.completed,
        failed: tally.failed,
        unfinished: tally.unfinished,
        unsent: tally.unsent,
        delayed: counters.starts_delayed.load(Ordering::Relaxed),
        retries: counters.retries.load(Ordering::Relaxed),
    }
}

fn evidence(run: &Finished<'_>, counts: MeasuredCounts) -> Evidence {
    let counters = run.engine.driver().counters();
    let cores = std::thread::available_parallelism().map_or(0.0, |cores| cores.get() as f64);
    let series = &run.monitored.series;
    let used = series.at.iter().zip(&series.cpu).map(|(at, cores)| (*at, Cores::new(cores.max(0.0)))).collect();
    Evidence {
        begin: run.prepared.measured_from,
        end: until(run),
        counts,
        seconds: seconds(run, series),
        gaps: run.monitored.gaps.clone(),
        canary: series.canary.clone(),
        in_flight_cap: Some(u64::from(run.arguments.limits.max_in_flight)),
        longest_delay: Nanos(counters.longest_delay.load(Ordering::Relaxed)),
        completions_lost: 0,
        self_test: self_test(run),
        generator: GeneratorUse { limit: Cores::new(cores), used },
        ended: match &run.end {
            End::Complete => None,
            End::Interrupted(at) => Some(Ended::Interrupted { at: *at, by: "Ctrl-C".to_owned() }),
            End::Aborted(at, why) => {
                Some(Ended::Aborted { at: *at, rule: "abort rule".to_owned(), found: why.clone() })
            }
            End::Unwritable(at, why) => Some(Ended::Interrupted { at: *at, by: format!("a full disk ({why})") }),
        },
        ..Evidence::default()
    }
}

fn self_test(run: &Finished<'_>) -> Option<Rate> {
    let made = run.manifest.measurement.as_ref()?.self_test.as_ref()?;
    Some(Rate::per_second(made.starts_per_second))
}

/// The end of the schedule, as far as it was offered.
fn until(run: &Finished<'_>) -> Nanos {
    run.engine.stopped_at().map_or(run.prepared.until, |stopped| stopped.min(run.prepared.until))
}

/// What was to be sent and was sent, by second of the schedule; what closed and was open, by the monitor's rows.
fn seconds(run: &Finished<'_>, series: &Series) -> Vec<Second> {
    const LENGTH: Nanos = Nanos::from_secs(1);
    let (offered, sent) = run.books.ledger.by_second();
    let until = until(run);
    let mut intended = vec![0u64; until.0.div_ceil(LENGTH.0) as usize];
    for at in run.load.schedule().take_while(|at| *at <= until) {
        if let Some(count) = intended.get_mut((at.0 / LENGTH.0) as usize) {
            *count += 1;
        }
    }
    let mut list: Vec<Second> = (0..intended.len().max(sent.len()))
        .map(|second| {
            let start = Nanos::from_secs(second as u64);
            let at = |counts: &[u64]| counts.get(second).copied().unwrap_or(0);
            Second {
                start,
                length: match intended.len() {
                    // The schedule may end within its last second.
                    count if second + 1 == count => until.saturating_sub(start).min(LENGTH),
                    _ => LENGTH,
                },
                intended: at(&intended),
                offered: at(&offered),
                sent: at(&sent),
                closed: Some(0),
                open: None,
            }
        })
        .collect();
    for (index, at) in series.at.iter().enumerate() {
        // A row is written just after the second it is about.
        let second = (at.0 / LENGTH.0).saturating_sub(1) as usize;
        if let Some(entry) = list.get_mut(second) {
            let refused_and_closed = series.completed[index] + series.failed[index];
            entry.closed = Some(entry.closed.unwrap_or(0) + refused_and_closed);
            entry.open = Some(series.open[index]);
        }
    }
    list
}

fn ended(end: &End, measurement: &mut plimsoll_reports::run_dir::Measurement) {
    match end {
        End::Complete => {}
        End::Interrupted(at) => {
            measurement.interruption = Some(Interruption { at_seconds: at.as_secs_f64(), by: "Ctrl-C".to_owned() });
        }
        End::Unwritable(at, why) => {
            measurement.interruption = Some(Interruption { at_seconds: at.as_secs_f64(), by: why.clone() });
        }
        End::Aborted(at, why) => {
            let fired = measurement.abort_rules.iter_mut().find(|rule| why.contains(&format!("(rule {})", rule.rule)));
            if let Some(rule) = fired {
                rule.fired_at_seconds = Some(at.as_secs_f64());
                rule.found = Some(why.clone());
            }
        }
    }
}

fn warnings(run: &Finished<'_>) -> Vec<String> {
    let mut list: Vec<String> = run.prepared.changes.clone();
    list.extend(run.lost.iter().map(|reason| format!("a worker went away: {reason}")));
    for (operation, kind, error) in run.books.errors.kinds() {
        let example = if error.example.is_empty() { String::new() } else { format!(", the first: {}", error.example) };
        list.push(format!("{operation}: {} × {kind}{example}", error.count));
    }
    let counters = run.engine.driver().counters();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (offered, done) = (count(&counters.follow_ups_offered), count(&counters.follow_ups_done));
    if offered > done {
        list.push(format!(
            "of {offered} signals, queries, updates, cancellations and terminations, {} failed, {} had no object any more, {} were not sent",
            count(&counters.follow_ups_failed),
            count(&counters.follow_ups_moot),
            count(&counters.follow_ups_unsent)
        ));
    }
    list
}
