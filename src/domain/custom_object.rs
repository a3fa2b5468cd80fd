//! Custom objects: an organization's own record types, and the rules for their values.

use std::collections::HashSet;

use strum::{EnumString, IntoStaticStr};
use time::{Date, OffsetDateTime, macros::format_description};
use uuid::Uuid;

use super::{
    name::Name,
    property_value::{
        Properties, PropertyChanges, PropertyValue, Scalar, WHOLE_NUMBER_LIMIT, json_bytes,
    },
    violation::{Invalid, MAX_PATH_CHARACTERS, Reason, Violation},
};

/// The most custom objects that an organization may have.
pub const MAX_CUSTOM_OBJECTS: usize = 100;

/// The most properties that a custom object may have.
pub const MAX_PROPERTIES: usize = 200;

/// The most bytes that a record may have, as JSON.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// An organization's own record type for contacts.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomObject {
    /// The id.
    pub id: Uuid,
    /// The key, unique in the organization.
    pub key: String,
    /// The name that people see.
    pub label: String,
    /// The properties, in the order in which they were added.
    pub properties: Vec<CustomProperty>,
    /// When the object was created.
    pub create_time: OffsetDateTime,
}

/// How a call names a custom object. A call that names none is about the organization's default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectReference {
    /// By its id.
    Id(Uuid),
    /// By its key.
    Key(Key),
}

/// A typed key of a custom object.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomProperty {
    /// The key, unique in the object.
    pub key: Key,
    /// The name that people see.
    pub label: Name,
    /// The type of its values.
    pub property_type: PropertyType,
    /// Whether every record has a value.
    pub required: bool,
    /// What a record gets when it is created without a value.
    pub default_value: Option<PropertyValue>,
}

