//! Words that all faults share.

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

use crate::support::*;

/// The statement that records an update: the commit after it is the update's, and not the purge's.
pub const RECORD: &[u8] = b"INSERT INTO \"contact_list_updates\"";

/// How often a test does what a variable of the environment can make it do more often.
pub fn repetitions(variable: &str, short: u32) -> u32 {
    match std::env::var(variable) {
        Ok(count) => count.parse().expect("a number of repetitions"),
        Err(_) => short,
    }
}

/// Contacts with consecutive numbers.
pub fn people(first: u32, count: u32) -> Vec<Contact> {
    (first..first + count)
        .map(|n| contact(&number(n)))
        .collect()
}

/// A new request_id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Fails a test that something holds up for ever.
pub async fn within<T>(seconds: u64, what: &str, work: impl Future<Output = T>) -> T {
    match timeout(Duration::from_secs(seconds), work).await {
        Ok(done) => done,
        Err(_) => panic!("not within {seconds} s: {what}"),
    }
}

/// Checks that a list's count and its members agree, and that nothing is stored that no update brought.
pub async fn assert_whole(service: &Service, list: &str) {
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

/// What health says; none: it does not answer.
pub async fn health(service: &Service) -> Option<ServingStatus> {
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address()));
    let mut client = HealthClient::new(endpoint.expect("an address").connect_lazy());
    let answer = client.check(HealthCheckRequest::default()).await;
    answer.ok().map(|answer| answer.into_inner().status())
}

/// Waits until health says so. That it does within the bound of `until` is part of the promise.
pub async fn until_serving(service: &Service, expected: ServingStatus) {
    until("health says so", async || {
        health(service).await == Some(expected)
    })
    .await;
}

/// A service behind a relay; None on SQLite, which no line leads to.
pub async fn behind_a_relay(database: Database, args: &[&str]) -> Option<(Service, Relay)> {
    let relay = Relay::start(&database).await?;
    Some((Service::start_behind(database, &relay, args).await, relay))
}

/// Asks for the channels: a call that reads.
pub async fn read(caller: &Client) -> Result<(), Status> {
    let request = ListChannelsRequest::default();
    let answer = caller.channels.clone().list_channels(request).await;
    answer.map(|_| ())
}

/// Waits until a call succeeds.
pub async fn until_serving_calls(caller: &Client) {
    until("calls are answered", async || read(caller).await.is_ok()).await;
}

/// Calls that were sent later over the same connection have been answered: the stream is running.
pub async fn until_admitted(caller: &Client, list: &str) {
    for _ in 0..5 {
        caller.list(list).await;
    }
}

/// Waits until new calls are refused, over the connection that is there, and gives back the refusal.
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
