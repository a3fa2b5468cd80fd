//! A PostgreSQL that takes no writes for a while: its disk is full, or it has become a standby.

use contact_lists::proto::CreateContactListRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use test_support::*;

use crate::helpers::{until_health, within};

/// The time by the database's clock, in microseconds.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// A service of a PostgreSQL of its own, with a list. None where PostgreSQL is not installed.
async fn service() -> Option<(Service, String)> {
    let database = Database::killable_postgres().await;
    let Some(database) = database else {
        notice("read_only is skipped: PostgreSQL is not installed");
        return None;
    };
    let service = Service::start(database).await;
    let list = service.admin().create_list("Newsletter").await;
    until_health(&service, ServingStatus::Serving).await;
    Some((service, list))
}

/// Has running and new sessions refuse writes, or take them again.
async fn set_read_only(database: &Database, setting: &str) {
    database.execute(&format!("ALTER SYSTEM {setting}")).await;
    database.execute("SELECT pg_reload_conf()").await;
}

async fn create(service: &Service, name: &str) -> Result<(), tonic::Status> {
    let request = CreateContactListRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    let created = service.admin().lists.create_contact_list(request).await;
    created.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_not_serving_and_refuses_writes_until_it_takes_them() {
    let Some((service, list)) = service().await else {
        return;
    };
    let database = service.database();
    set_read_only(database, "SET default_transaction_read_only = on").await;
    until_health(&service, ServingStatus::NotServing).await;
    // The first call can have a session from before, and the second one waits for one that takes writes.
    for name in ["one", "two"] {
        let refused = within(30, "the call ends", create(&service, name)).await;
        assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE");
    }
    let reading = async { service.admin().list(&list).await };
    within(30, "reads are answered", reading).await;

    let waiting = create(&service, "three");
    let mended = set_read_only(database, "RESET default_transaction_read_only");
    let (created, ()) = tokio::join!(waiting, mended);
    // A call that waits for a session gets one as soon as there is one.
    created.expect("a list");
    until_health(&service, ServingStatus::Serving).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_promoted_serves_without_a_restart_of_the_service() {
    let Some((service, _)) = service().await else {
        return;
    };
    let database = service.database();
    database.kill_postgres();
    let (socket, _) = database.postgres_socket().expect("a socket");
    let data = socket.parent().expect("a folder").join("data");
    std::fs::write(data.join("standby.signal"), "").expect("a signal");
    database.start_postgres_again().await;
    until_health(&service, ServingStatus::NotServing).await;
    let refused = within(30, "the call ends", create(&service, "one")).await;
    assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE");

    database.execute("SELECT pg_promote()").await;
    until_health(&service, ServingStatus::Serving).await;
    create(&service, "two").await.expect("a list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_replaced_once_one_was_refused_a_write() {
    let Some((service, list)) = service().await else {
        return;
    };
    let database = service.database();
    let before = database.rows(NOW).await;
    set_read_only(database, "SET default_transaction_read_only = on").await;
    until_health(&service, ServingStatus::NotServing).await;
    set_read_only(database, "RESET default_transaction_read_only").await;
    until_health(&service, ServingStatus::Serving).await;
    let mended = database.rows(NOW).await;
    service.admin().list(&list).await;
    create(&service, "one").await.expect("a list");
    // They could be of a server that is no longer the one that takes writes.
    let used = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
         AND query_start > to_timestamp({mended} / 1000000.0) AND backend_start"
    );
    let [old, new] =
        ["<", ">"].map(|than| format!("{used} {than} to_timestamp({before} / 1000000.0)"));
    assert_eq!(service.rows(&old).await, 0, "sessions from before");
    assert_ne!(service.rows(&new).await, 0, "new sessions");
}
