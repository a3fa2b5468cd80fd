//! How requests name contacts, channels and phone numbers.

use crate::{
    domain::{
        channel::ChannelReference,
        contact::ContactReference,
        phone_number::{DefaultRegion, PhoneNumber},
    },
    proto,
    rpc::{
        fields::{Fields, id},
        phones::PhoneReader,
    },
};

/// Parses the phone number in the field `path`, which is required.
pub fn phone(
    fields: &mut Fields,
    path: &str,
    phone: Option<String>,
    phones: &PhoneReader,
) -> Option<PhoneNumber> {
    let phone = fields.required(path, phone.filter(|phone| !phone.is_empty()))?;
    fields.read(path, phones.read(&phone))
}

/// Parses the channel that the field `path` names. A phone in E.164 need not be valid: a channel has it, or none does.
pub fn channel(
    fields: &mut Fields,
    path: &str,
    wire: proto::ChannelReference,
    region: Option<DefaultRegion>,
) -> Option<ChannelReference> {
    use proto::channel_reference::Reference;
    match fields.required(path, wire.reference)? {
        Reference::Id(text) => fields
            .read(below(path, "id"), id(&text))
            .map(ChannelReference::Id),
        Reference::Phone(text) => {
            let phones = PhoneReader::new(region, PhoneNumber::from_e164(&text));
            phone(fields, &below(path, "phone"), Some(text), &phones).map(ChannelReference::Phone)
        }
    }
}

/// Parses the contact that the field `path` names.
pub fn contact(
    fields: &mut Fields,
    path: &str,
    wire: proto::ContactReference,
    phones: &PhoneReader,
) -> Option<ContactReference> {
    use proto::contact_reference::Reference;
    match fields.required(path, wire.reference)? {
        Reference::Id(text) => fields
            .read(below(path, "id"), id(&text))
            .map(ContactReference::Id),
        Reference::Phone(text) => {
            phone(fields, &below(path, "phone"), Some(text), phones).map(ContactReference::Phone)
        }
    }
}

/// The path of a field in the message at `path`, which is empty where the message stands for itself.
fn below(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        path => format!("{path}.{field}"),
    }
}

/// The phone by which a reference names a contact, if it does so.
pub fn phone_of(wire: &proto::ContactReference) -> Option<&str> {
    match &wire.reference {
        Some(proto::contact_reference::Reference::Phone(phone)) => Some(phone),
        _ => None,
    }
}
