//! What a call gets whose `request_id` is recorded.

use crate::{
    domain::update_outcome::{Fingerprint, UpdateOutcome},
    error::{Error, Result},
    repository::updates::RecordedUpdate,
};

/// Returns the outcome of `recorded` as that of a call that repeats it. Fails if that call's input differs.
pub fn replayed(
    recorded: RecordedUpdate,
    fingerprint: Option<&Fingerprint>,
) -> Result<UpdateOutcome> {
    let sent = fingerprint.map(Fingerprint::as_slice);
    if recorded.fingerprint.as_deref() != sent {
        return Err(Error::RequestIdReused {
            request_id: recorded.request_id.unwrap_or_default(),
        });
    }
    Ok(UpdateOutcome {
        replayed: true,
        ..recorded.outcome
    })
}
