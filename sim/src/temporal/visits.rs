//! The calibration's operation table compiled to visits: a flat list that a chain walks through.

use plimsoll_profiles::calibration::{Calibration, Operation, OperationKind, StatementClass};
use plimsoll_profiles::units::Nanos;

use super::gates::Gate;

/// A process that uses CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// gRPC gateway.
    Frontend,
    /// Workflow state.
    History,
    /// Task queues.
    Matching,
    /// PostgreSQL: the main database, and visibility's where it has no server of its own.
    Database,
    /// The user's workers.
    Worker,
    /// Visibility's own PostgreSQL, where it has one.
    VisibilityDatabase,
}

impl Process {
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// Which connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The history pod's, default store.
    History,
    /// The matching pod's, default store.
    Matching,
    /// The history pod's, visibility store.
    Visibility,
    /// PgBouncer's, to the database.
    Server,
}

/// One visit of a chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Visit {
    /// Network time.
    Hop(Nanos),
    /// CPU of a process on the chain's pod.
    Cpu(Process, Nanos),
    /// So many requests at a service that refuses those beyond its rate limit.
    Admit(Process, u8),
    /// A place where what has failed stops a chain; only in a simulation with such events.
    Gate(Gate),
    /// A worker's poll reaches the frontend. Its CPU comes with its answer.
    Poll,
    /// A request reaches a process, whose CPU comes with its answer.
    Asked(Process),
    /// CPU of a process that answers, with what the chain carries; of a client, that asks.
    Answer(Process, Nanos),
    /// CPU of a process that passes on to a worker what the chain carries, where that is more than a few bytes. It works for the task
    /// already and need not be woken.
    Deliver(Process),
    /// Matching's CPU for adding a task or serving a poll, with what the chain's forwards to other partitions cost.
    Dispatch(Nanos),
    /// CPU and then waiting time that the chain itself carries: work on a worker.
    Work,
    /// The history shard's I/O permit.
    TakeShard,
    /// Gives it back.
    GiveShard,
    /// A connection of a pool.
    Connect(Pool),
    /// Gives it back.
    Disconnect(Pool),
    /// Round trips of `statements`, plus what the chain's commands add, then their CPU.
    Statements {
        /// How many.
        statements: u16,
        /// Their CPU in the database.
        cpu: Nanos,
        /// Whether the chain's own statements belong here.
        commands: bool,
        /// Whether this is a transaction that writes.
        transaction: bool,
    },
    /// Upsert into the visibility database.
    VisibilityUpsert,
    /// The database's CPU for what `Statements` or `VisibilityUpsert` said.
    DatabaseCpu(Process),
    /// A document waits for the next bulk request to Elasticsearch.
    Index,
    /// COMMIT: waits for the WAL flush.
    Commit {
        /// WAL bytes, beside what the chain's commands add.
        wal: u32,
        /// Whether the chain's own rows and payloads are part of it.
        commands: bool,
        /// Which server's WAL: 1 is visibility's own.
        server: u8,
    },
    /// Somebody else's server takes as long as it says.
    Provider,
    /// A queue task is read: those that were read with it go on, too.
    Read,
    /// A request that writes nothing yet makes an event: it bears this time.
    Dated,
    /// History takes the run's lock to look at it: it waits while a write of the run is under way.
    Look,
    /// History looks whether a workflow task is there that has to carry the query.
    Held,
    /// The permit is held: the model decides what this write is.
    Decide,
    /// The write is durable: its effects happen.
    Committed,
    /// The chain is done.
    End,
}

/// Compiled operations.
#[derive(Clone, Debug)]
pub struct VisitTable {
    visits: Vec<Visit>,
    starts: [u32; OperationKind::ALL.len()],
    /// Where to go on when the model decides at [`Visit::Decide`] that it is this operation.
    decided: [u32; OperationKind::ALL.len()],
    /// After the read of a queue task's own rows.
    read: [u32; OperationKind::ALL.len()],
    /// Where the write begins.
    write: [u32; OperationKind::ALL.len()],
    /// Where it goes on when the run turns out to be closed.
    refused: [u32; OperationKind::ALL.len()],
    refused_and_loaded: [u32; OperationKind::ALL.len()],
    worker: u32,
    poll: u32,
    dispatch: u32,
    command_cpu: Nanos,
}

