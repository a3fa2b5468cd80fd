//! The set-based statements of the hot path: a constant number per chunk, whatever its size.
//!
//! Every table in them is restricted to the organization, and every insert takes its `organization_id` from a row of the
//! organization. So where the tables are distributed by that column, each statement runs on one shard.

mod contacts;
mod members;
mod preferences;
mod records;
mod reverts;

use sea_orm::{ConnectionTrait, Value};

pub(super) use self::contacts::{contact, contact_columns, malformed_number};
pub use self::{
    contacts::{
        contacts_by_external_id, contacts_by_id, contacts_by_phone, delete_contacts, find_contacts,
        ids_named_by, insert_contacts, release_phones, update_contacts,
    },
    members::{
        FormerMember, add_members, add_new_members, nth_member, remove_members,
        remove_other_members,
    },
    preferences::{incomplete_opt_ins, missing_opt_ins, opt_in, opt_in_new_contacts, opted_out},
    records::{add_to_records, record_above, records, upsert_records},
    reverts::{
        contacts_in_use, delete_records, erase_contacts, give_back_opt_outs,
        remove_members_of_update, restore_members, restore_opt_outs, whole_contacts,
        withdraw_opt_ins,
    },
};
use super::{
    Transaction,
    sql::{Rows, statement},
};
use crate::{
    domain::{OrganizationId, preference::ChangeOrigin},
    error::Result,
};

/// How many contacts one round of statements applies on PostgreSQL: the fastest size there.
pub const POSTGRES_CHUNK_SIZE: usize = 2000;

/// How many contacts one round of statements applies on SQLite: the fastest size there.
pub const SQLITE_CHUNK_SIZE: usize = 500;

/// About how many bytes of memory the contacts of one round take at most, and so their records; but one contact may have more.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Executes a statement, and returns how many rows it changed.
pub(super) async fn execute<const N: usize>(
    transaction: &Transaction,
    sql: &str,
    scalars: [Value; N],
    sources: impl IntoIterator<Item = Rows>,
) -> Result<u64> {
    let statement = statement(transaction.backend(), sql, scalars, sources)?;
    Ok(transaction
        .db()
        .execute_raw(statement)
        .await?
        .rows_affected())
}

/// Returns the scalars of statements that write preferences: the organization, then the change's time, API key and update.
pub(super) fn origin_scalars(organization: OrganizationId, origin: ChangeOrigin) -> [Value; 4] {
    [
        organization.0.into(),
        origin.change_time.into(),
        origin.api_key_id.into(),
        origin.update_id.into(),
    ]
}
