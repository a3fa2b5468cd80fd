//! An organization's rows, read past the service: as a snapshot, or as what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::contact_list::State;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement, TryGetable};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    calls::Number,
    id_map::IdMap,
    snapshot::{Contact, Snapshot},
    values::{PROPERTY, digits, number_of, phone},
};

/// Reads an organization's rows.
pub struct Reader<'a> {
    pub connection: &'a DatabaseConnection,
    pub ids: &'a IdMap,
}

/// Contacts with their numbers, by their ids.
type Contacts = BTreeMap<Uuid, (Number, Contact)>;

impl Reader<'_> {
    /// Reads a snapshot. `numbers` are all that opt-outs may have been left behind with. Fails where rows belong to
    /// nothing, or a count is not that of the rows.
    ///
    /// Recorded updates are not part of it: see [`Self::requests`].
    pub async fn snapshot(
        &self,
        numbers: impl Iterator<Item = Number>,
    ) -> Result<Snapshot, String> {
        let mut contacts = self.contacts().await;
        self.read_preferences(&mut contacts).await?;
        self.read_records(&mut contacts).await?;
        self.read_members(&mut contacts).await?;
        let snapshot = Snapshot {
            contacts: contacts.into_values().collect(),
            channels: self.channels().await,
            number_opt_outs: self.number_opt_outs(numbers).await?,
            ..Snapshot::default()
        };
        self.with_lists(snapshot).await
    }

    /// The request_ids of a list's recorded updates, in the order in which they were applied.
    pub async fn requests(&self, list: u8) -> Vec<Uuid> {
        let id: Uuid = self.ids.list(list).parse().expect("an id");
        let sql = "SELECT request_id FROM contact_list_updates WHERE organization_id = $1 \
            AND contact_list_id = $2 AND request_id IS NOT NULL ORDER BY id";
        let rows = self
            .rows_with(sql, vec![self.ids.organization.into(), id.into()])
            .await;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    /// How many updates are recorded.
    pub async fn record_count(&self) -> i64 {
        let sql = "SELECT count(*) FROM contact_list_updates WHERE organization_id = $1";
        get(&self.rows(sql).await[0], 0)
    }

    async fn contacts(&self) -> Contacts {
        let sql = "SELECT id, phone, external_id, name FROM contacts WHERE organization_id = $1";
        let contact = |row: &QueryResult| {
            let id: Uuid = get(row, 0);
            let contact = Contact {
                known: self.ids.known_of(&id.to_string()),
                external_id: get::<Option<String>>(row, 2).as_deref().map(digits),
                name: get::<Option<String>>(row, 3).as_deref().map(digits),
                ..Contact::default()
            };
            (id, (number_of(&get::<String>(row, 1)), contact))
        };
        self.rows(sql).await.iter().map(contact).collect()
    }

    async fn read_preferences(&self, contacts: &mut Contacts) -> Result<(), String> {
        let sql = "SELECT contact_id, channel_id, opted_in FROM communication_preferences \
            WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let channel = self.channel(get(&row, 1))?;
            let contact = of(contacts, get(&row, 0), "a preference")?;
            contact.preferences.insert(channel, get(&row, 2));
        }
        Ok(())
    }

    async fn read_records(&self, contacts: &mut Contacts) -> Result<(), String> {
        let sql =
            "SELECT contact_id, properties FROM custom_object_records WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let contact = of(contacts, get(&row, 0), "a custom object record")?;
            let properties: serde_json::Value = get(&row, 1);
            contact.plan = properties[PROPERTY].as_str().map(digits);
        }
        Ok(())
    }

    async fn read_members(&self, contacts: &mut Contacts) -> Result<(), String> {
        let sql = "SELECT contact_id, contact_list_id FROM contact_list_contacts WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let list = self.ids.list_of(&get::<Uuid>(&row, 1).to_string());
            of(contacts, get(&row, 0), "a membership")?
                .lists
                .insert(list);
        }
        Ok(())
    }

    async fn channels(&self) -> BTreeSet<u8> {
        let sql = "SELECT id FROM channels WHERE organization_id = $1";
        let rows = self.rows(sql).await;
        rows.iter()
            .map(|row| self.ids.channel_of(&get::<Uuid>(row, 0).to_string()))
            .collect()
    }

    async fn number_opt_outs(
        &self,
        numbers: impl Iterator<Item = Number>,
    ) -> Result<BTreeMap<Number, BTreeSet<u8>>, String> {
        let sql = "SELECT number_hash, channel_id, opted_in FROM opted_out_numbers WHERE organization_id = $1";
        let rows = self.rows(sql).await;
        let mut opt_outs: BTreeMap<Number, BTreeSet<u8>> = BTreeMap::new();
        if rows.is_empty() {
            return Ok(opt_outs);
        }
        let hashes = self.hashes(numbers).await;
        for row in rows {
            let hash: Vec<u8> = get(&row, 0);
            let number = hashes
                .get(&hash)
                .ok_or("an opt-out of a number that no call named")?;
            if get(&row, 2) {
                return Err(format!("an opt-in of the unassigned number {number}"));
            }
            let channel = self.channel(get(&row, 1))?;
            opt_outs.entry(*number).or_default().insert(channel);
        }
        Ok(opt_outs)
    }

    async fn hashes(&self, numbers: impl Iterator<Item = Number>) -> BTreeMap<Vec<u8>, Number> {
        let sql = "SELECT opt_out_key FROM organizations WHERE id = $1";
        let key: Vec<u8> = get(&self.rows(sql).await[0], 0);
        let hash = |n: Number| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
            mac.update(phone(n).as_bytes());
            (mac.finalize().into_bytes().to_vec(), n)
        };
        numbers.map(hash).collect()
    }

    async fn with_lists(&self, mut snapshot: Snapshot) -> Result<Snapshot, String> {
        let sql = "SELECT id, state, contact_count FROM contact_lists WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let list = self.ids.list_of(&get::<Uuid>(&row, 0).to_string());
            let state = match get::<String>(&row, 1).as_str() {
                "active" => State::Active,
                "archived" => State::Archived,
                "deleted" => State::Deleted,
                other => return Err(format!("a list in state {other}")),
            };
            snapshot.lists.insert(list, state);
            let (count, members) = (get::<i64>(&row, 2), snapshot.members(list).count());
            if usize::try_from(count) != Ok(members) {
                return Err(format!(
                    "list {list} counts {count} contacts and has {members}"
                ));
            }
        }
        Ok(snapshot)
    }

    fn channel(&self, id: Uuid) -> Result<u8, String> {
        let channel = self.ids.known_channel_of(&id.to_string());
        channel.ok_or_else(|| format!("a preference for a channel that does not exist: {id}"))
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        self.rows_with(sql, vec![self.ids.organization.into()])
            .await
    }

    async fn rows_with(&self, sql: &str, values: Vec<sea_orm::Value>) -> Vec<QueryResult> {
        let backend = self.connection.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        self.connection
            .query_all_raw(statement)
            .await
            .expect("rows")
    }
}

fn get<T: TryGetable>(row: &QueryResult, column: usize) -> T {
    row.try_get_by_index(column).expect("a column")
}

fn of<'a>(contacts: &'a mut Contacts, id: Uuid, what: &str) -> Result<&'a mut Contact, String> {
    match contacts.get_mut(&id) {
        Some((_, contact)) => Ok(contact),
        None => Err(format!("{what} of a contact that does not exist: {id}")),
    }
}
