//! Communication preferences.

use super::timestamp;
use crate::{
    app::preferences::KeptOptOut,
    domain::preference::{ALL_CHANNELS, Preference},
    proto,
};

impl From<Preference> for proto::CommunicationPreference {
    fn from(preference: Preference) -> Self {
        let all_channels = preference.channel_id == ALL_CHANNELS;
        Self {
            contact_id: preference.contact_id.to_string(),
            channel_id: if all_channels {
                String::new()
            } else {
                preference.channel_id.to_string()
            },
            all_channels,
            opted_in: preference.opted_in,
            change_time: Some(timestamp(preference.change_time)),
            api_key_id: preference.api_key_id.to_string(),
            update_id: preference.update_id.map(|id| id.to_string()),
            consent: preference.consent.map(Into::into),
        }
    }
}

impl From<KeptOptOut> for proto::KeptOptOut {
    fn from(kept: KeptOptOut) -> Self {
        Self {
            contact_index: i32::try_from(kept.contact_index).unwrap_or(i32::MAX),
            channel_id: kept.channel_id.to_string(),
            collect_time: Some(timestamp(kept.said_at)),
        }
    }
}
