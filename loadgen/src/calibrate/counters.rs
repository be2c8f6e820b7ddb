//! Everything that is counted on a cluster; the difference of two readings is what a workload cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statement::Kind;

/// What statements of one text did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// How often.
    pub calls: f64,
    /// Rows read or changed.
    pub rows: f64,
    /// Execution time, seconds.
    pub seconds: f64,
    /// WAL bytes, full-page images among them.
    pub wal_bytes: f64,
    /// Full-page images.
    pub images: f64,
}

impl Sum {
    fn map(self, other: Sum, of: impl Fn(f64, f64) -> f64) -> Sum {
        Sum {
            calls: of(self.calls, other.calls),
            rows: of(self.rows, other.rows),
            seconds: of(self.seconds, other.seconds),
            wal_bytes: of(self.wal_bytes, other.wal_bytes),
            images: of(self.images, other.images),
        }
    }

    /// Both together.
    pub fn plus(self, other: Sum) -> Sum {
        self.map(other, |a, b| a + b)
    }
}

/// Counters of a cluster: since each began to count, or between two readings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Seconds between the two readings; zero for one reading.
    pub seconds: f64,
    /// By normalised text; `v:` before the text for the visibility database, `m:` for the main one.
    pub statements: BTreeMap<String, Sum>,
    /// CPU seconds by process: frontend, history, matching, system_worker, database; and `generator`, this program with its clients and workers.
    pub cpu: BTreeMap<String, f64>,
    /// WAL of the whole server: records, images, bytes, fsyncs, fsync_seconds.
    pub wal: BTreeMap<String, f64>,
    /// Requests and persistence calls of the services: `history requests RecordActivityTaskStarted`.
    pub requests: BTreeMap<String, f64>,
    /// Bytes of tables with their indexes; `executions_visibility heap` is without.
    pub tables: BTreeMap<String, f64>,
}

impl Counters {
    /// What came since an earlier reading.
    pub fn since(&self, before: &Counters, seconds: f64) -> Counters {
        let less = |now: &BTreeMap<String, f64>, then: &BTreeMap<String, f64>| {
            now.iter().map(|(name, value)| (name.clone(), value - then.get(name).copied().unwrap_or(0.0))).collect()
        };
        let statements = self.statements.iter().filter_map(|(text, now)| {
            let added = now.map(before.statements.get(text).copied().unwrap_or_default(), |a, b| a - b);
            (added.calls > 0.0).then(|| (text.clone(), added))
        });
        Counters {
            seconds,
            statements: statements.collect(),
            cpu: less(&self.cpu, &before.cpu),
            wal: less(&self.wal, &before.wal),
            requests: less(&self.requests, &before.requests),
            tables: less(&self.tables, &before.tables),
        }
    }

    /// What is left of an idle time when the checkpoints of history's queues are taken out. A shard writes one within a minute or so of
    /// work that it did, never without: those of an idle time belong to the load before it, which was not measured, or whose
    /// own fall into the idle time after it. Seen: 3.2 a second on 64 shards in the 20 s after a load, none when nothing was done before.
    fn at_rest(&self) -> Counters {
        let mut rest = self.clone();
        let mut checkpoints = Sum::default();
        rest.statements.retain(|text, sum| {
            let is_update = text.starts_with("m:UPDATE shards ");
            let is_part = is_update
                || text.starts_with("m:SELECT range_id FROM shards ") && text.ends_with(" FOR UPDATE")
                || kind_of(text) == Some(Kind::named("range_delete"));
            if is_part {
                checkpoints.wal_bytes += sum.wal_bytes;
                checkpoints.images += sum.images;
                checkpoints.calls += if is_update { sum.calls } else { 0.0 };
            }
            !is_part
        });
        // Each is one transaction, made durable by one fsync.
        let transactions = rest.statements.iter_mut().filter(|(text, _)| {
            ["m:BEGIN", "m:COMMIT"]
                .iter()
                .any(|word| text.strip_prefix(word).is_some_and(|more| !more.starts_with(char::is_alphabetic)))
        });
        transactions.for_each(|(_, sum)| sum.calls = (sum.calls - checkpoints.calls).max(0.0));
        let parts = [("fsyncs", checkpoints.calls), ("bytes", checkpoints.wal_bytes), ("images", checkpoints.images)];
        for (name, part) in parts {
            if let Some(value) = rest.wal.get_mut(name) {
                *value = (*value - part).max(0.0);
            }
        }
        rest
    }

