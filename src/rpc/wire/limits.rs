//! Limits.

use std::time::Duration;

use super::count;
use crate::{domain::contact::MAX_ENCODED_BYTES, proto, rpc::Limits};

impl From<Limits> for proto::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            max_contacts: count(limits.max_contacts),
            max_message_bytes: count(limits.max_message_bytes as u64),
            max_contact_bytes: count(MAX_ENCODED_BYTES as u64),
            stream_idle: Some(duration(limits.stream_idle)),
            request_id_retention: Some(duration(limits.retention)),
            undo_retention: Some(duration(limits.undo_retention)),
        }
    }
}

fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    }
}
