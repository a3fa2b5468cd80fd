//! The servers that are killed, and the folder of their temporary files.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use tempfile::TempDir;
use test_support::{Database, Program};

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

    /// Whether a server has a file of it open.
    pub fn is_used_by(&self, program: &Program) -> bool {
        let process = format!("/proc/{}", program.process_id());
        !open_files(Path::new(&process), self.0.path()).is_empty()
    }

    /// Starts a server that keeps its temporary files here, with a name at PostgreSQL, and waits until it listens.
    pub fn start(&self, database: &Database, name: &str) -> Program {
        Program::start_command(self.command(database, name))
    }

    /// Starts a server and kills it a little later, however far it is.
    pub fn kill_in_start(&self, database: &Database, wait: Duration) {
        let child = self.command(database, "contact-lists").spawn();
        let mut child = child.expect("a running program");
        thread::sleep(wait);
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    fn command(&self, database: &Database, name: &str) -> Command {
        let mut url = database.url().to_owned();
        if database.is_postgres() {
            url += &format!("&application_name={name}");
        }
        let mut command = Program::command(&url);
        command.env("TMPDIR", self.0.path());
        command
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
