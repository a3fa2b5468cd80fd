//! What breaks while a call runs: the database, the caller, the server. An update is there whole, or not at all.

use std::time::Duration;

use contact_lists::proto::{
    Contact, GetContactListUpdateRequest, get_contact_list_update_request::Reference,
};
use tokio::time::timeout;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;

use crate::support::*;

fn people(first: u32, count: u32) -> Vec<Contact> {
    (first..first + count)
        .map(|n| contact(&number(n)))
        .collect()
}

/// Checks that a list's count and its members agree, and that nothing is stored that no update brought.
async fn assert_whole(service: &Service, list: &str) {
    let admin = service.admin();
    let members = admin.members(list).await.len();
    assert_eq!(
        usize::try_from(admin.list(list).await.contact_count),
        Ok(members)
    );
    let contacts = service.rows("SELECT count(*) FROM contacts").await;
    assert_eq!(
        usize::try_from(contacts),
        Ok(members),
        "contacts without their membership"
    );
}

/// Whether an update is recorded under this `request_id`.
async fn is_recorded(caller: &Client, request_id: &str) -> bool {
    let request = GetContactListUpdateRequest {
        reference: Some(Reference::RequestId(request_id.to_owned())),
    };
    match caller.lists.clone().get_contact_list_update(request).await {
        Ok(_) => true,
        refused => {
            assert_refused(refused.map(|_| ()), Code::NotFound, "RESOURCE_NOT_FOUND");
            false
        }
    }
}

/// Waits until health says so. That it does within the bound of `until` is part of the promise.
async fn until_serving(service: &Service, expected: ServingStatus) {
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address()));
    let client = HealthClient::new(endpoint.expect("an address").connect_lazy());
    until("health says so", async || {
        let answer = client.clone().check(HealthCheckRequest::default()).await;
        answer.is_ok_and(|answer| answer.into_inner().status() == expected)
    })
    .await;
}

/// A service behind a relay; None on SQLite, which no line leads to.
async fn behind_a_relay(database: Database) -> Option<(Service, Relay)> {
    let relay = Relay::start(&database).await?;
    Some((Service::start_behind(database, &relay, &[]).await, relay))
}

