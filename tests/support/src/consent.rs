//! Builders for consents.

use contact_lists::proto::{Consent, consent::Source};
use prost_types::Timestamp;

/// The first second of 2020, of which [`day`] counts.
const FIRST_SECOND: i64 = 1_577_836_800;

/// A time of long ago.
pub fn day(n: i64) -> Timestamp {
    Timestamp {
        seconds: FIRST_SECOND + n * 86_400,
        nanos: 0,
    }
}

/// What a person has said on a website on the n-th day of 2020.
pub fn said_on(n: i64) -> Consent {
    Consent {
        source: Source::Website.into(),
        evidence: format!("https://example.com/form/{n}"),
        collect_time: Some(day(n)),
    }
}
