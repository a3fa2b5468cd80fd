//! A second floor on SQLite: the same rows with rusqlite's prepared statements, row by row, without a driver's thread between
//! the program and SQLite. It reads what is stored first, and writes only differences.

use std::collections::HashSet;

use anyhow::Context;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::{
    data::Person,
    floor::{Action, Chunk, Counts, Stored, Update, elsewhere, resolve},
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
    let mut counts = Counts::default();
    counts.add_chunk(&chunk);
    if update.action == Action::Overwrite {
        counts.removed += running.remove_others(&chunk)?;
    }
    running.write_contacts(&chunk)?;
    if update.action != Action::Remove {
        counts.opted_in += running.opt_in(&chunk)?;
    }
    running.change_members(&chunk, &mut counts)?;
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
        Ok(())
    }

    fn opt_in(&self, chunk: &Chunk<'_>) -> anyhow::Result<u64> {
        let mut count = self.transaction.prepare_cached(
            "SELECT COUNT(*) FROM communication_preferences WHERE organization_id = ? AND contact_id = ? AND opted_in",
        )?;
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO communication_preferences \
            (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
            VALUES (?, ?, ?, TRUE, ?, ?, ?) ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING",
        )?;
        let mut missing: Vec<Uuid> = chunk.created.iter().map(|(id, _)| *id).collect();
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
        for id in &missing {
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
        Ok(opted_in as u64)
    }

    fn change_members(&self, chunk: &Chunk<'_>, counts: &mut Counts) -> anyhow::Result<()> {
        if self.update.action == Action::Remove {
            counts.removed += self.remove(chunk.stored.iter().copied())?;
            return Ok(());
        }
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time) \
            VALUES (?, ?, ?, ?) ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING",
        )?;
        let created = chunk.created.iter().map(|(id, _)| id);
        for id in created.chain(&chunk.stored) {
            let values = params![
                self.organization(),
                self.update.list.as_bytes(),
                id.as_bytes(),
                self.now
            ];
            counts.added += insert.execute(values)? as u64;
        }
        Ok(())
    }

    fn remove_others(&self, chunk: &Chunk<'_>) -> anyhow::Result<u64> {
        let kept: HashSet<Uuid> = chunk.stored.iter().copied().collect();
        let sql = "SELECT contact_id FROM contact_list_contacts WHERE organization_id = ? AND contact_list_id = ?";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let list = params![self.organization(), self.update.list.as_bytes()];
        let members = statement.query_map(list, |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
        let members: Vec<Uuid> = members.collect::<Result<_, _>>()?;
        self.remove(members.into_iter().filter(|id| !kept.contains(id)))
    }

    fn remove(&self, contacts: impl Iterator<Item = Uuid>) -> anyhow::Result<u64> {
        let mut delete = self.transaction.prepare_cached(
            "DELETE FROM contact_list_contacts WHERE organization_id = ? AND contact_list_id = ? AND contact_id = ?",
        )?;
        let mut removed = 0;
        for id in contacts {
            removed += delete.execute(params![
                self.organization(),
                self.update.list.as_bytes(),
                id.as_bytes()
            ])?;
        }
        Ok(removed as u64)
    }

    fn record(&self, received: usize, counts: &Counts) -> anyhow::Result<()> {
        let list_count: i64 = self
            .transaction
            .prepare_cached(
                "UPDATE contact_lists SET contact_count = contact_count + ?3 \
                WHERE organization_id = ?1 AND id = ?2 RETURNING contact_count",
            )?
            .query_row(
                params![
                    self.organization(),
                    self.update.list.as_bytes(),
                    counts.change()
                ],
                |row| row.get(0),
            )
            .context("no such list")?;
        let outcome = counts
            .outcome(&self.update, received, list_count)
            .to_string();
        self.transaction
            .prepare_cached(
                "INSERT INTO contact_list_updates \
                (organization_id, id, contact_list_id, action, api_key_id, create_time, outcome) \
                VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                self.organization(),
                self.update.id.as_bytes(),
                self.update.list.as_bytes(),
                self.update.action.name(),
                self.update.tenant.api_key.as_bytes(),
                self.now,
                outcome
            ])?;
        Ok(())
    }
}
