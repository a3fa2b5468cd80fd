//! Contacts: found and locked, inserted, updated.

use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::execute;
use crate::{
    domain::{
        OrganizationId,
        birth_date::BirthDate,
        contact::{Contact, ContactFields},
        email::Email,
        language::Language,
        phone_number::PhoneNumber,
        text::Text,
    },
    error::{Error, Result},
    repository::{
        Transaction,
        rows::{Rows, statement},
    },
};

/// The columns of a contact `c`, as [`contact`] reads them.
macro_rules! contact_columns {
    () => {
        "c.id, c.phone, c.external_id, c.email, c.name, c.language, c.default_channel_id, \
         c.address{as_text} AS address, c.birth_date, c.create_time, c.update_time"
    };
}

pub(in crate::repository) use contact_columns;

/// Finds and locks the contacts with these numbers, in the order of the numbers.
pub async fn contacts_by_phone(
    transaction: &Transaction,
    organization: OrganizationId,
    phones: impl Iterator<Item = PhoneNumber>,
) -> Result<Vec<Contact>> {
    let sql = concat!(
        "SELECT ",
        contact_columns!(),
        " FROM {phones} {join} contacts c ON c.organization_id = $1 AND c.phone = phones.phone \
         ORDER BY c.phone {lock}"
    );
    let phones = Rows::new("phones").texts("phone", phones.map(|phone| phone.as_str().to_owned()));
    contacts(transaction, sql, organization, phones).await
}

/// Finds and locks the contacts with these external_ids, in the order of their numbers.
pub async fn contacts_by_external_id(
    transaction: &Transaction,
    organization: OrganizationId,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Contact>> {
    let sql = concat!(
        "SELECT ",
        contact_columns!(),
        " FROM {given} {join} contacts c ON c.organization_id = $1 AND c.external_id = given.external_id \
         ORDER BY c.phone {lock}"
    );
    let given =
        Rows::new("given").texts("external_id", external_ids.map(|id| id.as_str().to_owned()));
    contacts(transaction, sql, organization, given).await
}

/// Finds and locks the contacts with these ids, in the order of their numbers.
pub async fn contacts_by_id(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<Contact>> {
    let sql = concat!(
        "SELECT ",
        contact_columns!(),
        " FROM {ids} {join} contacts c ON c.organization_id = $1 AND c.id = ids.id ORDER BY c.phone {lock}"
    );
    contacts(transaction, sql, organization, Rows::ids("ids", ids)).await
}

async fn contacts(
    transaction: &Transaction,
    sql: &'static str,
    organization: OrganizationId,
    rows: Rows,
) -> Result<Vec<Contact>> {
    let statement = statement(transaction.backend(), sql, [organization.0.into()], [rows]);
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter().map(contact).collect()
}

/// Reads a row of [`contact_columns`].
pub(in crate::repository) fn contact(row: &QueryResult) -> Result<Contact> {
    let phone: String = row.try_get_by_index(1)?;
    let address: Option<String> = row.try_get_by_index(7)?;
    let birth_date: Option<String> = row.try_get_by_index(8)?;
    Ok(Contact {
        id: row.try_get_by_index(0)?,
        phone: PhoneNumber::stored(&phone)
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a stored number is malformed")))?,
        fields: ContactFields {
            external_id: row.try_get_by_index::<Option<_>>(2)?.map(Text::stored),
            email: row.try_get_by_index::<Option<_>>(3)?.map(Email::stored),
            name: row.try_get_by_index::<Option<_>>(4)?.map(Text::stored),
            language: row.try_get_by_index::<Option<_>>(5)?.map(Language::stored),
            default_channel_id: row.try_get_by_index(6)?,
            address: match address {
                None => None,
                Some(json) => Some(serde_json::from_str(&json).map_err(Error::internal)?),
            },
            birth_date: birth_date.as_deref().and_then(BirthDate::stored),
        },
        create_time: row.try_get_by_index(9)?,
        update_time: row.try_get_by_index(10)?,
    })
}

/// Inserts contacts that nobody else can see yet: without a look at what is stored. A number or external_id that another
/// call took in the meantime is a lost race.
pub async fn insert_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[&Contact],
) -> Result<()> {
    let sql = "INSERT INTO contacts (organization_id, id, phone, external_id, email, name, language, \
        default_channel_id, address, birth_date, create_time, update_time) \
        SELECT o.id, new.id, new.phone, NULLIF(new.external_id, ''), NULLIF(new.email, ''), NULLIF(new.name, ''), \
        NULLIF(new.language, ''), NULLIF(new.default_channel_id, {nil}), NULLIF(new.address, ''){jsonb}, \
        NULLIF(new.birth_date, ''), new.create_time, new.update_time \
        FROM organizations o CROSS JOIN {new} WHERE o.id = $1";
    execute(
        transaction,
        sql,
        [organization.0.into()],
        [contact_rows(contacts)?],
    )
    .await?;
    Ok(())
}

/// Writes contacts that are stored already, as they are now.
pub async fn update_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[&Contact],
) -> Result<()> {
    let sql = "UPDATE contacts AS c SET phone = new.phone, external_id = NULLIF(new.external_id, ''), \
        email = NULLIF(new.email, ''), name = NULLIF(new.name, ''), language = NULLIF(new.language, ''), \
        default_channel_id = NULLIF(new.default_channel_id, {nil}), address = NULLIF(new.address, ''){jsonb}, \
        birth_date = NULLIF(new.birth_date, ''), update_time = new.update_time \
        FROM {new} WHERE c.organization_id = $1 AND c.id = new.id AND c.id IN (SELECT ids.id FROM {ids})";
    execute(
        transaction,
        sql,
        [organization.0.into()],
        [
            contact_rows(contacts)?,
            Rows::ids("ids", contacts.iter().map(|contact| contact.id)),
        ],
    )
    .await?;
    Ok(())
}

