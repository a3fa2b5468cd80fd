//! Channels.

use std::collections::HashMap;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::LockType,
};
use uuid::Uuid;

use super::{
    Transaction,
    entity::{channel, communication_preference, contact, opted_out_number},
    organizations,
};
use crate::{
    domain::{
        OrganizationId,
        channel::{Channel, ChannelReference, ChannelType, MAX_CHANNELS},
        name::Name,
        now,
        phone_number::PhoneNumber,
    },
    error::{Error, Result},
};

/// Creates a channel.
pub async fn create(
    transaction: &Transaction,
    organization: OrganizationId,
    name: &Name,
    channel_type: ChannelType,
    phone: Option<PhoneNumber>,
) -> Result<Channel> {
    // Updates share this row: they opt in to all channels that there are at their commit.
    organizations::lock(transaction, organization).await?;
    let channels = all(transaction.db(), organization).await?;
    if channels.len() >= MAX_CHANNELS {
        return Err(Error::ResourceLimitReached {
            resource_type: "channel",
            limit: MAX_CHANNELS,
        });
    }
    if phone.is_some() && channels.iter().any(|channel| channel.phone == phone) {
        return Err(Error::AlreadyExists {
            resource_type: "channel",
            field: "phone",
        });
    }
    let now = now();
    let model = channel::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(Uuid::now_v7()),
        name: Set(name.as_str().to_owned()),
        channel_type: Set(channel_type.name().to_owned()),
        phone: Set(phone.map(|phone| phone.as_str().to_owned())),
        create_time: Set(now),
        update_time: Set(now),
    };
    model.insert(transaction.db()).await?.try_into()
}

/// The organization's channels, ordered by id.
pub async fn all(db: &impl ConnectionTrait, organization: OrganizationId) -> Result<Vec<Channel>> {
    page(db, organization, Uuid::nil(), u64::MAX).await
}

/// At most `limit` channels with an id above `after`, ordered by id.
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

/// Writes a channel's name, type, phone number and time.
pub async fn update(
    transaction: &Transaction,
    organization: OrganizationId,
    channel: &Channel,
) -> Result<()> {
    let others = all(transaction.db(), organization).await?;
    let mut others = others.iter().filter(|other| other.id != channel.id);
    if channel.phone.is_some() && others.any(|other| other.phone == channel.phone) {
        return Err(Error::AlreadyExists {
            resource_type: "channel",
            field: "phone",
        });
    }
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

/// Deletes a channel and the opt-outs of it. Fails while a contact is opted in to it or has it as default.
pub async fn delete(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<()> {
    // Whoever writes preferences or defaults shares the channels' rows: none of them is at it now.
    channel::Entity::find_by_id((organization.0, id))
        .lock(LockType::Update)
        .one(transaction.db())
        .await?
        .ok_or_else(|| Error::not_found("channel", id))?;
    if let Some(used_by) = user(transaction, organization, id).await? {
        return Err(Error::ResourceInUse {
            resource_type: "channel",
            resource_name: id.to_string(),
            used_by,
        });
    }
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
    channel::Entity::delete_by_id((organization.0, id))
        .exec(transaction.db())
        .await?;
    Ok(())
}

/// Who still uses a channel, if anybody does.
async fn user(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<&'static str>> {
    let opted_in = communication_preference::Entity::find()
        .filter(communication_preference::Column::OrganizationId.eq(organization.0))
        .filter(communication_preference::Column::ChannelId.eq(id))
        .filter(communication_preference::Column::OptedIn.eq(true))
        .one(transaction.db())
        .await?;
    if opted_in.is_some() {
        return Ok(Some("contacts that are opted in to it"));
    }
    let default = contact::Entity::find()
        .filter(contact::Column::OrganizationId.eq(organization.0))
        .filter(contact::Column::DefaultChannelId.eq(id))
        .one(transaction.db())
        .await?;
    Ok(default.map(|_| "contacts that have it as default"))
}

/// The organization's channels, kept from being deleted until the commit.
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

/// The ids of the channels that references name, each once. Fails if one names none.
pub fn resolve(channels: &[Channel], references: &[ChannelReference]) -> Result<Vec<Uuid>> {
    let by_phone: HashMap<PhoneNumber, Uuid> = channels
        .iter()
        .filter_map(|channel| Some((channel.phone?, channel.id)))
        .collect();
    let mut ids = Vec::with_capacity(references.len());
    for reference in references {
        let id = match reference {
            ChannelReference::Id(id) => channels
                .iter()
                .any(|channel| channel.id == *id)
                .then_some(*id)
                .ok_or_else(|| Error::not_found("channel", id))?,
            ChannelReference::Phone(phone) => *by_phone
                .get(phone)
                .ok_or_else(|| Error::not_found("channel", phone.as_str()))?,
        };
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

impl TryFrom<channel::Model> for Channel {
    type Error = Error;

    fn try_from(model: channel::Model) -> Result<Self> {
        Ok(Self {
            id: model.id,
            name: model.name,
            channel_type: ChannelType::from_stored(&model.channel_type)
                .ok_or_else(|| Error::internal(anyhow::anyhow!("a stored type is unknown")))?,
            phone: model.phone.as_deref().and_then(PhoneNumber::from_stored),
            create_time: model.create_time,
            update_time: model.update_time,
        })
    }
}
