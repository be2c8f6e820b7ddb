//! What a visit to each resource costs, and which visits each Temporal operation makes.
//!
//! A calibration file belongs to one server version, one database and the machine it was measured on. Operations are
//! data: the simulator compiles them to visits, and the statement counts can be checked against `pg_stat_statements`.

mod operation;
mod speed;

pub use operation::{Operation, OperationKind, Statement, StatementClass};

use serde::Deserialize;

use crate::profile::Names;
use crate::units::{Bytes, Nanos, Rate};

/// The calibration this version ships: Temporal 1.31.2 on PostgreSQL 15.
pub const REFERENCE: &str = "temporal-1.31-postgresql-15";

const REFERENCE_TEXT: &str = include_str!("../../calibrations/temporal-1.31-postgresql-15.toml");

/// A calibration file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Version of the file format.
    pub schema_version: u32,
    /// Its name.
    pub name: String,
    /// Server version.
    pub temporal: String,
    /// Database and version.
    pub database: String,
    /// The machine.
    pub measured_on: String,
    /// The highest rate of workflow starts measured.
    pub measured_up_to: Rate,
    /// How well the costs reproduce the runs they came from, in words.
    pub known_error: String,
    /// By which share latencies may be off, up to the highest rate measured: what intervals of predicted latencies are widened by.
    #[serde(default)]
    pub latency_error: f64,
    /// CPU time of `plimsoll-load`'s fixed computation, the canary, on the machine at the time: how fast it was. None of calibrations that
    /// were made without.
    #[serde(default)]
    pub canary_cpu: Option<Nanos>,
    /// CPU per visit.
    pub cpu: CpuCosts,
    /// CPU of the load generator's own clients and workers. None of calibrations that were made without.
    #[serde(default)]
    pub generator: Option<SdkCosts>,
    /// Execution time of statements by class.
    pub statements: StatementCosts,
    /// How the processes run.
    pub runtime: RuntimeCosts,
    /// WAL per row.
    pub wal: WalCosts,
    /// Task queue behaviour.
    pub matching: MatchingCosts,
    /// History queue behaviour.
    pub queues: QueueCosts,
    /// Stored bytes.
    pub bytes: ByteCosts,
    /// The operation table.
    #[serde(rename = "operation")]
    pub operations: Vec<Operation>,
}

/// How the processes run: the kernel's time slices, and Go's garbage collector.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RuntimeCosts {
    /// Longest time a thread keeps a core while others wait for it.
    pub time_slice: Nanos,
    /// The same of a garbage collector's thread.
    pub collector_slice: Nanos,
    /// CPU that a frontend uses from one garbage collection to the next.
    pub frontend_collection_every: Nanos,
    /// CPU of that collection.
    pub frontend_collection: Nanos,
    /// The same of history.
    pub history_collection_every: Nanos,
    /// The same of history.
    pub history_collection: Nanos,
    /// The same of matching.
    pub matching_collection_every: Nanos,
    /// The same of matching.
    pub matching_collection: Nanos,
}

/// CPU per visit. `*_wake` is added when the process is found idle, `*_idle_core` when its host has an idle core; `idle_*` is used per second by an empty cluster.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CpuCosts {
    pub frontend_request: Nanos,
    pub frontend_wake: Nanos,
    pub frontend_idle_core: Nanos,
    pub matching_request: Nanos,
    pub matching_forward: Nanos,
    pub matching_wake: Nanos,
    pub matching_idle_core: Nanos,
    pub history_request: Nanos,
    pub history_update: Nanos,
    pub history_task: Nanos,
    pub history_timer: Nanos,
    pub history_wake: Nanos,
    pub history_idle_core: Nanos,
    pub database_statement: Nanos,
    pub database_visibility: Nanos,
    pub database_wake: Nanos,
    pub database_idle_core: Nanos,
    /// Per KiB of payload that a request or a task carries through the process; none where a calibration says nothing.
    #[serde(default)]
    pub frontend_payload: Nanos,
    /// The same of history.
    #[serde(default)]
    pub history_payload: Nanos,
    /// The same of matching: of tasks on their way to a worker.
    #[serde(default)]
    pub matching_payload: Nanos,
    /// The same of the database: of payloads written.
    #[serde(default)]
    pub database_payload: Nanos,
    pub idle_frontend: Nanos,
    pub idle_history: Nanos,
    pub idle_matching: Nanos,
    pub idle_worker: Nanos,
    pub idle_database: Nanos,
}

/// CPU of a program that starts workflows and works on them, beside what workflow and activity code uses: SDK, serialisation, connections.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SdkCosts {
    /// Of one workflow task.
    pub workflow_task: Nanos,
    /// Of one activity.
    pub activity: Nanos,
    /// Of one local activity.
    pub local_activity: Nanos,
    /// Of one call of a client: a start, a signal, the wait for a result.
    pub client_request: Nanos,
    /// More when the work finds the program asleep.
    pub wake: Nanos,
    /// More when it finds a core of the host idle.
    pub idle_core: Nanos,
}

