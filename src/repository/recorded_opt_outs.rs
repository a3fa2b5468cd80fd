//! Applied calls of `OptOutContacts` that have a `request_id`.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Transaction, entity::recorded_opt_out};
use crate::{
    domain::{OrganizationId, opt_out_outcome::OptOutOutcome},
    error::{Error, Result},
};

/// A call, as recorded.
#[derive(Debug, Clone)]
pub struct RecordedOptOut {
    /// The call's `request_id`.
    pub request_id: Uuid,
    /// The caller's API key.
    pub api_key_id: Uuid,
    /// When the call was applied.
    pub create_time: OffsetDateTime,
    /// SHA-256 over the header and contacts as sent.
    pub fingerprint: Vec<u8>,
    /// The outcome.
    pub outcome: OptOutOutcome,
}

/// Records a call.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    call: RecordedOptOut,
) -> Result<()> {
    let model = recorded_opt_out::ActiveModel {
        organization_id: Set(organization.0),
        request_id: Set(call.request_id),
        api_key_id: Set(call.api_key_id),
        create_time: Set(call.create_time),
        fingerprint: Set(call.fingerprint),
        outcome: Set(serde_json::to_value(call.outcome).map_err(Error::internal)?),
    };
    model.insert(transaction.db()).await?;
    Ok(())
}

/// Finds a call by its `request_id`, if it has one.
pub async fn find(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    request_id: Option<Uuid>,
) -> Result<Option<RecordedOptOut>> {
    let Some(request_id) = request_id else {
        return Ok(None);
    };
    let model = recorded_opt_out::Entity::find_by_id((organization.0, request_id))
        .one(db)
        .await?;
    let recorded = model.map(|model| {
        Ok(RecordedOptOut {
            request_id: model.request_id,
            api_key_id: model.api_key_id,
            create_time: model.create_time,
            fingerprint: model.fingerprint,
            outcome: serde_json::from_value(model.outcome).map_err(Error::internal)?,
        })
    });
    recorded.transpose()
}

/// Deletes calls from before `time`.
pub async fn forget(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<()> {
    recorded_opt_out::Entity::delete_many()
        .filter(recorded_opt_out::Column::OrganizationId.eq(organization.0))
        .filter(recorded_opt_out::Column::CreateTime.lt(time))
        .exec(transaction.db())
        .await?;
    Ok(())
}
