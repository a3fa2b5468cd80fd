//! The Connect protocol's streams.

use std::io::Write;

use contact_lists::proto::{
    ExportContactListContactsRequest, ExportContactListContactsResponse,
    UpdateContactListContactsRequest as Request, UpdateContactListContactsResponse,
};
use flate2::{Compression, write::GzEncoder};
use prost::{
    Message,
    bytes::{Buf, BufMut, Bytes},
};
use tonic::codegen::http::{HeaderValue, Version};

use test_support::*;

use super::{EXPORT, UPDATE, VERSIONS};

const CONNECT_JSON: &str = "application/connect+json";
const CONNECT_PROTO: &str = "application/connect+proto";

/// A message of the protocol.
fn envelope(flags: u8, message: &[u8]) -> Vec<u8> {
    let mut envelope = vec![flags];
    envelope.put_u32(message.len() as u32);
    envelope.extend(message);
    envelope
}

/// The messages of a response, and its end.
fn parts(mut body: Bytes) -> (Vec<Bytes>, serde_json::Value) {
    let mut messages = Vec::new();
    loop {
        let (flags, length) = (body.get_u8(), body.get_u32());
        let message = body.split_to(length as usize);
        match flags {
            0 => messages.push(message),
            2 => {
                assert!(body.is_empty(), "the end is the last");
                return (
                    messages,
                    serde_json::from_slice(&message).expect("an end in JSON"),
                );
            }
            _ => panic!("a message with the flags {flags}"),
        }
    }
}

/// The messages of an overwrite of one contact.
fn overwrite(list: &str) -> [serde_json::Value; 3] {
    [
        json!({"header": {"contact_list_id": list, "action": "ACTION_OVERWRITE"}}),
        json!({"contacts": [{"phone": number(1)}]}),
        json!({"footer": {"contact_count": 1}}),
    ]
}

