//! What PostgreSQL's sessions are set to, how the settings reach them, and which sessions are of no more use.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::DbErr;
use sqlx::{
    AssertSqlSafe, PgConnection, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

use super::{connect_error::ConnectError, db_error::database_error};

/// How long a statement waits for a lock before its transaction is run again, which is when the service notices that a
/// caller has left.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// What is never compared, as it has no effect on the connections of a socket.
const KEEPALIVE: &str = "tcp_keepalives_idle";

/// The SQLSTATEs of a server that has become read-only, that shuts down, or that is not up yet.
const LOST: [&str; 4] = ["25006", "57P01", "57P02", "57P03"];

/// The SQLSTATE of a session that is broken; on Citus, of a lost worker, whose coordinator's session is as good as before.
const BROKEN: &str = "XX000";

/// How long passes at least before sessions are replaced again.
const REPLACE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a new session of a read-only server is kept before another one is tried, which can lead to another server.
const STANDBY_WAIT: Duration = Duration::from_millis(500);

/// What is between the service and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or what passes on all bytes.
    None,
    /// A pooler that gives a client the same session until it leaves.
    Session,
    /// A pooler that gives a client a session for each transaction.
    Transaction,
}

/// What the sessions of a database are set to, and which are of no more use. Empty on SQLite.
pub struct PostgresSessions {
    pooler: Pooler,
    settings: Vec<(&'static str, String)>,
    is_citus: bool,
    /// Sessions from before are of no more use.
    lost_at: Mutex<Option<Instant>>,
    /// Whether the newest session for writes is of a server that takes none.
    is_read_only: AtomicBool,
}

impl PostgresSessions {
    /// Of SQLite, which has none.
    pub fn none() -> Self {
        Self {
            pooler: Pooler::None,
            settings: Vec::new(),
            is_citus: false,
            lost_at: Mutex::default(),
            is_read_only: AtomicBool::new(false),
        }
    }

    /// Asks a database what it is, in a session that is closed again, and chooses the settings. Fails if settings that begin a
    /// session don't reach it. Waits for up to `limit`.
    pub async fn choose(
        pooler: Pooler,
        statement_timeout: Duration,
        options: PgConnectOptions,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        let mut sessions = Self {
            pooler,
            settings: settings(statement_timeout),
            ..Self::none()
        };
        let options = sessions.begin_with(options);
        let answer = match ask(&options, sessions.question(), limit).await {
            Ok(answer) => answer,
            Err(error) => return Err(ConnectError::of_postgres(&options, error, limit).await),
        };
        if let (Some(setting), Pooler::None) = (&answer.missing_setting, pooler) {
            return Err(ConnectError::without_setting(&options, setting));
        }
        if !answer.waits_for_disk {
            tracing::warn!("database.synchronous_commit_off");
        }
        sessions.is_citus = answer.is_citus;
        sessions.choose_plans();
        Ok(sessions)
    }

    /// Generic plans are made for the 2000 rows of a chunk: planned for its values, a look-up by key becomes a scan of the table.
    /// Citus can't plan statements over two distributed tables like that, and sends no `lock_timeout` to its workers.
    fn choose_plans(&mut self) {
        let mode = match self.is_citus {
            true => "force_custom_plan",
            false => "force_generic_plan",
        };
        if self.is_citus {
            self.settings.retain(|(name, _)| *name != "lock_timeout");
        }
        self.settings.push(("plan_cache_mode", mode.to_owned()));
    }

    /// Asks whether the database has Citus, whether commits wait for the disk, and which setting a session lacks.
    fn question(&self) -> String {
        let compared = self.settings.iter().filter(|(name, _)| *name != KEEPALIVE);
        let wanted: Vec<String> = compared
            .map(|(name, value)| format!("('{name}', '{value}')"))
            .collect();
        format!(
            "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus'), current_setting('synchronous_commit') <> 'off', \
             (SELECT min(name) FROM (VALUES {}) AS wanted (name, setting) WHERE NOT EXISTS (SELECT FROM pg_settings AS set \
             WHERE set.name = wanted.name AND set.setting = wanted.setting))",
            wanted.join(", ")
        )
    }

    /// Returns how a session begins: with the settings, if nothing is in between.
    pub fn begin_with(&self, options: PgConnectOptions) -> PgConnectOptions {
        // Without `extra_float_digits`, which poolers refuse and no statement needs.
        let options = options.extra_float_digits(None);
        match self.pooler {
            Pooler::None => options.options(self.settings.iter().map(|(name, it)| (name, it))),
            Pooler::Session | Pooler::Transaction => options,
        }
    }

