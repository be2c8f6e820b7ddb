package main

import (
	"math"
	"strconv"
	"strings"
)

// Below this many calls per workflow a row is left out.
const smallest = 0.01

// Idle is what the cluster does per second without load.
type Idle struct {
	statements map[string]statement
	values     map[string]float64
}

func idleRate(a, b *Counters) *Idle {
	seconds := b.at.Sub(a.at).Seconds()
	idle := &Idle{statements: map[string]statement{}, values: map[string]float64{}}
	for key, after := range b.statements {
		before := a.statements[key]
		idle.statements[key] = statement{(after.Calls - before.Calls) / seconds, (after.Rows - before.Rows) / seconds, (after.ExecMs - before.ExecMs) / seconds}
	}
	for key, after := range b.values {
		idle.values[key] = (after - a.values[key]) / seconds
	}
	return idle
}

// perWorkflow is the difference of two samples minus the idle rate, per workflow.
type perWorkflow struct {
	a, b    *Counters
	idle    *Idle
	seconds float64
	n       float64
}

func newPerWorkflow(a, b *Counters, idle *Idle, n int) perWorkflow {
	return perWorkflow{a: a, b: b, idle: idle, seconds: b.at.Sub(a.at).Seconds(), n: float64(n)}
}

func (p perWorkflow) value(key string) float64 {
	return (p.b.values[key] - p.a.values[key] - p.idle.values[key]*p.seconds) / p.n
}

// group gives the values whose key starts with a prefix, without it, rounded; those below the smallest are left out if asked.
func (p perWorkflow) group(prefix string, drop bool) map[string]float64 {
	out := map[string]float64{}
	for key := range p.b.values {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if value := p.value(key); !drop || value >= smallest {
			out[name] = significant(value)
		}
	}
	return out
}

func (p perWorkflow) statements() (rows map[string]statement, totals map[string]float64) {
	rows, totals = map[string]statement{}, map[string]float64{}
	for key, after := range p.b.statements {
		before, idle := p.a.statements[key], p.idle.statements[key]
		row := statement{
			Calls:  (after.Calls - before.Calls - idle.Calls*p.seconds) / p.n,
			Rows:   (after.Rows - before.Rows - idle.Rows*p.seconds) / p.n,
			ExecMs: (after.ExecMs - before.ExecMs - idle.ExecMs*p.seconds) / p.n,
		}
		database, _, _ := strings.Cut(key, ": ")
		totals[database] += row.Calls
		if row.Calls >= smallest {
			rows[key] = statement{significant(row.Calls), significant(math.Max(row.Rows, 0)), significant(math.Max(row.ExecMs, 0))}
		}
	}
	for database, calls := range totals {
		totals[database] = significant(calls)
	}
	return rows, totals
}

// significant rounds to five significant digits.
func significant(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 5, 64), 64)
	if err != nil {
		return x
	}
	return rounded
}
