//! The built program, as a process that can be killed.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use test_support::{Client, Database};

/// The running program. It is killed when it is dropped.
pub struct Program {
    child: Child,
    address: String,
    /// Its name at PostgreSQL.
    pub name: String,
}

/// A folder for the temporary files of servers.
pub struct TemporaryFolder(TempDir);

impl TemporaryFolder {
    /// A new, empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The files in it, and those of its files that a process has open.
    pub fn leaks(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).expect("the folder").flatten();
        let mut leaks: Vec<String> = names
            .map(|entry| entry.path().display().to_string())
            .collect();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            leaks.extend(open_files(&process.path(), self.0.path()));
        }
        leaks
    }
}

/// The files below a folder that a process has open, deleted ones too.
fn open_files(process: &Path, folder: &Path) -> Vec<String> {
    let files = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter(|file| file.starts_with(folder))
        .map(|file| file.display().to_string())
        .collect()
}

impl Program {
    /// Starts the program and waits until it listens.
    pub fn start(database: &Database, temporary: &TemporaryFolder, name: String) -> Self {
        let mut child = spawn(database, temporary, &name);
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
        let address = address.expect("an address");
        Self {
            child,
            address,
            name,
        }
    }

    /// Starts the program and kills it a little later, however far it is.
    pub fn kill_in_start(
        database: &Database,
        temporary: &TemporaryFolder,
        wait: std::time::Duration,
    ) {
        let mut child = spawn(database, temporary, "contact-lists");
        std::thread::sleep(wait);
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// A caller with a key, over a connection of its own.
    pub fn client(&self, key: &str) -> Client {
        let address = self.address.parse().expect("an address");
        Client::connect(address, Some(&format!("Bearer {key}")))
    }

    /// Whether it has a temporary file open.
    pub fn has_spool(&self, temporary: &TemporaryFolder) -> bool {
        let process = format!("/proc/{}", self.child.id());
        !open_files(Path::new(&process), temporary.0.path()).is_empty()
    }

    /// Kills the program.
    pub fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(database: &Database, temporary: &TemporaryFolder, name: &str) -> Child {
    let mut url = database.url().to_owned();
    if database.is_postgres() {
        url += &format!("&application_name={name}");
    }
    Command::new(env!("CARGO_BIN_EXE_contact-lists"))
        .args(["--listen", "127.0.0.1:0", "--database-url", &url])
        .env("TMPDIR", temporary.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a running program")
}
