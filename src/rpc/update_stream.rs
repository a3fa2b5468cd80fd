//! `UpdateContactListContacts`: the framing of its stream.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use prost::{Message, encode_length_delimiter};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::{task::JoinError, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status, Streaming};

use super::{
    Api,
    phones::PhoneReader,
    update_message::{self, DecodedContact, EncodedContacts, UpdateMessage},
    wire,
};
use crate::{
    app::update::{
        checks::Checks,
        receive::{IncomingUpdate, ReceivedUpdate},
        rejections::InvalidContact,
    },
    domain::{
        OrganizationId, caller::Caller, contact::ContactChanges, now, phone_number::PhoneNumber,
        update_outcome::UpdateOutcome,
    },
    error::{Error, Result, source_of},
    long_work::Pieces,
    proto,
    repository::contacts,
    telemetry::{self, Phase},
};

/// How many contacts of a message are checked as one part.
const PART_CONTACTS: usize = 500;

/// How many parts of a call are checked at once.
const MAX_PARTS: usize = 2;

/// Receives the stream and applies it.
pub async fn update(
    api: &Api,
    caller: Caller,
    stream: Streaming<UpdateMessage>,
) -> Result<UpdateOutcome> {
    let mut messages = Messages {
        stream,
        idle_limit: api.limits.stream_idle,
        max_message_bytes: api.limits.max_message_bytes,
        next_index: 0,
    };
    telemetry::begin_phase(Phase::Receive);
    let deadline = messages.deadline();
    let (first_index, first) = messages.next(deadline).await?.ok_or(Error::HeaderMissing)?;
    let wire_header = first.header()?.ok_or(Error::HeaderMissing)?;
    // What was sent is only compared where a `request_id` can bring it back.
    let mut sent = wire_header.request_id.as_ref().map(|_| Sha256::new());
    if let Some(sent) = &mut sent {
        sent.update(wire_header.encode_length_delimited_to_vec());
    }
    let header =
        wire::update_header::parse(wire_header, caller.organization.default_region, now())?;
    let organization = caller.organization.id;
    let incoming = IncomingUpdate::begin(
        &api.repository,
        caller,
        header,
        api.limits.max_contacts,
        &api.quota,
    )
    .await?;
    let mut receiver = Receiver {
        incoming,
        sent,
        api,
        organization,
        checking: FuturesOrdered::new(),
    };
    let mut footer = receiver.take(first_index, first).await?;
    let mut pieces = Pieces::start();
    while let Some((message_index, message)) = receiver.next(&mut messages).await? {
        pieces.step().await;
        if footer.is_some() {
            return receiver
                .refuse(Error::MessageAfterFooter { message_index })
                .await;
        }
        if message.has_header() {
            return receiver
                .refuse(Error::HeaderRepeated { message_index })
                .await;
        }
        footer = receiver.take(message_index, message).await?;
    }
    match receiver.finish(messages, footer).await? {
        ReceivedUpdate::New(update) => update.apply(&api.repository).await,
        ReceivedUpdate::Replayed(outcome) => Ok(*outcome),
    }
}

/// Receives messages. Their contacts are checked in parts, in parallel with each other and with the arrival of the next
/// message, and kept in order.
struct Receiver<'a> {
    incoming: IncomingUpdate,
    /// The digest of what was sent, if the call has a `request_id`.
    sent: Option<Sha256>,
    api: &'a Api,
    organization: OrganizationId,
    /// One task for each part.
    checking: FuturesOrdered<CheckingPart>,
}

type CheckingPart = AbortOnDropHandle<Result<CheckedPart>>;

/// Some contacts that are still encoded.
struct UncheckedPart {
    message_index: u64,
    contacts: EncodedContacts,
    /// None where the stream is only compared.
    checks: Option<Arc<Checks>>,
    /// Whether the contacts are a part of the fingerprint.
    fingerprints: bool,
}

/// Some contacts that were decoded and checked.
#[derive(Default)]
struct CheckedPart {
    /// Each with its encoded size; none where the stream is only compared.
    contacts: Vec<(std::result::Result<ContactChanges, InvalidContact>, usize)>,
    /// Whether one of them has properties.
    has_properties: bool,
    /// The contacts' part of the fingerprint, if there is one: each with its length, so that no two splits look the same, and
    /// with the keys of maps sorted.
    sent: Vec<u8>,
    /// The numbers in E.164 that are not valid, and what they were found in: some may be stored.
    doubtful: Option<(HashSet<PhoneNumber>, UncheckedPart)>,
}

