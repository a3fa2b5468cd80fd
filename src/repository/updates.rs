//! Recorded updates: audit and idempotency in one.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic,
    Iterable, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    entity::{contact_list_update, parse_name},
    sql::statement,
};
use crate::{
    domain::{
        OrganizationId,
        consent::Consent,
        contact_list::ContactList,
        revert::{RevertCounts, RevertOutcome},
        update_header::Action,
        update_outcome::{Counts, RejectedContact, UpdateOutcome},
    },
    error::{Error, Result},
};

/// What was done to a list.
#[derive(Debug, Clone)]
pub enum RecordedAction {
    /// An update.
    Update(Action),
    /// An update was taken back.
    Revert {
        /// The update.
        update_id: Uuid,
        /// What that came to.
        counts: RevertCounts,
    },
}

/// The name of a revert among the actions.
const REVERT: &str = "revert";

/// An applied update, or a revert of one, as recorded.
#[derive(Debug, Clone)]
pub struct RecordedUpdate {
    /// Its action.
    pub action: RecordedAction,
    /// The caller's API key.
    pub api_key_id: Uuid,
    /// When it was applied.
    pub create_time: OffsetDateTime,
    /// The call's `request_id`.
    pub request_id: Option<Uuid>,
    /// SHA-256 over the header and contacts as sent, if there is a `request_id`.
    pub fingerprint: Option<Vec<u8>>,
    /// The list's version right after it; `None` if an older program recorded it.
    pub list_version: Option<i64>,
    /// The header's consent.
    pub consent: Option<Consent>,
    /// The outcome.
    pub outcome: UpdateOutcome,
}

impl RecordedUpdate {
    /// The update that it takes back, if it is a revert.
    pub fn reverted_update_id(&self) -> Option<Uuid> {
        match &self.action {
            RecordedAction::Update(_) => None,
            RecordedAction::Revert { update_id, .. } => Some(*update_id),
        }
    }

    /// The outcome of a revert, if it is one.
    pub fn into_revert_outcome(self, replayed: bool) -> Option<RevertOutcome> {
        let RecordedAction::Revert { update_id, counts } = self.action else {
            return None;
        };
        Some(RevertOutcome {
            update_id: self.outcome.update_id,
            reverted_update_id: update_id,
            contact_list: self.outcome.contact_list,
            counts,
            replayed,
        })
    }
}

/// What the column `outcome` holds.
#[derive(Serialize, Deserialize)]
struct StoredOutcome {
    contact_list: ContactList,
    counts: Counts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revert: Option<RevertCounts>,
}

/// Records an update.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    update: &RecordedUpdate,
) -> Result<()> {
    let (action, revert) = match &update.action {
        RecordedAction::Update(action) => (action.name(), None),
        RecordedAction::Revert { counts, .. } => (REVERT, Some(counts.clone())),
    };
    let outcome = StoredOutcome {
        contact_list: update.outcome.contact_list.clone(),
        counts: update.outcome.counts,
        revert,
    };
    let rejected = &update.outcome.rejected_contacts;
    let rejected_contacts = match rejected.as_slice() {
        [] => None,
        rejected => Some(serde_json::to_value(rejected).map_err(Error::internal)?),
    };
    let consent = update
        .consent
        .as_ref()
        .map(serde_json::to_value)
        .transpose();
    let model = contact_list_update::ActiveModel {
        organization_id: Set(organization.0),
        id: Set(update.outcome.update_id.unwrap_or_default()),
        contact_list_id: Set(update.outcome.contact_list.id),
        action: Set(action.to_owned()),
        api_key_id: Set(update.api_key_id),
        create_time: Set(update.create_time),
        request_id: Set(update.request_id),
        fingerprint: Set(update.fingerprint.clone()),
        outcome: Set(serde_json::to_value(outcome).map_err(Error::internal)?),
        rejected_contacts: Set(rejected_contacts),
        list_version: Set(update.list_version),
        consent: Set(consent.map_err(Error::internal)?),
        reverted_update_id: Set(update.reverted_update_id()),
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

/// Finds the revert of an update.
pub async fn find_revert_of(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    update: Uuid,
) -> Result<Option<RecordedUpdate>> {
    contact_list_update::Entity::find()
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_update::Column::RevertedUpdateId.eq(update))
        .one(db)
        .await?
        .map(RecordedUpdate::try_from)
        .transpose()
}

/// Returns the latest update of a list that is neither a revert nor reverted, of those that have a version.
pub async fn latest_unreverted(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
) -> Result<Option<Uuid>> {
    let sql = "SELECT u.id FROM contact_list_updates u WHERE u.organization_id = $1 AND u.contact_list_id = $2 \
        AND u.list_version IS NOT NULL AND u.reverted_update_id IS NULL AND NOT EXISTS \
        (SELECT 1 FROM contact_list_updates r WHERE r.organization_id = $1 AND r.reverted_update_id = u.id) \
        ORDER BY u.list_version DESC LIMIT 1";
    let scalars = [organization.0.into(), contact_list.into()];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let row = transaction.db().query_one_raw(statement).await?;
    let id = row.map(|row| row.try_get_by_index(0));
    Ok(id.transpose()?)
}

/// Returns whether an older program has updated a list after an update.
pub async fn any_unversioned_after(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    update: Uuid,
) -> Result<bool> {
    let found = contact_list_update::Entity::find()
        .select_only()
        .column(contact_list_update::Column::Id)
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_update::Column::ContactListId.eq(contact_list))
        .filter(contact_list_update::Column::Id.gt(update))
        .filter(contact_list_update::Column::ListVersion.is_null())
        .limit(1)
        .into_tuple::<Uuid>()
        .one(transaction.db())
        .await?;
    Ok(found.is_some())
}