    /// Prepares a new session: sets what it did not begin with.
    pub async fn set_up(&self, session: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.pooler == Pooler::Session {
            let set = sqlx::raw_sql(AssertSqlSafe(self.statements("SET")));
            set.execute(session).await?;
        }
        Ok(())
    }

    /// Prepares a new session for writes, which must be of a server that takes them. A caller that waits for a session is then
    /// served by the next primary, if there is one in time.
    pub async fn set_up_for_writes(&self, session: &mut PgConnection) -> Result<(), sqlx::Error> {
        let row = sqlx::raw_sql(READ_ONLY).fetch_one(&mut *session).await?;
        let is_read_only = row.try_get::<&str, _>(0)? == "on";
        self.is_read_only.store(is_read_only, Ordering::Relaxed);
        if is_read_only {
            sleep(STANDBY_WAIT).await;
            return Err(sqlx::Error::Protocol("the server is read-only".to_owned()));
        }
        self.set_up(session).await
    }

    /// Returns whether the newest session for writes is of a server that takes none.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only.load(Ordering::Relaxed)
    }

    /// Returns the statements that set a transaction, if its session is not.
    pub fn set_transaction(&self) -> Option<String> {
        (self.pooler == Pooler::Transaction).then(|| self.statements("SET LOCAL"))
    }

    fn statements(&self, set: &str) -> String {
        let settings = self.settings.iter();
        let settings: Vec<String> = settings
            .filter(|(name, _)| *name != KEEPALIVE)
            .map(|(name, value)| format!("{set} {name} = {value}"))
            .collect();
        settings.join("; ")
    }

    /// Returns whether the database is one of Citus.
    pub fn is_citus(&self) -> bool {
        self.is_citus
    }

    /// Notes an error, which can mean that no session is of use.
    pub fn note_error(&self, error: &DbErr) {
        let code = database_error(error).and_then(|error| error.code());
        let is_lost = |code: &str| LOST.contains(&code) || code == BROKEN && !self.is_citus;
        if code.is_some_and(|code| is_lost(&code)) {
            self.replace();
        }
    }

    /// Has all sessions replaced before they are used again, but not again and again.
    pub fn replace(&self) {
        let mut lost_at = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        if lost_at.is_none_or(|at| at.elapsed() > REPLACE_INTERVAL) {
            *lost_at = Some(Instant::now());
        }
    }

    /// Returns whether a session of this age is from before all of them were to be replaced.
    pub fn is_lost(&self, age: Duration) -> bool {
        let lost_at = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        lost_at.is_some_and(|at| at.elapsed() < age)
    }
}

/// What a database is.
struct Answer {
    is_citus: bool,
    /// Whether a commit is on the disk before it is answered.
    waits_for_disk: bool,
    /// A setting that a session was to begin with, and did not.
    missing_setting: Option<String>,
}

async fn ask(
    options: &PgConnectOptions,
    question: String,
    limit: Duration,
) -> Result<Answer, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(limit)
        // As in `connect`.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let pool = pool.connect_with(options.clone()).await?;
    let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_one(&pool);
    let row = timeout(limit, row).await;
    let row = row.map_err(|_| sqlx::Error::PoolTimedOut)??;
    pool.close().await;
    Ok(Answer {
        is_citus: row.try_get(0)?,
        waits_for_disk: row.try_get(1)?,
        missing_setting: row.try_get(2)?,
    })
}

/// Asks whether a server takes writes: a standby does not, nor one that an operator has made read-only.
pub const READ_ONLY: &str = "SHOW transaction_read_only";

/// Returns the settings of a session, as PostgreSQL shows them.
///
/// A session whose client is gone, as after a network failure, doesn't hold locks forever. PostgreSQL sends a keepalive once
/// a minute, so that firewalls don't drop idle connections.
fn settings(statement_timeout: Duration) -> Vec<(&'static str, String)> {
    let statement_ms = statement_timeout.as_millis().to_string();
    vec![
        ("lock_timeout", LOCK_TIMEOUT.as_millis().to_string()),
        ("statement_timeout", statement_ms.clone()),
        ("idle_in_transaction_session_timeout", statement_ms),
        (KEEPALIVE, "60".to_owned()),
    ]
}