impl Receiver<'_> {
    /// Counts a message's contacts and has them checked. Returns the count that its footer gives.
    async fn take(&mut self, message_index: u64, message: UpdateMessage) -> Result<Option<i64>> {
        if let Err(error) = self.incoming.count_contacts(message.contacts.count()) {
            return self.refuse(error).await;
        }
        for part in message.contacts.into_parts(PART_CONTACTS) {
            self.check(message_index, part).await?;
        }
        Ok(message.footer.map(|footer| footer.contact_count.into()))
    }

    /// Begins to decode and check some contacts.
    async fn check(&mut self, message_index: u64, contacts: EncodedContacts) -> Result<()> {
        if self.checking.len() == MAX_PARTS {
            self.keep_first().await?;
        }
        let part = UncheckedPart {
            message_index,
            contacts,
            checks: self.incoming.checks().cloned(),
            fingerprints: self.sent.is_some(),
        };
        let checking = self.begin_check(part, []).await?;
        self.checking.push_back(checking);
        Ok(())
    }

    /// Checks a part, in which these numbers are taken though they are not valid.
    async fn begin_check(
        &self,
        part: UncheckedPart,
        stored: impl IntoIterator<Item = PhoneNumber>,
    ) -> Result<CheckingPart> {
        let core = Arc::clone(&self.api.checks).acquire_owned().await;
        let (core, now) = (core.map_err(Error::internal)?, now());
        let region = part.checks.as_ref().and_then(|it| it.default_region);
        let phones = PhoneReader::new(region, stored);
        let task = tokio::task::spawn_blocking(move || {
            let part = part.check(&phones, now);
            drop(core);
            part
        });
        Ok(AbortOnDropHandle::new(task))
    }

    /// Waits for the next message. Contacts that are checked before it arrives are kept, and so count against the limits.
    async fn next(&mut self, messages: &mut Messages) -> Result<Option<(u64, UpdateMessage)>> {
        let deadline = messages.deadline();
        loop {
            tokio::select! {
                message = messages.next(deadline) => return message,
                Some(checked) = self.checking.next() => self.keep(checked).await?,
            }
        }
    }

    /// Keeps the contacts of the first part that is being checked. Returns whether there was one.
    async fn keep_first(&mut self) -> Result<bool> {
        match self.checking.next().await {
            Some(checked) => self.keep(checked).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn keep(
        &mut self,
        part: std::result::Result<Result<CheckedPart>, JoinError>,
    ) -> Result<()> {
        let mut part = part.map_err(Error::internal)??;
        if let Some((doubtful, unchecked)) = part.doubtful.take() {
            let db = self.api.repository.db();
            let stored = contacts::stored_phones(db, self.organization, &doubtful).await?;
            if !stored.is_empty() {
                let checking = self.begin_check(unchecked, stored).await?;
                part = checking.await.map_err(Error::internal)??;
            }
        }
        if let Some(sent) = &mut self.sent {
            sent.update(&part.sent);
        }
        if part.has_properties {
            self.incoming.refuse_unowned_properties()?;
        }
        for (checked, encoded_bytes) in part.contacts {
            self.incoming.keep(checked, encoded_bytes)?;
        }
        Ok(())
    }

    /// Fails with the error of a message, or with one in the contacts before it: the first error of the stream counts.
    async fn refuse<T>(&mut self, error: Error) -> Result<T> {
        while self.keep_first().await? {}
        Err(error)
    }

    async fn finish(mut self, messages: Messages, footer: Option<i64>) -> Result<ReceivedUpdate> {
        while self.keep_first().await? {}
        // Other calls may have their memory while the update waits for its turn.
        drop(messages);
        let fingerprint = self.sent.map(|sent| sent.finalize().into());
        self.incoming.finish(footer, fingerprint)
    }
}

impl UncheckedPart {
    fn check(self, phones: &PhoneReader, now: OffsetDateTime) -> Result<CheckedPart> {
        let mut part = CheckedPart::default();
        let mut doubtful = HashSet::new();
        for encoded in self.contacts.iter() {
            let contact = update_message::decode(encoded).map_err(|_| {
                let message_index = Some(self.message_index);
                Error::MessageMalformed { message_index }
            })?;
            let contact = part.add(contact, encoded, self.fingerprints)?;
            let Some(checks) = &self.checks else { continue };
            let number = contact.phone.as_deref().and_then(PhoneNumber::from_e164);
            let checked = wire::contact::parse(contact, encoded.len(), checks, phones, now);
            if checked.as_ref().is_err_and(|it| it.keys.phone.is_none()) {
                doubtful.extend(number);
            }
            part.contacts.push((checked, encoded.len()));
        }
        part.doubtful = (!doubtful.is_empty()).then_some((doubtful, self));
        Ok(part)
    }
}

impl CheckedPart {
    /// Notes what all parts have, and returns the contact.
    fn add(
        &mut self,
        contact: DecodedContact,
        encoded: &[u8],
        fingerprints: bool,
    ) -> Result<proto::Contact> {
        let contact = match contact {
            DecodedContact::Whole(contact) => {
                if fingerprints {
                    self.sent.extend(contact.encode_length_delimited_to_vec());
                }
                contact
            }
            DecodedContact::KeysOnly(contact) => {
                if fingerprints {
                    encode_length_delimiter(encoded.len(), &mut self.sent)
                        .map_err(Error::internal)?;
                    self.sent.extend_from_slice(encoded);
                }
                contact
            }
        };
        let properties = contact.properties.as_ref();
        self.has_properties |= properties.is_some_and(|it| !it.fields.is_empty());
        Ok(contact)
    }
}

/// The messages of a stream, each of which must come within the idle limit.
struct Messages {
    stream: Streaming<UpdateMessage>,
    idle_limit: Duration,
    max_message_bytes: usize,
    /// The index in the stream of the message that comes next.
    next_index: u64,
}

impl Messages {
    /// Returns the time after which the next message is too late.
    fn deadline(&self) -> Instant {
        Instant::now() + self.idle_limit
    }

    /// The next message that has something in it, and its index. Empty ones are ignored, and take no time off the limit.
    async fn next(&mut self, deadline: Instant) -> Result<Option<(u64, UpdateMessage)>> {
        loop {
            let message = match tokio::time::timeout_at(deadline, self.stream.message()).await {
                Err(_) => {
                    return Err(Error::StreamIdle {
                        limit_seconds: self.idle_limit.as_secs(),
                    });
                }
                Ok(Ok(message)) => message,
                Ok(Err(status)) => return Err(self.error_of(status)),
            };
            let Some(message) = message else {
                return Ok(None);
            };
            let index = self.next_index;
            self.next_index += 1;
            if !message.is_empty() {
                return Ok(Some((index, message)));
            }
        }
    }

    fn error_of(&self, status: Status) -> Error {
        if let Some(error) = layers_error(&status) {
            return error;
        }
        match status.code() {
            // The second is for a message that is too large once it is decompressed.
            Code::OutOfRange | Code::ResourceExhausted => Error::MessageTooLarge {
                limit_bytes: self.max_message_bytes,
            },
            // What cannot be decoded.
            Code::Internal => Error::MessageMalformed {
                message_index: Some(self.next_index),
            },
            _ => Error::StreamBroken(status.message().to_owned()),
        }
    }
}

/// Returns the error with which the server itself has ended the stream, if it has.
fn layers_error(status: &Status) -> Option<Error> {
    match *source_of(status)? {
        Error::StreamIdle { limit_seconds } => Some(Error::StreamIdle { limit_seconds }),
        Error::MemoryFull { limit_bytes } => Some(Error::MemoryFull { limit_bytes }),
        Error::MessageTooLarge { limit_bytes } => Some(Error::MessageTooLarge { limit_bytes }),
        Error::MessageTooManyValues { limit } => Some(Error::MessageTooManyValues { limit }),
        Error::BodyMalformed { ref problem } => Some(Error::BodyMalformed {
            problem: problem.clone(),
        }),
        Error::CompressionUnsupported { ref grpc_encoding } => {
            Some(Error::CompressionUnsupported {
                grpc_encoding: grpc_encoding.clone(),
            })
        }
        _ => None,
    }
}
