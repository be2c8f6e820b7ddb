//! The operation table: which services and statements one Temporal operation visits.

use serde::Deserialize;

/// The kinds of operation, listed once: the enumeration and the list of all its members.
macro_rules! operation_kinds {
    ($($kind:ident,)*) => {
        /// A Temporal operation or server task that the simulator knows.
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs)]
        pub enum OperationKind {
            $($kind,)*
        }

        impl OperationKind {
            /// All of them, in order.
            pub const ALL: [OperationKind; [$(OperationKind::$kind),*].len()] = [$(OperationKind::$kind),*];
        }
    };
}

operation_kinds! {
    Start,
    StartEager,
    SignalWithStart,
    WorkflowTaskStarted,
    WorkflowTaskCompleted,
    WorkflowTaskTimedOut,
    ActivityStarted,
    ActivityCompleted,
    ActivityCompletedBuffered,
    ActivityFailed,
    ActivityFailedForGood,
    ActivityTimedOut,
    ActivityGivenUp,
    Heartbeat,
    HeartbeatCheck,
    TimerFired,
    TimerFiredBuffered,
    RetryFired,
    TimeoutNoop,
    Signal,
    SignalBuffered,
    UpdateSent,
    SpeculativeTaskStarted,
    SpeculativeTaskCompleted,
    UpdateRejected,
    CancelRequested,
    CancelRequestedBuffered,
    Terminate,
    WorkflowTimedOut,
    Query,
    QueryStarted,
    QueryAnswered,
    ChildStart,
    ChildStarted,
    ChildFirstTask,
    ChildCompleted,
    ChildCompletedBuffered,
    ContinueAsNew,
    FirstTaskDue,
    TransferRead,
    ColdLoad,
    HistoryRead,
    Visibility,
    Result,
    Spool,
    Checkpoint,
    RetentionDelete,
    RetentionDeleteExecution,
    RetentionDeleteHistory,
}

/// A statement class of Temporal's SQL persistence, by table and what it does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Statement {
    ShardsShare,
    CurrentJoin,
    CurrentInsert,
    CurrentRead,
    CurrentDelete,
    ExecutionsInsert,
    ExecutionsRead,
    ExecutionsDelete,
    TransferInsert,
    TransferRead,
    TimerInsert,
    TimerRead,
    VisibilityInsert,
    VisibilityRead,
    HistoryRead,
    NodeDelete,
    TreeRead,
    TreeDelete,
    ActivityUpsert,
    ActivityDelete,
    ActivityRead,
    TimerInfoUpsert,
    TimerInfoDelete,
    TimerInfoRead,
    ChildUpsert,
    ChildDelete,
    ChildRead,
    CancelRead,
    CancelDelete,
    SignalInfoRead,
    SignalInfoDelete,
    SignalsRequestedInsert,
    SignalsRequestedRead,
    SignalsRequestedDelete,
    BufferedInsert,
    BufferedRead,
    BufferedDelete,
    ChasmRead,
    RangeDelete,
    OutboundRead,
    TaskQueueLock,
    TasksInsert,
    TasksRead,
}

/// What a statement costs the database goes by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementClass {
    /// BEGIN.
    Begin,
    /// COMMIT.
    Commit,
    /// A SELECT outside a transaction.
    Read,
    /// A SELECT FOR UPDATE or FOR SHARE.
    Lock,
    /// An INSERT, UPDATE or DELETE by key.
    Write,
    /// A DELETE of a range of finished tasks.
    RangeDelete,
}

impl Statement {
    /// Its class, in a transaction.
    pub fn class(self) -> StatementClass {
        use Statement::{CurrentJoin, ShardsShare, TaskQueueLock};
        match self {
            ShardsShare | CurrentJoin | TaskQueueLock => StatementClass::Lock,
            _ => StatementClass::Write,
        }
    }

    /// Whether it writes a row, and so WAL. Measured: inserts, updates and upserts carry it; a delete's record is small and
    /// is in the fitted cost per write.
    pub fn writes(self) -> bool {
        use Statement::*;
        matches!(
            self,
            CurrentInsert
                | ExecutionsInsert
                | TransferInsert
                | TimerInsert
                | VisibilityInsert
                | ActivityUpsert
                | TimerInfoUpsert
                | ChildUpsert
                | SignalsRequestedInsert
                | BufferedInsert
                | TasksInsert
        )
    }
}

