//! What a contact was before a change.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    contact::{Contact, FieldChanges, changes_as_json},
    phone_number::PhoneNumber,
    property_value::{Properties, PropertyChanges},
};

/// What a contact was before a change: only what the change changed. It is stored as JSON.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OldValues {
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The fields.
    #[serde(with = "changes_as_json")]
    pub fields: FieldChanges,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<OldRecord>,
}

/// What a record was before a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OldRecord {
    /// The custom object.
    pub custom_object_id: Uuid,
    /// Whether the change created the record.
    pub is_new: bool,
    /// The properties that changed; `None` for those that had no value.
    pub properties: PropertyChanges,
}

impl OldValues {
    /// What `old` was of what differs in `new`.
    pub fn of(old: &Contact, new: &Contact, record: Option<OldRecord>) -> Self {
        Self {
            phone: (old.phone != new.phone).then(|| old.phone.as_str().to_owned()),
            fields: old.fields.changes_back(&new.fields),
            record,
        }
    }

    /// The number, if it changed.
    pub fn phone(&self) -> Option<PhoneNumber> {
        PhoneNumber::from_stored(self.phone.as_deref()?)
    }
}

impl OldRecord {
    /// What a record was of what differs in `new`.
    pub fn of(custom_object_id: Uuid, old: Option<&Properties>, new: &Properties) -> Self {
        let none = Properties::new();
        let values = old.unwrap_or(&none);
        let keys = values.keys().chain(new.keys());
        let changed = keys.filter(|key| values.get(*key) != new.get(*key));
        Self {
            custom_object_id,
            is_new: old.is_none(),
            properties: changed
                .map(|key| (key.clone(), values.get(key).cloned()))
                .collect(),
        }
    }
}
