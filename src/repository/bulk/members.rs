//! Members of lists.

use sea_orm::Value;
use uuid::Uuid;

use super::execute;
use crate::{
    domain::{OrganizationId, preference::ChangeOrigin},
    error::Result,
    repository::{Transaction, sql::Rows},
};

/// Makes new contacts members of a list. Returns how many.
pub async fn add_new_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT l.organization_id, l.id, contacts.id, $3, $4 \
        FROM contact_lists l CROSS JOIN {contacts} WHERE l.organization_id = $1 AND l.id = $2";
    execute(
        transaction,
        sql,
        joining_scalars(organization, contact_list, origin),
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// Returns the scalars of statements that add members: the organization, the list, then the change's time and update.
fn joining_scalars(
    organization: OrganizationId,
    contact_list: Uuid,
    origin: ChangeOrigin,
) -> [Value; 4] {
    [
        organization.0.into(),
        contact_list.into(),
        origin.change_time.into(),
        origin.update_id.into(),
    ]
}

/// Makes contacts members of a list. Returns how many were not members before.
pub async fn add_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT l.organization_id, l.id, contacts.id, $3, $4 \
        FROM contact_lists l CROSS JOIN {contacts} WHERE l.organization_id = $1 AND l.id = $2 \
        ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
    execute(
        transaction,
        sql,
        joining_scalars(organization, contact_list, origin),
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// Removes contacts from a list. Returns how many were members.
pub async fn remove_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 \
        AND contact_id {in_contacts}";
    execute(
        transaction,
        sql,
        [organization.0.into(), contact_list.into()],
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// Removes the members of a list whose ids are above `after` and at most `up_to`, except `kept`. Returns how many.
pub async fn remove_other_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    (after, up_to): (Uuid, Uuid),
    kept: &[Uuid],
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 \
        AND contact_id > $3 AND contact_id <= $4 AND contact_id NOT IN ({each_kept})";
    execute(
        transaction,
        sql,
        [
            organization.0.into(),
            contact_list.into(),
            after.into(),
            up_to.into(),
        ],
        [Rows::ids("kept", kept.iter().copied())],
    )
    .await
}
