//! The line in the log that each call ends with.

use contact_lists::proto::{
    DeleteChannelRequest, DeleteContactListRequest, DeleteContactRequest,
    DeleteCustomObjectRequest, ExportContactListContactsRequest, ListChannelsRequest,
    custom_property::Type,
};
use tonic::Request;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use test_support::*;

/// The milliseconds of a phase.
#[track_caller]
fn milliseconds(call: &serde_json::Value, phase: &str) -> f64 {
    let value = call[format!("{phase}_ms")].as_f64();
    value.unwrap_or_else(|| panic!("no {phase}_ms: {call}"))
}

fn with_metadata<T>(message: T, name: &'static str, value: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = value.parse().expect("a value for a header");
    request.metadata_mut().insert(name, value);
    request
}

on_both! {
    async fn an_update_has_one_line_with_its_ids_and_its_counts_as_numbers(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        let request_id = uuid::Uuid::new_v4().to_string();
        let sent = vec![contact(&number(1)), contact(&number(2)), contact(&number(2)), contact("1")];
        let header = header(&list).add().skip().request_id(&request_id);
        let outcome = admin.update(header, sent).await.expect("an update");
        let call = watched.call("UpdateContactListContacts").await;
        assert_eq!(call["method"], "contactlists.v1.ContactListService/UpdateContactListContacts");
        assert_eq!((&call["status"], &call["level"]), (&json!("OK"), &json!("INFO")));
        assert_eq!(call["organization_id"], watched.organization.id.to_string());
        assert!(call["api_key_id"].is_string(), "{call}");
        assert_eq!(call["contact_list_id"], list);
        assert_eq!(call["action"], "add");
        assert_eq!(call["update_id"], outcome.update_id);
        assert_eq!(call["request_id"], request_id);
        for (count, expected) in [
            ("received", 4), ("created", 2), ("updated", 0), ("unchanged", 0), ("duplicate", 1), ("rejected", 1),
            ("added", 2), ("removed", 0), ("opted_in", 0), ("kept_opt_out", 0),
        ] {
            assert_eq!(call[format!("{count}_count")], expected, "{count}: {call}");
        }
        assert!(call["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{call}");
    }

    async fn the_phases_of_an_update_are_no_longer_than_the_whole(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        admin.update(header(&list).add(), contacts([1, 2])).await.expect("an update");
        let call = watched.call("UpdateContactListContacts").await;
        let phases = ["authenticate", "receive", "fold", "wait", "plan", "write", "commit"];
        let sum: f64 = phases.iter().map(|phase| milliseconds(&call, phase)).sum();
        assert!(sum > 0.0 && sum <= milliseconds(&call, "total") + 0.01, "{call}");
    }

    async fn a_replayed_update_says_so(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        let request_id = uuid::Uuid::new_v4().to_string();
        for _ in 0..2 {
            let header = header(&list).add().request_id(&request_id);
            admin.update(header, contacts([1])).await.expect("an update");
        }
        let calls = watched.calls();
        let replayed: Vec<_> = calls.iter().filter(|call| call["replayed"] == true).collect();
        assert_eq!(replayed.len(), 1, "{calls:?}");
        assert_eq!(replayed[0]["created_count"], 1, "the recorded counts");
    }

    async fn a_page_has_a_line_with_the_count_of_its_items(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let channel = admin.create_channel("+12025550100").await;
        admin.channels.clone().list_channels(ListChannelsRequest::default()).await.expect("a page");
        let call = watched.call("ListChannels").await;
        assert_eq!((&call["status"], &call["returned_count"]), (&json!("OK"), &json!(1)));
        assert_eq!(watched.call("CreateChannel").await["channel_id"], channel);
    }

    async fn an_export_has_a_line_once_it_has_ended(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        admin.update(header(&list).add(), contacts(0..600)).await.expect("an update");
        let request = ExportContactListContactsRequest { contact_list_id: list.clone(), ..Default::default() };
        let stream = admin.lists.clone().export_contact_list_contacts(request).await.expect("an export");
        let mut stream = stream.into_inner();
        while stream.message().await.expect("a message").is_some() {}
        let call = watched.call("ExportContactListContacts").await;
        assert_eq!((&call["status"], &call["returned_count"]), (&json!("OK"), &json!(600)));
        assert_eq!(call["contact_list_id"], list);
        assert!(milliseconds(&call, "read") > 0.0 && milliseconds(&call, "send") > 0.0, "{call}");
    }

    async fn a_deletion_has_a_line_with_the_id_that_it_named(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        let object = admin.create_object("order", vec![property("note", Type::Text)]).await;
        let channel = admin.create_channel("+12025550100").await;
        admin.update(header(&list).add().no_opt_ins(), contacts([1])).await.expect("an update");
        let contact = admin.contact(&number(1)).await.contact.expect("the contact").id;
        let request = DeleteContactRequest { id: contact.clone() };
        admin.contacts.clone().delete_contact(request).await.expect("an erasure");
        let request = DeleteContactListRequest { id: list.clone() };
        admin.lists.clone().delete_contact_list(request).await.expect("a deletion");
        let request = DeleteChannelRequest { id: channel.clone() };
        admin.channels.clone().delete_channel(request).await.expect("a deletion");
        let request = DeleteCustomObjectRequest { id: object.clone() };
        admin.objects.clone().delete_custom_object(request).await.expect("a deletion");
        for (method, field, id) in [
            ("DeleteContact", "contact_id", contact),
            ("DeleteContactList", "contact_list_id", list),
            ("DeleteChannel", "channel_id", channel),
            ("DeleteCustomObject", "custom_object_id", object),
        ] {
            let call = watched.call(&format!("/{method}")).await;
            assert_eq!((&call[field], &call["level"]), (&json!(id), &json!("INFO")), "{call}");
        }
    }

    async fn a_call_whose_client_leaves_is_cancelled_in_the_phase_that_it_was_in(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        let stream = admin.open(header(&list).add()).await;
        stream.send_contacts(contacts([1, 2])).await;
        let metrics = watched.program.admin_address();
        until("the call runs", async || {
            let (_, scraped) = http_get(metrics, "/metrics").await;
            metric(&scraped, "contact_lists_running_calls") == Some(1.0)
        })
        .await;
        drop(stream);
        let call = watched.call("UpdateContactListContacts").await;
        assert_eq!(call["status"], "CANCELLED");
    }

    async fn an_x_request_id_is_kept_if_it_is_short_and_printable(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let mut channels = watched.admin().channels;
        let long = "a".repeat(129);
        for id in ["order 17/é", "a\tb", &long, "order 17/b"] {
            let bytes = tonic::metadata::MetadataValue::try_from(id.as_bytes()).expect("a value");
            let mut request = Request::new(ListChannelsRequest::default());
            request.metadata_mut().insert("x-request-id", bytes);
            channels.list_channels(request).await.expect("a page");
        }
        let calls = watched.calls();
        let ids: Vec<_> = calls.iter().filter_map(|call| call["x_request_id"].as_str()).collect();
        assert_eq!(ids, ["order 17/b"]);
    }

    async fn the_trace_of_the_caller_is_in_the_line(database: Database) {
        let watched = Watched::start(&database, &[]).await;
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = with_metadata(ListChannelsRequest::default(), "traceparent", parent);
        watched.admin().channels.list_channels(request).await.expect("a page");
        let call = watched.call("ListChannels").await;
        assert_eq!(call["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    async fn a_line_for_people_has_names_and_numbers(database: Database) {
        let watched = Watched::start(&database, &["--log-format", "human"]).await;
        let admin = watched.admin();
        let list = admin.create_list("Customers").await;
        admin.update(header(&list).add(), contacts([1, 2])).await.expect("an update");
        let log = watched.log();
        let line = log.lines().find(|line| line.contains("UpdateContactListContacts")).expect("a line");
        for part in [" INFO ", "call.ended", "status=\"OK\"", "created_count=2", &format!("contact_list_id={list}")] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    async fn health_has_a_line_at_debug_alone(database: Database) {
        for (level, expected) in [("info", 0), ("contact_lists=debug", 1)] {
            let watched = Watched::start(&database, &["--log", level]).await;
            let mut health = HealthClient::new(watched.program.channel());
            health.check(HealthCheckRequest::default()).await.expect("health");
            // Its line would come before this one's.
            watched.admin().channels.list_channels(ListChannelsRequest::default()).await.expect("a page");
            watched.call("ListChannels").await;
            let calls = watched.calls();
            let checks = calls.iter().filter(|call| call["method"] == "grpc.health.v1.Health/Check");
            assert_eq!(checks.count(), expected, "{level}: {calls:?}");
        }
    }
}
