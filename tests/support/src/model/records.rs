//! The records of custom objects that contacts have.

use contact_lists::proto::{Contact, CustomObject, ErrorReason as Reason};
use prost_types::Struct;

use crate::json_of;

use super::{ContactKey, Organization, checks, refusal::Violation};

/// The most bytes that a record may have as JSON.
const MAX_RECORD_BYTES: usize = 64 * 1024;

impl Organization {
    /// What would be wrong with the record after these fields are written: required properties without a value, and its size.
    pub fn record_violations(
        &self,
        fields: &Contact,
        stored: Option<ContactKey>,
        object: Option<&CustomObject>,
    ) -> Vec<Violation> {
        let Some(object) = object.filter(|_| has_properties(fields)) else {
            return Vec::new();
        };
        let record = self.merged_record(fields, stored, object);
        let required = object.properties.iter().filter(|it| it.required);
        let missing = required
            .filter(|it| !record.fields.contains_key(&it.key))
            .map(|it| (format!("properties.{}", it.key), Reason::PropertyRequired));
        let is_too_large = json_of(&record).to_string().len() > MAX_RECORD_BYTES;
        let too_large = is_too_large.then(|| ("properties".to_owned(), Reason::RecordTooLarge));
        missing.chain(too_large).collect()
    }

    /// The record after these fields are written: the stored one, or else a new one with its defaults, with the given
    /// properties merged in.
    pub fn merged_record(
        &self,
        fields: &Contact,
        stored: Option<ContactKey>,
        object: &CustomObject,
    ) -> Struct {
        let stored = stored.and_then(|key| self.contacts[&key].records.get(&object.id));
        let mut record = stored.cloned().unwrap_or_else(|| {
            let properties = object.properties.iter();
            let defaults =
                properties.filter_map(|it| Some((it.key.clone(), checks::default_of(it)?.clone())));
            Struct {
                fields: defaults.collect(),
            }
        });
        for (key, value) in fields.properties.iter().flat_map(|it| &it.fields) {
            let property = object.properties.iter().find(|it| it.key == *key);
            if property.is_none_or(|property| checks::clears(property, value)) {
                record.fields.remove(key);
            } else {
                record.fields.insert(key.clone(), value.clone());
            }
        }
        record
    }
}

/// Whether a contact has properties. `{}` counts as absent.
pub fn has_properties(contact: &Contact) -> bool {
    let properties = contact.properties.as_ref();
    properties.is_some_and(|properties| !properties.fields.is_empty())
}
