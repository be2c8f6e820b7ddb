package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func newWorker(c client.Client) worker.Worker {
	w := worker.New(c, taskQueue, worker.Options{
		MaxConcurrentWorkflowTaskPollers:        8,
		MaxConcurrentActivityTaskPollers:        8,
		MaxConcurrentWorkflowTaskExecutionSize:  200,
		MaxConcurrentActivityExecutionSize:      200,
		MaxConcurrentLocalActivityExecutionSize: 200,
	})
	w.RegisterWorkflowWithOptions(runSteps, workflow.RegisterOptions{Name: "Wf"})
	for name, function := range map[string]any{"Act": act, "Hb": heartbeating, "Fail": fail, "Slow": slow} {
		w.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	return w
}

// Outcome is what the client saw of one workflow. Response counts from the intended start, service from the send.
type Outcome struct {
	id                 string
	intended, response time.Duration
	service, start     time.Duration
	result             string
	finished           bool
}

// arrivals are the offsets of a Poisson process of n starts.
func arrivals(rate float64, n int, seed uint64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 0))
	at := 0.0
	times := make([]time.Duration, n)
	for i := range times {
		at += random.ExpFloat64() / rate
		times[i] = time.Duration(at * float64(time.Second))
	}
	return times
}

// offer starts every workflow at its time, whatever became of the ones before, and waits for all of them.
func offer(ctx context.Context, c client.Client, shape Shape, seed uint64, finished func(Outcome)) []Outcome {
	outcomes := make([]Outcome, shape.Workflows)
	prefix := fmt.Sprintf("r%09d", time.Now().UnixNano()/1000%1e9)
	begin := time.Now()
	var all sync.WaitGroup
	for i, offset := range arrivals(shape.RatePerSecond, shape.Workflows, seed) {
		time.Sleep(time.Until(begin.Add(offset)))
		all.Add(1)
		go func() {
			defer all.Done()
			// Forty characters, as ids in production often have.
			id := fmt.Sprintf("%s-%08d-xxxxxxxxxxxxxxxxxxxx", prefix, i)
			outcomes[i] = one(ctx, c, shape, id, begin, offset)
			if finished != nil {
				finished(outcomes[i])
			}
		}()
	}
	all.Wait()
	return outcomes
}

func one(ctx context.Context, c client.Client, shape Shape, id string, begin time.Time, offset time.Duration) Outcome {
	o := Outcome{id: id, intended: offset}
	input := Input{Steps: shape.Steps, Pad: randomBytes(shape.InputPaddingBytes), Left: shape.ContinueAsNew}
	options := client.StartWorkflowOptions{ID: id, TaskQueue: taskQueue}
	if step, ok := shape.step("run_timeout"); ok {
		options.WorkflowRunTimeout = milliseconds(step.TimeoutMs)
	}
	_, options.EnableEagerStart = shape.step("eager_start")

	sent := time.Now()
	var run client.WorkflowRun
	var err error
	if _, ok := shape.step("signal_with_start"); ok {
		run, err = c.SignalWithStartWorkflow(ctx, id, signalName, randomBytes(10), options, "Wf", input)
	} else {
		run, err = c.ExecuteWorkflow(ctx, options, "Wf", input)
	}
	o.start = time.Since(sent)
	if err != nil {
		o.result = "start: " + err.Error()
		return o
	}
	for _, step := range shape.Steps {
		if err := clientPart(ctx, c, id, step); err != nil {
			o.result = step.Kind + ": " + err.Error()
			return o
		}
	}
	err = run.Get(ctx, nil)
	o.service, o.response = time.Since(sent), time.Since(begin.Add(offset))
	o.result, o.finished = describe(err)
	return o
}

// clientPart does what a step asks of the client.
func clientPart(ctx context.Context, c client.Client, id string, step Step) error {
	time.Sleep(milliseconds(step.AfterMs))
	switch step.Kind {
	case "wait_signal":
		for range step.times() {
			if err := c.SignalWorkflow(ctx, id, "", signalName, randomBytes(10)); err != nil {
				return err
			}
		}
	case "update":
		for range step.times() {
			handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
				WorkflowID: id, UpdateName: updateName, Args: []any{randomBytes(10)}, WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			if err != nil {
				return err
			}
			if err := handle.Get(ctx, nil); err != nil {
				return err
			}
		}
	case "query":
		for range step.times() {
			if _, err := c.QueryWorkflow(ctx, id, "", queryName); err != nil {
				return err
			}
		}
	case "cancel":
		return c.CancelWorkflow(ctx, id, "")
	case "terminate":
		return c.TerminateWorkflow(ctx, id, "", "measured")
	}
	return nil
}

// describe names how a workflow ended; finished is false when the client does not know.
func describe(err error) (string, bool) {
	var canceled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	var timeout *temporal.TimeoutError
	var execution *temporal.WorkflowExecutionError
	var unavailable *serviceerror.Unavailable
	switch {
	case err == nil:
		return "completed", true
	case errors.As(err, &unavailable):
		return "unavailable", false
	case errors.As(err, &canceled):
		return "canceled", true
	case errors.As(err, &terminated):
		return "terminated", true
	case errors.As(err, &timeout):
		return "timed_out", true
	case errors.As(err, &execution):
		return "failed", true
	}
	return "unknown: " + err.Error(), false
}

// quantiles in milliseconds, by the nearest rank.
func quantiles(durations []time.Duration) map[string]float64 {
	if len(durations) == 0 {
		return map[string]float64{}
	}
	sorted := append([]time.Duration(nil), durations...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	out := map[string]float64{"max": inMs(sorted[len(sorted)-1])}
	for name, q := range map[string]float64{"p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99} {
		out[name] = inMs(sorted[int(q*float64(len(sorted)-1)+0.5)])
	}
	return out
}

func inMs(d time.Duration) float64 { return float64(d.Microseconds()/10) / 100 }
