//! Contacts: read, locked and deleted one by one. What updates do in bulk is in [`bulk`].

use std::{collections::HashSet, ops::RangeInclusive};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait, IntoColumnRef, LockBehavior, LockType, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    bulk::{self, malformed_number},
    entity::{communication_preference, contact, contact_list, contact_list_contact},
    journal, preference_pages, preferences, records,
    search::{self, Found},
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        birth_date::BirthDate,
        contact::{Contact, ContactFieldSet, ContactFields, ContactReference, StoredContact},
        contact_list::{ContactList, Membership},
        email::Email,
        language::Language,
        phone_number::PhoneNumber,
        preference::Preference,
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
    /// Only contacts that said this of a channel.
    pub consent: Option<ConsentFilter>,
    /// Whether to return their preferences.
    pub with_preferences: bool,
}

/// Which contacts of a list to return, by what they said of a channel.
#[derive(Debug, Clone, Copy)]
pub enum ConsentFilter {
    /// Those that are opted in to it.
    OptedIn(Uuid),
    /// Those that are opted out of it, or of all channels and not opted in to it.
    OptedOut(Uuid),
}

impl ConsentFilter {
    /// The channel.
    pub fn channel(self) -> Uuid {
        match self {
            Self::OptedIn(channel) | Self::OptedOut(channel) => channel,
        }
    }

    /// The condition on a member `m`, where `$4` is the channel.
    fn condition(self) -> &'static str {
        match self {
            Self::OptedIn(_) => {
                "EXISTS (SELECT 1 FROM communication_preferences p WHERE p.organization_id = $1 \
                 AND p.contact_id = m.contact_id AND p.channel_id = $4 AND p.opted_in)"
            }
            Self::OptedOut(_) => {
                "EXISTS (SELECT 1 FROM communication_preferences p WHERE p.organization_id = $1 \
                 AND p.contact_id = m.contact_id AND p.channel_id IN ($4, {nil}) AND NOT p.opted_in) \
                 AND NOT EXISTS (SELECT 1 FROM communication_preferences p WHERE p.organization_id = $1 \
                 AND p.contact_id = m.contact_id AND p.channel_id = $4 AND p.opted_in)"
            }
        }
    }
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
    /// The contact's preferences, ordered by channel, if they are requested.
    pub preferences: Vec<Preference>,
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
    let searched_to = match filter.consent {
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
         AND ($4 = {{nil}} OR {}) ORDER BY m.contact_id LIMIT $5",
        bulk::contact_columns(ContactFieldSet::ALL),
        filter.consent.map_or("TRUE", ConsentFilter::condition),
    );
    let channel = filter.consent.map(ConsentFilter::channel);
    let scalars = [
        organization.0.into(),
        filter.contact_list.into(),
        (*ids.start()).into(),
        channel.unwrap_or_default().into(),
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
            preferences: Vec::new(),
        })
    };
    let mut found = Found::from(transaction.db().read_all(statement, read).await?);
    if filter.with_preferences {
        let ids: Vec<Uuid> = found.rows.iter().map(Member::id).collect();
        let (mut preferences, count) =
            preference_pages::of_first(transaction, organization, &ids).await?;
        found.keep(count, Member::id);
        for member in &mut found.rows {
            member.preferences = preferences.remove(&member.id()).unwrap_or_default();
        }
    }
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
    let lists = contact_list::Entity::find()
        .filter(contact_list::Column::OrganizationId.eq(organization.0))
        .filter(has_member(organization, contact))
        .order_by_asc(contact_list::Column::Id)
        .all(db)
        .await?;
    lists.into_iter().map(ContactList::try_from).collect()
}

/// The condition on a contact list that a contact is on it.
pub(super) fn has_member(organization: OrganizationId, contact: Uuid) -> SimpleExpr {
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
    Expr::exists(membership.into_query())
}

/// Returns the memberships of a contact in lists that it is on, in order of their ids.
pub async fn memberships(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact: Uuid,
    lists: &[ContactList],
) -> Result<Vec<Membership>> {
    let sql = "SELECT m.contact_list_id, m.join_time, m.update_id FROM {lists} {join} contact_list_contacts m \
        ON m.organization_id = $1 AND m.contact_list_id = lists.id AND m.contact_id = $2 ORDER BY m.contact_list_id";
    let scalars = [organization.0.into(), contact.into()];
    let lists = Rows::ids("lists", lists.iter().map(|list| list.id));
    let statement = statement(db.get_database_backend(), sql, scalars, [lists])?;
    let membership = |row: &QueryResult| {
        Ok(Membership {
            contact_list_id: row.try_get_by_index(0)?,
            join_time: row.try_get_by_index(1)?,
            update_id: row.try_get_by_index(2)?,
        })
    };
    let rows = db.query_all_raw(statement).await?;
    rows.iter().map(membership).collect()
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
    transaction.overwrite_deleted(true).await?;
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
    transaction.overwrite_deleted(false).await
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
