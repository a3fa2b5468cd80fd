//! Row 5: the same calls on an empty base and on one of a million contacts.

use indicatif::ProgressBar;

use crate::{Flags, ground::Ground, measure::median, report::Line, works::Works};

/// How many contacts the large base has.
pub const LARGE_BASE: u64 = 1_000_000;

/// How much slower a work is on the large base.
pub struct Growth {
    /// The work on the empty base.
    pub empty: Line,
    /// The work on the large one.
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

/// Measures a database's adds on both bases.
pub async fn measure(
    empty: Ground,
    large: Ground,
    flags: &Flags,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Growth>> {
    let empty = Works::begin(empty, flags, progress).await?.add().await?;
    let large = Works::begin(large, flags, progress).await?.add().await?;
    Ok(empty
        .into_iter()
        .zip(large)
        .map(|(empty, large)| Growth { empty, large })
        .collect())
}
