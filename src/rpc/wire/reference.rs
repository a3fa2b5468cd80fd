//! How requests name contacts, channels and phone numbers.

use crate::{
    domain::{
        channel::ChannelReference,
        contact::ContactReference,
        custom_object::{Key, ObjectReference},
        phone_number::{DefaultRegion, PhoneNumber},
        violation::Reason,
    },
    error::Result,
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

/// Parses the custom object that one of two fields of the message at `path` names, if one does.
pub fn custom_object(
    fields: &mut Fields,
    path: &str,
    custom_object_id: Option<&str>,
    custom_object_key: Option<&str>,
) -> Option<ObjectReference> {
    let (id_path, key_path) = (
        below(path, "custom_object_id"),
        below(path, "custom_object_key"),
    );
    match (custom_object_id, custom_object_key) {
        (None, None) => None,
        (Some(text), None) => fields.read(id_path, id(text)).map(ObjectReference::Id),
        (None, Some(text)) => fields
            .read(key_path, Key::parse(text))
            .map(ObjectReference::Key),
        (Some(_), Some(_)) => {
            let message = "cannot be given together with custom_object_id";
            fields.refuse(key_path, Reason::FieldInvalid, message);
            None
        }
    }
}

/// The custom object that one of two fields of a request names, if one does.
pub fn named_object(
    custom_object_id: Option<&str>,
    custom_object_key: Option<&str>,
) -> Result<Option<ObjectReference>> {
    let mut fields = Fields::default();
    let object = custom_object(&mut fields, "", custom_object_id, custom_object_key);
    fields.finish(Some(object))
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