/// The order of updates by their ids, and the update after which they begin, if it is not the first.
pub enum UpdateOrder {
    /// The earliest first.
    OldestFirst(Option<Uuid>),
    /// The latest first.
    NewestFirst(Option<Uuid>),
}

/// Returns at most `limit` updates of one list or of all. Their rejected contacts are left out.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact_list: Option<Uuid>,
    order: UpdateOrder,
    limit: u64,
) -> Result<Vec<RecordedUpdate>> {
    let rejected = contact_list_update::Column::RejectedContacts;
    let others =
        contact_list_update::Column::iter().filter(|column| column.as_str() != rejected.as_str());
    let mut query = contact_list_update::Entity::find()
        .select_only()
        .columns(others)
        .expr_as(Expr::cust("NULL"), rejected.as_str())
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0));
    if let Some(contact_list) = contact_list {
        query = query.filter(contact_list_update::Column::ContactListId.eq(contact_list));
    }
    let id = contact_list_update::Column::Id;
    let query = match order {
        UpdateOrder::OldestFirst(after) => query
            .filter(id.gt(after.unwrap_or(Uuid::nil())))
            .order_by_asc(id),
        UpdateOrder::NewestFirst(before) => query
            .filter(id.lt(before.unwrap_or(Uuid::max())))
            .order_by_desc(id),
    };
    let models = query.limit(limit).all(db).await?;
    models.into_iter().map(RecordedUpdate::try_from).collect()
}

/// Clears the `request_id` and its fingerprint of updates from before `time`. Returns how many it cleared.
pub async fn forget_request_ids(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<u64> {
    let cleared = contact_list_update::ActiveModel {
        request_id: Set(None),
        fingerprint: Set(None),
        ..Default::default()
    };
    let column = contact_list_update::Column::RequestId;
    clear(transaction, organization, time, cleared, column).await
}

/// Clears the rejected contacts of updates from before `time`. Returns how many updates it cleared.
pub async fn forget_rejected_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<u64> {
    let cleared = contact_list_update::ActiveModel {
        rejected_contacts: Set(None),
        ..Default::default()
    };
    let column = contact_list_update::Column::RejectedContacts;
    clear(transaction, organization, time, cleared, column).await
}

/// Writes `cleared` into the updates from before `time` that have something in `column`.
async fn clear(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
    cleared: contact_list_update::ActiveModel,
    column: contact_list_update::Column,
) -> Result<u64> {
    let cleared = contact_list_update::Entity::update_many()
        .set(cleared)
        .filter(contact_list_update::Column::OrganizationId.eq(organization.0))
        .filter(contact_list_update::Column::CreateTime.lt(time))
        .filter(column.is_not_null())
        .exec(transaction.db())
        .await?;
    Ok(cleared.rows_affected)
}

impl TryFrom<contact_list_update::Model> for RecordedUpdate {
    type Error = Error;

    fn try_from(model: contact_list_update::Model) -> Result<Self> {
        let stored: StoredOutcome =
            serde_json::from_value(model.outcome).map_err(Error::internal)?;
        let consent = model.consent.map(serde_json::from_value).transpose();
        let rejected_contacts: Vec<RejectedContact> = match model.rejected_contacts {
            None => Vec::new(),
            Some(rejected) => serde_json::from_value(rejected).map_err(Error::internal)?,
        };
        let action = match (model.reverted_update_id, stored.revert) {
            (Some(update_id), Some(counts)) => RecordedAction::Revert { update_id, counts },
            _ => RecordedAction::Update(parse_name(&model.action)?),
        };
        Ok(Self {
            action,
            list_version: model.list_version,
            api_key_id: model.api_key_id,
            create_time: model.create_time,
            request_id: model.request_id,
            fingerprint: model.fingerprint,
            consent: consent.map_err(Error::internal)?,
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
