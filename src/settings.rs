//! The settings of the server and its database: every flag, its environment variable, its default and its limit.

mod listen;
mod origin;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser};
use secrecy::SecretString;

pub use self::{
    listen::{ListenAddress, OptionalAddress},
    origin::Origin,
};
use crate::{
    repository::{DatabaseOptions, Pooler},
    telemetry::LogFormat,
};

/// How long a server waits for another process that writes to its SQLite file: a command, which takes next to no time.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

// The groups of the help.
const LISTENING: &str = "Listening";
const DATABASE: &str = "Database";
const LIMITS: &str = "Limits";
const STOPPING: &str = "Stopping";
const RETENTION: &str = "Retention";
const LOG: &str = "Log and traces";

/// The database to use.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// The database: sqlite://FILE (the server creates it if it does not exist) or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        env = "CONTACT_LISTS_DATABASE_URL",
        default_value = "sqlite://contact-lists.db",
        hide_env_values = true, help_heading = DATABASE)]
    pub database_url: SecretString,
    /// The maximum number of connections to the database, at least 4: two are kept for authentication and health; of the
    /// others half write (on SQLite one), and the rest read; one key takes at most half of those; they stay open when idle
    #[arg(long, env = "CONTACT_LISTS_MAX_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(4..), help_heading = DATABASE)]
    pub max_connections: u32,
    /// What gives out PostgreSQL's sessions: none if that is itself, or a pooler in between that keeps one for each connection
    /// (session) or gives one for each transaction (transaction), as pgbouncer can from version 1.21
    #[arg(long, env = "CONTACT_LISTS_DATABASE_POOLER", value_enum, default_value = "none", help_heading = DATABASE)]
    pub database_pooler: Pooler,
    /// How many seconds the database may take to answer a statement before the call fails; PostgreSQL also ends sessions
    /// that are silent for that long inside a transaction
    #[arg(long, env = "CONTACT_LISTS_DATABASE_TIMEOUT_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = DATABASE)]
    pub database_timeout_seconds: u64,
}

