//! `DeleteContact` while another call has locked what it needs: it keeps nothing else from other calls meanwhile.

use sea_orm::{ConnectionTrait, TransactionOptions};

use super::*;

/// Waits until a session waits for a lock.
async fn until_a_call_waits(service: &Service) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
        AND datname = current_database()";
    while service.rows(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
}

/// Erases a contact of two lists while the rows that `sql` locks are locked, and adds contacts to the first list meanwhile.
async fn erase_beside(database: Database, sql: &str) {
    // On SQLite all calls that write wait for each other.
    if !database.is_postgres() {
        return;
    }
    let service = Service::start(database).await;
    let admin = service.admin();
    let (free, busy) = (
        admin.create_list("Free").await,
        admin.create_list("Busy").await,
    );
    for list in [&free, &busy] {
        add(&admin, list, vec![contact(&number(1))]).await;
    }
    let held = service
        .repository()
        .db()
        .begin(TransactionOptions::default())
        .await
        .unwrap();
    held.execute_unprepared(sql).await.unwrap();
    let caller = service.admin();
    let erasure = tokio::spawn(async move { erase(&caller, &number(1)).await });
    until_a_call_waits(&service).await;
    for n in 100..120 {
        add(&admin, &free, contacts(n..n + 1)).await;
    }
    assert!(!erasure.is_finished());
    held.rollback().await.unwrap();
    erasure.await.unwrap();
    assert_eq!(id_of(&admin, &number(1)).await, None);
    assert_eq!(admin.list(&free).await.contact_count, 20);
    assert_eq!(admin.list(&busy).await.contact_count, 0);
}

on_both! {
    async fn an_erasure_that_waits_for_a_list_keeps_no_other_list(database: Database) {
        erase_beside(database, "SELECT 1 FROM contact_lists WHERE name = 'Busy' FOR UPDATE").await;
    }

    async fn an_erasure_that_waits_for_the_contact_keeps_no_list(database: Database) {
        erase_beside(database, "SELECT 1 FROM contacts FOR NO KEY UPDATE").await;
    }
}
