//! Once a second, on a thread of its own: what was recorded goes to the files, and the user is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plimsoll_profiles::units::{Nanos, Probability};
use plimsoll_reports::run_dir::{Phase, ResourceColumn, columns};

use crate::clock::RunClock;
use crate::driver::{Books, Driver};
use crate::failure::Failure;
use crate::progress::{Progress, Snapshot};
use crate::record::recorder::{Recording, add, empty};
use crate::record::{Metric, RunFiles, Tally};
use crate::safety::{AbortWatch, Second};
use crate::verdict::GapReservoir;
use crate::verdict::gaps::Gap;

/// Values that samplers have ready; the monitor takes the newest and never waits for them.
pub type Latest = Arc<Mutex<Vec<Option<f64>>>>;

/// What the monitor has found out so far, one entry per second of the run.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// End of the second.
    pub at: Vec<Nanos>,
    /// Starts offered in it.
    pub offered: Vec<u64>,
    /// Starts sent in it.
    pub sent: Vec<u64>,
    /// Workflows completed in it.
    pub completed: Vec<u64>,
    /// Starts refused and workflows failed in it.
    pub failed: Vec<u64>,
    /// Workflows open at its end.
    pub open: Vec<u64>,
    /// Requests in flight at its end.
    pub in_flight: Vec<u64>,
    /// Operations waiting at the cap at its end.
    pub waiting: Vec<u64>,
    /// Cores this process used in it.
    pub cpu: Vec<f64>,
    /// CPU time of the canary's computation, as far as it was read.
    pub canary: Vec<Nanos>,
}

/// What a monitor hands back when it is told to end.
pub struct Monitored {
    /// The files, with everything in them but the final manifest.
    pub files: RunFiles,
    /// Second by second.
    pub series: Series,
    /// Gaps between sends.
    pub gaps: Vec<Gap>,
}

/// The columns of `resources.csv` that the generator itself knows.
pub fn own_columns() -> Vec<ResourceColumn> {
    let column = |name: &str, unit: &str| ResourceColumn { name: name.to_owned(), unit: unit.to_owned() };
    vec![
        column(columns::OFFERED, "1/s"),
        column(columns::SENT, "1/s"),
        column(columns::COMPLETED, "1/s"),
        column(columns::FAILED, "1/s"),
        column(columns::OPEN_WORKFLOWS, "workflows"),
        column(columns::IN_FLIGHT, "requests"),
        column("waiting", "operations"),
    ]
}

/// What a monitor watches.
pub struct Watched {
    /// Time.
    pub clock: RunClock,
    /// The driver.
    pub driver: Driver,
    /// Its books.
    pub books: Books,
    /// The files.
    pub files: RunFiles,
    /// Phases, for the progress line.
    pub phases: Vec<Phase>,
    /// What samplers have.
    pub latest: Latest,
    /// Which of the samplers' values is the backlog.
    pub backlog: Option<usize>,
    /// Which of them is the canary's CPU time.
    pub canary: Option<usize>,
    /// Which of them are the CPU of the target's processes, where these are on this machine.
    pub target_cpu: Vec<usize>,
    /// Where the user is told.
    pub progress: Progress,
    /// What ends the run.
    pub watch: AbortWatch,
    /// A sample of the gaps between sends.
    pub gaps: GapReservoir,
}

/// A running monitor.
pub struct Monitor {
    thread: JoinHandle<Monitored>,
    end: Arc<AtomicBool>,
    shared: Arc<Mutex<Shown>>,
}

/// What the rest of the program may look at while it runs.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// What could not be written.
    pub problem: Option<String>,
    /// Why the run has to end.
    pub abort: Option<String>,
}

