//! Recorded updates: audit and idempotency in one.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    IdenStatic, Iterable, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    entity::{contact_list_update, parse_name},
};
use crate::{
    domain::{
        OrganizationId,
        contact_list::ContactList,
        update_header::Action,
        update_outcome::{Counts, RejectedContact, UpdateOutcome},
    },
    error::{Error, Result},
};

/// An applied update as recorded.
#[derive(Debug, Clone)]
pub struct RecordedUpdate {
    /// Its action.
    pub action: Action,
    /// The caller's API key.
    pub api_key_id: Uuid,
    /// When it was applied.
    pub create_time: OffsetDateTime,
    /// The call's `request_id`.
    pub request_id: Option<Uuid>,
    /// SHA-256 over the header and contacts as sent, if there is a `request_id`.
    pub fingerprint: Option<Vec<u8>>,
    /// The outcome.
    pub outcome: UpdateOutcome,
}

/// What the column `outcome` holds.
#[derive(Serialize, Deserialize)]
struct StoredOutcome {
    contact_list: ContactList,
    counts: Counts,
}

/// Records an update.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    update: &RecordedUpdate,
) -> Result<()> {
    let outcome = StoredOutcome {
        contact_list: update.outcome.contact_list.clone(),
        counts: update.outcome.counts,
    };
    let rejected = &update.outcome.rejected_contacts;
    let rejected_contacts = match rejected.as_slice() {
        [] => None,
        rejected => Some(serde_json::to_value(rejected).map_err(Error::internal)?),
    };
    let model = contact_list_update::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(update.outcome.update_id.unwrap_or_default()),
        contact_list_id: Set(update.outcome.contact_list.id),
        action: Set(update.action.name().to_owned()),
        api_key_id: Set(update.api_key_id),
        create_time: Set(update.create_time),
        request_id: Set(update.request_id),
        fingerprint: Set(update.fingerprint.clone()),
        outcome: Set(serde_json::to_value(outcome).map_err(Error::internal)?),
        rejected_contacts: Set(rejected_contacts),
        list_version: Set(Some(update.outcome.contact_list.version)),
        consent: Set(None),
        reverted_update_id: Set(None),
    };
    model.insert(transaction.db()).await?;
    Ok(())
}

/// Finds an update by its id.
pub async fn find(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    id: Uuid,
) -> Result<Option<RecordedUpdate>> {
    contact_list_update::Entity::find_by_id((organization.0, id))
        .one(db)
        .await?
        .map(RecordedUpdate::try_from)
        .transpose()
}

/// Finds an update by its `request_id`, if it has one.
pub async fn find_by_request_id(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    request_id: Option<Uuid>,
) -> Result<Option<RecordedUpdate>> {
    let Some(request_id) = request_id else {
        return Ok(None);
    };
    contact_list_update::Entity::find()
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_update::Column::RequestId.eq(request_id))
        .one(db)
        .await?
        .map(RecordedUpdate::try_from)
        .transpose()
}

/// Returns at most `limit` updates of one list or of all, with an id above `after`, ordered by id. Their rejected contacts
/// are left out.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact_list: Option<Uuid>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<RecordedUpdate>> {
    let rejected = contact_list_update::Column::RejectedContacts;
    let others =
        contact_list_update::Column::iter().filter(|column| column.as_str() != rejected.as_str());
    let mut query = contact_list_update::Entity::find()
        .select_only()
        .columns(others)
        .expr_as(Expr::cust("NULL"), rejected.as_str())
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_update::Column::Id.gt(after));
    if let Some(contact_list) = contact_list {
        query = query.filter(contact_list_update::Column::ContactListId.eq(contact_list));
    }
    let models = query
        .order_by_asc(contact_list_update::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    models.into_iter().map(RecordedUpdate::try_from).collect()
}

/// Clears the `request_id`, its fingerprint and the rejected contacts of updates from before `time`. Returns how many it
/// cleared.
pub async fn purge(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<u64> {
    let has_something = Condition::any()
        .add(contact_list_update::Column::RequestId.is_not_null())
        .add(contact_list_update::Column::RejectedContacts.is_not_null());
    let purged = contact_list_update::Entity::update_many()
        .set(contact_list_update::ActiveModel {
            request_id: Set(None),
            fingerprint: Set(None),
            rejected_contacts: Set(None),
            ..Default::default()
        })
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_update::Column::CreateTime.lt(time))
        .filter(has_something)
        .exec(transaction.db())
        .await?;
    Ok(purged.rows_affected)
}

impl TryFrom<contact_list_update::Model> for RecordedUpdate {
    type Error = Error;

    fn try_from(model: contact_list_update::Model) -> Result<Self> {
        let stored: StoredOutcome =
            serde_json::from_value(model.outcome).map_err(Error::internal)?;
        let rejected_contacts: Vec<RejectedContact> = match model.rejected_contacts {
            None => Vec::new(),
            Some(rejected) => serde_json::from_value(rejected).map_err(Error::internal)?,
        };
        Ok(Self {
            action: parse_name(&model.action)?,
            api_key_id: model.api_key_id,
            create_time: model.create_time,
            request_id: model.request_id,
            fingerprint: model.fingerprint,
            outcome: UpdateOutcome {
                update_id: Some(model.id),
                contact_list: stored.contact_list,
                counts: stored.counts,
                rejected_contacts,
                replayed: false,
            },
        })
    }
}
