package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	enumspb "go.temporal.io/api/enums/v1"
)

const (
	taskQueue      = "q"
	signalName     = "s"
	updateName     = "u"
	queryName      = "qu"
	upsertedString = "PlimsollKeyword"
	// Every activity's start-to-close timeout unless its step says otherwise: its timer fires in no shape's window.
	activityTimeout = 2 * time.Hour
)

// Step is one step of a workflow. Some kinds are done by the workflow, some by the client, some by both; README.md lists them.
type Step struct {
	Kind         string `json:"kind"`
	Count        int    `json:"count,omitempty"`
	PayloadBytes int    `json:"payload_bytes,omitempty"`
	DurationMs   int    `json:"duration_ms,omitempty"`
	// TimeoutMs is the start-to-close, heartbeat or run timeout the kind is about.
	TimeoutMs int `json:"timeout_ms,omitempty"`
	// AfterMs is how long the client waits before it does its part.
	AfterMs    int  `json:"after_ms,omitempty"`
	NotAwaited bool `json:"not_awaited,omitempty"`
	Eager      bool `json:"eager,omitempty"`
}

func (s Step) times() int {
	if s.Count == 0 {
		return 1
	}
	return s.Count
}

func milliseconds(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

// Input is what a workflow is started with.
type Input struct {
	Steps []Step
	Pad   []byte
	Left  int
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	// Never fails since Go 1.24: it ends the process instead.
	_, _ = rand.Read(b)
	return b
}

// runSteps is the generic workflow, registered as "Wf".
func runSteps(ctx workflow.Context, in Input) (int, error) {
	signals := workflow.GetSignalChannel(ctx, signalName)
	updates := 0
	if err := registerHandlers(ctx, in.Steps, &updates); err != nil {
		return 0, err
	}
	for _, step := range in.Steps {
		if err := runStep(ctx, step, signals, &updates); err != nil {
			return 0, err
		}
	}
	if in.Left > 0 {
		in.Left--
		return 0, workflow.NewContinueAsNewError(ctx, runSteps, in)
	}
	return len(in.Steps), nil
}

func registerHandlers(ctx workflow.Context, steps []Step, updates *int) error {
	for _, step := range steps {
		switch step.Kind {
		case "query":
			if err := workflow.SetQueryHandler(ctx, queryName, func() (int, error) { return 1, nil }); err != nil {
				return err
			}
		case "update":
			handler := func(_ workflow.Context, _ []byte) (int, error) { *updates++; return *updates, nil }
			if err := workflow.SetUpdateHandler(ctx, updateName, handler); err != nil {
				return err
			}
		}
	}
	return nil
}

func withActivity(ctx workflow.Context, step Step) workflow.Context {
	options := workflow.ActivityOptions{
		TaskQueue:             taskQueue,
		StartToCloseTimeout:   activityTimeout,
		DisableEagerExecution: !step.Eager,
		RetryPolicy:           &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 1, MaximumInterval: 10 * time.Second},
	}
	switch step.Kind {
	case "activity_heartbeating_every":
		options.HeartbeatTimeout = milliseconds(step.TimeoutMs)
		if step.TimeoutMs == 0 {
			// The SDK lets one heartbeat through per 80 % of the timeout.
			options.HeartbeatTimeout = milliseconds(step.DurationMs) * 5 / 4
		}
	case "activity_timing_out_first_attempt":
		options.StartToCloseTimeout = milliseconds(step.TimeoutMs)
	}
	return workflow.WithActivityOptions(ctx, options)
}

