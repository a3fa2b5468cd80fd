//! Calls of one message, by their names.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use prost::Message;
use tonic::codegen::http::{HeaderValue, Version};

use contact_lists::proto::{GetContactListRequest, GetContactListResponse};
use test_support::*;

use super::{GET_LIST, JSON, VERSIONS};

on_both! {
    async fn a_call_by_its_name_takes_and_returns_json(service: Service) {
        let list = service.admin().create_list("Newsletter").await;
        for version in VERSIONS {
            let request = service.request("POST", GET_LIST, JSON, json!({"id": list}).to_string());
            let response = service.send_over(version, request).await;
            assert_eq!(response.status, 200);
            assert_eq!(response.header("content-type"), Some(JSON));
            let stored = &response.json()["contactList"];
            assert_eq!(stored["name"], "Newsletter");
            assert_eq!(stored["state"], "STATE_ACTIVE");
            // What is 0 is there as well.
            assert_eq!(stored["contactCount"], 0);
        }
    }

    async fn fields_are_taken_in_both_spellings(service: Service) {
        let admin = service.admin();
        for name in ["page_size", "pageSize"] {
            admin.create_list(name).await;
            let path = "/contactlists.v1.ContactListService/ListContactLists";
            let response = service.send_json("POST", path, json!({name: 1})).await;
            assert_eq!(response.json()["contactLists"].as_array().unwrap().len(), 1);
        }
    }

    async fn a_call_takes_and_returns_an_encoded_message(service: Service) {
        let id = service.admin().create_list("Newsletter").await;
        for version in VERSIONS {
            let message = GetContactListRequest { id: id.clone() }.encode_to_vec();
            let request = service.request("POST", GET_LIST, "application/proto", message);
            let response = service.send_over(version, request).await;
            assert_eq!(response.header("content-type"), Some("application/proto"));
            let message = GetContactListResponse::decode(response.body).unwrap();
            assert_eq!(message.contact_list.unwrap().id, id);
        }
    }

    async fn requests_and_responses_are_compressed(service: Service) {
        let admin = service.admin();
        for number in 0..20 {
            admin.create_list(&format!("List {number}")).await;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"{}").unwrap();
        let path = "/contactlists.v1.ContactListService/ListContactLists";
        let mut request = service.request("POST", path, JSON, encoder.finish().unwrap());
        let gzip = HeaderValue::from_static("gzip");
        request.headers_mut().insert("content-encoding", gzip.clone());
        request.headers_mut().insert("accept-encoding", gzip);
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        GzDecoder::new(&*response.body).read_to_string(&mut text).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["contactLists"].as_array().unwrap().len(), 20);
    }

    async fn health_is_checked_without_a_key(service: Service) {
        let mut request = service.request("POST", "/grpc.health.v1.Health/Check", JSON, "{}");
        request.headers_mut().remove("authorization");
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.json()["status"], "SERVING");
    }
}
