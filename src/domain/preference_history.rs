//! What is known of how the preferences of a contact or an unassigned number changed.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{consent::Consent, preference_set::HistoryKind};

/// A change, or a preference as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryItem {
    /// Its place.
    pub key: HistoryKey,
    /// What happened.
    pub kind: HistoryKind,
    /// The API key of the call.
    pub api_key_id: Uuid,
    /// The update, if the call was one.
    pub update_id: Option<Uuid>,
    /// When the person said so, if that is known.
    pub said_at: Option<OffsetDateTime>,
    /// How the person said so, if that was given.
    pub consent: Option<Consent>,
}

impl HistoryItem {
    /// Whether this is the preference as it is now.
    pub fn is_current(&self) -> bool {
        self.key.rank == CURRENT
    }
}

/// The place of an item: by time, and then by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryKey {
    /// When the change was recorded.
    pub change_time: OffsetDateTime,
    /// The channel, or [`super::preference::ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// What comes first of the same time and channel: what ends an opt-out or comes with a number, then what was said, what holds
    /// now, and what was kept out.
    pub rank: i16,
    /// The change that the item is stored with, or nil.
    pub change_id: Uuid,
}

/// The rank of a preference as it is now.
pub const CURRENT: i16 = 4;

/// The rank of an opt-in that was kept out.
pub const KEPT_OUT: i16 = 5;

impl HistoryKey {
    /// The key before all others.
    pub const FIRST: Self = Self {
        change_time: OffsetDateTime::UNIX_EPOCH,
        channel_id: Uuid::nil(),
        rank: i16::MIN,
        change_id: Uuid::nil(),
    };
}
