//! API keys. Of their secrets only the hashes are stored.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    Repository, Transaction, TransactionOutcome,
    entity::{api_key, organization, parse_name},
};
use crate::{
    domain::{
        OrganizationId,
        api_key::{ApiKey, ApiKeySecret},
        now,
        organization::Organization,
        scope::Scope,
    },
    error::{Error, Result},
};

/// Creates a key, and returns it with its secret, which is never stored. Fails if there is no such organization.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    scope: Scope,
) -> Result<(ApiKey, ApiKeySecret)> {
    repository
        .write(
            (organization, scope),
            |(organization, scope), transaction| {
                Box::pin(async move {
                    let created = create_in(transaction, *organization, *scope).await?;
                    Ok(TransactionOutcome::Commit(created))
                })
            },
        )
        .await
}

/// Creates a key as [`create`] does, in a transaction.
pub async fn create_in(
    transaction: &Transaction,
    organization: OrganizationId,
    scope: Scope,
) -> Result<(ApiKey, ApiKeySecret)> {
    organization::Entity::find_by_id(organization.0)
        .one(transaction.db())
        .await?
        .ok_or_else(|| Error::not_found("organization", organization))?;
    let secret = ApiKeySecret::generate(organization).map_err(Error::internal)?;
    let model = api_key::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(Uuid::now_v7()),
        key_hash: Set(secret.hash()),
        scope: Set(scope.name().to_owned()),
        disabled: Set(false),
        create_time: Set(now()),
    };
    let key = model.insert(transaction.db()).await?.try_into()?;
    Ok((key, secret))
}

/// Returns an organization's keys, ordered by id.
pub async fn all(repository: &Repository, organization: OrganizationId) -> Result<Vec<ApiKey>> {
    let models = api_key::Entity::find()
        .filter(api_key::Column::OrganizationId.eq(organization.0))
        .order_by_asc(api_key::Column::Id)
        .all(repository.db())
        .await?;
    models.into_iter().map(ApiKey::try_from).collect()
}

/// Disables a key, or enables it again. Fails if the organization has no such key.
pub async fn set_disabled(
    repository: &Repository,
    organization: OrganizationId,
    id: Uuid,
    disabled: bool,
) -> Result<ApiKey> {
    let input = (organization, id, disabled);
    let model = repository
        .write(input, |(organization, id, disabled), transaction| {
            Box::pin(async move {
                let model = api_key::Entity::find_by_id((organization.0, *id))
                    .one(transaction.db())
                    .await?
                    .ok_or_else(|| Error::not_found("api_key", id))?;
                let mut model = model.into_active_model();
                model.disabled = Set(*disabled);
                Ok(TransactionOutcome::Commit(
                    model.update(transaction.db()).await?,
                ))
            })
        })
        .await?;
    model.try_into()
}

/// Returns the key with this secret and its organization, if there is one. A disabled key is found as well.
pub async fn find(
    repository: &Repository,
    secret: &ApiKeySecret,
) -> Result<Option<(ApiKey, Organization)>> {
    let (organization, hash) = (secret.organization(), secret.hash());
    // Here, so that no call opens a connection to a file in the place of one that was moved: it would take that one's log.
    repository.check_file()?;
    let found = api_key::Entity::find()
        .find_also_related(organization::Entity)
        .filter(api_key::Column::OrganizationId.eq(organization.0))
        .filter(organization::Column::Id.eq(organization.0))
        .filter(api_key::Column::KeyHash.eq(hash.as_slice()))
        .one(&repository.reserved)
        .await?;
    let Some((key, Some(organization))) = found else {
        return Ok(None);
    };
    if !bool::from(key.key_hash.ct_eq(&hash)) {
        return Ok(None);
    }
    Ok(Some((key.try_into()?, organization.into())))
}

impl TryFrom<api_key::Model> for ApiKey {
    type Error = Error;

    fn try_from(model: api_key::Model) -> Result<Self> {
        Ok(Self {
            id: model.id,
            scope: parse_name(&model.scope)?,
            disabled: model.disabled,
            create_time: model.create_time,
        })
    }
}
