//! The database that everything is measured on: an organization, three channels, lists, and a base of contacts; the
//! service on it, and the floor's own connection to it.

use std::{any::Any, net::SocketAddr, path::Path, str::FromStr, time::Duration};

use anyhow::Context;
use contact_lists::{
    domain::{api_key::NewApiKey, now, scope::Scope},
    repository::{
        Pooler, Repository, api_keys,
        entity::{channel, contact_list},
        organizations,
    },
    settings::DatabaseSettings,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseConnection, DbBackend, Statement,
    Value,
};
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    Flags, data,
    floor::{Action, Floor, Tenant},
    postgres,
    profile::Profile,
    rusqlite_floor,
    service::{self, Caller},
};

/// How many channels the organization has.
pub const CHANNEL_COUNT: u64 = 3;

/// A database, and the connections that work on it.
pub struct Database {
    /// The database's name in the table.
    pub name: &'static str,
    /// Its URL.
    pub url: String,
    /// The owner of the rows.
    pub tenant: Tenant,
    /// The API key of a caller.
    pub key: String,
    /// Where the service listens.
    pub address: SocketAddr,
    /// A caller of the service.
    pub caller: Caller,
    /// The floor.
    pub floor: Floor,
    /// The second floor's connection, on SQLite.
    pub rusqlite: Option<rusqlite::Connection>,
    /// A connection for checks and for the row-by-row contestant.
    pub db: DatabaseConnection,
    /// The profile of PostgreSQL's statements, if it was asked for.
    pub profile: Option<Profile>,
    /// How many contacts the base has: the people with the first indexes.
    pub base: u64,
    /// The index of the next unused person.
    next: u64,
    /// The folder or server that is deleted with the database. Last, so that it is dropped after all connections.
    _storage: Box<dyn Any + Send + Sync>,
}

impl Database {
    /// A fresh SQLite file. `folder` must be on a disk, unlike the temporary files of some systems.
    pub async fn sqlite(folder: &Path, flags: &Flags, base: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(folder)?;
        let file = folder.path().join("bench.db").display().to_string();
        let url = format!("sqlite://{file}");
        let mut database = Self::on("SQLite", url, Box::new(folder), flags, base).await?;
        database.rusqlite = Some(rusqlite_floor::connect(&file)?);
        Ok(database)
    }

    /// A throw-away PostgreSQL. None if PostgreSQL is not installed.
    pub async fn postgres(flags: &Flags, base: u64) -> anyhow::Result<Option<Self>> {
        let Some(server) = postgres::start(flags.profile).await? else {
            return Ok(None);
        };
        let url = server.url("postgres");
        let database = Self::on("PostgreSQL", url, Box::new(server), flags, base).await?;
        Ok(Some(database))
    }

    async fn on(
        name: &'static str,
        url: String,
        storage: Box<dyn Any + Send + Sync>,
        flags: &Flags,
        base: u64,
    ) -> anyhow::Result<Self> {
        let settings = DatabaseSettings {
            database_url: url.as_str().into(),
            max_connections: 4,
            database_pooler: Pooler::None,
            database_timeout_seconds: 3600,
        };
        let repository = Repository::connect(&(&settings).into()).await?;
        repository.migrate().await?;
        let organization = organizations::create(&repository, "Benchmark", None, None).await?;
        let (api_key, secret) =
            api_keys::create(&repository, organization.id, NewApiKey::new(Scope::Admin)).await?;
        let tenant = Tenant {
            organization: organization.id.0,
            api_key: api_key.id,
        };
        let address = service::start(&url, flags.largest_call()).await?;
        let mut database = Self {
            name,
            tenant,
            address,
            caller: Caller::connect(address, secret.expose()).await?,
            key: secret.expose().to_owned(),
            floor: connect(&url).await?,
            rusqlite: None,
            db: repository.db().without_timeout().clone(),
            profile: None,
            base,
            next: base,
            url,
            _storage: storage,
        };
        database.make_channels().await?;
        if flags.profile && database.backend() == DbBackend::Postgres {
            database.profile = Some(Profile::start(&database.url).await?);
        }
        Ok(database)
    }

