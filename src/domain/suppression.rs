//! What must not be lost when a back-up is restored: opt-outs and erasures since it was made. None of it is personal data.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    OrganizationId,
    preference::{ChangeOrigin, ChannelPreference, NumberHash},
};

/// An opt-out of a contact or of an unassigned number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOut {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The contact; none if the number was unassigned.
    pub contact_id: Option<Uuid>,
    /// The number, of the contact or unassigned.
    #[serde(with = "hex::serde")]
    pub number_hash: NumberHash,
    /// The channel, or [`super::preference::ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub change_time: OffsetDateTime,
    /// The API key of the call.
    pub api_key_id: Uuid,
    /// The update, if the call was one.
    pub update_id: Option<Uuid>,
    /// When the person said so, where that is not `change_time`.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub collect_time: Option<OffsetDateTime>,
}

impl OptOut {
    /// Describes an opt-out of a contact or a number.
    pub fn new(
        organization_id: OrganizationId,
        contact_id: Option<Uuid>,
        number_hash: NumberHash,
        preference: &ChannelPreference,
    ) -> Self {
        let ChangeOrigin {
            change_time,
            api_key_id,
            update_id,
            collect_time,
            ..
        } = preference.origin;
        Self {
            organization_id,
            contact_id,
            number_hash,
            channel_id: preference.channel_id,
            change_time,
            api_key_id,
            update_id,
            collect_time,
        }
    }

    /// Returns the opt-out as that of a number or of the contact that has it.
    pub fn preference(&self) -> ChannelPreference {
        ChannelPreference {
            channel_id: self.channel_id,
            opted_in: false,
            origin: ChangeOrigin {
                change_time: self.change_time.to_offset(time::UtcOffset::UTC),
                api_key_id: self.api_key_id,
                update_id: self.update_id,
                collect_time: self
                    .collect_time
                    .map(|it| it.to_offset(time::UtcOffset::UTC)),
                consent_id: None,
            },
        }
    }
}

/// The erasure of a contact.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The contact.
    pub contact_id: Uuid,
    /// When it was erased.
    #[serde(with = "time::serde::rfc3339")]
    pub erase_time: OffsetDateTime,
}

/// Opt-outs and erasures.
#[derive(Debug, Default)]
pub struct Suppressions {
    /// The opt-outs.
    pub opt_outs: Vec<OptOut>,
    /// The erasures.
    pub erasures: Vec<Erasure>,
}