fn contact_rows(contacts: &[&Contact]) -> Result<Rows> {
    fn text(value: Option<&str>) -> String {
        value.unwrap_or_default().to_owned()
    }
    let mut addresses = Vec::with_capacity(contacts.len());
    for contact in contacts {
        addresses.push(match &contact.fields.address {
            None => String::new(),
            Some(address) => serde_json::to_string(address).map_err(Error::internal)?,
        });
    }
    let fields = || contacts.iter().map(|contact| &contact.fields);
    Ok(Rows::new("new")
        .uuids("id", contacts.iter().map(|contact| contact.id))
        .texts(
            "phone",
            contacts.iter().map(|contact| contact.phone.as_str()),
        )
        .texts(
            "external_id",
            fields().map(|it| text(it.external_id.as_ref().map(Text::as_str))),
        )
        .texts(
            "email",
            fields().map(|it| text(it.email.as_ref().map(Email::as_str))),
        )
        .texts(
            "name",
            fields().map(|it| text(it.name.as_ref().map(Text::as_str))),
        )
        .texts(
            "language",
            fields().map(|it| text(it.language.as_ref().map(Language::as_str))),
        )
        .uuids(
            "default_channel_id",
            fields().map(|it| it.default_channel_id.unwrap_or_default()),
        )
        .texts("address", addresses)
        .texts(
            "birth_date",
            fields().map(|it| {
                it.birth_date
                    .map_or_else(String::new, |date| date.to_string())
            }),
        )
        .times(
            "create_time",
            contacts.iter().map(|contact| contact.create_time),
        )
        .times(
            "update_time",
            contacts.iter().map(|contact| contact.update_time),
        ))
}

/// The ids of the contacts that have one of these numbers or external_ids.
pub async fn ids_named_by(
    transaction: &Transaction,
    organization: OrganizationId,
    phones: impl Iterator<Item = PhoneNumber>,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT c.id FROM {phones} {join} contacts c ON c.organization_id = $1 AND c.phone = phones.phone \
        UNION SELECT c.id FROM {given} {join} contacts c ON c.organization_id = $1 AND c.external_id = given.external_id";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into()],
        [
            Rows::new("phones").texts("phone", phones.map(|phone| phone.as_str().to_owned())),
            Rows::new("given").texts("external_id", external_ids.map(|id| id.as_str().to_owned())),
        ],
    );
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
