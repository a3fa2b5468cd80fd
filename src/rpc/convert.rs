//! Wire ↔ domain, for the types that several services share.

use prost_types::{ListValue, Struct, Timestamp, Value, value::Kind};
use time::OffsetDateTime;
use uuid::Uuid;

use super::fields::{Fields, id};
use crate::{
    app::update::{
        checks::{Checks, InvalidContact},
        group::RejectedKeys,
    },
    domain::{
        birth_date::BirthDate,
        channel::{Channel, ChannelReference, ChannelType},
        contact::{
            Address, Change, ContactChanges, ContactReference, MAX_ENCODED_BYTES, StoredContact,
        },
        contact_list::{ContactList, ListState},
        custom_object::property_path,
        email::Email,
        language::Language,
        phone_number::{DefaultRegion, PhoneNumber},
        preference::{ALL_CHANNELS, Preference},
        property_value::{Properties, PropertyChanges, PropertyValue, Scalar},
        text::{self, Text},
        violation::{Invalid, Reason, Violation},
    },
    generated::google::r#type::Date,
    proto,
};

/// Checks a contact of a stream. All that is wrong with it is found, not just the first thing.
pub fn contact(
    wire: proto::Contact,
    encoded_bytes: usize,
    checks: &Checks,
    now: OffsetDateTime,
) -> Result<ContactChanges, InvalidContact> {
    let mut fields = Fields::default();
    if encoded_bytes > MAX_ENCODED_BYTES {
        let message = format!("must have at most {MAX_ENCODED_BYTES} bytes encoded");
        fields.refuse("", Reason::ContactTooLarge, message);
    }
    let phone = required_phone(&mut fields, "phone", wire.phone, checks.default_region);
    let external_id = change(&mut fields, "external_id", wire.external_id, Text::parse);
    let email = change(&mut fields, "email", wire.email, Email::parse);
    let name = change(&mut fields, "name", wire.name, Text::parse);
    let language = change(&mut fields, "language", wire.language, Language::parse);
    let default_channel_id = change(
        &mut fields,
        "default_channel_id",
        wire.default_channel_id,
        |text| known_channel(&text, checks),
    );
    let address = wire.address.map(|wire| address(&mut fields, wire));
    let birth_date = change(&mut fields, "birth_date", wire.birth_date, |date| {
        BirthDate::parse(date.year, date.month, date.day, now)
    });
    let properties = properties(&mut fields, wire.properties.unwrap_or_default());
    let mut violations = fields.into_violations();
    if let Some(object) = checks.custom_object.object() {
        object.check(&properties, &mut violations);
    }
    match phone {
        Some(phone) if violations.is_empty() => Ok(ContactChanges {
            phone,
            external_id,
            email,
            name,
            language,
            default_channel_id,
            address,
            birth_date,
            properties,
        }),
        phone => Err(InvalidContact {
            violations,
            named: RejectedKeys {
                phone,
                external_id: external_id.flatten(),
            },
        }),
    }
}

fn required_phone(
    fields: &mut Fields,
    path: &str,
    phone: Option<String>,
    region: Option<DefaultRegion>,
) -> Option<PhoneNumber> {
    let phone = fields.required(path, phone.filter(|phone| !phone.is_empty()))?;
    fields.read(path, PhoneNumber::parse(&phone, region))
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

/// An address; none if all of it is empty.
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
            let value = property_value(value).map_err(|invalid| {
                fields.refuse(property_path(&key), invalid.reason, invalid.message);
            });
            Some((key, value.ok()?))
        })
        .collect()
}

/// A property's value; none for null.
pub fn property_value(wire: Value) -> Result<Option<PropertyValue>, Invalid> {
    let value = match wire.kind {
        None | Some(Kind::NullValue(_)) => return Ok(None),
        Some(Kind::ListValue(list)) => {
            let items = list.values.into_iter().map(|value| scalar(value.kind));
            PropertyValue::List(items.collect::<Result<_, _>>()?)
        }
        Some(Kind::StructValue(map)) => {
            let entry = |(key, value): (String, Value)| {
                text::refuse_nul(&key)?;
                Ok((key, scalar(value.kind)?))
            };
            PropertyValue::Map(
                map.fields
                    .into_iter()
                    .map(entry)
                    .collect::<Result<_, _>>()?,
            )
        }
        kind => PropertyValue::Scalar(scalar(kind)?),
    };
    Ok(Some(value))
}

fn scalar(kind: Option<Kind>) -> Result<Scalar, Invalid> {
    match kind {
        Some(Kind::StringValue(text)) => {
            text::refuse_nul(&text)?;
            Ok(Scalar::Text(text))
        }
        Some(Kind::NumberValue(number)) if number.is_finite() => Ok(Scalar::Number(number)),
        Some(Kind::NumberValue(_)) => Err(Invalid::new(
            Reason::PropertyTypeMismatch,
            "has a number that is not finite",
        )),
        Some(Kind::BoolValue(boolean)) => Ok(Scalar::Boolean(boolean)),
        None | Some(Kind::NullValue(_) | Kind::ListValue(_) | Kind::StructValue(_)) => {
            Err(Invalid::new(
                Reason::PropertyTypeMismatch,
                "has a list or map of other things than strings, numbers and booleans",
            ))
        }
    }
}

/// A record's values as they travel.
pub fn struct_of(properties: Properties) -> Struct {
    let fields = properties
        .into_iter()
        .map(|(key, value)| (key, value_of(value)));
    Struct {
        fields: fields.collect(),
    }
}

