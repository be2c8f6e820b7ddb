package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"go.temporal.io/sdk/client"
)

const (
	// Timeouts of workflow tasks (10 s) fire, and lazily written counters arrive, in this time after the load.
	drain = 15 * time.Second
	// Queue checkpoints and range deletes follow a load for about half a minute: the idle rate is measured after them.
	settle    = time.Minute
	described = 10
)

// Result is one run in the format of measured.json, with a few keys more.
type Result struct {
	Name               string                        `json:"name"`
	RatePerSecond      float64                       `json:"rate_per_second"`
	Arrivals           string                        `json:"arrivals"`
	Workflows          int                           `json:"workflows"`
	Steps              []Step                        `json:"steps"`
	InputPaddingBytes  int                           `json:"input_padding_bytes"`
	ContinueAsNew      int                           `json:"continue_as_new"`
	SignalsSent        int                           `json:"signals_sent"`
	LatencyMs          map[string]map[string]float64 `json:"latency_ms"`
	WindowSeconds      float64                       `json:"window_seconds"`
	Outcomes           map[string]int                `json:"outcomes"`
	HistoryBytes       float64                       `json:"history_bytes_per_workflow"`
	HistoryLength      float64                       `json:"history_length"`
	StateTransitions   float64                       `json:"state_transitions_of_last_run"`
	WorkflowInputBytes int                           `json:"workflow_input_bytes"`
	HostBusyCores      float64                       `json:"host_busy_cores"`
	HostStealCores     float64                       `json:"host_steal_cores"`
	CPU                map[string]float64            `json:"cpu_seconds_per_workflow"`
	WAL                map[string]float64            `json:"wal_per_workflow"`
	XactCommit         map[string]float64            `json:"xact_commit_per_workflow"`
	StatementTotals    map[string]float64            `json:"statements_per_workflow"`
	Statements         map[string]statement          `json:"statements"`
	Requests           map[string]float64            `json:"requests_per_workflow"`
	TableBytes         map[string]float64            `json:"table_bytes_per_workflow"`
}

// File is the whole of measured.json.
type File struct {
	About     string    `json:"about"`
	StepNotes string    `json:"step_notes"`
	Runs      []*Result `json:"runs"`
}

func readFile(path string) (*File, error) {
	file := &File{}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return file, nil
	}
	if err != nil {
		return nil, err
	}
	return file, json.Unmarshal(raw, file)
}

// put replaces the run of the same name, or adds it, and writes the file.
func (f *File) put(path string, result *Result) error {
	replaced := false
	for i, run := range f.Runs {
		if run.Name == result.Name {
			f.Runs[i], replaced = result, true
		}
	}
	if !replaced {
		f.Runs = append(f.Runs, result)
	}
	return writeJSON(path, f)
}

// A small object without others inside goes on one line.
var innermost = regexp.MustCompile(`[{\[][^{}\[\]]*[}\]]`)

const oneLine = 160

func writeJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	raw = innermost.ReplaceAllFunc(raw, func(object []byte) []byte {
		if joined := bytes.Join(bytes.Fields(object), []byte(" ")); len(joined) <= oneLine {
			return joined
		}
		return object
	})
	if err := os.WriteFile(path+".new", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

type measurement struct {
	client  client.Client
	sampler *sampler
	idle    *Idle
	seed    uint64
}

// window runs a load between two samples and takes table sizes outside them.
func (m *measurement) window(ctx context.Context, load func() ([]Outcome, error)) (a, b *Counters, grown map[string]float64, outcomes []Outcome, err error) {
	before, err := m.sampler.tableBytes(ctx)
	if err != nil {
		return
	}
	// The services hand their counters to Prometheus once a second: what was done before must be in the first sample.
	time.Sleep(2 * time.Second)
	if a, err = m.sampler.read(ctx); err != nil {
		return
	}
	if outcomes, err = load(); err != nil {
		return
	}
	time.Sleep(drain)
	if b, err = m.sampler.read(ctx); err != nil {
		return
	}
	after, err := m.sampler.tableBytes(ctx)
	grown = map[string]float64{}
	for table, bytes := range after {
		if bytes > before[table] {
			grown[table] = bytes - before[table]
		}
	}
	return
}

func (m *measurement) shape(ctx context.Context, shape Shape) (*Result, error) {
	load := func() ([]Outcome, error) { return offer(ctx, m.client, shape, m.seed, nil), nil }
	arrivalsName := "poisson"
	if _, ok := shape.step("schedule_start"); ok {
		arrivalsName = "schedule"
		s, err := newSchedule(ctx, m.client, shape)
		if err != nil {
			return nil, err
		}
		defer s.delete(ctx)
		load = func() ([]Outcome, error) { return s.run(ctx) }
		defer func() { time.Sleep(time.Second) }()
	}
	a, b, grown, outcomes, err := m.window(ctx, load)
	if err != nil {
		return nil, err
	}
	if arrivalsName == "schedule" {
		if outcomes, err = scheduled(ctx, m.client, shape); err != nil {
			return nil, err
		}
	}
	p := newPerWorkflow(a, b, m.idle, shape.Workflows)
	r := &Result{
		Name: shape.Name, RatePerSecond: shape.RatePerSecond, Arrivals: arrivalsName, Workflows: shape.Workflows, Steps: shape.Steps,
		InputPaddingBytes: shape.InputPaddingBytes, ContinueAsNew: shape.ContinueAsNew, SignalsSent: shape.signalsSent(),
		LatencyMs: latencies(outcomes), WindowSeconds: significant(p.seconds), Outcomes: map[string]int{},
		CPU: p.group("cpu|", false), WAL: p.group("wal|", false), XactCommit: p.group("xact|", false),
		Requests: p.group("requests|", true), TableBytes: map[string]float64{},
		HostBusyCores:  significant((b.values["host|busy"] - a.values["host|busy"]) / p.seconds),
		HostStealCores: significant((b.values["host|steal"] - a.values["host|steal"]) / p.seconds),
	}
	total := 0.0
	for _, seconds := range r.CPU {
		total += seconds
	}
	r.CPU["whole_host"] = significant(total)
	r.Statements, r.StatementTotals = p.statements()
	for table, bytes := range grown {
		r.TableBytes[table] = significant(bytes / p.n)
	}
	for _, o := range outcomes {
		r.Outcomes[o.result]++
	}
	if input, err := json.Marshal(Input{Steps: shape.Steps, Pad: make([]byte, shape.InputPaddingBytes), Left: shape.ContinueAsNew}); err == nil {
		r.WorkflowInputBytes = len(input)
	}
	return r, m.describeSample(ctx, r, outcomes)
}

func latencies(outcomes []Outcome) map[string]map[string]float64 {
	var response, service, start []time.Duration
	for _, o := range outcomes {
		start = append(start, o.start)
		if o.finished {
			response, service = append(response, o.response), append(service, o.service)
		}
	}
	return map[string]map[string]float64{"response": quantiles(response), "service": quantiles(service), "start": quantiles(start)}
}

func (m *measurement) describeSample(ctx context.Context, r *Result, outcomes []Outcome) error {
	n := min(described, len(outcomes))
	for _, o := range outcomes[:n] {
		description, err := m.client.DescribeWorkflowExecution(ctx, o.id, "")
		if err != nil {
			return err
		}
		info := description.GetWorkflowExecutionInfo()
		r.HistoryBytes += float64(info.GetHistorySizeBytes()) / float64(n)
		r.HistoryLength += float64(info.GetHistoryLength()) / float64(n)
		r.StateTransitions += float64(info.GetStateTransitionCount()) / float64(n)
	}
	r.HistoryBytes, r.HistoryLength, r.StateTransitions = significant(r.HistoryBytes), significant(r.HistoryLength), significant(r.StateTransitions)
	return nil
}

func (r *Result) summary() string {
	return fmt.Sprintf("%-36s %v  statements %.1f + %.1f  sync %.1f  WAL %.0f KB  transitions %.2f  history %.0f B / %.1f events  p50 %.0f ms",
		r.Name, r.Outcomes, r.StatementTotals["temporal"], r.StatementTotals["temporal_visibility"], r.WAL["sync"], r.WAL["bytes"]/1000,
		r.Requests["history|state_transition_count_count|WorkflowContext"], r.HistoryBytes, r.HistoryLength, r.LatencyMs["response"]["p50"])
}