/// WAL bytes, outside checkpoints and for the pages a checkpoint makes it write whole.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct WalCosts {
    /// Per row of `history_node`, its events without payloads included.
    pub history_node: Bytes,
    /// Per row of `history_tree`.
    pub history_tree: Bytes,
    /// Per insert into or update of `executions`.
    pub executions: Bytes,
    /// Per insert into or update of `current_executions`.
    pub current_executions: Bytes,
    /// Per row of a task or of a workflow's side tables (activities, timers, children, buffered events), its delete included.
    pub task: Bytes,
    /// Per commit.
    pub commit: Bytes,
    /// Per upsert into `executions_visibility`.
    pub visibility: Bytes,
    /// Per page first touched after a checkpoint.
    pub full_page_image: Bytes,
}

/// Execution time of a statement in the database by class (`pg_stat_statements`), and their mean over all statements. Parsing and the
/// protocol come on top and are the same for all: a statement's CPU is `cpu.database_statement` + its class − `mean`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct StatementCosts {
    pub mean: Nanos,
    pub begin: Nanos,
    pub commit: Nanos,
    pub read: Nanos,
    pub lock: Nanos,
    pub write: Nanos,
    pub range_delete: Nanos,
}

impl StatementCosts {
    /// CPU of a statement of a class where that of the mean statement is `mean`.
    pub fn cpu(&self, class: StatementClass, mean: Nanos) -> Nanos {
        let executes = match class {
            StatementClass::Begin => self.begin,
            StatementClass::Commit => self.commit,
            StatementClass::Read => self.read,
            StatementClass::Lock => self.lock,
            StatementClass::Write => self.write,
            StatementClass::RangeDelete => self.range_delete,
        };
        (mean + executes).saturating_sub(self.mean)
    }
}

impl WalCosts {
    /// WAL of an operation's transaction beside what commands add.
    pub fn transaction(&self, operation: &Operation) -> Bytes {
        let rows: u64 = operation.and.iter().map(|statement| self.row(*statement)).sum();
        let update = if operation.update { self.executions.0 + self.current_executions.0 } else { 0 };
        Bytes(rows + update)
    }

    fn row(&self, statement: Statement) -> u64 {
        match statement {
            Statement::ExecutionsInsert => self.executions.0,
            Statement::CurrentInsert => self.current_executions.0,
            statement if statement.writes() => self.task.0,
            _ => 0,
        }
    }
}

/// Task queue behaviour: calls to another partition per task added.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MatchingCosts {
    /// Per poll of the normal workflow task queue; a sticky queue has one partition.
    pub poll_forwards_workflow: f64,
}

/// History queue behaviour.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct QueueCosts {
    /// Between two range deletes of a shard that made progress.
    pub checkpoint_interval: Nanos,
    /// A shorter timer takes this long.
    pub timer_look_ahead: Nanos,
    /// Timers of one shard within this span are read at once.
    pub timer_read_window: Nanos,
    /// Shortest life of a run that continues as new; a younger one's successor waits for the rest.
    pub continue_as_new_interval: Nanos,
}

/// Stored bytes per closed workflow by table (indexes included), and event blobs (payloads excluded).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ByteCosts {
    pub history_node_row: Bytes,
    pub executions: Bytes,
    pub current_executions: Bytes,
    pub history_tree: Bytes,
    pub timer_tasks: Bytes,
    pub visibility_heap: Bytes,
    pub visibility_indexes: Bytes,
    pub event_start: Bytes,
    pub event_task_started: Bytes,
    pub event_task_completed: Bytes,
    pub event_activity_scheduled: Bytes,
    pub event_activity_closed: Bytes,
    pub event_timer_started: Bytes,
    pub event_timer_fired: Bytes,
    pub event_signal: Bytes,
    pub event_update: Bytes,
    pub event_marker: Bytes,
    pub event_side_effect: Bytes,
    pub event_upsert: Bytes,
    pub event_child_initiated: Bytes,
    pub event_child_started: Bytes,
    pub event_child_closed: Bytes,
    pub event_closed: Bytes,
}

impl ByteCosts {
    /// Events with other names in them than the measured ones ([`Names::MEASURED`]). Which event carries which is the server's API (`history/v1/message.proto`).
    pub fn with_names(&self, names: Names) -> ByteCosts {
        let longer = |name: Bytes, measured: Bytes| name.0 as i64 - measured.0 as i64;
        let identity = longer(names.identity, Names::MEASURED.identity);
        let queue = longer(names.task_queue, Names::MEASURED.task_queue);
        let build_id = longer(names.build_id, Names::MEASURED.build_id);
        let with = |size: Bytes, more: i64| Bytes(size.0.saturating_add_signed(more));
        ByteCosts {
            event_start: with(self.event_start, identity + queue),
            event_task_started: with(self.event_task_started, identity + queue + build_id),
            event_task_completed: with(self.event_task_completed, identity + build_id),
            event_activity_scheduled: with(self.event_activity_scheduled, queue),
            event_activity_closed: with(self.event_activity_closed, 2 * identity + build_id),
            event_signal: with(self.event_signal, identity),
            event_update: with(self.event_update, identity),
            event_child_initiated: with(self.event_child_initiated, queue),
            ..self.clone()
        }
    }
}

