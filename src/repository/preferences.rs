//! Communication preferences: read one by one. What updates do in bulk is in [`super::bulk`].

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::communication_preference;
use crate::{
    domain::{OrganizationId, preference::Preference},
    error::Result,
};

/// Returns at most `limit` preferences of a contact with a channel id above `after`, ordered by channel id.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Preference>> {
    let mut query = communication_preference::Entity::find()
        .filter(communication_preference::Column::OrganizationId.eq(organization.0))
        .filter(communication_preference::Column::ContactId.eq(contact));
    if let Some(after) = after {
        query = query.filter(communication_preference::Column::ChannelId.gt(after));
    }
    let models = query
        .order_by_asc(communication_preference::Column::ChannelId)
        .limit(limit)
        .all(db)
        .await?;
    Ok(models
        .into_iter()
        .map(|model| Preference {
            contact_id: model.contact_id,
            channel_id: model.channel_id,
            opted_in: model.opted_in,
            change_time: model.change_time,
            api_key_id: model.api_key_id,
            update_id: model.update_id,
        })
        .collect())
}
