//! What `UpdateContactList` changes.

use super::fields::{Fields, changed, required_id};
use crate::{
    app::contact_lists::ListChange,
    domain::{
        OrganizationId,
        contact_list::{Color, ListState},
        name::Name,
        violation::Reason,
    },
    error::Result,
    proto::{UpdateContactListRequest, contact_list::State},
};

/// Parses the request.
pub fn list_change(
    organization: OrganizationId,
    request: UpdateContactListRequest,
) -> Result<ListChange> {
    let mut fields = Fields::default();
    let list = fields.required("contact_list", request.contact_list);
    let list = fields.finish(list)?;
    let id = required_id("contact_list.id", &list.id)?;
    let [name_changes, color_changes, state_changes] = changed(
        request.update_mask,
        [
            ("name", list.name.is_some()),
            ("color", list.color.is_some()),
            ("state", list.state != 0),
        ],
    )?;
    let mut fields = Fields::default();
    let mut change = ListChange {
        organization,
        id,
        name: None,
        color: None,
        state: None,
    };
    if name_changes {
        change.name = fields.read("contact_list.name", Name::parse(list.name()));
    }
    if color_changes {
        change.color = fields.read("contact_list.color", Color::parse(list.color()));
    }
    if state_changes {
        change.state = match list.state() {
            State::Active => Some(ListState::Active),
            State::Archived => Some(ListState::Archived),
            State::Unspecified if list.state == 0 => fields.required("contact_list.state", None),
            State::Deleted | State::Unspecified => {
                let message = "must be active or archived";
                fields.refuse("contact_list.state", Reason::FieldInvalid, message);
                None
            }
        };
    }
    fields.finish(Some(change))
}
