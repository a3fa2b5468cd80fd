//! How requests name contacts, channels and phone numbers.

use crate::{
    domain::{
        channel::ChannelReference,
        contact::ContactReference,
        phone_number::{DefaultRegion, PhoneNumber},
    },
    proto,
    rpc::fields::{Fields, id},
};

/// Parses the phone number in the field `path`, which is required.
pub fn phone(
    fields: &mut Fields,
    path: &str,
    phone: Option<String>,
    region: Option<DefaultRegion>,
) -> Option<PhoneNumber> {
    let phone = fields.required(path, phone.filter(|phone| !phone.is_empty()))?;
    fields.read(path, PhoneNumber::parse(&phone, region))
}

/// Parses the channel that the field `path` names.
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
            phone(fields, &below(path, "phone"), Some(text), region).map(ChannelReference::Phone)
        }
    }
}

/// Parses the contact that the field `path` names.
pub fn contact(
    fields: &mut Fields,
    path: &str,
    wire: proto::ContactReference,
    region: Option<DefaultRegion>,
) -> Option<ContactReference> {
    use proto::contact_reference::Reference;
    match fields.required(path, wire.reference)? {
        Reference::Id(text) => fields
            .read(below(path, "id"), id(&text))
            .map(ContactReference::Id),
        Reference::Phone(text) => {
            phone(fields, &below(path, "phone"), Some(text), region).map(ContactReference::Phone)
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
