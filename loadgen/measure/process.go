package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Linux counts process time in hundredths of a second on every architecture it runs Go on.
const ticksPerSecond = 100

type procStat struct {
	parent int
	// own is this process's user and system time; reaped that of the children it has waited for.
	own, reaped float64
}

func readProc(pid int) (procStat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	// The command's name may hold spaces and brackets: fields are counted after the last ")".
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 15 {
		return procStat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	var s procStat
	s.parent, _ = strconv.Atoi(fields[1])
	ticks := func(i int) float64 { v, _ := strconv.ParseFloat(fields[i], 64); return v / ticksPerSecond }
	s.own, s.reaped = ticks(11)+ticks(12), ticks(13)+ticks(14)
	return s, nil
}

// treeCPU is the time of a process, its living children and those it has waited for: PostgreSQL's backends come and go.
func treeCPU(root int) (float64, error) {
	top, err := readProc(root)
	if err != nil {
		return 0, err
	}
	total := top.own + top.reaped
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process may end between the listing and the read.
		if s, err := readProc(pid); err == nil && s.parent == root {
			total += s.own + s.reaped
		}
	}
	return total, nil
}

type hostStat struct{ busy, steal float64 }

func readHost() (hostStat, error) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return hostStat{}, err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return hostStat{}, fmt.Errorf("/proc/stat: %q", line)
	}
	ticks := func(i int) float64 { v, _ := strconv.ParseFloat(fields[i], 64); return v / ticksPerSecond }
	// user, nice, system, irq, softirq; idle and iowait are not work, steal is another machine's.
	return hostStat{busy: ticks(1) + ticks(2) + ticks(3) + ticks(6) + ticks(7), steal: ticks(8)}, nil
}
