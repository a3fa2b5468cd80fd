//! From a cell to the value of a custom property.

use prost_types::{Value, value::Kind};
use serde_json::Value as Json;

use super::dates::{self, DateOrder};
use crate::{client::json, proto::custom_property::Type};

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

/// Reads a cell as a value of this type. What cannot be read is sent as a text, with a sentence that says why.
pub fn read(property_type: Type, cell: &str, order: DateOrder) -> (Value, Option<String>) {
    let text = || Kind::StringValue(cell.to_owned());
    let read = match property_type {
        Type::Unspecified | Type::Text => Ok(text()),
        Type::Number | Type::Float => number(cell.trim()).map(Kind::NumberValue),
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

/// Reads a number, also with a decimal comma, if it cannot be one that separates thousands.
fn number(text: &str) -> Result<f64, String> {
    let plain = match text.split_once(',') {
        Some((whole, fraction)) if fraction.len() != 3 && !whole.contains('.') => {
            format!("{whole}.{fraction}")
        }
        _ => text.to_owned(),
    };
    let is_number = plain
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = plain
        .parse()
        .ok()
        .filter(|number: &f64| is_number && number.is_finite());
    number.ok_or_else(|| "is not a number: write it as 1234.5".to_owned())
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
    Ok(format!(
        "{:04}-{:02}-{:02}",
        date.year, date.month, date.day
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_unless_a_comma_could_separate_thousands() {
        for (text, expected) in [
            ("3", 3.0),
            ("-1.5", -1.5),
            ("1,5", 1.5),
            ("12,34", 12.34),
            ("1e3", 1000.0),
        ] {
            assert_eq!(number(text), Ok(expected), "{text}");
        }
        for text in ["1,234", "1.234,5", "1,2,3", "inf", "NaN", "12 EUR", ""] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