/// A property's value as it travels.
pub fn value_of(value: PropertyValue) -> Value {
    let of_scalar = |scalar| Value {
        kind: Some(match scalar {
            Scalar::Boolean(boolean) => Kind::BoolValue(boolean),
            Scalar::Number(number) => Kind::NumberValue(number),
            Scalar::Text(text) => Kind::StringValue(text),
        }),
    };
    match value {
        PropertyValue::Scalar(scalar) => of_scalar(scalar),
        PropertyValue::List(items) => {
            let values = items.into_iter().map(of_scalar).collect();
            Value {
                kind: Some(Kind::ListValue(ListValue { values })),
            }
        }
        PropertyValue::Map(map) => {
            let fields = map.into_iter().map(|(key, item)| (key, of_scalar(item)));
            Value {
                kind: Some(Kind::StructValue(Struct {
                    fields: fields.collect(),
                })),
            }
        }
    }
}

/// How a request names a channel.
pub fn channel_reference(
    fields: &mut Fields,
    path: &str,
    wire: proto::ChannelReference,
    region: Option<DefaultRegion>,
) -> Option<ChannelReference> {
    use proto::channel_reference::Reference;
    match fields.required(path, wire.reference)? {
        Reference::Id(text) => fields
            .read(format!("{path}.id"), id(&text))
            .map(ChannelReference::Id),
        Reference::Phone(text) => {
            required_phone(fields, &format!("{path}.phone"), Some(text), region)
                .map(ChannelReference::Phone)
        }
    }
}

/// How a request names a contact.
pub fn contact_reference(
    fields: &mut Fields,
    path: &str,
    wire: proto::ContactReference,
    region: Option<DefaultRegion>,
) -> Option<ContactReference> {
    use proto::contact_reference::Reference;
    match fields.required(path, wire.reference)? {
        Reference::Id(text) => fields
            .read(format!("{path}.id"), id(&text))
            .map(ContactReference::Id),
        Reference::Phone(text) => {
            required_phone(fields, &format!("{path}.phone"), Some(text), region)
                .map(ContactReference::Phone)
        }
    }
}

/// A phone number that a request gives by itself.
pub fn phone(
    fields: &mut Fields,
    path: &str,
    text: String,
    region: Option<DefaultRegion>,
) -> Option<PhoneNumber> {
    required_phone(fields, path, Some(text), region)
}

/// A contact as it travels, with the values of one record.
pub fn wire_contact(stored: StoredContact, properties: Option<Properties>) -> proto::Contact {
    let contact = stored.contact;
    let fields = contact.fields;
    proto::Contact {
        id: contact.id.to_string(),
        create_time: Some(timestamp(stored.create_time)),
        update_time: Some(timestamp(stored.update_time)),
        phone: Some(contact.phone.as_str().to_owned()),
        external_id: fields.external_id.map(|it| it.as_str().to_owned()),
        email: fields.email.map(|it| it.as_str().to_owned()),
        name: fields.name.map(|it| it.as_str().to_owned()),
        language: fields.language.map(|it| it.as_str().to_owned()),
        default_channel_id: fields.default_channel_id.map(|id| id.to_string()),
        address: fields.address.map(|address| proto::Address {
            address_line_one: address.address_line_one,
            address_line_two: address.address_line_two,
            city: address.city,
            state: address.state,
            post_code: address.post_code,
            country: address.country,
        }),
        birth_date: fields.birth_date.map(|date| {
            let (year, month, day) = date.parts();
            Date { year, month, day }
        }),
        properties: properties.map(struct_of),
    }
}

/// A contact list as it travels.
pub fn wire_contact_list(list: ContactList) -> proto::ContactList {
    use proto::contact_list::State;
    let state = match list.state {
        ListState::Active => State::Active,
        ListState::Archived => State::Archived,
        ListState::Deleted => State::Deleted,
    };
    proto::ContactList {
        id: list.id.to_string(),
        name: Some(list.name),
        color: list.color.map(|color| color.as_str().to_owned()),
        state: state.into(),
        contact_count: count(list.contact_count.unsigned_abs()),
        create_time: Some(timestamp(list.create_time)),
        update_time: Some(timestamp(list.update_time)),
    }
}

/// A channel as it travels.
pub fn wire_channel(channel: Channel) -> proto::Channel {
    use proto::channel::Type;
    let channel_type = match channel.channel_type {
        ChannelType::Phone => Type::Phone,
        ChannelType::Email => Type::Email,
        ChannelType::Fax => Type::Fax,
    };
    proto::Channel {
        id: channel.id.to_string(),
        name: Some(channel.name),
        r#type: channel_type.into(),
        phone: channel.phone.map(|phone| phone.as_str().to_owned()),
        create_time: Some(timestamp(channel.create_time)),
        update_time: Some(timestamp(channel.update_time)),
    }
}

/// A preference as it travels.
pub fn wire_preference(preference: Preference) -> proto::CommunicationPreference {
    let all_channels = preference.channel_id == ALL_CHANNELS;
    proto::CommunicationPreference {
        contact_id: preference.contact_id.to_string(),
        channel_id: if all_channels {
            String::new()
        } else {
            preference.channel_id.to_string()
        },
        all_channels,
        opted_in: preference.opted_in,
        change_time: Some(timestamp(preference.change_time)),
        api_key_id: preference.api_key_id.to_string(),
        update_id: preference.update_id.map(|id| id.to_string()),
    }
}

/// A violation as it travels in an answer.
pub fn wire_violation(violation: Violation) -> proto::Violation {
    proto::Violation {
        reason: violation.reason.into(),
        field: violation.field,
        message: violation.message,
    }
}

/// A time as it travels.
pub fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}

/// A count as it travels: more than fits is shown as the most that does.
pub fn count(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
