package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

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

// threads are the open schedstat files of all threads of some processes: reading them through open files is cheap enough for each 10 ms.
type threads struct {
	pids []int
	last map[string]*thread
}

type thread struct {
	file        *os.File
	ran, waited int64
}

// look opens the files of threads that are new. What they ran before counts as theirs from now on.
func (t *threads) look() {
	for _, pid := range t.pids {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, path := range paths {
			if t.last[path] != nil {
				continue
			}
			if file, err := os.Open(path); err == nil {
				t.last[path] = &thread{file: file}
				t.last[path].read()
			}
		}
	}
}

// read gives the time since the last read that the thread ran and that it waited for a processor.
func (t *thread) read() (ran, waited time.Duration) {
	var raw [80]byte
	n, _ := t.file.ReadAt(raw[:], 0)
	fields := strings.Fields(string(raw[:n]))
	if len(fields) != 3 {
		return 0, 0
	}
	r, _ := strconv.ParseInt(fields[0], 10, 64)
	w, _ := strconv.ParseInt(fields[1], 10, 64)
	ran, waited = time.Duration(r-t.ran), time.Duration(w-t.waited)
	t.ran, t.waited = r, w
	return ran, waited
}

func (t *threads) read() (ran, waited time.Duration) {
	for _, one := range t.last {
		r, w := one.read()
		ran, waited = ran+r, waited+w
	}
	return ran, waited
}

func printBursts(processes map[string][]int, seconds int) error {
	type series struct{ slices, waits []float64 }
	all := map[string]*series{}
	watched := map[string]*threads{}
	for name, pids := range processes {
		all[name], watched[name] = &series{}, &threads{pids: pids, last: map[string]*thread{}}
		watched[name].look()
	}
	firstHost, err := readHost()
	if err != nil {
		return err
	}
	begin := time.Now()
	samples := 0
	for tick := time.NewTicker(10 * time.Millisecond); time.Since(begin) < time.Duration(seconds)*time.Second; samples++ {
		<-tick.C
		for name, w := range watched {
			if samples%100 == 0 {
				w.look()
			}
			ran, waited := w.read()
			all[name].slices = append(all[name].slices, float64(ran.Microseconds())/1000)
			all[name].waits = append(all[name].waits, float64(waited.Microseconds())/1000)
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
