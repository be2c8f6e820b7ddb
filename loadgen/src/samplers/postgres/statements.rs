//! What `pg_stat_statements` says: sums, and a row for each kind of statement.

use std::collections::{BTreeMap, HashMap};

/// What a statement does, by its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// SELECT, also with a lock.
    Select,
    /// INSERT, also ON CONFLICT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// BEGIN and START TRANSACTION.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// Anything else.
    Other,
}

impl Verb {
    /// In capitals, as in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Select => "SELECT",
            Verb::Insert => "INSERT",
            Verb::Update => "UPDATE",
            Verb::Delete => "DELETE",
            Verb::Begin => "BEGIN",
            Verb::Commit => "COMMIT",
            Verb::Rollback => "ROLLBACK",
            Verb::Other => "other",
        }
    }
}

/// A kind of statement: what it does, and to which table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// What it does.
    pub verb: Verb,
    /// The first table it names; empty where it names none.
    pub table: String,
}

impl Class {
    /// From a statement's text, normalised or not.
    pub fn of(text: &str) -> Class {
        let mut words =
            text.split(|c: char| c.is_whitespace() || c == '(' || c == ',' || c == ';').filter(|word| !word.is_empty());
        let verb = match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "SELECT" => Verb::Select,
            "INSERT" => Verb::Insert,
            "UPDATE" => Verb::Update,
            "DELETE" => Verb::Delete,
            "BEGIN" | "START" => Verb::Begin,
            "COMMIT" | "END" => Verb::Commit,
            "ROLLBACK" | "ABORT" => Verb::Rollback,
            _ => Verb::Other,
        };
        let after = |word: &str| words.clone().skip_while(|other| !other.eq_ignore_ascii_case(word)).nth(1);
        let table = match verb {
            Verb::Select | Verb::Delete => after("FROM"),
            Verb::Insert => after("INTO"),
            Verb::Update => words.clone().next(),
            _ => None,
        };
        let table = table.map(|table| table.trim_matches('"').to_ascii_lowercase()).unwrap_or_default();
        Class { verb, table }
    }
}

/// What statements cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// How many.
    pub calls: f64,
    /// Rows they gave or changed.
    pub rows: f64,
    /// Execution time, in seconds.
    pub seconds: f64,
}

impl Cost {
    /// Both.
    pub fn plus(self, other: Cost) -> Cost {
        Cost { calls: self.calls + other.calls, rows: self.rows + other.rows, seconds: self.seconds + other.seconds }
    }

    /// What has come since; all of it when the entry was thrown away and made anew.
    pub fn since(self, before: Cost) -> Cost {
        if self.calls < before.calls {
            return self;
        }
        Cost { calls: self.calls - before.calls, rows: self.rows - before.rows, seconds: self.seconds - before.seconds }
    }
}

/// An entry's key: whether it is visibility's database, and query id.
pub(super) type Key = (bool, i64);

/// What each kind of statement cost in all, from the start of sampling.
#[derive(Default)]
pub(super) struct Statements {
    last: HashMap<Key, Cost>,
    /// By query id; `None` for statements of ours.
    classes: HashMap<i64, Option<Class>>,
    totals: BTreeMap<(bool, Class), Cost>,
    read_once: bool,
}

/// Sums over one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) main: Cost,
    pub(super) visibility: Cost,
    pub(super) verbs: [f64; 4],
    pub(super) commits: f64,
}