impl From<&DatabaseSettings> for DatabaseOptions {
    fn from(settings: &DatabaseSettings) -> Self {
        Self {
            url: settings.database_url.clone(),
            read_url: None,
            create_file: true,
            max_connections: settings.max_connections,
            pooler: settings.database_pooler,
            statement_timeout: Duration::from_secs(settings.database_timeout_seconds),
            busy_timeout: SQLITE_BUSY_TIMEOUT,
        }
    }
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct ServeSettings {
    /// The address or host name to listen on, with a port; port 0 takes a free one
    #[arg(
        long,
        env = "CONTACT_LISTS_LISTEN",
        default_value = "127.0.0.1:50051",
        help_heading = LISTENING
    )]
    pub listen: ListenAddress,
    /// The address on which operators read metrics and health over HTTP, and look at the console; another free port if that is taken; empty for none
    #[arg(
        long,
        env = "CONTACT_LISTS_ADMIN_LISTEN",
        default_value = "127.0.0.1:9464",
        help_heading = LISTENING
    )]
    pub admin_listen: OptionalAddress,
    /// Whether the address for operators also has the console, a page that shows people with an API key what is stored
    #[arg(long, env = "CONTACT_LISTS_CONSOLE", default_value_t = true, action = clap::ArgAction::Set, help_heading = LISTENING)]
    pub console: bool,
    /// The database to use.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// A copy of the PostgreSQL database, such as a standby, for what need not see the latest changes: getting, listing and
    /// exporting; it has as many connections as those that read
    #[arg(long, env = "CONTACT_LISTS_READ_DATABASE_URL", hide_env_values = true, help_heading = DATABASE)]
    pub read_database_url: Option<SecretString>,
    /// Whether to bring the schema up to date at startup
    #[arg(long, env = "CONTACT_LISTS_MIGRATE", default_value_t = true, action = clap::ArgAction::Set, help_heading = DATABASE)]
    pub migrate: bool,
    /// Where to write the API key of the first start: a new file, readable by its owner alone. With it, an empty database gets
    /// its organization and key wherever the server listens, and the key is not printed
    #[arg(long, env = "CONTACT_LISTS_FIRST_KEY_FILE", value_name = "PATH", help_heading = DATABASE)]
    pub first_key_file: Option<PathBuf>,
    /// The TLS certificate chain, a PEM file; this file and the next two are read again when they change
    #[arg(long, env = "CONTACT_LISTS_TLS_CERTIFICATE", requires = "tls_key", help_heading = LISTENING)]
    pub tls_certificate: Option<PathBuf>,
    /// The TLS certificate's private key, a PEM file
    #[arg(long, env = "CONTACT_LISTS_TLS_KEY", requires = "tls_certificate", help_heading = LISTENING)]
    pub tls_key: Option<PathBuf>,
    /// The certificate authority that must have signed clients' certificates (mutual TLS), a PEM file
    #[arg(
        long,
        env = "CONTACT_LISTS_TLS_CLIENT_CA",
        requires = "tls_certificate", help_heading = LISTENING)]
    pub tls_client_ca: Option<PathBuf>,
    /// Serve without TLS on an address that is not loopback, as behind a mesh's sidecar
    #[arg(long, env = "CONTACT_LISTS_PLAINTEXT", help_heading = LISTENING)]
    pub plaintext: bool,
    /// An origin whose pages may make calls from browsers, such as https://app.example, or * for all; can be given several times
    #[arg(long = "cors-origin", env = "CONTACT_LISTS_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', help_heading = LISTENING)]
    pub cors_origins: Vec<Origin>,
    /// The maximum number of contacts in one call
    #[arg(long, env = "CONTACT_LISTS_MAX_CONTACTS", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..=100_000_000), help_heading = LIMITS)]
    pub max_contacts: u32,
    /// The maximum number of bytes in one message
    #[arg(long, env = "CONTACT_LISTS_MAX_MESSAGE_BYTES", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 4 * 1024 * 1024, help_heading = LIMITS)]
    pub max_message_bytes: u32,
    /// The maximum number of bytes that all calls together may keep of contacts that stream in or out, in memory and in
    /// temporary files
    #[arg(long, env = "CONTACT_LISTS_MAX_SPOOL_BYTES", value_parser = clap::value_parser!(u64).range(1..), default_value_t = 4 * 1024 * 1024 * 1024, help_heading = LIMITS)]
    pub max_spool_bytes: u64,
    /// The maximum number of client connections at once; fewer if the process has no descriptors for that many
    #[arg(long, env = "CONTACT_LISTS_MAX_CLIENT_CONNECTIONS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = LIMITS)]
    pub max_client_connections: u32,
    /// The maximum number of connections from one address; by default half of all. Loopback, from where a proxy connects,
    /// has no limit of its own
    #[arg(long, env = "CONTACT_LISTS_MAX_CLIENT_CONNECTIONS_PER_ADDRESS", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = LIMITS)]
    pub max_client_connections_per_address: Option<u32>,
    /// How many seconds a client's connection may be without a call before it is closed
    #[arg(long, env = "CONTACT_LISTS_CONNECTION_IDLE_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = LIMITS)]
    pub connection_idle_seconds: u64,
    /// The maximum number of calls at once
    #[arg(long, env = "CONTACT_LISTS_MAX_CALLS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..), help_heading = LIMITS)]
    pub max_calls: u32,
    /// The maximum number of calls at once with one API key
    #[arg(long, env = "CONTACT_LISTS_MAX_CALLS_PER_KEY", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..), help_heading = LIMITS)]
    pub max_calls_per_key: u32,
    /// How many seconds a stream may go without a message
    #[arg(long, env = "CONTACT_LISTS_STREAM_IDLE_SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), default_value_t = 30, help_heading = LIMITS)]
    pub stream_idle_seconds: u64,
    /// How many bytes of messages a stream must bring for each second that it lets the service wait, once it has waited for
    /// --stream-idle-seconds in all
    #[arg(long, env = "CONTACT_LISTS_MIN_STREAM_BYTES_PER_SECOND", value_parser = clap::value_parser!(u64).range(1..=1_000_000), default_value_t = 10, help_heading = LIMITS)]
    pub min_stream_bytes_per_second: u64,
    /// The age in seconds at which a client's connection is asked to make way for a new one, so that connections spread over
    /// the replicas behind one address; each a tenth more or less, its running calls are not cut off, and 0 means never
    #[arg(long, env = "CONTACT_LISTS_MAX_CONNECTION_AGE_SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(..=31_536_000), help_heading = LIMITS)]
    pub max_connection_age_seconds: u64,
    /// How many seconds the server goes on as before after the signal to stop, but for its health, which says NOT_SERVING, so
    /// that balancers send calls elsewhere; by default 5, and 0 on loopback; a second signal ends it
    #[arg(long, env = "CONTACT_LISTS_DRAIN_SECONDS", value_parser = clap::value_parser!(u64).range(..=3600), help_heading = STOPPING)]
    pub drain_seconds: Option<u64>,
    /// How many seconds running calls may take to end after that
    #[arg(long, env = "CONTACT_LISTS_GRACE_SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400), default_value_t = 20, help_heading = STOPPING)]
    pub grace_seconds: u64,
    /// How many hours a recorded update keeps its request_id; its counts are kept permanently
    #[arg(long, env = "CONTACT_LISTS_RETENTION_HOURS", default_value_t = 168, value_parser = clap::value_parser!(u64).range(24..=876_000), help_heading = RETENTION)]
    pub retention_hours: u64,
    /// How many days an update can be undone; so long it keeps its rejected contacts, and what its contacts were before
    #[arg(long, env = "CONTACT_LISTS_UNDO_DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_500), help_heading = RETENTION)]
    pub undo_days: u64,
    /// How many seconds pass between two searches for updates that are older
    #[arg(long, env = "CONTACT_LISTS_PURGE_INTERVAL_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=31_536_000), help_heading = RETENTION)]
    pub purge_interval_seconds: u64,
    /// The collector that traces are sent to by OTLP over gRPC, such as http://localhost:4317; without it, none are sent
    #[arg(long, env = "CONTACT_LISTS_OTLP_ENDPOINT", help_heading = LOG)]
    pub otlp_endpoint: Option<String>,
    /// How to write the log to standard error
    #[arg(
        long,
        env = "CONTACT_LISTS_LOG_FORMAT",
        value_enum,
        default_value = "human", help_heading = LOG)]
    pub log_format: LogFormat,
    /// What to log, such as "info" or "contact_lists=debug,info"
    #[arg(
        long,
        env = "CONTACT_LISTS_LOG",
        default_value = "info,sea_orm_migration=warn,sqlx::postgres::notice=warn", help_heading = LOG)]
    pub log: String,
}

