//! Records of custom objects, read so that they never take more memory than a few of the largest: an earlier version stored
//! records without a limit.

use std::collections::HashMap;

use sea_orm::{QueryResult, Statement};
use uuid::Uuid;

use super::{
    Transaction,
    search::Found,
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        contact::Contact,
        property_value::{Properties, memory_bytes},
    },
    error::{Error, Result},
};

/// The columns of a record `r` that [`read`] reads: its contact, and its properties unless they are so large that they must
/// be read alone. PostgreSQL's text of a record of the largest size is longer than what was sent, but never twice as long.
pub(super) const COLUMNS: &str = "r.contact_id, CASE WHEN octet_length(r.properties{as_text}) <= 131072 \
    THEN r.properties{as_text} END";

/// The most bytes of memory that the contacts of a page take, and so their records, unless the first one alone takes more.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// Reads the records of a statement with [`COLUMNS`] while they take at most `max_bytes` of memory. Returns them, and whether
/// these are all.
pub(super) async fn read(
    transaction: &Transaction,
    statement: Statement,
    max_bytes: usize,
) -> Result<(HashMap<Uuid, Properties>, bool)> {
    let (mut bytes, mut all) = (0, true);
    let read = |row: &QueryResult| {
        let contact = row.try_get_by_index(0)?;
        let json: Option<String> = row.try_get_by_index(1)?;
        let record: Option<Properties> = json
            .map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(Error::internal)?;
        bytes += record.as_ref().map_or(0, memory_bytes);
        let record = record.filter(|_| bytes <= max_bytes);
        all = record.is_some();
        Ok(record.map(|record| (contact, record)))
    };
    let records = transaction.db().read_while(statement, read).await?;
    Ok((records.into_iter().collect(), all))
}

/// Returns the record that a contact has of a custom object, whatever its size.
pub async fn find(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contact: Uuid,
) -> Result<Option<Properties>> {
    let sql = "SELECT r.properties{as_text} FROM custom_object_records r WHERE r.organization_id = $1 \
        AND r.custom_object_id = $2 AND r.contact_id = $3";
    let scalars = [organization.0.into(), custom_object.into(), contact.into()];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let read = |row: &QueryResult| {
        let json: String = row.try_get_by_index(0)?;
        serde_json::from_str(&json).map_err(Error::internal)
    };
    let mut records = transaction.db().read_all(statement, read).await?;
    Ok(records.pop())
}

/// Returns the records that contacts have of a custom object, and of how many contacts: of as many of the first ones as have
/// about [`MAX_PAGE_BYTES`] in memory, but at least of one.
async fn of_first(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contacts: &[Uuid],
) -> Result<(HashMap<Uuid, Properties>, usize)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM custom_object_records r WHERE r.organization_id = $1 AND r.custom_object_id = $2 \
         AND r.contact_id {{in_contacts}}"
    );
    let mut count = contacts.len();
    while count > 1 {
        let scalars = [organization.0.into(), custom_object.into()];
        let ids = Rows::ids("contacts", contacts[..count].iter().copied());
        let statement = statement(transaction.backend(), &sql, scalars, [ids])?;
        let (records, all) = read(transaction, statement, MAX_PAGE_BYTES).await?;
        if all {
            return Ok((records, count));
        }
        // About as many as had room come next.
        count = records.len().clamp(1, count - 1);
    }
    let Some(contact) = contacts.first() else {
        return Ok((HashMap::new(), 0));
    };
    let record = find(transaction, organization, custom_object, *contact).await?;
    let records = record.map(|record| (*contact, record));
    Ok((records.into_iter().collect(), 1))
}

/// Reads the records that the contacts of a page have of a custom object, and leaves contacts to the next page where they or
/// their records would take too much memory. At least one stays.
pub async fn of_page<T>(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Option<Uuid>,
    found: &mut Found<T>,
    contact: impl Fn(&T) -> &Contact,
) -> Result<HashMap<Uuid, Properties>> {
    let mut bytes = 0;
    let fitting = found.rows.iter().take_while(|row| {
        bytes += contact(row).fields.text_bytes();
        bytes <= MAX_PAGE_BYTES
    });
    let count = fitting.count().max(1);
    found.keep(count, |row| contact(row).id);
    let Some(object) = custom_object else {
        return Ok(HashMap::new());
    };
    let ids: Vec<_> = found.rows.iter().map(|row| contact(row).id).collect();
    let (records, count) = of_first(transaction, organization, object, &ids).await?;
    found.keep(count, |row| contact(row).id);
    Ok(records)
}
