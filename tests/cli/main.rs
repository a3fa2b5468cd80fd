//! The built program, as a person uses it.

mod commands;
mod descriptor;
mod distribute;
mod health;
mod help;
mod replicas;
mod serving;
mod settings;
mod starting;
mod suppression;

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// A folder with a database of its own, which the program runs in.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The program in this folder, with no settings from outside.
    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_contact-lists"));
        command.env_clear().current_dir(self.0.path()).args(args);
        command
    }

    /// Runs a command to its end, within a time limit.
    fn run(&self, args: &[&str]) -> Output {
        let mut command = self.program(args);
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("a running program");
        if wait(&mut child).is_none() {
            let _ = child.kill();
            panic!("{args:?} does not end: {:?}", child.wait_with_output());
        }
        child.wait_with_output().expect("its output")
    }

    /// Runs a command that succeeds, and returns its lines.
    #[track_caller]
    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        text(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// Runs a command that fails, and returns the line that says why.
    #[track_caller]
    fn refusal(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let error = text(&output.stderr);
        // On a busy machine.
        let error = error.trim_start_matches("waiting for the database\n");
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{args:?}: {output:?}"
        );
        assert!(error.starts_with("error: "), "{args:?}: {error}");
        assert!(!error.contains("panicked"), "{args:?}: {error}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
        let (first, rest) = error.split_once('\n').unwrap_or((error, ""));
        // The parser of the command line may add a usage text.
        assert!(
            rest.is_empty() || output.status.code() == Some(2),
            "{args:?}: {error}"
        );
        first.to_owned()
    }

    fn serve(&self, args: &[&str]) -> Server {
        let mut command = self.program(&["--listen", "127.0.0.1:0"]);
        Server::start(command.args(args))
    }

    /// The path of a file in it.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A connection to the database of this folder, past the program.
    fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.0.path().join("contact-lists.db")).expect("a database")
    }

    /// Runs a statement past the program.
    fn sql(&self, sql: &str) {
        self.connection().execute_batch(sql).expect("a statement");
    }

    /// Makes an organization and returns its id.
    fn organization(&self) -> String {
        self.lines(&["organization", "create", "Acme"]).remove(0)
    }
}

/// The program while it serves. Dropped, it is killed.
struct Server {
    child: Child,
    /// What it printed until it was listening, that line included.
    greeting: Vec<String>,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a running program");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut server = Self {
            child,
            greeting: Vec::new(),
            address: String::new(),
        };
        while server.address.is_empty() {
            let line = receiver.recv_timeout(LIMIT).expect("a line in time");
            if let Some(address) = line.strip_prefix("listening on ") {
                server.address = address.to_owned();
            }
            server.greeting.push(line);
        }
        server
    }

    /// Sends it a signal, as an operator's tools do.
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([signal, &pid])
            .status()
            .expect("kill");
        assert!(sent.success());
    }

    /// Asks it to end, and returns its exit code and its standard error.
    fn terminate(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let status = wait(&mut self.child).expect("an end in time");
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().expect("its log");
        stderr.read_to_string(&mut log).expect("text");
        (status.code(), log)
    }

    /// The value of a line "  API key       VALUE" of the first start.
    fn value(&self, name: &str) -> Option<&str> {
        let line = self
            .greeting
            .iter()
            .find_map(|line| line.trim().strip_prefix(name))?;
        Some(line.trim())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a program's end; None if it does not come in time.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    wait_for(child, LIMIT)
}

fn wait_for(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait().expect("its status") {
            None if start.elapsed() < limit => thread::sleep(Duration::from_millis(10)),
            status => return status,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36 && uuid::Uuid::try_parse(value).is_ok()
}
