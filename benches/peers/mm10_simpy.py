"""M/M/10 at utilisation 0.8 on SimPy: a store of waiting customers and ten server processes.

This is SimPy's faster way; a process per customer that requests a Resource costs half as much again.
Statistics: wait (mean and variance), time-weighted queue length and busy servers.
"""

import json
import random
import sys
import time

import simpy

SERVERS = 10
ARRIVAL_RATE = 8.0


class TimeWeighted:
    def __init__(self):
        self.value, self.since, self.area = 0, 0.0, 0.0

    def add(self, now, change):
        self.area += self.value * (now - self.since)
        self.since = now
        self.value += change


def main():
    customers, seed = int(sys.argv[1]), int(sys.argv[2])
    draw = random.Random(seed).expovariate
    env = simpy.Environment()
    waiting = simpy.Store(env)
    queue_length, busy = TimeWeighted(), TimeWeighted()
    count, mean, squares = 0, 0.0, 0.0

    def arrivals():
        for _ in range(customers):
            yield env.timeout(draw(ARRIVAL_RATE))
            queue_length.add(env.now, 1)
            waiting.put(env.now)

    def server():
        nonlocal count, mean, squares
        while True:
            arrived = yield waiting.get()
            wait = env.now - arrived
            queue_length.add(env.now, -1)
            busy.add(env.now, 1)
            count += 1
            delta = wait - mean
            mean += delta / count
            squares += delta * (wait - mean)
            yield env.timeout(draw(1.0))
            busy.add(env.now, -1)

    env.process(arrivals())
    for _ in range(SERVERS):
        env.process(server())
    start = time.perf_counter()
    env.run()
    elapsed = time.perf_counter() - start
    print(json.dumps({
        "name": "SimPy",
        "version": simpy.__version__,
        "customers": count,
        "customers_per_second": count / elapsed,
        "mean_wait": mean,
        "mean_busy_servers": busy.area / env.now,
    }))


main()