/// How long what belongs to recorded updates is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Their request_ids.
    pub request_ids: Duration,
    /// Their journal and their rejected contacts: so long they can be undone.
    pub undo: Duration,
}

impl ServeSettings {
    /// Parses the flags `args` as `contact-lists serve` does. Fails as the command line would.
    pub fn from_args<I, S>(args: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString> + Clone,
    {
        #[derive(Parser)]
        #[command(name = "contact-lists serve", no_binary_name = true)]
        struct Serve {
            #[command(flatten)]
            settings: ServeSettings,
        }
        Ok(Serve::try_parse_from(args)?.settings)
    }

    /// Returns how long a stream may go without a message.
    pub fn stream_idle(&self) -> Duration {
        Duration::from_secs(self.stream_idle_seconds)
    }

    /// Returns how long a connection may go without a call.
    pub fn connection_idle(&self) -> Duration {
        Duration::from_secs(self.connection_idle_seconds)
    }

    /// Returns how long what belongs to recorded updates is kept.
    pub fn retention(&self) -> Retention {
        Retention {
            request_ids: Duration::from_secs(self.retention_hours * 3600),
            undo: Duration::from_secs(self.undo_days * 24 * 3600),
        }
    }

    /// Returns the time between two purges.
    pub fn purge_interval(&self) -> Duration {
        Duration::from_secs(self.purge_interval_seconds)
    }

    /// Returns the age at which a connection is replaced, if it has one.
    pub fn max_connection_age(&self) -> Option<Duration> {
        let seconds = self.max_connection_age_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// Returns how long the server goes on after the signal to stop, if its address is loopback or is not.
    pub fn drain(&self, on_loopback: bool) -> Duration {
        let default = if on_loopback { 0 } else { 5 };
        Duration::from_secs(self.drain_seconds.unwrap_or(default))
    }

    /// Returns how long running calls may take to end.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}
