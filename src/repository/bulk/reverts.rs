//! What taking an update back needs in bulk. `update` is the update's id, `change` that of the revert.

use std::collections::HashSet;

use sea_orm::{QueryResult, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{FormerMember, contact, contact_columns, execute};
use crate::{
    domain::{
        OrganizationId,
        contact::{ContactFieldSet, StoredContact},
        preference::ChangeOrigin,
    },
    error::Result,
    repository::{
        Transaction,
        sql::{Rows, statement},
    },
};

/// Removes the members that joined with an update. Returns how many.
pub async fn remove_members_of_update(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    update: Uuid,
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 AND update_id = $3";
    let scalars = [organization.0.into(), contact_list.into(), update.into()];
    execute(transaction, sql, scalars, []).await
}

/// Makes contacts members of a list again, as they were. Returns how many were not.
pub async fn restore_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    members: &[FormerMember],
) -> Result<u64> {
    let sql = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT l.organization_id, l.id, members.contact_id, members.join_time, NULLIF(members.update_id, {nil}) \
        FROM contact_lists l CROSS JOIN {members} WHERE l.organization_id = $1 AND l.id = $2 \
        ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
    let members = Rows::new("members")
        .uuids("contact_id", members.iter().map(|it| it.contact_id))
        .times("join_time", members.iter().map(|it| it.join_time))
        .uuids(
            "update_id",
            members.iter().map(|it| it.update_id.unwrap_or_default()),
        );
    let scalars = [organization.0.into(), contact_list.into()];
    execute(transaction, sql, scalars, [members]).await
}

/// Finds and locks contacts whole, in order of phones.
pub async fn whole_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<StoredContact>> {
    let fields = ContactFieldSet::ALL;
    let sql = format!(
        "SELECT c.create_time, c.update_time, {} FROM {{given}} {{join}} contacts c ON c.organization_id = $1 \
         AND c.id = given.id ORDER BY c.phone {{lock}}",
        contact_columns(fields)
    );
    let scalars = [organization.0.into()];
    let statement = statement(
        transaction.backend(),
        &sql,
        scalars,
        [Rows::ids("given", ids)],
    )?;
    let read = |row: &QueryResult| {
        Ok(StoredContact {
            create_time: row.try_get_by_index(0)?,
            update_time: row.try_get_by_index(1)?,
            contact: contact(row, 2, fields)?,
        })
    };
    transaction.db().read_all(statement, read).await
}

/// Takes back the opt-ins that contacts have from an update: the history keeps them. Returns how many.
pub async fn withdraw_opt_ins(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[Uuid],
    update: Uuid,
    (change, origin): (Uuid, ChangeOrigin),
) -> Result<u64> {
    let keep = "INSERT INTO preference_changes (organization_id, contact_id, number_hash, change_time, change_id, channel_id, \
        kind, collect_time, api_key_id, update_id, consent_id) \
        SELECT p.organization_id, p.contact_id, {no_hash}, p.change_time, $3, p.channel_id, 'opted_in', p.collect_time, \
        p.api_key_id, p.update_id, p.consent_id FROM {contacts} {join} communication_preferences p \
        ON p.organization_id = $1 AND p.contact_id = contacts.id WHERE p.update_id = $2 AND p.opted_in";
    let scalars = [organization.0.into(), update.into(), change.into()];
    execute(transaction, keep, scalars, [ids(contacts)]).await?;
    let note = "INSERT INTO preference_changes (organization_id, contact_id, number_hash, change_time, change_id, channel_id, \
        kind, api_key_id, update_id) \
        SELECT p.organization_id, p.contact_id, {no_hash}, $3, $4, p.channel_id, 'withdrawn', $5, $4 \
        FROM {contacts} {join} communication_preferences p \
        ON p.organization_id = $1 AND p.contact_id = contacts.id WHERE p.update_id = $2 AND p.opted_in";
    let scalars = [
        organization.0.into(),
        update.into(),
        origin.change_time.into(),
        change.into(),
        origin.api_key_id.into(),
    ];
    execute(transaction, note, scalars, [ids(contacts)]).await?;
    let withdraw = "DELETE FROM communication_preferences WHERE organization_id = $1 AND update_id = $2 AND opted_in \
        AND contact_id {in_contacts}";
    let scalars = [organization.0.into(), update.into()];
    execute(transaction, withdraw, scalars, [ids(contacts)]).await
}

/// Takes from contacts the opt-outs that came to them in an update with numbers, unless they have changed since.
pub async fn give_back_opt_outs(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[Uuid],
    update: Uuid,
) -> Result<()> {
    let sql = "DELETE FROM communication_preferences WHERE organization_id = $1 AND NOT opted_in \
        AND contact_id {in_contacts} AND EXISTS (SELECT 1 FROM preference_changes h WHERE h.organization_id = $1 \
        AND h.contact_id = communication_preferences.contact_id AND h.channel_id = communication_preferences.channel_id \
        AND h.change_id = $2 AND h.kind = 'taken_over' AND communication_preferences.change_time < h.change_time)";
    let scalars = [organization.0.into(), update.into()];
    execute(transaction, sql, scalars, [ids(contacts)]).await?;
    Ok(())
}

