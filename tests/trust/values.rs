//! The tests' small numbers as values on the wire, and back.

use contact_lists::proto;
use test_support::{ContactExt, json, number};
use uuid::Uuid;

use crate::calls::{Contact, Number};

/// The number of the first channel.
const FIRST_CHANNEL: Number = 89_000_000;

/// The key of the only custom property.
pub const PROPERTY: &str = "plan";

/// The `request_id` of a request.
pub fn request_id(request: u32) -> Uuid {
    Uuid::from_u128(0x7265_7175_6573_4000_8000_0000_0000_0000 | u128::from(request))
}

/// The request with this `request_id`.
pub fn request_of(id: Uuid) -> u32 {
    id.as_u64_pair().1 as u32
}

/// A number in E.164.
pub fn phone(n: Number) -> String {
    number(n)
}

/// The number that is written so.
pub fn number_of(phone: &str) -> Number {
    let digits = phone.strip_prefix("+49151").expect("a number of this test");
    digits.parse::<Number>().expect("a number") - 10_000_000
}

/// The number at the end of a text such as "crm-17".
pub fn digits(text: &str) -> u32 {
    let last = text.rsplit('-').next();
    let number = last.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("not a text of this test: {text}"))
}

/// A channel's number in E.164.
pub fn channel_phone(channel: u8) -> String {
    phone(FIRST_CHANNEL + Number::from(channel))
}

/// A contact with these fields.
pub fn contact_with(
    number: Option<Number>,
    external_id: Option<Option<u32>>,
    name: Option<u32>,
) -> proto::Contact {
    let external_id = external_id.map(|id| id.map_or_else(String::new, |id| format!("crm-{id}")));
    proto::Contact {
        phone: number.map(phone),
        external_id,
        name: name.map(|name| format!("name-{name}")),
        ..proto::Contact::default()
    }
}

/// A contact of an update.
pub fn contact(contact: &Contact) -> proto::Contact {
    let mut wire = contact_with(contact.number, contact.external_id, contact.name);
    if contact.number.is_none() {
        wire.phone = Some("+4915".to_owned());
    }
    if let Some(plan) = contact.plan {
        wire = wire.properties(json!({ PROPERTY: format!("plan-{plan}") }));
    }
    if contact.bad_email {
        wire = wire.email("nobody");
    }
    wire
}
