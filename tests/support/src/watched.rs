//! The built program, with the log that it writes.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Client, Database, Organization, Program, state::until};

/// The running program with an organization, and its log. Dropped, it is killed.
pub struct Watched {
    /// The program.
    pub program: Program,
    /// The organization.
    pub organization: Organization,
    log: PathBuf,
    _folder: TempDir,
}

impl Watched {
    /// Starts it on a database, with further settings. Its log is JSON unless they say otherwise.
    pub async fn start(database: &Database, args: &[&str]) -> Self {
        let organization = Organization::create_in(database).await;
        Self::start_at(database.url(), organization, args)
    }

    /// Starts it on the database at a URL, which has the organization.
    pub fn start_at(url: &str, organization: Organization, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let mut command = Program::command(url);
        if !args.contains(&"--log-format") {
            command.args(["--log-format", "json"]);
        }
        let stderr = File::create(&log).expect("a file");
        command.args(args).stderr(Stdio::from(stderr));
        Self {
            program: Program::start_command(command),
            organization,
            log,
            _folder: folder,
        }
    }

    /// The organization's admin.
    pub fn admin(&self) -> Client {
        self.program.client(&self.organization.admin_key)
    }

    /// The whole log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// What the log says of each call that has ended: the fields of its line, and its level.
    pub fn calls(&self) -> Vec<Value> {
        let log = self.log();
        let lines = log.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            let level = line["level"].take();
            let mut fields = line["fields"].take();
            fields["level"] = level;
            fields
        });
        lines
            .filter(|fields| fields["message"] == "call.ended")
            .collect()
    }

    /// What the log says of the one call of a method, such as "ContactService/GetContact". Waits until it has ended.
    pub async fn call(&self, method: &str) -> Value {
        let found = || {
            let is_named = |fields: &Value| {
                let name = fields["method"].as_str();
                name.is_some_and(|name| name.ends_with(method))
            };
            let mut calls = self.calls();
            calls.retain(is_named);
            calls
        };
        until(
            &format!("{method} has a line in {}", self.log()),
            async || !found().is_empty(),
        )
        .await;
        let mut found = found();
        assert_eq!(found.len(), 1, "one line a call: {found:?}");
        found.remove(0)
    }
}
