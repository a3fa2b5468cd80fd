//! The console on the port for operators: what is served to whom, and with which calls.

use tonic::codegen::http::{HeaderName, Version};

use test_support::*;

use super::leaks::contract;

const LISTS: &str = "/contactlists.v1.ContactListService/ListContactLists";

async fn start(database: Database) -> Service {
    Service::start_with(database, &["--admin-listen", "127.0.0.1:0"]).await
}

/// Sends a request to the port for operators, with the admin key and these headers.
async fn ask(
    service: &Service,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> HttpResponse {
    let body = if method == "POST" { "{}" } else { "" };
    let mut request = service.request(method, path, "application/json", body);
    let address = service.admin_address();
    let host = address.to_string();
    for (name, value) in [("host", &*host)].iter().chain(headers) {
        let name: HeaderName = name.parse().expect("a name");
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    http_send(address, Version::HTTP_11, request).await
}

async fn status(service: &Service, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    ask(service, method, path, headers).await.status
}

on_both! {
    async fn the_console_is_a_page_with_files_of_its_own(database: Database) {
        let service = start(database).await;
        let page = ask(&service, "GET", "/console", &[]).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let text = String::from_utf8(page.body.to_vec()).expect("text");
        let named = text.split('"').filter(|part| part.starts_with("/console/"));
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), 3, "{named:?}");
        for path in named {
            assert_eq!(status(&service, "GET", path, &[]).await, 200, "{path}");
        }
    }

    async fn nothing_foreign_may_run_in_the_console_or_hold_it(database: Database) {
        let service = start(database).await;
        for (method, path) in [("GET", "/console"), ("GET", "/console/main.js"), ("POST", LISTS)] {
            let response = ask(&service, method, path, &[]).await;
            assert_eq!(response.status, 200);
            let policy = response.header("content-security-policy").expect("a policy");
            for rule in [
                "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
                "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
            ] {
                assert!(policy.split("; ").any(|it| it == rule), "{rule} in {policy}");
            }
            for (name, value) in [
                ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store"),
                ("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert_eq!(response.header(name), Some(value), "{name}");
            }
        }
    }

    async fn a_call_of_the_console_has_what_its_key_may_see(database: Database) {
        let service = start(database).await;
        service.admin().create_list("Ours").await;
        service.other_admin().await.create_list("Theirs").await;
        let response = ask(&service, "POST", LISTS, &[]).await.json();
        let lists = response["contactLists"].as_array().expect("lists");
        assert_eq!(lists.len(), 1);
        assert_eq!(lists[0]["name"], "Ours");
    }

    async fn a_call_without_a_good_key_is_refused(database: Database) {
        let service = start(database).await;
        for key in ["Bearer cl_nonsense", "nonsense"] {
            let refused = ask(&service, "POST", LISTS, &[("authorization", key)]).await;
            assert_eq!((refused.status, refused.reason().as_str()), (401, "API_KEY_INVALID"));
        }
    }

    async fn what_changes_something_cannot_be_called_there(database: Database) {
        let service = start(database).await;
        let list = service.admin().create_list("Kept").await;
        for call in contract() {
            let (_, method) = call.split_once('/').expect("a service and a call");
            let reads = method.starts_with("Get") || method.starts_with("List");
            let status = status(&service, "POST", &format!("/{call}"), &[]).await;
            assert!(status == 405 || reads, "{call}: {status}");
        }
        let path = format!("/v1/contact_lists/{list}");
        for (method, path) in [("DELETE", &*path), ("PUT", &format!("{path}/contacts")), ("OPTIONS", LISTS)] {
            assert_eq!(status(&service, method, path, &[]).await, 405, "{method} {path}");
        }
        assert_eq!(status(&service, "GET", &path, &[]).await, 404);
    }

    async fn a_name_that_is_not_the_servers_is_refused_whatever_address_it_stands_for(database: Database) {
        let service = start(database).await;
        for (method, path) in [("GET", "/console"), ("GET", "/console/main.js"), ("POST", LISTS)] {
            for own in ["localhost:9464", "127.0.0.1", "[::1]:9464", "192.0.2.7:80", "LOCALHOST"] {
                assert_eq!(status(&service, method, path, &[("host", own)]).await, 200, "{own}");
            }
            for foreign in ["rebound.example:9464", "localhost.example", "127.0.0.1.example", "", "a b"] {
                let refused = ask(&service, method, path, &[("host", foreign)]).await;
                assert_eq!(refused.status, 403, "{foreign}");
                assert!(refused.header("content-security-policy").is_some());
            }
        }
        // Prometheus names the server as it likes.
        assert_eq!(status(&service, "GET", "/metrics", &[("host", "scraped.example")]).await, 200);
    }

    async fn a_page_of_another_origin_cannot_make_the_calls_of_the_console(database: Database) {
        let args = ["--admin-listen", "127.0.0.1:0", "--cors-origin", "*"];
        let service = Service::start_with(database, &args).await;
        let host = service.admin_address().to_string();
        let own = format!("http://{host}");
        for headers in [
            vec![("origin", &*own)],
            vec![("origin", &*own), ("sec-fetch-site", "same-origin")],
            vec![],
        ] {
            assert_eq!(status(&service, "POST", LISTS, &headers).await, 200, "{headers:?}");
        }
        for headers in [
            vec![("origin", "https://other.example")],
            vec![("origin", "null")],
            vec![("origin", &*own), ("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(status(&service, "POST", LISTS, &headers).await, 403, "{headers:?}");
        }
    }

    async fn a_console_that_is_turned_off_is_not_there(database: Database) {
        let args = ["--admin-listen", "127.0.0.1:0", "--console", "false"];
        let service = Service::start_with(database, &args).await;
        assert_eq!(status(&service, "GET", "/console", &[]).await, 404);
        assert_eq!(status(&service, "POST", LISTS, &[]).await, 405);
    }

    async fn calls_of_the_console_are_counted_like_others(database: Database) {
        let service = start(database).await;
        ask(&service, "POST", LISTS, &[]).await;
        let (_, scraped) = http_get(service.admin_address(), "/metrics").await;
        let name = "contact_lists_calls_total{method=\"contactlists.v1.ContactListService/ListContactLists\",status=\"OK\",reason=\"\"}";
        assert_eq!(metric(&scraped, name), Some(1.0));
    }
}
