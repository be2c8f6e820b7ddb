package main

import "fmt"

func about(c *Cluster) string {
	return fmt.Sprintf("Measured by loadgen/measure on one machine (2 cores, everything on it: client, worker, four Temporal service processes, PostgreSQL) while other programs were compiling on it: "+
		"counts, bytes and fsyncs are good, latencies and CPU are noisy (host_busy_cores says how busy the machine was in all). Temporal server 1.31.2, %s history shards, SQL plugin postgres12, %s connections per service, "+
		"rate limits raised, system.enableActivityEagerExecution true (activities ask for it only where their step says eager); PostgreSQL 15, shared_buffers 1 GB, max_wal_size 8 GB, track_io_timing on. "+
		"One Go SDK 1.50.0 worker (8 + 8 pollers, 200 + 200 slots) in the same process as the client. Poisson starts, random (incompressible) payloads. "+
		"Counts are differences of pg_stat_statements, pg_stat_wal, pg_stat_database, process CPU and the services' Prometheus counters over the window (load plus 15 s, so that timeout timers fire), minus the idle rate measured before with the worker polling, "+
		"divided by the number of workflows. cpu_seconds_per_workflow.whole_host is the sum of the processes named beside it, the client's included: not the machine's total, as others used it. "+
		"table_bytes_per_workflow counts growth only, and space freed before is used again. history_bytes_per_workflow, history_length and state_transitions_of_last_run are means over DescribeWorkflowExecution of up to ten workflows (of their last run). "+
		"Start-to-close timeout of activities: 2 h (in measured.json 60 s; their timers fire in no window) unless the step says otherwise.",
		c.values["PLIMSOLL_SHARDS"], c.values["PLIMSOLL_CONNECTIONS"])
}

const stepNotes = "activity: payload_bytes random bytes in and out, duration as a sleep; activity retry policy: 100 ms initial interval, coefficient 1; eager: asks for eager execution. " +
	"Steps run in order; the client does its part of each in order after the start, waiting after_ms before it. " +
	"wait_signal: the client sends count signals of 10 bytes one after another, right after the start unless after_ms is given. signal_with_start: SignalWithStartWorkflowExecution with one signal. " +
	"update: count updates of 10 bytes sent one after another, each waited for until completed; the handler only counts, the workflow waits for all. query: count queries, one after another. " +
	"cancel, terminate: the client's request after after_ms, while the workflow waits on its timer; a cancelled workflow ends by returning the error. run_timeout: the run's timeout; the workflow waits on its timer. " +
	"continue_as_new: number of extra runs, each repeating the steps. child_workflow_with_one_activity: one after another, awaited; not_awaited: the parent waits for the child's start only, parent close policy abandon. " +
	"activity_failing_first_attempts: count attempts fail. activity_failing_not_retryable: the workflow fails with it. activity_timing_out_first_attempt: start-to-close timeout_ms, the first attempt outlives it and is not answered. " +
	"activity_heartbeating_every: count heartbeats, one each duration_ms; heartbeat timeout is timeout_ms, else 1.25 times duration_ms (the SDK sends at most one per 80 % of it). " +
	"side_effect, upsert_search_attributes (one keyword, added to the namespace before): count times in the workflow. eager_start: the start asks for eager workflow start. " +
	"schedule_start: a schedule with that interval, overlap allowed, made before the window; the client neither starts nor waits; response counts from the nominal time to the close time in visibility, start is start time minus nominal time. " +
	"latency response: from the intended start, service: from the send, start: the start call."

const stoppedAbout = "One worker (8 + 8 pollers, 200 + 200 slots, Go SDK 1.50.0) stopped under a Poisson load and another one started later, same machine and cluster as measured_more.json. " +
	"timeline: every 0.5 s, approximate backlog count of both task types from DescribeTaskQueue with report_stats, and workflows seen completed by the client so far. " +
	"workflows: one row each, in the order of intended starts; the response counts from the intended start to the completion seen by the client."
