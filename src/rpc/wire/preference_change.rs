//! How preferences changed.

use super::timestamp;
use crate::{
    domain::{
        preference::ALL_CHANNELS, preference_history::HistoryItem, preference_set::HistoryKind,
    },
    proto::{PreferenceChange, preference_change::Kind},
};

impl From<HistoryItem> for PreferenceChange {
    fn from(item: HistoryItem) -> Self {
        let kind = match item.kind {
            HistoryKind::OptedIn => Kind::OptedIn,
            HistoryKind::OptedOut => Kind::OptedOut,
            HistoryKind::Lifted => Kind::Lifted,
            HistoryKind::TakenOver => Kind::TakenOver,
            HistoryKind::Withdrawn => Kind::Withdrawn,
            HistoryKind::KeptOut => Kind::KeptOut,
        };
        let all_channels = item.key.channel_id == ALL_CHANNELS;
        Self {
            kind: kind.into(),
            channel_id: if all_channels {
                String::new()
            } else {
                item.key.channel_id.to_string()
            },
            all_channels,
            current: item.is_current(),
            change_time: Some(timestamp(item.key.change_time)),
            collect_time: item.said_at.map(timestamp),
            consent: item.consent.map(Into::into),
            api_key_id: item.api_key_id.to_string(),
            update_id: item.update_id.map(|id| id.to_string()),
        }
    }
}
