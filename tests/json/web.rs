//! gRPC-Web, and pages of other origins.

use contact_lists::proto::{GetContactListRequest, GetContactListResponse};
use prost::Message;
use tonic::codegen::http::{HeaderValue, Version};

use test_support::*;

use super::{GET_LIST, JSON, VERSIONS};

const ORIGIN: &str = "https://app.example";

on_both! {
    async fn a_call_by_grpc_web_returns_its_message_and_its_status(service: Service) {
        let id = service.admin().create_list("Web").await;
        let body = framed(&GetContactListRequest { id: id.clone() });
        for version in VERSIONS {
            let request = service.request("POST", GET_LIST, "application/grpc-web+proto", body.clone());
            let response = service.send_over(version, request).await;
            assert_eq!(response.header("content-type"), Some("application/grpc-web+proto"));
            let length = u32::from_be_bytes(response.body[1..5].try_into().unwrap()) as usize;
            let (message, end) = response.body[5..].split_at(length);
            let message = GetContactListResponse::decode(message).unwrap();
            assert_eq!(message.contact_list.unwrap().id, id);
            // The flag of trailers.
            assert_eq!(end[0], 0x80);
            assert!(String::from_utf8_lossy(end).contains("grpc-status:0"));
        }
    }

    async fn pages_of_an_origin_that_is_named_may_make_calls(database: Database) {
        let service = Service::start_with(database, &["--cors-origin", ORIGIN]).await;
        let list = service.admin().create_list("Web").await;
        let mut asked = service.request("OPTIONS", GET_LIST, "", "");
        let headers = asked.headers_mut();
        headers.remove("authorization");
        headers.insert("origin", HeaderValue::from_static(ORIGIN));
        headers.insert("access-control-request-method", HeaderValue::from_static("POST"));
        headers.insert("access-control-request-headers", HeaderValue::from_static("authorization"));
        let allowed = service.send_over(Version::HTTP_11, asked).await;
        assert_eq!(allowed.status, 200);
        assert_eq!(allowed.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization"));

        let mut request = service.request("POST", GET_LIST, JSON, json!({"id": list}).to_string());
        request.headers_mut().insert("origin", HeaderValue::from_static(ORIGIN));
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(response.header("access-control-expose-headers").unwrap().contains("grpc-status"));
    }

    async fn pages_of_other_origins_may_not(database: Database) {
        let service = Service::start_with(database, &["--cors-origin", ORIGIN]).await;
        let mut request = service.request("POST", GET_LIST, JSON, "{}");
        request.headers_mut().insert("origin", HeaderValue::from_static("https://other.example"));
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.header("access-control-allow-origin"), None);
    }

    async fn no_origin_may_unless_it_is_named(service: Service) {
        let mut request = service.request("POST", GET_LIST, JSON, "{}");
        request.headers_mut().insert("origin", HeaderValue::from_static(ORIGIN));
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.header("access-control-allow-origin"), None);
    }
}
