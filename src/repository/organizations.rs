//! Organizations: the tenants.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel,
    QueryOrder, QuerySelect, sea_query::LockType,
};
use uuid::Uuid;

use super::{
    Repository, Transaction, TransactionOutcome, entity::organization, migrate::LOCK_STARTS,
};
use crate::{
    domain::{
        now,
        organization::{OptOutKey, Organization, OrganizationId},
        percent::Percent,
        phone_number::DefaultRegion,
    },
    error::{Error, Result},
};

/// Creates an organization.
pub async fn create(
    repository: &Repository,
    name: &str,
    default_region: Option<&str>,
    max_removed_percent: Option<Percent>,
) -> Result<Organization> {
    let region = default_region.map(str::to_owned);
    let input = (name.to_owned(), region, max_removed_percent);
    repository
        .write(input, |(name, region, max_removed), transaction| {
            Box::pin(async move {
                let created = create_in(transaction, name, region.as_deref(), *max_removed).await?;
                Ok(TransactionOutcome::Commit(created))
            })
        })
        .await
}

/// Creates an organization in a transaction.
pub async fn create_in(
    transaction: &Transaction,
    name: &str,
    default_region: Option<&str>,
    max_removed_percent: Option<Percent>,
) -> Result<Organization> {
    let mut opt_out_key = vec![0; 32];
    getrandom::fill(&mut opt_out_key).map_err(Error::internal)?;
    let model = organization::ActiveModel {
        id: Set(Uuid::now_v7()),
        name: Set(name.to_owned()),
        default_region: Set(default_region.map(str::to_owned)),
        opt_out_key: Set(opt_out_key),
        create_time: Set(now()),
        max_removed_percent: Set(max_removed_percent.map(Percent::number)),
        ..Default::default()
    };
    Ok(model.insert(transaction.db()).await?.into())
}

/// The changes to an organization. `None` leaves a value as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChange {
    /// The new default region.
    pub default_region: Option<Option<String>>,
    /// How many percent of a list's members an overwrite may remove from now on.
    pub max_removed_percent: Option<Option<Percent>>,
}

/// Changes an organization. Fails if there is no such organization.
pub async fn update(
    repository: &Repository,
    organization: OrganizationId,
    change: OrganizationChange,
) -> Result<Organization> {
    let model = repository
        .write(
            (organization, change),
            |(organization, change), transaction| {
                Box::pin(async move {
                    let model = organization::Entity::find_by_id(organization.0)
                        .one(transaction.db())
                        .await?
                        .ok_or_else(|| Error::not_found("organization", organization))?;
                    let mut model = model.into_active_model();
                    if let Some(region) = &change.default_region {
                        model.default_region = Set(region.clone());
                    }
                    if let Some(percent) = change.max_removed_percent {
                        model.max_removed_percent = Set(percent.map(Percent::number));
                    }
                    Ok(TransactionOutcome::Commit(
                        model.update(transaction.db()).await?,
                    ))
                })
            },
        )
        .await?;
    Ok(model.into())
}

/// Returns all organizations, ordered by id.
pub async fn all(repository: &Repository) -> Result<Vec<Organization>> {
    let models = organization::Entity::find()
        .order_by_asc(organization::Column::Id)
        .all(repository.db())
        .await?;
    Ok(models.into_iter().map(Organization::from).collect())
}

/// Returns whether there is none yet. Other servers that ask wait until the transaction ends.
pub async fn none_exist(transaction: &Transaction) -> Result<bool> {
    let db = transaction.db();
    // SQLite has one writer at a time.
    if transaction.backend() == DbBackend::Postgres {
        db.execute_unprepared(LOCK_STARTS).await?;
    }
    let first = organization::Entity::find().one(db).await?;
    Ok(first.is_none())
}

/// Makes a custom object the organization's default one.
pub async fn set_default_custom_object(
    transaction: &Transaction,
    organization: OrganizationId,
    object: Uuid,
) -> Result<()> {
    let model = organization::ActiveModel {
        id: Set(organization.0),
        default_custom_object_id: Set(Some(object)),
        ..Default::default()
    };
    model.update(transaction.db()).await?;
    Ok(())
}

/// Reads the organization and locks its row in shared mode: [`lock`] waits for the commit, [`share`] doesn't.
pub async fn share(
    transaction: &Transaction,
    organization: OrganizationId,
) -> Result<Organization> {
    lock_as(transaction, organization, LockType::Share).await
}

/// Reads the organization and locks its row: [`share`] and [`lock`] wait for the commit.
pub async fn lock(transaction: &Transaction, organization: OrganizationId) -> Result<Organization> {
    lock_as(transaction, organization, LockType::NoKeyUpdate).await
}

async fn lock_as(
    transaction: &Transaction,
    organization: OrganizationId,
    lock: LockType,
) -> Result<Organization> {
    let model = organization::Entity::find_by_id(organization.0)
        .lock(lock)
        .one(transaction.db())
        .await?;
    let model = model.ok_or_else(|| Error::not_found("organization", organization))?;
    Ok(model.into())
}

impl From<organization::Model> for Organization {
    fn from(model: organization::Model) -> Self {
        Self {
            id: OrganizationId(model.id),
            name: model.name,
            default_region: model
                .default_region
                .as_deref()
                .and_then(DefaultRegion::parse),
            default_region_code: model.default_region,
            opt_out_key: OptOutKey::from_stored(model.opt_out_key),
            default_custom_object_id: model.default_custom_object_id,
            max_removed_percent: model
                .max_removed_percent
                .and_then(|number| Percent::parse(number).ok()),
        }
    }
}
