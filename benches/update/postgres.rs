//! A throw-away PostgreSQL that keeps its promises: fsync is on, and the folder is gone when the benchmark ends.

use std::{
    env, fs, io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use sqlx::{Connection, PgConnection};

/// PostgreSQL refuses to run as root; this is the user that owns nothing.
const NOBODY: u32 = 65534;

/// Runs the server until its own standard input closes, which happens when the benchmark ends, however it ends.
///
/// The settings keep what is not the call's own work out of the measured time: room for the base in the cache, and no
/// checkpoint or vacuum of the server's choosing. Durability is the default: every commit waits for its fsync.
const KEEPER: &str = r#"
programs=$1 folder=$2 preload=$3
"$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C \
    >"$folder/log" 2>&1 || exit 1
"$programs/postgres" -D "$folder/data" -k "$folder" -p 5432 -c listen_addresses= -c fsync=on \
    -c shared_buffers=512MB -c max_wal_size=16GB -c checkpoint_timeout=1h -c autovacuum=off \
    -c shared_preload_libraries="$preload" -c pg_stat_statements.track_planning=on >>"$folder/log" 2>&1 &
server=$!
read -r _
while kill -QUIT "$server"; do sleep 0.1; done
rm -rf "$folder"
"#;

/// A running server in a temporary folder. It listens on a socket in that folder, and on no port.
pub struct Postgres {
    folder: PathBuf,
    /// Holds the pipe that keeps the server alive.
    keeper: Child,
}

impl Postgres {
    /// Starts a server. None where PostgreSQL is not installed. `profile` has it count its statements.
    pub async fn start(profile: bool) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("pg-")
            .tempdir_in("/tmp")?
            .keep();
        let keeper = keep(&programs, &folder, profile)?;
        let mut server = Self { folder, keeper };
        server.until_it_answers().await?;
        Ok(Some(server))
    }

    async fn until_it_answers(&mut self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if let Ok(connection) = PgConnection::connect(&self.url()).await {
                connection.close().await?;
                return Ok(());
            }
            if self.keeper.try_wait()?.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("PostgreSQL does not start; its log:\n{log}")
    }

    /// What to connect to.
    pub fn url(&self) -> String {
        let folder = self.folder.display();
        format!("postgres://postgres@localhost:5432/postgres?host={folder}")
    }
}

impl Drop for Postgres {
    /// Waits until the server and its folder are gone.
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The folder that has PostgreSQL's programs: one in PATH, else the newest of Debian's, whose packages leave PATH alone.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path().join("bin"))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let has_programs = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    folders.into_iter().find(has_programs)
}

fn keep(programs: &Path, folder: &Path, profile: bool) -> anyhow::Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", KEEPER, "sh"])
        .args([programs, folder])
        .arg(if profile { "pg_stat_statements" } else { "" })
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if owner(folder)? == 0 {
        chown(folder, Some(NOBODY), Some(NOBODY))?;
        shell.uid(NOBODY).gid(NOBODY);
    }
    shell.spawn().context("no shell to run PostgreSQL in")
}

fn owner(folder: &Path) -> io::Result<u32> {
    Ok(fs::metadata(folder)?.uid())
}
