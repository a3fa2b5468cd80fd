//! Starts a throw-away PostgreSQL that cannot outlive this process.

use std::{
    fs,
    io::{self, Write},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{sleep, timeout};

use super::programs;

const START_LIMIT: Duration = Duration::from_secs(30);
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// PostgreSQL refuses to run as root; this user owns nothing.
pub const NOBODY: u32 = 65534;

/// Runs the server until its own standard input closes, which happens when this process ends, however it ends: a static
/// is never dropped, and a killed process runs nothing. A line on its standard input says that the server was killed: it
/// cleans up and starts it again.
const KEEPER: &str = r#"
programs=$1 folder=$2 locale=$3
shift 3
start() {
    "$programs/postgres" -D "$folder/data" -k "$folder" -p 5432 -c listen_addresses= "$@" \
        >>"$folder/log" 2>&1 &
    server=$!
}
"$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=trust --encoding=UTF8 --locale="$locale" \
    --no-sync >"$folder/log" 2>&1 || exit 1
start "$@"
while read -r _; do
    wait "$server"
    rm -f "$folder/data/postmaster.pid"
    start "$@"
done
# A server that has just begun does not listen to signals yet.
while kill -QUIT "$server"; do sleep 0.1; done
rm -rf "$folder"
"#;

/// A running PostgreSQL in a temporary folder. It listens on a socket in that folder, and on no port. Dropped, it is stopped
/// and removed.
pub struct PostgresServer {
    folder: PathBuf,
    /// Holds the pipe that keeps the server alive.
    keeper: Mutex<Child>,
}

impl PostgresServer {
    /// Makes a server with this locale and these settings, such as `fsync=off`, and waits until it answers. None where
    /// PostgreSQL is not installed. The error has the server's log.
    pub async fn start(locale: &str, settings: &[&str]) -> Result<Option<Self>, String> {
        let Some(programs) = programs::find() else {
            return Ok(None);
        };
        let folder = folder().map_err(|error| format!("no folder for it: {error}"))?;
        let keeper = keep(&programs, &folder, locale, settings)
            .map_err(|error| format!("no shell for it: {error}"))?;
        let server = Self {
            folder,
            keeper: Mutex::new(keeper),
        };
        let started = timeout(START_LIMIT, server.until_it_answers()).await;
        if started == Ok(true) {
            return Ok(Some(server));
        }
        let log = server.log();
        // A keeper that has ended by itself, to leave the log, has left the folder too.
        let _ = fs::remove_dir_all(&server.folder);
        Err(format!("its log:\n{log}"))
    }

    /// False: the keeper has ended, and the server never will.
    async fn until_it_answers(&self) -> bool {
        while self.try_execute("SELECT 1").await.is_err() {
            if !matches!(self.keeper.lock().unwrap().try_wait(), Ok(None)) {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Kills all processes of the server at once.
    pub fn kill(&self) {
        let data = self.folder.join("data");
        loop {
            let pids = pids_in(&data);
            if pids.is_empty() {
                return;
            }
            let mut kill = Command::new("sh");
            kill.args(["-c", "kill -9 \"$@\"", "sh"]).args(pids);
            // It is not an error if one has ended by itself meanwhile.
            kill.stderr(Stdio::null()).status().expect("a shell");
        }
    }

    /// Starts the server again after a kill, and waits until it answers.
    pub async fn start_again(&self) {
        self.tell_of_kill();
        let started = timeout(START_LIMIT, self.until_it_answers()).await;
        assert_eq!(started, Ok(true), "{}", self.log());
    }

    fn tell_of_kill(&self) {
        let mut keeper = self.keeper.lock().unwrap();
        let input = keeper.stdin.as_mut().expect("the keeper's input");
        input.write_all(b"\n").expect("a keeper that listens");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The URL of one of the server's databases.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost:5432/{database}?host={}",
            self.folder.display()
        )
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Runs a statement outside the tests' databases.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Drops a database or a tablespace. Blocks; does what it can.
    pub fn drop_object(&self, what: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime {
            let sql = format!("DROP {what}");
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

impl Drop for PostgresServer {
    /// Waits until the server and its folder are gone.
    fn drop(&mut self) {
        if let Ok(keeper) = self.keeper.get_mut() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// A new folder right under `/tmp`: the path of a socket must stay below 100 characters, and the other user must get there.
fn folder() -> io::Result<PathBuf> {
    Ok(tempfile::Builder::new()
        .prefix("pg-")
        .tempdir_in("/tmp")?
        .keep())
}

/// The processes that work in a folder, the oldest first: the postmaster, which starts the others, and these.
fn pids_in(folder: &Path) -> Vec<String> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .expect("the processes")
        .flatten()
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids.iter().map(u32::to_string).collect()
}

fn keep(programs: &Path, folder: &Path, locale: &str, settings: &[&str]) -> io::Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", KEEPER, "sh"])
        .args([programs, folder])
        .arg(locale)
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
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