impl Monitor {
    /// Starts one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(watched: Watched) -> Result<Monitor, Failure> {
        let end = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Mutex::new(Shown::default()));
        let state = State {
            watched,
            before: Tally::default(),
            series: Series::default(),
            shared: Arc::clone(&shared),
            last: None,
            errors: 0,
            cpu: OwnCpu::now(),
        };
        let thread = std::thread::Builder::new()
            .name("monitor".to_owned())
            .spawn({
                let end = Arc::clone(&end);
                move || state.watch(&end)
            })
            .map_err(|error| Failure::io(format!("cannot start the monitor's thread: {error}")))?;
        Ok(Monitor { thread, end, shared })
    }

    /// What it has to say.
    pub fn shown(&self) -> Shown {
        self.shared.lock().clone()
    }

    /// Takes what is left, and ends.
    ///
    /// # Errors
    /// When its thread broke.
    pub fn finish(self) -> Result<Monitored, Failure> {
        self.end.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| Failure::io("the monitor's thread broke; the run directory may lack its end"))
    }
}

struct State {
    watched: Watched,
    before: Tally,
    series: Series,
    shared: Arc<Mutex<Shown>>,
    last: Option<Nanos>,
    errors: u64,
    cpu: OwnCpu,
}

impl State {
    fn watch(mut self, end: &AtomicBool) -> Monitored {
        let mut second = 1;
        while !end.load(Ordering::Acquire) {
            let due = self.watched.clock.instant(Nanos::from_secs(second));
            let now = Instant::now();
            if now < due {
                std::thread::park_timeout((due - now).min(Duration::from_millis(200)));
                continue;
            }
            self.tick();
            // A second that was slept through is not made up for: the next row covers it too.
            second = (self.watched.clock.now().0 / 1_000_000_000 + 1).max(second + 1);
        }
        self.tick();
        self.watched.progress.finish();
        Monitored { files: self.watched.files, series: self.series, gaps: self.watched.gaps.gaps().to_vec() }
    }

    fn tick(&mut self) {
        let now = self.watched.clock.now();
        let length = now.saturating_sub(self.last.unwrap_or(Nanos::ZERO));
        if length == Nanos::ZERO {
            return;
        }
        self.last = Some(now);
        let recordings = self.watched.books.recorder.take();
        self.watched.files.append(&recordings);

        let tally = self.watched.books.ledger.whole();
        let done = tally.since(&self.before);
        self.before = tally;
        let open = tally.accepted.saturating_sub(tally.completed + tally.failed.saturating_sub(tally.refused));
        let (in_flight, waiting) = (self.watched.driver.in_flight(), self.watched.driver.waiting());
        let sampled = self.watched.latest.lock().clone();
        let cpu = self.cpu.used(length);
        let per_second = |count: u64| count as f64 / length.as_secs_f64();
        let mut row = vec![
            Some(per_second(done.offered)),
            Some(per_second(done.sent)),
            Some(per_second(done.completed)),
            Some(per_second(done.failed)),
            Some(open as f64),
            Some(in_flight as f64),
            Some(waiting as f64),
        ];
        row.extend(sampled.iter().copied());
        self.watched.files.row(now, &row);

        let backlog = self.watched.backlog.and_then(|index| sampled.get(index).copied().flatten());
        let series = &mut self.series;
        series.at.push(now);
        series.offered.push(done.offered);
        series.sent.push(done.sent);
        series.completed.push(done.completed);
        series.failed.push(done.failed);
        series.open.push(open);
        series.in_flight.push(in_flight as u64);
        series.waiting.push(waiting as u64);
        series.cpu.extend(cpu);
        let canary = self.watched.canary.and_then(|index| sampled.get(index).copied().flatten());
        series.canary.extend(canary.map(Nanos::from_secs_f64));
        for (intended, sent) in self.watched.books.ledger.take_sends() {
            self.watched.gaps.record(intended, sent);
        }

        let snapshot = Snapshot {
            at: now,
            offered: per_second(done.offered),
            sent: per_second(done.sent),
            completed: per_second(done.completed),
            in_flight,
            open,
            waiting,
            start: quantiles(&recordings, Metric::StartResponse),
            e2e: quantiles(&recordings, Metric::EndToEndResponse),
            failed: tally.failed,
            backlog,
        };
        let phase = phase_at(&self.watched.phases, now);
        self.watched.progress.say(&snapshot, phase);
        let errors = self.watched.books.errors.refusals();
        let failed = errors - self.errors;
        self.errors = errors;
        let answered = answered(&recordings);
        let second = Second {
            answered: answered + failed,
            failed,
            backlog: backlog.map(|backlog| backlog as u64),
            p99: snapshot.start.map(|(_, p99)| p99),
            target_cpu: target_cpu(&sampled, &self.watched.target_cpu),
        };
        let abort = self.watched.watch.feed(second).map(str::to_owned);
        let problem = self.watched.files.problem().map(str::to_owned);
        let mut shown = self.shared.lock();
        if let (Some(problem), None) = (&problem, &shown.problem) {
            self.watched.progress.note(&format!("warning: {problem}; nothing more is written"));
        }
        *shown = Shown { problem, abort };
    }
}

