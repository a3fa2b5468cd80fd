//! The messages of `proto/` that several calls share: parsed from requests into values of `domain`, and written from these
//! into responses.

pub mod channel;
pub mod consent;
pub mod contact;
pub mod contact_list;
mod limits;
pub mod opt_out;
pub mod preference;
mod preference_change;
pub mod property;
pub mod reference;
mod revert_outcome;
pub mod update_header;
pub mod update_outcome;
pub mod violation;

use prost_types::Timestamp;
use time::OffsetDateTime;

/// A time on the wire.
pub fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}

/// A count on the wire. A count that does not fit is sent as the largest that does.
pub fn count(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A count of pairs of contact and channel on the wire.
pub fn count_of_pairs(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