/// A key of an object or a property: 1 to 64 of a to z, 0 to 9 and "_", beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Parses `key`.
    pub fn parse(key: &str) -> Result<Self, Invalid> {
        if key.is_empty() {
            return Err(Invalid::new(Reason::FieldRequired, "must not be empty"));
        }
        let well_formed = (1..=64).contains(&key.len())
            && key.starts_with(|c: char| c.is_ascii_lowercase())
            && key
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !well_formed {
            return Err(Invalid::new(
                Reason::FieldInvalid,
                "must be 1 to 64 of a to z, 0 to 9 and \"_\", beginning with a letter",
            ));
        }
        Ok(Self(key.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys of an object's properties, which must differ.
#[derive(Debug, Default)]
pub struct PropertyKeys(HashSet<Key>);

impl PropertyKeys {
    /// Adds the key of another property, and returns it. Fails if an earlier property has the key.
    pub fn add(&mut self, key: Key) -> Result<Key, Invalid> {
        if !self.0.insert(key.clone()) {
            let message = "is the key of an earlier property too";
            return Err(Invalid::new(Reason::FieldInvalid, message));
        }
        Ok(key)
    }
}

/// The types of a property's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum PropertyType {
    /// A string.
    Text,
    /// A whole number of less than 2^53.
    Number,
    /// A finite number.
    Float,
    /// True or false.
    Boolean,
    /// A real date, "YYYY-MM-DD".
    Date,
    /// A list of scalars.
    List,
    /// A map of scalars.
    Map,
}

impl PropertyType {
    /// Returns the type's name, which is stored and told to callers.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Fails if `value` is not of this type.
    pub fn check(self, value: &PropertyValue) -> Result<(), Invalid> {
        if self.admits(value) {
            return Ok(());
        }
        let message = format!("must be of type {}", self.name());
        Err(Invalid::new(Reason::PropertyTypeMismatch, message))
    }

    fn admits(self, value: &PropertyValue) -> bool {
        match (self, value) {
            (Self::Text, PropertyValue::Scalar(Scalar::Text(_)))
            | (Self::Float, PropertyValue::Scalar(Scalar::Number(_)))
            | (Self::Boolean, PropertyValue::Scalar(Scalar::Boolean(_)))
            | (Self::List, PropertyValue::List(_))
            | (Self::Map, PropertyValue::Map(_)) => true,
            (Self::Number, PropertyValue::Scalar(Scalar::Number(number))) => {
                number.fract() == 0.0 && number.abs() < WHOLE_NUMBER_LIMIT
            }
            (Self::Date, PropertyValue::Scalar(Scalar::Text(text))) => is_date(text),
            _ => false,
        }
    }
}

/// The path of a property in a contact. `key` is the caller's text, of any length and with any characters: control
/// characters, including the one that PostgreSQL can't store, become U+FFFD.
pub fn property_path(key: &str) -> String {
    let key = key.chars().take(MAX_PATH_CHARACTERS);
    let key: String = key
        .map(|it| {
            if it.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                it
            }
        })
        .collect();
    format!("properties.{key}")
}

fn is_empty_text(value: &PropertyValue) -> bool {
    matches!(value, PropertyValue::Scalar(Scalar::Text(text)) if text.is_empty())
}

fn is_date(text: &str) -> bool {
    text.len() == "YYYY-MM-DD".len()
        && text.starts_with(|c: char| c.is_ascii_digit())
        && Date::parse(text, format_description!("[year]-[month]-[day]")).is_ok()
}

impl CustomObject {
    /// Checks what a contact says about its record, and adds what is wrong to `violations`. An empty text clears a property
    /// of any type but text, as it clears a field.
    pub fn check(&self, changes: &mut PropertyChanges, violations: &mut Vec<Violation>) {
        for (key, value) in changes {
            let field = || property_path(key);
            let Some(property) = self.property(key) else {
                violations.push(Violation::new(
                    Reason::PropertyUnknown,
                    field(),
                    "the custom object has no such property",
                ));
                continue;
            };
            if property.property_type != PropertyType::Text
                && value.as_ref().is_some_and(is_empty_text)
            {
                *value = None;
            }
            match value {
                None if property.required => violations.push(Violation::new(
                    Reason::PropertyRequired,
                    field(),
                    "is required and cannot be cleared",
                )),
                None => {}
                Some(value) => {
                    let checked = property.property_type.check(value);
                    violations.extend(checked.err().map(|invalid| invalid.at(field())));
                }
            }
        }
    }

    /// Returns the record that results from applying `changes` to a stored one; `None` if it stays as it is. A new record
    /// takes the defaults of keys that are not given. It is a violation if a required key is left without a value, or if a
    /// changed record is too large.
    pub fn merge(
        &self,
        stored: Option<&Properties>,
        changes: &PropertyChanges,
    ) -> Result<Option<Properties>, Vec<Violation>> {
        let mut record = match stored {
            Some(stored) => stored.clone(),
            None => self.defaults(),
        };
        for (key, value) in changes {
            match value {
                Some(value) => record.insert(key.clone(), value.clone()),
                None => record.remove(key),
            };
        }
        if stored == Some(&record) {
            return Ok(None);
        }
        let mut violations = self.missing_from(&record);
        if json_bytes(&record) > MAX_RECORD_BYTES {
            violations.push(record_too_large().at("properties"));
        }
        if violations.is_empty() {
            Ok(Some(record))
        } else {
            Err(violations)
        }
    }

    fn missing_from(&self, record: &Properties) -> Vec<Violation> {
        self.properties
            .iter()
            .filter(|property| property.required && !record.contains_key(property.key.as_str()))
            .map(|property| {
                Violation::new(
                    Reason::PropertyRequired,
                    property_path(property.key.as_str()),
                    "is required and has no default",
                )
            })
            .collect()
    }

    fn property(&self, key: &str) -> Option<&CustomProperty> {
        self.properties
            .iter()
            .find(|property| property.key.as_str() == key)
    }

    /// Returns the record of a contact that gives no values.
    pub fn defaults(&self) -> Properties {
        self.properties
            .iter()
            .filter_map(|property| {
                let value = property.default_value.clone()?;
                Some((property.key.as_str().to_owned(), value))
            })
            .collect()
    }
}

/// The error of a record of more than [`MAX_RECORD_BYTES`].
pub fn record_too_large() -> Invalid {
    let message = format!("the record would have more than {MAX_RECORD_BYTES} bytes as JSON");
    Invalid::new(Reason::RecordTooLarge, message)
}
