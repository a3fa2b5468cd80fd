//! Channels.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::LockType,
};
use uuid::Uuid;

use super::{
    Transaction,
    entity::{channel, communication_preference, contact, opted_out_number, parse_name},
    preferences,
};
use crate::{
    domain::{OrganizationId, channel::Channel, phone_number::PhoneNumber},
    error::{Error, Result},
};

/// Inserts a channel.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    channel: &Channel,
) -> Result<()> {
    let model = channel::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(channel.id),
        name: Set(channel.name.clone()),
        channel_type: Set(channel.channel_type.name().to_owned()),
        phone: Set(channel.phone.map(|phone| phone.as_str().to_owned())),
        create_time: Set(channel.create_time),
        update_time: Set(channel.update_time),
    };
    model.insert(transaction.db()).await?;
    Ok(())
}

/// Returns the organization's channels, ordered by id.
pub async fn all(db: &impl ConnectionTrait, organization: OrganizationId) -> Result<Vec<Channel>> {
    page(db, organization, Uuid::nil(), u64::MAX).await
}

/// Returns at most `limit` channels with an id above `after`, ordered by id.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Channel>> {
    let models = channel::Entity::find()
        .filter(channel::Column::OrganizationId.eq(organization.0))
        .filter(channel::Column::Id.gt(after))
        .order_by_asc(channel::Column::Id)
        .limit(limit.min(i64::MAX as u64))
        .all(db)
        .await?;
    models.into_iter().map(Channel::try_from).collect()
}

/// Finds a channel by its id. Fails if there is none.
pub async fn get(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Channel> {
    channel::Entity::find_by_id((organization.0, id))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("channel", id))?
        .try_into()
}

/// Writes a channel's name, type, phone number and update time.
pub async fn update(
    transaction: &Transaction,
    organization: OrganizationId,
    channel: &Channel,
) -> Result<()> {
    let model = channel::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(channel.id),
        name: Set(channel.name.clone()),
        channel_type: Set(channel.channel_type.name().to_owned()),
        phone: Set(channel.phone.map(|phone| phone.as_str().to_owned())),
        update_time: Set(channel.update_time),
        ..Default::default()
    };
    model.update(transaction.db()).await?;
    Ok(())
}

/// Finds a channel by its id and locks it: [`share`] waits for the commit.
pub async fn lock(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<Channel>> {
    channel::Entity::find_by_id((organization.0, id))
        .lock(LockType::Update)
        .one(transaction.db())
        .await?
        .map(Channel::try_from)
        .transpose()
}

/// Returns whether a contact is opted in to a channel.
pub async fn has_opt_ins(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<bool> {
    let opted_in = communication_preference::Entity::find()
        .filter(communication_preference::Column::OrganizationId.eq(organization.0))
        .filter(communication_preference::Column::ChannelId.eq(id))
        .filter(communication_preference::Column::OptedIn.eq(true))
        .one(db)
        .await?;
    Ok(opted_in.is_some())
}

/// Returns whether a channel is the default channel of a contact.
pub async fn is_a_default(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<bool> {
    let contact = contact::Entity::find()
        .filter(contact::Column::OrganizationId.eq(organization.0))
        .filter(contact::Column::DefaultChannelId.eq(id))
        .one(db)
        .await?;
    Ok(contact.is_some())
}

/// Deletes a channel, and the preferences that contacts and numbers have for it.
pub async fn delete(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<()> {
    communication_preference::Entity::delete_many()
        .filter(communication_preference::Column::OrganizationId.eq(organization.0))
        .filter(communication_preference::Column::ChannelId.eq(id))
        .exec(transaction.db())
        .await?;
    opted_out_number::Entity::delete_many()
        .filter(opted_out_number::Column::OrganizationId.eq(organization.0))
        .filter(opted_out_number::Column::ChannelId.eq(id))
        .exec(transaction.db())
        .await?;
    preferences::forget_channel(transaction, organization, id).await?;
    channel::Entity::delete_by_id((organization.0, id))
        .exec(transaction.db())
        .await?;
    Ok(())
}

/// Returns the organization's channels, ordered by id, and keeps them from being deleted before the commit.
pub async fn share(
    transaction: &Transaction,
    organization: OrganizationId,
) -> Result<Vec<Channel>> {
    let models = channel::Entity::find()
        .filter(channel::Column::OrganizationId.eq(organization.0))
        .order_by_asc(channel::Column::Id)
        .lock(LockType::KeyShare)
        .all(transaction.db())
        .await?;
    models.into_iter().map(Channel::try_from).collect()
}

impl TryFrom<channel::Model> for Channel {
    type Error = Error;

    fn try_from(model: channel::Model) -> Result<Self> {
        Ok(Self {
            id: model.id,
            name: model.name,
            channel_type: parse_name(&model.channel_type)?,
            phone: model.phone.as_deref().and_then(PhoneNumber::from_stored),
            create_time: model.create_time,
            update_time: model.update_time,
        })
    }
}
