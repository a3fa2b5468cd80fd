//! Communication preferences.

use time::OffsetDateTime;
use uuid::Uuid;

/// The channel id under which an opt-out of all channels, present and future, is stored.
pub const ALL_CHANNELS: Uuid = Uuid::nil();

/// The maximum number of contacts, and of channels, in one opt-in or opt-out.
pub const MAX_CHANGE_ITEMS: usize = 1000;

/// Whether a contact is opted in to or out of a channel, since when, and by which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// The contact's id.
    pub contact_id: Uuid,
    /// The channel's id, or [`ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// True: opted in. False: opted out.
    pub opted_in: bool,
    /// Since when.
    pub change_time: OffsetDateTime,
    /// The API key of the call that last changed it.
    pub api_key_id: Uuid,
    /// The update that last changed it, if an update did.
    pub update_id: Option<Uuid>,
}

/// Where a change comes from: its caller, time and update.
#[derive(Debug, Clone, Copy)]
pub struct ChangeOrigin {
    /// The time of the change.
    pub change_time: OffsetDateTime,
    /// The caller's API key.
    pub api_key_id: Uuid,
    /// The update, if the call is one.
    pub update_id: Option<Uuid>,
}

/// HMAC-SHA-256 of a number under the organization's key: all that is kept of an unassigned number.
pub type NumberHash = [u8; 32];

/// What an unassigned number is opted out of, or no longer opted out of.
#[derive(Debug, Clone, Copy)]
pub struct NumberPreference {
    /// The channel, or [`ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// False: opted out. True: the opt-out of all channels is lifted for this one; that opts no contact in.
    pub opted_in: bool,
    /// Where the preference comes from.
    pub origin: ChangeOrigin,
}
