//! What is wrong with a field or a contact.

use serde::{Deserialize, Serialize};

/// The one wire type of `domain`: the reasons are the contract's own list, and a second list could only differ from it.
pub use crate::proto::ErrorReason as Reason;

/// How many characters of a caller's text the path of a field repeats, as the text can have any length.
pub const MAX_PATH_CHARACTERS: usize = 64;

/// Why one thing is wrong with one contact or one field. Never holds the field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The stable reason.
    #[serde(with = "reason_name")]
    pub reason: Reason,
    /// The field's path; empty for the contact or request as a whole.
    pub field: String,
    /// What is wrong, in English.
    pub message: String,
}

impl Violation {
    /// A violation of the field at `field`.
    pub fn new(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            message: message.into(),
        }
    }

    /// About how many bytes the violation takes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.field.len() + self.message.len()
    }

    /// The violation with its field's path below `parent`.
    pub fn below(mut self, parent: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => parent.to_owned(),
            field => format!("{parent}.{field}"),
        };
        self
    }
}

/// A value that could not be parsed, before the field that it came from is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The stable reason.
    pub reason: Reason,
    /// What is wrong, in English.
    pub message: String,
}

impl Invalid {
    /// A value that is wrong for `reason`.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// The violation of the field that the value came from.
    pub fn at(self, field: impl Into<String>) -> Violation {
        Violation::new(self.reason, field, self.message)
    }
}

/// Stores reasons by name, since names survive a renumbering.
mod reason_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Reason;

    pub fn serialize<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(reason.as_str_name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
        let name = String::deserialize(deserializer)?;
        Reason::from_str_name(&name).ok_or_else(|| D::Error::custom("unknown reason"))
    }
}
