//! The limits of gRPC hold for all calls: their size, their pace, what they expand to, and how many there are.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use tonic::codegen::http::{HeaderValue, Version};

use test_support::*;

use super::{GET_LIST, JSON, LINES, UPDATE, VERSIONS};

const SMALL: [&str; 2] = ["--max-message-bytes", "1000"];

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

on_both! {
    async fn a_message_over_the_limit_is_refused_in_every_form(database: Database) {
        let service = Service::start_with(database, &SMALL).await;
        let list = service.admin().create_list("Small").await;
        let long = format!(r#"{{"contacts": [{{"name": "{}"}}]}}"#, "x".repeat(1000));
        let put = format!("/v1/contact_lists/{list}/contacts");
        let blank = " ".repeat(2000);
        for version in VERSIONS {
            for (method, path, content_type, body) in [
                ("POST", UPDATE, JSON, long.clone()),
                ("POST", UPDATE, JSON, format!("[{long}]")),
                ("POST", UPDATE, LINES, format!("{{}}\n{long}\n")),
                ("PUT", &put, JSON, long.clone()),
                ("POST", GET_LIST, JSON, format!("{{\"id\": \"{blank}\"}}")),
                ("POST", GET_LIST, "application/proto", blank.clone()),
            ] {
                let request = service.request(method, path, content_type, body);
                let response = service.send_over(version, request).await;
                assert_eq!((response.status, response.reason().as_str()), (429, "MESSAGE_TOO_LARGE"), "{path}");
            }
        }
    }

    async fn a_stream_may_be_longer_than_a_message(database: Database) {
        let service = Service::start_with(database, &SMALL).await;
        let list = service.admin().create_list("Long").await;
        let header = json!({"header": {"contact_list_id": list, "action": "ACTION_ADD"}});
        let people = (0..100).map(|n| json!({"contacts": [{"phone": number(n)}]}));
        let footer = json!({"footer": {"contact_count": 100}});
        let messages: Vec<_> = [header].into_iter().chain(people).chain([footer]).collect();
        let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
        for (content_type, body) in [(JSON, json!(messages).to_string()), (LINES, lines)] {
            let request = service.request("POST", UPDATE, content_type, body);
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.json()["receivedCount"], 100);
        }
    }

    async fn what_is_decompressed_counts(database: Database) {
        let service = Service::start_with(database, &SMALL).await;
        let blanks = vec![b' '; 10_000_000];
        for (path, content_type) in [(UPDATE, JSON), (UPDATE, LINES), (GET_LIST, "application/proto")] {
            // Blanks between values are dropped, those inside of one are not.
            let body = gzip(&[b"{", blanks.as_slice()].concat());
            let mut request = service.request("POST", path, content_type, body);
            request.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.reason(), "MESSAGE_TOO_LARGE", "{path} {content_type}");
        }
    }

    async fn a_message_of_very_many_values_is_refused(service: Service) {
        let many = vec!["{}"; 100_000].join(",");
        let opt_in = "/contactlists.v1.CommunicationPreferenceService/OptIn";
        for (path, body) in [
            (opt_in, format!(r#"{{"contacts": [{many}]}}"#)),
            (UPDATE, format!(r#"{{"contacts": [{{"properties": {{"a": [{many}]}}}}]}}"#)),
            (UPDATE, format!(r#"{{"header": {{"opt_in_to": [{many}]}}}}"#)),
        ] {
            let request = service.request("POST", path, JSON, body);
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.reason(), "MESSAGE_TOO_MANY_VALUES");
        }
    }

    async fn nothing_is_read_of_a_call_without_a_good_key(service: Service) {
        let text = format!("{{{}", " ".repeat(100_000));
        let mut request = service.request("POST", GET_LIST, JSON, text);
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer none"));
        let response = service.send_over(Version::HTTP_2, request).await;
        assert_eq!(response.reason(), "API_KEY_INVALID");
    }

    async fn what_needs_no_key_takes_little(service: Service) {
        let health = "/grpc.health.v1.Health/Check";
        let text = json!({"service": "x".repeat(5000)}).to_string();
        let response = service.send_over(Version::HTTP_11, service.request("POST", health, JSON, text)).await;
        assert_eq!(response.status, 429);
    }
}
