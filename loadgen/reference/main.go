// reference sends the load of a one-activity profile with the Go SDK, as plimsoll-load does with its own means: open loop, every workflow at its time
// whatever became of the ones before, response time from the intended start to the result at the client. It prints that time's p50, p90 and p99. Two
// programs that share no code and agree are both right, or wrong in the same way.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

var (
	address   = flag.String("address", "127.0.0.1:7233", "frontend")
	namespace = flag.String("namespace", "default", "namespace")
	rate      = flag.Float64("rate", 5, "starts per second, a Poisson process")
	duration  = flag.Duration("duration", 30*time.Second, "how long to start workflows")
	warmUp    = flag.Duration("warm-up", 5*time.Second, "of these, how long not to count")
	seed      = flag.Uint64("seed", 1, "of the Poisson process")
	size      = flag.Int("bytes", 10, "of each payload")
	takes     = flag.Duration("takes", 0, "how long the activity waits")
	name      = flag.String("workflow", "OneActivity", "workflow type")
	task      = flag.String("activity", "empty", "activity type")
	queue     = flag.String("task-queue", "", "of workers that run already; left out: own workers")
	serve     = flag.Bool("serve", false, "be the workers of -task-queue until stdin ends, and start nothing")
	fails     = flag.Float64("fails", 0, "share of its workers' activities that fail for good")
	metrics   = flag.String("metrics", "", "address at which its workers serve the SDK's metrics, under /metrics; left out: nowhere")
)

func payload() []byte {
	bytes := make([]byte, *size)
	rand.Read(bytes)
	return bytes
}

func work(ctx context.Context, _ []byte) ([]byte, error) {
	time.Sleep(*takes)
	if mathrand.Float64() < *fails {
		return nil, temporal.NewNonRetryableApplicationError("as -fails says", "Asked", nil)
	}
	return payload(), nil
}

func oneActivity(ctx workflow.Context, input []byte) (output []byte, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	err = workflow.ExecuteActivity(ctx, *task, input).Get(ctx, &output)
	return output, err
}

func main() {
	flag.Parse()
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	options := client.Options{HostPort: *address, Namespace: *namespace, Logger: quiet}
	said := ""
	if *metrics != "" {
		handler, at, err := serveMetrics(*metrics)
		if err != nil {
			log.Fatalln("no metrics:", err)
		}
		options.MetricsHandler = handler
		said = fmt.Sprintf(", metrics at http://%s/metrics", at)
	}
	c, err := client.Dial(options)
	if err != nil {
		log.Fatalln("no connection:", err)
	}
	defer c.Close()
	prefix := fmt.Sprintf("plimsoll-reference-%d", time.Now().UnixNano())
	if *queue == "" || *serve {
		if *queue == "" {
			*queue = prefix
		}
		// As profiles/one-activity.toml has it.
		w := worker.New(c, *queue, worker.Options{
			MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentWorkflowTaskExecutionSize: 200,
			MaxConcurrentActivityTaskPollers: 8, MaxConcurrentActivityExecutionSize: 200,
		})
		w.RegisterWorkflowWithOptions(oneActivity, workflow.RegisterOptions{Name: *name})
		w.RegisterActivityWithOptions(work, activity.RegisterOptions{Name: *task})
		if err := w.Start(); err != nil {
			log.Fatalln("no worker:", err)
		}
		defer w.Stop()
	}
	if *serve {
		fmt.Printf("polling %s%s\n", *queue, said)
		io.Copy(io.Discard, os.Stdin)
		return
	}
	responses, failed := offer(c, prefix)
	if failed > 0 {
		log.Printf("%d workflows failed", failed)
	}
	if len(responses) == 0 {
		log.Fatalln("no workflow completed")
	}
	slices.Sort(responses)
	for _, q := range []int{50, 90, 99} {
		// The smallest value that q % do not exceed.
		fmt.Printf("p%d %.3f ms\n", q, responses[(len(responses)*q+99)/100-1].Seconds()*1000)
	}
	fmt.Printf("count %d\n", len(responses))
	if failed > 0 {
		os.Exit(1)
	}
}

// offer starts every workflow at its time and waits for all of them.
func offer(c client.Client, prefix string) (responses []time.Duration, failed int) {
	random := mathrand.New(mathrand.NewPCG(*seed, 0))
	begin := time.Now()
	var all sync.WaitGroup
	var lock sync.Mutex
	for i, at := 0, 0.0; ; i++ {
		at += random.ExpFloat64() / *rate
		offset := time.Duration(at * float64(time.Second))
		if offset > *duration {
			break
		}
		time.Sleep(time.Until(begin.Add(offset)))
		all.Add(1)
		go func() {
			defer all.Done()
			options := client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", prefix, i), TaskQueue: *queue}
			run, err := c.ExecuteWorkflow(context.Background(), options, *name, payload())
			if err == nil {
				err = run.Get(context.Background(), nil)
			}
			response := time.Since(begin.Add(offset))
			lock.Lock()
			defer lock.Unlock()
			switch {
			case err != nil:
				failed++
			case offset >= *warmUp:
				responses = append(responses, response)
			}
		}()
	}
	all.Wait()
	return responses, failed
}
