//! The floor on SQLite: multi-row statements of 500 contacts through sqlx, in one `BEGIN IMMEDIATE` transaction. It reads what
//! is stored first, and writes only differences.

use sqlx::{
    AssertSqlSafe, Connection, Sqlite, SqliteConnection, Transaction,
    query::{Query, QueryAs},
    sqlite::SqliteArguments,
};
use uuid::Uuid;

use crate::{
    data::Person,
    floor::{Action, Chunk, Counts, Stored, StoredRow, Update, elsewhere, resolve},
    floor_journal::{self, FormerMember},
};

const CHUNK_SIZE: usize = 500;

/// How many ids a statement can bind in addition to its other values.
const MOST_IDS: usize = 32_000;

type Arguments = SqliteArguments;

/// Updates a list in one transaction.
pub async fn update(
    connection: &mut SqliteConnection,
    update: Update,
    people: &[Person],
) -> anyhow::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let (list_count, version): (i64, i64) = sqlx::query_as(
        "SELECT contact_count, version FROM contact_lists WHERE organization_id = ?1 AND id = ?2",
    )
    .bind(update.tenant.organization)
    .bind(update.list)
    .fetch_one(&mut *transaction)
    .await?;
    // No unassigned number has an opt-out here. A new contact would have to inherit it.
    let opt_outs: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM opted_out_numbers WHERE organization_id = ?1)",
    )
    .bind(update.tenant.organization)
    .fetch_one(&mut *transaction)
    .await?;
    anyhow::ensure!(!opt_outs, "the benchmark's people have no opt-outs");
    let channels: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM channels WHERE organization_id = ?1 ORDER BY id")
            .bind(update.tenant.organization)
            .fetch_all(&mut *transaction)
            .await?;
    let mut chunks = Vec::new();
    for chunk in people.chunks(CHUNK_SIZE) {
        chunks.push(look_up(&mut transaction, update, chunk).await?);
    }
    let (mut counts, mut removed, mut opted_in) = (Counts::default(), Vec::new(), Vec::new());
    if update.action == Action::Overwrite {
        removed = remove_others(&mut transaction, update, &chunks).await?;
    }
    for chunk in &chunks {
        counts.add_chunk(chunk);
        insert_contacts(&mut transaction, update, &chunk.created).await?;
        update_contacts(&mut transaction, update, chunk).await?;
        if update.action == Action::Remove {
            // A new contact is not a member yet.
            removed.extend(delete_members(&mut transaction, update, "IN", &chunk.stored).await?);
        } else {
            let (count, incomplete) = opt_in(&mut transaction, update, chunk, &channels).await?;
            counts.opted_in += count;
            opted_in.extend_from_slice(incomplete);
            counts.added += add_members(&mut transaction, update, chunk).await?;
        }
    }
    counts.removed = removed.len() as u64;
    write_journal(&mut transaction, update, &chunks, (opted_in, removed)).await?;
    let list = (list_count + counts.change(), version + 1);
    record(&mut transaction, update, people.len(), &counts, list).await?;
    transaction.commit().await?;
    Ok(())
}

/// Writes the list's count and version, and the update's record.
async fn record(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    received: usize,
    counts: &Counts,
    (list_count, version): (i64, i64),
) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE contact_lists SET contact_count = ?3, version = ?4 WHERE organization_id = ?1 AND id = ?2",
    )
    .bind(update.tenant.organization)
    .bind(update.list)
    .bind(list_count)
    .bind(version)
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO contact_list_updates \
        (organization_id, id, contact_list_id, action, api_key_id, create_time, outcome, list_version) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(update.tenant.organization)
    .bind(update.id)
    .bind(update.list)
    .bind(update.action.name())
    .bind(update.tenant.api_key)
    .bind(update.now)
    .bind(counts.outcome(&update, received, list_count))
    .bind(version)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn look_up<'a>(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    people: &'a [Person],
) -> anyhow::Result<Chunk<'a>> {
    let phones: Vec<&str> = people.iter().map(|person| person.phone.as_str()).collect();
    let by_phone = stored(transaction, update, "phone", phones).await?;
    let external_ids = elsewhere(people, &by_phone);
    let by_external_id = stored(transaction, update, "external_id", external_ids).await?;
    resolve(people, &by_phone, &by_external_id)
}