/// How visibility is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisibilityWay {
    /// An upsert on the main server.
    Main,
    /// An upsert on a server of its own.
    Own,
    /// A document.
    Document,
}

/// Round trips of the network, and the way to the database.
#[derive(Clone, Copy, Debug)]
pub struct Trips {
    /// PgBouncer's CPU of a statement, where it stands before the database.
    pub pgbouncer: Option<Nanos>,
    /// Visibility.
    pub visibility: VisibilityWay,
    /// Client or worker to frontend, there and back.
    pub client: Nanos,
    /// CPU of a client's call, beside the first worker.
    pub client_cpu: Nanos,
    /// Between services, there and back.
    pub service: Nanos,
    /// Which of frontend, history and matching have rate limits.
    pub limited: [bool; 3],
    /// Whether something may fail.
    pub gated: bool,
}

struct Compiler<'a> {
    calibration: &'a Calibration,
    trips: Trips,
    visits: Vec<Visit>,
}

/// Places within an operation.
struct Places {
    read: u32,
    write: u32,
    decided: u32,
    refused: u32,
    refused_and_loaded: u32,
}

impl VisitTable {
    /// Compiles the operations of a self-hosted cluster.
    pub fn self_hosted(calibration: &Calibration, trips: Trips) -> Self {
        let compiler = Compiler { calibration, trips, visits: Vec::new() };
        compiler.table(Compiler::operation)
    }

    /// Compiles them for a provider's cluster: every call takes the time the provider publishes, nothing else is seen.
    pub fn provider(calibration: &Calibration, trips: Trips) -> Self {
        let compiler = Compiler { calibration, trips, visits: Vec::new() };
        compiler.table(Compiler::provider_operation)
    }

    /// Where an operation begins.
    pub fn start(&self, kind: OperationKind) -> u32 {
        self.starts[kind as usize]
    }

    /// Where it goes on after [`Visit::Decide`].
    pub fn decided(&self, kind: OperationKind) -> u32 {
        self.decided[kind as usize]
    }

    /// Where a queue task goes on that was read together with another.
    pub fn after_read(&self, kind: OperationKind) -> u32 {
        self.read[kind as usize]
    }

    /// Where an operation's write begins, for one that no client asked for.
    pub fn after_request(&self, kind: OperationKind) -> u32 {
        self.write[kind as usize]
    }

    /// Work on a worker.
    pub fn worker(&self) -> u32 {
        self.worker
    }

    /// A worker's poll on its way to matching.
    pub fn poll(&self) -> u32 {
        self.poll
    }

    /// A task on its way from history to matching.
    pub fn dispatch(&self) -> u32 {
        self.dispatch
    }

    /// Where a write goes on that turns out to be for a closed run: the shard is given back, nothing is written.
    pub fn refused(&self, kind: OperationKind) -> u32 {
        self.refused[kind as usize]
    }

    /// The same for one that makes the server load the run again, to see that it is closed indeed.
    pub fn refused_and_loaded(&self, kind: OperationKind) -> u32 {
        self.refused_and_loaded[kind as usize]
    }

    /// CPU in the database of one statement that a workflow's commands add.
    #[inline]
    pub fn command_cpu(&self) -> Nanos {
        self.command_cpu
    }

    /// The visit at a place.
    #[inline]
    pub fn at(&self, place: u32) -> Visit {
        self.visits[place as usize]
    }
}

