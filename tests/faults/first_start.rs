//! A first start that ends before its example is stored: the next one makes and prints another.

use std::{
    io::pipe,
    process::{Command, Stdio},
};

use contact_lists::proto::ListContactListsRequest;
use test_support::*;

/// Makes every commit fail that has a new key in it.
const FAILING_COMMITS: &str = "CREATE TABLE broken (id INTEGER PRIMARY KEY, \
    missing INTEGER REFERENCES broken (id) DEFERRABLE INITIALLY DEFERRED)";
const ON_SQLITE: &str = "CREATE TRIGGER break_commit AFTER INSERT ON api_keys \
    BEGIN INSERT INTO broken VALUES (1, 2); END";
const ON_POSTGRES: &str = "CREATE FUNCTION break_commit() RETURNS trigger LANGUAGE plpgsql \
    AS 'BEGIN INSERT INTO broken VALUES (1, 2); RETURN NEW; END'; \
    CREATE TRIGGER break_commit AFTER INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION break_commit()";

fn migrate(database: &Database) {
    let mut command = Command::new(Program::path());
    command.args(["migrate", "--database-url", database.url()]);
    let status = command.stdout(Stdio::null()).status();
    assert!(status.expect("an end").success());
}

async fn organization_count(database: &Database) -> i64 {
    database.rows("SELECT count(*) FROM organizations").await
}

/// Starts the service, and uses the key that it prints.
async fn assert_prints_a_good_key(database: &Database) {
    let program = Program::start_command(Program::command(database.url()));
    let key = program.first_key().expect("a key").to_owned();
    let request = ListContactListsRequest::default();
    let answer = program.client(&key).lists.list_contact_lists(request).await;
    assert_eq!(
        answer.expect("the lists").into_inner().contact_lists.len(),
        1
    );
    assert_eq!(organization_count(database).await, 1);
}

on_both! {
    async fn an_example_whose_commit_fails_is_made_again(database: Database) {
        migrate(&database);
        let trigger = if database.is_postgres() { ON_POSTGRES } else { ON_SQLITE };
        database.execute(FAILING_COMMITS).await;
        database.execute(trigger).await;
        let folder = tempfile::tempdir().expect("a folder");
        let key_file = folder.path().join("first.key");
        let mut command = Program::command(database.url());
        let output = command.arg("--first-key-file").arg(&key_file).output().expect("an end");
        assert!(!output.status.success());
        assert!(!key_file.exists(), "its key opens nothing");
        let output = Program::command(database.url()).output().expect("an end");
        assert!(!output.status.success());
        let printed = String::from_utf8(output.stdout).expect("text");
        assert!(first_key(printed.lines()).is_some(), "{printed}");
        assert_eq!(organization_count(&database).await, 0);

        let table = if database.is_postgres() { " ON api_keys" } else { "" };
        database.execute(&format!("DROP TRIGGER break_commit{table}")).await;
        assert_prints_a_good_key(&database).await;
    }

    async fn an_example_that_cannot_be_printed_is_not_stored(database: Database) {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = Program::command(database.url());
        let status = command.stdout(writer).status().expect("an end");
        assert!(!status.success());
        assert_eq!(organization_count(&database).await, 0);
        assert_prints_a_good_key(&database).await;
    }
}
