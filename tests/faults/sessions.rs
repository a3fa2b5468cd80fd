//! What the service has open at PostgreSQL, as PostgreSQL reports it, and locks that are held from outside of the service.

use contact_lists::proto::GetContactListRequest;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use tokio::task::JoinSet;
use tonic::Status;

use test_support::*;

use crate::helpers::{new_id, within};

/// The sessions that came through a relay to this database and are not idle.
const BUSY_SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND application_name = 'relayed' AND (xact_start IS NOT NULL OR state <> 'idle')";

/// The locks that other sessions of this database hold or wait for.
const LOCKS: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND wait_event_type = 'Lock'";

/// The sessions of a service behind a relay.
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND application_name = 'relayed'";

/// Waits until PostgreSQL reports no transaction, no lock and no surplus connection of the service.
pub async fn assert_nothing_left(database: &Database, max_connections: i64) {
    until("no transaction of the service is left", async || {
        database.rows(BUSY_SESSIONS).await == 0
    })
    .await;
    until("no lock is left", async || database.rows(LOCKS).await == 0).await;
    until("no connection is left over", async || {
        database.rows(SESSIONS).await <= max_connections
    })
    .await;
}

/// Waits until this many sessions wait for a lock.
pub async fn until_waiting(database: &Database, count: i64) {
    until("sessions wait for the lock", async || {
        database.rows(WAITING).await == count
    })
    .await;
}

/// Waits until all connections of the service can be used concurrently: those for reading, and those for writing. On SQLite,
/// whose readers don't wait for locks, it only checks that concurrent calls are answered.
pub async fn assert_all_usable(service: &Service, list: &str, max_connections: i64) {
    let database = service.database();
    if database.is_postgres() {
        // Two are kept for authentication and health.
        let writers = (max_connections - 2) / 2;
        until(
            "all connections for reading can be used concurrently",
            async || {
                let outsider = Outsider::lock_table(database, "contact_lists").await;
                let reading = readers(service, list, max_connections - 2 - writers).await;
                all_wait_at_once(outsider, database, reading).await
            },
        )
        .await;
        let mut lists = Vec::new();
        for _ in 0..writers {
            lists.push(service.admin().create_list(&new_id()).await);
        }
        until(
            "all connections for writing can be used concurrently",
            async || {
                let outsider = Outsider::lock_lists(database).await;
                all_wait_at_once(outsider, database, updates(service, &lists)).await
            },
        )
        .await;
    }
    let reading = readers(service, list, 4 * max_connections).await.join_all();
    for answer in within(30, "the calls are answered", reading).await {
        answer.expect("a list");
    }
}

/// Whether all calls wait for the outsider's lock concurrently, each on its own connection, before one of them gives up.
async fn all_wait_at_once(
    outsider: Outsider,
    database: &Database,
    mut calls: JoinSet<Result<(), Status>>,
) -> bool {
    let count = calls.len() as i64;
    let all_wait = loop {
        if database.rows(WAITING).await == count {
            break true;
        }
        if calls.try_join_next().is_some() {
            break false;
        }
    };
    outsider.release().await;
    within(30, "the calls are answered", calls.join_all()).await;
    all_wait
}

/// An update of each list.
fn updates(service: &Service, lists: &[String]) -> JoinSet<Result<(), Status>> {
    let calls = lists.iter().map(|list| {
        let (admin, header) = (service.admin(), header(list).add().validate_only());
        async move {
            admin
                .update(header, vec![contact(&number(89_000_000))])
                .await
                .map(|_| ())
        }
    });
    calls.collect()
}

/// Reads by callers with a key each: one key takes at most half of the connections.
async fn readers(service: &Service, list: &str, count: i64) -> JoinSet<Result<(), Status>> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let mut caller = service.client_with(Scope::Read).await;
        let request = GetContactListRequest {
            id: list.to_owned(),
        };
        calls.spawn(async move { caller.lists.get_contact_list(request).await.map(|_| ()) });
    }
    calls
}

/// Whether another session holds a lock on this table's rows.
pub async fn is_locked(database: &Database, table: &str) -> bool {
    let sql = format!(
        "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND granted \
         AND mode IN ('RowShareLock', 'RowExclusiveLock') AND pid <> pg_backend_pid()"
    );
    database.rows(&sql).await > 0
}

/// A transaction of another client, which holds locks until it is dropped or released.
pub enum Outsider {
    /// On PostgreSQL.
    Postgres(PgConnection),
    /// On SQLite: the one writer.
    Sqlite(SqliteConnection),
}

impl Outsider {
    /// Locks every list against writers. On SQLite no other client can write anything.
    pub async fn lock_lists(database: &Database) -> Self {
        Self::hold(database, "SELECT id FROM contact_lists FOR UPDATE").await
    }

    /// Locks a table against readers and writers; on SQLite against writers only.
    pub async fn lock_table(database: &Database, table: &str) -> Self {
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        Self::hold(database, &lock).await
    }

    async fn hold(database: &Database, on_postgres: &str) -> Self {
        if database.is_postgres() {
            let mut connection = PgConnection::connect(database.url()).await.unwrap();
            let sql = format!("BEGIN; {on_postgres}");
            let begun = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection);
            begun.await.expect("a lock");
            Self::Postgres(connection)
        } else {
            let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
            let begun = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection);
            begun.await.expect("a lock");
            Self::Sqlite(connection)
        }
    }

    /// Releases the locks.
    pub async fn release(self) {
        match self {
            Self::Postgres(connection) => connection.close().await.expect("an end"),
            Self::Sqlite(connection) => connection.close().await.expect("an end"),
        }
    }
}
