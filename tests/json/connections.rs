//! Connections of HTTP/1.1: their limits, and how they end.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use tonic::codegen::http::Version;

use test_support::*;

use super::{LINES, UPDATE, begin_put};

/// Reads until the service closes a connection.
async fn rest_of(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // An abrupt end is an end as well.
    let _ = connection.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads the head of a response, and its body of a known length.
async fn response(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            if body.len() >= length {
                return text.into_owned();
            }
        }
        let mut part = [0; 4096];
        let read = connection.read(&mut part).await.expect("a response");
        assert_ne!(read, 0, "the response is cut");
        bytes.extend(&part[..read]);
    }
}

async fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(service.address())
        .await
        .expect("a connection")
}

const HEALTH: &str = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

on_both! {
    async fn a_connection_makes_one_call_after_another(service: Service) {
        let mut connection = connect(&service).await;
        for _ in 0..3 {
            connection.write_all(HEALTH.as_bytes()).await.unwrap();
            assert!(response(&mut connection).await.contains("SERVING"));
        }
    }

    async fn a_connection_without_a_call_is_closed(database: Database) {
        let service = Service::start_with(database, &["--connection-idle-seconds", "1"]).await;
        for beginning in ["", "P", "GET / HT", "POST /x HTTP/1.1\r\nhost: a\r\n", HEALTH] {
            let mut connection = connect(&service).await;
            connection.write_all(beginning.as_bytes()).await.unwrap();
            rest_of(&mut connection).await;
        }
    }

    async fn an_old_connection_is_closed_once_its_call_has_ended(database: Database) {
        let service = Service::start_with(database, &["--max-connection-age-seconds", "1"]).await;
        let list = service.admin().create_list("Old").await;
        let body = json!({"action": "add", "contacts": [{"phone": number(1)}]}).to_string();
        let mut connection = begin_put(&service, &list, body.len()).await;
        // Another connection of the same age has none, and is closed.
        let mut other = connect(&service).await;
        other.write_all(HEALTH.as_bytes()).await.unwrap();
        rest_of(&mut other).await;
        connection.write_all(body.as_bytes()).await.unwrap();
        assert!(rest_of(&mut connection).await.contains("\"addedCount\":1"));
    }

    async fn a_call_that_brings_nothing_ends(database: Database) {
        let service = Service::start_with(database, &["--stream-idle-seconds", "1"]).await;
        let mut connection = connect(&service).await;
        let head = service.head("POST", UPDATE);
        connection.write_all(format!("{head}content-length: 10\r\n\r\n{{").as_bytes()).await.unwrap();
        assert!(response(&mut connection).await.contains("STREAM_IDLE"));
    }

    async fn a_server_that_stops_ends_running_calls_well(mut service: Service) {
        let list = service.admin().create_list("Last").await;
        let body = json!({"action": "add", "contacts": [{"phone": number(1)}]}).to_string();
        let mut connection = begin_put(&service, &list, body.len()).await;
        service.signal();
        connection.write_all(body.as_bytes()).await.unwrap();
        assert!(rest_of(&mut connection).await.contains("\"addedCount\":1"));
        timeout(Duration::from_secs(30), service.shutdown()).await.unwrap();
    }

    /// Far more than the connection keeps on its way.
    async fn a_client_that_is_still_sending_is_told_why_its_call_has_ended(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "10"]).await;
        let list = service.admin().create_list("Long").await;
        let header = json!({"header": {"contact_list_id": list, "action": "ACTION_ADD"}});
        let contacts = json!({"contacts": [{"phone": number(1)}]});
        let lines = format!("{header}\n{}", format!("{contacts}\n").repeat(500_000));
        let request = service.request("POST", UPDATE, LINES, lines);
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.reason(), "CONTACT_LIMIT_EXCEEDED");
    }
}
