//! A PostgreSQL cluster that cannot outlive this process.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{sleep, timeout};

use super::programs;

const START_LIMIT: Duration = Duration::from_secs(30);
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// PostgreSQL refuses to run as root; this is the user that owns nothing.
const NOBODY: u32 = 65534;

/// Runs the server until its own standard input closes, which happens when this process ends, however it ends: a static
/// is never dropped, and a killed process runs nothing.
const KEEPER: &str = r#"
programs=$1 folder=$2 locale=$3
"$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=trust --encoding=UTF8 --locale="$locale" \
    --no-sync >"$folder/log" 2>&1 || exit 1
"$programs/postgres" -D "$folder/data" -k "$folder" -p 5432 -c listen_addresses= -c max_connections=400 \
    -c fsync=off -c full_page_writes=off >>"$folder/log" 2>&1 &
server=$!
read -r _
# A server that has just begun does not listen to signals yet.
while kill -QUIT "$server"; do sleep 0.1; done
rm -rf "$folder"
"#;

/// A running cluster in a temporary folder. It listens on a socket in that folder, and on no port.
pub struct Cluster {
    folder: PathBuf,
    /// Holds the pipe that keeps the server alive.
    keeper: Child,
}

impl Cluster {
    /// Makes a cluster and waits until it answers.
    pub async fn start(programs: &Path) -> Result<Self, String> {
        let folder = folder().map_err(|error| format!("no folder for it: {error}"))?;
        let keeper =
            keep(programs, &folder).map_err(|error| format!("no shell for it: {error}"))?;
        let mut cluster = Self { folder, keeper };
        let started = timeout(START_LIMIT, cluster.until_it_answers()).await;
        if started == Ok(true) {
            return Ok(cluster);
        }
        let log = fs::read_to_string(cluster.folder.join("log")).unwrap_or_default();
        // A keeper that has ended by itself, to leave the log, has left the folder too.
        let _ = fs::remove_dir_all(&cluster.folder);
        Err(format!("its log:\n{log}"))
    }

    /// False: it never will.
    async fn until_it_answers(&mut self) -> bool {
        while self.try_execute("SELECT 1").await.is_err() {
            if !matches!(self.keeper.try_wait(), Ok(None)) {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// What to connect to for one of the cluster's databases.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost:5432/{database}?host={}",
            self.folder.display()
        )
    }

    /// The socket that the cluster listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Runs a statement outside the tests' databases.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Drops a database, also under those who are connected to it. Blocks; does what it can.
    pub fn drop_database(&self, name: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            let _ = runtime.block_on(async { timeout(DROP_LIMIT, self.try_execute(&sql)).await });
        }
    }

    async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await?;
        connection.close().await
    }
}

/// A new folder right under `/tmp`: the path of a socket must stay below 100 characters, and the other user must get there.
fn folder() -> io::Result<PathBuf> {
    Ok(tempfile::Builder::new()
        .prefix("pg-")
        .tempdir_in("/tmp")?
        .keep())
}

fn keep(programs: &Path, folder: &Path) -> io::Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", KEEPER, "sh"])
        .args([programs, folder])
        .arg(programs::locale())
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C is for the tests; the keeper must live on to clean up.
        .process_group(0);
    let we_are_root = fs::metadata(folder)?.uid() == 0;
    if we_are_root {
        chown(folder, Some(NOBODY), Some(NOBODY))?;
        shell.uid(NOBODY).gid(NOBODY);
    }
    shell.spawn()
}
