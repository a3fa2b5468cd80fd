//! How the tables grow under PostgreSQL's plans.
//!
//! A connection plans a statement once. A plan that was made for an almost empty table goes through the whole organization for
//! each row once the table is full, until autovacuum renews the table's statistics a minute or two later. So whenever what this
//! server has added doubles, the connections from before are replaced.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Fewer rows than this make no plan slow.
const MIN_ROWS: u64 = 512;

/// How many rows this server has added, and since when the plans are good.
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

    /// Whether a connection of this age is from before the last time that the rows doubled.
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
