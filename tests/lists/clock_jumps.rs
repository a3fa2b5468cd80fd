//! The purge of recorded updates by a server whose clock has jumped ahead.

use contact_lists::proto::{
    GetContactListUpdateRequest, UpdateContactListContactsResponse as Outcome,
    get_contact_list_update_request::Reference,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use test_support::*;

async fn add(caller: &Client, list: &str, request_id: &str) -> Outcome {
    let header = header(list).add().request_id(request_id);
    caller
        .update(header, contacts([1]))
        .await
        .expect("an update")
}

async fn has_request_id(caller: &Client, update_id: &str) -> bool {
    let reference = Some(Reference::UpdateId(update_id.to_owned()));
    let request = GetContactListUpdateRequest { reference };
    let update = caller.lists.clone().get_contact_list_update(request).await;
    let update = update.expect("an update").into_inner().contact_list_update;
    update.expect("an update").request_id.is_some()
}

/// Sets a column of times to some hours ago. Rows are named by texts, as raw SQL cannot paste an id.
async fn set_back(service: &Service, column: &str, hours: i64, rows: &str) {
    let then = OffsetDateTime::now_utc() - Duration::hours(hours);
    let (date, hour, minute) = (then.date(), then.hour(), then.minute());
    let (table, column) = column.split_once('.').expect("a column of a table");
    let sql = format!("UPDATE {table} SET {column} = '{date}T{hour:02}:{minute:02}:00Z' {rows}");
    service.database().execute(&sql).await;
}

on_both! {
    async fn a_clock_that_jumped_ahead_lets_no_retry_be_applied_twice(database: Database) {
        let mut service = Service::start_with(database, &["--purge-interval-seconds", "1"]).await;
        let admin = service.admin();
        let (old, young) = (admin.create_list("Old").await, admin.create_list("Young").await);
        let (old_id, young_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        let old_update = add(&admin, &old, &old_id).await.update_id;
        add(&admin, &young, &young_id).await;
        let opt_out = async |id: &str, consent| {
            let header = opt_out_header(&[]).identified(id);
            let opt_outs = admin.opt_out_contacts(header, vec![opted_out_by(&number(1), consent)]);
            opt_outs.await.expect("an opt-out")
        };
        opt_out(&old_id, said_on(1)).await;
        opt_out(&young_id, said_on(2)).await;

        // At the last purge one update was 169 hours old, one more than the retention, and the other new. Since then the
        // clock has gone on by 400 hours, and no server has waited.
        service.shutdown().await;
        let of = |list| format!("WHERE contact_list_id IN (SELECT id FROM contact_lists WHERE name = '{list}')");
        set_back(&service, "contact_list_updates.create_time", 569, &of("Old")).await;
        set_back(&service, "contact_list_updates.create_time", 400, &of("Young")).await;
        for (order, hours) in [("", 569), ("DESC", 400)] {
            let first = format!("SELECT request_id FROM recorded_opt_outs ORDER BY create_time {order} LIMIT 1");
            let first = format!("WHERE request_id IN ({first})");
            set_back(&service, "recorded_opt_outs.create_time", hours, &first).await;
        }
        set_back(&service, "purge_times.purge_time", 400, "").await;
        service.restart().await;

        let admin = service.admin();
        until("the old opt-outs are forgotten", async || {
            service.rows("SELECT count(*) FROM recorded_opt_outs").await == 1
        })
        .await;
        until("the old update is purged", async || !has_request_id(&admin, &old_update).await).await;
        assert!(add(&admin, &young, &young_id).await.replayed);
    }
}
