//! What the database has of an organization, read past the service: as a state of the model, or as what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement, TryGetable};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    model::{ListState, Number, Person, State},
    support::number,
    wire::{digits, number_of},
    world::World,
};

/// Reads an organization's rows.
pub struct Reader<'a> {
    pub connection: &'a DatabaseConnection,
    pub world: &'a World,
}

impl Reader<'_> {
    /// The state that the rows make. `numbers` are all that an opt-out may have been left behind for. Fails where rows
    /// belong to nothing, or a count is not that of the rows.
    ///
    /// Recorded updates are not part of it: see [`Self::requests`].
    pub async fn state(&self, numbers: impl Iterator<Item = Number>) -> Result<State, String> {
        let mut people = self.people().await;
        self.read_preferences(&mut people).await?;
        self.read_records(&mut people).await?;
        self.read_members(&mut people).await?;
        let state = State {
            people: people.into_values().collect(),
            channels: self.channels().await,
            number_opt_outs: self.number_opt_outs(numbers).await?,
            ..State::default()
        };
        self.with_lists(state).await
    }

    /// The request_ids of the recorded updates of a list, in the order in which they were applied.
    pub async fn requests(&self, list: u8) -> Vec<Uuid> {
        let id: Uuid = self.world.lists[usize::from(list)].parse().expect("an id");
        let sql = "SELECT request_id FROM contact_list_updates WHERE organization_id = $1 \
            AND contact_list_id = $2 AND request_id IS NOT NULL ORDER BY id";
        let rows = self
            .rows_with(sql, vec![self.world.organization.into(), id.into()])
            .await;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    /// How many updates are recorded.
    pub async fn record_count(&self) -> i64 {
        let sql = "SELECT count(*) FROM contact_list_updates WHERE organization_id = $1";
        get(&self.rows(sql).await[0], 0)
    }

    async fn people(&self) -> BTreeMap<Uuid, (Number, Person)> {
        let sql = "SELECT id, phone, external_id, name FROM contacts WHERE organization_id = $1";
        let origin = |id: Uuid| {
            let id = id.to_string();
            let place = self.world.origins.iter().position(|origin| *origin == id);
            place.map(|place| place as u32)
        };
        let person = |row: &QueryResult| {
            let id = get(row, 0);
            let person = Person {
                origin: origin(id),
                external_id: get::<Option<String>>(row, 2).as_deref().map(digits),
                name: get::<Option<String>>(row, 3).as_deref().map(digits),
                ..Person::default()
            };
            (id, (number_of(&get::<String>(row, 1)), person))
        };
        self.rows(sql).await.iter().map(person).collect()
    }

    async fn read_preferences(
        &self,
        people: &mut BTreeMap<Uuid, (Number, Person)>,
    ) -> Result<(), String> {
        let sql = "SELECT contact_id, channel_id, opted_in FROM communication_preferences \
            WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let channel = self.channel(get(&row, 1))?;
            let person = of(people, get(&row, 0), "a preference")?;
            person.preferences.insert(channel, get(&row, 2));
        }
        Ok(())
    }

    async fn read_records(
        &self,
        people: &mut BTreeMap<Uuid, (Number, Person)>,
    ) -> Result<(), String> {
        let sql =
            "SELECT contact_id, properties FROM custom_object_records WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let person = of(people, get(&row, 0), "a custom object record")?;
            let properties: serde_json::Value = get(&row, 1);
            person.plan = properties["plan"].as_str().map(digits);
        }
        Ok(())
    }

    async fn read_members(
        &self,
        people: &mut BTreeMap<Uuid, (Number, Person)>,
    ) -> Result<(), String> {
        let sql = "SELECT contact_id, contact_list_id FROM contact_list_contacts WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let list = self.world.list_number(&get::<Uuid>(&row, 1).to_string());
            of(people, get(&row, 0), "a membership")?.lists.insert(list);
        }
        Ok(())
    }

    async fn channels(&self) -> BTreeSet<u8> {
        let sql = "SELECT id FROM channels WHERE organization_id = $1";
        let rows = self.rows(sql).await;
        rows.iter()
            .map(|row| self.world.channel_number(&get::<Uuid>(row, 0).to_string()))
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
                .ok_or("an opt-out of a number that nobody named")?;
            if get(&row, 2) {
                return Err(format!("an opt-in of number {number}, which is nobody's"));
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
            mac.update(number(n).as_bytes());
            (mac.finalize().into_bytes().to_vec(), n)
        };
        numbers.map(hash).collect()
    }

    async fn with_lists(&self, mut state: State) -> Result<State, String> {
        let sql = "SELECT id, state, contact_count FROM contact_lists WHERE organization_id = $1";
        for row in self.rows(sql).await {
            let list = self.world.list_number(&get::<Uuid>(&row, 0).to_string());
            let list_state = match get::<String>(&row, 1).as_str() {
                "active" => ListState::Active,
                "archived" => ListState::Archived,
                "deleted" => ListState::Deleted,
                other => return Err(format!("a list in state {other}")),
            };
            state.lists.insert(list, list_state);
            let (count, members) = (get::<i64>(&row, 2), state.members(list).count());
            if usize::try_from(count) != Ok(members) {
                return Err(format!(
                    "list {list} counts {count} contacts and has {members}"
                ));
            }
        }
        Ok(state)
    }

    fn channel(&self, id: Uuid) -> Result<u8, String> {
        let known = self.world.channels.read().unwrap();
        let id = id.to_string();
        let found = known.iter().find(|(_, channel)| **channel == id);
        found
            .map(|(number, _)| *number)
            .ok_or_else(|| format!("a preference for a channel that is not there: {id}"))
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        self.rows_with(sql, vec![self.world.organization.into()])
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

fn of<'a>(
    people: &'a mut BTreeMap<Uuid, (Number, Person)>,
    id: Uuid,
    what: &str,
) -> Result<&'a mut Person, String> {
    match people.get_mut(&id) {
        Some((_, person)) => Ok(person),
        None => Err(format!("{what} of a contact that is not there: {id}")),
    }
}
