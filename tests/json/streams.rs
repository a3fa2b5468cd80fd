//! The main call and the export as streams in JSON.

use prost::bytes::Bytes;
use tonic::codegen::http::Version;

use test_support::*;

use super::{EXPORT, JSON, LINES, UPDATE, VERSIONS};

/// The numbers of a list's members, as the export has them.
async fn exported(service: &Service, list: &str) -> Vec<String> {
    let response = service
        .get(&format!("/v1/contact_lists/{list}/contacts:export"))
        .await;
    assert_eq!(response.header("content-type"), Some(LINES));
    let mut phones: Vec<_> = response
        .lines()
        .iter()
        .flat_map(|line| line["contactListContacts"].as_array().unwrap().clone())
        .map(|member| member["contact"]["phone"].as_str().unwrap().to_owned())
        .collect();
    phones.sort_unstable();
    phones
}

fn header_of(list: &str, action: &str) -> serde_json::Value {
    json!({"contactListId": list, "action": action})
}

/// Contacts in JSON.
fn people(count: u32) -> Vec<serde_json::Value> {
    (0..count).map(|n| json!({"phone": number(n)})).collect()
}

on_both! {
    async fn put_makes_contacts_the_members_of_a_list(service: Service) {
        let list = service.admin().create_list("Put").await;
        let path = format!("/v1/contact_lists/{list}/contacts");
        for (action, count, left) in [("add", 3, 3), ("overwrite", 2, 2), ("remove", 1, 1)] {
            let body = json!({"action": action, "contacts": people(count)});
            let response = service.send_json("PUT", &path, body).await;
            assert_eq!(response.status, 200, "{response:?}");
            let outcome = response.json();
            assert_eq!(outcome["receivedCount"], count);
            assert_eq!(outcome["contactList"]["contactCount"], left);
        }
        assert_eq!(exported(&service, &list).await, [number(1)]);
    }

    async fn people_are_opted_out_by_one_object_at_a_path(service: Service) {
        let path = "/v1/communication_preferences:opt_out_contacts";
        let people = [json!({"phone": number(1)}), json!({"phone": number(2)})];
        let body = json!({"header": {"all_channels": true}, "contacts": people}).to_string();
        for version in VERSIONS {
            let request = service.request("POST", path, JSON, body.clone());
            let response = service.send_over(version, request).await;
            assert_eq!(response.status, 200, "{response:?}");
            assert_eq!(response.json()["receivedCount"], 2);
        }
        let cut = service.request("POST", path, JSON, body[..body.len() - 1].to_owned());
        let response = service.send_over(Version::HTTP_11, cut).await;
        assert_eq!(response.status, 400, "{response:?}");
    }

    async fn lines_of_opt_outs_need_their_footer(service: Service) {
        let path = "/contactlists.v1.CommunicationPreferenceService/OptOutContacts";
        let header = json!({"header": {"all_channels": true}}).to_string();
        let people = json!({"contacts": [{"phone": number(1)}]}).to_string();
        let footer = json!({"footer": {"contact_count": 1}}).to_string();
        let whole = [header.as_str(), &people, &footer].join("\n");
        for (body, status) in [(&whole[..header.len() + people.len() + 1], 400), (&whole[..], 200)] {
            let request = service.request("POST", path, LINES, body.to_owned());
            let response = service.send_over(Version::HTTP_2, request).await;
            assert_eq!(response.status, status, "{response:?}");
            let stored = service.rows("SELECT count(*) FROM opted_out_numbers").await;
            assert_eq!(stored, i64::from(status == 200));
        }
    }

    async fn put_opts_in_to_what_it_names(service: Service) {
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        let channel = admin.create_channel("+12025550101").await;
        let list = admin.create_list("Put").await;
        let path = format!("/v1/contact_lists/{list}/contacts");
        let mut people = people(3).into_iter();
        for (opt_ins, count) in [
            (json!({"opt_in_to": [{"id": channel}]}), "1"),
            (json!({"opt_in_to_all_channels": false}), "0"),
            (json!({}), "2"),
        ] {
            let mut body = json!({"action": "add", "contacts": [people.next()]});
            body.as_object_mut().unwrap().extend(opt_ins.as_object().unwrap().clone());
            let response = service.send_json("PUT", &path, body).await;
            assert_eq!(response.json()["optedInCount"], count);
        }
    }

    async fn put_takes_every_field_of_the_header(service: Service) {
        let list = service.admin().create_list("Put").await;
        let path = format!("/v1/contact_lists/{list}/contacts");
        let body = json!({
            "action": "add", "rejection_policy": "skip", "validate_only": true,
            "contacts": [{"phone": number(1)}, {"phone": "1"}],
        });
        let outcome = service.send_json("PUT", &path, body).await.json();
        assert_eq!((&outcome["createdCount"], &outcome["rejectedCount"]), (&json!(1), &json!(1)));
        assert_eq!(outcome["rejectedContacts"][0]["violations"][0]["reason"], "ERROR_REASON_PHONE_WITHOUT_REGION");
        assert_eq!(outcome["updateId"], "");
    }

    async fn put_takes_the_lists_id_from_its_path_only(service: Service) {
        let list = service.admin().create_list("Put").await;
        let body = json!({"action": "add", "contact_list_id": list, "contacts": people(1)});
        let response = service.send_json("PUT", &format!("/v1/contact_lists/{list}/contacts"), body).await;
        assert_eq!((response.status, response.reason().as_str()), (400, "MESSAGE_MALFORMED"));
    }

    async fn a_stream_is_an_array_an_object_or_lines(service: Service) {
        let admin = service.admin();
        let footer = json!({"footer": {"contactCount": 3}});
        for version in VERSIONS {
            for (content_type, with_footer) in [(JSON, false), (JSON, true), (LINES, true)] {
                let list = admin.create_list(&format!("{version:?} {content_type} {with_footer}")).await;
                let mut parts = vec![json!({"header": header_of(&list, "ACTION_OVERWRITE")})];
                parts.extend(people(3).into_iter().map(|it| json!({"contacts": [it]})));
                parts.extend(with_footer.then(|| footer.clone()));
                let body = match content_type {
                    JSON => json!(parts).to_string(),
                    _ => parts.iter().map(|part| format!("{part}\n")).collect(),
                };
                let request = service.request("POST", UPDATE, content_type, body);
                let response = service.send_over(version, request).await;
                assert_eq!(response.json()["addedCount"], 3, "{response:?}");
                assert_eq!(exported(&service, &list).await.len(), 3);
            }
            let list = admin.create_list(&format!("{version:?} object")).await;
            let header = header_of(&list, "ACTION_OVERWRITE");
            // The footer is found wherever it is.
            let body = json!({"footer": {"contact_count": 3}, "contacts": people(3), "header": header});
            let request = service.request("POST", UPDATE, JSON, body.to_string());
            assert_eq!(service.send_over(version, request).await.json()["addedCount"], 3);
        }
    }

    async fn a_footer_that_differs_is_refused_in_every_form(service: Service) {
        let list = service.admin().create_list("Wrong").await;
        let header = header_of(&list, "ACTION_OVERWRITE");
        let body = json!({"header": header, "contacts": people(3), "footer": {"contact_count": 2}});
        for (content_type, body) in [
            (JSON, body.to_string()),
            (JSON, json!([body]).to_string()),
            (LINES, body.to_string()),
        ] {
            let request = service.request("POST", UPDATE, content_type, body);
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.reason(), "STREAM_INCOMPLETE");
        }
    }

    async fn lines_need_a_footer_whatever_they_do(service: Service) {
        let list = service.admin().create_list("Lines").await;
        for action in ["ACTION_ADD", "ACTION_REMOVE", "ACTION_OVERWRITE"] {
            let body = json!({"header": header_of(&list, action), "contacts": people(3)});
            let request = service.request("POST", UPDATE, LINES, body.to_string());
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!(response.reason(), "STREAM_INCOMPLETE", "{action}");
        }
        assert_eq!(service.admin().list(&list).await.contact_count, 0);
    }

    async fn an_empty_list_of_contacts_empties_a_list_only_if_that_is_allowed(service: Service) {
        let list = service.admin().create_list("Emptied").await;
        let path = format!("/v1/contact_lists/{list}/contacts");
        service.send_json("PUT", &path, json!({"action": "add", "contacts": people(1)})).await;
        let body = |allow_empty| json!({"action": "overwrite", "contacts": [], "allow_empty": allow_empty});
        let refused = service.send_json("PUT", &path, body(false)).await;
        assert_eq!(refused.reason(), "NO_CONTACTS");
        let emptied = service.send_json("PUT", &path, body(true)).await;
        assert_eq!(emptied.json()["removedCount"], 1);
    }

    /// More than one of gRPC's messages has room for.
    async fn a_large_message_is_applied_whole(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "10000"]).await;
        let list = service.admin().create_list("Large").await;
        let body = json!({"action": "overwrite", "contacts": people(10_000)});
        let path = format!("/v1/contact_lists/{list}/contacts");
        let outcome = service.send_json("PUT", &path, body).await.json();
        assert_eq!(outcome["addedCount"], 10_000);
        let phones = exported(&service, &list).await;
        let mut expected: Vec<_> = (0..10_000).map(number).collect();
        expected.sort_unstable();
        assert_eq!(phones, expected);
    }

    async fn the_same_contacts_in_another_form_are_the_same_call(service: Service) {
        let list = service.admin().create_list("Again").await;
        let request_id = "6b1e9f0c-55d1-4d2f-9a3e-0d8c4f2b7a16";
        let mut header = header_of(&list, "ACTION_ADD");
        header["requestId"] = request_id.into();
        let lines = [json!({"header": header}), json!({"contacts": people(2)}), json!({"contacts": people(1), "footer": {"contact_count": 3}})];
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = service.request("POST", UPDATE, LINES, Bytes::from(lines));
        let first = service.send_over(Version::HTTP_2, request).await.json();
        assert_eq!(first["replayed"], false);

        let mut contacts = people(2);
        contacts.extend(people(1));
        let body = json!({"action": "add", "request_id": request_id, "contacts": contacts});
        let path = format!("/v1/contact_lists/{list}/contacts");
        let second = service.send_json("PUT", &path, body).await.json();
        assert_eq!(second["replayed"], true);
        assert_eq!(second["updateId"], first["updateId"]);
    }

    async fn an_export_of_no_list_is_an_error(service: Service) {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let response = service.get(&format!("/v1/contact_lists/{id}/contacts:export")).await;
        assert_eq!((response.status, response.reason().as_str()), (404, "RESOURCE_NOT_FOUND"));
        let by_name = service.send_json("POST", EXPORT, json!({"contact_list_id": id})).await;
        assert_eq!((by_name.status, by_name.reason().as_str()), (404, "RESOURCE_NOT_FOUND"));
    }
}
