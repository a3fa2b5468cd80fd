//! A second floor on SQLite: the same rows with rusqlite's prepared statements, row by row, without a driver's thread between
//! the program and SQLite. It reads what is stored first, and writes only differences.

use std::collections::HashSet;

use anyhow::Context;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    data::Person,
    floor::{Action, Chunk, Counts, Stored, Update, elsewhere, resolve},
    floor_journal::{self, FormerMember},
};

/// Connects as the floor does.
pub fn connect(file: &str) -> anyhow::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
        PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = 10000;",
    )?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Updates a list in one transaction.
pub fn update(
    connection: &mut Connection,
    update: Update,
    people: &[Person],
) -> anyhow::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let running = RunningUpdate {
        transaction: &transaction,
        update,
        now: update.now.format(&Rfc3339)?,
        channels: channels(&transaction, update.tenant.organization)?,
    };
    let by_phone = running.stored("phone", people.iter().map(|person| person.phone.as_str()))?;
    let by_external_id = running.stored("external_id", elsewhere(people, &by_phone).into_iter())?;
    let chunk = resolve(people, &by_phone, &by_external_id)?;
    let (mut counts, mut removed, mut opted_in) = (Counts::default(), Vec::new(), Vec::new());
    counts.add_chunk(&chunk);
    if update.action == Action::Overwrite {
        removed = running.remove_others(&chunk)?;
    }
    running.write_contacts(&chunk)?;
    if update.action == Action::Remove {
        // A new contact is not a member yet.
        removed = running.remove(chunk.stored.iter().copied())?;
    } else {
        (counts.opted_in, opted_in) = running.opt_in(&chunk)?;
        counts.added = running.add_members(&chunk)?;
    }
    counts.removed = removed.len() as u64;
    running.write_journal(&chunk, opted_in, removed)?;
    running.record(people.len(), &counts)?;
    transaction.commit()?;
    Ok(())
}

struct RunningUpdate<'a> {
    transaction: &'a Transaction<'a>,
    update: Update,
    now: String,
    channels: Vec<Uuid>,
}

fn channels(transaction: &Transaction<'_>, organization: Uuid) -> anyhow::Result<Vec<Uuid>> {
    let sql = "SELECT id FROM channels WHERE organization_id = ? ORDER BY id";
    let mut statement = transaction.prepare_cached(sql)?;
    let ids = statement.query_map([organization.as_bytes()], |row| row.get::<_, [u8; 16]>(0))?;
    ids.map(|id| Ok(Uuid::from_bytes(id?))).collect()
}

