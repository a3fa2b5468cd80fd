//! The search of `ListContacts`.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Func},
};
use uuid::Uuid;

use super::{
    entity::contact,
    prefix::{begins_with, begins_with_unindexed},
    search::{Found, MAX_ROWS, first_rows},
};
use crate::{
    domain::{OrganizationId, contact::StoredContact, phone_number::PhoneNumber},
    error::Result,
};

/// Which contacts to return: those that match all of the given filters.
#[derive(Debug, Clone, Default)]
pub struct ContactFilter {
    /// With this phone.
    pub phone: Option<PhoneNumber>,
    /// With this email; the case of A to Z does not matter.
    pub email: Option<String>,
    /// With this external_id.
    pub external_id: Option<String>,
    /// With a name that begins with this prefix, byte by byte.
    pub name_prefix: Option<String>,
}

/// Returns at most `limit` contacts with an id above `after`, ordered by id; fewer where the search ends early.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    filter: &ContactFilter,
    after: Uuid,
    limit: u64,
) -> Result<Found<StoredContact>> {
    let query = matching_all_but_name(organization, filter);
    let Some(prefix) = &filter.name_prefix else {
        let query = query.filter(contact::Column::Id.gt(after));
        return Ok(first(db, query, limit).await?.into());
    };
    if filter.phone.is_none() && filter.email.is_none() && filter.external_id.is_none() {
        let named = query
            .clone()
            .filter(begins_with(contact::Column::Name, prefix));
        if let Some(ids) = ids_of_few(db, named, after, limit).await? {
            return Ok(with_ids(db, query, ids).await?.into());
        }
    }
    let (query, searched_to) = first_rows(db, query, contact::Column::Id, after).await?;
    let query = query.filter(begins_with_unindexed(contact::Column::Name, prefix));
    let mut found = Found::from(first(db, query, limit).await?);
    found.searched_to = searched_to;
    Ok(found)
}

/// Returns the first `limit` of the contacts that `query` finds.
async fn first(
    db: &impl ConnectionTrait,
    query: Select<contact::Entity>,
    limit: u64,
) -> Result<Vec<StoredContact>> {
    let query = query.order_by_asc(contact::Column::Id).limit(limit);
    let models = query.all(db).await?;
    models.into_iter().map(StoredContact::try_from).collect()
}

/// Returns those of the contacts that `query` finds that have these ids.
async fn with_ids(
    db: &impl ConnectionTrait,
    query: Select<contact::Entity>,
    ids: Vec<Uuid>,
) -> Result<Vec<StoredContact>> {
    // Asked for the order, PostgreSQL reads the whole organization in it.
    let mut models = query.filter(contact::Column::Id.is_in(ids)).all(db).await?;
    models.sort_unstable_by_key(|model| model.id);
    models.into_iter().map(StoredContact::try_from).collect()
}

/// Returns the query for what each of these filters finds in an index, in order of the ids.
fn matching_all_but_name(
    organization: OrganizationId,
    filter: &ContactFilter,
) -> Select<contact::Entity> {
    let mut query =
        contact::Entity::find().filter(contact::Column::OrganizationId.eq(organization.0));
    if let Some(phone) = filter.phone {
        query = query.filter(contact::Column::Phone.eq(phone.as_str()));
    }
    if let Some(email) = &filter.email {
        let lower = Func::lower(contact::Column::Email.into_expr());
        query = query
            // SQLite needs to be told that the index has them all.
            .filter(contact::Column::Email.is_not_null())
            .filter(Expr::expr(lower).eq(email.to_ascii_lowercase()));
    }
    if let Some(external_id) = &filter.external_id {
        query = query.filter(contact::Column::ExternalId.eq(external_id));
    }
    query
}

/// Returns the first `limit` ids above `after` that `query` finds, if it finds no more rows than a search goes through. These
/// are looked up in whatever order their index has.
async fn ids_of_few(
    db: &impl ConnectionTrait,
    query: Select<contact::Entity>,
    after: Uuid,
    limit: u64,
) -> Result<Option<Vec<Uuid>>> {
    let mut ids: Vec<Uuid> = query
        .select_only()
        .column(contact::Column::Id)
        .limit(MAX_ROWS + 1)
        .into_tuple()
        .all(db)
        .await?;
    if ids.len() as u64 > MAX_ROWS {
        return Ok(None);
    }
    ids.retain(|id| *id > after);
    ids.sort_unstable();
    ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Some(ids))
}
