//! Errors of calls that are not in gRPC: a status of HTTP, and the error with its details in JSON.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::codegen::http::{HeaderValue, Version};

use test_support::*;

use super::{GET_LIST, JSON, LINES, UPDATE, VERSIONS, begin_put};

const NO_LIST: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

on_both! {
    async fn an_error_has_its_code_and_its_details(service: Service) {
        for version in VERSIONS {
            let body = json!({"id": NO_LIST}).to_string();
            let request = service.request("POST", GET_LIST, JSON, body);
            let response = service.send_over(version, request).await;
            assert_eq!(response.status, 404);
            let error = response.json();
            assert_eq!(error["code"], "not_found");
            assert_eq!(error["message"], format!("contact_list {NO_LIST} not found"));
            assert_eq!(response.reason(), "RESOURCE_NOT_FOUND");
            let resource = &error["details"][1];
            assert_eq!(resource["type"], "google.rpc.ResourceInfo");
            assert_eq!(resource["debug"]["resourceName"], NO_LIST);
        }
    }

    async fn a_call_needs_a_key(service: Service) {
        for path in [GET_LIST, "/v1/contact_lists", "/favicon.ico"] {
            let mut request = service.request("POST", path, JSON, "{}");
            request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer x"));
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.status, 401, "{path}");
            assert_eq!(response.reason(), "API_KEY_INVALID");
        }
    }

    async fn a_call_that_the_service_does_not_have_is_not_found(service: Service) {
        for (method, path) in [
            ("POST", "/contactlists.v1.ContactListService/Nothing"),
            ("GET", "/v1/nothing"),
            ("DELETE", "/v1/contact_lists"),
            ("GET", GET_LIST),
        ] {
            let request = service.request(method, path, JSON, "{}");
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.status, 404, "{path}");
            assert_eq!(response.reason(), "CALL_UNKNOWN");
        }
    }

    async fn json_that_is_not_what_the_call_takes_is_refused_with_its_place(service: Service) {
        for (path, content_type, body, problem) in [
            (GET_LIST, JSON, r#"{"idd": "1"}"#, "unrecognized field name 'idd' at line 1 column 6"),
            (GET_LIST, JSON, r#"{"id": 1}"#, "invalid type: integer `1`, expected a string"),
            (GET_LIST, JSON, r#"{"id": "1"} {}"#, "there is more after the JSON value"),
            (GET_LIST, JSON, r#"{"id": "1""#, "the JSON ends before it is complete"),
            (GET_LIST, JSON, "[]", "a JSON object was expected"),
            (GET_LIST, "text/plain", "{}", "the content type \"text/plain\" is not supported"),
            (GET_LIST, "application/grpc", "", "\"application/grpc\" is not supported"),
            (UPDATE, LINES, "{}\n{\"contact\": []}", "message 1: unrecognized field name 'contact'"),
            (UPDATE, JSON, r#"{"contacts": [{}, {"phon": "1"}]}"#, "contacts[1]: unrecognized field name 'phon'"),
            (UPDATE, JSON, r#"{"contacts": [], "contacts": []}"#, "contacts is given twice"),
        ] {
            let request = service.request("POST", path, content_type, body);
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.status, 400, "{body}");
            assert_eq!(response.reason(), "MESSAGE_MALFORMED");
            let message = response.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(problem), "{message}");
        }
    }

    async fn a_compression_that_is_not_supported_is_refused(service: Service) {
        let mut request = service.request("POST", GET_LIST, JSON, "{}");
        request.headers_mut().insert("content-encoding", HeaderValue::from_static("br"));
        let response = service.send_over(Version::HTTP_11, request).await;
        assert_eq!(response.reason(), "COMPRESSION_UNSUPPORTED");
    }

    async fn an_error_that_passes_says_when_to_try_again(database: Database) {
        let service = Service::start_with(database, &["--max-calls", "1"]).await;
        let list = service.admin().create_list("Open").await;
        let open = begin_put(&service, &list, 10).await;
        let response = service.get("/v1/contact_lists").await;
        assert_eq!((response.status, response.header("retry-after")), (429, Some("1")));
        assert_eq!(response.reason(), "TOO_MANY_CALLS");
        drop(open);
    }

    async fn a_deadline_ends_the_call(service: Service) {
        let connection = TcpStream::connect(service.address()).await;
        let mut connection = connection.expect("a connection");
        let head = service.head("POST", UPDATE);
        let head = format!("{head}connect-timeout-ms: 10\r\ncontent-length: 10\r\n\r\n");
        connection.write_all(head.as_bytes()).await.expect("a sent head");
        let mut response = String::new();
        connection.read_to_string(&mut response).await.expect("a response");
        assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
        assert!(response.contains("DEADLINE_EXCEEDED"), "{response}");
    }
}
