//! How PostgreSQL plans the service's statements: generically, but on Citus for each statement's values.

use contact_lists::repository::Repository;
use sea_orm::ConnectionTrait;
use test_support::*;

use crate::log::Log;

/// Makes a database look like one of Citus.
const REGISTER_CITUS: &str = "SET allow_system_table_mods = on; \
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) \
    SELECT 424242, 'citus', extowner, extnamespace, false, '13.2' FROM pg_extension WHERE extname = 'plpgsql'";

/// More than a chunk, since the first one finds no plan that is too old.
const CONTACT_COUNT: u32 = 2100;

async fn plan_cache_mode(repository: &Repository) -> String {
    let row = repository
        .db()
        .query_one_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Postgres,
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
        database.execute(REGISTER_CITUS).await;
        assert_eq!(
            modes(database).await,
            ("force_custom_plan".to_owned(), false)
        );
    }
}