/// The part of this machine's cores that the target's processes use; `None` where one of them was not read.
fn target_cpu(sampled: &[Option<f64>], columns: &[usize]) -> Option<Probability> {
    if columns.is_empty() {
        return None;
    }
    let used: f64 = columns.iter().map(|index| sampled.get(*index).copied().flatten()).sum::<Option<f64>>()?;
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    Some(Probability::new((used / cores).clamp(0.0, 1.0)))
}

/// Processor time of this process.
struct OwnCpu {
    ticks: Option<u64>,
}

impl OwnCpu {
    fn now() -> Self {
        OwnCpu { ticks: own_ticks() }
    }

    /// Cores used since the last call, `length` ago; `None` where /proc does not say.
    fn used(&mut self, length: Nanos) -> Option<f64> {
        let before = std::mem::replace(&mut self.ticks, own_ticks())?;
        let ticks = self.ticks?.saturating_sub(before);
        Some(ticks as f64 / procfs::ticks_per_second() as f64 / length.as_secs_f64())
    }
}

fn own_ticks() -> Option<u64> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    Some(stat.utime + stat.stime)
}

/// Requests that were answered well.
fn answered(recordings: &[Recording]) -> u64 {
    let services = [
        Metric::StartService,
        Metric::SignalService,
        Metric::QueryService,
        Metric::UpdateService,
        Metric::CancelService,
        Metric::TerminateService,
    ];
    recordings.iter().filter(|recording| services.contains(&recording.metric)).map(|r| r.histogram.len()).sum()
}

fn quantiles(recordings: &[Recording], metric: Metric) -> Option<(Nanos, Nanos)> {
    let mut all = empty();
    recordings.iter().filter(|recording| recording.metric == metric).for_each(|r| add(&mut all, &r.histogram));
    let quantile = |q: f64| Nanos(all.value_at_quantile(q));
    (!all.is_empty()).then(|| (quantile(0.5), quantile(0.99)))
}

fn phase_at(phases: &[Phase], at: Nanos) -> &str {
    // The row at the end of a second is about that second.
    let seconds = at.as_secs_f64() - 0.5;
    phases.iter().find(|phase| seconds < phase.end_seconds).map_or("drain", |phase| &phase.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_cpu_is_known_when_all_its_processes_are() {
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let sampled = [Some(9.0), Some(0.25 * cores), None, Some(0.5 * cores)];
        assert_eq!(target_cpu(&sampled, &[1, 3]), Some(Probability::new(0.75)));
        assert_eq!(target_cpu(&sampled, &[1, 2]), None);
        assert_eq!(target_cpu(&sampled, &[]), None);
        assert_eq!(
            target_cpu(&[Some(2.0 * cores)], &[0]),
            Some(Probability::new(1.0)),
            "readings are not of the same moment"
        );
    }
}
