//! What every sampler is, and the task it runs in.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use plimsoll_reports::run_dir::ResourceColumn;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Reads the values of some columns from somewhere.
///
/// A sampler keeps trying: after an error the next reading begins anew, with a new connection where it had one.
pub(super) trait Sampler: Send + 'static {
    /// What it reads and where, for messages: "PostgreSQL at 127.0.0.1:5432". No secrets.
    fn name(&self) -> String;

    /// Its columns, known before anything answers: the header of `resources.csv` cannot change during a run.
    fn columns(&self) -> Vec<ResourceColumn>;

    /// Time between readings.
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// One value for each column; `None` where there is none. Rates are over the time since the reading before, so the first has none.
    ///
    /// An error is one sentence that says what is wrong and what to do about it.
    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>>;

    /// What it cannot give though it works, as of the last reading: a sentence each.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A reading, and the warnings that came with it.
type Answer = (Result<Vec<Option<f64>>, String>, Vec<String>);

/// A column.
pub(super) fn column(name: impl Into<String>, unit: &str) -> ResourceColumn {
    ResourceColumn { name: name.into(), unit: unit.to_owned() }
}

/// Something a sampler could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The sampler.
    pub sampler: String,
    /// What is wrong and what to do, in a sentence or two.
    pub message: String,
    /// How many readings failed so far.
    pub failures: u64,
    /// Whether a later reading succeeded.
    pub recovered: bool,
}

/// A sampler that hangs is given up for the moment after this.
const LONGEST_READING: Duration = Duration::from_secs(10);

/// A sampler in a task of its own, so that a slow one holds up neither the others nor the row.
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) columns: Range<usize>,
    interval: Duration,
    requests: mpsc::Sender<()>,
    answers: mpsc::Receiver<Answer>,
    reading: bool,
    asked_at: Option<Instant>,
    pub(super) problem: Option<Problem>,
    pub(super) warnings: Vec<String>,
    task: JoinHandle<()>,
}

impl Watched {
    pub(super) fn start(mut sampler: Box<dyn Sampler>, first_column: usize) -> Watched {
        let (requests, mut requested) = mpsc::channel::<()>(1);
        let (answer, answers) = mpsc::channel(1);
        let (name, interval) = (sampler.name(), sampler.interval());
        let columns = first_column..first_column + sampler.columns().len();
        let task = tokio::spawn(async move {
            while requested.recv().await.is_some() {
                let reading = match timeout(LONGEST_READING, sampler.read()).await {
                    Ok(reading) => reading,
                    Err(_) => Err(format!("no answer within {} s", LONGEST_READING.as_secs())),
                };
                if answer.send((reading, sampler.warnings())).await.is_err() {
                    return;
                }
            }
        });
        Watched {
            name,
            columns,
            interval,
            requests,
            answers,
            reading: false,
            asked_at: None,
            problem: None,
            warnings: Vec::new(),
            task,
        }
    }

    /// Asks for a reading, unless one is under way or the last was asked for too short a time ago.
    pub(super) fn ask(&mut self) {
        // A tick that comes a little early is not a second too early.
        let due = self.asked_at.is_none_or(|at| at.elapsed() + Duration::from_millis(200) >= self.interval);
        if !self.reading && due && self.requests.try_send(()).is_ok() {
            self.reading = true;
            self.asked_at = Some(Instant::now());
        }
    }

    /// The reading that was asked for; `None` when there is none until the deadline. It is then had by a later call.
    pub(super) async fn answer(&mut self, deadline: tokio::time::Instant) -> Option<Vec<Option<f64>>> {
        if !self.reading {
            return None;
        }
        let answer = tokio::time::timeout_at(deadline, self.answers.recv()).await.ok()?;
        self.reading = false;
        let (reading, warnings) =
            answer.unwrap_or_else(|| (Err("it has stopped by a fault of its own".to_owned()), Vec::new()));
        self.warnings = warnings;
        match reading {
            Ok(values) => {
                if let Some(problem) = &mut self.problem {
                    problem.recovered = true;
                }
                Some(values)
            }
            Err(message) => {
                let failures = self.problem.as_ref().map_or(0, |problem| problem.failures) + 1;
                self.problem = Some(Problem { sampler: self.name.clone(), message, failures, recovered: false });
                None
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A counter that only grows, read from time to time; after a restart of its owner it begins at zero again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    last: Option<f64>,
}

impl Counter {
    /// What has been added since the reading before; `None` for the first.
    pub(super) fn added(&mut self, value: f64) -> Option<f64> {
        let last = self.last.replace(value)?;
        Some(if value >= last { value - last } else { value })
    }
}

/// Time between readings, which is not exactly what was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lap {
    last: Option<Instant>,
}

impl Lap {
    /// Seconds since the call before; `None` for the first.
    pub(super) fn seconds(&mut self) -> Option<f64> {
        let now = Instant::now();
        let last = self.last.replace(now)?;
        Some(now.duration_since(last).as_secs_f64()).filter(|seconds| *seconds > 0.0)
    }

    /// Forgets the call before.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_falls_began_anew() {
        let mut counter = Counter::default();
        assert_eq!([10.0, 15.0, 15.0, 4.0].map(|value| counter.added(value)), [None, Some(5.0), Some(0.0), Some(4.0)]);
    }
}
