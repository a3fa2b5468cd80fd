//! API keys: `cl_<organization's id>_<256 random bits>`, of which only a SHA-256 is stored.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Repository, TransactionOutcome,
    entity::{api_key, organization, parse_name},
};
use crate::{
    domain::{OrganizationId, now, organization::Organization, scope::Scope},
    error::{Error, Result},
};

const PREFIX: &str = "cl_";

/// A key without its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The id.
    pub id: Uuid,
    /// What the key may do.
    pub scope: Scope,
    /// Whether it is disabled, and so refused.
    pub disabled: bool,
    /// When it was created.
    pub create_time: OffsetDateTime,
}

/// Creates a key. The second value is the key itself, which is shown once and never stored. Fails if there is no such
/// organization.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    scope: Scope,
) -> Result<(ApiKey, String)> {
    organization::Entity::find_by_id(organization.0)
        .one(repository.db())
        .await?
        .ok_or_else(|| Error::not_found("organization", organization))?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| Error::internal(anyhow::anyhow!("no random bits: {error}")))?;
    let key = format!(
        "{PREFIX}{}_{}",
        organization.0.simple(),
        hex::encode(secret)
    );
    let model = api_key::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(Uuid::now_v7()),
        key_hash: Set(hash(&key)),
        scope: Set(scope.name().to_owned()),
        disabled: Set(false),
        create_time: Set(now()),
    };
    let model = repository
        .write(model, |model, transaction| {
            Box::pin(async move {
                let model = model.clone().insert(transaction.db()).await?;
                Ok(TransactionOutcome::Commit(model))
            })
        })
        .await?;
    Ok((model.try_into()?, key))
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

/// Returns what is stored of `key` and its organization, if it is a key at all. A disabled key is found as well.
pub async fn find(repository: &Repository, key: &str) -> Result<Option<(ApiKey, Organization)>> {
    let Some(organization) = organization_of(key) else {
        return Ok(None);
    };
    let hash = hash(key);
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

pub(crate) fn organization_of(key: &str) -> Option<OrganizationId> {
    let (organization, _) = key.strip_prefix(PREFIX)?.split_once('_')?;
    Uuid::parse_str(organization).ok().map(OrganizationId)
}

/// Returns what is stored of a key in its place.
pub fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key).to_vec()
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
