//! Communication preferences.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::consent::Consent;

/// The channel id under which an opt-out of all channels, present and future, is stored.
pub const ALL_CHANNELS: Uuid = Uuid::nil();

/// The maximum number of contacts, and of channels, in one opt-in or opt-out.
pub const MAX_CHANGE_ITEMS: usize = 1000;

/// Whether a contact is opted in to or out of a channel, since when, and by which call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// The contact's id.
    pub contact_id: Uuid,
    /// The channel's id, or [`ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// True: opted in. False: opted out.
    pub opted_in: bool,
    /// Since when.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub change_time: OffsetDateTime,
    /// The API key of the call that last changed it.
    pub api_key_id: Uuid,
    /// The update that last changed it, if an update did.
    pub update_id: Option<Uuid>,
    /// How the person said so, if that was given.
    pub consent: Option<Consent>,
}

/// Where a change comes from: its caller, times and update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeOrigin {
    /// The time of the change.
    pub change_time: OffsetDateTime,
    /// The caller's API key.
    pub api_key_id: Uuid,
    /// The update, if the call is one.
    pub update_id: Option<Uuid>,
    /// When the person said so, where that is neither the time of the change nor that of the update's consent.
    pub collect_time: Option<OffsetDateTime>,
    /// The change with which the person's own consent is stored, if it is; otherwise it is that of the update's header.
    pub consent_id: Option<Uuid>,
}

impl ChangeOrigin {
    /// The origin of a change that is no API key's.
    pub fn of_nobody(change_time: OffsetDateTime) -> Self {
        Self {
            change_time,
            api_key_id: Uuid::nil(),
            update_id: None,
            collect_time: None,
            consent_id: None,
        }
    }

    /// When the person said so.
    pub fn said_at(&self) -> OffsetDateTime {
        self.collect_time.unwrap_or(self.change_time)
    }
}

/// A change that is being made.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Its id: that of the update, or one of its own.
    pub id: Uuid,
    /// Where it comes from.
    pub origin: ChangeOrigin,
}

/// Where the opt-ins of a change come from: some contacts can have brought a consent of their own.
#[derive(Debug)]
pub struct OptInOrigins {
    /// The change, with the origin of the others.
    pub change: Change,
    /// Which contacts said so at which time of their own.
    pub own_times: HashMap<Uuid, OffsetDateTime>,
}

impl OptInOrigins {
    /// Creates the origins of a change in which no contact has brought a consent.
    pub fn without_consents(change_id: Uuid, origin: ChangeOrigin) -> Self {
        let change = Change {
            id: change_id,
            origin,
        };
        Self {
            change,
            own_times: HashMap::new(),
        }
    }

    /// The change as that of one contact.
    pub fn change_of(&self, contact: Uuid) -> Change {
        Change {
            origin: self.of(contact),
            ..self.change
        }
    }

    /// Where the opt-ins of a contact come from.
    pub fn of(&self, contact: Uuid) -> ChangeOrigin {
        let origin = self.change.origin;
        match self.own_times.get(&contact) {
            Some(time) => ChangeOrigin {
                collect_time: Some(*time),
                consent_id: Some(self.change.id),
                ..origin
            },
            None => origin,
        }
    }
}

/// HMAC-SHA-256 of a number under the organization's key: all that is kept of an unassigned number.
pub type NumberHash = [u8; 32];

/// Who a preference is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A contact.
    Contact(Uuid),
    /// An unassigned number.
    Number(NumberHash),
}

/// What a contact or an unassigned number is opted in to or out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPreference {
    /// The channel, or [`ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// False: opted out. True: opted in; of a number, the opt-out of all channels is lifted for this one, which opts no
    /// contact in.
    pub opted_in: bool,
    /// Where the preference comes from.
    pub origin: ChangeOrigin,
}
