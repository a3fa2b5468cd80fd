//! `OptOutContacts`: its header, its contacts and its response.

use time::OffsetDateTime;

use super::{
    consent, count, count_of_pairs, reference, timestamp,
    update_header::{optional_id, rejection_policy},
};
use crate::{
    app::{
        preferences::{
            Channels,
            opt_outs::{OptOutContact, OptOutHeader},
        },
        update::rejections::{InvalidContact, RejectedKeys},
    },
    domain::{
        contact::{ContactReference, MAX_ENCODED_BYTES},
        opt_out_outcome::OptOutOutcome,
        phone_number::DefaultRegion,
        preference::MAX_CHANGE_ITEMS,
        text::Text,
        violation::Reason,
    },
    error::Result,
    proto::{self, OptOutContactsHeader, OptOutContactsResponse, opt_out_contact::Reference},
    repository::recorded_opt_outs::RecordedOptOut,
    rpc::{
        fields::{Fields, id},
        phones::PhoneReader,
    },
};

/// Parses a header that arrived at `now`. National phone numbers in it are those of `region`.
pub fn header(
    wire: OptOutContactsHeader,
    region: Option<DefaultRegion>,
    now: OffsetDateTime,
) -> Result<OptOutHeader> {
    let mut fields = Fields::default();
    let channels = channels(&mut fields, wire.channels, wire.all_channels, region);
    let rejection_policy = rejection_policy(&mut fields, wire.rejection_policy);
    let request_id = optional_id(&mut fields, "header.request_id", wire.request_id);
    let consent = consent::parse(&mut fields, "header.consent", wire.consent, now);
    let header = channels
        .zip(rejection_policy)
        .map(|(channels, rejection_policy)| OptOutHeader {
            channels,
            rejection_policy,
            request_id,
            validate_only: wire.validate_only,
            consent,
        });
    fields.finish(header)
}

fn channels(
    fields: &mut Fields,
    references: Vec<proto::ChannelReference>,
    all_channels: bool,
    region: Option<DefaultRegion>,
) -> Option<Channels> {
    let path = "header.channels";
    match (references.is_empty(), all_channels) {
        (true, true) => Some(Channels::All),
        (true, false) => fields.required(path, None),
        (false, true) => {
            let message = "must be empty where all_channels is true";
            fields.refuse(path, Reason::FieldInvalid, message);
            None
        }
        (false, false) => fields
            .items(path, references, MAX_CHANGE_ITEMS, |fields, path, wire| {
                reference::channel(fields, path, wire, region)
            })
            .map(Channels::Listed),
    }
}

/// Parses a contact and checks it. An error has everything that is wrong with it.
pub fn contact(
    wire: proto::OptOutContact,
    encoded_bytes: usize,
    phones: &PhoneReader,
    now: OffsetDateTime,
) -> Result<OptOutContact, InvalidContact> {
    let mut fields = Fields::default();
    if encoded_bytes > MAX_ENCODED_BYTES {
        let message = format!("must have at most {MAX_ENCODED_BYTES} bytes encoded");
        fields.refuse("", Reason::ContactTooLarge, message);
    }
    let reference = match fields.required("reference", wire.reference) {
        Some(Reference::Id(text)) => fields.read("id", id(&text)).map(ContactReference::Id),
        Some(Reference::Phone(text)) => {
            let phone = reference::phone(&mut fields, "phone", Some(text), phones);
            phone.map(ContactReference::Phone)
        }
        Some(Reference::ExternalId(text)) => {
            let parsed = fields.read("external_id", Text::parse(text));
            let given = parsed.and_then(|text| fields.required("external_id", text));
            given.map(ContactReference::ExternalId)
        }
        None => None,
    };
    let consent = consent::parse(&mut fields, "consent", wire.consent, now).map(Box::new);
    let violations = fields.into_violations();
    match reference {
        Some(reference) if violations.is_empty() => Ok(OptOutContact { reference, consent }),
        reference => Err(InvalidContact {
            violations,
            keys: RejectedKeys {
                phone: match reference {
                    Some(ContactReference::Phone(phone)) => Some(phone),
                    _ => None,
                },
                external_id: None,
            },
        }),
    }
}

impl From<RecordedOptOut> for proto::RecordedOptOut {
    fn from(recorded: RecordedOptOut) -> Self {
        Self {
            request_id: recorded.request_id.to_string(),
            api_key_id: recorded.api_key_id.to_string(),
            create_time: Some(timestamp(recorded.create_time)),
            outcome: Some(recorded.outcome.into()),
        }
    }
}

impl From<OptOutOutcome> for OptOutContactsResponse {
    fn from(outcome: OptOutOutcome) -> Self {
        let counts = outcome.counts;
        let rejected = outcome.rejected_contacts.into_iter();
        Self {
            received_count: count(counts.received),
            opted_out_count: count(counts.opted_out),
            unchanged_count: count(counts.unchanged),
            duplicate_count: count(counts.duplicate),
            rejected_count: count(counts.rejected),
            unassigned_number_count: count(counts.unassigned_numbers),
            opted_out_pair_count: count_of_pairs(counts.opted_out_pairs),
            unchanged_pair_count: count_of_pairs(counts.unchanged_pairs),
            rejected_contacts: rejected.map(Into::into).collect(),
            replayed: outcome.replayed,
        }
    }
}
