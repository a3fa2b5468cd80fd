//! Row 5: the same calls on an empty base and on one of a million contacts.

use indicatif::ProgressBar;

use crate::{Flags, database::Database, measure::median, report::Line, scenarios::Scenarios};

/// How many contacts the large base has.
pub const LARGE_BASE: u64 = 1_000_000;

/// How much slower a scenario is on the large base.
pub struct Growth {
    /// The scenario on the empty base.
    pub empty: Line,
    /// The scenario on the large one.
    pub large: Line,
}

impl Growth {
    /// How many times as long the service takes.
    pub fn service(&self) -> Option<f64> {
        Some(median(&self.large.times.service)? / median(&self.empty.times.service)?)
    }

    /// How many times as long the floor takes.
    pub fn floor(&self) -> Option<f64> {
        Some(median(&self.large.times.floor)? / median(&self.empty.times.floor)?)
    }
}

/// Measures adds on both bases.
pub async fn measure(
    empty: Database,
    large: Database,
    flags: &Flags,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Growth>> {
    let empty = Scenarios::begin(empty, flags, progress)
        .await?
        .add()
        .await?;
    let large = Scenarios::begin(large, flags, progress)
        .await?
        .add()
        .await?;
    Ok(empty
        .into_iter()
        .zip(large)
        .map(|(empty, large)| Growth { empty, large })
        .collect())
}