/// Brings back the opt-outs of contacts that an update replaced or ended, where there is no preference now, of the channels that still
/// exist; of two the later one, which the update met last. No opt-in returns: the person can have said no since. Returns how many.
pub async fn restore_opt_outs(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[Uuid],
    update: Uuid,
) -> Result<u64> {
    let restore = "INSERT INTO communication_preferences (organization_id, contact_id, channel_id, opted_in, change_time, \
        collect_time, api_key_id, update_id, consent_id) \
        SELECT h.organization_id, h.contact_id, h.channel_id, FALSE, h.change_time, h.collect_time, h.api_key_id, \
        h.update_id, h.consent_id FROM {contacts} {join} preference_changes h ON h.organization_id = $1 \
        AND h.contact_id = contacts.id WHERE h.change_id = $2 AND h.kind = 'opted_out' \
        AND NOT EXISTS (SELECT 1 FROM preference_changes l WHERE l.organization_id = $1 \
        AND l.contact_id = h.contact_id AND l.channel_id = h.channel_id AND l.change_id = $2 AND l.kind = 'opted_out' \
        AND COALESCE(l.collect_time, l.change_time) > COALESCE(h.collect_time, h.change_time)) AND (h.channel_id = {nil} \
        OR EXISTS (SELECT 1 FROM channels x WHERE x.organization_id = $1 AND x.id = h.channel_id)) \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    let scalars = || -> [Value; 2] { [organization.0.into(), update.into()] };
    let count = execute(transaction, restore, scalars(), [ids(contacts)]).await?;
    // What is a preference again is no longer history.
    let forget = "DELETE FROM preference_changes WHERE organization_id = $1 AND change_id = $2 AND contact_id {in_contacts} \
        AND EXISTS (SELECT 1 FROM communication_preferences p WHERE p.organization_id = $1 \
        AND p.contact_id = preference_changes.contact_id AND p.channel_id = preference_changes.channel_id \
        AND p.change_time = preference_changes.change_time AND p.api_key_id = preference_changes.api_key_id)";
    execute(transaction, forget, scalars(), [ids(contacts)]).await?;
    Ok(count)
}

/// Returns those of these contacts that are on a list, or have a preference that did not come with a number, or is not from
/// before `time`.
pub async fn contacts_in_use(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[Uuid],
    time: OffsetDateTime,
) -> Result<HashSet<Uuid>> {
    let members = "SELECT m.contact_id FROM contact_lists l CROSS JOIN {contacts} {join} contact_list_contacts m \
        ON m.organization_id = $1 AND m.contact_list_id = l.id AND m.contact_id = contacts.id WHERE l.organization_id = $1";
    let spoken = "SELECT p.contact_id FROM {contacts} {join} communication_preferences p ON p.organization_id = $1 \
        AND p.contact_id = contacts.id WHERE NOT EXISTS (SELECT 1 FROM preference_changes h WHERE h.organization_id = $1 \
        AND h.contact_id = p.contact_id AND h.channel_id = p.channel_id AND h.kind = 'taken_over' AND p.change_time < $2)";
    let by_list: [Value; 1] = [organization.0.into()];
    let by_time: [Value; 2] = [organization.0.into(), time.into()];
    let statements = [
        statement(transaction.backend(), members, by_list, [ids(contacts)])?,
        statement(transaction.backend(), spoken, by_time, [ids(contacts)])?,
    ];
    let mut in_use = HashSet::new();
    for statement in statements {
        let read = |row: &QueryResult| Ok(row.try_get_by_index::<Uuid>(0)?);
        in_use.extend(transaction.db().read_all(statement, read).await?);
    }
    Ok(in_use)
}

/// Deletes contacts that are on no list, with all that is stored of them.
pub async fn erase_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[Uuid],
    custom_objects: &[Uuid],
) -> Result<()> {
    let by_contact = [
        "DELETE FROM communication_preferences WHERE organization_id = $1 AND contact_id {in_contacts}",
        "DELETE FROM consents WHERE organization_id = $1 AND contact_id {in_contacts}",
        "DELETE FROM preference_changes WHERE organization_id = $1 AND contact_id {in_contacts}",
        "DELETE FROM contact_changes WHERE organization_id = $1 AND contact_id {in_contacts}",
        "DELETE FROM contacts WHERE organization_id = $1 AND id {in_contacts}",
    ];
    let records = "DELETE FROM custom_object_records WHERE organization_id = $1 AND custom_object_id = $2 \
        AND contact_id {in_contacts}";
    transaction.overwrite_deleted(true).await?;
    for object in custom_objects {
        let scalars = [organization.0.into(), (*object).into()];
        execute(transaction, records, scalars, [ids(contacts)]).await?;
    }
    for sql in by_contact {
        execute(transaction, sql, [organization.0.into()], [ids(contacts)]).await?;
    }
    transaction.overwrite_deleted(false).await
}

/// Deletes records of a custom object.
pub async fn delete_records(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contacts: &[Uuid],
) -> Result<()> {
    let sql = "DELETE FROM custom_object_records WHERE organization_id = $1 AND custom_object_id = $2 \
        AND contact_id {in_contacts}";
    let scalars = [organization.0.into(), custom_object.into()];
    execute(transaction, sql, scalars, [ids(contacts)]).await?;
    Ok(())
}

fn ids(contacts: &[Uuid]) -> Rows {
    Rows::ids("contacts", contacts.iter().copied())
}
