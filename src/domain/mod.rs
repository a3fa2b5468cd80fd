//! Parsed values: what is in one of these types has been checked. Nothing here does I/O.

pub mod birth_date;
pub mod channel;
pub mod contact;
pub mod contact_list;
pub mod custom_object;
pub mod email;
pub mod language;
pub mod name;
pub mod phone_number;
pub mod preference;
pub mod property_value;
pub mod scope;
pub mod text;
pub mod update_header;
pub mod update_outcome;
pub mod violation;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of an organization, the tenant that every row belongs to. A call gets one only from its API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrganizationId(pub Uuid);

impl std::fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The time now, in the microseconds that both databases keep.
pub fn now() -> time::OffsetDateTime {
    let now = time::OffsetDateTime::now_utc();
    now.replace_nanosecond(now.microsecond() * 1000)
        .unwrap_or(now)
}
