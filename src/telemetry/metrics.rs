//! Metrics, in the text format of OpenMetrics. Each server has its own.

mod calls;
mod database;
mod jobs;

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

pub use self::{
    calls::CallMetrics,
    database::{Connections, DatabaseMetrics, Pool, Queue},
    jobs::JobMetrics,
};

/// What every metric's name begins with.
const PREFIX: &str = "contact_lists";

/// The upper bounds of what durations are counted in, in seconds.
const BUCKETS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    descriptions: Vec<MetricDescription>,
}

/// What a metric is called, and what it is.
#[derive(Debug)]
pub struct MetricDescription {
    /// Its name, as scraped.
    pub name: String,
    /// What it measures.
    pub help: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix(PREFIX),
            descriptions: Vec::new(),
        }
    }
}

impl Metrics {
    /// Adds a metric. A counter's `name` ends with `_total`.
    fn add(&mut self, name: &'static str, help: &'static str, metric: impl Metric) {
        // The registry itself appends what the names of counters end with.
        let base = name.trim_end_matches("_total");
        self.registry.register(base, help, metric);
        self.descriptions.push(MetricDescription {
            name: format!("{PREFIX}_{name}"),
            help,
        });
    }

    /// Returns what each metric is.
    pub fn descriptions(&self) -> &[MetricDescription] {
        &self.descriptions
    }

    /// Writes all values down.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    database: &'static str,
}

/// What is measured of the process as a whole.
#[derive(Debug, Clone, Default)]
pub struct ProcessMetrics {
    /// How many bytes of contacts are spooled.
    pub spool_bytes: Gauge,
    /// How many may be.
    pub spool_limit_bytes: Gauge,
}

impl ProcessMetrics {
    /// Adds them to `metrics`, with the version of the program and the name of its database.
    pub fn register(&self, metrics: &mut Metrics, database: &'static str) {
        metrics.add(
            "spool_bytes",
            "Bytes of contacts that stream in or out, in memory and in temporary files",
            self.spool_bytes.clone(),
        );
        metrics.add(
            "spool_limit_bytes",
            "The limit of these bytes: --max-spool-bytes",
            self.spool_limit_bytes.clone(),
        );
        // Not an `Info`, which tools that know only Prometheus' own format refuse.
        let build = Family::<Build, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&Build { version, database }).set(1);
        metrics.add(
            "build_info",
            "1, with the version of the program and its database as labels",
            build,
        );
    }
}

/// A histogram of durations in seconds.
fn durations() -> Histogram {
    Histogram::new(BUCKETS)
}
