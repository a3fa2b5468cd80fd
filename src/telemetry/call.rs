//! What is known of a call.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use strum::{EnumIter, IntoStaticStr};
use uuid::Uuid;

use crate::{
    domain::{OrganizationId, update_header::Action, update_outcome::Counts, violation::Reason},
    error::{Error, with_causes},
};

tokio::task_local! {
    static CURRENT: CallRecord;
}

/// A part of a call whose duration is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// The key is looked up.
    Authenticate,
    /// The call waits for its turn and for a connection to the database.
    Wait,
    /// The call does its work, waiting for locks included; an update and an export have phases of their own for most of it.
    Handle,
    /// The stream of an update arrives, and its contacts are checked.
    Receive,
    /// The contacts of an update are grouped by phone.
    Fold,
    /// The contacts of an update are looked up and locked, and it is decided what to write.
    Plan,
    /// The plan of an update is written.
    Write,
    /// The transaction commits.
    Commit,
    /// The members of an export are read.
    Read,
    /// The members of an export are sent, at the client's pace.
    Send,
}

impl Phase {
    /// Returns the phase's name.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What is known of a call so far. Nothing in it is a contact's value or a key.
#[derive(Debug, Default)]
#[allow(missing_docs)] // The names say what the fields are.
pub struct Call {
    pub organization_id: Option<OrganizationId>,
    pub api_key_id: Option<Uuid>,
    pub contact_list_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    pub channel_id: Option<Uuid>,
    pub custom_object_id: Option<Uuid>,
    pub action: Option<Action>,
    pub request_id: Option<Uuid>,
    pub update_id: Option<Uuid>,
    pub validate_only: bool,
    pub replayed: bool,
    /// How many contacts of an update, or references of a change of preferences, have arrived.
    pub received_count: Option<u64>,
    /// Those of them that were not applied.
    pub rejected_count: Option<u64>,
    /// Why contacts of an update were rejected: one with several reasons counts for each.
    pub rejected_by_reason: BTreeMap<Reason, u64>,
    /// What an update did.
    pub counts: Option<Counts>,
    /// How many pairs of a contact and a channel were changed, and how many were already as wanted.
    pub changed_pairs: Option<(u64, u64)>,
    /// How many items a page or an export has.
    pub returned_count: Option<u64>,
    /// The id under which the caller was told of a defect.
    pub error_id: Option<Uuid>,
    /// Why the service could not do its part.
    pub cause: Option<String>,
    /// The phases in order of their end; one that was run again is there again.
    pub(super) phases: Vec<(Phase, Instant, Instant)>,
    running_phase: Option<(Phase, Instant)>,
}

impl Call {
    /// Notes what an operator must know of the error that the call ends with, and the caller must not.
    pub fn note_error(&mut self, error: &Error) {
        let cause = match error {
            Error::Internal { error_id, cause } => {
                self.error_id = Some(*error_id);
                cause
            }
            Error::DatabaseUnavailable(cause)
            | Error::SpoolUnavailable(cause)
            | Error::SpoolFolderFull(cause) => cause,
            _ => return,
        };
        self.cause = Some(with_causes(cause));
    }

    pub(super) fn end_phase(&mut self, now: Instant) {
        if let Some((phase, start)) = self.running_phase.take() {
            self.phases.push((phase, start, now));
        }
    }

    /// Returns how long a phase took in all, if the call had it.
    pub(super) fn duration(&self, phase: Phase) -> Option<Duration> {
        let times = self.phases.iter().filter(|(ended, ..)| *ended == phase);
        times
            .map(|(_, start, end)| *end - *start)
            .reduce(|all, one| all + one)
    }
}

/// A call's record. Cheap to clone; all clones share it.
#[derive(Debug, Clone, Default)]
pub struct CallRecord(Arc<Mutex<Call>>);

impl CallRecord {
    /// Returns the record of the call that this task works for. Outside of a call, it is one that nobody reads.
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Runs `work` for the call of this record.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// Notes something in the record.
    pub fn note(&self, note: impl FnOnce(&mut Call)) {
        note(&mut self.lock());
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes something in the record of the call that this task works for, if it works for one.
pub fn note(note: impl FnOnce(&mut Call)) {
    // Outside of a call there is nothing to note.
    let _ = CURRENT.try_with(|record| record.note(note));
}

/// Begins a phase of the call that this task works for, and ends the one before it.
pub fn begin_phase(phase: Phase) {
    note(|call| {
        let now = Instant::now();
        call.end_phase(now);
        call.running_phase = Some((phase, now));
    });
}
