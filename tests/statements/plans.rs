//! How PostgreSQL plans the service's statements: generically, but on Citus for each statement's values.

use contact_lists::repository::Repository;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use test_support::*;

use crate::log::Log;

/// More than a chunk, since the first one finds no plan that is too old.
const CONTACT_COUNT: u32 = 2100;

async fn plan_cache_mode(repository: &Repository) -> String {
    let row = repository.db().query_one_raw(Statement::from_string(
        DbBackend::Postgres,
        "SELECT current_setting('plan_cache_mode')",
    ));
    let row = row.await.expect("a setting").expect("a row");
    row.try_get_by_index(0).expect("a text")
}

/// Starts a service, and returns how its sessions plan, and whether an update discards plans.
async fn modes(database: Database) -> (String, bool) {
    let mut log = Log::read().await;
    let service = Service::start(database).await;
    let admin = service.admin();
    let list = admin.create_list("Newsletter").await;
    let update = admin.update(header(&list).add(), contacts(0..CONTACT_COUNT));
    let (response, statements) = log.statements_of("UpdateContactListContacts", update).await;
    assert_eq!(
        response.expect("an update").created_count,
        CONTACT_COUNT as i32
    );
    let discards = statements.iter().any(|sql| sql == "DISCARD PLANS");
    (plan_cache_mode(service.repository()).await, discards)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_on_postgres_are_generic() {
    if let Some(database) = Database::postgres().await {
        assert_eq!(
            modes(database).await,
            ("force_generic_plan".to_owned(), true)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_on_citus_are_custom_and_never_discarded() {
    if let Some(database) = Database::postgres().await {
        database.register_citus().await;
        assert_eq!(
            modes(database).await,
            ("force_custom_plan".to_owned(), false)
        );
    }
}

/// The time by the database's clock, in microseconds.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The sessions that wait for another.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_beside_an_update_that_fills_the_tables_have_plans_for_full_tables() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    // Its calls are in no other test's log.
    let _log = Log::read().await;
    let service = Service::start(database).await;
    let admin = service.admin();
    let list = admin.create_list("Newsletter").await;
    let update = admin.update(header(&list).add(), contacts([CONTACT_COUNT]));
    update.await.expect("a contact to copy");
    let before = service.rows(NOW).await;

    // Another client is about to store the last contact of the update, which waits for it with all the others written.
    let other_client = service.database().connect().await;
    let other_client = other_client.begin().await.expect("a transaction");
    let last = number(CONTACT_COUNT - 1);
    let copy = format!(
        // Without the lock that the check of the foreign key takes.
        "SET LOCAL session_replication_role = replica; \
         INSERT INTO contacts SELECT (jsonb_populate_record(stored, \
         jsonb_build_object('id', gen_random_uuid(), 'phone', '{last}'))).* FROM contacts AS stored"
    );
    let copied = other_client.execute_unprepared(&copy).await;
    copied.expect("a contact of the other client");
    let update = admin.update(header(&list).add(), contacts(0..CONTACT_COUNT));
    let reads = async {
        until("the update waits", async || {
            service.rows(WAITING).await == 1
        })
        .await;
        let waiting = service.rows(NOW).await;
        admin.contact(&number(CONTACT_COUNT)).await;
        let used = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND query_start > to_timestamp({waiting} / 1000000.0) AND backend_start"
        );
        let [old, new] =
            ["<", ">"].map(|than| format!("{used} {than} to_timestamp({before} / 1000000.0)"));
        assert_eq!(service.rows(&old).await, 0, "sessions from before");
        assert_ne!(service.rows(&new).await, 0, "new sessions");
        other_client.rollback().await.expect("a rollback");
    };
    let (response, ()) = tokio::join!(update, reads);
    let created = response.expect("an update").created_count;
    assert_eq!(created, CONTACT_COUNT as i32);
}