on_both! {
    async fn a_stream_of_json_is_taken_and_its_response_is_a_stream(service: Service) {
        let admin = service.admin();
        for version in VERSIONS {
            let list = admin.create_list(&format!("{version:?}")).await;
            let messages = overwrite(&list).map(|it| envelope(0, it.to_string().as_bytes()));
            let request = service.request("POST", UPDATE, CONNECT_JSON, messages.concat());
            let response = service.send_over(version, request).await;
            assert_eq!(response.header("content-type"), Some(CONNECT_JSON));
            let (messages, end) = parts(response.body);
            assert_eq!(end, json!({}));
            let outcome: serde_json::Value = serde_json::from_slice(&messages[0]).unwrap();
            assert_eq!(outcome["addedCount"], 1);
        }
    }

    async fn a_stream_needs_its_footer_whatever_it_does(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Streams").await;
        for action in ["ACTION_ADD", "ACTION_REMOVE"] {
            let message = json!({"header": {"contact_list_id": list, "action": action}, "contacts": [{"phone": number(1)}]});
            let body = envelope(0, message.to_string().as_bytes());
            let request = service.request("POST", UPDATE, CONNECT_JSON, body);
            let (messages, end) = parts(service.send_over(Version::HTTP_2, request).await.body);
            assert_eq!((messages.len(), &end["error"]["code"]), (0, &json!("invalid_argument")), "{action}");
        }
        let encoded = messages(header(&list).add(), contacts([1])).into_iter().map(|it| Request { footer: None, ..it });
        let body: Vec<u8> = encoded.flat_map(|it| framed(&it)).collect();
        let request = service.request("POST", UPDATE, CONNECT_PROTO, body);
        let (_, end) = parts(service.send_over(Version::HTTP_2, request).await.body);
        assert_eq!(end["error"]["details"][0]["debug"]["reason"], "STREAM_INCOMPLETE", "{end}");
        assert_eq!(admin.list(&list).await.contact_count, 0);
    }

    async fn messages_of_json_can_be_compressed(service: Service) {
        let list = service.admin().create_list("Compressed").await;
        let messages = overwrite(&list).map(|message| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(message.to_string().as_bytes()).unwrap();
            envelope(1, &encoder.finish().unwrap())
        });
        let mut request = service.request("POST", UPDATE, CONNECT_JSON, messages.concat());
        let gzip = HeaderValue::from_static("gzip");
        request.headers_mut().insert("connect-content-encoding", gzip);
        let response = service.send_over(Version::HTTP_2, request).await;
        assert_eq!(parts(response.body).1, json!({}));
    }

    async fn a_stream_of_encoded_messages_is_taken(service: Service) {
        let list = service.admin().create_list("Encoded").await;
        let messages = messages(header(&list).overwrite(), contacts(0..3));
        let body: Vec<u8> = messages.iter().flat_map(framed).collect();
        let request = service.request("POST", UPDATE, CONNECT_PROTO, body);
        let response = service.send_over(Version::HTTP_2, request).await;
        assert_eq!(response.header("content-type"), Some(CONNECT_PROTO));
        let (messages, end) = parts(response.body);
        assert_eq!(end, json!({}));
        let outcome = UpdateContactListContactsResponse::decode(messages[0].clone()).unwrap();
        assert_eq!(outcome.added_count, 3);
    }

    async fn an_export_is_a_stream(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Export").await;
        let sent = messages(header(&list).add(), contacts(0..1200));
        admin.send(sent).await.unwrap();
        let message = ExportContactListContactsRequest {
            contact_list_id: list.clone(),
            ..Default::default()
        };
        let request = service.request("POST", EXPORT, CONNECT_PROTO, framed(&message));
        let (messages, end) = parts(service.send_over(Version::HTTP_11, request).await.body);
        assert_eq!(end, json!({}));
        let members = messages.into_iter().map(|message| {
            let message = ExportContactListContactsResponse::decode(message).unwrap();
            message.contact_list_contacts.len()
        });
        assert_eq!(members.sum::<usize>(), 1200);

        let text = json!({"contactListId": list}).to_string();
        let request = service.request("POST", EXPORT, CONNECT_JSON, envelope(0, text.as_bytes()));
        let (messages, end) = parts(service.send_over(Version::HTTP_2, request).await.body);
        assert_eq!(end, json!({}));
        let members = messages.into_iter().map(|message| {
            let message: serde_json::Value = serde_json::from_slice(&message).unwrap();
            message["contactListContacts"].as_array().unwrap().len()
        });
        assert_eq!(members.sum::<usize>(), 1200);
    }

    async fn an_error_is_at_the_end_of_the_stream(service: Service) {
        for content_type in [CONNECT_JSON, CONNECT_PROTO] {
            let request = service.request("POST", UPDATE, content_type, "");
            let response = service.send_over(Version::HTTP_2, request).await;
            assert_eq!(response.status, 200);
            let (messages, end) = parts(response.body);
            assert_eq!(messages.len(), 0);
            assert_eq!(end["error"]["code"], "invalid_argument");
            assert_eq!(end["error"]["details"][0]["debug"]["reason"], "HEADER_MISSING");
        }
    }

    async fn a_deadline_is_kept_in_milliseconds(service: Service) {
        let list = service.admin().create_list("Late").await;
        for (milliseconds, code) in [("0", Some("deadline_exceeded")), ("4000000000", None), ("-1", None)] {
            let messages = overwrite(&list).map(|it| envelope(0, it.to_string().as_bytes()));
            let mut request = service.request("POST", UPDATE, CONNECT_JSON, messages.concat());
            let timeout = HeaderValue::from_static(milliseconds);
            request.headers_mut().insert("connect-timeout-ms", timeout);
            let response = service.send_over(Version::HTTP_2, request).await;
            assert_eq!(parts(response.body).1["error"]["code"].as_str(), code);
        }
    }
}
