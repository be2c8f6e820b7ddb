"""M/M/10 at utilisation 0.8 on Ciw. Ciw keeps a record of every customer; the wait is taken from those."""

import json
import sys
import time

import ciw

SERVERS = 10
ARRIVAL_RATE = 8.0


def main():
    customers, seed = int(sys.argv[1]), int(sys.argv[2])
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=ARRIVAL_RATE)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[SERVERS],
    )
    simulation = ciw.Simulation(network)
    start = time.perf_counter()
    simulation.simulate_until_max_customers(customers, method="Finish")
    records = simulation.get_all_records()
    count = len(records)
    mean = sum(record.waiting_time for record in records) / count
    elapsed = time.perf_counter() - start
    busy = sum(record.service_time for record in records) / max(record.exit_date for record in records)
    print(json.dumps({
        "name": "Ciw",
        "version": ciw.__version__,
        "customers": count,
        "customers_per_second": count / elapsed,
        "mean_wait": mean,
        "mean_busy_servers": busy,
    }))


main()