impl Compiler<'_> {
    fn table(mut self, compile: fn(&mut Self, &Operation) -> Places) -> VisitTable {
        let mut starts = [0; OperationKind::ALL.len()];
        let mut decided = starts;
        let mut read = starts;
        let mut write = starts;
        let (mut refused, mut refused_and_loaded) = (starts, starts);
        for kind in OperationKind::ALL {
            starts[kind as usize] = self.visits.len() as u32;
            let calibration = self.calibration;
            let places = compile(&mut self, calibration.operation(kind));
            decided[kind as usize] = places.decided;
            read[kind as usize] = places.read;
            write[kind as usize] = places.write;
            refused[kind as usize] = places.refused;
            refused_and_loaded[kind as usize] = places.refused_and_loaded;
        }
        let cloud = self.visits.contains(&Visit::Provider);
        let cpu = &self.calibration.cpu;
        let worker = self.visits.len() as u32;
        self.visits.extend([Visit::Work, Visit::End]);
        let poll = self.visits.len() as u32;
        self.gate(Gate::Frontend);
        if !cloud {
            self.admit(Process::Frontend, 1);
        }
        self.hop(self.trips.client);
        if !cloud {
            self.visits.push(Visit::Poll);
            self.gate(Gate::Matching);
            self.admit(Process::Matching, 1);
            self.hop(self.trips.service);
            self.visits.push(Visit::Dispatch(cpu.matching_request));
        }
        self.visits.push(Visit::End);
        let dispatch = self.visits.len() as u32;
        if !cloud {
            self.gate(Gate::Matching);
            self.admit(Process::Matching, 1);
            self.hop(self.trips.service);
            self.visits.push(Visit::Dispatch(cpu.matching_request));
        }
        self.visits.push(Visit::End);
        let command_cpu = self.database_cpu(&[(StatementClass::Write, 1)]);
        let visits = self.visits;
        VisitTable {
            visits,
            starts,
            decided,
            read,
            write,
            refused,
            refused_and_loaded,
            worker,
            poll,
            dispatch,
            command_cpu,
        }
    }

    /// One way of a round trip.
    fn hop(&mut self, trip: Nanos) {
        if trip.0 > 1 {
            self.visits.push(Visit::Hop(Nanos(trip.0 / 2)));
        }
    }

    /// Before the way there, so that nothing stands between the way and the CPU at its end.
    fn admit(&mut self, process: Process, requests: u8) {
        if self.trips.limited[process as usize] {
            self.visits.push(Visit::Admit(process, requests));
        }
    }

    /// A place to stop at, where something may fail.
    fn gate(&mut self, gate: Gate) {
        if self.trips.gated {
            self.visits.push(Visit::Gate(gate));
        }
    }

    /// CPU of statements in the database: the mean statement's, more or less by what each class takes to execute.
    fn database_cpu(&self, classes: &[(StatementClass, u32)]) -> Nanos {
        let (mean, costs) = (self.calibration.cpu.database_statement, &self.calibration.statements);
        let bouncer = self.trips.pgbouncer.unwrap_or(Nanos::ZERO);
        let each = |(class, count): &(StatementClass, u32)| (costs.cpu(*class, mean) + bouncer) * u64::from(*count);
        classes.iter().map(each).fold(Nanos::ZERO, |sum, cpu| sum + cpu)
    }

    fn statements(&mut self, classes: &[(StatementClass, u32)], commands: bool, transaction: bool) {
        let statements = classes.iter().map(|(_, count)| *count).sum::<u32>() as u16;
        let cpu = self.database_cpu(classes);
        self.visits.push(Visit::Statements { statements, cpu, commands, transaction });
        self.visits.push(Visit::DatabaseCpu(Process::Database));
    }

    fn connect(&mut self, pool: Pool) {
        if self.visibility_shares(pool) {
            self.gate(Gate::Connection);
        }
        self.visits.push(Visit::Connect(pool));
        if self.trips.pgbouncer.is_some() && self.visibility_shares(pool) {
            self.visits.push(Visit::Connect(Pool::Server));
        }
    }

    fn disconnect(&mut self, pool: Pool) {
        if self.trips.pgbouncer.is_some() && self.visibility_shares(pool) {
            self.visits.push(Visit::Disconnect(Pool::Server));
        }
        self.visits.push(Visit::Disconnect(pool));
    }

    /// Whether a pool's connections go to the main server.
    fn visibility_shares(&self, pool: Pool) -> bool {
        pool != Pool::Visibility || self.trips.visibility == VisibilityWay::Main
    }

    /// Between two transactions of one request PgBouncer gives the server connection to others.
    fn next_transaction(&mut self) {
        if self.trips.pgbouncer.is_some() {
            self.visits.extend([Visit::Disconnect(Pool::Server), Visit::Connect(Pool::Server)]);
        }
    }

    fn reads(&mut self, statements: u32, pool: Pool) {
        if statements == 0 {
            return;
        }
        self.connect(pool);
        self.statements(&[(StatementClass::Read, statements)], false, false);
        self.disconnect(pool);
    }

    fn visibility(&mut self) {
        if self.trips.visibility == VisibilityWay::Document {
            self.visits.push(Visit::Index);
            return;
        }
        let wal = self.calibration.wal.visibility.0 as u32;
        let (process, server) = match self.trips.visibility {
            VisibilityWay::Own => (Process::VisibilityDatabase, 1),
            _ => (Process::Database, 0),
        };
        self.connect(Pool::Visibility);
        self.visits.push(Visit::VisibilityUpsert);
        self.visits.push(Visit::DatabaseCpu(process));
        self.visits.push(Visit::Commit { wal, commands: false, server });
        self.disconnect(Pool::Visibility);
    }

    fn operation(&mut self, op: &Operation) -> Places {
        let cpu = &self.calibration.cpu;
        let wal = &self.calibration.wal;
        let (node, tree, commit) = (wal.history_node.0 as u32, wal.history_tree.0 as u32, wal.commit.0 as u32);
        let writes = op.append || op.new_branch || op.has_transaction();
        // Matching writes its own tasks, without a shard; every other write is history's.
        let shard = writes && op.name != OperationKind::Spool;
        let pool = if op.name == OperationKind::Spool { Pool::Matching } else { Pool::History };
        if by_client(op.name) && self.trips.client_cpu > Nanos::ZERO {
            self.visits.push(Visit::Answer(Process::Worker, self.trips.client_cpu));
        }
        if op.frontend > 0 {
            self.gate(Gate::Frontend);
            self.admit(Process::Frontend, op.frontend);
            self.hop(self.trips.client);
            self.visits.push(Visit::Cpu(Process::Frontend, cpu.frontend_request * u64::from(op.frontend)));
        }
        // Queries' answers and tasks' rows are matching's own.
        let of_history = op.name != OperationKind::Spool && (op.history > 0 || op.frontend == 0);
        if of_history {
            self.gate(Gate::History);
        }
        self.gate(Gate::Database);
        if op.history > 0 {
            self.admit(Process::History, op.history);
            self.hop(self.trips.service);
        }
        if op.queue_task || op.timer_task {
            self.reads(op.read_statements(), Pool::History);
        }
        if op.name == OperationKind::TransferRead {
            self.visits.push(Visit::Read);
        }
        if op.name == OperationKind::SpeculativeTaskStarted {
            self.visits.push(Visit::Dated);
        }
        let read = self.visits.len() as u32;
        if of_history {
            self.gate(Gate::History);
        }
        if op.name == OperationKind::QueryStarted {
            self.visits.push(Visit::Look);
        }
        let mut history = cpu.history_request * u64::from(op.history);
        if writes && shard {
            history += cpu.history_update;
        }
        if op.queue_task {
            history += cpu.history_task;
        }
        if op.timer_task {
            history += cpu.history_timer * u64::from(Operation::TIMER_READS);
        }
        // An event is dated early in its request; what follows is written, notified and answered.
        let answers = writes && shard && op.history > 0 && !op.queue_task && !op.timer_task;
        if answers {
            self.visits.push(Visit::Asked(Process::History));
        } else if history > Nanos::ZERO {
            self.visits.push(Visit::Cpu(Process::History, history));
        }
        if !op.queue_task && !op.timer_task {
            self.reads(op.read_statements(), pool);
        }
        for _ in &op.delete {
            self.connect(pool);
            self.statements(&[(StatementClass::RangeDelete, 1)], false, false);
            self.visits.push(Visit::Commit { wal: commit, commands: false, server: 0 });
            self.gate(Gate::Durable);
            self.disconnect(pool);
        }
        if op.name == OperationKind::Query {
            self.visits.extend([Visit::Look, Visit::Held]);
        }
        if op.matching > 0 || op.name == OperationKind::Spool {
            self.gate(Gate::Matching);
        }
        if op.matching > 0 {
            self.admit(Process::Matching, op.matching);
            self.hop(self.trips.service);
            self.visits.push(Visit::Cpu(Process::Matching, cpu.matching_request * u64::from(op.matching)));
        }
        let write = self.visits.len() as u32;
        let mut decided = write;
        if writes {
            if shard {
                self.gate(Gate::History);
                self.gate(Gate::Database);
                self.visits.extend([Visit::TakeShard, Visit::Decide]);
            }
            decided = self.visits.len() as u32;
            self.connect(pool);
            let mut first = true;
            for _ in 0..u32::from(op.append) + u32::from(op.append_twice) {
                if !std::mem::take(&mut first) {
                    self.next_transaction();
                }
                self.statements(&[(StatementClass::Write, 1)], false, false);
                self.visits.push(Visit::Commit { wal: node + commit, commands: false, server: 0 });
                self.gate(Gate::Durable);
            }
            if op.new_branch {
                if !std::mem::take(&mut first) {
                    self.next_transaction();
                }
                let classes = [(StatementClass::Begin, 1), (StatementClass::Write, 2), (StatementClass::Commit, 1)];
                self.statements(&classes, false, true);
                self.visits.push(Visit::Commit { wal: node + tree + commit, commands: false, server: 0 });
                self.gate(Gate::Durable);
            }
            if op.has_transaction() {
                if !first {
                    self.next_transaction();
                }
                self.statements(&op.transaction_classes(), true, true);
                let wal = wal.transaction(op).0 as u32 + commit;
                self.visits.push(Visit::Commit { wal, commands: true, server: 0 });
                self.gate(Gate::Durable);
            }
            self.disconnect(pool);
            if shard {
                self.visits.push(Visit::GiveShard);
            }
            self.visits.push(Visit::Committed);
        }
        if answers {
            self.visits.push(Visit::Answer(Process::History, history));
        }
        self.reads(op.then_read.len() as u32, pool);
        if op.visibility {
            self.visibility();
        }
        if to_worker(op.name) {
            self.visits.push(Visit::Deliver(Process::Matching));
        }
        if to_worker(op.name) || op.name == OperationKind::QueryStarted {
            self.visits.push(Visit::Answer(Process::Frontend, cpu.frontend_request));
        }
        if op.history > 0 {
            let client = if op.frontend > 0 || to_worker(op.name) { self.trips.client } else { Nanos::ZERO };
            self.hop(self.trips.service + client);
        }
        self.visits.push(Visit::End);
        let answer = if answers { history } else { Nanos::ZERO };
        let (refused, refused_and_loaded) = (self.refusal(answer, 0), self.refusal(answer, self.cold_statements()));
        Places { read, write, decided, refused, refused_and_loaded }
    }

    fn cold_statements(&self) -> u32 {
        self.calibration.operation(OperationKind::ColdLoad).read_statements()
    }

    /// The shard is given back, nothing is written, and history answers.
    fn refusal(&mut self, answer: Nanos, statements: u32) -> u32 {
        let place = self.visits.len() as u32;
        self.visits.push(Visit::GiveShard);
        if answer > Nanos::ZERO {
            self.visits.push(Visit::Answer(Process::History, answer));
        }
        self.reads(statements, Pool::History);
        self.visits.push(Visit::End);
        place
    }

    fn provider_operation(&mut self, op: &Operation) -> Places {
        let writes = op.append || op.new_branch || op.has_transaction();
        let calls = op.frontend > 0 || to_worker(op.name);
        if op.frontend > 0 {
            self.gate(Gate::Frontend);
        }
        if calls {
            self.hop(self.trips.client);
            self.visits.push(Visit::Provider);
        }
        let write = self.visits.len() as u32;
        if writes {
            self.visits.push(Visit::Decide);
        }
        let decided = self.visits.len() as u32;
        if writes {
            self.visits.push(Visit::Committed);
        }
        if calls {
            self.hop(self.trips.client);
        }
        self.visits.push(Visit::End);
        let refused = self.visits.len() as u32 - 1;
        Places { read: write, write, decided, refused, refused_and_loaded: refused }
    }
}

/// Whether the operation's answer travels on to a worker as the answer of its poll.
pub(super) fn to_worker(kind: OperationKind) -> bool {
    use OperationKind::{ActivityStarted, SpeculativeTaskStarted, WorkflowTaskStarted};
    matches!(kind, WorkflowTaskStarted | SpeculativeTaskStarted | ActivityStarted)
}

/// Whether a client asks for the operation, and not a worker or the server itself.
pub fn by_client(kind: OperationKind) -> bool {
    use OperationKind::*;
    matches!(
        kind,
        Start
            | StartEager
            | SignalWithStart
            | Signal
            | SignalBuffered
            | UpdateSent
            | CancelRequested
            | CancelRequestedBuffered
            | Terminate
            | Query
            | Result
    )
}
