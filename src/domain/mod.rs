//! Parsed values: a value of one of these types has been checked. Nothing here does I/O.

pub mod api_key;
pub mod birth_date;
pub mod caller;
pub mod channel;
pub mod consent;
pub mod contact;
pub mod contact_list;
pub mod custom_object;
pub mod email;
pub mod language;
pub mod name;
pub mod old_values;
pub mod opt_out_outcome;
pub mod organization;
pub mod percent;
pub mod phone_number;
pub mod preference;
pub mod preference_history;
pub mod preference_set;
pub mod property_value;
pub mod revert;
pub mod scope;
pub mod suppression;
pub mod text;
pub mod update_header;
pub mod update_outcome;
pub mod violation;

pub use self::organization::OrganizationId;

/// The time now, in the microseconds that both databases keep.
pub fn now() -> time::OffsetDateTime {
    let now = time::OffsetDateTime::now_utc();
    now.replace_nanosecond(now.microsecond() * 1000)
        .unwrap_or(now)
}
