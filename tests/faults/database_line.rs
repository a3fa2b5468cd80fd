//! The line to the database: cut, frozen, halved, slow. A caller hears of it in time, and afterwards nothing is left over.

use std::time::Duration;

use tokio::task::JoinSet;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt;

use crate::{
    common::{
        RECORD, assert_whole, behind_a_relay, is_recorded, new_id, people, read, until_serving,
        until_serving_calls, within,
    },
    sessions::{assert_all_usable, assert_nothing_left, is_locked},
    support::*,
};

on_both! {
    async fn without_its_database_the_service_says_so_and_comes_back_with_it(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.update(header(&list).add(), people(0, 5)).await.unwrap();
        until_serving(&service, ServingStatus::Serving).await;

        relay.cut();
        let refused = admin.update(header(&list).add(), people(5, 5)).await;
        let status = assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE");
        assert!(status.get_details_retry_info().is_some(), "a retry can help: {status:?}");
        until_serving(&service, ServingStatus::NotServing).await;

        relay.mend();
        until_serving(&service, ServingStatus::Serving).await;
        admin.update(header(&list).add(), people(5, 5)).await.unwrap();
        assert_eq!(admin.list(&list).await.contact_count, 10);
        assert_whole(&service, &list).await;
    }

    async fn a_database_that_only_hangs_is_not_served_either(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        until_serving(&service, ServingStatus::Serving).await;
        relay.freeze();
        until_serving(&service, ServingStatus::NotServing).await;
        relay.mend();
        until_serving(&service, ServingStatus::Serving).await;
        service.admin().create_list("Back").await;
    }

    /// Cuts at another moment of the update each time; the update says itself whether it was applied.
    async fn a_database_cut_in_the_middle_of_an_update_leaves_all_of_it_or_nothing(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let mut applied = 0;
        for round in 0..12 {
            let request_id = new_id();
            let update = admin.update(header(&list).add().request_id(&request_id), people(round * 500, 500));
            let cut = async {
                tokio::time::sleep(Duration::from_millis(u64::from(round) * 12)).await;
                relay.cut();
            };
            let (answer, ()) = tokio::join!(update, cut);
            relay.mend();
            until_serving_calls(&admin).await;
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

    /// The database has committed, and nobody hears of it.
    async fn an_update_whose_commit_is_not_answered_is_there_and_replayed(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let (admin, id) = (service.admin(), new_id());
        let list = admin.create_list("Faults").await;
        let update = || admin.update(header(&list).add().request_id(&id), people(0, 50));
        relay.set_trap(Way::Answers, Bait::CommitAfter(RECORD), Fault::Cut);
        assert_refused(update().await, Code::Unavailable, "DATABASE_UNAVAILABLE");
        relay.mend();
        until_serving_calls(&admin).await;
        assert!(is_recorded(&admin, &id).await);
        assert_whole(&service, &list).await;
        let repeated = update().await.unwrap();
        assert_eq!((repeated.replayed, repeated.created_count, repeated.added_count), (true, 50, 50));
        assert_eq!(admin.members(&list).await.len(), 50);
        assert_nothing_left(service.database(), 16).await;
    }

    async fn an_update_whose_commit_does_not_arrive_is_not_there(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let (admin, id) = (service.admin(), new_id());
        let list = admin.create_list("Faults").await;
        let before = service.state(&list).await;
        let update = || admin.update(header(&list).add().request_id(&id), people(0, 50));
        relay.set_trap(Way::Requests, Bait::CommitAfter(RECORD), Fault::Cut);
        assert_refused(update().await, Code::Unavailable, "DATABASE_UNAVAILABLE");
        assert_nothing_left(service.database(), 0).await;
        relay.mend();
        until_serving_calls(&admin).await;
        assert!(service.state(&list).await == before, "nothing was changed");
        let repeated = update().await.unwrap();
        assert_eq!((repeated.replayed, repeated.created_count), (false, 50));
        assert_nothing_left(service.database(), 16).await;
    }

    /// In the middle of a transaction that holds locks. The caller hears of it though the line stays as it is, and the
    /// database lets go of what a service that it no longer hears has locked.
    async fn a_line_that_falls_silent_fails_its_call_and_leaves_no_lock(database: Database) {
        let args = ["--database-timeout-seconds", "2", "--max-connections", "4"];
        let Some((service, relay)) = behind_a_relay(database, &args).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.update(header(&list).add(), people(0, 5)).await.unwrap();
        for silent in [None, Some(Way::Requests), Some(Way::Answers)] {
            // New connections, on which the statement is still sent by its text.
            relay.cut();
            relay.mend();
            until_serving_calls(&admin).await;
            let id = new_id();
            let update = || admin.update(header(&list).add().request_id(&id), people(0, 50));
            let fault = async {
                relay.set_trap(Way::Requests, Bait::Text(b"INSERT INTO contact_list_contacts"), Fault::Freeze);
                relay.until_sprung().await;
                assert!(is_locked(service.database(), "contacts").await, "it is amid its transaction");
                if let Some(silent) = silent {
                    // The other way is open again.
                    relay.mend();
                    relay.halve(silent);
                }
            };
            let (answer, ()) = within(30, "the call fails", async { tokio::join!(update(), fault) }).await;
            // With the requests' way open the database may just do what it was told.
            if silent != Some(Way::Answers) || answer.is_err() {
                assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
            }
            until("the database lets go of its locks", async || {
                !is_locked(service.database(), "contacts").await
            }).await;
            relay.mend();
            until_serving_calls(&admin).await;
            assert_nothing_left(service.database(), 4).await;
            let repeated = update().await.unwrap();
            assert!(!repeated.replayed, "nothing told the database to commit");
            assert_whole(&service, &list).await;
            assert_all_usable(&service, &list, 4).await;
        }
    }

    /// Connections that are dead without a word, while new ones work: one amid a transaction, the others idle.
    async fn a_connection_that_falls_silent_for_good_costs_no_place_of_the_pool(database: Database) {
        let args = ["--database-timeout-seconds", "2", "--max-connections", "4"];
        let Some((service, relay)) = behind_a_relay(database, &args).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        for n in 0..3 {
            relay.set_trap(Way::Requests, Bait::Text(b"INSERT INTO contact_list_contacts"), Fault::Freeze);
            let fault = async {
                relay.until_sprung().await;
                relay.strand();
                relay.mend();
            };
            let update = admin.update(header(&list).add(), people(n * 50, 50));
            let (answer, ()) = within(30, "the call fails", async { tokio::join!(update, fault) }).await;
            assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
            until_serving_calls(&admin).await;
            // Those that were idle are found out before a call uses them.
            admin.update(header(&list).remove().validate_only(), people(0, 1)).await.unwrap();
        }
        until_serving(&service, ServingStatus::Serving).await;
        assert_all_usable(&service, &list, 4).await;
        assert_eq!(admin.list(&list).await.contact_count, 0);
        assert_whole(&service, &list).await;
    }

    async fn calls_that_find_the_line_silent_fail_in_time(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &["--max-connections", "4"]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        relay.freeze();
        let calls = (0..8).map(|_| { let admin = admin.clone(); async move { read(&admin).await } });
        for answer in within(30, "every call fails", calls.collect::<JoinSet<_>>().join_all()).await {
            assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
        }
        relay.mend();
        until_serving_calls(&admin).await;
        assert_all_usable(&service, &list, 4).await;
    }

    async fn a_slow_line_is_only_slow(database: Database) {
        let Some((service, relay)) = behind_a_relay(database, &[]).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        relay.slow_down(Duration::from_millis(20));
        until_serving(&service, ServingStatus::Serving).await;
        let outcome = admin.update(header(&list).add(), people(0, 300)).await.unwrap();
        assert_eq!(outcome.created_count, 300);
        assert_whole(&service, &list).await;
    }
}
