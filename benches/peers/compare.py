"""Runs the Python peers and Plimsoll in turn and prints customers per second, mean waits and ratios.

Usage: compare.py SPEED_BINARY ROUNDS. Called by python.sh.
"""

import json
import math
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
# Customers per run: a few seconds each; their cost does not depend on their number.
PEERS = [("mm10_simpy.py", 100_000), ("mm10_ciw.py", 30_000)]


def output(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    speed, rounds = sys.argv[1], int(sys.argv[2])
    runs = {script: [] for script, _ in PEERS}
    ours = []
    for seed in range(1, rounds + 1):
        for script, customers in PEERS:
            runs[script].append(output([sys.executable, str(HERE / script), str(customers), str(seed)]))
        report = output([speed, "--format", "json", "--quick", "--only", "mm10", "--rounds", "1", "--seed", str(seed)])
        ours.append(report["mm10"]["contenders"][0])

    theory = report["mm10"]["theory_mean_wait"]
    # The standard error of a mean wait falls with the root of the number of customers.
    spread = statistics.mean(run["standard_error"] * math.sqrt(run["customers"]) for run in ours)
    own = statistics.median(run["customers_per_second"] for run in ours)

    print(f"M/M/10 at utilisation 0.8, medians of {rounds} interleaved rounds")
    print(f"  {'':<16} {'customers/s':>13} {'min - max':>25} {'x slower':>9}  mean wait (s)")
    wrong = []

    def row(name, found, customers, mean):
        median = statistics.median(found)
        error = spread / math.sqrt(customers)
        span = f"{min(found):,.0f} - {max(found):,.0f}"
        print(f"  {name:<16} {median:>13,.0f} {span:>25} {own / median:>9.1f}  {mean:.4f} ± {error:.4f}")
        if abs(mean - theory) > 4.5 * error:
            wrong.append(f"{name}: mean wait {mean:.4f} s is not Erlang C's {theory:.4f} s")

    total = sum(run["customers"] for run in ours)
    row("Plimsoll", [run["customers_per_second"] for run in ours], total,
        statistics.mean(run["outcome"]["mean_wait"] for run in ours))
    for script, _ in PEERS:
        done = runs[script]
        row(f"{done[0]['name']} {done[0]['version']}", [run["customers_per_second"] for run in done],
            sum(run["customers"] for run in done), statistics.mean(run["mean_wait"] for run in done))
    print(f"  Erlang C: {theory:.4f} s. The Python peers draw from Python's own generator.")
    for line in wrong:
        print(f"WRONG RESULT: {line}", file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main())
