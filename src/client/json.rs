//! Contacts as JSON: a line of a JSONL file.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number, Value as Json, json};

use super::{
    consent,
    import::dates::{self, Reading},
};
use crate::{
    domain::property_value::WHOLE_NUMBER_LIMIT,
    generated::google::r#type::Date,
    proto::{Address, Contact},
};

/// The members that only the server sets.
const OUTPUT_MEMBERS: [&str; 3] = ["id", "create_time", "update_time"];

/// The members that a rejected contact has beside its own: the number of its line, and why it was rejected.
pub const REJECTION_MEMBERS: [&str; 2] = ["row", "rejected_because"];

/// Reads a contact. All that cannot be read goes to `problems`, each a sentence.
pub fn contact(fields: Map<String, Json>, problems: &mut Vec<String>) -> Contact {
    let mut contact = Contact::default();
    for (key, value) in fields {
        let name = key.as_str();
        // Null means absent.
        if value.is_null() || OUTPUT_MEMBERS.contains(&name) || REJECTION_MEMBERS.contains(&name) {
            continue;
        }
        let text = match key.as_str() {
            "phone" => &mut contact.phone,
            "external_id" => &mut contact.external_id,
            "email" => &mut contact.email,
            "name" => &mut contact.name,
            "language" => &mut contact.language,
            "default_channel_id" => &mut contact.default_channel_id,
            "address" => {
                contact.address = address(value, problems);
                continue;
            }
            "birth_date" => {
                contact.birth_date = birth_date(&value, problems);
                continue;
            }
            "consent" => {
                contact.consent = consent::from_json(value, problems);
                continue;
            }
            "properties" => {
                match value {
                    Json::Object(map) => contact.properties = Some(struct_of(map)),
                    _ => problems.push("properties is not an object".to_owned()),
                }
                continue;
            }
            other => {
                problems.push(format!("{other} is not a field of a contact"));
                continue;
            }
        };
        match value {
            Json::String(value) => *text = Some(value),
            _ => problems.push(format!("{key} is not a string")),
        }
    }
    contact
}

fn address(value: Json, problems: &mut Vec<String>) -> Option<Address> {
    let Json::Object(parts) = value else {
        problems.push("address is not an object".to_owned());
        return None;
    };
    let mut address = Address::default();
    for (key, value) in parts {
        let part = match key.as_str() {
            "address_line_one" => &mut address.address_line_one,
            "address_line_two" => &mut address.address_line_two,
            "city" => &mut address.city,
            "state" => &mut address.state,
            "post_code" => &mut address.post_code,
            "country" => &mut address.country,
            other => {
                problems.push(format!("address.{other} is not a part of an address"));
                continue;
            }
        };
        match value {
            Json::String(value) => *part = value,
            Json::Null => {}
            _ => problems.push(format!("address.{key} is not a string")),
        }
    }
    Some(address)
}

/// A date as an object of year, month and day, or as a text such as "1980-12-31". An empty one clears it.
fn birth_date(value: &Json, problems: &mut Vec<String>) -> Option<Date> {
    match value {
        Json::Object(parts) => {
            let part = |key| {
                parts
                    .get(key)
                    .and_then(Json::as_i64)
                    .and_then(|it| it.try_into().ok())
            };
            return Some(Date {
                year: part("year").unwrap_or(0),
                month: part("month").unwrap_or(0),
                day: part("day").unwrap_or(0),
            });
        }
        Json::String(text) if text.is_empty() => return Some(Date::default()),
        Json::String(text) => {
            if let Ok(Reading::Date { year, month, day }) = dates::read(text) {
                return Some(Date { year, month, day });
            }
        }
        _ => {}
    }
    problems.push("birth_date is not a date: write it as \"1980-12-31\"".to_owned());
    None
}

fn struct_of(map: Map<String, Json>) -> Struct {
    let fields = map.into_iter().map(|(key, json)| (key, value(json)));
    Struct {
        fields: fields.collect(),
    }
}

/// A JSON value on the wire.
pub fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(value).collect(),
        }),
        Json::Object(map) => Kind::StructValue(struct_of(map)),
    };
    Value { kind: Some(kind) }
}

/// Writes a contact, without what the server sets.
pub fn object(contact: Contact) -> Json {
    let mut object = Map::new();
    let texts = [
        ("phone", contact.phone),
        ("external_id", contact.external_id),
        ("email", contact.email),
        ("name", contact.name),
        ("language", contact.language),
        ("default_channel_id", contact.default_channel_id),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            object.insert(key.to_owned(), Json::String(text));
        }
    }
    if let Some(address) = contact.address {
        let parts = [
            ("address_line_one", address.address_line_one),
            ("address_line_two", address.address_line_two),
            ("city", address.city),
            ("state", address.state),
            ("post_code", address.post_code),
            ("country", address.country),
        ];
        let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
        let parts = parts.map(|(key, text)| (key.to_owned(), Json::String(text)));
        object.insert("address".to_owned(), Json::Object(parts.collect()));
    }
    if let Some(date) = contact.birth_date {
        let date = json!({"year": date.year, "month": date.month, "day": date.day});
        object.insert("birth_date".to_owned(), date);
    }
    if let Some(properties) = contact.properties {
        let properties = properties
            .fields
            .into_iter()
            .map(|(key, value)| (key, json_of(value)));
        object.insert("properties".to_owned(), Json::Object(properties.collect()));
    }
    if let Some(consent) = contact.consent {
        object.insert("consent".to_owned(), consent::to_json(&consent));
    }
    Json::Object(object)
}

/// A value on the wire as JSON; whole numbers have no fraction.
pub fn json_of(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::NumberValue(number)) => self::number(number),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json_of).collect(),
        Some(Kind::StructValue(map)) => {
            let fields = map
                .fields
                .into_iter()
                .map(|(key, value)| (key, json_of(value)));
            Json::Object(fields.collect())
        }
    }
}

fn number(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < WHOLE_NUMBER_LIMIT {
        return Json::from(number as i64);
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}
