//! Contact lists.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use uuid::Uuid;

use super::{
    Transaction, contacts,
    entity::{contact_list, contact_list_contact, parse_name},
    prefix::begins_with_unindexed,
    search::{self, Found},
};
use crate::{
    domain::{
        OrganizationId,
        contact_list::{Color, ContactList, ListState},
    },
    error::{Error, Result},
};

/// Which lists to return.
pub struct ListFilter {
    /// Only lists in this state; without a state, all that are not deleted.
    pub state: Option<ListState>,
    /// Only lists whose name begins with this prefix, byte by byte.
    pub name_prefix: String,
    /// Only lists that this contact is on.
    pub contact: Option<Uuid>,
}

/// Inserts a list.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    list: &ContactList,
) -> Result<()> {
    let model = contact_list::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(list.id),
        name: Set(list.name.clone()),
        color: Set(list.color.as_ref().map(|color| color.as_str().to_owned())),
        state: Set(list.state.name().to_owned()),
        contact_count: Set(list.contact_count),
        create_time: Set(list.create_time),
        update_time: Set(list.update_time),
        version: Set(list.version),
    };
    model.insert(transaction.db()).await?;
    Ok(())
}

/// Finds a list by its id.
pub async fn find(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<ContactList>> {
    contact_list::Entity::find_by_id((organization.0, id))
        .one(db)
        .await?
        .map(ContactList::try_from)
        .transpose()
}

/// Finds a list by its id. Fails if there is none.
pub async fn get(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<ContactList> {
    find(db, organization, id)
        .await?
        .ok_or_else(|| Error::not_found("contact_list", id))
}

/// Finds the list that has a name and is not deleted.
pub async fn find_by_name(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<ContactList>> {
    contact_list::Entity::find()
        .filter(contact_list::Column::OrganizationId.eq(organization.0))
        .filter(contact_list::Column::Name.eq(name))
        .filter(contact_list::Column::State.ne(ListState::Deleted.name()))
        .one(db)
        .await?
        .map(ContactList::try_from)
        .transpose()
}

/// Finds a list by its id, and locks it until the commit, so that the updates of one list run one after another.
pub async fn lock(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<ContactList>> {
    contact_list::Entity::find_by_id((organization.0, id))
        .lock(LockType::Update)
        .one(transaction.db())
        .await?
        .map(ContactList::try_from)
        .transpose()
}

/// Locks these lists as [`lock`] does, but does not wait for those that another call has locked. Returns the locked ones,
/// ordered by id.
pub async fn lock_free(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: &[Uuid],
) -> Result<Vec<ContactList>> {
    contact_list::Entity::find()
        .filter(contact_list::Column::OrganizationId.eq(organization.0))
        .filter(contact_list::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(contact_list::Column::Id)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction.db())
        .await?
        .into_iter()
        .map(ContactList::try_from)
        .collect()
}

/// Returns at most `limit` lists with an id above `after`, ordered by id; fewer where the search ends early.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    filter: &ListFilter,
    after: Uuid,
    limit: u64,
) -> Result<Found<ContactList>> {
    let query = contact_list::Entity::find()
        .filter(contact_list::Column::OrganizationId.eq(organization.0));
    let (mut query, searched_to) =
        search::first_rows(db, query, contact_list::Column::Id, after).await?;
    query = match filter.state {
        Some(state) => query.filter(contact_list::Column::State.eq(state.name())),
        None => query.filter(contact_list::Column::State.ne(ListState::Deleted.name())),
    };
    if !filter.name_prefix.is_empty() {
        query = query.filter(begins_with_unindexed(
            contact_list::Column::Name,
            &filter.name_prefix,
        ));
    }
    if let Some(contact) = filter.contact {
        query = query.filter(contacts::has_member(organization, contact));
    }
    let models = query
        .order_by_asc(contact_list::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    let lists = models.into_iter().map(ContactList::try_from);
    let mut found = Found::from(lists.collect::<Result<Vec<_>>>()?);
    found.searched_to = searched_to;
    Ok(found)
}

/// Writes a list's name, color, state and update time.
pub async fn update(
    transaction: &Transaction,
    organization: OrganizationId,
    list: &ContactList,
) -> Result<()> {
    let model = contact_list::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(list.id),
        name: Set(list.name.clone()),
        color: Set(list.color.as_ref().map(|color| color.as_str().to_owned())),
        state: Set(list.state.name().to_owned()),
        update_time: Set(list.update_time),
        ..Default::default()
    };
    model.update(transaction.db()).await?;
    Ok(())
}

/// Writes a list's count of contacts and its version.
pub async fn set_contact_count(
    transaction: &Transaction,
    organization: OrganizationId,
    list: &ContactList,
) -> Result<()> {
    let model = contact_list::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(list.id),
        contact_count: Set(list.contact_count),
        version: Set(list.version),
        ..Default::default()
    };
    model.update(transaction.db()).await?;
    Ok(())
}

/// Removes a contact from lists, and decrements their counts.
pub async fn remove_from(
    transaction: &Transaction,
    organization: OrganizationId,
    lists: &[ContactList],
    contact: Uuid,
) -> Result<()> {
    for list in lists {
        contact_list_contact::Entity::delete_by_id((organization.0, list.id, contact))
            .exec(transaction.db())
            .await?;
        let list = ContactList {
            contact_count: list.contact_count - 1,
            version: list.version + 1,
            ..list.clone()
        };
        set_contact_count(transaction, organization, &list).await?;
    }
    Ok(())
}

impl TryFrom<contact_list::Model> for ContactList {
    type Error = Error;

    fn try_from(model: contact_list::Model) -> Result<Self> {
        Ok(Self {
            id: model.id,
            name: model.name,
            color: model.color.map(Color::from_stored),
            state: parse_name(&model.state)?,
            contact_count: model.contact_count,
            create_time: model.create_time,
            update_time: model.update_time,
            version: model.version,
        })
    }
}
