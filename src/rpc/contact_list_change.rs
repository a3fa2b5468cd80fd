//! What `UpdateContactList` changes.

use uuid::Uuid;

use super::fields::{Fields, changed, required_id};
use crate::{
    domain::{
        OrganizationId,
        contact_list::{Color, ContactList, ListState},
        name::Name,
        now,
        violation::Reason,
    },
    error::{Error, Result},
    proto::{UpdateContactListRequest, contact_list::State},
    repository::{Transaction, TransactionOutcome, contact_lists},
};

/// What `UpdateContactList` is to change: `None` keeps.
pub struct ListChange {
    organization: OrganizationId,
    id: Uuid,
    name: Option<Name>,
    color: Option<Option<Color>>,
    state: Option<ListState>,
}

impl ListChange {
    /// Parses the request.
    pub fn parse(organization: OrganizationId, request: UpdateContactListRequest) -> Result<Self> {
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
        let mut change = Self {
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
                State::Unspecified if list.state == 0 => {
                    fields.required("contact_list.state", None)
                }
                State::Deleted | State::Unspecified => {
                    let message = "must be active or archived";
                    fields.refuse("contact_list.state", Reason::FieldInvalid, message);
                    None
                }
            };
        }
        fields.finish(Some(change))
    }

    /// The list that it changes.
    pub fn list(&self) -> (OrganizationId, Uuid) {
        (self.organization, self.id)
    }

    /// Changes the list, and answers it as it is then.
    pub async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<ContactList>> {
        let list = contact_lists::lock(transaction, self.organization, self.id).await?;
        let list = list.ok_or_else(|| Error::not_found("contact_list", self.id))?;
        let changed = self.apply_to(&list)?;
        if changed != list {
            contact_lists::update(transaction, self.organization, &changed).await?;
        }
        Ok(TransactionOutcome::Commit(changed))
    }

    /// The list as it becomes. Fails if it is deleted.
    fn apply_to(&self, list: &ContactList) -> Result<ContactList> {
        if list.state == ListState::Deleted {
            return Err(Error::ContactListNotActive {
                contact_list_id: list.id,
                state: list.state,
            });
        }
        let mut changed = list.clone();
        if let Some(name) = &self.name {
            changed.name = name.as_str().to_owned();
        }
        if let Some(color) = &self.color {
            changed.color = color.clone();
        }
        if let Some(state) = self.state {
            changed.state = state;
        }
        if changed != *list {
            changed.update_time = now();
        }
        Ok(changed)
    }
}
