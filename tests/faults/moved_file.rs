//! A SQLite file that is moved or replaced while the server runs: what it would write there would be gone at the next start.

use std::{fs, path::Path};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_to_a_sqlite_file_that_is_moved_until_it_is_back() {
    let service = Service::start(Database::sqlite()).await;
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    admin
        .update(header(&list).add(), numbered_contacts(0, 10))
        .await
        .expect("an update");
    let path = service
        .database_url()
        .strip_prefix("sqlite://")
        .expect("a file")
        .to_owned();
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
