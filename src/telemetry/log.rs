//! The log.

use std::io::IsTerminal;

use tracing::Metadata;
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, prelude::*};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For machines: a JSON object per line.
    Json,
}

/// Starts to write the log to standard error. `filter` says what to log, such as "contact_lists=debug,info"; what could hold
/// secrets or contacts' values is never logged. Fails if the filter is malformed, or if a log was started before.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let layer = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Human => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    // For all layers: a filter of one layer loses the line after each that sqlx asks about and doesn't write.
    tracing_subscriber::registry()
        .with(EnvFilter::try_new(filter)?)
        .with(filter_fn(is_harmless))
        .with(layer)
        .try_init()?;
    Ok(())
}

/// Whether something may be logged at all. The spans of SeaORM have what its functions are called with: the database's URL and
/// its password, and statements with their values. The parser of phone numbers writes numbers.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_harmful = target.starts_with("rlibphonenumber")
        || metadata.is_span() && target.starts_with("sea_orm");
    !is_harmful
}
