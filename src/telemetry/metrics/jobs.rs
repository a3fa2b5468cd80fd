//! What is measured of the background jobs.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::Metrics;

/// The results of a purge: good and bad.
const RESULTS: [&str; 2] = ["succeeded", "failed"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

/// What is measured of the background jobs. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct JobMetrics {
    database_up: Gauge,
    purges: Family<ByResult, Counter>,
    purged_updates: Counter,
}

impl Default for JobMetrics {
    fn default() -> Self {
        let metrics = Self {
            database_up: Gauge::default(),
            purges: Family::default(),
            purged_updates: Counter::default(),
        };
        // So that the first one is an increase.
        for result in RESULTS {
            metrics.purges.get_or_create(&ByResult { result }).inc_by(0);
        }
        metrics
    }
}

impl JobMetrics {
    /// Adds them to `metrics`.
    #[rustfmt::skip] // A table: a row for each metric.
    pub fn register(&self, metrics: &mut Metrics) {
        metrics.add("database_up", "1 if the database answered when it was last asked, 0 if not", self.database_up.clone());
        metrics.add("purges_total", "Searches for recorded updates that are too old, by result", self.purges.clone());
        metrics.add("purged_updates_total", "Recorded updates that lost their request_id and rejected contacts", self.purged_updates.clone());
    }

    /// Notes whether the database answered.
    pub fn set_database_up(&self, is_up: bool) {
        self.database_up.set(is_up.into());
    }

    /// Counts a purge of so many updates, or one that failed.
    pub fn count_purge<E>(&self, purged: &Result<u64, E>) {
        let result = RESULTS[usize::from(purged.is_err())];
        self.purges.get_or_create(&ByResult { result }).inc();
        self.purged_updates.inc_by(*purged.as_ref().unwrap_or(&0));
    }
}
