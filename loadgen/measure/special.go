package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
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

// IdleRates is what a cluster without clients costs per second.
type IdleRates struct {
	Shards           int                  `json:"shards"`
	WindowSeconds    float64              `json:"window_seconds"`
	SecondsAfterLoad string               `json:"since"`
	CPU              map[string]float64   `json:"cpu_seconds_per_second"`
	StatementTotals  map[string]float64   `json:"statements_per_second"`
	WAL              map[string]float64   `json:"wal_per_second"`
	XactCommit       map[string]float64   `json:"xact_commit_per_second"`
	Statements       map[string]statement `json:"statements"`
	Requests         map[string]float64   `json:"requests_per_second"`
	HostBusyCores    float64              `json:"host_busy_cores"`
}

func idleRates(a, b *Counters, shards int, since string) *IdleRates {
	none := &Idle{statements: map[string]statement{}, values: map[string]float64{}}
	p := newPerWorkflow(a, b, none, 1)
	p.n = p.seconds
	r := &IdleRates{Shards: shards, WindowSeconds: significant(p.seconds), SecondsAfterLoad: since,
		CPU: p.group("cpu|", false), WAL: p.group("wal|", false), XactCommit: p.group("xact|", false), Requests: p.group("requests|", true),
		HostBusyCores: significant(p.value("host|busy"))}
	delete(r.CPU, "client")
	r.Statements, r.StatementTotals = p.statements()
	return r
}

// bursts samples every process's run time (/proc/PID/task/*/schedstat, nanoseconds) every 10 ms and prints when each one ran.
func bursts(c *Cluster, seconds int) error {
	roots := map[string][]int{"client": {os.Getpid()}}
	for service, pid := range c.pids {
		roots[service] = []int{pid}
	}
	roots["postgres"] = childrenOf(c.pgPid)
	return printBursts(roots, seconds)
}

func childrenOf(parent int) []int {
	pids := []int{parent}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return pids
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if s, err := readProc(pid); err == nil && s.parent == parent {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// runTime is the time all threads of these processes ran, and waited for a processor, so far.
func runTime(pids []int) (ran, waited time.Duration) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, thread := range threads {
			raw, err := os.ReadFile(thread)
			if err != nil {
				continue
			}
			if fields := strings.Fields(string(raw)); len(fields) == 3 {
				r, _ := strconv.ParseInt(fields[0], 10, 64)
				w, _ := strconv.ParseInt(fields[1], 10, 64)
				ran, waited = ran+time.Duration(r), waited+time.Duration(w)
			}
		}
	}
	return ran, waited
}

func printBursts(processes map[string][]int, seconds int) error {
	type series struct{ slices, waits []float64 }
	all := map[string]*series{}
	last := map[string][2]time.Duration{}
	for name, pids := range processes {
		ran, waited := runTime(pids)
		all[name], last[name] = &series{}, [2]time.Duration{ran, waited}
	}
	firstHost, err := readHost()
	if err != nil {
		return err
	}
	begin := time.Now()
	samples := 0
	for tick := time.NewTicker(10 * time.Millisecond); time.Since(begin) < time.Duration(seconds)*time.Second; samples++ {
		<-tick.C
		for name, pids := range processes {
			ran, waited := runTime(pids)
			s := all[name]
			s.slices = append(s.slices, float64((ran-last[name][0]).Microseconds())/1000)
			s.waits = append(s.waits, float64((waited-last[name][1]).Microseconds())/1000)
			last[name] = [2]time.Duration{ran, waited}
		}
	}
	lastHost, err := readHost()
	if err != nil {
		return err
	}
	elapsed := time.Since(begin)
	slice := inMs(elapsed) / float64(samples)
	fmt.Printf("%d samples of %.2f ms mean; host busy %.2f cores, steal %.3f cores\n", samples, slice, (lastHost.busy-firstHost.busy)/elapsed.Seconds(), (lastHost.steal-firstHost.steal)/elapsed.Seconds())
	fmt.Printf("%-10s %12s %12s | CPU ms per sample: %7s %7s %7s %7s %7s | bursts over 1 core: %6s %12s %10s\n", "process", "CPU ms/s", "runq ms/s", "p50", "p90", "p99", "p99.9", "max", "per s", "mean length", "longest")
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		s := all[name]
		count, lengthSum, longest, length := 0, 0.0, 0.0, 0.0
		total, waited := 0.0, 0.0
		for i, ran := range s.slices {
			total, waited = total+ran, waited+s.waits[i]
			if ran > slice {
				length += slice
				longest = max(longest, length)
				continue
			}
			if length > 0 {
				count, lengthSum, length = count+1, lengthSum+length, 0
			}
		}
		sorted := append([]float64(nil), s.slices...)
		sort.Float64s(sorted)
		q := func(q float64) float64 { return sorted[int(q*float64(len(sorted)-1))] }
		mean := 0.0
		if count > 0 {
			mean = lengthSum / float64(count)
		}
		fmt.Printf("%-10s %12.1f %12.1f | %26.2f %7.2f %7.2f %7.2f %7.2f | %27.2f %9.1f ms %7.1f ms\n", name, total/elapsed.Seconds(), waited/elapsed.Seconds(),
			q(.5), q(.9), q(.99), q(.999), q(1), float64(count)/elapsed.Seconds(), mean, longest)
	}
	return nil
}
