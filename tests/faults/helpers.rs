//! Helpers of several tests.

use std::time::Duration;

use contact_lists::proto::{
    Contact, GetContactListUpdateRequest, ListChannelsRequest,
    get_contact_list_update_request::Reference,
};
use tokio::time::timeout;
use tonic::{Status, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use test_support::*;

/// The statement that records an update. The commit after it is the update's, not the purge's.
pub const RECORD: &[u8] = b"INSERT INTO \"contact_list_updates\"";

/// Contacts with consecutive numbers.
pub fn numbered_contacts(first: u32, count: u32) -> Vec<Contact> {
    (first..first + count)
        .map(|n| contact(&number(n)))
        .collect()
}

/// A new request_id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Waits for some work. Panics if it takes longer.
pub async fn within<T>(seconds: u64, what: &str, work: impl Future<Output = T>) -> T {
    match timeout(Duration::from_secs(seconds), work).await {
        Ok(done) => done,
        Err(_) => panic!("not within {seconds} s: {what}"),
    }
}

/// Checks that a list's count and its members agree, and that nothing is stored that no update brought.
pub async fn assert_whole(service: &Service, list: &str) {
    assert_whole_to(&service.admin(), service, list).await;
}

/// The same for a service that has stopped, asked through another server of its database.
pub async fn assert_whole_to(caller: &Client, service: &Service, list: &str) {
    let members = caller.members(list).await.len();
    assert_eq!(
        usize::try_from(caller.list(list).await.contact_count),
        Ok(members)
    );
    let contacts = service.rows("SELECT count(*) FROM contacts").await;
    assert_eq!(
        usize::try_from(contacts),
        Ok(members),
        "contacts without their membership"
    );
    if !service.database().is_postgres() {
        let sound = "SELECT integrity_check = 'ok' FROM pragma_integrity_check";
        assert_eq!(service.rows(sound).await, 1);
    }
}

/// Whether an update is recorded under this `request_id`.
pub async fn is_recorded(caller: &Client, request_id: &str) -> bool {
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

/// What the health service returns; None if it does not answer.
pub async fn health(service: &Service) -> Option<ServingStatus> {
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address()));
    let mut client = HealthClient::new(endpoint.expect("an address").connect_lazy());
    let answer = client.check(HealthCheckRequest::default()).await;
    answer.ok().map(|answer| answer.into_inner().status())
}

/// Waits until the health service returns this. That it does within the bound of `until` is part of the promise.
pub async fn until_health(service: &Service, expected: ServingStatus) {
    until("health is as expected", async || {
        health(service).await == Some(expected)
    })
    .await;
}

/// A service behind a relay; None on SQLite, which is not reached over a line.
pub async fn behind_a_relay(database: Database, args: &[&str]) -> Option<(Service, Relay)> {
    let relay = Relay::start(&database).await?;
    Some((Service::start_behind(database, &relay, args).await, relay))
}

/// Makes a call that reads.
pub async fn read(caller: &Client) -> Result<(), Status> {
    let request = ListChannelsRequest::default();
    let answer = caller.channels.clone().list_channels(request).await;
    answer.map(|_| ())
}

/// Waits until later calls over the same connection have been answered, so that the stream is running.
pub async fn until_admitted(caller: &Client, list: &str) {
    for _ in 0..5 {
        caller.list(list).await;
    }
}

/// Waits until new calls over the present connection are refused. Returns the refusal.
pub async fn until_refusing(caller: &Client) -> Status {
    let refusal = std::sync::Mutex::new(None);
    until("new calls are refused", async || match read(caller).await {
        Ok(()) => false,
        Err(status) => {
            *refusal.lock().unwrap() = Some(status);
            true
        }
    })
    .await;
    refusal.into_inner().unwrap().unwrap()
}
