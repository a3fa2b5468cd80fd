//! The floor: the best plain SQL that leaves the same rows as the service, by the same identity rules. It runs without the
//! service, on prepared contacts: phones in E.164, sorted by phone. Both databases share what is here.

use std::collections::HashMap;

use anyhow::bail;
use serde_json::json;
use sqlx::{PgConnection, SqliteConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{data::Person, floor_postgres, floor_sqlite};

/// What an update does to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Adds the contacts.
    Add,
    /// Removes the contacts.
    Remove,
    /// Makes the contacts the only members.
    Overwrite,
}

impl Action {
    /// The name in the update's record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Overwrite => "overwrite",
        }
    }
}

/// The owner of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Tenant {
    /// The organization.
    pub organization: Uuid,
    /// The API key that the preferences and the update's record name.
    pub api_key: Uuid,
}

/// An update of a list by the floor.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// The owner of the rows.
    pub tenant: Tenant,
    /// The list.
    pub list: Uuid,
    /// What the update does to it.
    pub action: Action,
    /// The id of its record.
    pub id: Uuid,
    /// Its time.
    pub now: OffsetDateTime,
}

impl Update {
    /// An update that begins now.
    pub fn new(tenant: Tenant, list: Uuid, action: Action) -> Self {
        Self {
            tenant,
            list,
            action,
            id: Uuid::now_v7(),
            now: contact_lists::domain::now(),
        }
    }
}

/// The floor's own connection.
pub enum Floor {
    /// To PostgreSQL.
    Postgres(PgConnection),
    /// To a SQLite file.
    Sqlite(SqliteConnection),
}

impl Floor {
    /// Updates a list in one transaction.
    pub async fn update(
        &mut self,
        tenant: Tenant,
        list: Uuid,
        action: Action,
        people: &[Person],
    ) -> anyhow::Result<()> {
        let update = Update::new(tenant, list, action);
        match self {
            Self::Postgres(connection) => floor_postgres::update(connection, update, people).await,
            Self::Sqlite(connection) => floor_sqlite::update(connection, update, people).await,
        }
    }
}

/// A stored contact.
#[derive(Debug)]
pub struct Stored {
    pub id: Uuid,
    pub phone: String,
    pub external_id: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
}

/// A row of [`Stored`]'s columns.
pub type StoredRow = (Uuid, String, Option<String>, Option<String>, Option<String>);

impl From<StoredRow> for Stored {
    fn from((id, phone, external_id, email, name): StoredRow) -> Self {
        Self {
            id,
            phone,
            external_id,
            email,
            name,
        }
    }
}

/// A chunk of contacts, by what must be written.
#[derive(Default)]
pub struct Chunk<'a> {
    /// New contacts with their ids, in phone order.
    pub created: Vec<(Uuid, &'a Person)>,
    /// Stored contacts that change.
    pub updated: Vec<(Uuid, &'a Person)>,
    /// What each of these was before, as JSON.
    pub old_values: Vec<String>,
    /// All stored contacts.
    pub stored: Vec<Uuid>,
}

/// The external_ids of a chunk that must be looked up after its phones.
pub fn elsewhere<'a>(people: &'a [Person], by_phone: &[Stored]) -> Vec<&'a str> {
    let here: HashMap<&str, &Stored> = by_phone.iter().map(|it| (it.phone.as_str(), it)).collect();
    let found = |person: &Person| {
        here.get(person.phone.as_str())
            .is_some_and(|stored| stored.external_id == person.external_id)
    };
    people
        .iter()
        .filter(|person| !found(person))
        .filter_map(|person| person.external_id.as_deref())
        .collect()
}

/// Resolves contacts: by external_id, else by phone, else they are new.
pub fn resolve<'a>(
    people: &'a [Person],
    by_phone: &[Stored],
    by_external_id: &[Stored],
) -> anyhow::Result<Chunk<'a>> {
    let phones: HashMap<&str, &Stored> =
        by_phone.iter().map(|it| (it.phone.as_str(), it)).collect();
    let external_ids: HashMap<&str, &Stored> = by_phone
        .iter()
        .chain(by_external_id)
        .filter_map(|it| Some((it.external_id.as_deref()?, it)))
        .collect();
    let mut chunk = Chunk::default();
    for person in people {
        let external_id = person.external_id.as_deref();
        let here = phones.get(person.phone.as_str()).copied();
        let stored = match external_id.and_then(|id| external_ids.get(id)) {
            Some(stored) if stored.phone == person.phone => Some(*stored),
            Some(_) => bail!("the benchmark's people keep their numbers"),
            None => here,
        };
        let Some(stored) = stored else {
            chunk.created.push((Uuid::now_v7(), person));
            continue;
        };
        if external_id.is_some()
            && stored.external_id.is_some()
            && external_id != stored.external_id.as_deref()
        {
            bail!("the benchmark's people keep their external_ids");
        }
        let is_same = stored.name.as_deref() == Some(&person.name)
            && stored.email.as_deref() == Some(&person.email)
            && (external_id.is_none() || external_id == stored.external_id.as_deref());
        if !is_same {
            chunk.updated.push((stored.id, person));
            chunk.old_values.push(old_values(stored, person));
        }
        chunk.stored.push(stored.id);
    }
    Ok(chunk)
}

/// What a contact was of what changes.
fn old_values(stored: &Stored, person: &Person) -> String {
    let mut fields = serde_json::Map::new();
    let (old, new) = (&stored.external_id, &person.external_id);
    if new.is_some() && old != new {
        fields.insert("external_id".to_owned(), json!(old));
    }
    for (key, old, new) in [
        ("email", &stored.email, &person.email),
        ("name", &stored.name, &person.name),
    ] {
        if old.as_ref() != Some(new) {
            fields.insert(key.to_owned(), json!(old));
        }
    }
    json!({ "fields": fields }).to_string()
}

/// The counts that the service's answer has too.
#[derive(Debug, Default)]
pub struct Counts {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub added: u64,
    pub removed: u64,
    pub opted_in: u64,
}

impl Counts {
    /// Counts a chunk.
    pub fn add_chunk(&mut self, chunk: &Chunk<'_>) {
        self.created += chunk.created.len() as u64;
        self.updated += chunk.updated.len() as u64;
        self.unchanged += (chunk.stored.len() - chunk.updated.len()) as u64;
    }

    /// The change of the list's `contact_count`.
    pub fn change(&self) -> i64 {
        self.added as i64 - self.removed as i64
    }

    /// The column `outcome` of the update's record.
    pub fn outcome(&self, update: &Update, received: usize, list_count: i64) -> serde_json::Value {
        json!({
            "contact_list": {
                "id": update.list, "name": "Benchmark", "color": null, "state": "active",
                "contact_count": list_count,
                "create_time": update.now.unix_timestamp_nanos() as i64 / 1000,
                "update_time": update.now.unix_timestamp_nanos() as i64 / 1000,
            },
            "counts": {
                "received": received, "created": self.created, "updated": self.updated,
                "unchanged": self.unchanged, "duplicate": 0, "rejected": 0, "added": self.added,
                "removed": self.removed, "opted_in": self.opted_in, "kept_opt_out": 0,
            },
        })
    }
}
