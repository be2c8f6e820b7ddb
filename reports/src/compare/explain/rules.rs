//! The rules. Each names a pattern of what is off and what is not, and the part of the model that makes such a pattern.
//!
//! A rule asks that the causes it excludes are not off themselves: CPU per workflow that is off because the statements are says
//! nothing of the calibrated CPU. What a pair of runs does not have is not off.

use super::facts::Facts;

/// A rule.
pub(super) struct Rule {
    /// Its name in documents.
    pub name: &'static str,
    /// The keys that prove it; `None` where it does not apply.
    pub fires: fn(&Facts) -> Option<Vec<String>>,
    /// What is seen.
    pub finding: &'static str,
    /// What in the model makes it, where a simulated run is held against a measured one.
    pub in_the_model: &'static str,
    /// What makes it between two runs of a kind.
    pub in_the_system: &'static str,
}

const WORK: [&str; 3] = ["work.statements", "work.write_transactions", "work.state_transitions"];
const SERVICES: [&str; 3] = ["cpu.frontend", "cpu.history", "cpu.matching"];
const WAITING: [&str; 2] = ["latency.schedule_to_start.workflow", "latency.schedule_to_start.activity"];

/// Keys, if there are any.
fn some(keys: Vec<String>) -> Option<Vec<String>> {
    (!keys.is_empty()).then_some(keys)
}

fn off(facts: &Facts, keys: &[&str]) -> Vec<String> {
    keys.iter().filter(|key| facts.off(key)).map(ToString::to_string).collect()
}

fn work_is_fine(facts: &Facts) -> bool {
    off(facts, &WORK).is_empty()
}

fn cpu_is_fine(facts: &Facts) -> bool {
    facts.all_off("cpu.").is_empty()
}

