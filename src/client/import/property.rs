//! From a cell to the value of a custom property.

use prost_types::{Value, value::Kind};
use serde_json::Value as Json;

use super::{
    amounts::{self, DecimalSeparator},
    dates::{self, DateOrder},
};
use crate::{
    client::{
        contact_columns::{Column, Field},
        json,
    },
    proto::{CustomObject, custom_property::Type},
};

const TRUE: [&str; 12] = [
    "true", "yes", "y", "1", "x", "ja", "wahr", "oui", "vrai", "sí", "si", "はい",
];
const FALSE: [&str; 9] = [
    "false",
    "no",
    "n",
    "0",
    "nein",
    "falsch",
    "non",
    "faux",
    "いいえ",
];

/// The type of what a column has.
pub fn type_of(column: &Column, object: Option<&CustomObject>) -> Type {
    match column {
        Column::Field(Field::BirthDate | Field::CollectTime) => Type::Date,
        Column::Field(_) => Type::Text,
        Column::Property(key) => {
            let mut properties = object.into_iter().flat_map(|object| &object.properties);
            let property = properties.find(|property| property.key == *key);
            property.map_or(Type::Text, |property| property.r#type())
        }
    }
}

/// Reads a cell as a value of this type. What cannot be read is sent as a text, with a sentence that says why.
pub fn read(
    property_type: Type,
    cell: &str,
    order: DateOrder,
    separator: Option<DecimalSeparator>,
) -> (Value, Option<String>) {
    let text = || Kind::StringValue(cell.to_owned());
    let read = match property_type {
        Type::Unspecified | Type::Text => Ok(text()),
        Type::Number => match number(cell, separator) {
            Some(number) if number.fract() == 0.0 => Ok(Kind::NumberValue(number)),
            _ => Err("is not a whole number: write it as 1234".to_owned()),
        },
        Type::Float => {
            let number = number(cell, separator).map(Kind::NumberValue);
            number.ok_or_else(|| "is not a number: write it as 1234.5".to_owned())
        }
        Type::Boolean => boolean(cell.trim()).map(Kind::BoolValue),
        Type::Date => date(cell, order).map(Kind::StringValue),
        Type::List => list(cell),
        Type::Map => match serde_json::from_str(cell) {
            Ok(Json::Object(map)) => Ok(json::value(Json::Object(map)).kind.unwrap_or_else(text)),
            _ => Err("is not a JSON object, such as {\"key\": \"value\"}".to_owned()),
        },
    };
    let (kind, problem) = match read {
        Ok(kind) => (kind, None),
        Err(problem) => (text(), Some(problem)),
    };
    (Value { kind: Some(kind) }, problem)
}

fn number(cell: &str, separator: Option<DecimalSeparator>) -> Option<f64> {
    amounts::read(cell)?.number(separator)
}

fn boolean(text: &str) -> Result<bool, String> {
    let text = text.to_lowercase();
    match (
        TRUE.contains(&text.as_str()),
        FALSE.contains(&text.as_str()),
    ) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err("is not true or false".to_owned()),
    }
}

fn date(cell: &str, order: DateOrder) -> Result<String, String> {
    let date = dates::read(cell)
        .map_err(|problem| problem.to_string())?
        .date(order);
    Ok(dates::iso(date))
}

/// Reads a list: a JSON array, or texts with semicolons or else commas between them.
fn list(cell: &str) -> Result<Kind, String> {
    let json = match cell.trim_start().starts_with('[') {
        true => serde_json::from_str(cell).ok().filter(Json::is_array),
        false => {
            let separator = if cell.contains(';') { ';' } else { ',' };
            let items = cell.split(separator).map(|item| Json::from(item.trim()));
            Some(items.collect())
        }
    };
    let kind = json.and_then(|json| json::value(json).kind);
    kind.ok_or_else(|| "is not a list, such as [\"one\", \"two\"]".to_owned())
}
