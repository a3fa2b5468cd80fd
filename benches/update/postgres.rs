//! A throw-away PostgreSQL with full durability: fsync is on.

use test_support::PostgresServer;

/// Keeps what is not the call's own work out of the measured time: room for the base in the cache, and no checkpoint or
/// vacuum of the server's choosing. Durability is the default: every commit waits for its fsync.
const SETTINGS: [&str; 6] = [
    "fsync=on",
    "shared_buffers=512MB",
    "max_wal_size=16GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "pg_stat_statements.track_planning=on",
];

/// Starts a server. None where PostgreSQL is not installed. `profile` has it count its statements.
pub async fn start(profile: bool) -> anyhow::Result<Option<PostgresServer>> {
    let mut settings = SETTINGS.to_vec();
    if profile {
        settings.push("shared_preload_libraries=pg_stat_statements");
    }
    let server = PostgresServer::start("C", &settings).await;
    server.map_err(|reason| anyhow::anyhow!("PostgreSQL does not start: {reason}"))
}
