//! Finds and locks, inserts and updates contacts.

use std::{borrow::Cow, fmt::Write};

use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use uuid::Uuid;

use super::execute;
use crate::{
    domain::{
        OrganizationId,
        birth_date::BirthDate,
        contact::{Address, Contact, ContactField, ContactFieldSet, ContactFields},
        email::Email,
        language::Language,
        phone_number::PhoneNumber,
        preference::ChangeOrigin,
        text::Text,
    },
    error::{Error, Result},
    repository::{
        Transaction,
        sql::{Rows, statement},
    },
};

/// Returns the columns of a contact `c` that [`contact`] reads: its id, its phone and the `fields`.
pub(in crate::repository) fn contact_columns(fields: ContactFieldSet) -> String {
    let mut columns = "c.id, c.phone".to_owned();
    for field in fields.iter() {
        let (column, read) = match field {
            ContactField::Address => (field.name(), "{as_text}"),
            _ => (field.name(), ""),
        };
        let _ = write!(columns, ", c.{column}{read}");
    }
    columns
}

/// Reads the [`contact_columns`] of a row, which begin at the column `first`.
pub(in crate::repository) fn contact(
    row: &QueryResult,
    first: usize,
    fields: ContactFieldSet,
) -> Result<Contact> {
    let phone: String = row.try_get_by_index(first + 1)?;
    let mut read = ContactFields::default();
    for (index, field) in (first + 2..).zip(fields.iter()) {
        if field == ContactField::DefaultChannelId {
            read.default_channel_id = row.try_get_by_index(index)?;
            continue;
        }
        let Some(text) = row.try_get_by_index::<Option<String>>(index)? else {
            continue;
        };
        match field {
            ContactField::ExternalId => read.external_id = Some(Text::from_stored(text)),
            ContactField::Email => read.email = Some(Email::from_stored(text)),
            ContactField::Name => read.name = Some(Text::from_stored(text)),
            ContactField::Language => read.language = Some(Language::from_stored(text)),
            ContactField::Address => {
                read.address = Some(serde_json::from_str(&text).map_err(Error::internal)?);
            }
            ContactField::BirthDate => read.birth_date = BirthDate::from_stored(&text),
            ContactField::DefaultChannelId => {}
        }
    }
    Ok(Contact {
        id: row.try_get_by_index(first)?,
        phone: PhoneNumber::from_stored(&phone).ok_or_else(malformed_number)?,
        fields: read,
    })
}

pub(in crate::repository) fn malformed_number() -> Error {
    Error::internal(anyhow::anyhow!("a stored number is malformed"))
}

/// Finds and locks the contacts with these phones, in order of phones. Reads their `fields`.
pub async fn contacts_by_phone(
    transaction: &Transaction,
    organization: OrganizationId,
    fields: ContactFieldSet,
    phones: impl Iterator<Item = PhoneNumber>,
) -> Result<Vec<Contact>> {
    let phones: Vec<_> = phones.collect();
    let phones = Rows::new("given").texts("phone", phones.iter().map(PhoneNumber::as_str));
    contacts(transaction, organization, fields, ("phone", phones)).await
}

/// Finds and locks the contacts with these external_ids, in order of phones. Reads their `fields`.
pub async fn contacts_by_external_id(
    transaction: &Transaction,
    organization: OrganizationId,
    fields: ContactFieldSet,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Contact>> {
    let external_ids = Rows::new("given").texts("external_id", external_ids);
    contacts(
        transaction,
        organization,
        fields,
        ("external_id", external_ids),
    )
    .await
}

/// Finds and locks the contacts with these ids, in order of phones. Reads none of their fields.
pub async fn contacts_by_id(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<Contact>> {
    let fields = ContactFieldSet::default();
    let ids = Rows::ids("given", ids);
    contacts(transaction, organization, fields, ("id", ids)).await
}

async fn contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    fields: ContactFieldSet,
    (key, given): (&'static str, Rows),
) -> Result<Vec<Contact>> {
    let sql = format!(
        "SELECT {} FROM {{given}} {{join}} contacts c ON c.organization_id = $1 AND c.{key} = given.{key} \
         ORDER BY c.phone {{lock}}",
        contact_columns(fields)
    );
    let scalars = [organization.0.into()];
    let statement = statement(transaction.backend(), &sql, scalars, [given])?;
    let read = |row: &QueryResult| contact(row, 0, fields);
    transaction.db().read_all(statement, read).await
}

/// Inserts new contacts, without looking for stored ones. They have no fields but `fields`. Fails with a lost race if another
/// call took a phone or external_id in the meantime.
pub async fn insert_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    fields: ContactFieldSet,
    contacts: &[&Contact],
    origin: ChangeOrigin,
) -> Result<()> {
    let (mut columns, mut values) = (String::new(), String::new());
    for field in fields.iter() {
        let _ = write!(columns, ", {}", field.name());
        let _ = write!(values, ", {}", new_value(field));
    }
    let sql = format!(
        "INSERT INTO contacts (organization_id, id, phone, create_time, update_time{columns}) \
         SELECT o.id, new.id, new.phone, $2, $2{values} FROM organizations o CROSS JOIN {{new}} WHERE o.id = $1"
    );
    let scalars = [organization.0.into(), origin.change_time.into()];
    let new = new_rows(fields, contacts)?;
    execute(transaction, &sql, scalars, [new]).await?;
    Ok(())
}

/// Writes the phones and `fields` of stored contacts.
pub async fn update_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    fields: ContactFieldSet,
    contacts: &[&Contact],
    origin: ChangeOrigin,
) -> Result<()> {
    let mut changes = "phone = new.phone, update_time = $2".to_owned();
    for field in fields.iter() {
        let _ = write!(changes, ", {} = {}", field.name(), new_value(field));
    }
    let mut sources = vec![new_rows(fields, contacts)?];
    let mut by_key = "";
    if transaction.backend() == DbBackend::Sqlite {
        // With the join alone SQLite would read the whole organization.
        by_key = "AND c.id IN (SELECT ids.id FROM {ids})";
        sources.push(Rows::ids("ids", contacts.iter().map(|contact| contact.id)));
    }
    let sql = format!(
        "UPDATE contacts AS c SET {changes} FROM {{new}} WHERE c.organization_id = $1 AND c.id = new.id {by_key}"
    );
    let scalars = [organization.0.into(), origin.change_time.into()];
    execute(transaction, &sql, scalars, sources).await?;
    Ok(())
}

