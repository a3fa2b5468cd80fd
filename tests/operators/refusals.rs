//! The lines of calls that are refused or fail.

use contact_lists::proto::{ListChannelsRequest, UpdateContactListRequest};
use serde_json::Value;
use tonic::{Request, client::Grpc};
use tonic_prost::ProstCodec;

use test_support::*;

fn result(call: &Value) -> (&str, &str) {
    let text = |field: &str| call[field].as_str().unwrap_or_default();
    (text("status"), text("reason"))
}

on_both! {
    async fn a_call_without_a_good_key_has_a_line(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        for key in ["", "cl_nonsense"] {
            let mut caller = watched.program.client(key).channels;
            caller.list_channels(ListChannelsRequest::default()).await.expect_err("a refusal");
        }
        let calls = watched.calls();
        let results: Vec<_> = calls.iter().map(result).collect();
        assert_eq!(results, [("UNAUTHENTICATED", "API_KEY_INVALID"); 2], "{calls:?}");
        assert!(calls.iter().all(|call| call["organization_id"].is_null()));
    }

    async fn a_call_beyond_the_scope_of_its_key_has_a_line_with_the_key(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let reader = watched.organization.key_in(&database, Scope::Read).await;
        let request = UpdateContactListRequest::default();
        let mut lists = watched.program.client(&reader).lists;
        lists.update_contact_list(request).await.expect_err("a refusal");
        let call = watched.call("UpdateContactList").await;
        assert_eq!(result(&call), ("PERMISSION_DENIED", "SCOPE_INSUFFICIENT"));
        assert!(call["api_key_id"].is_string(), "{call}");
    }

    async fn a_call_that_the_service_does_not_have_is_logged_without_its_name(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let mut client = Grpc::new(watched.program.channel());
        client.ready().await.expect("a connection");
        let mut request = Request::new(());
        let authorization = format!("Bearer {}", watched.organization.admin_key);
        request.metadata_mut().insert("authorization", authorization.parse().expect("a value"));
        let path = "/contactlists.v1.ContactService/Lovelace".parse().expect("a path");
        let codec = ProstCodec::<(), ()>::default();
        client.unary(request, path, codec).await.expect_err("a refusal");
        let call = watched.call("unknown").await;
        assert_eq!(result(&call), ("UNIMPLEMENTED", "CALL_UNKNOWN"));
        assert!(!watched.log().contains("Lovelace"));
    }

    async fn a_call_with_too_much_metadata_has_a_line(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let mut request = Request::new(ListChannelsRequest::default());
        let value = "a".repeat(17 * 1024).parse().expect("a value for a header");
        request.metadata_mut().insert("large", value);
        watched.admin().channels.list_channels(request).await.expect_err("a refusal");
        let call = watched.call("ListChannels").await;
        assert_eq!(result(&call), ("RESOURCE_EXHAUSTED", "METADATA_TOO_LARGE"));
    }

    async fn an_update_that_is_refused_has_a_line_with_what_arrived_of_it(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        let sent = vec![contact(&number(1)), contact("1")];
        admin.update(header(&list).add(), sent).await.expect_err("a refusal");
        let call = watched.call("UpdateContactListContacts").await;
        assert_eq!(result(&call), ("INVALID_ARGUMENT", "CONTACTS_REJECTED"));
        assert_eq!((&call["received_count"], &call["rejected_count"]), (&json!(2), &json!(1)));
        assert_eq!((&call["contact_list_id"], &call["level"]), (&json!(list), &json!("INFO")));
    }
}

/// On PostgreSQL, the line to which can be cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_a_database_has_a_line_at_warn_with_the_cause() {
    let Some(database) = Database::postgres().await else {
        notice("a_call_without_a_database is skipped: PostgreSQL is not installed");
        return;
    };
    let relay = Relay::start(&database).await.expect("a relay");
    let organization = Organization::create_in(&database).await;
    let watched = Watched::start_at(&relay.database_url(), organization, &[]);
    watched.admin().until_answered().await;
    relay.cut();
    let channels = watched.admin().channels;
    until("the call fails", async || {
        let request = ListChannelsRequest::default();
        channels.clone().list_channels(request).await.is_err()
    })
    .await;
    let calls = watched.calls();
    let failed = calls.iter().find(|call| call["status"] == "UNAVAILABLE");
    let failed = failed.expect("a call that failed");
    assert_eq!(result(failed), ("UNAVAILABLE", "DATABASE_UNAVAILABLE"));
    assert_eq!(failed["level"], "WARN");
    let cause = failed["cause"].as_str().expect("a cause");
    let said = cause.matches("error communicating with database").count();
    assert_eq!(said, 1, "{cause}");
}
