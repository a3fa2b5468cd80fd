//! A server that shuts down ends within its grace period, whatever its callers and its database do.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_types::StatusExt;

use test_support::*;

use crate::{
    helpers::{
        assert_whole, behind_a_relay, numbered_contacts, until_admitted, until_health,
        until_refusing, within,
    },
    sessions::{Outsider, assert_nothing_left, until_waiting},
};

on_both! {
    async fn a_server_that_leaves_says_not_serving_and_takes_connections_and_calls_until_a_second_signal(
        database: Database,
    ) {
        let mut service = Service::start_with(database, &["--drain-seconds", "3600"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        until_health(&service, ServingStatus::Serving).await;
        service.signal();
        until_health(&service, ServingStatus::NotServing).await;
        let stream = service.admin().open(header(&list).add()).await;
        stream.send_contacts(numbered_contacts(0, 100)).await;
        until_admitted(&admin, &list).await;
        let finish = async {
            until_refusing(&admin).await;
            stream.finish().await
        };
        let (outcome, ()) = tokio::join!(finish, within(30, "the server ends", service.shutdown()));
        assert_eq!(outcome.expect("a running update finishes").added_count, 100);
    }

    async fn the_drain_period_ends_by_itself(database: Database) {
        let mut service = Service::start_with(database, &["--drain-seconds", "1"]).await;
        within(10, "the server ends", service.shutdown()).await;
    }

    async fn a_shutdown_ends_within_the_grace_period_though_a_stream_is_open(database: Database) {
        let mut service = Service::start_with(database, &["--grace-seconds", "1"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let mut stream = admin.open(header(&list).add()).await;
        stream.send_contacts(numbered_contacts(0, 100)).await;
        timeout(Duration::from_secs(10), service.shutdown()).await.expect("an end in time");
        let refused = stream.answer().await.expect_err("a stream that was cut off");
        // The connection may end before its last answer is read.
        if !refused.details().is_empty() {
            assert_refused::<()>(Err(refused), Code::Unavailable, "SHUTTING_DOWN");
        }
        service.restart().await;
        assert_eq!(service.admin().list(&list).await.contact_count, 0);
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn a_shutdown_waits_for_no_connection_on_which_no_call_with_a_key_runs(database: Database) {
        let mut service = Service::start_with(database, &["--grace-seconds", "60"]).await;
        let _silent = TcpStream::connect(service.address()).await.unwrap();
        let _idle = service.connect_by_hand(0).await;
        let mut watching = service.connect_by_hand(65_535).await;
        watching.begin(1, "/grpc.health.v1.Health/Watch", "none").await.unwrap();
        watching.send(1, &HealthCheckRequest::default(), true).await.unwrap();
        watching.until(kind::DATA).await.expect("a health");
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        watching.begin(3, reflection, "none").await.unwrap();
        watching.until(kind::HEADERS).await.expect("the beginning of a response");
        within(10, "the server ends", service.shutdown()).await;
    }

    async fn a_shutdown_lets_running_updates_finish(database: Database) {
        let mut service = Service::start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let stream = admin.open(header(&list).add()).await;
        stream.send_contacts(numbered_contacts(0, 100)).await;
        until_admitted(&admin, &list).await;
        let finish = async {
            until_refusing(&admin).await;
            stream.send_contacts(numbered_contacts(100, 100)).await;
            stream.finish().await
        };
        let (outcome, ()) = tokio::join!(finish, service.shutdown());
        assert_eq!(outcome.expect("a running update finishes").added_count, 200);
        service.restart().await;
        assert_eq!(service.admin().members(&list).await.len(), 200);
    }

    /// The connection may also end first: then the client reports that, without a reason of the service.
    async fn a_server_that_shuts_down_refuses_new_calls(database: Database) {
        let mut service = Service::start_with(database, &["--grace-seconds", "5"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let stream = admin.open(header(&list).add()).await;
        stream.send_contacts(numbered_contacts(0, 1)).await;
        until_admitted(&admin, &list).await;
        let refused = async {
            let status = until_refusing(&admin).await;
            if status.get_details_error_info().is_some() {
                let refused: Result<(), _> = Err(status);
                let status = assert_refused(refused, Code::Unavailable, "SHUTTING_DOWN");
                assert!(status.get_details_retry_info().is_some(), "a retry can help: {status:?}");
            }
            stream.finish().await
        };
        let (outcome, ()) = tokio::join!(refused, service.shutdown());
        assert_eq!(outcome.expect("a running update finishes").added_count, 1);
    }

    /// A stream at each stage: silent, with a header, with contacts, and complete, waiting for a list that another client has
    /// locked.
    async fn a_shutdown_ends_in_time_though_streams_of_every_stage_are_open(database: Database) {
        let mut service = Service::start_with(database.clone(), &["--grace-seconds", "1"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let outsider = Outsider::lock_lists(&database).await;
        let silent = admin.open_silent();
        let headed = admin.open(header(&list).add()).await;
        let half = admin.open(header(&list).overwrite()).await;
        half.send_contacts(numbered_contacts(0, 100)).await;
        let (caller, add) = (service.admin(), header(&list).add());
        let waiting = tokio::spawn(async move { caller.update(add, numbered_contacts(100, 100)).await });
        until_admitted(&admin, &list).await;
        if database.is_postgres() {
            until_waiting(&database, 1).await;
        }
        within(8, "the server ends", service.shutdown()).await;
        for stream in [silent, headed, half] {
            stream.finish().await.expect_err("a stream that was cut off");
        }
        waiting.await.unwrap().expect_err("an update that was cut off");
        outsider.release().await;
        service.restart().await;
        let admin = service.admin();
        within(30, "the list is free", admin.update(header(&list).add(), numbered_contacts(0, 10))).await.expect("an update");
        assert_eq!(admin.list(&list).await.contact_count, 10);
        assert_whole(&service, &list).await;
    }

    /// Health, the purge and calls all wait for the database.
    async fn a_shutdown_ends_in_time_though_the_database_is_silent(database: Database) {
        for (n, silent) in [Way::Requests, Way::Answers].into_iter().enumerate() {
            let args = ["--grace-seconds", "1", "--purge-interval-seconds", "1"];
            let Some((mut service, relay)) = behind_a_relay(database.clone(), &args).await else { return };
            let admin = service.admin();
            let list = admin.create_list(&format!("Faults {n}")).await;
            let half = admin.open(header(&list).add()).await;
            half.send_contacts(numbered_contacts(0, 100)).await;
            until_admitted(&admin, &list).await;
            relay.break_on(Way::Requests, Trigger::Text(b"INSERT INTO contact_list_contacts"), Fault::Freeze);
            let (caller, add) = (service.admin(), header(&list).add());
            let waiting = tokio::spawn(async move { caller.update(add, numbered_contacts(100, 100)).await });
            relay.until_broken().await;
            relay.mend();
            relay.halve(silent);
            within(8, "the server ends", service.shutdown()).await;
            half.finish().await.expect_err("a stream that was cut off");
            // With the direction of the requests open, the update may be applied.
            let was_applied = waiting.await.unwrap().is_ok();
            relay.cut();
            assert_nothing_left(&database, 0).await;
            relay.mend();
            service.restart().await;
            assert!(!was_applied || silent == Way::Answers);
            assert_eq!(service.admin().members(&list).await.len() as i32, service.admin().list(&list).await.contact_count);
            assert_eq!(service.admin().list(&list).await.contact_count, if was_applied { 100 } else { 0 });
        }
    }

    async fn a_shutdown_does_not_wait_for_a_purge_that_the_database_leaves_unanswered(database: Database) {
        let args = ["--grace-seconds", "1", "--purge-interval-seconds", "1"];
        let Some((mut service, relay)) = behind_a_relay(database, &args).await else { return };
        // New connections, on which the purge's statement is sent by its text.
        relay.cut();
        relay.mend();
        relay.break_on(Way::Requests, Trigger::Text(b"UPDATE \"contact_list_updates\""), Fault::Freeze);
        within(30, "the purge begins", relay.until_broken()).await;
        within(8, "the server ends", service.shutdown()).await;
    }
}