/// One entry of the operation table.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Which.
    pub name: OperationKind,
    /// The gRPC method of its requests, under which the services count them; the operation's own name where left out.
    #[serde(default)]
    method: Option<String>,
    /// Requests served by the frontend.
    #[serde(default)]
    pub frontend: u8,
    /// Requests served by history.
    #[serde(default)]
    pub history: u8,
    /// Requests served by matching.
    #[serde(default)]
    pub matching: u8,
    /// A timer task: the timer queue is read (twice: the range and the look-ahead) and the task run.
    #[serde(default)]
    pub timer_task: bool,
    /// A transfer or visibility task run by its queue.
    #[serde(default)]
    pub queue_task: bool,
    /// Statements outside a transaction, before it.
    #[serde(default)]
    pub read: Vec<Statement>,
    /// DELETEs that find rows, outside a transaction: each commits on its own.
    #[serde(default)]
    pub delete: Vec<Statement>,
    /// One INSERT into `history_node` with its own commit, before the transaction.
    #[serde(default)]
    pub append: bool,
    /// A second such INSERT, with its own commit too: a second batch of events.
    #[serde(default)]
    pub append_twice: bool,
    /// `history_node` and `history_tree` in a transaction of their own, before the other.
    #[serde(default)]
    pub new_branch: bool,
    /// A write of a running workflow's mutable state: locks and updates of `shards`, `current_executions`, `executions`.
    #[serde(default)]
    pub update: bool,
    /// Further statements of the transaction.
    #[serde(default)]
    pub and: Vec<Statement>,
    /// Statements after the transaction.
    #[serde(default)]
    pub then_read: Vec<Statement>,
    /// One upsert into the visibility database.
    #[serde(default)]
    pub visibility: bool,
}

impl Operation {
    /// Statements every update of a running workflow makes: `shards` FOR SHARE, lock and update of `current_executions`, lock
    /// and update of `executions` (server: `common/persistence/sql/execution.go`).
    pub const UPDATE_STATEMENTS: u32 = 5;
    /// Rows such an update writes.
    pub const UPDATE_WRITES: u32 = 2;
    /// Reads of the timer queue per firing: the range and the look-ahead.
    pub const TIMER_READS: u32 = 2;

    /// The gRPC method of its requests; its own name where it has none.
    pub fn method(&self) -> String {
        self.method.clone().unwrap_or_else(|| format!("{:?}", self.name))
    }

    /// Whether it has a transaction.
    pub fn has_transaction(&self) -> bool {
        self.update || !self.and.is_empty()
    }

    /// All its statements: BEGIN and COMMIT counted, command-dependent ones excluded.
    pub fn statements(&self) -> u32 {
        let transaction = if self.has_transaction() { 2 + self.transaction_statements() } else { 0 };
        self.read_statements()
            + self.delete.len() as u32
            + u32::from(self.append)
            + u32::from(self.append_twice)
            + if self.new_branch { 4 } else { 0 }
            + transaction
            + self.then_read.len() as u32
            + u32::from(self.visibility)
    }

    /// Statements before the transaction, outside it.
    pub fn read_statements(&self) -> u32 {
        self.read.len() as u32 + if self.timer_task { Self::TIMER_READS } else { 0 }
    }

    /// Statements of the transaction, BEGIN and COMMIT excluded.
    pub fn transaction_statements(&self) -> u32 {
        self.and.len() as u32 + if self.update { Self::UPDATE_STATEMENTS } else { 0 }
    }

    /// The statements of the transaction by class, BEGIN and COMMIT included, those of commands excluded.
    pub fn transaction_classes(&self) -> [(StatementClass, u32); 4] {
        // `shards`, `current_executions` and `executions` are locked; the latter two are written.
        let (locks, writes) = if self.update { (3, Self::UPDATE_WRITES) } else { (0, 0) };
        let further = self.and.iter().filter(|s| s.class() == StatementClass::Lock).count() as u32;
        [
            (StatementClass::Begin, 1),
            (StatementClass::Lock, locks + further),
            (StatementClass::Write, writes + self.and.len() as u32 - further),
            (StatementClass::Commit, 1),
        ]
    }

    /// Rows the transaction writes.
    pub fn transaction_writes(&self) -> u32 {
        self.and.iter().filter(|s| s.writes()).count() as u32 + if self.update { Self::UPDATE_WRITES } else { 0 }
    }
}
