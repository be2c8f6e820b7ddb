//! Counters of tables, which only a session in their own database sees.

use tokio_postgres::Statement;

use super::Values;
use super::connection::Session;
use super::queries;
use super::url::PostgresUrl;
use crate::samplers::sampler::{Counter, Lap};

/// The tables of one database.
pub(super) struct Tables {
    url: PostgresUrl,
    open: Option<(Session, Statement)>,
    /// Transactions of sessions that are gone.
    earlier: u64,
    counters: [Counter; 3],
    lap: Lap,
}

/// One reading: rows inserted, updated and deleted per second, and dead rows.
struct Reading {
    changed: Option<[f64; 3]>,
    dead: f64,
}

impl Tables {
    pub(super) fn new(url: PostgresUrl) -> Tables {
        Tables { url, open: None, earlier: 0, counters: [Counter::default(); 3], lap: Lap::default() }
    }

    /// Transactions that this sampler itself has made in the database.
    pub(super) fn transactions(&self) -> u64 {
        self.earlier + self.open.as_ref().map_or(0, |(session, _)| session.transactions)
    }

    async fn read(&mut self) -> Result<Reading, String> {
        let (mut session, statement) = match self.open.take() {
            Some(open) => open,
            None => {
                let mut session = Session::open(&self.url).await?;
                let statement = session.prepare(queries::TABLES).await?;
                (session, statement)
            }
        };
        let row = session.row(&statement, &[]).await.inspect_err(|_| self.earlier += session.transactions)?;
        self.open = Some((session, statement));
        let seconds = self.lap.seconds();
        let added = [0, 1, 2].map(|index| self.counters[index].added(row.get(index)));
        let changed = match (added, seconds) {
            ([Some(inserted), Some(updated), Some(deleted)], Some(seconds)) => {
                Some([inserted, updated, deleted].map(|rows| rows / seconds))
            }
            _ => None,
        };
        Ok(Reading { changed, dead: row.get(3) })
    }
}

/// Adds up the databases.
pub(super) async fn read(tables: &mut [Tables], values: &mut Values) -> Result<(), String> {
    let (mut changed, mut dead) = (Some([0.0; 3]), 0.0);
    for tables in tables {
        let reading = tables.read().await?;
        dead += reading.dead;
        changed = changed.zip(reading.changed).map(|(sum, more)| [0, 1, 2].map(|index| sum[index] + more[index]));
    }
    values.set("dead_rows", dead);
    if let Some(changed) = changed {
        for (name, rate) in ["rows_inserted", "rows_updated", "rows_deleted"].into_iter().zip(changed) {
            values.set(name, rate);
        }
    }
    Ok(())
}
