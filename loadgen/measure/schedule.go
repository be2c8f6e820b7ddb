package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// schedule starts one workflow a second from a moment that the measured window includes.
type schedule struct {
	handle client.ScheduleHandle
	begin  time.Time
	shape  Shape
}

func newSchedule(ctx context.Context, c client.Client, shape Shape) (*schedule, error) {
	s := &schedule{shape: shape, begin: time.Now().Truncate(time.Second).Add(8 * time.Second)}
	interval := time.Duration(float64(time.Second) / shape.RatePerSecond)
	handle, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:               "plimsoll-" + shape.Name,
		Spec:             client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: interval}}, StartAt: s.begin},
		Overlap:          enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
		RemainingActions: shape.Workflows,
		Action: &client.ScheduleWorkflowAction{
			ID: scheduledPrefix(shape), Workflow: "Wf", TaskQueue: taskQueue,
			Args: []any{Input{Steps: shape.Steps, Pad: randomBytes(shape.InputPaddingBytes)}},
		},
	})
	if err != nil {
		return nil, err
	}
	s.handle = handle
	// Creating the schedule is not what is measured.
	time.Sleep(3 * time.Second)
	return s, nil
}

func scheduledPrefix(shape Shape) string { return "s-" + shape.Name + "-xxxxxxxxxxxx" }

// run waits until the last workflow was due and had time to end. The client takes no part.
func (s *schedule) run(_ context.Context) ([]Outcome, error) {
	last := time.Duration(float64(s.shape.Workflows) / s.shape.RatePerSecond * float64(time.Second))
	time.Sleep(time.Until(s.begin.Add(last + time.Second)))
	return nil, nil
}

func (s *schedule) delete(ctx context.Context) { _ = s.handle.Delete(ctx) }

// scheduled reads from visibility, after the window, when each scheduled workflow was due, started and ended.
func scheduled(ctx context.Context, c client.Client, shape Shape) ([]Outcome, error) {
	list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: 1000, Query: fmt.Sprintf("WorkflowId STARTS_WITH '%s'", scheduledPrefix(shape)),
	})
	if err != nil {
		return nil, err
	}
	var outcomes []Outcome
	for _, info := range list.Executions {
		id := info.GetExecution().GetWorkflowId()
		due, err := time.Parse(time.RFC3339, strings.TrimPrefix(id, scheduledPrefix(shape)+"-"))
		if err != nil {
			return nil, fmt.Errorf("workflow id of a schedule: %w", err)
		}
		if time.Since(due) > 5*time.Minute {
			continue
		}
		begun, closed := info.GetStartTime().AsTime(), info.GetCloseTime().AsTime()
		result := strings.ToLower(info.GetStatus().String())
		outcomes = append(outcomes, Outcome{id: id, start: begun.Sub(due), service: closed.Sub(begun), response: closed.Sub(due), result: result, finished: result == "completed"})
	}
	return outcomes, nil
}
