//! `UpdateContactListContacts`: its stream.

use prost::{DecodeError, Message, encode_length_delimiter};
use time::OffsetDateTime;
use tonic::Streaming;

use super::{
    Api,
    contact_stream::{Checked, Stream, WireContact},
    phones::PhoneReader,
    stream_message::{self, DecodedContact, StreamMessage},
    wire,
};
use crate::{
    app::{
        intake::Received,
        update::{checks::Checks, receive::IncomingUpdate},
    },
    domain::{caller::Caller, now, update_outcome::UpdateOutcome},
    error::{Error, Result},
    proto::UpdateContactListContactsHeader,
};

/// Receives the stream and applies it. It needs a footer if `needs_footer` is true or it overwrites.
pub async fn update(
    api: &Api,
    caller: Caller,
    stream: Streaming<StreamMessage>,
    needs_footer: bool,
) -> Result<UpdateOutcome> {
    let stream: Stream<UpdateContactListContactsHeader> = Stream::begin(api, stream).await?;
    let organization = caller.organization.id;
    let region = caller.organization.default_region;
    let has_request_id = stream.header.request_id.is_some();
    let header = wire::update_header::parse(stream.header.clone(), region, now())?;
    let incoming = IncomingUpdate::begin(
        &api.repository,
        caller,
        (header, needs_footer),
        api.limits.max_contacts,
        &api.quota,
    )
    .await?;
    let received = stream.receive::<DecodedContact>(api, organization, incoming, has_request_id);
    match received.await? {
        Received::New {
            call,
            received_count,
            fingerprint,
        } => {
            let update = call.finish(received_count, fingerprint)?;
            update.apply(&api.repository).await
        }
        Received::Replayed(outcome) => Ok(outcome),
    }
}

impl WireContact for DecodedContact {
    type Call = IncomingUpdate;

    fn decode(encoded: &[u8]) -> Result<Self, DecodeError> {
        stream_message::decode(encoded)
    }

    fn phone(&self) -> Option<&str> {
        match self {
            Self::Whole(contact) | Self::KeysOnly(contact) => contact.phone.as_deref(),
        }
    }

    fn add_to_fingerprint(&self, encoded: &[u8], sent: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Whole(contact) => contact.encode_length_delimited(sent),
            Self::KeysOnly(_) => encode_length_delimiter(encoded.len(), sent)
                .map(|()| sent.extend_from_slice(encoded)),
        }
        .map_err(Error::internal)
    }

    fn parse(
        self,
        encoded_bytes: usize,
        checks: &Checks,
        phones: &PhoneReader,
        now: OffsetDateTime,
    ) -> Result<Checked<Self>> {
        let (Self::Whole(contact) | Self::KeysOnly(contact)) = self;
        let properties = contact.properties.as_ref();
        if properties.is_some_and(|it| !it.fields.is_empty()) {
            checks.refuse_unowned_properties()?;
        }
        Ok(wire::contact::parse(
            contact,
            encoded_bytes,
            checks,
            phones,
            now,
        ))
    }
}
