//! A PostgreSQL cluster that cannot outlive this process.

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

/// PostgreSQL refuses to run as root; this is the user that owns nothing.
pub const NOBODY: u32 = 65534;

/// Runs the server until its own standard input closes, which happens when this process ends, however it ends: a static
/// is never dropped, and a killed process runs nothing. A line on its standard input says that the server was killed: it
/// cleans up and starts it again.
const KEEPER: &str = r#"
programs=$1 folder=$2 locale=$3
shift 3
start() {
    "$programs/postgres" -D "$folder/data" -k "$folder" -p 5432 -c listen_addresses= -c max_connections=400 "$@" \
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

/// What a cluster is to survive.
#[derive(Clone, Copy)]
pub enum Durability {
    /// Nothing, so that it is fast.
    None,
    /// That all its processes are killed.
    Kills,
}

impl Durability {
    fn settings(self) -> [&'static str; 4] {
        match self {
            Self::None => ["-c", "fsync=off", "-c", "full_page_writes=off"],
            // Shared memory in its own folder, where nothing of it can outlive it.
            Self::Kills => ["-c", "fsync=on", "-c", "dynamic_shared_memory_type=mmap"],
        }
    }
}

/// A running cluster in a temporary folder. It listens on a socket in that folder, and on no port.
pub struct Cluster {
    folder: PathBuf,
    /// Holds the pipe that keeps the server alive.
    keeper: Mutex<Child>,
}

impl Cluster {
    /// Makes a cluster and waits until it answers.
    pub async fn start(programs: &Path, durability: Durability) -> Result<Self, String> {
        let folder = folder().map_err(|error| format!("no folder for it: {error}"))?;
        let keeper = keep(programs, &folder, durability)
            .map_err(|error| format!("no shell for it: {error}"))?;
        let cluster = Self {
            folder,
            keeper: Mutex::new(keeper),
        };
        let started = timeout(START_LIMIT, cluster.until_it_answers()).await;
        if started == Ok(true) {
            return Ok(cluster);
        }
        let log = cluster.log();
        // A keeper that has ended by itself, to leave the log, has left the folder too.
        let _ = fs::remove_dir_all(&cluster.folder);
        Err(format!("its log:\n{log}"))
    }

    /// False: it never will.
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
            // One that has ended by itself meanwhile is no failure.
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

fn keep(programs: &Path, folder: &Path, durability: Durability) -> io::Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", KEEPER, "sh"])
        .args([programs, folder])
        .arg(programs::locale())
        .args(durability.settings())
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