async fn stored(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    column: &str,
    values: Vec<&str>,
) -> anyhow::Result<Vec<Stored>> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id, phone, external_id, email, name FROM contacts WHERE organization_id = ? AND {column} IN ({})",
        places(values.len())
    );
    let mut query: QueryAs<'_, Sqlite, StoredRow, Arguments> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(update.tenant.organization);
    for value in values {
        query = query.bind(value.to_owned());
    }
    let rows = query.fetch_all(&mut **transaction).await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

async fn insert_contacts(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    people: &[(Uuid, &Person)],
) -> anyhow::Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO contacts (organization_id, create_time, update_time, id, phone, external_id, email, name) \
        SELECT ?, ?, ?, * FROM (VALUES {})",
        rows(5, people.len())
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(update.tenant.organization)
        .bind(update.now)
        .bind(update.now);
    bind_people(query, people)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn update_contacts(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    chunk: &Chunk<'_>,
) -> anyhow::Result<()> {
    let people = &chunk.updated;
    if people.is_empty() {
        return Ok(());
    }
    // With `IN`, the contacts are looked up by their ids; with only the join, SQLite would read all contacts.
    let sql = format!(
        "WITH \
        new (id, phone, external_id, email, name) AS (VALUES {}) \
        UPDATE contacts AS c SET phone = new.phone, external_id = COALESCE(new.external_id, c.external_id), \
        email = new.email, name = new.name, update_time = ? FROM new \
        WHERE c.organization_id = ? AND c.id = new.id AND c.id IN (SELECT id FROM new)",
        rows(5, people.len())
    );
    bind_people(sqlx::query(AssertSqlSafe(sql)), people)
        .bind(update.now)
        .bind(update.tenant.organization)
        .execute(&mut **transaction)
        .await?;
    let sql = format!(
        "INSERT INTO contact_changes (organization_id, change_id, change_time, contact_id, old_values) \
        SELECT ?, ?, ?, * FROM (VALUES {})",
        rows(2, people.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(update.tenant.organization)
        .bind(update.id)
        .bind(update.now);
    for ((id, _), old_values) in people.iter().zip(&chunk.old_values) {
        query = query.bind(*id).bind(old_values.clone());
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

fn bind_people<'q>(
    mut query: Query<'q, Sqlite, Arguments>,
    people: &[(Uuid, &Person)],
) -> Query<'q, Sqlite, Arguments> {
    for (id, person) in people {
        query = query
            .bind(*id)
            .bind(person.phone.clone())
            .bind(person.external_id.clone())
            .bind(person.email.clone())
            .bind(person.name.clone());
    }
    query
}

/// Opts new contacts in without a check; of the stored ones, one count tells whether any opt-in is missing. Returns how many
/// opt-ins were made, and the stored contacts if some of them got any: the benchmark's contacts have all or none.
async fn opt_in<'a>(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    chunk: &'a Chunk<'_>,
    channels: &[Uuid],
) -> anyhow::Result<(u64, &'a [Uuid])> {
    let created: Vec<Uuid> = chunk.created.iter().map(|(id, _)| *id).collect();
    let mut opted_in = insert_opt_ins(transaction, update, &created, channels, "").await?;
    if chunk.stored.is_empty() {
        return Ok((opted_in, &[]));
    }
    let sql = format!(
        "SELECT COUNT(*) FROM communication_preferences WHERE organization_id = ? AND opted_in \
        AND contact_id IN ({}) AND channel_id IN ({})",
        places(chunk.stored.len()),
        places(channels.len()),
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(update.tenant.organization);
    for id in chunk.stored.iter().chain(channels) {
        query = query.bind(*id);
    }
    let count: i64 = query.fetch_one(&mut **transaction).await?;
    if count as usize != chunk.stored.len() * channels.len() {
        let unless_there = "ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
        opted_in +=
            insert_opt_ins(transaction, update, &chunk.stored, channels, unless_there).await?;
        return Ok((opted_in, &chunk.stored));
    }
    Ok((opted_in, &[]))
}

async fn insert_opt_ins(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    contacts: &[Uuid],
    channels: &[Uuid],
    unless_there: &str,
) -> anyhow::Result<u64> {
    if contacts.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT ?, contact.column1, channel.column1, TRUE, ?, ?, ? \
        FROM (VALUES {}) AS contact CROSS JOIN (VALUES {}) AS channel WHERE TRUE {unless_there}",
        rows(1, contacts.len()),
        rows(1, channels.len()),
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(update.tenant.organization)
        .bind(update.now)
        .bind(update.tenant.api_key)
        .bind(update.id);
    for id in contacts.iter().chain(channels) {
        query = query.bind(*id);
    }
    Ok(query.execute(&mut **transaction).await?.rows_affected())
}

async fn add_members(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    chunk: &Chunk<'_>,
) -> anyhow::Result<u64> {
    let mut added = 0;
    let created: Vec<Uuid> = chunk.created.iter().map(|(id, _)| *id).collect();
    let unless_there = "ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
    for (contacts, unless_there) in [(&created, ""), (&chunk.stored, unless_there)] {
        if contacts.is_empty() {
            continue;
        }
        let sql = format!(
            "INSERT INTO contact_list_contacts (organization_id, contact_list_id, join_time, update_id, contact_id) \
            SELECT ?, ?, ?, ?, * FROM (VALUES {}) WHERE TRUE {unless_there}",
            rows(1, contacts.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(update.tenant.organization)
            .bind(update.list)
            .bind(update.now)
            .bind(update.id);
        for id in contacts {
            query = query.bind(*id);
        }
        added += query.execute(&mut **transaction).await?.rows_affected();
    }
    Ok(added)
}

async fn remove_others(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    chunks: &[Chunk<'_>],
) -> anyhow::Result<Vec<FormerMember>> {
    let kept: Vec<Uuid> = chunks
        .iter()
        .flat_map(|chunk| chunk.stored.iter().copied())
        .collect();
    anyhow::ensure!(kept.len() <= MOST_IDS, "too many to keep in one statement");
    delete_members(transaction, update, "NOT IN", &kept).await
}

async fn delete_members(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    which: &str,
    contacts: &[Uuid],
) -> anyhow::Result<Vec<FormerMember>> {
    let sql = format!(
        "DELETE FROM contact_list_contacts WHERE organization_id = ? AND contact_list_id = ? \
        AND contact_id {which} ({}) RETURNING contact_id, join_time, update_id",
        places(contacts.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql))
        .bind(update.tenant.organization)
        .bind(update.list);
    for id in contacts {
        query = query.bind(*id);
    }
    Ok(query.fetch_all(&mut **transaction).await?)
}

async fn write_journal(
    transaction: &mut Transaction<'_, Sqlite>,
    update: Update,
    chunks: &[Chunk<'_>],
    (opted_in, removed): (Vec<Uuid>, Vec<FormerMember>),
) -> anyhow::Result<()> {
    for row in floor_journal::rows(chunks, opted_in, removed) {
        sqlx::query(
            "INSERT INTO journal \
            (organization_id, change_id, kind, position, create_time, first_contact_id, last_contact_id, contacts) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(update.tenant.organization)
        .bind(update.id)
        .bind(row.kind)
        .bind(row.position)
        .bind(update.now)
        .bind(row.first)
        .bind(row.last)
        .bind(row.contacts)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// `?, ?, ?`: this many placeholders. Numbered ones (`?7`) would be slower, as SQLite keeps their names.
fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// `(?, ?), (?, ?)`: this many rows of `width` values.
fn rows(width: usize, count: usize) -> String {
    vec![format!("({})", places(width)); count].join(", ")
}
