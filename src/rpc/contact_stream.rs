//! Streams that bring contacts: their framing, which is the same for all calls.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use prost::{DecodeError, Message, Name};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::{task::JoinError, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status, Streaming};

use super::{
    Api,
    phones::PhoneReader,
    stream_message::{EncodedContacts, StreamMessage},
};
use crate::{
    app::{
        intake::{Incoming, Received, StreamedCall},
        update::{checks::Checks, rejections::InvalidContact},
    },
    domain::{OrganizationId, now, phone_number::PhoneNumber},
    error::{Error, Result, source_of},
    long_work::Pieces,
    repository::contacts,
    telemetry::{self, Phase},
};

/// How many contacts of a message are checked as one part.
const PART_CONTACTS: usize = 500;

/// How many parts of a call are checked at once.
const MAX_PARTS: usize = 2;

/// A contact as one call has it on the wire.
pub trait WireContact: Sized + 'static {
    /// The call.
    type Call: StreamedCall<Contact: Send + 'static>;

    /// Decodes a contact.
    fn decode(encoded: &[u8]) -> Result<Self, DecodeError>;

    /// The phone, as it was given.
    fn phone(&self) -> Option<&str>;

    /// Adds the contact's part of the fingerprint: with its length, so that no two splits look the same, and with the keys of
    /// maps sorted.
    fn add_to_fingerprint(&self, encoded: &[u8], sent: &mut Vec<u8>) -> Result<()>;

    /// Checks the contact. An error of its own is one of the call.
    fn parse(
        self,
        encoded_bytes: usize,
        checks: &Checks,
        phones: &PhoneReader,
        now: OffsetDateTime,
    ) -> Result<Checked<Self>>;
}

/// A contact that is valid by itself, or what is wrong with it.
pub type Checked<W> =
    std::result::Result<<<W as WireContact>::Call as StreamedCall>::Contact, InvalidContact>;

/// A stream of which the first message has arrived, and with it the header.
pub struct Stream<H> {
    messages: Messages,
    first_index: u64,
    first: StreamMessage,
    /// The header.
    pub header: H,
}

impl<H: Message + Name + Default> Stream<H> {
    /// Waits for the first message.
    pub async fn begin(api: &Api, stream: Streaming<StreamMessage>) -> Result<Self> {
        let mut messages = Messages {
            stream,
            idle_limit: api.limits.stream_idle,
            max_message_bytes: api.limits.max_message_bytes,
            next_index: 0,
        };
        telemetry::begin_phase(Phase::Receive);
        let deadline = messages.deadline();
        let (first_index, first) = messages.next(deadline).await?.ok_or(Error::HeaderMissing)?;
        let header = first.header()?.ok_or(Error::HeaderMissing)?;
        Ok(Self {
            messages,
            first_index,
            first,
            header,
        })
    }

    /// Receives the contacts of `incoming`, to the end of the stream. What was sent is only compared where a `request_id` can
    /// bring it back.
    pub async fn receive<W: WireContact>(
        self,
        api: &Api,
        organization: OrganizationId,
        incoming: Incoming<W::Call>,
        has_request_id: bool,
    ) -> Result<Received<W::Call>> {
        let sent = has_request_id.then(|| {
            let mut sent = Sha256::new();
            sent.update(self.header.encode_length_delimited_to_vec());
            sent
        });
        let receiver = Receiver::<W> {
            incoming,
            sent,
            api,
            organization,
            checking: FuturesOrdered::new(),
        };
        receiver
            .receive(self.messages, (self.first_index, self.first))
            .await
    }
}

/// Receives messages. Their contacts are checked in parts, in parallel with each other and with the arrival of the next
/// message, and kept in order.
struct Receiver<'a, W: WireContact> {
    incoming: Incoming<W::Call>,
    /// The digest of what was sent, if the call has a `request_id`.
    sent: Option<Sha256>,
    api: &'a Api,
    organization: OrganizationId,
    /// One task for each part.
    checking: FuturesOrdered<CheckingPart<W>>,
}

type CheckingPart<W> = AbortOnDropHandle<Result<CheckedPart<W>>>;

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
struct CheckedPart<W: WireContact> {
    /// Each with its encoded size; none where the stream is only compared.
    contacts: Vec<(Checked<W>, usize)>,
    /// The contacts' part of the fingerprint, if there is one.
    sent: Vec<u8>,
    /// The numbers in E.164 that are not valid, and what they were found in: some may be stored.
    doubtful: Option<(HashSet<PhoneNumber>, UncheckedPart)>,
}

impl<W: WireContact> Receiver<'_, W> {
    async fn receive(
        mut self,
        mut messages: Messages,
        (first_index, first): (u64, StreamMessage),
    ) -> Result<Received<W::Call>> {
        let mut footer = self.take(first_index, first).await?;
        let mut pieces = Pieces::start();
        while let Some((message_index, message)) = self.next(&mut messages).await? {
            pieces.step().await;
            if footer.is_some() {
                return self
                    .refuse(Error::MessageAfterFooter { message_index })
                    .await;
            }
            if message.has_header() {
                return self.refuse(Error::HeaderRepeated { message_index }).await;
            }
            footer = self.take(message_index, message).await?;
        }
        while self.keep_first().await? {}
        // Other calls may have their memory while this one waits for its turn.
        drop(messages);
        let fingerprint = self.sent.map(|sent| sent.finalize().into());
        self.incoming.finish(footer, fingerprint)
    }

    /// Counts a message's contacts and has them checked. Returns the count that its footer gives.
    async fn take(&mut self, message_index: u64, message: StreamMessage) -> Result<Option<i64>> {
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
    ) -> Result<CheckingPart<W>> {
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
    async fn next(&mut self, messages: &mut Messages) -> Result<Option<(u64, StreamMessage)>> {
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
        part: std::result::Result<Result<CheckedPart<W>>, JoinError>,
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
}

impl UncheckedPart {
    fn check<W: WireContact>(
        self,
        phones: &PhoneReader,
        now: OffsetDateTime,
    ) -> Result<CheckedPart<W>> {
        let (mut contacts, mut sent) = (Vec::new(), Vec::new());
        let mut doubtful = HashSet::new();
        for encoded in self.contacts.iter() {
            let contact = W::decode(encoded).map_err(|_| {
                let message_index = Some(self.message_index);
                Error::MessageMalformed { message_index }
            })?;
            if self.fingerprints {
                contact.add_to_fingerprint(encoded, &mut sent)?;
            }
            let Some(checks) = &self.checks else { continue };
            let number = contact.phone().and_then(PhoneNumber::from_e164);
            let checked = contact.parse(encoded.len(), checks, phones, now)?;
            if checked.as_ref().is_err_and(|it| it.keys.phone.is_none()) {
                doubtful.extend(number);
            }
            contacts.push((checked, encoded.len()));
        }
        Ok(CheckedPart {
            contacts,
            sent,
            doubtful: (!doubtful.is_empty()).then_some((doubtful, self)),
        })
    }
}

/// The messages of a stream, each of which must come within the idle limit.
struct Messages {
    stream: Streaming<StreamMessage>,
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
    async fn next(&mut self, deadline: Instant) -> Result<Option<(u64, StreamMessage)>> {
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
