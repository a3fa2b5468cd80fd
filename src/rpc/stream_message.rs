//! The messages of streams that bring contacts, as they arrive: taken apart, but not yet decoded.
//!
//! A contact takes many times as much memory once it is decoded. So a message keeps its contacts as they arrived, and they
//! are decoded a few at a time, where they are checked.

use prost::{
    DecodeError, Message, Name,
    bytes::{Buf, BufMut},
    encoding::{self, DecodeContext, WireType, decode_varint},
};

use super::codec::check_value_count;
use crate::{
    domain::contact::MAX_ENCODED_BYTES,
    error::{Error, Result},
    proto::Contact,
};

/// The field numbers of every call's messages.
const HEADER: u32 = 1;
const CONTACTS: u32 = 2;
const FOOTER: u32 = 3;

/// A message of a stream: an `UpdateContactListContactsRequest` or `OptOutContactsRequest` whose header and contacts are still
/// encoded.
#[derive(Debug, Default)]
pub struct StreamMessage {
    header: Option<Vec<u8>>,
    /// The contacts.
    pub contacts: EncodedContacts,
    /// The footer.
    pub footer: Option<Footer>,
}

/// The end of a stream.
#[derive(Clone, PartialEq, Message)]
pub struct Footer {
    /// How many contacts the caller sent.
    #[prost(int32, tag = "1")]
    pub contact_count: i32,
}

impl StreamMessage {
    /// Whether it has a header.
    pub fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Decodes the header. Fails if it is malformed, or has more values than any valid one.
    pub fn header<H: Message + Name + Default>(&self) -> Result<Option<H>> {
        let Some(encoded) = &self.header else {
            return Ok(None);
        };
        check_value_count(&H::full_name(), encoded)?;
        let header = H::decode(encoded.as_slice());
        header.map(Some).map_err(|_| Error::MessageMalformed {
            message_index: Some(0),
        })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.header.is_none() && self.contacts.is_empty() && self.footer.is_none()
    }
}

impl Message for StreamMessage {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        if let Some(header) = &self.header {
            encoding::bytes::encode(HEADER, header, buffer);
        }
        for contact in self.contacts.iter() {
            encoding::bytes::encode(CONTACTS, &contact.to_vec(), buffer);
        }
        if let Some(footer) = &self.footer {
            encoding::message::encode(FOOTER, footer, buffer);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            HEADER => {
                let mut part = Vec::new();
                encoding::bytes::merge(wire_type, &mut part, buffer, context)?;
                // The encoding of a message that comes in parts is that of its parts one after another.
                self.header.get_or_insert_default().extend(part);
                Ok(())
            }
            CONTACTS => {
                let mut contact = prost::bytes::Bytes::new();
                encoding::bytes::merge(wire_type, &mut contact, buffer, context)?;
                self.contacts.push(&contact);
                Ok(())
            }
            FOOTER => {
                let footer = self.footer.get_or_insert_default();
                encoding::message::merge(wire_type, footer, buffer, context)
            }
            _ => encoding::skip_field(wire_type, tag, buffer, context),
        }
    }

    fn encoded_len(&self) -> usize {
        let header = self.header.as_ref();
        header.map_or(0, |header| encoding::bytes::encoded_len(HEADER, header))
            + self.contacts.count * encoding::key_len(CONTACTS)
            + self.contacts.delimited.len()
            + self
                .footer
                .as_ref()
                .map_or(0, |footer| encoding::message::encoded_len(FOOTER, footer))
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Not a message of the contract: its parts are counted where they are decoded.
impl Name for StreamMessage {
    const NAME: &'static str = "StreamMessage";
    const PACKAGE: &'static str = "";
}

/// Contacts as they are on the wire, each preceded by its length.
#[derive(Debug, Default)]
pub struct EncodedContacts {
    count: usize,
    delimited: Vec<u8>,
}

impl EncodedContacts {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The contacts in parts of at most `part_count`.
    pub fn into_parts(self, part_count: usize) -> impl Iterator<Item = Self> {
        let (mut left, mut start) = (self.count, 0);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let count = left.min(part_count);
            let rest = &self.delimited[start..];
            let mut contacts = Encoded(rest);
            contacts.by_ref().take(count).for_each(drop);
            let length = rest.len() - contacts.0.len();
            (left, start) = (left - count, start + length);
            Some(Self {
                count,
                delimited: rest[..length].to_vec(),
            })
        })
    }

    /// The contacts, each as it is on the wire.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        Encoded(&self.delimited)
    }

    fn push(&mut self, contact: &[u8]) {
        self.count += 1;
        encoding::encode_varint(contact.len() as u64, &mut self.delimited);
        self.delimited.extend_from_slice(contact);
    }
}

