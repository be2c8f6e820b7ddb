package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed shapes.json
var shapesJSON []byte

// Shape is one kind of workflow and the load it is measured under.
type Shape struct {
	Name              string  `json:"name"`
	RatePerSecond     float64 `json:"rate_per_second"`
	Workflows         int     `json:"workflows"`
	Steps             []Step  `json:"steps"`
	InputPaddingBytes int     `json:"input_padding_bytes"`
	ContinueAsNew     int     `json:"continue_as_new"`
}

// selectShapes gives the named shapes in the order asked for, or all of them.
func selectShapes(names string) ([]Shape, error) {
	var all []Shape
	if err := json.Unmarshal(shapesJSON, &all); err != nil {
		return nil, fmt.Errorf("shapes.json: %w", err)
	}
	if names == "" {
		return all, nil
	}
	var chosen []Shape
	for _, name := range strings.Split(names, ",") {
		found := false
		for _, shape := range all {
			if shape.Name == name {
				chosen, found = append(chosen, shape), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no shape named %q in shapes.json", name)
		}
	}
	return chosen, nil
}

func (s Shape) signalsSent() int {
	n := 0
	for _, step := range s.Steps {
		if step.Kind == "wait_signal" || step.Kind == "signal_with_start" {
			n += step.times()
		}
	}
	return n
}

func (s Shape) step(kind string) (Step, bool) {
	for _, step := range s.Steps {
		if step.Kind == kind {
			return step, true
		}
	}
	return Step{}, false
}
