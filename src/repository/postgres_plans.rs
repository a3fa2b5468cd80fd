//! Plans that PostgreSQL made for tables that have grown since.
//!
//! A connection plans a statement once. A plan that was made for an almost empty table scans the whole organization for each
//! row once the table is full, until autovacuum renews the table's statistics a minute or two later. So whenever the number of
//! rows that this server has added doubles, older connections are replaced.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The number of rows up to which no plan is slow.
const MIN_ROWS: u64 = 512;

/// Counts the rows that this server has added, and knows which connections are older than the last doubling.
#[derive(Default)]
pub struct PostgresPlans(Mutex<Grown>);

#[derive(Default)]
struct Grown {
    row_count: u64,
    doubled_at: Option<Instant>,
}

impl PostgresPlans {
    /// Counts rows that were added.
    pub fn add(&self, row_count: u64) {
        let mut grown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = grown.row_count.max(MIN_ROWS);
        grown.row_count = grown.row_count.saturating_add(row_count);
        if grown.row_count.max(MIN_ROWS).ilog2() > before.ilog2() {
            grown.doubled_at = Some(Instant::now());
        }
    }

    /// Returns whether a connection of this age is older than the last doubling.
    pub fn is_stale(&self, age: Duration) -> bool {
        let grown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        grown.doubled_at.is_some_and(|at| at.elapsed() < age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_outgrown_when_the_rows_have_doubled() {
        let (growth, old) = (PostgresPlans::default(), Duration::from_secs(60));
        growth.add(MIN_ROWS);
        assert!(!growth.is_stale(old));
        growth.add(MIN_ROWS);
        assert!(growth.is_stale(old));
        assert!(!growth.is_stale(Duration::ZERO));
    }
}