/// Iterates over contacts that are each preceded by their length.
struct Encoded<'a>(&'a [u8]);

impl<'a> Iterator for Encoded<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(decode_varint(&mut self.0).ok()?).ok()?;
        let (contact, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(contact)
    }
}

/// A contact of an update.
pub enum DecodedContact {
    /// It was decoded completely.
    Whole(Contact),
    /// It is over the limit of bytes, and has so many values that only its phone and external_id were decoded.
    KeysOnly(Contact),
}

/// Decodes a contact of an update.
pub fn decode(encoded: &[u8]) -> Result<DecodedContact, DecodeError> {
    let is_huge = encoded.len() > MAX_ENCODED_BYTES
        && check_value_count(&Contact::full_name(), encoded).is_err();
    if is_huge {
        ContactKeys::decode(encoded).map(|keys| {
            DecodedContact::KeysOnly(Contact {
                phone: keys.phone,
                external_id: keys.external_id,
                ..Contact::default()
            })
        })
    } else {
        Contact::decode(encoded).map(DecodedContact::Whole)
    }
}

/// The fields by which a contact is found.
#[derive(Clone, PartialEq, Message)]
struct ContactKeys {
    #[prost(string, optional, tag = "4")]
    phone: Option<String>,
    #[prost(string, optional, tag = "5")]
    external_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use prost_types::{ListValue, Struct, Value, value::Kind};

    use super::*;
    use crate::proto::{
        UpdateContactListContactsFooter, UpdateContactListContactsHeader,
        UpdateContactListContactsRequest,
    };

    fn contact(phone: &str) -> Contact {
        Contact {
            phone: Some(phone.to_owned()),
            ..Contact::default()
        }
    }

    fn request() -> UpdateContactListContactsRequest {
        UpdateContactListContactsRequest {
            header: Some(UpdateContactListContactsHeader {
                contact_list_id: "a list".to_owned(),
                ..Default::default()
            }),
            contacts: vec![contact("+1"), contact(""), contact("+3")],
            footer: Some(UpdateContactListContactsFooter { contact_count: 3 }),
        }
    }

    fn whole(encoded: &[u8]) -> Contact {
        match decode(encoded).unwrap() {
            DecodedContact::Whole(contact) | DecodedContact::KeysOnly(contact) => contact,
        }
    }

    #[test]
    fn a_message_is_read_and_written_as_the_contract_has_it() {
        let encoded = request().encode_to_vec();
        let message = StreamMessage::decode(encoded.as_slice()).unwrap();
        assert_eq!(message.header().unwrap(), request().header);
        let sent = request().footer.map(|footer| footer.contact_count);
        assert_eq!(message.footer.as_ref().map(|it| it.contact_count), sent);
        let contacts: Vec<Contact> = message.contacts.iter().map(whole).collect();
        assert_eq!(contacts, request().contacts);
        assert_eq!(message.encode_to_vec(), encoded);
        assert_eq!(message.encoded_len(), encoded.len());
    }

    #[test]
    fn parts_have_every_contact_once_and_in_order() {
        let encoded = request().encode_to_vec();
        for part_count in 1..=4 {
            let message = StreamMessage::decode(encoded.as_slice()).unwrap();
            let parts: Vec<_> = message.contacts.into_parts(part_count).collect();
            assert_eq!(parts.len(), 3_usize.div_ceil(part_count));
            assert_eq!(parts.iter().map(EncodedContacts::count).sum::<usize>(), 3);
            let contacts: Vec<Contact> = parts.iter().flat_map(|it| it.iter().map(whole)).collect();
            assert_eq!(contacts, request().contacts);
        }
    }

    #[test]
    fn of_a_contact_with_too_many_values_only_the_keys_are_decoded() {
        let values = vec![Value::default(); MAX_ENCODED_BYTES];
        let list = Value {
            kind: Some(Kind::ListValue(ListValue { values })),
        };
        let huge = Contact {
            properties: Some(Struct {
                fields: [("list".to_owned(), list)].into(),
            }),
            ..contact("+1")
        };
        let decoded = decode(&huge.encode_to_vec()).unwrap();
        assert!(matches!(decoded, DecodedContact::KeysOnly(keys) if keys == contact("+1")));
    }
}
