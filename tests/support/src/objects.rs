//! Builders for custom properties.

use contact_lists::proto::{CustomProperty, custom_property::Type};

use super::value_of;

/// An optional property without a default; its label is its key.
pub fn property(key: &str, kind: Type) -> CustomProperty {
    CustomProperty {
        key: key.to_owned(),
        label: key.to_owned(),
        r#type: kind.into(),
        required: false,
        default_value: None,
    }
}

/// Says more about a property: `property("plan", Type::Text).required().default_value(json!("free"))`.
pub trait CustomPropertyExt {
    /// Every record must have a value.
    fn required(self) -> CustomProperty;
    /// The value that a new record gets when it comes without one.
    fn default_value(self, value: serde_json::Value) -> CustomProperty;
}

impl CustomPropertyExt for CustomProperty {
    fn required(mut self) -> CustomProperty {
        self.required = true;
        self
    }

    fn default_value(mut self, value: serde_json::Value) -> CustomProperty {
        self.default_value = Some(value_of(value));
        self
    }
}
