//! `contact-lists import` and the other commands that are clients of the API, as a person uses them: the built program against
//! a real server.

mod broken_off;
mod columns;
mod connection;
mod consent;
mod cut_off;
mod empty;
mod export;
mod files;
mod lists;
mod memory;
mod opt_out;
mod output;
mod overwrite;
mod rejected;
mod repeated;
mod several_calls;
mod terminal;
mod workbook;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use test_support::*;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The list that files are imported into.
const LIST: &str = "Newsletter";

/// A folder with files, and a service with a list.
struct Desk {
    service: Service,
    admin: Client,
    /// The list's id.
    list: String,
    folder: TempDir,
    key: String,
    server: String,
}

impl Fixture for Desk {
    async fn set_up(database: Database) -> Self {
        Self::with(database, &[]).await
    }
}

impl Desk {
    /// With further settings of the service.
    async fn with(database: Database, args: &[&str]) -> Self {
        let service = Service::start_with(database, args).await;
        let admin = service.admin();
        Self {
            list: admin.create_list(LIST).await,
            admin,
            folder: tempfile::tempdir().expect("a temporary folder"),
            key: service.key(Scope::Write).await,
            server: format!("http://{}", service.address()),
            service,
        }
    }

    /// The path of a file in the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a written file");
    }

    /// Reads a file of the folder.
    #[track_caller]
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a readable file")
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The program in the folder, with nothing set from outside but the server and the key.
    fn command(&self, args: &[&str]) -> Command {
        program(self.folder.path(), &self.server, &self.key, args)
    }

    /// Runs a command to its end.
    async fn run(&self, args: &[&str]) -> Ran {
        run(self.command(args)).await
    }

    /// Imports a file into the list.
    async fn import(&self, file: &str, flags: &[&str]) -> Ran {
        self.run(&[&["import", file, "--list", LIST], flags].concat())
            .await
    }

    /// Writes a file and imports it.
    async fn import_text(&self, name: &str, text: &str, flags: &[&str]) -> Ran {
        self.write(name, text);
        self.import(name, flags).await
    }

    /// The phones of the members, sorted.
    async fn phones(&self) -> Vec<String> {
        phones(&self.admin.members(&self.list).await)
    }

    /// The name of a stored contact.
    async fn name_of(&self, phone: &str) -> String {
        let contact = self.admin.contact(phone).await.contact;
        contact.expect("a contact").name.unwrap_or_default()
    }

    /// How many updates are recorded.
    async fn update_count(&self) -> i64 {
        self.service
            .rows("SELECT count(*) FROM contact_list_updates")
            .await
    }
}

fn program(folder: &Path, server: &str, key: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contact-lists"));
    command
        .env_clear()
        .env("CONTACT_LISTS_SERVER", server)
        .env("CONTACT_LISTS_KEY", key)
        .current_dir(folder)
        .args(args)
        .stdin(Stdio::null());
    command
}

async fn run(mut command: Command) -> Ran {
    let ending = tokio::task::spawn_blocking(move || command.output());
    let ended = tokio::time::timeout(LIMIT, ending)
        .await
        .expect("an end in time");
    ended
        .expect("no panic")
        .expect("a program that runs")
        .into()
}

/// What a command printed, and how it ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ran {
    /// It ended with this code.
    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The number that the summary has for a count.
    #[track_caller]
    fn count(&self, name: &str) -> u64 {
        let mut lines = self.stdout.lines();
        let number = lines.find_map(|line| line.trim().strip_prefix(name)?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no count {name}: {self:?}"))
    }

    /// It was refused: nothing on standard output, and an error with this text.
    #[track_caller]
    fn refused_with(self, text: &str) {
        let ran = self.ends_with(1);
        assert!(ran.stdout.is_empty(), "{ran:?}");
        assert!(
            ran.stderr.contains("error: ") && ran.stderr.contains(text),
            "{ran:?}"
        );
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    }
}

/// A table of phones, a row each, with a header.
fn table(numbers: impl IntoIterator<Item = u32>) -> String {
    let rows = numbers
        .into_iter()
        .map(|n| format!("{},Person {n}\n", number(n)));
    format!("phone,name\n{}", rows.collect::<String>())
}
