//! How far the updates of organizations have aged.

use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, sea_query::OnConflict};
use time::OffsetDateTime;

use super::{Transaction, entity::purge_time, sql::statement};
use crate::{
    domain::OrganizationId,
    error::{Error, Result},
};

/// Returns how far an organization's updates have aged. They begin with the organization.
pub async fn get(
    transaction: &Transaction,
    organization: OrganizationId,
) -> Result<OffsetDateTime> {
    let sql = "SELECT COALESCE(p.purge_time, o.create_time) FROM organizations o \
        LEFT JOIN purge_times p ON p.organization_id = $1 WHERE o.id = $1";
    let statement = statement(transaction.backend(), sql, [organization.0.into()], [])?;
    let row = transaction.db().query_one_raw(statement).await?;
    let row = row.ok_or_else(|| Error::not_found("organization", organization))?;
    Ok(row.try_get_by_index(0)?)
}

/// Sets how far an organization's updates have aged.
pub async fn set(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<()> {
    let model = purge_time::ActiveModel {
        organization_id: Set(organization.0),
        purge_time: Set(time),
    };
    let on_conflict = OnConflict::column(purge_time::Column::OrganizationId)
        .update_column(purge_time::Column::PurgeTime)
        .to_owned();
    purge_time::Entity::insert(model)
        .on_conflict(on_conflict)
        .exec_without_returning(transaction.db())
        .await?;
    Ok(())
}