impl RunningUpdate<'_> {
    fn organization(&self) -> &[u8; 16] {
        self.update.tenant.organization.as_bytes()
    }

    fn stored<'p>(
        &self,
        column: &str,
        values: impl Iterator<Item = &'p str>,
    ) -> anyhow::Result<Vec<Stored>> {
        let sql = format!(
            "SELECT id, phone, external_id, email, name FROM contacts WHERE organization_id = ? AND {column} = ?"
        );
        let mut statement = self.transaction.prepare_cached(&sql)?;
        let mut stored = Vec::new();
        for value in values {
            let mut rows = statement.query(params![self.organization(), value])?;
            if let Some(row) = rows.next()? {
                stored.push(Stored {
                    id: Uuid::from_bytes(row.get(0)?),
                    phone: row.get(1)?,
                    external_id: row.get(2)?,
                    email: row.get(3)?,
                    name: row.get(4)?,
                });
            }
        }
        Ok(stored)
    }

    fn write_contacts(&self, chunk: &Chunk<'_>) -> anyhow::Result<()> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO contacts (organization_id, id, phone, external_id, email, name, create_time, update_time) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        )?;
        let mut change = self.transaction.prepare_cached(
            "UPDATE contacts SET phone = ?3, external_id = COALESCE(?4, external_id), email = ?5, name = ?6, \
            update_time = ?7 WHERE organization_id = ?1 AND id = ?2",
        )?;
        for (statement, people) in [(&mut insert, &chunk.created), (&mut change, &chunk.updated)] {
            for (id, person) in people {
                statement.execute(params![
                    self.organization(),
                    id.as_bytes(),
                    person.phone,
                    person.external_id,
                    person.email,
                    person.name,
                    self.now
                ])?;
            }
        }
        let mut keep = self.transaction.prepare_cached(
            "INSERT INTO contact_changes (organization_id, contact_id, change_id, change_time, old_values) \
            VALUES (?, ?, ?, ?, ?)",
        )?;
        for ((id, _), old_values) in chunk.updated.iter().zip(&chunk.old_values) {
            let change = self.update.id.as_bytes();
            keep.execute(params![
                self.organization(),
                id.as_bytes(),
                change,
                self.now,
                old_values
            ])?;
        }
        Ok(())
    }

    /// Returns how many opt-ins were made, and the stored contacts that got some.
    fn opt_in(&self, chunk: &Chunk<'_>) -> anyhow::Result<(u64, Vec<Uuid>)> {
        let mut count = self.transaction.prepare_cached(
            "SELECT COUNT(*) FROM communication_preferences WHERE organization_id = ? AND contact_id = ? AND opted_in",
        )?;
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO communication_preferences \
            (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
            VALUES (?, ?, ?, TRUE, ?, ?, ?) ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING",
        )?;
        let mut missing = Vec::new();
        for id in &chunk.stored {
            let there: u32 = count
                .query_row(params![self.organization(), id.as_bytes()], |row| {
                    row.get(0)
                })?;
            if (there as usize) < self.channels.len() {
                missing.push(*id);
            }
        }
        let mut opted_in = 0;
        let created = chunk.created.iter().map(|(id, _)| id);
        for id in created.chain(&missing) {
            for channel in &self.channels {
                opted_in += insert.execute(params![
                    self.organization(),
                    id.as_bytes(),
                    channel.as_bytes(),
                    self.now,
                    self.update.tenant.api_key.as_bytes(),
                    self.update.id.as_bytes()
                ])?;
            }
        }
        Ok((opted_in as u64, missing))
    }

    fn add_members(&self, chunk: &Chunk<'_>) -> anyhow::Result<u64> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
            VALUES (?, ?, ?, ?, ?) ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING",
        )?;
        let created = chunk.created.iter().map(|(id, _)| id);
        let mut added = 0;
        for id in created.chain(&chunk.stored) {
            let values = params![
                self.organization(),
                self.update.list.as_bytes(),
                id.as_bytes(),
                self.now,
                self.update.id.as_bytes()
            ];
            added += insert.execute(values)? as u64;
        }
        Ok(added)
    }

    fn remove_others(&self, chunk: &Chunk<'_>) -> anyhow::Result<Vec<FormerMember>> {
        let kept: HashSet<Uuid> = chunk.stored.iter().copied().collect();
        let sql = "SELECT contact_id FROM contact_list_contacts WHERE organization_id = ? AND contact_list_id = ?";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let list = params![self.organization(), self.update.list.as_bytes()];
        let members = statement.query_map(list, |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
        let members: Vec<Uuid> = members.collect::<Result<_, _>>()?;
        self.remove(members.into_iter().filter(|id| !kept.contains(id)))
    }

    fn remove(&self, contacts: impl Iterator<Item = Uuid>) -> anyhow::Result<Vec<FormerMember>> {
        let mut delete = self.transaction.prepare_cached(
            "DELETE FROM contact_list_contacts WHERE organization_id = ? AND contact_list_id = ? AND contact_id = ? \
            RETURNING join_time, update_id",
        )?;
        let mut removed = Vec::new();
        for id in contacts {
            let list = self.update.list.as_bytes();
            let mut rows = delete.query(params![self.organization(), list, id.as_bytes()])?;
            if let Some(row) = rows.next()? {
                let join_time: String = row.get(0)?;
                let update: Option<[u8; 16]> = row.get(1)?;
                removed.push((
                    id,
                    OffsetDateTime::parse(&join_time, &Rfc3339)?,
                    update.map(Uuid::from_bytes),
                ));
            }
        }
        Ok(removed)
    }

    fn write_journal(
        &self,
        chunk: &Chunk<'_>,
        opted_in: Vec<Uuid>,
        removed: Vec<FormerMember>,
    ) -> anyhow::Result<()> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO journal \
            (organization_id, change_id, kind, position, create_time, first_contact_id, last_contact_id, contacts) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for row in floor_journal::rows(std::slice::from_ref(chunk), opted_in, removed) {
            insert.execute(params![
                self.organization(),
                self.update.id.as_bytes(),
                row.kind,
                row.position,
                self.now,
                row.first.as_bytes(),
                row.last.as_bytes(),
                row.contacts
            ])?;
        }
        Ok(())
    }

    fn record(&self, received: usize, counts: &Counts) -> anyhow::Result<()> {
        let (list_count, version): (i64, i64) = self
            .transaction
            .prepare_cached(
                "UPDATE contact_lists SET contact_count = contact_count + ?3, version = version + 1 \
                WHERE organization_id = ?1 AND id = ?2 RETURNING contact_count, version",
            )?
            .query_row(
                params![
                    self.organization(),
                    self.update.list.as_bytes(),
                    counts.change()
                ],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .context("no such list")?;
        let outcome = counts
            .outcome(&self.update, received, list_count)
            .to_string();
        self.transaction
            .prepare_cached(
                "INSERT INTO contact_list_updates \
                (organization_id, id, contact_list_id, action, api_key_id, create_time, outcome, list_version) \
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                self.organization(),
                self.update.id.as_bytes(),
                self.update.list.as_bytes(),
                self.update.action.name(),
                self.update.tenant.api_key.as_bytes(),
                self.now,
                outcome,
                version
            ])?;
        Ok(())
    }
}
