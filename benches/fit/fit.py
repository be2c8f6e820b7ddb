#!/usr/bin/env python3
"""Fits the costs of a calibration file to measured runs: non-negative least squares on relative errors.

    cargo run --release -p plimsoll-benches --bin counts -- --features measured.json > features.jsonl
    python3 benches/fit/fit.py features.jsonl

Reads what the model counted per workflow and what was measured, one run a line; prints a cost per count, and the error of each
run. Needs numpy and scipy. After new costs are in the calibration file, the wake-ups change a little: run it again until
nothing moves. Not part of the build.
"""
import json
import sys

import numpy as np
from scipy.optimize import nnls

# What each process's CPU (ms per workflow) follows from.
CPU = {
    "frontend": ["frontend calls", "polls", "frontend wake_ups"],
    "matching": ["matching calls", "forwards", "matching wake_ups"],
    "history": ["history requests", "updates", "queue_tasks", "timer_reads", "history wake_ups"],
    "postgres": ["statements", "visibility", "postgres wake_ups"],
}
BYTES = {
    "WAL bytes": ["rows_written", "visibility"],
    "history_node bytes": ["history_rows", "history_events"],
}


def derived(run):
    f = run["features"]
    left = f["left_over_timer_reads"]
    f["timer_reads"] += left
    f["statements"] += left
    f["frontend calls"] = f["frontend requests"]
    f["matching calls"] = f["matching requests"] - f["forwards"]
    return f


def fit(runs, name, key, columns):
    f = [derived_run["features"] for derived_run in runs]
    y = np.array([run["measured"][key] for run in runs])
    a = np.array([[g.get(c, 0.0) for c in columns] for g in f])
    x, _ = nnls(a / y[:, None], np.ones(len(y)))
    # A second pass: runs that differ from their repeats or from everything else count less (Huber, 10 %).
    for _ in range(10):
        e = np.abs(a @ x / y - 1)
        w = np.sqrt(np.minimum(1.0, 0.1 / np.maximum(e, 1e-9)))
        x, _ = nnls(a / y[:, None] * w[:, None], w)
    print(f"\n{name}")
    for c, v in zip(columns, x):
        print(f"  {c:<24} {v:10.4f}")
    e = a @ x / y - 1
    for run, error, value in zip(runs, e, y):
        print(f"    {run['name']:<32} {value:10.3f} {100 * error:+7.1f} %")


def main():
    runs = [json.loads(line) for line in open(sys.argv[1])]
    for run in runs:
        derived(run)
    for service, columns in CPU.items():
        fit(runs, f"CPU {service}, ms", f"CPU ms {service}", columns)


if __name__ == "__main__":
    main()
