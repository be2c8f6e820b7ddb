package main

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAMetricLineGivesItsNameLabelsAndValue(t *testing.T) {
	name, labels, value, ok := parseMetric(`cache_miss{cache_type="mutablestate",operation="HistoryCacheGetOrCreate",service_name="history"} 1.5e+03`)
	if !ok || name != "cache_miss" || labels["operation"] != "HistoryCacheGetOrCreate" || labels["cache_type"] != "mutablestate" || value != 1500 {
		t.Errorf("got %q %v %v %v", name, labels, value, ok)
	}
	if _, _, _, ok := parseMetric("# TYPE cache_miss counter"); ok {
		t.Error("a comment was taken for a metric")
	}
	if name, labels, value, ok := parseMetric("go_goroutines 12"); !ok || name != "go_goroutines" || len(labels) != 0 || value != 12 {
		t.Error("a metric without labels was not read")
	}
}

func TestPoissonArrivalsHaveTheRateAskedForAndRepeatWithTheirSeed(t *testing.T) {
	const n, rate = 20000, 8.0
	times := arrivals(rate, n, 7)
	// The last of n arrivals is a gamma variable with mean n/rate and deviation sqrt(n)/rate.
	if last := times[n-1].Seconds(); math.Abs(last-n/rate) > 5*math.Sqrt(n)/rate {
		t.Errorf("the last of %d arrivals at %g/s came after %g s", n, rate, last)
	}
	for i, again := range arrivals(rate, n, 7) {
		if again != times[i] {
			t.Fatalf("arrival %d differs for the same seed", i)
		}
	}
}

func TestTheIdleRateIsTakenOffAndTheRestSharedByTheWorkflows(t *testing.T) {
	at := time.Unix(0, 0)
	counters := func(seconds int, calls, commits float64) *Counters {
		return &Counters{at: at.Add(time.Duration(seconds) * time.Second), statements: map[string]statement{"temporal: SELECT": {Calls: calls}}, values: map[string]float64{"xact|temporal": commits}}
	}
	idle := idleRate(counters(0, 0, 0), counters(60, 120, 60))
	p := newPerWorkflow(counters(100, 1000, 1000), counters(120, 2040, 1220), idle, 50)
	rows, totals := p.statements()
	if rows["temporal: SELECT"].Calls != 20 || totals["temporal"] != 20 {
		t.Errorf("20 calls per workflow expected: %v %v", rows, totals)
	}
	if commits := p.value("xact|temporal"); commits != 4 {
		t.Errorf("4 commits per workflow expected: %v", commits)
	}
}

func TestQuantilesAreNearestRanks(t *testing.T) {
	var durations []time.Duration
	for ms := 101; ms > 0; ms-- {
		durations = append(durations, time.Duration(ms)*time.Millisecond)
	}
	q := quantiles(durations)
	if q["p10"] != 11 || q["p50"] != 51 || q["p99"] != 100 || q["max"] != 101 {
		t.Errorf("got %v", q)
	}
}

func TestEveryShapeIsKnownByOneNameAndHasALoad(t *testing.T) {
	shapes, err := selectShapes("")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, shape := range shapes {
		if seen[shape.Name] || shape.Workflows <= 0 || shape.RatePerSecond <= 0 || len(shape.Steps) == 0 {
			t.Errorf("shape %+v", shape)
		}
		seen[shape.Name] = true
	}
	if _, err := selectShapes("act1,nonsense"); err == nil {
		t.Error("an unknown shape was accepted")
	}
}

func TestAFileWrittenIsTheValueWithSmallObjectsOnOneLine(t *testing.T) {
	path := t.TempDir() + "/x.json"
	want := File{About: "two  blanks {kept}", Runs: []*Result{{Name: "a", Statements: map[string]statement{"temporal: SELECT [x] ( $1 )": {Calls: 2, Rows: 3, ExecMs: 0.5}}}}}
	if err := writeJSON(path, want); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), `{ "calls": 2, "rows": 3, "exec_ms": 0.5 }`) {
		t.Errorf("%s", raw)
	}
	got, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.About != want.About || got.Runs[0].Statements["temporal: SELECT [x] ( $1 )"] != want.Runs[0].Statements["temporal: SELECT [x] ( $1 )"] {
		t.Errorf("%+v", got)
	}
}
