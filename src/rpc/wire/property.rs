//! Values of custom properties: any JSON value whose lists and maps hold scalars only.

use prost_types::{ListValue, Struct, Value, value::Kind};

use crate::domain::{
    property_value::{Properties, PropertyValue, Scalar},
    text,
    violation::{Invalid, Reason},
};

/// Parses a property's value; `None` for null.
pub fn parse(wire: Value) -> Result<Option<PropertyValue>, Invalid> {
    let value = match wire.kind {
        None | Some(Kind::NullValue(_)) => return Ok(None),
        Some(Kind::ListValue(list)) => {
            let items = list.values.into_iter().map(|item| scalar(item.kind));
            PropertyValue::List(items.collect::<Result<_, _>>()?)
        }
        Some(Kind::StructValue(map)) => {
            let entry = |(key, value): (String, Value)| {
                text::refuse_nul(&key)?;
                Ok((key, scalar(value.kind)?))
            };
            let entries = map.fields.into_iter().map(entry);
            PropertyValue::Map(entries.collect::<Result<_, _>>()?)
        }
        kind => PropertyValue::Scalar(scalar(kind)?),
    };
    Ok(Some(value))
}

fn scalar(kind: Option<Kind>) -> Result<Scalar, Invalid> {
    let mismatch = |message: &str| Err(Invalid::new(Reason::PropertyTypeMismatch, message));
    match kind {
        Some(Kind::StringValue(text)) => {
            text::refuse_nul(&text)?;
            Ok(Scalar::Text(text))
        }
        Some(Kind::NumberValue(number)) if number.is_finite() => Ok(Scalar::Number(number)),
        Some(Kind::NumberValue(_)) => mismatch("has a number that is not finite"),
        Some(Kind::BoolValue(boolean)) => Ok(Scalar::Boolean(boolean)),
        None | Some(Kind::NullValue(_) | Kind::ListValue(_) | Kind::StructValue(_)) => {
            mismatch("has a list or map of other things than strings, numbers and booleans")
        }
    }
}

/// A record's values on the wire.
pub fn record(properties: Properties) -> Struct {
    struct_of(
        properties
            .into_iter()
            .map(|(key, value)| (key, value.into())),
    )
}

fn struct_of(fields: impl Iterator<Item = (String, Value)>) -> Struct {
    Struct {
        fields: fields.collect(),
    }
}

impl From<PropertyValue> for Value {
    fn from(value: PropertyValue) -> Self {
        let kind = match value {
            PropertyValue::Scalar(scalar) => return scalar.into(),
            PropertyValue::List(items) => Kind::ListValue(ListValue {
                values: items.into_iter().map(Self::from).collect(),
            }),
            PropertyValue::Map(map) => {
                let fields = map.into_iter().map(|(key, item)| (key, item.into()));
                Kind::StructValue(struct_of(fields))
            }
        };
        Self { kind: Some(kind) }
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        let kind = match scalar {
            Scalar::Boolean(boolean) => Kind::BoolValue(boolean),
            Scalar::Number(number) => Kind::NumberValue(number),
            Scalar::Text(text) => Kind::StringValue(text),
        };
        Self { kind: Some(kind) }
    }
}
