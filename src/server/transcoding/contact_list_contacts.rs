//! `PUT /v1/contact_lists/{contact_list_id}/contacts`: the main call as one JSON object, with the fields of its header beside
//! the contacts. No rule of `google.api.http` can say this, as the call takes a stream.

use serde_json::{Map, Value as Json};

use super::{incoming::malformed, message::StreamInput, routes};
use crate::error::Error;

/// The call.
pub const CALL: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";

/// The path.
pub const TEMPLATE: &str = "/v1/contact_lists/{contact_list_id}/contacts";

const LIST: &str = "contact_list_id";

/// The values that can be written without their prefix, in small letters.
const PREFIXES: [(&str, &str); 3] = [
    ("action", "ACTION_"),
    ("rejection_policy", "REJECTION_POLICY_"),
    ("rejectionPolicy", "REJECTION_POLICY_"),
];

/// Returns the id of the contact list in `path`, if it is one of this call.
pub fn contact_list_id(path: &str) -> Option<String> {
    let mut values = routes::variables(TEMPLATE, path)?;
    values.pop().map(|(_, id)| id)
}

/// Parses the object, and returns the stream that says the same.
pub fn frames(input: &mut StreamInput, id: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut parts = input.parse(text)?;
    let header = header(id, std::mem::take(&mut parts.others))?;
    parts.others.insert("header".to_owned(), header.into());
    input.frames(parts)
}

fn header(id: &str, mut fields: Map<String, Json>) -> Result<Map<String, Json>, Error> {
    for name in [LIST, "contactListId"] {
        if fields.contains_key(name) {
            return Err(malformed(format!("{name} belongs to the path")));
        }
    }
    for (name, prefix) in PREFIXES {
        if let Some(Json::String(value)) = fields.get_mut(name)
            && !value.starts_with(prefix)
        {
            *value = format!("{prefix}{}", value.to_ascii_uppercase());
        }
    }
    fields.insert(LIST.to_owned(), id.into());
    Ok(fields)
}