    async fn make_channels(&self) -> anyhow::Result<()> {
        for number in 0..CHANNEL_COUNT {
            let channel = channel::ActiveModel {
                organization_id: Set(self.tenant.organization),
                id: Set(Uuid::now_v7()),
                name: Set(format!("Channel {number}")),
                channel_type: Set("phone".to_owned()),
                phone: Set(Some(format!("+4930901820{number:02}"))),
                create_time: Set(now()),
                update_time: Set(now()),
            };
            channel.insert(&self.db).await?;
        }
        Ok(())
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    /// Creates an empty list.
    pub async fn make_list(&self, name: &str) -> anyhow::Result<Uuid> {
        let list = contact_list::ActiveModel {
            organization_id: Set(self.tenant.organization),
            id: Set(Uuid::now_v7()),
            name: Set(name.to_owned()),
            color: Set(None),
            state: Set("active".to_owned()),
            contact_count: Set(0),
            create_time: Set(now()),
            update_time: Set(now()),
            version: Set(0),
        };
        Ok(list.insert(&self.db).await?.id)
    }

    /// Adds the base to the database and to `list`.
    pub async fn fill(&mut self, list: Uuid) -> anyhow::Result<()> {
        let people = data::sorted(&data::people(0..self.base));
        self.floor
            .update(self.tenant, list, Action::Add, &people)
            .await?;
        self.vacuum(true).await
    }

    /// Adds the members of `from` to `list`.
    pub async fn copy_members(&self, from: Uuid, list: Uuid) -> anyhow::Result<()> {
        let insert = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time) \
            SELECT organization_id, $3, contact_id, join_time FROM contact_list_contacts \
            WHERE organization_id = $1 AND contact_list_id = $2 ORDER BY contact_id \
            ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
        let count = "UPDATE contact_lists SET contact_count = (SELECT f.contact_count FROM contact_lists f \
            WHERE f.organization_id = $1 AND f.id = $2) WHERE organization_id = $1 AND id = $3";
        let organization = self.tenant.organization;
        for sql in [insert, count] {
            let values = [organization.into(), from.into(), list.into()];
            self.db.execute_raw(self.statement(sql, values)).await?;
        }
        Ok(())
    }

    /// Makes the next run start like the others, without dead rows and without a long write-ahead log. Never measured.
    pub async fn vacuum(&self, all: bool) -> anyhow::Result<()> {
        let sql = match (self.backend(), all) {
            (DbBackend::Postgres, true) => "VACUUM (ANALYZE)",
            (DbBackend::Postgres, false) => "VACUUM (ANALYZE) contact_list_contacts, contacts",
            _ => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        self.db.execute_unprepared(sql).await?;
        Ok(())
    }

    /// Empties SQLite's write-ahead log, so that no contestant pays for another's checkpoint.
    pub async fn empty_write_ahead_log(&self) -> anyhow::Result<()> {
        if self.backend() == DbBackend::Sqlite {
            self.vacuum(false).await?;
        }
        Ok(())
    }

    /// People whose contacts are not stored yet.
    pub fn new_people(&mut self, count: u64) -> Vec<data::Person> {
        let first = self.next;
        self.next += count;
        data::people(first..self.next)
    }

    /// A statement for either database.
    pub fn statement<const N: usize>(&self, sql: &str, values: [Value; N]) -> Statement {
        let sql = match self.backend() {
            DbBackend::Postgres => sql.to_owned(),
            _ => sql.replace('$', "?"),
        };
        Statement::from_sql_and_values(self.backend(), sql, values)
    }
}

/// The floor's connection. On SQLite it has the service's durability (a write-ahead log that each commit syncs), but leaves
/// the checkpoints to [`Database::vacuum`]: they can be made outside a call.
async fn connect(url: &str) -> anyhow::Result<Floor> {
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await?;
        // As in the service, so that both have the same plans.
        sqlx::query("SET plan_cache_mode = force_generic_plan")
            .execute(&mut connection)
            .await?;
        return Ok(Floor::Postgres(connection));
    }
    let options = SqliteConnectOptions::from_str(url)
        .context("a bad address")?
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", "0")
        .disable_statement_logging();
    Ok(Floor::Sqlite(options.connect().await?))
}
