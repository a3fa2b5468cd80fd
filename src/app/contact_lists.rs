//! Contact lists: creating, changing and deleting them. A name is unique among the lists that are not deleted, and a deleted
//! list can't be changed any more.

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        contact_list::{Color, ContactList, ListState},
        name::Name,
        now,
    },
    error::{Error, Result},
    repository::{Repository, Transaction, TransactionOutcome, WriteLength, contact_lists},
};

/// Creates an empty, active list. Fails if another list has the name.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    name: Name,
    color: Option<Color>,
) -> Result<ContactList> {
    let input = (organization, name, color);
    repository
        .write(input, |(organization, name, color), transaction| {
            Box::pin(async move {
                let list = create_in(transaction, *organization, name, color.as_ref());
                Ok(TransactionOutcome::Commit(list.await?))
            })
        })
        .await
}

/// Creates a list in a transaction, as [`create`] does.
pub async fn create_in(
    transaction: &Transaction,
    organization: OrganizationId,
    name: &Name,
    color: Option<&Color>,
) -> Result<ContactList> {
    let now = now();
    let list = ContactList {
        id: Uuid::now_v7(),
        name: name.as_str().to_owned(),
        color: color.cloned(),
        state: ListState::Active,
        contact_count: 0,
        create_time: now,
        update_time: now,
        version: 0,
    };
    refuse_taken_name(transaction, organization, &list).await?;
    contact_lists::insert(transaction, organization, &list).await?;
    Ok(list)
}

/// The changes to a list. `None` leaves a field as it is.
pub struct ListChange {
    /// The list's organization.
    pub organization: OrganizationId,
    /// The list's id.
    pub id: Uuid,
    /// The new name.
    pub name: Option<Name>,
    /// The new color; `Some(None)` clears it.
    pub color: Option<Option<Color>>,
    /// The new state: active or archived.
    pub state: Option<ListState>,
}

impl ListChange {
    /// Changes the list, and returns the result. Fails if it is deleted, or if another list has the new name.
    pub async fn apply(self, repository: &Repository) -> Result<ContactList> {
        let list = (self.organization, self.id);
        repository
            .write_lists(
                vec![list],
                WriteLength::Short,
                self,
                |change, transaction| Box::pin(change.apply_in(transaction)),
            )
            .await
    }

    async fn apply_in(&self, transaction: &Transaction) -> Result<TransactionOutcome<ContactList>> {
        let list = contact_lists::lock(transaction, self.organization, self.id).await?;
        let list = list.ok_or_else(|| Error::not_found("contact_list", self.id))?;
        let mut changed = self.changed(&list)?;
        if changed != list {
            changed.update_time = now();
            refuse_taken_name(transaction, self.organization, &changed).await?;
            contact_lists::update(transaction, self.organization, &changed).await?;
        }
        Ok(TransactionOutcome::Commit(changed))
    }

    fn changed(&self, list: &ContactList) -> Result<ContactList> {
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
        changed.state = self.state.unwrap_or(list.state);
        Ok(changed)
    }
}

/// Deletes a list permanently, and returns it. A list that is deleted already stays as it is.
pub async fn delete(
    repository: &Repository,
    organization: OrganizationId,
    id: Uuid,
) -> Result<ContactList> {
    let list = (organization, id);
    repository
        .write_lists(
            vec![list],
            WriteLength::Short,
            list,
            |(organization, id), transaction| {
                Box::pin(async move {
                    let list = contact_lists::lock(transaction, *organization, *id).await?;
                    let mut list = list.ok_or_else(|| Error::not_found("contact_list", id))?;
                    if list.state != ListState::Deleted {
                        list.state = ListState::Deleted;
                        list.update_time = now();
                        contact_lists::update(transaction, *organization, &list).await?;
                    }
                    Ok(TransactionOutcome::Commit(list))
                })
            },
        )
        .await
}

async fn refuse_taken_name(
    transaction: &Transaction,
    organization: OrganizationId,
    list: &ContactList,
) -> Result<()> {
    let holder = contact_lists::find_by_name(transaction.db(), organization, &list.name).await?;
    if holder.is_some_and(|holder| holder.id != list.id) {
        return Err(Error::AlreadyExists {
            resource_type: "contact_list",
            field: "name",
        });
    }
    Ok(())
}
