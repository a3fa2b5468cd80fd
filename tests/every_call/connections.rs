//! Connections: how many there may be, how long they may stay idle, and how old they may become.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use contact_lists::proto::{GetContactListRequest, ListChannelsRequest};
use test_support::*;
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;

/// One second instead of minutes.
const IMPATIENT: [&str; 2] = ["--connection-idle-seconds", "1"];

/// One second instead of half an hour.
const SHORT_LIVED: [&str; 2] = ["--max-connection-age-seconds", "1"];

/// Waits until the service closes a connection.
async fn closed(connection: &mut TcpStream) {
    let mut bytes = Vec::new();
    // An abrupt end is an end as well.
    let _ = connection.read_to_end(&mut bytes).await;
}

async fn is_served(caller: &Client) -> bool {
    let request = ListChannelsRequest::default();
    caller.channels.clone().list_channels(request).await.is_ok()
}

on_both! {
    async fn a_connection_that_sends_nothing_is_closed(database: Database) {
        let service = Service::start_with(database, &IMPATIENT).await;
        let mut silent = TcpStream::connect(service.address()).await.unwrap();
        closed(&mut silent).await;
        assert!(is_served(&service.admin()).await);
    }

    async fn a_connection_that_begins_and_goes_no_further_is_closed(database: Database) {
        let service = Service::start_with(database, &IMPATIENT).await;
        let mut slow = TcpStream::connect(service.address()).await.unwrap();
        slow.write_all(&PREFACE[..PREFACE.len() - 1]).await.unwrap();
        closed(&mut slow).await;
    }

    async fn a_client_without_a_call_is_asked_to_leave(database: Database) {
        let service = Service::start_with(database, &IMPATIENT).await;
        let mut idle = service.connect_by_hand(0).await;
        let farewell = idle.until(kind::GOAWAY).await.expect("a farewell");
        let (_last_stream, error) = farewell.payload.split_at(4);
        assert_eq!(error, [0; 4]);
    }

    async fn an_open_call_keeps_its_connection(database: Database) {
        let service = Service::start_with(database, &IMPATIENT).await;
        let mut idle = service.connect_by_hand(0).await;
        let admin = service.admin();
        let stream = admin.open(header(&admin.create_list("Open").await).add()).await;
        // Longer than a connection may go without a call.
        idle.until(kind::GOAWAY).await.expect("a farewell");
        stream.send_contacts(vec![contact(&number(1))]).await;
        assert_eq!(stream.finish().await.unwrap().created_count, 1);
    }

    async fn an_old_connection_is_asked_to_leave_once_its_calls_have_ended(database: Database) {
        let service = Service::start_with(database, &SHORT_LIVED).await;
        let list = service.admin().create_list("Old").await;
        let key = service.key(Scope::Write).await;
        let mut old = service.connect_by_hand(65_535).await;
        let update = "/contactlists.v1.ContactListService/UpdateContactListContacts";
        old.begin(1, update, &key).await.unwrap();
        let messages = messages(header(&list).add(), vec![contact(&number(1))]);
        old.send(1, &messages[0], false).await.unwrap();
        old.until(kind::GOAWAY).await.expect("a farewell");
        let ping = old.until(kind::PING).await.expect("a question");

        // The client may have sent this call before it heard of the farewell.
        old.begin(3, "/contactlists.v1.ContactListService/GetContactList", &key).await.unwrap();
        old.send(3, &GetContactListRequest { id: list.clone() }, true).await.unwrap();
        let served = old.until(kind::DATA).await.expect("a response");
        assert_eq!(served.stream, 3);

        old.write(&frame(kind::PING, 1, 0, &ping.payload)).await.unwrap();
        let farewell = old.until(kind::GOAWAY).await.expect("a farewell with the last call");
        assert_eq!(farewell.payload, [[0, 0, 0, 3], [0; 4]].concat());
        old.write(&frame(kind::DATA, 1, 1, &[])).await.unwrap();
        let response = old.until(kind::DATA).await.expect("the end of the upload");
        assert_eq!(response.stream, 1);
        while old.next().await.is_some() {}
        assert_eq!(service.admin().list(&list).await.contact_count, 1);
    }

    async fn a_watcher_of_health_does_not_keep_an_old_connection(database: Database) {
        let service = Service::start_with(database, &SHORT_LIVED).await;
        let mut watching = service.connect_by_hand(65_535).await;
        watching.begin(1, "/grpc.health.v1.Health/Watch", "none").await.unwrap();
        watching.send(1, &HealthCheckRequest::default(), true).await.unwrap();
        watching.until(kind::GOAWAY).await.expect("a farewell");
        while watching.next().await.is_some() {}
    }

    async fn a_connection_without_an_age_limit_is_kept(database: Database) {
        let args = ["--max-connection-age-seconds", "0", "--connection-idle-seconds", "2"];
        let service = Service::start_with(database, &args).await;
        let before = Instant::now();
        let mut idle = service.connect_by_hand(0).await;
        idle.until(kind::GOAWAY).await.expect("a farewell");
        assert!(before.elapsed() >= Duration::from_secs(2), "it was idle, not old");
    }

    async fn a_connection_beyond_the_limit_is_closed_until_another_ends(database: Database) {
        let service = Service::start_with(database, &["--max-client-connections", "2"]).await;
        let admin = service.admin();
        assert!(is_served(&admin).await);
        let second = service.connect_by_hand(0).await;
        let mut third = TcpStream::connect(service.address()).await.unwrap();
        closed(&mut third).await;
        assert!(is_served(&admin).await);
        drop(second);
        let fourth = service.admin();
        until("there is room again", async || is_served(&fourth).await).await;
    }

    async fn a_caller_from_loopback_may_have_all_connections(database: Database) {
        let service = Service::start_with(database, &["--max-client-connections-per-address", "1"]).await;
        let (one, other) = (service.admin(), service.admin());
        assert!(is_served(&one).await);
        assert!(is_served(&other).await);
    }

    async fn a_response_that_is_not_read_keeps_the_place_of_its_call_until_its_stream_is_reset(
        database: Database,
    ) {
        let args = ["--stream-idle-seconds", "1", "--max-calls-per-key", "2"];
        let service = Service::start_with(database, &args).await;
        let list = service.admin().create_list("Unread").await;
        let key = service.key(Scope::Read).await;
        let reader = service.client(&key);
        let mut deaf = service.connect_by_hand(0).await;
        for stream in [1, 3] {
            deaf.begin(stream, "/contactlists.v1.ContactListService/GetContactList", &key).await.unwrap();
            deaf.send(stream, &GetContactListRequest { id: list.clone() }, true).await.unwrap();
            deaf.until(kind::HEADERS).await.expect("the beginning of a response");
        }
        let list_channels = async || -> Result<(), Status> {
            reader.channels.clone().list_channels(ListChannelsRequest::default()).await.map(|_| ())
        };
        assert_refused(list_channels().await, Code::ResourceExhausted, "TOO_MANY_CALLS");
        until("the places are free", async || list_channels().await.is_ok()).await;
        for _ in 0..2 {
            let reset = deaf.until(kind::RST_STREAM).await.expect("a reset");
            // ENHANCE_YOUR_CALM, which clients report as RESOURCE_EXHAUSTED.
            assert_eq!(reset.payload, 11_u32.to_be_bytes());
        }
    }
}
