//! Between JSON as tests write it and JSON on the wire.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::json;

/// Whole numbers below this survive being a double.
const WHOLE_LIMIT: f64 = 9_007_199_254_740_992.0;

/// A JSON object on the wire.
pub fn struct_of(object: serde_json::Value) -> Struct {
    let serde_json::Value::Object(entries) = object else {
        panic!("not a JSON object: {object}");
    };
    Struct {
        fields: entries
            .into_iter()
            .map(|(key, value)| (key, value_of(value)))
            .collect(),
    }
}

/// A JSON value on the wire.
pub fn value_of(value: serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(value) => Kind::NumberValue(value.as_f64().expect("a double")),
        serde_json::Value::String(value) => Kind::StringValue(value),
        serde_json::Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(value_of).collect(),
        }),
        object @ serde_json::Value::Object(_) => Kind::StructValue(struct_of(object)),
    };
    Value { kind: Some(kind) }
}

/// What arrived, as `json!` would write it: whole numbers without a fraction.
pub fn json_of(object: &Struct) -> serde_json::Value {
    object
        .fields
        .iter()
        .map(|(key, value)| (key.clone(), json_of_value(value)))
        .collect()
}

fn json_of_value(value: &Value) -> serde_json::Value {
    match value.kind.as_ref().expect("a value of some kind") {
        Kind::NullValue(_) => serde_json::Value::Null,
        Kind::BoolValue(value) => json!(value),
        Kind::NumberValue(value) if value.fract() == 0.0 && value.abs() < WHOLE_LIMIT => {
            json!(*value as i64)
        }
        Kind::NumberValue(value) => json!(value),
        Kind::StringValue(value) => json!(value),
        Kind::ListValue(list) => list.values.iter().map(json_of_value).collect(),
        Kind::StructValue(object) => json_of(object),
    }
}
