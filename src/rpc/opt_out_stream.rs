//! `OptOutContacts`: its stream.

use prost::{DecodeError, Message};
use time::OffsetDateTime;
use tonic::Streaming;

use super::{
    Api,
    contact_stream::{Checked, Stream, WireContact},
    phones::PhoneReader,
    stream_message::StreamMessage,
    wire,
};
use crate::{
    app::{intake::Received, preferences::opt_outs::BulkOptOut, update::checks::Checks},
    domain::{caller::Caller, now, opt_out_outcome::OptOutOutcome},
    error::{Error, Result},
    proto::{OptOutContact, OptOutContactsHeader, opt_out_contact::Reference},
};

/// Receives the stream and applies it.
pub async fn opt_out(
    api: &Api,
    caller: Caller,
    stream: Streaming<StreamMessage>,
) -> Result<OptOutOutcome> {
    let stream: Stream<OptOutContactsHeader> = Stream::begin(api, stream).await?;
    let organization = caller.organization.id;
    let region = caller.organization.default_region;
    let has_request_id = stream.header.request_id.is_some();
    let header = wire::opt_out::header(stream.header.clone(), region, now())?;
    let incoming = BulkOptOut::begin(
        &api.repository,
        caller,
        header,
        api.limits.max_contacts,
        &api.quota,
    )
    .await?;
    let received = stream.receive::<OptOutContact>(api, organization, incoming, has_request_id);
    match received.await? {
        Received::New {
            call,
            received_count,
            fingerprint,
        } => {
            let applied = call.apply(&api.repository, received_count, fingerprint);
            applied.await
        }
        Received::Replayed(outcome) => Ok(outcome),
    }
}

impl WireContact for OptOutContact {
    type Call = BulkOptOut;

    fn decode(encoded: &[u8]) -> Result<Self, DecodeError> {
        Message::decode(encoded)
    }

    fn phone(&self) -> Option<&str> {
        match &self.reference {
            Some(Reference::Phone(phone)) => Some(phone),
            _ => None,
        }
    }

    fn add_to_fingerprint(&self, _: &[u8], sent: &mut Vec<u8>) -> Result<()> {
        self.encode_length_delimited(sent).map_err(Error::internal)
    }

    fn parse(
        self,
        encoded_bytes: usize,
        _: &Checks,
        phones: &PhoneReader,
        now: OffsetDateTime,
    ) -> Result<Checked<Self>> {
        Ok(wire::opt_out::contact(self, encoded_bytes, phones, now))
    }
}
