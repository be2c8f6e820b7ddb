package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

var services = []string{"frontend", "history", "matching", "worker"}

// Cluster is what the file written by ../cluster/up says.
type Cluster struct {
	values  map[string]string
	pids    map[string]int
	metrics map[string]string
	pgPid   int
}

func readCluster(path string) (*Cluster, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("no running cluster: %w (start one with loadgen/cluster/up)", err)
	}
	defer file.Close()
	c := &Cluster{values: map[string]string{}, pids: map[string]int{}, metrics: map[string]string{}}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			c.values[name] = value
		}
	}
	for _, service := range services {
		upper := strings.ToUpper(service)
		c.metrics[service] = c.values["PLIMSOLL_"+upper+"_METRICS"]
		if c.pids[service], err = strconv.Atoi(c.values["PLIMSOLL_"+upper+"_PID"]); err != nil {
			return nil, fmt.Errorf("%s: pid of %s: %w", path, service, err)
		}
	}
	if c.pgPid, err = strconv.Atoi(c.values["PLIMSOLL_PG_PID"]); err != nil {
		return nil, fmt.Errorf("%s: pid of PostgreSQL: %w", path, err)
	}
	return c, nil
}
