//! When the plans of PostgreSQL's sessions are too old.
//!
//! Plans are generic, but not on Citus: see `postgres_sessions`. A connection plans a statement once. A generic plan that was made for an almost empty table scans the whole organization
//! for each row once the table is full, until autovacuum renews the table's statistics a minute or two later. So whenever
//! the number of rows that this server has added doubles, connections that are older than that are replaced.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The number of rows up to which every plan is fast.
const MIN_ROWS: u64 = 512;

/// Knows whether the sessions' plans are generic, counts the rows that this server has added, and knows which connections are
/// older than the last doubling.
pub struct PostgresPlans {
    /// False on SQLite.
    are_generic: bool,
    grown: Mutex<Grown>,
}

#[derive(Default)]
struct Grown {
    row_count: u64,
    doubled_at: Option<Instant>,
}

impl PostgresPlans {
    /// Of sessions whose plans are generic, or are not.
    pub fn new(are_generic: bool) -> Self {
        Self {
            are_generic,
            grown: Mutex::default(),
        }
    }

    /// Returns whether plans are made once for all values, and so can become stale.
    pub fn are_generic(&self) -> bool {
        self.are_generic
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
        let (growth, old) = (PostgresPlans::new(true), Duration::from_secs(60));
        growth.add(MIN_ROWS);
        assert!(!growth.is_stale(old));
        growth.add(MIN_ROWS);
        assert!(growth.is_stale(old));
        assert!(!growth.is_stale(Duration::ZERO));
    }
}
