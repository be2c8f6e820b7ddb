//! What is counted, and how much of it Temporal Cloud bills and a server counts.

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Start,
    SignalWithStart,
    StartBySchedule,
    StartByServer,
    ContinueAsNew,
    Child,
    Activity,
    ActivityRetry,
    LocalActivityRetry,
    Markers,
    Timer,
    Signal,
    SignalExternal,
    Update,
    SearchAttributes,
    ChangeVersion,
    Memo,
    Options,
    Reset,
    Pause,
    Unpause,
    NexusOperation,
    NexusCancel,
}

/// How a kind is called and counted.
pub(super) struct Weights {
    pub name: &'static str,
    pub metric: &'static str,
    pub event: &'static str,
    pub billed: u64,
    /// Labels of the server's counter, one each.
    pub labels: &'static [&'static str],
}

impl Kind {
    pub(super) const fn weights(self) -> Weights {
        const fn w(
            name: &'static str,
            metric: &'static str,
            event: &'static str,
            billed: u64,
            labels: &'static [&'static str],
        ) -> Weights {
            Weights { name, metric, event, billed, labels }
        }
        match self {
            Kind::Start => w(
                "workflow started",
                "start_workflow",
                "WorkflowExecutionStarted by a client",
                1,
                &["grpc_StartWorkflowExecution"],
            ),
            Kind::SignalWithStart => w(
                "signal with start",
                "signal_workflow_with_start",
                "WorkflowExecutionStarted, Signaled at once",
                1,
                &["grpc_SignalWithStartWorkflowExecution"],
            ),
            // The scheduler's own workflow costs the server's counter more, in its own history.
            Kind::StartBySchedule => w(
                "started by a schedule",
                "schedule_workflow",
                "WorkflowExecutionStarted with TemporalScheduledById",
                3,
                &["grpc_StartWorkflowExecution"],
            ),
            Kind::StartByServer => w(
                "started by cron or a workflow's retry",
                "continue_as_new_workflow",
                "WorkflowExecutionStarted, continued by the server",
                1,
                &[],
            ),
            Kind::ContinueAsNew => w(
                "continued as new",
                "continue_as_new_workflow",
                "WorkflowExecutionStarted after ContinuedAsNew",
                1,
                &["command_ContinueAsNewWorkflowExecution"],
            ),
            Kind::Child => w(
                "child workflow",
                "start_child_workflow",
                "StartChildWorkflowExecutionInitiated",
                2,
                &["command_StartChildWorkflowExecution", "command_StartChildWorkflowExecution_Extra"],
            ),
            Kind::Activity => w(
                "activity scheduled",
                "schedule_activity",
                "ActivityTaskScheduled",
                1,
                &["command_ScheduleActivityTask"],
            ),
            Kind::ActivityRetry => {
                w("activity retried", "retry_activity", "ActivityTaskStarted, attempt less one", 1, &["activity_retry"])
            }
            Kind::LocalActivityRetry => {
                w("local activity retried later", "retry_activity_local", "WorkflowTaskCompleted, metering", 1, &[])
            }
            Kind::Markers => w(
                "markers of one workflow task",
                "record_activity_markers",
                "MarkerRecorded, by workflow task",
                1,
                &["command_BatchMarkers"],
            ),
            Kind::Timer => w("timer started", "start_timer", "TimerStarted", 1, &["command_StartTimer"]),
            Kind::Signal => w(
                "signal from a client",
                "signal_workflow",
                "WorkflowExecutionSignaled",
                1,
                &["grpc_SignalWorkflowExecution"],
            ),
            Kind::SignalExternal => w(
                "signal to another workflow",
                "signal_external_workflow",
                "SignalExternalWorkflowExecutionInitiated",
                1,
                &["command_SignalExternalWorkflowExecution"],
            ),
            Kind::Update => w(
                "update accepted",
                "accept_workflow_update",
                "WorkflowExecutionUpdateAccepted",
                1,
                &["message_UpdateWorkflowExecution:Acceptance"],
            ),
            Kind::SearchAttributes => w(
                "search attributes changed",
                "upsert_workflow_search_attributes",
                "UpsertWorkflowSearchAttributes",
                1,
                &["command_UpsertWorkflowSearchAttributes"],
            ),
            Kind::ChangeVersion => w(
                "change version recorded",
                "(exempt)",
                "UpsertWorkflowSearchAttributes of TemporalChangeVersion only",
                0,
                &["command_UpsertWorkflowSearchAttributes"],
            ),
            Kind::Memo => w(
                "memo changed",
                "(not listed)",
                "WorkflowPropertiesModified",
                0,
                &["command_ModifyWorkflowProperties"],
            ),
            Kind::Options => w(
                "options changed",
                "update_workflow_options",
                "WorkflowExecutionOptionsUpdated",
                1,
                &["grpc_UpdateWorkflowExecutionOptions"],
            ),
            Kind::Reset => {
                w("reset", "reset_workflow", "WorkflowTaskFailed by a reset", 1, &["grpc_ResetWorkflowExecution"])
            }
            Kind::Pause => w("paused", "(not listed)", "WorkflowExecutionPaused", 0, &["grpc_PauseWorkflowExecution"]),
            Kind::Unpause => {
                w("resumed", "(not listed)", "WorkflowExecutionUnpaused", 0, &["grpc_UnpauseWorkflowExecution"])
            }
            Kind::NexusOperation => w(
                "Nexus operation",
                "schedule_nexus_operation",
                "NexusOperationScheduled",
                1,
                &["command_ScheduleNexusOperation"],
            ),
            Kind::NexusCancel => w(
                "Nexus operation cancelled",
                "request_nexus_operation_cancellation",
                "NexusOperationCancelRequested",
                1,
                &["command_RequestCancelNexusOperation"],
            ),
        }
    }
}

/// What histories never show, whatever is in them.
pub(super) const NOT_SHOWN: [&str; 6] = [
    "queries: one action each (server: grpc_QueryWorkflow)",
    "activity heartbeats that reach the server: one each (grpc_RecordActivityTaskHeartbeat)",
    "heartbeats of workflow tasks that long local activities keep open: one each on Temporal Cloud",
    "updates that were rejected: one each (message_UpdateWorkflowExecution:Rejection)",
    "creating, changing, patching or deleting schedules, and the scheduler's own workflow on a self-hosted server",
    "what is billed by namespace: fairness, provisioned capacity, exports, a replica (twice everything)",
];
