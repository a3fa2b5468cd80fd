use prost::{Message, Name};

use super::contact::contact;
use crate::{
    domain::{
        contact::ContactReference, custom_object::ObjectReference, now, phone_number::DefaultRegion,
    },
    proto::{
        Contact, OptOutContactsRequest, UpdateContactListContactsFooter,
        UpdateContactListContactsHeader, UpdateContactListContactsRequest as Request,
        opt_out_contact::Reference,
    },
    rpc::{
        codec::value_count,
        phones::PhoneReader,
        stream_message::{DecodedContact, EncodedContacts, StreamMessage, decode},
        wire::{opt_out, update_header},
    },
};

/// The maximum number of bytes that are tried: few enough to stay below the limit of values, and for contacts to be decoded
/// completely.
const MAX_BYTES: usize = 20_000;

/// `data` is a message of the main call's stream. What is taken apart here is what prost decodes at once; it is written back
/// as it was read; and its parts have every contact once and in order.
pub fn update_message(data: &[u8]) {
    let decoded = Request::decode(data);
    let Ok(message) = StreamMessage::decode(data) else {
        assert!(decoded.is_err());
        return;
    };
    if data.len() > MAX_BYTES {
        return;
    }
    let encoded = message.encode_to_vec();
    assert_eq!(encoded.len(), message.encoded_len());
    let again = StreamMessage::decode(encoded.as_slice()).expect("what was written");
    assert_eq!(encoded, again.encode_to_vec());
    assert_eq!(message.contacts.count(), message.contacts.iter().count());

    let header = message.header().ok();
    let contacts: Option<Vec<_>> = message.contacts.iter().map(whole).collect();
    if let Ok(decoded) = decoded {
        assert!(value_count(&Request::full_name(), data) >= decoded.contacts.len());
        let parts = Request {
            header: header.clone().expect("a header that is not malformed"),
            contacts: contacts.clone().expect("contacts that are not malformed"),
            footer: message
                .footer
                .map(|footer| UpdateContactListContactsFooter {
                    contact_count: footer.contact_count,
                }),
        };
        // Compared by their encoding, since NaN differs from itself.
        assert_eq!(parts.encode_to_vec(), decoded.encode_to_vec());
    }
    if let Some(header) = header.flatten() {
        update_header(header);
    }
    for wire in contacts.unwrap_or_default() {
        contact(wire);
    }
    has_every_contact_in_parts(data);
    opt_outs(data);
}

/// The same bytes as a message of `OptOutContacts`: a contact that is accepted names who it was given as.
fn opt_outs(data: &[u8]) {
    let Ok(message) = OptOutContactsRequest::decode(data) else {
        return;
    };
    let region = DefaultRegion::parse("DE");
    let header = message.header.unwrap_or_default();
    let accepted = opt_out::header(header.clone(), region, now());
    assert!(accepted.is_err() || header.all_channels == header.channels.is_empty());
    let phones = PhoneReader::new(region, []);
    for wire in message.contacts {
        let given = wire.reference.clone();
        let Ok(contact) = opt_out::contact(wire, data.len(), &phones, now()) else {
            continue;
        };
        match (contact.reference, given) {
            (ContactReference::Phone(_), Some(Reference::Phone(_))) => {}
            (ContactReference::Id(id), Some(Reference::Id(text))) => {
                assert_eq!(id.to_string(), text.to_ascii_lowercase());
            }
            (ContactReference::ExternalId(id), Some(Reference::ExternalId(text))) => {
                assert_eq!(id.as_str(), text);
            }
            (accepted, given) => panic!("{given:?} is read as {accepted:?}"),
        }
    }
}

fn whole(encoded: &[u8]) -> Option<Contact> {
    match decode(encoded).ok()? {
        DecodedContact::Whole(contact) => Some(contact),
        DecodedContact::KeysOnly(_) => panic!("a contact of few bytes is decoded whole"),
    }
}

fn has_every_contact_in_parts(data: &[u8]) {
    for part_count in [1, 2, 500] {
        let message = StreamMessage::decode(data).expect("it was decoded before");
        let contacts: Vec<Vec<u8>> = message.contacts.iter().map(<[u8]>::to_vec).collect();
        let parts: Vec<_> = message.contacts.into_parts(part_count).collect();
        assert!(parts.iter().all(|part| part.count() <= part_count));
        let in_parts: Vec<&[u8]> = parts.iter().flat_map(EncodedContacts::iter).collect();
        assert_eq!(in_parts, contacts);
    }
}

/// An accepted header names what it was given.
fn update_header(wire: UpdateContactListContactsHeader) {
    let region = DefaultRegion::parse("DE");
    let Ok(header) = update_header::parse(wire.clone(), region, now()) else {
        return;
    };
    let list = header.contact_list_id.to_string();
    assert_eq!(list, wire.contact_list_id.to_ascii_lowercase());
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string());
    let given = |text: Option<String>| text.map(|text| text.to_ascii_lowercase());
    assert_eq!(id(header.request_id), given(wire.request_id));
    let named = header.custom_object.map(|object| match object {
        ObjectReference::Id(id) => id.to_string(),
        ObjectReference::Key(key) => key.as_str().to_owned(),
    });
    let named_by = wire.custom_object_key.or(given(wire.custom_object_id));
    assert_eq!(named, named_by);
}