func runStep(ctx workflow.Context, step Step, signals workflow.ReceiveChannel, updates *int) error {
	actx := withActivity(ctx, step)
	switch step.Kind {
	case "activity":
		for range step.times() {
			if err := work(actx, step).Get(ctx, nil); err != nil {
				return err
			}
		}
	case "parallel_activities":
		var futures []workflow.Future
		for range step.times() {
			futures = append(futures, work(actx, step))
		}
		for _, future := range futures {
			if err := future.Get(ctx, nil); err != nil {
				return err
			}
		}
	case "activity_heartbeating_every":
		return workflow.ExecuteActivity(actx, "Hb", step.DurationMs, step.times()).Get(ctx, nil)
	case "activity_failing_first_attempts":
		return workflow.ExecuteActivity(actx, "Fail", step.times()).Get(ctx, nil)
	case "activity_failing_not_retryable":
		return workflow.ExecuteActivity(actx, "Fail", -1).Get(ctx, nil)
	case "activity_timing_out_first_attempt":
		return workflow.ExecuteActivity(actx, "Slow", step.TimeoutMs+500).Get(ctx, nil)
	case "local_activity":
		lctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: activityTimeout})
		for range step.times() {
			if err := workflow.ExecuteLocalActivity(lctx, act, step.DurationMs, []byte{}, 0).Get(ctx, nil); err != nil {
				return err
			}
		}
	case "timer":
		for range step.times() {
			if err := workflow.Sleep(ctx, milliseconds(step.DurationMs)); err != nil {
				return err
			}
		}
	case "wait_signal", "signal_with_start":
		for range step.times() {
			signals.Receive(ctx, nil)
		}
	case "update":
		return workflow.Await(ctx, func() bool { return *updates >= step.times() })
	case "child_workflow_with_one_activity":
		return children(ctx, step)
	case "side_effect":
		for range step.times() {
			var n int
			if err := workflow.SideEffect(ctx, func(workflow.Context) any { return 7 }).Get(&n); err != nil {
				return err
			}
		}
	case "upsert_search_attributes":
		key := temporal.NewSearchAttributeKeyKeyword(upsertedString)
		for range step.times() {
			if err := workflow.UpsertTypedSearchAttributes(ctx, key.ValueSet("on")); err != nil {
				return err
			}
		}
	}
	return nil
}

// work schedules one activity. The payload is drawn from a generator seeded by the run, so that a replay gives the same bytes.
func work(ctx workflow.Context, step Step) workflow.Future {
	in := make([]byte, step.PayloadBytes)
	if step.PayloadBytes > 0 {
		seed := sha256.Sum256([]byte(workflow.GetInfo(ctx).WorkflowExecution.RunID))
		_, _ = mathrand.NewChaCha8(seed).Read(in)
	}
	return workflow.ExecuteActivity(ctx, "Act", step.DurationMs, in, step.PayloadBytes)
}

func children(ctx workflow.Context, step Step) error {
	for range step.times() {
		options := workflow.ChildWorkflowOptions{TaskQueue: taskQueue}
		if step.NotAwaited {
			options.ParentClosePolicy = enumspb.PARENT_CLOSE_POLICY_ABANDON
		}
		child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), runSteps, Input{Steps: []Step{{Kind: "activity"}}})
		var done workflow.Future = child
		if step.NotAwaited {
			done = child.GetChildWorkflowExecution()
		}
		if err := done.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// act waits and returns as many random bytes as asked, registered as "Act".
func act(ctx context.Context, ms int, _ []byte, out int) ([]byte, error) {
	if err := wait(ctx, ms); err != nil {
		return nil, err
	}
	return randomBytes(out), nil
}

func wait(ctx context.Context, ms int) error {
	if ms == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(milliseconds(ms)):
		return nil
	}
}

func heartbeating(ctx context.Context, ms, n int) error {
	for i := range n {
		if err := wait(ctx, ms); err != nil {
			return err
		}
		activity.RecordHeartbeat(ctx, i)
	}
	return nil
}

// fail fails its first n attempts; with a negative n it fails for good.
func fail(ctx context.Context, n int) error {
	if n < 0 {
		return temporal.NewNonRetryableApplicationError("meant to fail", "meant", nil)
	}
	if int(activity.GetInfo(ctx).Attempt) <= n {
		return errors.New("meant to fail")
	}
	return nil
}

// slow outlives its start-to-close timeout on the first attempt, whatever its context says.
func slow(ctx context.Context, ms int) error {
	if activity.GetInfo(ctx).Attempt == 1 {
		time.Sleep(milliseconds(ms))
	}
	return nil
}