pub(super) const RULES: [Rule; 20] = [
    Rule {
        name: "offered_load",
        fires: |facts| some(off(facts, &["offered"])),
        finding: "The load itself differs.",
        in_the_model: "not the model: compare runs of the same schedule and seed, and look at what the generator could not send",
        in_the_system: "the schedule or the generator; whatever else differs may follow from it",
    },
    Rule {
        name: "operation_table",
        fires: |facts| some(off(facts, &WORK)),
        finding: "The work per workflow differs.",
        in_the_model: "the operation table: which statements and transactions an operation makes, or how many operations a workflow takes (retries, workflow tasks more or fewer, timeout timers)",
        in_the_system: "another server version, another workflow, or retries",
    },
    Rule {
        name: "requests",
        fires: |facts| some(facts.all_off("requests.")).filter(|_| work_is_fine(facts)),
        finding: "The requests per workflow differ, the work behind them does not.",
        in_the_model: "the polls: number of pollers, how long a poll is held, what partitions forward to each other",
        in_the_system: "the number of pollers or task queue partitions, or clients that ask more often",
    },
    Rule {
        name: "service_cost",
        fires: |facts| {
            // What a service spends on more requests is the requests'.
            let own = off(facts, &SERVICES).into_iter();
            some(own.filter(|key| !facts.off(&key.replace("cpu.", "requests."))).collect())
                .filter(|_| work_is_fine(facts))
        },
        finding: "The CPU per workflow of a service differs, the work does not.",
        in_the_model: "the calibrated CPU per visit of that service, on this machine and at this load (what is batched, what is idle)",
        in_the_system: "the services' own code, their machine, or its speed",
    },
    Rule {
        name: "database_cost",
        fires: |facts| some(off(facts, &["cpu.database"])).filter(|_| work_is_fine(facts)),
        finding: "The CPU per workflow of the database differs, the statements do not.",
        in_the_model: "the calibrated CPU per statement: cache misses, checkpoints, vacuum, another PostgreSQL or machine",
        in_the_system: "the database's plans, cache, vacuum or machine",
    },
    Rule {
        name: "idle_load",
        fires: |facts| {
            let services = ["frontend", "history", "matching", "database"];
            let of_idle = services.iter().filter(|service| {
                facts.off(&format!("resource.{service}_cpu")) && facts.fine(&format!("cpu.{service}"))
            });
            some(of_idle.map(|service| format!("resource.{service}_cpu")).collect())
                .filter(|_| !facts.off("throughput") && !facts.off("offered"))
        },
        finding: "CPU differs over time, but not per workflow.",
        in_the_model: "the idle load: what a service uses with nothing to do (queue readers, long polls, metrics, checkpoints), which the measured run has and numbers per workflow leave out",
        in_the_system: "the idle load of that service",
    },
    Rule {
        name: "full_page_images",
        fires: |facts| {
            let images_differ = facts.off("images") || !facts.fine("images");
            some(off(facts, &["work.wal_bytes"])).filter(|_| work_is_fine(facts) && images_differ).map(|mut keys| {
                keys.extend(off(facts, &["images"]));
                keys
            })
        },
        finding: "The WAL per workflow differs, the writes do not.",
        in_the_model: "full-page images: after a checkpoint the first change of each page is written whole; how many pages are touched between checkpoints, and whether one fell into the window",
        in_the_system: "checkpoints (their distance, and whether one fell into the window), or full_page_writes and wal_compression",
    },
    Rule {
        name: "wal_rows",
        fires: |facts| some(off(facts, &["work.wal_bytes"])).filter(|_| work_is_fine(facts) && facts.fine("images")),
        finding: "The WAL per workflow differs, with as many writes and as many full-page images.",
        in_the_model: "the bytes per row: widths of rows and their indexes, size of payloads",
        in_the_system: "the size of payloads and rows",
    },
    Rule {
        name: "event_sizes",
        fires: |facts| some(off(facts, &["work.history_bytes"])).filter(|_| work_is_fine(facts)),
        finding: "The event history per workflow differs in bytes, not in state transitions.",
        in_the_model: "the sizes of events: payloads, headers, identities, failures",
        in_the_system: "the size of payloads",
    },
    Rule {
        name: "storage",
        fires: |facts| {
            some(facts.all_off("storage.")).filter(|_| work_is_fine(facts) && !facts.off("work.history_bytes"))
        },
        finding: "The stored bytes per workflow differ, the history does not.",
        in_the_model: "the tables: width of their indexes, how full pages are, dead rows before vacuum",
        in_the_system: "vacuum, fill of pages, or indexes",
    },
    Rule {
        name: "group_commit",
        fires: |facts| some(off(facts, &["work.fsyncs"])).filter(|_| facts.fine("work.write_transactions")),
        finding: "The WAL flushes per workflow differ, the transactions do not.",
        in_the_model: "group commit: how many commits share a flush, which follows from the flush time, from how many write at once, and from commit_delay",
        in_the_system: "the flush time of the device, or how many write at once",
    },
    Rule {
        name: "waiting_tail",
        fires: |facts| {
            let tails = WAITING
                .iter()
                .filter(|metric| facts.off(&format!("{metric}.p99")) && facts.fine(&format!("{metric}.p50")));
            some(tails.map(|metric| format!("{metric}.p99")).collect())
                .filter(|_| work_is_fine(facts) && cpu_is_fine(facts))
        },
        finding: "Work, CPU and the median of schedule-to-start agree, its p99 does not.",
        in_the_model: "the waiting model: tasks that find no poller and are spooled to the database, pollers that return late, garbage-collection pauses",
        in_the_system: "pauses, or tasks that find no poller and are spooled",
    },
    Rule {
        name: "dispatch",
        fires: |facts| {
            let medians = WAITING.iter().map(|metric| format!("{metric}.p50")).filter(|key| facts.off(key));
            some(medians.collect()).filter(|_| work_is_fine(facts))
        },
        finding: "The median of schedule-to-start differs, the work does not.",
        in_the_model: "the path of a task to a waiting poller: history's queue, matching, network round trips, and the CPU they wait for",
        in_the_system: "the path of a task to a poller: pollers, slots, network, or the CPU that matching and history wait for",
    },
    Rule {
        name: "start_path",
        fires: |facts| some(off(facts, &["latency.start.p50"])).filter(|_| work_is_fine(facts)),
        finding: "The median of the start call differs, the work does not.",
        in_the_model: "the start request's own path: network, CPU of frontend and history at this load, and the flush its commit waits for",
        in_the_system: "network, CPU of frontend and history, or the flush time",
    },
    Rule {
        name: "start_tail",
        fires: |facts| {
            some(off(facts, &["latency.start.p99"])).filter(|_| facts.fine("latency.start.p50") && work_is_fine(facts))
        },
        finding: "The median of the start call agrees, its p99 does not.",
        in_the_model: "what a start queues for: its history shard, a connection, a flush under way; or stalls that are not modelled (checkpoints, garbage collection)",
        in_the_system: "what a start queues for: its history shard, a connection, a flush; or stalls",
    },
    Rule {
        name: "own_time",
        fires: |facts| {
            let parts = WAITING.iter().any(|metric| facts.off(&format!("{metric}.p50")));
            let elsewhere = parts || facts.off("latency.start.p50") || facts.off("growth");
            some(off(facts, &["latency.e2e.response.p50"])).filter(|_| !elsewhere)
        },
        finding: "End to end differs at the median, the start call and schedule-to-start do not.",
        in_the_model: "what lies between: durations of activities and workflow code, the completion of tasks, the client's wait for the result",
        in_the_system: "the worker's own time: activities, workflow code, its CPU",
    },
    Rule {
        name: "capacity",
        fires: |facts| {
            some(off(facts, &["throughput"])).filter(|_| !facts.off("offered")).map(|mut keys| {
                keys.extend(facts.all_off("utilisation."));
                keys
            })
        },
        finding: "The same load is offered, another part of it is completed.",
        in_the_model: "the capacity of the resource that is busiest at this load: its cost per workflow, or how many servers it has",
        in_the_system: "the resource that is busiest at this load",
    },
    Rule {
        name: "backlog",
        fires: |facts| some(off(facts, &["growth"])).filter(|_| !facts.off("throughput")),
        finding: "Throughput agrees, but the backlog does not grow alike.",
        in_the_model: "how near saturation is: slots, pollers and shards hold work back before the throughput shows it",
        in_the_system: "slots, pollers or shards that hold work back: the throughput will follow",
    },
    Rule {
        name: "drain",
        fires: |facts| some(off(facts, &["drain"])),
        finding: "The backlog does not drain alike.",
        in_the_model: "what limits the drain: how fast the spool is read, pollers and slots, and how near saturation the load leaves the system",
        in_the_system: "how fast the spool is read, pollers and slots",
    },
    Rule {
        name: "bursts",
        fires: |facts| some(facts.all_off("burst.")),
        finding: "A resource is used as much in the mean, but in bursts in one run only.",
        in_the_model: "work that comes in one go and is modelled as even, or the other way round: checkpoints, vacuum, garbage collection",
        in_the_system: "checkpoints, vacuum, garbage collection, or a neighbour on the machine",
    },
];