on_both! {
    async fn without_its_database_the_service_says_so_and_comes_back_with_it(database: Database) {
        let Some((service, relay)) = behind_a_relay(database).await else { return };
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
        let Some((service, relay)) = behind_a_relay(database).await else { return };
        until_serving(&service, ServingStatus::Serving).await;
        relay.freeze();
        until_serving(&service, ServingStatus::NotServing).await;
        relay.mend();
        until_serving(&service, ServingStatus::Serving).await;
        service.admin().create_list("Back").await;
    }

    /// Cuts at another moment of the update each time; the update says itself whether it was applied.
    async fn a_database_cut_in_the_middle_of_an_update_leaves_all_of_it_or_nothing(database: Database) {
        let Some((service, relay)) = behind_a_relay(database).await else { return };
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let mut applied = 0;
        for round in 0..12 {
            let request_id = uuid::Uuid::new_v4().to_string();
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

    async fn calls_that_are_cancelled_at_any_moment_leave_nothing_half_done(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.create_channel("+12025550100").await;
        let mut sent = Vec::new();
        for round in 0..40 {
            let request_id = uuid::Uuid::new_v4().to_string();
            let update = admin.update(header(&list).add().request_id(&request_id), people(round * 100, 100));
            let _ = timeout(Duration::from_millis(u64::from(round) * 3), update).await;
            sent.push(request_id);
        }
        // An update waits for those of the same list before it, so after this one none is running.
        admin.update(header(&list).add(), people(4000, 1)).await.expect("the pool is healthy");
        let mut applied = 1;
        for request_id in &sent {
            applied += if is_recorded(&admin, request_id).await { 100 } else { 0 };
        }
        assert_eq!(admin.members(&list).await.len(), applied);
        assert_whole(&service, &list).await;
        let opted_in = service.rows("SELECT count(*) FROM communication_preferences").await;
        assert_eq!(usize::try_from(opted_in), Ok(applied));
    }

    async fn cancelled_calls_leave_every_connection_of_the_pool_free(database: Database) {
        let service = Service::start_with(database, &["--max-connections", "2"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        for round in 0..30 {
            let updates = (0..4).map(|n| admin.update(header(&list).add(), people(round * 80 + n * 20, 20)));
            let updates = futures_of(updates);
            let _ = timeout(Duration::from_millis(u64::from(round)), updates).await;
        }
        for n in 0..4 {
            admin.update(header(&list).add(), people(5000 + n, 1)).await.expect("the pool is healthy");
        }
        assert_whole(&service, &list).await;
    }

    async fn a_stream_that_breaks_leaves_nothing(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        admin.update(header(&list).add(), people(0, 5)).await.unwrap();
        let before = service.state(&list).await;
        for header in [header(&list).add(), header(&list).remove(), header(&list).overwrite()] {
            let stream = admin.open(header).await;
            stream.send_contacts(people(3, 100)).await;
            stream.send_contacts(people(103, 100)).await;
            drop(stream);
        }
        assert_eq!(service.state(&list).await, before);
        // What the broken streams might still do would be done before this.
        admin.update(header(&list).add(), people(0, 5)).await.unwrap();
        assert_eq!(admin.members(&list).await.len(), 5);
    }

    async fn a_shutdown_ends_within_the_grace_period_though_a_stream_is_open(database: Database) {
        let mut service = Service::start_with(database, &["--grace-seconds", "1"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let mut stream = admin.open(header(&list).add()).await;
        stream.send_contacts(people(0, 100)).await;
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

    async fn a_shutdown_lets_running_updates_finish(database: Database) {
        let mut service = Service::start(database).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let stream = admin.open(header(&list).add()).await;
        stream.send_contacts(people(0, 100)).await;
        until_admitted(&admin, &list).await;
        let finish = async {
            until_refusing(&admin).await;
            stream.send_contacts(people(100, 100)).await;
            stream.finish().await
        };
        let (outcome, ()) = tokio::join!(finish, service.shutdown());
        assert_eq!(outcome.expect("a running update finishes").added_count, 200);
        service.restart().await;
        assert_eq!(service.admin().members(&list).await.len(), 200);
    }

    /// A connection that is told to go may also just end: then the client itself says so, without a reason of the service.
    async fn a_server_that_shuts_down_refuses_new_calls(database: Database) {
        let mut service = Service::start_with(database, &["--grace-seconds", "5"]).await;
        let admin = service.admin();
        let list = admin.create_list("Faults").await;
        let stream = admin.open(header(&list).add()).await;
        stream.send_contacts(people(0, 1)).await;
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
}

/// Waits until a call succeeds.
async fn until_serving_calls(caller: &Client) {
    let request = || contact_lists::proto::ListChannelsRequest::default();
    until("calls are answered", async || {
        caller
            .channels
            .clone()
            .list_channels(request())
            .await
            .is_ok()
    })
    .await;
}

/// A call that was sent later over the same connection has been answered: the stream is running.
async fn until_admitted(caller: &Client, list: &str) {
    for _ in 0..5 {
        caller.list(list).await;
    }
}

/// Waits until new calls are refused, over the connection that is there, and gives back the refusal.
async fn until_refusing(caller: &Client) -> tonic::Status {
    let refusal = std::sync::Mutex::new(None);
    until("new calls are refused", async || {
        let request = contact_lists::proto::ListChannelsRequest::default();
        match caller.channels.clone().list_channels(request).await {
            Ok(_) => false,
            Err(status) => {
                *refusal.lock().unwrap() = Some(status);
                true
            }
        }
    })
    .await;
    refusal.into_inner().unwrap().unwrap()
}

/// Runs all of them at once, in this task, so that dropping this drops them.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