/// Why a calibration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The file is not there or cannot be read.
    #[error("cannot read calibration {path}: {source}; name a shipped one (\"{REFERENCE}\") or a file")]
    Read {
        /// As written in the profile.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a calibration file.
    #[error("{path}: {message}")]
    Parse {
        /// Which file.
        path: String,
        /// With line and column.
        message: String,
    },
    /// An operation is missing or there twice.
    #[error("{path}: operation {operation:?} is there {times} times; every operation belongs there once")]
    Operations {
        /// Which file.
        path: String,
        /// Which operation.
        operation: OperationKind,
        /// How often it was found.
        times: usize,
    },
    /// Written by a newer version.
    #[error("{path}: schema_version {found}, this version reads 1")]
    Version {
        /// Which file.
        path: String,
        /// What it says.
        found: u32,
    },
    /// A machine's speed is given, and the calibration does not know its own.
    #[error(
        "cluster.canary_cpu is given, and calibration {name} does not say how long its own canary took; leave the key out, or make a calibration with `plimsoll-load calibrate`"
    )]
    NoCanary {
        /// Name of the calibration.
        name: String,
    },
}

impl Calibration {
    /// A shipped calibration by name, else a file (relative to `folder`).
    ///
    /// # Errors
    /// When there is no such file, or it does not hold a whole calibration.
    pub fn load(name: &str, folder: &std::path::Path) -> Result<Self, CalibrationError> {
        if name == REFERENCE {
            return Self::parse(REFERENCE_TEXT, name);
        }
        let text = std::fs::read_to_string(folder.join(name))
            .map_err(|source| CalibrationError::Read { path: name.to_owned(), source })?;
        Self::parse(&text, name)
    }

    /// The shipped calibration.
    ///
    /// # Panics
    /// Never in a release that passed its tests: the shipped file is parsed by one.
    pub fn reference() -> Self {
        Self::parse(REFERENCE_TEXT, REFERENCE).expect("the shipped calibration is whole")
    }

    /// A calibration from its text; `path` is for messages.
    ///
    /// # Errors
    /// When it does not hold a whole calibration.
    pub fn parse(text: &str, path: &str) -> Result<Self, CalibrationError> {
        let calibration: Self = toml::from_str(text)
            .map_err(|error| CalibrationError::Parse { path: path.to_owned(), message: error.to_string() })?;
        if calibration.schema_version != 1 {
            return Err(CalibrationError::Version { path: path.to_owned(), found: calibration.schema_version });
        }
        for operation in OperationKind::ALL {
            let times = calibration.operations.iter().filter(|o| o.name == operation).count();
            if times != 1 {
                return Err(CalibrationError::Operations { path: path.to_owned(), operation, times });
            }
        }
        Ok(calibration)
    }

    /// By which share latencies may be off at a rate: `latency_error` as far as was measured, and once more for each doubling beyond (own
    /// choice: nothing is known of the error there but that it grows).
    pub fn latency_error_at(&self, rate: Rate) -> f64 {
        let beyond = rate.as_per_second() / self.measured_up_to.as_per_second();
        self.latency_error * (1.0 + libm::log2(beyond.max(1.0)))
    }

    /// The table's entry for one operation.
    ///
    /// # Panics
    /// Never: [`Calibration::parse`] refuses a table without it.
    pub fn operation(&self, kind: OperationKind) -> &Operation {
        self.operations.iter().find(|o| o.name == kind).expect("checked when the file was read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_calibration_holds_every_operation_once() {
        assert_eq!(Calibration::reference().operations.len(), OperationKind::ALL.len());
    }

    #[test]
    fn a_rate_twice_as_high_as_was_measured_doubles_the_error() {
        let calibration = Calibration::reference();
        let measured = calibration.measured_up_to.as_per_second();
        let at =
            |times: f64| calibration.latency_error_at(Rate::per_second(measured * times)) / calibration.latency_error;
        assert_eq!((at(0.1), at(1.0), at(2.0), at(8.0)), (1.0, 1.0, 2.0, 4.0));
    }

    #[test]
    fn a_one_activity_workflow_makes_the_statements_of_the_measured_one() {
        // measured.json, act1: 1 create, 2 + 2 workflow task transitions, 2 activity transitions; commands of the first
        // task: transfer, activity, visibility; of the second: transfer, visibility, timer; the completion: transfer, timer.
        let c = Calibration::reference();
        let of = |kind| c.operation(kind).statements();
        use OperationKind::*;
        let commands = 3 + 3 + 2 + 1;
        let transitions = of(Start)
            + 2 * of(WorkflowTaskStarted)
            + 2 * of(WorkflowTaskCompleted)
            + of(ActivityStarted)
            + of(ActivityCompleted)
            + commands;
        assert_eq!(transitions, 74, "74 round trips, the two history reads among them");
        let tasks = 4 * of(TransferRead) + 3 * of(Visibility) + of(ColdLoad) + of(Result);
        assert_eq!(transitions + tasks, 74 + 4 + 6 + 9 + 1);
    }
}
