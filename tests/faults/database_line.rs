//! The line to the database: cut, frozen, silent in one direction, slow. Calls fail in time, and afterwards nothing is left over.

use std::time::Duration;

use tokio::task::JoinSet;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt;

use test_support::*;

use crate::{
    helpers::{
        RECORD, assert_whole, behind_a_relay, is_recorded, new_id, numbered_contacts, read,
        until_health, within,
    },
    sessions::{assert_all_usable, assert_nothing_left, is_locked},
};

on_both! {
    async fn without_its_database_the_service_is_unavailable_until_it_is_back(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.update(header(&list).add(), numbered_contacts(0, 5)).await.unwrap();
        until_health(&service, ServingStatus::Serving).await;

        relay.cut();
        let refused = admin.update(header(&list).add(), numbered_contacts(5, 5)).await;
        let status = assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE");
        assert!(status.get_details_retry_info().is_some(), "a retry can help: {status:?}");
        until_health(&service, ServingStatus::NotServing).await;

        relay.mend();
        until_health(&service, ServingStatus::Serving).await;
        admin.update(header(&list).add(), numbered_contacts(5, 5)).await.unwrap();
        assert_eq!(admin.list(&list).await.contact_count, 10);
        assert_whole(&service, &list).await;
    }

    async fn with_a_database_that_hangs_the_service_is_not_serving(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        until_health(&service, ServingStatus::Serving).await;
        relay.freeze();
        until_health(&service, ServingStatus::NotServing).await;
        relay.mend();
        until_health(&service, ServingStatus::Serving).await;
        service.admin().create_list("Back").await;
    }

    /// At a different moment in every round. The update's record tells whether it was applied.
    async fn a_database_cut_in_the_middle_of_an_update_leaves_all_of_it_or_nothing(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let mut applied = 0;
        for round in 0..12 {
            let request_id = new_id();
            let update = admin.update(header(&list).add().request_id(&request_id), numbered_contacts(round * 500, 500));
            let cut = async {
                tokio::time::sleep(Duration::from_millis(u64::from(round) * 12)).await;
                relay.cut();
            };
            let (answer, ()) = tokio::join!(update, cut);
            relay.mend();
            admin.until_answered().await;
            let recorded = is_recorded(&admin, &request_id).await;
            match answer {
                Ok(_) => assert!(recorded, "what was answered OK is there"),
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
            applied += usize::from(recorded);
            assert_eq!(admin.members(&list).await.len(), applied * 500);
            assert_whole(&service, &list).await;
        }
    }

    /// The database commits, and its answer is lost.
    async fn an_update_whose_commit_is_not_answered_is_stored_and_replayed(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let (admin, id) = (service.admin(), new_id());
        let list = admin.create_list("Faults").await;
        let update = || admin.update(header(&list).add().request_id(&id), numbered_contacts(0, 50));
        relay.break_on(Way::Answers, Trigger::CommitAfter(RECORD), Fault::Cut);
        assert_refused(update().await, Code::Unavailable, "DATABASE_UNAVAILABLE");
        relay.mend();
        admin.until_answered().await;
        assert!(is_recorded(&admin, &id).await);
        assert_whole(&service, &list).await;
        let repeated = update().await.unwrap();
        assert!(repeated.replayed);
        assert_eq!(repeated.created_count, 50);
        assert_eq!(repeated.added_count, 50);
        assert_eq!(admin.members(&list).await.len(), 50);
        assert_nothing_left(service.database(), 16).await;
    }

    async fn an_update_whose_commit_does_not_arrive_is_not_stored(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let (admin, id) = (service.admin(), new_id());
        let list = admin.create_list("Faults").await;
        let before = service.state(&list).await;
        let update = || admin.update(header(&list).add().request_id(&id), numbered_contacts(0, 50));
        relay.break_on(Way::Requests, Trigger::CommitAfter(RECORD), Fault::Cut);
        assert_refused(update().await, Code::Unavailable, "DATABASE_UNAVAILABLE");
        assert_nothing_left(service.database(), 0).await;
        relay.mend();
        admin.until_answered().await;
        assert!(service.state(&list).await == before, "nothing was changed");
        let repeated = update().await.unwrap();
        assert!(!repeated.replayed);
        assert_eq!(repeated.created_count, 50);
        assert_nothing_left(service.database(), 16).await;
    }

    /// In the middle of a transaction that holds locks. The call fails though the line stays silent, and the database
    /// releases the locks of a service that it no longer hears from.
    async fn a_line_that_falls_silent_fails_its_call_and_leaves_no_lock(database: Database) {
        let args = ["--database-timeout-seconds", "2", "--max-connections", "6"];
        let Some((service, relay)) = behind_a_relay(database, &args).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.update(header(&list).add(), numbered_contacts(0, 5)).await.unwrap();
        for silent in [None, Some(Way::Requests), Some(Way::Answers)] {
            // New connections, on which the statement is still sent by its text.
            relay.cut();
            relay.mend();
            admin.until_answered().await;
            let id = new_id();
            let update = || admin.update(header(&list).add().request_id(&id), numbered_contacts(0, 50));
            let fault = async {
                relay.break_on(Way::Requests, Trigger::Text(b"INSERT INTO contact_list_contacts"), Fault::Freeze);
                relay.until_broken().await;
                assert!(is_locked(service.database(), "contacts").await, "the call is in the middle of its transaction");
                if let Some(silent) = silent {
                    // The other direction is open again.
                    relay.mend();
                    relay.halve(silent);
                }
            };
            let (answer, ()) = within(30, "the call fails", async { tokio::join!(update(), fault) }).await;
            // With the direction of the requests open, the database may complete the call.
            if silent != Some(Way::Answers) || answer.is_err() {
                assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
            }
            until("the database releases the locks", async || {
                !is_locked(service.database(), "contacts").await
            }).await;
            relay.mend();
            admin.until_answered().await;
            assert_nothing_left(service.database(), 6).await;
            let repeated = update().await.unwrap();
            assert!(!repeated.replayed, "nothing told the database to commit");
            assert_whole(&service, &list).await;
            assert_all_usable(&service, &list, 6).await;
        }
    }

    /// Connections die without a message, while new ones work: one in the middle of a transaction, the others idle.
    async fn a_connection_that_falls_silent_for_good_is_replaced(database: Database) {
        let args = ["--database-timeout-seconds", "2", "--max-connections", "6"];
        let Some((service, relay)) = behind_a_relay(database, &args).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        for n in 0..3 {
            relay.break_on(Way::Requests, Trigger::Text(b"INSERT INTO contact_list_contacts"), Fault::Freeze);
            let fault = async {
                relay.until_broken().await;
                relay.strand();
                relay.mend();
            };
            let update = admin.update(header(&list).add(), numbered_contacts(n * 50, 50));
            let (answer, ()) = within(30, "the call fails", async { tokio::join!(update, fault) }).await;
            assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
            admin.until_answered().await;
            // Dead idle connections are detected before a call uses them.
            admin.update(header(&list).remove().validate_only(), numbered_contacts(0, 1)).await.unwrap();
        }
        until_health(&service, ServingStatus::Serving).await;
        assert_all_usable(&service, &list, 6).await;
        assert_eq!(admin.list(&list).await.contact_count, 0);
        assert_whole(&service, &list).await;
    }

    async fn calls_over_a_silent_line_fail_in_time(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &["--max-connections", "6"]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        relay.freeze();
        let calls = (0..8).map(|_| { let admin = admin.clone(); async move { read(&admin).await } });
        for answer in within(30, "every call fails", calls.collect::<JoinSet<_>>().join_all()).await {
            assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
        }
        relay.mend();
        admin.until_answered().await;
        assert_all_usable(&service, &list, 6).await;
    }

    async fn a_slow_line_is_only_slow(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        relay.slow_down(Duration::from_millis(20));
        until_health(&service, ServingStatus::Serving).await;
        let outcome = admin.update(header(&list).add(), numbered_contacts(0, 300)).await.unwrap();
        assert_eq!(outcome.created_count, 300);
        assert_whole(&service, &list).await;
    }
}