impl Statements {
    /// The query ids whose text is not known yet.
    pub(super) fn unknown(&self, entries: &HashMap<Key, Cost>) -> Vec<i64> {
        let mut list: Vec<i64> =
            entries.keys().map(|(_, id)| *id).filter(|id| !self.classes.contains_key(id)).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// Says what a query id is; statements with `mark` in them are ours and not counted.
    pub(super) fn name(&mut self, id: i64, text: &str, mark: &str) {
        self.classes.insert(id, (!text.contains(mark)).then(|| Class::of(text)));
    }

    /// Takes a reading in; `None` for the first, which all others are compared with.
    pub(super) fn take(&mut self, entries: HashMap<Key, Cost>) -> Option<Sums> {
        let mut sums = Sums::default();
        for (key, now) in &entries {
            // An entry that was not there before has all its calls since.
            let added = now.since(self.last.get(key).copied().unwrap_or_default());
            if added.calls <= 0.0 || !self.read_once {
                continue;
            }
            let class = match self.classes.get(&key.1) {
                Some(None) => continue,
                Some(Some(class)) => class.clone(),
                None => Class { verb: Verb::Other, table: String::new() },
            };
            match key.0 {
                true => sums.visibility = sums.visibility.plus(added),
                false => sums.main = sums.main.plus(added),
            }
            match class.verb {
                Verb::Select => sums.verbs[0] += added.calls,
                Verb::Insert => sums.verbs[1] += added.calls,
                Verb::Update => sums.verbs[2] += added.calls,
                Verb::Delete => sums.verbs[3] += added.calls,
                Verb::Commit => sums.commits += added.calls,
                Verb::Begin | Verb::Rollback | Verb::Other => {}
            }
            let total = self.totals.entry((key.0, class)).or_default();
            *total = total.plus(added);
        }
        self.last = entries;
        std::mem::replace(&mut self.read_once, true).then_some(sums)
    }

    pub(super) fn totals(&self) -> &BTreeMap<(bool, Class), Cost> {
        &self.totals
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn temporals_statements_are_told_apart() {
        let class = |text: &str| {
            let class = Class::of(text);
            format!("{} {}", class.verb.name(), class.table)
        };
        assert_eq!(class("SELECT range_id FROM shards WHERE shard_id = $1 FOR UPDATE"), "SELECT shards");
        assert_eq!(
            class("INSERT INTO\ncluster_membership (membership_partition, host_id)"),
            "INSERT cluster_membership"
        );
        assert_eq!(class("INSERT INTO history_node(shard_id"), "INSERT history_node");
        assert_eq!(class("UPDATE executions SET\n db_record_version = $1"), "UPDATE executions");
        assert_eq!(class("DELETE FROM tasks WHERE range_hash = $1"), "DELETE tasks");
        assert_eq!(class("BEGIN READ WRITE"), "BEGIN ");
        assert_eq!(class("commit;"), "COMMIT ");
        assert_eq!(class("SELECT version()"), "SELECT ");
        assert_eq!(class("VACUUM x"), "other ");
        assert_eq!(class(""), "other ");
    }

    #[test]
    fn sums_are_of_what_came_since_the_reading_before() {
        let cost = |calls: f64| Cost { calls, rows: calls * 2.0, seconds: calls * 0.5 };
        let mut statements = Statements::default();
        for (id, text) in [(1, "SELECT a FROM shards"), (2, "COMMIT"), (3, "UPDATE executions SET a")] {
            statements.name(id, text, "ours");
        }
        statements.name(4, "SELECT /* ours */ 1", "ours");
        let first = HashMap::from([((false, 1), cost(100.0)), ((true, 2), cost(7.0)), ((false, 4), cost(1.0))]);
        assert_eq!(statements.take(first), None);
        // One grew, one began anew, one is new, one is ours.
        let second = HashMap::from([
            ((false, 1), cost(110.0)),
            ((true, 2), cost(3.0)),
            ((false, 3), cost(4.0)),
            ((false, 4), cost(9.0)),
        ]);
        let sums = statements.take(second).unwrap();
        assert_eq!((sums.main, sums.visibility), (cost(14.0), cost(3.0)));
        assert_eq!((sums.verbs, sums.commits), ([10.0, 0.0, 4.0, 0.0], 3.0));
        let totals: f64 = statements.totals().values().map(|cost| cost.calls).sum();
        assert_eq!(totals, 17.0);
    }
}
