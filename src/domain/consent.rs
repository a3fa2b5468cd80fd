//! How a person said that messages are wanted, or that they are not.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use time::{Duration, OffsetDateTime};

use super::{
    text::refuse_nul,
    violation::{Invalid, Reason},
};

/// The most Unicode characters that the evidence may have.
pub const MAX_EVIDENCE_CHARACTERS: usize = 1024;

/// How far a caller's clock may be ahead.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::minutes(5);

/// When, where and how a person said so. At least one of the three is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Where.
    pub source: Option<ConsentSource>,
    /// What shows it; empty if nothing was given.
    pub evidence: String,
    /// When.
    #[serde(with = "time::serde::timestamp::microseconds::option")]
    pub collect_time: Option<OffsetDateTime>,
}

/// Where a person said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ConsentSource {
    /// On a website or in an app.
    Website,
    /// At a point of sale.
    PointOfSale,
    /// On the phone.
    Phone,
    /// On paper.
    Paper,
    /// In another system.
    Import,
    /// In a message.
    Message,
    /// Elsewhere.
    Other,
}

impl Consent {
    /// Makes a consent from its stored form: the name of its source and its evidence. Both are empty if they are absent.
    pub fn from_stored(source: &str, evidence: String, collect_time: OffsetDateTime) -> Self {
        Self {
            source: source.parse().ok(),
            evidence,
            collect_time: Some(collect_time),
        }
    }

    /// Returns the source's name, which is stored; empty if there is none.
    pub fn source_name(&self) -> &'static str {
        self.source.map_or("", Into::into)
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.source.is_none() && self.evidence.is_empty() && self.collect_time.is_none()
    }
}

/// Refuses evidence that is too long or has U+0000.
pub fn check_evidence(evidence: &str) -> Result<(), Invalid> {
    if evidence.len() > MAX_EVIDENCE_CHARACTERS
        && evidence.chars().count() > MAX_EVIDENCE_CHARACTERS
    {
        return Err(Invalid::new(
            Reason::FieldTooLong,
            format!("must have at most {MAX_EVIDENCE_CHARACTERS} characters"),
        ));
    }
    refuse_nul(evidence)
}

/// Parses the time at which a person said so, in the microseconds that are stored. It may be a little later than `now`.
pub fn parse_collect_time(
    seconds: i64,
    nanoseconds: i32,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, Invalid> {
    let invalid = |message| Err(Invalid::new(Reason::FieldInvalid, message));
    let microseconds = u32::try_from(nanoseconds).unwrap_or(u32::MAX) / 1000;
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let time = time.and_then(|it| it.replace_nanosecond(microseconds * 1000).ok());
    match time {
        // The contract's timestamps begin with the year 1.
        Some(time) if time.year() < 1 => invalid("must not be before the year 1"),
        Some(time) if time > now + MAX_CLOCK_DIFFERENCE => invalid("must not be in the future"),
        Some(time) => Ok(time),
        None => invalid("is not a valid time"),
    }
}
