//! SQLite's files that are moved or replaced while the server runs: what it would write there would be gone at the next start.

use std::{fs, path::Path, process::Command};

use tonic_health::pb::health_check_response::ServingStatus;

use test_support::*;

use crate::helpers::{assert_whole, numbered_contacts, until_health};

/// Checks that the server says that it does not serve, and takes no update.
async fn assert_refuses(service: &Service, list: &str) {
    until_health(service, ServingStatus::NotServing).await;
    let refused = service
        .admin()
        .update(header(list).add(), numbered_contacts(100, 10))
        .await;
    assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE");
}

/// Runs the program on the service's database. Returns the line that says why it refuses.
#[track_caller]
fn refusal(service: &Service, command: &[&str]) -> String {
    let mut program = Command::new(Program::path());
    let url = ["--database-url", service.database_url()];
    let output = program.args(command).args(url).output().expect("an end");
    assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
    let error = String::from_utf8(output.stderr).expect("text");
    // Before it, it may say that it waits.
    error.lines().last().unwrap_or_default().to_owned()
}

fn path(service: &Service) -> String {
    let url = service.database_url();
    url.strip_prefix("sqlite://").expect("a file").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_to_a_sqlite_file_that_is_moved_until_it_is_back() {
    let service = Service::start(Database::sqlite()).await;
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    admin
        .update(header(&list).add(), numbered_contacts(0, 10))
        .await
        .expect("an update");
    let path = path(&service);
    let (path, moved) = (Path::new(&path), format!("{path}.moved"));

    fs::rename(path, &moved).expect("a moved file");
    assert_refuses(&service, &list).await;
    assert!(!path.exists(), "nothing is made in its place");
    fs::write(path, "").expect("another file");
    assert_refuses(&service, &list).await;

    fs::rename(&moved, path).expect("a file that is back");
    until_health(&service, ServingStatus::Serving).await;
    let outcome = admin
        .update(header(&list).add(), numbered_contacts(10, 10))
        .await
        .expect("an update");
    assert_eq!(outcome.contact_list.expect("the list").contact_count, 20);
    assert_whole(&service, &list).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_in_the_place_of_a_sqlite_file_that_a_server_has_open() {
    let mut service = Service::start(Database::sqlite()).await;
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    let path = path(&service);
    let moved = format!("{path}.moved");
    fs::rename(&path, &moved).expect("a moved file");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", ""];
    for command in [
        &["migrate"][..],
        &["organization", "create", "Acme"],
        &["organization", "list"],
        &serve,
    ] {
        let line = refusal(&service, command);
        assert!(line.starts_with("error: "), "{command:?}: {line}");
        assert!(!Path::new(&path).exists(), "{command:?}");
    }
    // A copy has no part in what the server commits.
    fs::copy(&moved, &path).expect("a copy");
    for command in [&["migrate"][..], &["organization", "list"]] {
        let line = refusal(&service, command);
        let reason = "a server runs on it, but the file, or its -wal or -shm, was moved";
        assert!(line.contains(reason), "{command:?}: {line}");
    }
    fs::rename(&moved, &path).expect("a file that is back");
    until_health(&service, ServingStatus::Serving).await;
    admin
        .update(header(&list).add(), numbered_contacts(0, 10))
        .await
        .expect("an update");
    service.restart().await;
    assert_eq!(service.admin().list(&list).await.contact_count, 10);
    assert_whole(&service, &list).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_while_a_file_beside_the_sqlite_file_is_another_or_gone() {
    let service = Service::start(Database::sqlite()).await;
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    for (ending, replaced) in [("-wal", true), ("-wal", false), ("-shm", true)] {
        let beside = format!("{}{ending}", path(&service));
        let moved = format!("{beside}.moved");
        fs::rename(&beside, &moved).expect("a moved file");
        if replaced {
            fs::copy(&moved, &beside).expect("another file");
        }
        assert_refuses(&service, &list).await;
        let line = refusal(&service, &["migrate"]);
        assert!(line.contains("a server runs on it"), "{line}");
        fs::rename(&moved, &beside).expect("a file that is back");
        until_health(&service, ServingStatus::Serving).await;
    }
    admin
        .update(header(&list).add(), numbered_contacts(0, 10))
        .await
        .expect("an update");
    assert_whole(&service, &list).await;
}