/// Deletes contacts that nothing else is stored of.
pub async fn delete_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<()> {
    let sql = "DELETE FROM contacts WHERE organization_id = $1 AND id {in_ids}";
    execute(
        transaction,
        sql,
        [organization.0.into()],
        [Rows::ids("ids", ids)],
    )
    .await?;
    Ok(())
}

/// Takes the phones of stored contacts away, so that other contacts can take them in the same transaction, in which these
/// contacts must get others. What stands in their place until then is unique, as the id is in it, and no phone number.
pub async fn release_phones(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<()> {
    let sql = "UPDATE contacts AS c SET phone = '#' || {id_as_text} WHERE c.organization_id = $1 AND c.id {in_ids}";
    execute(
        transaction,
        sql,
        [organization.0.into()],
        [Rows::ids("ids", ids)],
    )
    .await?;
    Ok(())
}

/// Returns the SQL for a field's value in a row of [`new_rows`].
fn new_value(field: ContactField) -> String {
    let column = field.name();
    match field {
        ContactField::DefaultChannelId => format!("NULLIF(new.{column}, {{nil}})"),
        ContactField::Address => format!("NULLIF(new.{column}, ''){{jsonb}}"),
        _ => format!("NULLIF(new.{column}, '')"),
    }
}

fn new_rows(fields: ContactFieldSet, contacts: &[&Contact]) -> Result<Rows> {
    let mut rows = Rows::new("new")
        .uuids("id", contacts.iter().map(|contact| contact.id))
        .texts("phone", contacts.iter().map(|it| it.phone.as_str()));
    for field in fields.iter() {
        let given = contacts.iter().map(|contact| &contact.fields);
        rows = match field {
            ContactField::DefaultChannelId => rows.uuids(
                field.name(),
                given.map(|fields| fields.default_channel_id.unwrap_or_default()),
            ),
            _ => {
                let texts: Result<Vec<_>> = given.map(|fields| text(fields, field)).collect();
                rows.texts(field.name(), texts?)
            }
        };
    }
    Ok(rows)
}

/// Returns a field as its column stores it; an empty text for none.
fn text(fields: &ContactFields, field: ContactField) -> Result<Cow<'_, str>> {
    let text = match field {
        ContactField::ExternalId => fields.external_id.as_ref().map(Text::as_str),
        ContactField::Email => fields.email.as_ref().map(Email::as_str),
        ContactField::Name => fields.name.as_ref().map(Text::as_str),
        ContactField::Language => fields.language.as_ref().map(Language::as_str),
        ContactField::Address => {
            let json = fields.address.as_deref().map(address_json).transpose();
            return Ok(json.map_err(Error::internal)?.unwrap_or_default().into());
        }
        ContactField::BirthDate => {
            let date = fields.birth_date.map(|date| date.to_string());
            return Ok(date.unwrap_or_default().into());
        }
        ContactField::DefaultChannelId => None,
    };
    Ok(text.unwrap_or_default().into())
}

/// Returns an address as its column stores it: only the parts that are given.
fn address_json(address: &Address) -> serde_json::Result<String> {
    let mut parts = serde_json::to_value(address)?;
    if let Some(parts) = parts.as_object_mut() {
        parts.retain(|_, part| *part != "");
    }
    serde_json::to_string(&parts)
}

/// Finds the contacts with these ids or external_ids, without locking them. Reads their external_ids.
pub async fn find_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Contact>> {
    let fields = ContactFieldSet::default().with(ContactField::ExternalId);
    let columns = contact_columns(fields);
    let sql = format!(
        "SELECT {columns} FROM {{ids}} {{join}} contacts c ON c.organization_id = $1 AND c.id = ids.id \
         UNION SELECT {columns} FROM {{given}} {{join}} contacts c ON c.organization_id = $1 \
         AND c.external_id = given.external_id"
    );
    let sources = [
        Rows::ids("ids", ids),
        Rows::new("given").texts("external_id", external_ids),
    ];
    let statement = statement(
        transaction.backend(),
        &sql,
        [organization.0.into()],
        sources,
    )?;
    let read = |row: &QueryResult| contact(row, 0, fields);
    transaction.db().read_all(statement, read).await
}

/// Returns the ids of the contacts that have one of these phones or external_ids.
pub async fn ids_named_by(
    transaction: &Transaction,
    organization: OrganizationId,
    phones: impl Iterator<Item = PhoneNumber>,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT c.id FROM {phones} {join} contacts c ON c.organization_id = $1 AND c.phone = phones.phone \
        UNION SELECT c.id FROM {given} {join} contacts c ON c.organization_id = $1 AND c.external_id = given.external_id";
    let phones: Vec<_> = phones.collect();
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into()],
        [
            Rows::new("phones").texts("phone", phones.iter().map(PhoneNumber::as_str)),
            Rows::new("given").texts("external_id", external_ids),
        ],
    )?;
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
