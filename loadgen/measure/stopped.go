package main

import (
	"context"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Stopped is the timeline of a load whose worker is away for a while.
type Stopped struct {
	About         string      `json:"about"`
	RatePerSecond float64     `json:"rate_per_second"`
	Steps         []Step      `json:"steps"`
	StoppedAtS    float64     `json:"worker_stop_called_at_seconds"`
	StopTookS     float64     `json:"worker_stop_took_seconds"`
	ResumedAtS    float64     `json:"worker_started_again_at_seconds"`
	Columns       []string    `json:"timeline_columns"`
	Timeline      [][]float64 `json:"timeline"`
	WorkflowCols  []string    `json:"workflow_columns"`
	Workflows     [][]float64 `json:"workflows"`
}

// stopped offers a load, stops its worker, starts another one, and samples backlog and completions every half second.
func stopped(ctx context.Context, c client.Client, shape Shape, seed uint64, stopAfter, away time.Duration) (*Stopped, error) {
	worker := newWorker(c)
	if err := worker.Start(); err != nil {
		return nil, err
	}
	var lock sync.Mutex
	completed := 0
	begin := time.Now()
	out := &Stopped{
		RatePerSecond: shape.RatePerSecond, Steps: shape.Steps,
		Columns:      []string{"seconds", "backlog_workflow", "backlog_activity", "completed"},
		WorkflowCols: []string{"intended_start_seconds", "response_seconds", "start_call_seconds"},
	}
	done := make(chan []Outcome)
	go func() {
		done <- offer(ctx, c, shape, seed, func(o Outcome) {
			if o.finished {
				lock.Lock()
				completed++
				lock.Unlock()
			}
		})
	}()
	restarted := make(chan error, 1)
	go func() {
		time.Sleep(time.Until(begin.Add(stopAfter)))
		out.StoppedAtS = significant(time.Since(begin).Seconds())
		called := time.Now()
		worker.Stop()
		out.StopTookS = significant(time.Since(called).Seconds())
		time.Sleep(time.Until(begin.Add(stopAfter + away)))
		worker = newWorker(c)
		out.ResumedAtS = significant(time.Since(begin).Seconds())
		restarted <- worker.Start()
	}()
	ticks := time.NewTicker(500 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case outcomes := <-done:
			if err := <-restarted; err != nil {
				return nil, err
			}
			worker.Stop()
			for _, o := range outcomes {
				out.Workflows = append(out.Workflows, []float64{significant(o.intended.Seconds()), significant(o.response.Seconds()), significant(o.start.Seconds())})
			}
			return out, nil
		case <-ticks.C:
			at := time.Since(begin).Seconds()
			workflowTasks, err := backlog(ctx, c, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
			if err != nil {
				return nil, err
			}
			activityTasks, err := backlog(ctx, c, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
			if err != nil {
				return nil, err
			}
			lock.Lock()
			out.Timeline = append(out.Timeline, []float64{significant(at), workflowTasks, activityTasks, float64(completed)})
			lock.Unlock()
		}
	}
}

func backlog(ctx context.Context, c client.Client, kind enumspb.TaskQueueType) (float64, error) {
	answer, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: "default", TaskQueue: &taskqueuepb.TaskQueue{Name: taskQueue}, TaskQueueType: kind, ReportStats: true,
	})
	if err != nil {
		return 0, err
	}
	return float64(answer.GetStats().GetApproximateBacklogCount()), nil
}
