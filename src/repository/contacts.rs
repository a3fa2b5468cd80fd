//! Contacts: read, locked and deleted one by one. What updates do in bulk is in [`bulk`].

use std::{collections::HashSet, ops::RangeInclusive};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait, IntoColumnRef, LockBehavior, LockType},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    bulk::{self, malformed_number},
    entity::{communication_preference, contact, contact_list, contact_list_contact},
    journal, preferences, records,
    search::{self, Found},
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        birth_date::BirthDate,
        contact::{Contact, ContactFieldSet, ContactFields, ContactReference, StoredContact},
        contact_list::ContactList,
        email::Email,
        language::Language,
        phone_number::PhoneNumber,
        property_value::{Properties, as_json},
        text::Text,
    },
    error::{Error, Result},
};

/// Finds a contact by its id, phone or external_id.
pub async fn find(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    reference: &ContactReference,
) -> Result<Option<StoredContact>> {
    let query = contact::Entity::find().filter(contact::Column::OrganizationId.eq(organization.0));
    let query = match reference {
        ContactReference::Id(id) => query.filter(contact::Column::Id.eq(*id)),
        ContactReference::Phone(phone) => query.filter(contact::Column::Phone.eq(phone.as_str())),
        ContactReference::ExternalId(id) => {
            query.filter(contact::Column::ExternalId.eq(id.as_str()))
        }
    };
    query
        .one(db)
        .await?
        .map(StoredContact::try_from)
        .transpose()
}

/// Returns those of `phones` that a contact has.
pub async fn stored_phones(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    phones: &HashSet<PhoneNumber>,
) -> Result<HashSet<PhoneNumber>> {
    let sql = "SELECT c.phone FROM {given} {join} contacts c ON c.organization_id = $1 AND c.phone = given.phone";
    let given = Rows::new("given").texts("phone", phones.iter().map(PhoneNumber::as_str));
    let backend = db.get_database_backend();
    let statement = statement(backend, sql, [organization.0.into()], [given])?;
    let rows = db.query_all_raw(statement).await?;
    let phone = |row: &QueryResult| {
        let phone: String = row.try_get_by_index(0)?;
        PhoneNumber::from_stored(&phone).ok_or_else(malformed_number)
    };
    rows.iter().map(phone).collect()
}

/// Which members of a list to return.
#[derive(Debug, Clone, Copy)]
pub struct MemberFilter {
    /// The list.
    pub contact_list: Uuid,
    /// The custom object whose records to return with them.
    pub custom_object: Option<Uuid>,
    /// Only contacts that are opted in to this channel.
    pub opted_in_to: Option<Uuid>,
}

/// A member of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// The contact.
    pub contact: StoredContact,
    /// When the contact joined the list.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub join_time: OffsetDateTime,
    /// The contact's record of the requested custom object.
    #[serde(with = "as_json")]
    pub record: Option<Properties>,
}

impl Member {
    /// Returns the contact's id.
    pub fn id(&self) -> Uuid {
        self.contact.contact.id
    }
}

/// Returns at most `limit` members of a list with an id above `after`, ordered by id; fewer where the search ends early, or
/// where they would take too much memory.
pub async fn page_of_members(
    transaction: &Transaction,
    organization: OrganizationId,
    filter: MemberFilter,
    after: Uuid,
    limit: u64,
) -> Result<Found<Member>> {
    let searched_to = match filter.opted_in_to {
        None => None,
        Some(_) => {
            let list = contact_list_contact::Entity::find()
                .filter(contact_list_contact::Column::OrganizationId.eq(organization.0))
                .filter(contact_list_contact::Column::ContactListId.eq(filter.contact_list));
            let id = contact_list_contact::Column::ContactId;
            search::first_rows(transaction.db(), list, id, after)
                .await?
                .1
        }
    };
    let up_to = searched_to.unwrap_or(Uuid::max());
    let mut found = members(transaction, organization, filter, after..=up_to, limit).await?;
    found.searched_to = found.searched_to.or(searched_to);
    Ok(found)
}

