//! Contacts.

use prost_types::Struct;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{consent, property, reference, timestamp};
use crate::{
    app::update::{
        checks::Checks,
        rejections::{InvalidContact, RejectedKeys},
    },
    domain::{
        birth_date::BirthDate,
        contact::{
            Address, Change, ContactChanges, FieldChanges, MAX_ENCODED_BYTES, StoredContact,
        },
        custom_object::property_path,
        email::Email,
        language::Language,
        property_value::{Properties, PropertyChanges},
        text::{self, Text},
        violation::{Invalid, Reason},
    },
    generated::google::r#type::Date,
    proto,
    rpc::{
        fields::{Fields, id},
        phones::PhoneReader,
    },
};

/// Parses a contact and checks it. An error has everything that is wrong with the contact, not just the first problem.
pub fn parse(
    wire: proto::Contact,
    encoded_bytes: usize,
    checks: &Checks,
    phones: &PhoneReader,
    now: OffsetDateTime,
) -> Result<ContactChanges, InvalidContact> {
    let mut fields = Fields::default();
    if encoded_bytes > MAX_ENCODED_BYTES {
        let message = format!("must have at most {MAX_ENCODED_BYTES} bytes encoded");
        fields.refuse("", Reason::ContactTooLarge, message);
    }
    let phone = reference::phone(&mut fields, "phone", wire.phone, phones);
    let changes = FieldChanges {
        external_id: change(&mut fields, "external_id", wire.external_id, Text::parse),
        email: change(&mut fields, "email", wire.email, Email::parse),
        name: change(&mut fields, "name", wire.name, Text::parse),
        language: change(&mut fields, "language", wire.language, Language::parse),
        default_channel_id: change(
            &mut fields,
            "default_channel_id",
            wire.default_channel_id,
            |text| known_channel(&text, checks),
        ),
        address: wire.address.map(|wire| address(&mut fields, wire)),
        birth_date: change(&mut fields, "birth_date", wire.birth_date, |date| {
            BirthDate::parse(date.year, date.month, date.day, now)
        }),
    };
    let mut properties = properties(&mut fields, wire.properties.unwrap_or_default());
    let consent = consent::parse(&mut fields, "consent", wire.consent, now);
    let mut violations = fields.into_violations();
    if let Some(object) = &checks.custom_object {
        object.check(&mut properties, &mut violations);
    }
    match phone {
        Some(phone) if violations.is_empty() => Ok(ContactChanges {
            phone,
            fields: changes,
            properties,
            consent: consent.map(Box::new),
        }),
        phone => Err(InvalidContact {
            violations,
            keys: RejectedKeys {
                phone,
                external_id: changes.external_id.flatten(),
            },
        }),
    }
}

fn change<W, T>(
    fields: &mut Fields,
    path: &str,
    wire: Option<W>,
    parse: impl FnOnce(W) -> Result<Option<T>, Invalid>,
) -> Change<T> {
    wire.and_then(|wire| fields.read(path, parse(wire)))
}

fn known_channel(text: &str, checks: &Checks) -> Result<Option<Uuid>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    let channel = id(text)?;
    if !checks.channels.contains(&channel) {
        return Err(Invalid::new(
            Reason::ChannelUnknown,
            "is not a channel of the organization",
        ));
    }
    Ok(Some(channel))
}

/// Parses an address; `None` if all of its parts are empty.
fn address(fields: &mut Fields, wire: proto::Address) -> Option<Box<Address>> {
    let mut part = |name: &str, text: String| {
        fields.read(format!("address.{name}"), text::check(&text));
        text
    };
    let address = Address {
        address_line_one: part("address_line_one", wire.address_line_one),
        address_line_two: part("address_line_two", wire.address_line_two),
        city: part("city", wire.city),
        state: part("state", wire.state),
        post_code: part("post_code", wire.post_code),
        country: part("country", wire.country),
    };
    (address != Address::default()).then(|| Box::new(address))
}

fn properties(fields: &mut Fields, wire: Struct) -> PropertyChanges {
    wire.fields
        .into_iter()
        .filter_map(|(key, value)| {
            let value = property::parse(value).map_err(|invalid| {
                fields.refuse(property_path(&key), invalid.reason, invalid.message);
            });
            Some((key, value.ok()?))
        })
        .collect()
}

/// A contact on the wire. `record` has the values of one custom object.
pub fn to_wire(stored: StoredContact, record: Option<Properties>) -> proto::Contact {
    let contact = stored.contact;
    let fields = contact.fields;
    proto::Contact {
        id: contact.id.to_string(),
        create_time: Some(timestamp(stored.create_time)),
        update_time: Some(timestamp(stored.update_time)),
        phone: Some(contact.phone.as_str().to_owned()),
        external_id: fields.external_id.map(String::from),
        email: fields.email.map(|email| email.as_str().to_owned()),
        name: fields.name.map(String::from),
        language: fields.language.map(|tag| tag.as_str().to_owned()),
        default_channel_id: fields.default_channel_id.map(|id| id.to_string()),
        address: fields.address.map(|address| (*address).into()),
        birth_date: fields.birth_date.map(Into::into),
        properties: record.map(property::record),
        consent: None,
    }
}

impl From<Address> for proto::Address {
    fn from(address: Address) -> Self {
        Self {
            address_line_one: address.address_line_one,
            address_line_two: address.address_line_two,
            city: address.city,
            state: address.state,
            post_code: address.post_code,
            country: address.country,
        }
    }
}

impl From<BirthDate> for Date {
    fn from(date: BirthDate) -> Self {
        let (year, month, day) = date.parts();
        Self { year, month, day }
    }
}
