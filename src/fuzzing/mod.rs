//! What the fuzz targets of `fuzz/` call: each takes any bytes, and panics if a promise about parsing is broken. They are
//! built only for fuzzing and for tests; the tests call them with the stored seeds.

mod api_key;
mod contact;
mod json_objects;
mod page_token;
mod phone_number;
#[cfg(test)]
mod tests;
mod update_message;

pub use self::{
    api_key::api_key, json_objects::json_objects, page_token::page_token,
    phone_number::phone_number, update_message::update_message,
};

use uuid::{Uuid, uuid};

use crate::domain::{
    OrganizationId,
    caller::Caller,
    organization::{OptOutKey, Organization},
    scope::Scope,
};

/// The only channel of [`caller`]'s organization, which the seeds name.
const CHANNEL: Uuid = uuid!("01890000-0000-7000-8000-000000000001");

/// A caller of an organization, always the same one, so that seeds stay valid.
fn caller(organization: Uuid) -> Caller {
    Caller {
        organization: Organization {
            id: OrganizationId(organization),
            name: String::new(),
            default_region: None,
            default_region_code: None,
            opt_out_key: OptOutKey::from_stored(Vec::new()),
            default_custom_object_id: None,
            max_removed_percent: None,
        },
        api_key_id: Uuid::nil(),
        scope: Scope::Read,
    }
}
