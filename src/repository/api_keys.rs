//! API keys. Of their secrets only the hashes are stored.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use sea_orm_migration::SchemaManager;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Repository, Transaction, TransactionOutcome,
    entity::{api_key, organization, parse_name},
};
use crate::{
    domain::{
        OrganizationId,
        api_key::{ApiKey, ApiKeySecret, NewApiKey},
        now,
        organization::Organization,
    },
    error::{Error, Result},
};

/// Creates a key, and returns it with its secret, which is never stored. Fails if there is no such organization.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    key: NewApiKey,
) -> Result<(ApiKey, ApiKeySecret)> {
    repository
        .write((organization, key), |(organization, key), transaction| {
            Box::pin(async move {
                let created = create_in(transaction, *organization, key).await?;
                Ok(TransactionOutcome::Commit(created))
            })
        })
        .await
}

/// Creates a key as [`create`] does, in a transaction.
pub async fn create_in(
    transaction: &Transaction,
    organization: OrganizationId,
    key: &NewApiKey,
) -> Result<(ApiKey, ApiKeySecret)> {
    check_organization(transaction.db(), organization).await?;
    let secret = ApiKeySecret::generate(organization).map_err(Error::internal)?;
    let created = ApiKey {
        id: Uuid::now_v7(),
        scope: key.scope,
        disabled: false,
        create_time: now(),
        name: key.name.clone().map(String::from),
        expire_time: key.expire_time,
        last_use_time: None,
    };
    // What it does not have is left out, since an older schema has no columns for it.
    let set = |time: Option<OffsetDateTime>| time.map_or(NotSet, |time| Set(Some(time)));
    let model = api_key::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(created.id),
        key_hash: Set(secret.hash()),
        scope: Set(created.scope.name().to_owned()),
        disabled: Set(created.disabled),
        create_time: Set(created.create_time),
        name: created.name.clone().map_or(NotSet, |name| Set(Some(name))),
        expire_time: set(created.expire_time),
        last_use_time: NotSet,
    };
    api_key::Entity::insert(model)
        .exec_without_returning(transaction.db())
        .await?;
    Ok((created, secret))
}

async fn check_organization(db: &impl ConnectionTrait, organization: OrganizationId) -> Result<()> {
    organization::Entity::find_by_id(organization.0)
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("organization", organization))?;
    Ok(())
}

/// Returns an organization's keys, ordered by id. On an older schema they have no details. Fails if there is no such organization.
pub async fn all(repository: &Repository, organization: OrganizationId) -> Result<Vec<ApiKey>> {
    use api_key::Column::{CreateTime, Disabled, Id, KeyHash, OrganizationId, Scope};
    check_organization(repository.db(), organization).await?;
    let mut keys = api_key::Entity::find()
        .filter(OrganizationId.eq(organization.0))
        .order_by_asc(Id);
    let schema = SchemaManager::new(repository.db().without_timeout());
    if !schema.has_column("api_keys", "expire_time").await? {
        let columns = [OrganizationId, Id, KeyHash, Scope, Disabled, CreateTime];
        keys = keys.select_only().columns(columns);
        for missing in ["name", "expire_time", "last_use_time"] {
            keys = keys.expr_as(Expr::cust("NULL"), missing);
        }
    }
    let models = keys.all(repository.db()).await?;
    models.into_iter().map(ApiKey::try_from).collect()
}

/// Disables a key, or enables it again. Fails if the organization has no such key.
pub async fn set_disabled(
    repository: &Repository,
    organization: OrganizationId,
    id: Uuid,
    disabled: bool,
) -> Result<()> {
    let input = (organization, id, disabled);
    repository
        .write(input, |(organization, id, disabled), transaction| {
            Box::pin(async move {
                // Nothing else is read or written, so that it works on older and newer schemas.
                let update = api_key::Entity::update_many()
                    .col_expr(api_key::Column::Disabled, Expr::value(*disabled))
                    .filter(api_key::Column::OrganizationId.eq(organization.0))
                    .filter(api_key::Column::Id.eq(*id));
                match update.exec(transaction.db()).await?.rows_affected {
                    0 => Err(Error::not_found("api_key", id)),
                    _ => Ok(TransactionOutcome::Commit(())),
                }
            })
        })
        .await
}

/// Notes that keys of an organization were used in the hour that begins at `hour`, unless a later hour is noted already.
pub async fn set_last_use(
    repository: &Repository,
    organization: OrganizationId,
    ids: &[Uuid],
    hour: OffsetDateTime,
) -> Result<()> {
    let input = (organization, ids.to_vec(), hour);
    repository
        .write(input, |(organization, ids, hour), transaction| {
            Box::pin(async move {
                let column = api_key::Column::LastUseTime;
                api_key::Entity::update_many()
                    .col_expr(column, Expr::value(*hour))
                    .filter(api_key::Column::OrganizationId.eq(organization.0))
                    .filter(api_key::Column::Id.is_in(ids.iter().copied()))
                    .filter(column.is_null().or(column.lt(*hour)))
                    .exec(transaction.db())
                    .await?;
                Ok(TransactionOutcome::Commit(()))
            })
        })
        .await
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
            name: model.name,
            expire_time: model.expire_time,
            last_use_time: model.last_use_time,
        })
    }
}