/// Returns at most `limit` members of a list, ordered by id, with an id above the start of `ids` and at most its end; fewer
/// where they would take too much memory.
pub async fn members(
    transaction: &Transaction,
    organization: OrganizationId,
    filter: MemberFilter,
    ids: RangeInclusive<Uuid>,
    limit: u64,
) -> Result<Found<Member>> {
    let sql = format!(
        "SELECT m.join_time, c.create_time, c.update_time, {} \
         FROM contact_list_contacts m \
         JOIN contacts c ON c.organization_id = $1 AND c.id = m.contact_id \
         WHERE m.organization_id = $1 AND m.contact_list_id = $2 AND m.contact_id > $3 AND m.contact_id <= $6 \
         AND ($4 = {{nil}} OR EXISTS (SELECT 1 FROM communication_preferences p WHERE p.organization_id = $1 \
         AND p.contact_id = m.contact_id AND p.channel_id = $4 AND p.opted_in)) \
         ORDER BY m.contact_id LIMIT $5",
        bulk::contact_columns(ContactFieldSet::ALL),
    );
    let scalars = [
        organization.0.into(),
        filter.contact_list.into(),
        (*ids.start()).into(),
        filter.opted_in_to.unwrap_or_default().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
        (*ids.end()).into(),
    ];
    let statement = statement(transaction.backend(), &sql, scalars, [])?;
    let read = |row: &QueryResult| {
        Ok(Member {
            join_time: row.try_get_by_index(0)?,
            contact: StoredContact {
                contact: bulk::contact(row, 3, ContactFieldSet::ALL)?,
                create_time: row.try_get_by_index(1)?,
                update_time: row.try_get_by_index(2)?,
            },
            record: None,
        })
    };
    let mut found = Found::from(transaction.db().read_all(statement, read).await?);
    let object = filter.custom_object;
    let mut records = records::of_page(transaction, organization, object, &mut found, |member| {
        &member.contact.contact
    })
    .await?;
    for member in &mut found.rows {
        member.record = records.remove(&member.id());
    }
    Ok(found)
}

/// Returns the lists that a contact is on, deleted ones too, ordered by id.
pub async fn lists_of(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact: Uuid,
) -> Result<Vec<ContactList>> {
    // Memberships are found list by list: an index by contact would cost every update more than this read saves.
    let membership = contact_list_contact::Entity::find()
        .select_only()
        .column(contact_list_contact::Column::ContactId)
        .filter(contact_list_contact::Column::OrganizationId.eq(organization.0))
        .filter(
            (
                contact_list_contact::Entity,
                contact_list_contact::Column::ContactListId,
            )
                .into_column_ref()
                .equals((contact_list::Entity, contact_list::Column::Id)),
        )
        .filter(contact_list_contact::Column::ContactId.eq(contact));
    let lists = contact_list::Entity::find()
        .filter(contact_list::Column::OrganizationId.eq(organization.0))
        .filter(Expr::exists(membership.into_query()))
        .order_by_asc(contact_list::Column::Id)
        .all(db)
        .await?;
    lists.into_iter().map(ContactList::try_from).collect()
}

/// Finds a contact by its id and locks it, so that no other call changes it until the commit.
pub async fn lock(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<StoredContact>> {
    contact::Entity::find_by_id((organization.0, id))
        .lock(LockType::NoKeyUpdate)
        .one(transaction.db())
        .await?
        .map(StoredContact::try_from)
        .transpose()
}

/// Finds a contact by its id and locks it, so that it can be deleted. Returns `None` also if another call has locked it.
pub async fn lock_free_to_delete(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<StoredContact>> {
    contact::Entity::find_by_id((organization.0, id))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(transaction.db())
        .await?
        .map(StoredContact::try_from)
        .transpose()
}

/// Deletes a contact with its preferences and records. Its memberships must be removed already.
pub async fn delete(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<()> {
    communication_preference::Entity::delete_many()
        .filter(communication_preference::Column::OrganizationId.eq(organization.0))
        .filter(communication_preference::Column::ContactId.eq(id))
        .exec(transaction.db())
        .await?;
    preferences::forget_contact(transaction, organization, id).await?;
    records::delete_of_contact(transaction, organization, id).await?;
    journal::forget_contacts(transaction, organization, [id].into_iter()).await?;
    contact::Entity::delete_by_id((organization.0, id))
        .exec(transaction.db())
        .await?;
    Ok(())
}

impl TryFrom<contact::Model> for StoredContact {
    type Error = Error;

    fn try_from(model: contact::Model) -> Result<Self> {
        let phone = PhoneNumber::from_stored(&model.phone);
        let address = model.address.map(serde_json::from_value).transpose();
        let fields = ContactFields {
            external_id: model.external_id.map(Text::from_stored),
            email: model.email.map(Email::from_stored),
            name: model.name.map(Text::from_stored),
            language: model.language.map(Language::from_stored),
            default_channel_id: model.default_channel_id,
            address: address.map_err(Error::internal)?,
            birth_date: model.birth_date.as_deref().and_then(BirthDate::from_stored),
        };
        Ok(Self {
            contact: Contact {
                id: model.id,
                phone: phone.ok_or_else(malformed_number)?,
                fields,
            },
            create_time: model.create_time,
            update_time: model.update_time,
        })
    }
}
