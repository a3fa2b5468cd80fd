//! Receives the stream of a call: holds it to the limits and has its contacts kept, or compares it with a recorded call.

use std::sync::Arc;

use uuid::Uuid;

use super::update::{checks::Checks, rejections::InvalidContact};
use crate::{
    domain::update_outcome::Fingerprint,
    error::{Error, Result},
    telemetry,
};

/// A call that collects the contacts of a stream.
pub trait StreamedCall {
    /// A contact that is valid by itself.
    type Contact;
    /// What the call did, as it is recorded.
    type Outcome;

    /// What the contacts are checked against.
    fn checks(&self) -> &Arc<Checks>;

    /// Keeps the contact at `index` of the stream.
    fn keep(&mut self, index: u32, contact: Self::Contact, encoded_bytes: u32) -> Result<()>;

    /// Notes that the contact at `index` of the stream is rejected.
    fn reject(&mut self, index: u32, contact: InvalidContact) -> Result<()>;
}

/// When a stream is complete.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// Whether it must have a footer.
    pub needs_footer: bool,
    /// Whether it may have no contacts.
    pub may_be_empty: bool,
}

/// A recorded call with the same `request_id`.
pub struct EarlierCall<O> {
    /// The `request_id`.
    pub request_id: Uuid,
    /// SHA-256 over its header and contacts as sent.
    pub fingerprint: Option<Vec<u8>>,
    /// Its outcome, as the response of a call that repeats it.
    pub outcome: O,
}

impl<O> EarlierCall<O> {
    /// Returns the outcome for a call that repeats this one. Fails if that call's input differs.
    pub fn repeated(self, fingerprint: Option<&Fingerprint>) -> Result<O> {
        if self.fingerprint.as_deref() != fingerprint.map(Fingerprint::as_slice) {
            return Err(Error::RequestIdReused {
                request_id: self.request_id,
            });
        }
        Ok(self.outcome)
    }
}

/// A call whose stream is still arriving.
pub struct Incoming<C: StreamedCall> {
    mode: Mode<C>,
    framing: Framing,
    max_contacts: u64,
    received_count: u64,
    /// How many contacts were checked and kept or rejected.
    kept_count: u32,
}

enum Mode<C: StreamedCall> {
    /// The `request_id` is recorded: the stream is only compared.
    Replay(Box<EarlierCall<C::Outcome>>),
    /// The contacts are checked and kept.
    Collect(Box<C>),
}

/// What a whole stream turned out to be.
pub enum Received<C: StreamedCall> {
    /// A call to apply.
    New {
        /// The call.
        call: Box<C>,
        /// How many contacts arrived.
        received_count: u64,
        /// SHA-256 over the header and contacts as sent, if there is a `request_id`.
        fingerprint: Option<Fingerprint>,
    },
    /// The recorded outcome of an earlier call.
    Replayed(C::Outcome),
}

impl<C: StreamedCall> Incoming<C> {
    /// Begins with what `find_earlier` finds, or else with what `collect` makes of the header: it refuses what can be refused
    /// before any contact is read.
    pub async fn begin<F>(
        find_earlier: impl Fn() -> F,
        collect: impl Future<Output = Result<C>>,
        framing: Framing,
        max_contacts: u64,
    ) -> Result<Self>
    where
        F: Future<Output = Result<Option<EarlierCall<C::Outcome>>>>,
    {
        let mode = match find_earlier().await? {
            Some(earlier) => Mode::Replay(Box::new(earlier)),
            None => match collect.await {
                Ok(call) => Mode::Collect(Box::new(call)),
                // A duplicate call may have been applied, and the list archived, since the look-up.
                Err(refusal) => match find_earlier().await? {
                    Some(earlier) => Mode::Replay(Box::new(earlier)),
                    None => return Err(refusal),
                },
            },
        };
        Ok(Self {
            mode,
            framing,
            max_contacts,
            received_count: 0,
            kept_count: 0,
        })
    }

    /// What the contacts are checked against; `None` where the stream is only compared.
    pub fn checks(&self) -> Option<&Arc<Checks>> {
        match &self.mode {
            Mode::Replay(_) => None,
            Mode::Collect(call) => Some(call.checks()),
        }
    }

    /// Counts contacts that arrived. Fails if they are more than a call may have.
    pub fn count_contacts(&mut self, count: usize) -> Result<()> {
        self.received_count += count as u64;
        telemetry::note(|call| call.received_count = Some(self.received_count));
        if self.received_count > self.max_contacts {
            return Err(Error::ContactLimitExceeded {
                limit: self.max_contacts,
                value: self.max_contacts + 1,
            });
        }
        Ok(())
    }

    /// Keeps a checked contact. Contacts must be given in the order of the stream.
    pub fn keep(
        &mut self,
        checked: Result<C::Contact, InvalidContact>,
        encoded_bytes: usize,
    ) -> Result<()> {
        let Mode::Collect(call) = &mut self.mode else {
            return Ok(());
        };
        let index = self.kept_count;
        self.kept_count += 1;
        match checked {
            Ok(contact) => {
                let encoded_bytes = u32::try_from(encoded_bytes).unwrap_or(u32::MAX);
                call.keep(index, contact, encoded_bytes)
            }
            Err(invalid) => call.reject(index, invalid),
        }
    }

    /// Ends the stream.
    pub fn finish(
        self,
        footer_contact_count: Option<i64>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Received<C>> {
        let is_complete = match footer_contact_count {
            Some(count) => u64::try_from(count) == Ok(self.received_count),
            None => !self.framing.needs_footer,
        };
        if !is_complete {
            return Err(Error::StreamIncomplete {
                received_count: self.received_count,
                contact_count: footer_contact_count,
            });
        }
        if self.received_count == 0 && !self.framing.may_be_empty {
            return Err(Error::NoContacts);
        }
        match self.mode {
            Mode::Replay(earlier) => {
                let outcome = earlier.repeated(fingerprint.as_ref())?;
                Ok(Received::Replayed(outcome))
            }
            Mode::Collect(call) => Ok(Received::New {
                call,
                received_count: self.received_count,
                fingerprint,
            }),
        }
    }
}
