//! How PostgreSQL's sessions plan statements, and when their plans are too old.
//!
//! Plans are generic: planned for the 2000 rows of a chunk, a look-up by key becomes a scan of the table. Citus can't plan
//! statements over two distributed tables like that, and sends others to every shard: there, each statement is planned for
//! its values.
//!
//! A connection plans a statement once. A generic plan that was made for an almost empty table scans the whole organization
//! for each row once the table is full, until autovacuum renews the table's statistics a minute or two later. So whenever
//! the number of rows that this server has added doubles, connections that are older than that are replaced.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{Executor, PgConnection, Row};

/// Chooses how a session plans, and returns whether its plans are generic.
const CHOOSE_MODE: &str = "SELECT set_config('plan_cache_mode', \
    CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN 'force_custom_plan' \
    ELSE 'force_generic_plan' END, false) = 'force_generic_plan'";

/// The number of rows up to which every plan is fast.
const MIN_ROWS: u64 = 512;

/// Knows whether the sessions' plans are generic, counts the rows that this server has added, and knows which connections are
/// older than the last doubling.
#[derive(Default)]
pub struct PostgresPlans {
    /// False as long as there is no session, and on SQLite.
    are_generic: AtomicBool,
    grown: Mutex<Grown>,
}

#[derive(Default)]
struct Grown {
    row_count: u64,
    doubled_at: Option<Instant>,
}

impl PostgresPlans {
    /// Chooses how a new session plans.
    pub async fn choose_mode(&self, session: &mut PgConnection) -> Result<(), sqlx::Error> {
        let are_generic = session.fetch_one(CHOOSE_MODE).await?.try_get(0)?;
        self.are_generic.store(are_generic, Ordering::Relaxed);
        Ok(())
    }

    /// Returns whether plans are made once for all values, and so can become stale.
    pub fn are_generic(&self) -> bool {
        self.are_generic.load(Ordering::Relaxed)
    }

    /// Counts rows that were added.
    pub fn add(&self, row_count: u64) {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = grown.row_count.max(MIN_ROWS);
        grown.row_count = grown.row_count.saturating_add(row_count);
        if grown.row_count.max(MIN_ROWS).ilog2() > before.ilog2() {
            grown.doubled_at = Some(Instant::now());
        }
    }

    /// Returns whether a connection of this age has plans from before the last doubling.
    pub fn is_stale(&self, age: Duration) -> bool {
        let grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        self.are_generic() && grown.doubled_at.is_some_and(|at| at.elapsed() < age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_outgrown_when_the_rows_have_doubled() {
        let (growth, old) = (PostgresPlans::default(), Duration::from_secs(60));
        growth.are_generic.store(true, Ordering::Relaxed);
        growth.add(MIN_ROWS);
        assert!(!growth.is_stale(old));
        growth.add(MIN_ROWS);
        assert!(growth.is_stale(old));
        assert!(!growth.is_stale(Duration::ZERO));
    }
}
