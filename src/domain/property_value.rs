//! Values of custom properties.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// The values of a record, by the properties' keys.
pub type Properties = BTreeMap<String, PropertyValue>;

/// What a caller says about a record, by the properties' keys: a value sets, `None` clears.
pub type PropertyChanges = BTreeMap<String, Option<PropertyValue>>;

/// A value of a custom property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PropertyValue {
    /// A text, number, float, boolean or date.
    Scalar(Scalar),
    /// A list.
    List(Vec<Scalar>),
    /// A map.
    Map(BTreeMap<String, Scalar>),
}

/// A value without parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Boolean(bool),
    /// A finite number.
    #[serde(serialize_with = "serialize_number")]
    Number(f64),
    /// A string without U+0000.
    Text(String),
}

/// 2^53: from here on, 64-bit floats can't represent every whole number.
pub const WHOLE_NUMBER_LIMIT: f64 = 9_007_199_254_740_992.0;

/// Writes whole numbers without a fraction, so that the database has what was sent.
fn serialize_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() < WHOLE_NUMBER_LIMIT {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

/// Returns about how many bytes a record takes in memory.
pub fn memory_bytes(record: &Properties) -> usize {
    let scalar = |value: &Scalar| match value {
        Scalar::Text(text) => size_of::<Scalar>() + text.len(),
        Scalar::Boolean(_) | Scalar::Number(_) => size_of::<Scalar>(),
    };
    let value_bytes = |value: &PropertyValue| match value {
        PropertyValue::Scalar(value) => scalar(value),
        PropertyValue::List(items) => items.iter().map(scalar).sum(),
        PropertyValue::Map(map) => map
            .iter()
            .map(|(key, value)| size_of::<String>() + key.len() + scalar(value))
            .sum(),
    };
    let entry = |(key, value): (&String, &PropertyValue)| {
        size_of::<(String, PropertyValue)>() + key.len() + value_bytes(value)
    };
    record.iter().map(entry).sum()
}

/// Returns how many bytes a record has as JSON.
pub fn json_bytes(record: &Properties) -> usize {
    // Writing to memory cannot fail, and every key is a text.
    serde_json::to_vec(record).map_or(usize::MAX, |json| json.len())
}

/// Writes values as JSON text into formats that are not self-describing, which can't hold untagged values.
pub mod as_json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned, ser};

    #[expect(missing_docs, reason = "serde calls it")]
    pub fn serialize<S: Serializer, T: Serialize>(
        values: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = serde_json::to_string(values).map_err(ser::Error::custom)?;
        serializer.serialize_str(&json)
    }

    #[expect(missing_docs, reason = "serde calls it")]
    pub fn deserialize<'de, D: Deserializer<'de>, T: DeserializeOwned>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let json = String::deserialize(deserializer)?;
        serde_json::from_str(&json).map_err(de::Error::custom)
    }
}
