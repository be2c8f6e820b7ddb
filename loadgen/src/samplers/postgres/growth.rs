//! How Temporal's tables grow: their sizes before the load and after it.

use std::collections::BTreeMap;

use plimsoll_reports::run_dir::TableGrowth;

use super::connection::Session;
use super::queries;
use super::url::PostgresUrl;

/// Sizes of all tables at one moment, by database and table.
type Sizes = BTreeMap<(String, String), Size>;

/// A table at one moment; rows since its counters were last reset.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Size {
    bytes: f64,
    inserted: f64,
    deleted: f64,
}

/// Compares the tables of some databases with what they were.
///
/// It opens sessions for two readings and keeps none: what it reads must be read in Temporal's own databases.
pub(in crate::samplers) struct Growth {
    databases: Vec<(String, PostgresUrl)>,
    before: Option<Sizes>,
}

impl Growth {
    /// Of these databases; empty names are left out.
    pub(in crate::samplers) fn new<'a>(databases: impl IntoIterator<Item = (&'a PostgresUrl, &'a str)>) -> Growth {
        let named = databases.into_iter().filter(|(_, name)| !name.is_empty());
        Growth {
            databases: named.map(|(url, name)| (name.to_owned(), url.with_database(name))).collect(),
            before: None,
        }
    }

    /// From now on.
    pub(in crate::samplers) async fn begin(&mut self) {
        // A database that is not reached is told of by the sampler that reads it each second.
        self.before = self.sizes().await.ok();
    }

    /// Until now, the largest growth first; empty where one of the two readings failed.
    pub(in crate::samplers) async fn until_now(&self) -> Vec<TableGrowth> {
        let Some(before) = &self.before else { return Vec::new() };
        match self.sizes().await {
            Ok(after) => compared(before, &after),
            Err(_) => Vec::new(),
        }
    }

    async fn sizes(&self) -> Result<Sizes, String> {
        let mut sizes = Sizes::new();
        for (name, url) in &self.databases {
            let mut session = Session::open(url).await?;
            let statement = session.prepare(queries::TABLE_SIZES).await?;
            for row in session.rows(&statement, &[]).await? {
                let size = Size { bytes: row.get(1), inserted: row.get(2), deleted: row.get(3) };
                sizes.insert((name.clone(), row.get(0)), size);
            }
        }
        Ok(sizes)
    }
}

/// What changed; a table that is there only afterwards was empty before.
fn compared(before: &Sizes, after: &Sizes) -> Vec<TableGrowth> {
    let grown = after.iter().map(|((database, table), now)| {
        let then = before.get(&(database.clone(), table.clone())).copied();
        let then = then.unwrap_or(Size { bytes: 0.0, inserted: 0.0, deleted: 0.0 });
        // Counters that were reset in between count from then on.
        let since = |then: f64, now: f64| if now < then { now } else { now - then };
        TableGrowth {
            database: database.clone(),
            table: table.clone(),
            bytes_before: then.bytes,
            bytes_after: now.bytes,
            rows_inserted: since(then.inserted, now.inserted),
            rows_deleted: since(then.deleted, now.deleted),
        }
    });
    let mut list: Vec<TableGrowth> =
        grown.filter(|grown| grown.bytes() != 0.0 || grown.rows_inserted > 0.0 || grown.rows_deleted > 0.0).collect();
    list.sort_by(|a, b| b.bytes().total_cmp(&a.bytes()));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told_the_largest_growth_first() {
        let size = |bytes, inserted| Size { bytes, inserted, deleted: 0.0 };
        let key = |table: &str| ("temporal".to_owned(), table.to_owned());
        let before = Sizes::from([
            (key("executions"), size(8_192.0, 10.0)),
            (key("shards"), size(8_192.0, 4.0)),
            (key("tasks"), size(16_384.0, 900.0)),
        ]);
        let after = Sizes::from([
            (key("executions"), size(16_384.0, 12.0)),
            (key("history_node"), size(81_920.0, 30.0)),
            (key("shards"), size(8_192.0, 4.0)),
            (key("tasks"), size(8_192.0, 5.0)),
        ]);
        let told: Vec<(String, f64, f64)> = compared(&before, &after)
            .into_iter()
            .map(|grown| (grown.table.clone(), grown.bytes(), grown.rows_inserted))
            .collect();
        let expected = [("history_node", 81_920.0, 30.0), ("executions", 8_192.0, 2.0), ("tasks", -8_192.0, 5.0)];
        assert_eq!(told, expected.map(|(table, bytes, rows)| (table.to_owned(), bytes, rows)));
    }
}
