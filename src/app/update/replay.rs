//! What a call gets whose `request_id` is recorded.

use crate::{
    app::intake::EarlierCall, domain::update_outcome::UpdateOutcome,
    repository::updates::RecordedUpdate,
};

impl From<RecordedUpdate> for EarlierCall<UpdateOutcome> {
    fn from(recorded: RecordedUpdate) -> Self {
        Self {
            request_id: recorded.request_id.unwrap_or_default(),
            fingerprint: recorded.fingerprint,
            outcome: UpdateOutcome {
                replayed: true,
                ..recorded.outcome
            },
        }
    }
}
