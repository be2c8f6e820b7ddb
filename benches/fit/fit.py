#!/usr/bin/env python3
"""Fits the CPU costs of a calibration file to measured runs: non-negative least squares, all processes at once.

    cargo run --release -p plimsoll-benches --bin counts -- --features sim/tests/data/measured.json > features.jsonl
    python3 benches/fit/fit.py features.jsonl

Each line of the input is a run: how often the model did what costs CPU, per workflow, and what was measured. Prints a cost for
each count, in ms, and the error of each run. Costs change the wake-ups a little: put them into the calibration file and run
it again until nothing moves. Needs numpy and scipy. Not part of the build.

Three kinds of equations, each divided by how far its measurement is uncertain:
  * CPU of a process in a run: 4 % of it, and GC seconds of CPU per window (history's own repeats differ by one second);
  * CPU of all processes at the loads that were repeated: 1.5 % (it decides how busy the machine is);
  * base costs alone, without wake-ups, in overload: the throughput that was measured there;
and a weak pull towards costs that are plausible, because one second of noise cannot tell the costs of history's visits apart.
"""
import json
import sys

import numpy as np
from scipy.optimize import nnls

# What each process's CPU follows from, and a plausible cost.
COUNTS = {
    "frontend": {"calls": 0.6, "wake_ups": 0.2, "idle_cores": 0.3},
    "matching": {"calls": 0.3, "forwards": 1.2, "wake_ups": 0.15, "idle_cores": 0.2},
    "history": {"requests": 0.3, "updates": 0.5, "queue_tasks": 1.25, "timer_reads": 0.7, "wake_ups": 0.35, "idle_cores": 0.48},
    "postgres": {"statements": 0.12, "visibility": 2.2, "wake_ups": 0.07, "idle_cores": 0.1},
}
OF_ONE_PROCESS = {"wake_ups", "idle_cores", "calls", "requests"}
GC_SECONDS = {"history": 1.0}
PULL = 4.0
# Saturated, the machine completed 43.9 one-activity workflows a second at 44.1 ms of CPU, client and worker (4 to 5 ms) included.
OVERLOAD_MS, OVERLOAD_ERROR = 40.0, 0.005
TIMER_READS_IN_OVERLOAD = 1.85

COLUMNS = [(process, count) for process, counts in COUNTS.items() for count in counts]


def count(run, process, name):
    f = run["features"]
    if name == "calls":
        return f[f"{process} requests"] - (f["forwards"] if process == "matching" else 0.0)
    if name in OF_ONE_PROCESS:
        return f[f"{process} {name}"]
    left = f["left_over_timer_reads"] if name in ("timer_reads", "statements") else 0.0
    return f[name] + left


def row(run, processes):
    return np.array([count(run, p, c) if p in processes else 0.0 for p, c in COLUMNS])


def main():
    runs = [json.loads(line) for line in open(sys.argv[1])]
    equations, shown = [], []
    for run in runs:
        for process in COUNTS:
            cpu = run["measured"][f"CPU ms {process}"]
            noise = GC_SECONDS.get(process, 0.05) * 1e3 / run["workflows"]
            equations.append((row(run, [process]), cpu, np.hypot(noise, 0.04 * cpu)))
            shown.append((process, run["name"], cpu, row(run, [process])))
        if "_rep" in run["name"] and not run["name"].startswith("act1_rate5_"):
            cpu = sum(run["measured"][f"CPU ms {process}"] for process in COUNTS)
            equations.append((row(run, COUNTS), cpu, 0.015 * cpu))
            shown.append(("all", run["name"], cpu, row(run, COUNTS)))
    busiest = next(run for run in runs if run["name"] == "act1_rate32_rep1")
    base = row(busiest, COUNTS)
    for index, (_, name) in enumerate(COLUMNS):
        if name in ("wake_ups", "idle_cores"):
            base[index] = 0.0
        elif name == "timer_reads":
            base[index] = TIMER_READS_IN_OVERLOAD
    equations.append((base, OVERLOAD_MS, OVERLOAD_ERROR * OVERLOAD_MS))
    for index, (process, name) in enumerate(COLUMNS):
        plausible = COUNTS[process][name]
        unit = np.zeros(len(COLUMNS))
        unit[index] = 1.0
        equations.append((unit, plausible, plausible / PULL))
    a = np.array([left / error for left, _, error in equations])
    b = np.array([right / error for _, right, error in equations])
    costs, _ = nnls(a, b)
    for (process, name), cost in zip(COLUMNS, costs):
        print(f"{process:<10}{name:<14}{cost:8.3f}")
    print(f"{'all':<10}{'in overload':<14}{base @ costs:8.1f}\n")
    for process, name, cpu, left in sorted(shown, key=lambda line: line[0]):
        print(f"{process:<10}{name:<34}{cpu:8.2f}{100 * (left @ costs / cpu - 1):+8.1f} %")


if __name__ == "__main__":
    main()