    /// Less what an idle cluster does in as long a time, and divided by a number of workflows. Table sizes are not a matter of time.
    pub fn per_workflow(&self, idle: &Counters, workflows: f64) -> Counters {
        let idle = &idle.at_rest();
        let share = if idle.seconds > 0.0 { self.seconds / idle.seconds } else { 0.0 };
        let less = |now: &BTreeMap<String, f64>, then: &BTreeMap<String, f64>, share: f64| {
            let each = |(name, value): (&String, &f64)| {
                let idle = then.get(name).copied().unwrap_or(0.0) * share;
                (name.clone(), (value - idle) / workflows)
            };
            now.iter().map(each).collect()
        };
        let statements = self.statements.iter().map(|(text, sum)| {
            let idle = idle.statements.get(text).copied().unwrap_or_default();
            (text.clone(), sum.map(idle, |a, b| (a - b * share) / workflows))
        });
        Counters {
            seconds: self.seconds,
            statements: statements.collect(),
            cpu: less(&self.cpu, &idle.cpu, share),
            wal: less(&self.wal, &idle.wal, share),
            requests: less(&self.requests, &idle.requests, share),
            tables: less(&self.tables, &idle.tables, 0.0),
        }
    }

    /// Sums by kind; statements that belong to no workflow are left out.
    pub fn kinds(&self) -> BTreeMap<Kind, Sum> {
        let mut kinds: BTreeMap<Kind, Sum> = BTreeMap::new();
        for (text, sum) in &self.statements {
            if let Some(kind) = kind_of(text) {
                let total = kinds.entry(kind).or_default();
                *total = total.plus(*sum);
            }
        }
        kinds
    }
}

/// The kind of a statement under its key.
pub fn kind_of(key: &str) -> Option<Kind> {
    let (database, text) = key.split_once(':')?;
    Kind::of_text(database == "v", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(calls: f64, cpu: f64) -> Counters {
        let mut counters = Counters::default();
        let text = "m:UPDATE executions SET a = $".to_owned();
        counters.statements.insert(text, Sum { calls, rows: calls, ..Sum::default() });
        counters.cpu.insert("history".to_owned(), cpu);
        counters.tables.insert("executions".to_owned(), 8192.0 * calls);
        counters
    }

    #[test]
    fn checkpoints_in_an_idle_time_are_those_of_the_load_before_it() {
        let reading = |checkpoints: f64, others: f64| {
            let mut counters = Counters::default();
            let mut add = |text: &str, calls: f64, wal_bytes: f64| {
                counters.statements.insert(text.to_owned(), Sum { calls, wal_bytes, ..Sum::default() });
            };
            add("m:BEGIN READ WRITE", checkpoints + others, 0.0);
            add("m:COMMIT", checkpoints + others, 0.0);
            add("m:UPDATE shards SET range_id = $, data = $ WHERE shard_id = $", checkpoints, 300.0 * checkpoints);
            add("m:SELECT range_id FROM shards WHERE shard_id = $ FOR UPDATE", checkpoints, 0.0);
            add("m:DELETE FROM timer_tasks WHERE shard_id = $ AND task_id >= $ AND task_id < $", checkpoints, 0.0);
            add("m:INSERT INTO cluster_membership (host_id) VALUES ($)", others, 100.0 * others);
            counters.wal.insert("fsyncs".to_owned(), checkpoints + others);
            counters.wal.insert("bytes".to_owned(), 300.0 * checkpoints + 100.0 * others);
            counters
        };
        let window = reading(64.0, 20.0).since(&Counters::default(), 40.0);
        let idle = reading(60.0, 10.0).since(&Counters::default(), 20.0);
        let each = window.per_workflow(&idle, 64.0);
        assert_eq!(each.statements["m:COMMIT"].calls, 1.0, "the checkpoints of the load, and nothing else");
        assert_eq!(each.statements["m:UPDATE shards SET range_id = $, data = $ WHERE shard_id = $"].calls, 1.0);
        assert_eq!((each.wal["fsyncs"], each.wal["bytes"]), (1.0, 300.0));
    }

    #[test]
    fn idle_work_is_taken_off_by_time_and_the_rest_shared_out() {
        let window = counters(130.0, 5.0).since(&counters(10.0, 1.0), 10.0);
        let idle = counters(50.0, 2.0).since(&counters(10.0, 1.0), 20.0);
        let each = window.per_workflow(&idle, 20.0);
        let update = each.kinds()[&Kind::named("executions_update")];
        assert_eq!(update.calls, (120.0 - 20.0) / 20.0);
        assert_eq!(each.cpu["history"], (4.0 - 0.5) / 20.0);
        assert_eq!(each.tables["executions"], 8192.0 * 120.0 / 20.0, "a table does not grow by itself");
    }
}
