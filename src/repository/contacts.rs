//! Contacts, as they are read.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, IntoColumnRef},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::entity::{
    contact, contact_list, contact_list_contact, custom_object, custom_object_record,
};
use crate::{
    domain::{
        OrganizationId,
        birth_date::BirthDate,
        contact::{Contact, ContactFields, ContactReference},
        contact_list::{ContactList, ListState},
        email::Email,
        language::Language,
        phone_number::PhoneNumber,
        property_value::Properties,
        text::Text,
    },
    error::{Error, Result},
};

/// Finds a contact.
pub async fn find(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    reference: &ContactReference,
) -> Result<Option<Contact>> {
    let query = contact::Entity::find().filter(contact::Column::OrganizationId.eq(organization.0));
    let query = match reference {
        ContactReference::Id(id) => query.filter(contact::Column::Id.eq(*id)),
        ContactReference::Phone(phone) => query.filter(contact::Column::Phone.eq(phone.as_str())),
        ContactReference::ExternalId(id) => {
            query.filter(contact::Column::ExternalId.eq(id.as_str()))
        }
    };
    query.one(db).await?.map(Contact::try_from).transpose()
}

/// At most `limit` members of a list with an id above `after`, ordered by id, with the time at which each joined.
pub async fn members(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact_list: Uuid,
    after: Uuid,
    limit: u64,
) -> Result<Vec<(Contact, OffsetDateTime)>> {
    let members = contact_list_contact::Entity::find()
        .filter(contact_list_contact::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_contact::Column::ContactListId.eq(contact_list))
        .filter(contact_list_contact::Column::ContactId.gt(after))
        .order_by_asc(contact_list_contact::Column::ContactId)
        .limit(limit)
        .all(db)
        .await?;
    let ids = members.iter().map(|member| member.contact_id);
    let mut contacts: HashMap<Uuid, contact::Model> = contact::Entity::find()
        .filter(contact::Column::OrganizationId.eq(organization.0))
        .filter(contact::Column::Id.is_in(ids))
        .all(db)
        .await?
        .into_iter()
        .map(|contact| (contact.id, contact))
        .collect();
    members
        .into_iter()
        .filter_map(|member| Some((contacts.remove(&member.contact_id)?, member.join_time)))
        .map(|(contact, join_time)| Ok((contact.try_into()?, join_time)))
        .collect()
}

/// The records that contacts have of a custom object.
pub async fn records(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    custom_object: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Properties>> {
    custom_object_record::Entity::find()
        .filter(custom_object_record::Column::OrganizationId.eq(organization.0))
        .filter(custom_object_record::Column::CustomObjectId.eq(custom_object))
        .filter(custom_object_record::Column::ContactId.is_in(contact_ids))
        .all(db)
        .await?
        .into_iter()
        .map(|record| Ok((record.contact_id, properties(record.properties)?)))
        .collect()
}

/// The lists that a contact is on, but for the deleted ones, ordered by id.
pub async fn lists_of(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact: Uuid,
) -> Result<Vec<ContactList>> {
    // Memberships are found by their lists: an index by contact would cost every update more than this read saves.
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
        .filter(contact_list::Column::State.ne(ListState::Deleted.name()))
        .filter(Expr::exists(membership.into_query()))
        .order_by_asc(contact_list::Column::Id)
        .all(db)
        .await?;
    lists.into_iter().map(ContactList::try_from).collect()
}

/// The records of a contact, ordered by custom object id.
pub async fn records_of(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact: Uuid,
) -> Result<Vec<(Uuid, Properties)>> {
    let objects = custom_object::Entity::find()
        .filter(custom_object::Column::OrganizationId.eq(organization.0))
        .all(db)
        .await?;
    custom_object_record::Entity::find()
        .filter(custom_object_record::Column::OrganizationId.eq(organization.0))
        .filter(
            custom_object_record::Column::CustomObjectId
                .is_in(objects.iter().map(|object| object.id)),
        )
        .filter(custom_object_record::Column::ContactId.eq(contact))
        .order_by_asc(custom_object_record::Column::CustomObjectId)
        .all(db)
        .await?
        .into_iter()
        .map(|record| Ok((record.custom_object_id, properties(record.properties)?)))
        .collect()
}

fn properties(json: serde_json::Value) -> Result<Properties> {
    serde_json::from_value(json).map_err(Error::internal)
}

impl TryFrom<contact::Model> for Contact {
    type Error = Error;

    fn try_from(model: contact::Model) -> Result<Self> {
        Ok(Self {
            id: model.id,
            phone: PhoneNumber::stored(&model.phone)
                .ok_or_else(|| Error::internal(anyhow::anyhow!("a stored number is malformed")))?,
            fields: ContactFields {
                external_id: model.external_id.map(Text::stored),
                email: model.email.map(Email::stored),
                name: model.name.map(Text::stored),
                language: model.language.map(Language::stored),
                default_channel_id: model.default_channel_id,
                address: model
                    .address
                    .map(serde_json::from_value)
                    .transpose()
                    .map_err(Error::internal)?,
                birth_date: model.birth_date.as_deref().and_then(BirthDate::stored),
            },
            create_time: model.create_time,
            update_time: model.update_time,
        })
    }
}
