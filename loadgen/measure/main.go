// Command measure drives a Temporal cluster started by ../cluster/up with an independent client, the Go SDK, and measures what each
// kind of workflow costs it: SQL statements, requests, CPU, WAL, bytes and latencies per workflow. README.md has the commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

const usage = `usage: measure COMMAND [flags]
  run      measure shapes and write them in the format of measured.json
  load     offer one shape and print its latencies; with --bursts, who ran when
  stopped  stop the worker under load: backlog and completions every half second
  idle     what the cluster does without load
`

type options struct {
	env, shapes, out, since string
	rate, stopAfter, away   float64
	workflows, idle         int
	seed                    uint64
	bursts                  int
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var o options
	flags := flag.NewFlagSet("measure", flag.ExitOnError)
	flags.StringVar(&o.env, "cluster", "/var/lib/plimsoll/default/env", "file written by cluster/up")
	flags.StringVar(&o.shapes, "shapes", "", "names from shapes.json, comma between them; all when empty")
	flags.StringVar(&o.out, "out", "", "JSON file to write; run adds to what is there")
	flags.StringVar(&o.since, "since", "", "words kept with an idle measurement: what happened before it")
	flags.Float64Var(&o.rate, "rate", 0, "starts per second instead of the shape's own")
	flags.IntVar(&o.workflows, "workflows", 0, "workflows instead of the shape's own number")
	flags.IntVar(&o.idle, "idle-seconds", 60, "how long the idle cluster is watched")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the arrival times")
	flags.Float64Var(&o.stopAfter, "stop-after", 20, "stopped: seconds until the worker stops")
	flags.Float64Var(&o.away, "away", 20, "stopped: seconds until another one starts")
	flags.IntVar(&o.bursts, "bursts", 0, "load: seconds for which every process is sampled each 10 ms")
	_ = flags.Parse(os.Args[2:])

	commands := map[string]func(context.Context, options, *Cluster) error{"run": runShapes, "load": loadOnly, "stopped": runStopped, "idle": runIdle}
	command, ok := commands[os.Args[1]]
	if !ok {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	cluster, err := readCluster(o.env)
	if err == nil {
		// Everything is bounded: nothing here takes longer than an hour.
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		err = command(ctx, o, cluster)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func dial(c *Cluster) (client.Client, error) {
	quiet := log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	return client.Dial(client.Options{HostPort: c.values["TEMPORAL_ADDRESS"], Namespace: c.values["TEMPORAL_NAMESPACE"], Logger: quiet})
}

func chosen(o options) ([]Shape, error) {
	shapes, err := selectShapes(o.shapes)
	for i := range shapes {
		if o.rate > 0 {
			shapes[i].RatePerSecond = o.rate
		}
		if o.workflows > 0 {
			shapes[i].Workflows = o.workflows
		}
	}
	return shapes, err
}

func runShapes(ctx context.Context, o options, cluster *Cluster) error {
	shapes, err := chosen(o)
	if err != nil {
		return err
	}
	if o.out == "" {
		return errors.New("run needs --out")
	}
	file, err := readFile(o.out)
	if err != nil {
		return err
	}
	file.About, file.StepNotes = about(cluster), stepNotes
	c, err := dial(cluster)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := registerSearchAttribute(ctx, c); err != nil {
		return err
	}
	w := newWorker(c)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	s, err := newSampler(ctx, cluster)
	if err != nil {
		return err
	}
	m := &measurement{client: c, sampler: s, seed: o.seed}
	if err := m.prepare(ctx, o.idle); err != nil {
		return err
	}
	for _, shape := range shapes {
		result, err := m.shape(ctx, shape)
		if err != nil {
			return fmt.Errorf("%s: %w", shape.Name, err)
		}
		if err := file.put(o.out, result); err != nil {
			return err
		}
		fmt.Println(time.Now().Format("15:04:05"), result.summary())
	}
	return nil
}

// prepare warms every task queue partition and cache up, lets what follows that run out, then measures the idle rate with the worker polling.
func (m *measurement) prepare(ctx context.Context, idleSeconds int) error {
	warm := Shape{RatePerSecond: 5, Workflows: 20, Steps: []Step{{Kind: "local_activity"}, {Kind: "wait_signal"}}, InputPaddingBytes: 10}
	offer(ctx, m.client, warm, 99, nil)
	time.Sleep(settle)
	a, err := m.sampler.read(ctx)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(idleSeconds) * time.Second)
	b, err := m.sampler.read(ctx)
	if err != nil {
		return err
	}
	m.idle = idleRate(a, b)
	fmt.Printf("%s idle: %.1f commits/s, %.1f fsyncs/s, host busy %.2f cores\n", time.Now().Format("15:04:05"),
		m.idle.values["xact|temporal"], m.idle.values["wal|sync"], m.idle.values["host|busy"])
	return nil
}

func registerSearchAttribute(ctx context.Context, c client.Client) error {
	_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: "default", SearchAttributes: map[string]enumspb.IndexedValueType{upsertedString: enumspb.INDEXED_VALUE_TYPE_KEYWORD},
	})
	var exists *serviceerror.AlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

func loadOnly(ctx context.Context, o options, cluster *Cluster) error {
	shapes, err := chosen(o)
	if err != nil {
		return err
	}
	c, err := dial(cluster)
	if err != nil {
		return err
	}
	defer c.Close()
	w := newWorker(c)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	for _, shape := range shapes {
		sampled := make(chan error, 1)
		go func() {
			if o.bursts == 0 {
				sampled <- nil
				return
			}
			time.Sleep(2 * time.Second)
			sampled <- bursts(cluster, o.bursts)
		}()
		outcomes := offer(ctx, c, shape, o.seed, nil)
		if err := <-sampled; err != nil {
			return err
		}
		fmt.Printf("%s %g/s %d: %v\n", shape.Name, shape.RatePerSecond, shape.Workflows, latencies(outcomes))
	}
	return nil
}

func runStopped(ctx context.Context, o options, cluster *Cluster) error {
	shapes, err := chosen(o)
	if err != nil {
		return err
	}
	if len(shapes) != 1 || o.out == "" {
		return errors.New("stopped needs one shape and --out")
	}
	c, err := dial(cluster)
	if err != nil {
		return err
	}
	defer c.Close()
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	result, err := stopped(ctx, c, shapes[0], o.seed, seconds(o.stopAfter), seconds(o.away))
	if err != nil {
		return err
	}
	result.About = stoppedAbout
	return writeJSON(o.out, result)
}

func runIdle(ctx context.Context, o options, cluster *Cluster) error {
	if o.out == "" {
		return errors.New("idle needs --out")
	}
	s, err := newSampler(ctx, cluster)
	if err != nil {
		return err
	}
	a, err := s.read(ctx)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(o.idle) * time.Second)
	b, err := s.read(ctx)
	if err != nil {
		return err
	}
	shards, err := strconv.Atoi(cluster.values["PLIMSOLL_SHARDS"])
	if err != nil {
		return err
	}
	return writeJSON(o.out, idleRates(a, b, shards, o.since))
}
