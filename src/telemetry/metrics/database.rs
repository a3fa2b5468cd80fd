//! What is measured of the database's connections and transactions.

use std::{future::Future, time::Instant};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use strum::IntoStaticStr;

use super::{Metrics, durations};

/// A pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Pool {
    /// The connections that read.
    Read,
    /// The connections that write.
    Write,
    /// The connections that only authentication and health use.
    Reserved,
    /// The connections that read a copy of the database.
    Copy,
}

/// The connections of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// How many are open.
    pub open: u32,
    /// How many of them are in use.
    pub in_use: u32,
    /// How many may be open.
    pub limit: u32,
}

/// What writers wait for before they get a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Queue {
    /// Their turn on a list.
    List,
    /// Their turn among all writers.
    Writer,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPool {
    pool: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQueue {
    queue: &'static str,
}

/// What is measured of a database. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct DatabaseMetrics {
    connections: Family<ByPool, Gauge>,
    connections_in_use: Family<ByPool, Gauge>,
    connections_limit: Family<ByPool, Gauge>,
    begin_waits: Family<ByPool, Histogram, fn() -> Histogram>,
    queue_waits: Family<ByQueue, Histogram, fn() -> Histogram>,
    waiting: Family<ByQueue, Gauge>,
    retries: Counter,
}

impl Default for DatabaseMetrics {
    fn default() -> Self {
        Self {
            connections: Family::default(),
            connections_in_use: Family::default(),
            connections_limit: Family::default(),
            begin_waits: Family::new_with_constructor(durations),
            queue_waits: Family::new_with_constructor(durations),
            waiting: Family::default(),
            retries: Counter::default(),
        }
    }
}

impl DatabaseMetrics {
    /// Adds them to `metrics`.
    #[rustfmt::skip] // A table: a row for each metric.
    pub fn register(&self, metrics: &mut Metrics) {
        metrics.add("database_connections", "Open connections to the database, by pool", self.connections.clone());
        metrics.add("database_connections_in_use", "Connections that are in use, by pool", self.connections_in_use.clone());
        metrics.add("database_connections_limit", "The most connections that may be open, by pool", self.connections_limit.clone());
        metrics.add("transaction_begin_seconds", "How long transactions waited for a connection and began, by pool", self.begin_waits.clone());
        metrics.add("queue_wait_seconds", "How long writers waited for their turn on a list and among all writers", self.queue_waits.clone());
        metrics.add("queue_waiting_calls", "Writers that are waiting, by queue", self.waiting.clone());
        metrics.add("transaction_retries_total", "Transactions that were run again because they lost a race", self.retries.clone());
    }

    /// Notes what connections a pool has.
    pub fn observe_pool(&self, pool: Pool, connections: Connections) {
        let labels = ByPool { pool: pool.into() };
        for (gauge, value) in [
            (&self.connections, connections.open),
            (&self.connections_in_use, connections.in_use),
            (&self.connections_limit, connections.limit),
        ] {
            gauge.get_or_create(&labels).set(value.into());
        }
    }

    /// Measures how long a transaction waits for a connection of `pool` and begins.
    pub async fn begin<T>(&self, pool: Pool, begin: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let begun = begin.await;
        let labels = ByPool { pool: pool.into() };
        let waits = self.begin_waits.get_or_create(&labels);
        waits.observe(start.elapsed().as_secs_f64());
        begun
    }

    /// Measures how long a writer waits in `queue`.
    pub async fn queue<T>(&self, queue: Queue, turn: impl Future<Output = T>) -> T {
        let labels = ByQueue {
            queue: queue.into(),
        };
        let start = Instant::now();
        let waiting = Waiting::begin(self.waiting.get_or_create_owned(&labels));
        let turn = turn.await;
        drop(waiting);
        let waits = self.queue_waits.get_or_create(&labels);
        waits.observe(start.elapsed().as_secs_f64());
        turn
    }

    /// Counts a transaction that is run again.
    pub fn count_retry(&self) {
        self.retries.inc();
    }
}

/// Counts a writer that waits, until it is dropped.
struct Waiting(Gauge);

impl Waiting {
    fn begin(count: Gauge) -> Self {
        count.inc();
        Self(count)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
