//! How PostgreSQL's sessions get the service's settings: straight from their start, or with each transaction behind a pooler
//! that gives each one a session.

use contact_lists::{repository::Repository, settings::ServeSettings};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use test_support::*;

use crate::log::Log;

/// The time limit for locks outside of transactions, in the sessions of a server with these settings.
async fn lock_timeout(database: &Database, args: &[&str]) -> String {
    let url = ["--database-url", database.url()];
    let settings = ServeSettings::from_args([&url[..], args].concat()).expect("settings");
    let repository = Repository::connect(&(&settings.database).into()).await;
    let repository = repository.expect("a database");
    let sql = "SELECT current_setting('lock_timeout')";
    let row = repository
        .db()
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    let row = row.await.expect("a setting").expect("a row");
    row.try_get_by_index(0).expect("a text")
}

/// Starts a server, and returns the statements of an update and of a read.
async fn statements(database: Database, args: &[&str]) -> [Vec<String>; 2] {
    let mut log = Log::read().await;
    let service = Service::start_with(database, args).await;
    let admin = service.admin();
    let list = admin.create_list("Newsletter").await;
    let update = admin.update(header(&list).add(), contacts([1]));
    let (response, updating) = log.statements_of("UpdateContactListContacts", update).await;
    response.expect("an update");
    let (_, reading) = log.statements_of("GetContactList", admin.list(&list)).await;
    [updating, reading]
}

fn settings(statements: &[String]) -> Vec<&String> {
    let is_setting = |sql: &&String| sql.contains("SET ") && !sql.starts_with("UPDATE");
    statements.iter().filter(is_setting).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_postgres_begin_with_their_settings() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    assert_eq!(lock_timeout(&database, &[]).await, "10s");
    for statements in statements(database, &[]).await {
        assert_eq!(settings(&statements), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_of_transactions_only_these_have_settings() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let args = ["--database-pooler", "transaction"];
    assert_eq!(lock_timeout(&database, &args).await, "0");
    let [updating, reading] = statements(database, &args).await;
    let settings_of_update = settings(&updating);
    assert_eq!(settings_of_update.len(), 1, "{updating:?}");
    assert!(
        settings_of_update[0]
            .starts_with("SET LOCAL lock_timeout = 10000; SET LOCAL statement_timeout = 300000;"),
        "{updating:?}"
    );
    assert_eq!(settings(&reading), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_of_sessions_these_are_set_once() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let args = ["--database-pooler", "session"];
    assert_eq!(lock_timeout(&database, &args).await, "10s");
}
