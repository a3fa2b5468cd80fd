//! Callers that stall, cancel or disconnect: whatever the stage of a call, nothing of it is left behind.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{task::JoinSet, time::timeout};

use test_support::*;

use crate::{
    helpers::{
        RECORD, assert_whole, behind_a_relay, is_recorded, new_id, numbered_contacts,
        until_admitted, within,
    },
    sessions::{Outsider, assert_all_usable, assert_nothing_left, until_waiting},
};

on_both! {
    async fn calls_that_are_cancelled_at_any_moment_leave_nothing_half_done(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.create_channel("+12025550100").await;
        let mut sent = Vec::new();
        for round in 0..40 {
            let request_id = new_id();
            let update = admin.update(header(&list).add().request_id(&request_id), numbered_contacts(round * 100, 100));
            let _ = timeout(Duration::from_millis(u64::from(round) * 3), update).await;
            sent.push(request_id);
        }
        // An update waits for those of the same list before it, so after this one none is running.
        admin.update(header(&list).add(), numbered_contacts(4000, 1)).await.expect("the pool is healthy");
        let mut applied = 1;
        for request_id in &sent {
            applied += if is_recorded(&admin, request_id).await { 100 } else { 0 };
        }
        assert_eq!(admin.members(&list).await.len(), applied);
        assert_whole(&service, &list).await;
        let opted_in = service.rows("SELECT count(*) FROM communication_preferences").await;
        assert_eq!(usize::try_from(opted_in), Ok(applied));
    }

    async fn cancelled_calls_release_their_connections(database: Database) {
        let service = Service::start_with(database, &["--max-connections", "6"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        for round in 0..30 {
            let updates = (0..4).map(|n| admin.update(header(&list).add(), numbered_contacts(round * 80 + n * 20, 20)));
            let _ = timeout(Duration::from_millis(u64::from(round)), join_all(updates)).await;
        }
        for n in 0..4 {
            admin.update(header(&list).add(), numbered_contacts(5000 + n, 1)).await.expect("the pool is healthy");
        }
        assert_whole(&service, &list).await;
    }

    async fn a_stream_that_breaks_leaves_nothing_behind(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.update(header(&list).add(), numbered_contacts(0, 5)).await.unwrap();
        let before = service.state(&list).await;
        for header in [header(&list).add(), header(&list).remove(), header(&list).overwrite()] {
            let stream = admin.open(header).await;
            stream.send_contacts(numbered_contacts(3, 100)).await;
            stream.send_contacts(numbered_contacts(103, 100)).await;
            drop(stream);
        }
        assert_eq!(service.state(&list).await, before);
        // Anything that the broken streams might still do would be done before this.
        admin.update(header(&list).add(), numbered_contacts(0, 5)).await.unwrap();
        assert_eq!(admin.members(&list).await.len(), 5);
    }

    /// Whether the update had passed the last check of its caller is unknown. It is applied in full or not at all, and the next
    /// one gets its turn.
    async fn a_call_that_is_cancelled_while_it_waits_for_a_list_holds_up_no_other(database: Database) {
        let service = Service::start_with(database.clone(), &["--max-connections", "6"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let outsider = Outsider::lock_lists(&database).await;
        let ids = [new_id(), new_id(), new_id()];
        let mut waiting = JoinSet::new();
        for (n, id) in ids.iter().enumerate() {
            let (admin, header) = (service.admin(), header(&list).add().request_id(id));
            waiting.spawn(async move { admin.update(header, numbered_contacts(n as u32 * 50, 50)).await });
        }
        if database.is_postgres() {
            until_waiting(&database, 1).await;
        }
        until_admitted(&admin, &list).await;
        waiting.shutdown().await;
        until_admitted(&admin, &list).await;
        outsider.release().await;
        within(30, "the list is free", admin.update(header(&list).add(), numbered_contacts(500, 5))).await.expect("an update");
        let mut applied = 5;
        for id in ids {
            applied += if is_recorded(&admin, &id).await { 50 } else { 0 };
        }
        assert_eq!(admin.members(&list).await.len(), applied);
        assert_whole(&service, &list).await;
        assert_all_usable(&service, &list, 6).await;
    }

    async fn a_call_that_is_cancelled_while_its_update_is_applied_leaves_all_or_nothing(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &["--max-connections", "6"]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let id = new_id();
        let update = || admin.update(header(&list).add().request_id(&id), numbered_contacts(0, 50));
        relay.break_on(Way::Requests, Trigger::Text(b"INSERT INTO contact_list_contacts"), Fault::Freeze);
        tokio::select! {
            answer = update() => panic!("the call is not held up: {answer:?}"),
            () = relay.until_broken() => {}
        }
        relay.mend();
        let repeated = update().await.unwrap();
        assert_eq!(repeated.created_count, 50);
        assert_eq!(repeated.added_count, 50);
        assert_whole(&service, &list).await;
        assert_nothing_left(service.database(), 6).await;
        assert_all_usable(&service, &list, 6).await;
    }

    /// The commit is on its way, or its answer is: it completes without the caller.
    async fn a_call_that_is_cancelled_at_the_commit_leaves_all_of_its_update(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &["--max-connections", "6"]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        for (n, way) in [Way::Requests, Way::Answers].into_iter().enumerate() {
            relay.cut();
            relay.mend();
            admin.until_answered().await;
            let id = new_id();
            let update = || admin.update(header(&list).add().request_id(&id), numbered_contacts(n as u32 * 50, 50));
            relay.break_on(way, Trigger::CommitAfter(RECORD), Fault::Freeze);
            tokio::select! {
                answer = update() => panic!("the call is not held up: {answer:?}"),
                () = relay.until_broken() => {}
            }
            relay.mend();
            until("the update is recorded", async || is_recorded(&admin, &id).await).await;
            assert!(update().await.unwrap().replayed);
            assert_eq!(admin.members(&list).await.len(), (n + 1) * 50);
            assert_whole(&service, &list).await;
            assert_nothing_left(service.database(), 6).await;
        }
        assert_all_usable(&service, &list, 6).await;
    }
}
