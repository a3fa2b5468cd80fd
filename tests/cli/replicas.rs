//! Several servers of one PostgreSQL, and a standby of it.

use std::{fs, thread};

use test_support::{Database, PostgresServer, notice};

use crate::*;

/// The words of a command on a database.
fn on<'a>(url: &'a str, command: &'a str) -> Vec<&'a str> {
    command.split(' ').chain(["--database-url", url]).collect()
}

#[tokio::test]
async fn three_servers_that_start_on_an_empty_database_make_one_example() {
    let Some(database) = Database::postgres().await else {
        return notice("replicas::three_servers is skipped: PostgreSQL is not installed");
    };
    let folder = Folder::new();
    let servers: Vec<Server> = thread::scope(|scope| {
        let start = |name: &'static str| {
            let mut program = folder.program(&["--listen", "127.0.0.1:0", "--admin-listen", ""]);
            program.args(["--database-url", database.url(), "--first-key-file", name]);
            scope.spawn(move || Server::start(&mut program))
        };
        let starts = ["a", "b", "c"].map(start);
        starts.map(|it| it.join().expect("a server")).into()
    });
    let is_example = |server: &&Server| server.greeting[0].starts_with("First start:");
    assert_eq!(servers.iter().filter(is_example).count(), 1);
    assert_eq!(database.rows("SELECT count(*) FROM organizations").await, 1);
    // Only the one that made it has a key, and all of them take it.
    let keys = ["a", "b", "c"].map(|name| fs::read_to_string(folder.path(name)));
    let keys: Vec<String> = keys.into_iter().flatten().collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    for server in &servers {
        let address = format!("http://{}", server.address);
        let lists = folder.lines(&["lists", "--server", &address, "--key", keys[0].trim()]);
        assert_eq!(lists.len(), 1);
    }
}

#[tokio::test]
async fn commands_that_read_run_on_a_standby() {
    let Some(server) = PostgresServer::start("C", &[]).await.unwrap() else {
        return notice("replicas::commands_that_read is skipped: PostgreSQL is not installed");
    };
    let (folder, url) = (Folder::new(), server.url("postgres"));
    let lines = |command: &str| folder.lines(&on(&url, command));
    let organization = lines("organization create Acme").remove(0);
    lines(&format!("api-key create --organization {organization}"));

    server.kill();
    let data = server.socket().parent().unwrap().join("data");
    fs::write(data.join("standby.signal"), "").unwrap();
    server.start_again().await;
    let listed = lines("organization list");
    assert_eq!(listed, [format!("{organization}\t-\tAcme\t-")]);
    let keys = lines(&format!("api-key list --organization {organization}"));
    assert_eq!(keys.len(), 1);
    let exported = lines("suppression export --since 2000-01-01T00:00:00Z");
    assert_eq!(exported.len(), 1);
    assert_eq!(lines("migrate"), ["the schema is up to date"]);
    let status = lines("migrate --status");
    assert!(status.iter().all(|line| line.ends_with("\tapplied")));

    let refusal = folder.refusal(&on(&url, "organization create Other"));
    let reason = "the database is read-only: it is a standby, or an operator has made it so";
    assert!(refusal.ends_with(reason), "{refusal}");
}
