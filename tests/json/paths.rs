//! The paths of `google.api.http`.

use tonic::codegen::http::Version;

use test_support::*;

use super::JSON;

on_both! {
    async fn a_resource_is_made_read_changed_listed_and_deleted_at_its_path(service: Service) {
        let made = service.send_json("POST", "/v1/contact_lists", json!({"name": "News"})).await;
        let id = made.json()["contactList"]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/contact_lists/{id}");
        assert_eq!(service.get(&path).await.json()["contactList"]["name"], "News");

        let change = json!({"name": "Letters", "color": "#00ff00"});
        let changed = service.send_json("PATCH", &format!("{path}?update_mask=name"), change).await;
        assert_eq!(changed.json()["contactList"]["name"], "Letters");
        assert_eq!(changed.json()["contactList"].get("color"), None);

        let listed = service.get("/v1/contact_lists?page_size=1&state=STATE_ACTIVE").await;
        assert_eq!(listed.json()["contactLists"][0]["id"], id);
        let request = service.request("DELETE", &path, "", "");
        let deleted = service.send_over(Version::HTTP_2, request).await;
        assert_eq!(deleted.json()["contactList"]["state"], "STATE_DELETED");
        assert_eq!(service.get("/v1/contact_lists").await.json()["contactLists"], json!([]));
    }

    async fn a_contact_is_found_by_what_the_query_says(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("One").await;
        let contact = contact("+4915123456789").external_id("a/b c");
        admin.send(messages(header(&list).add(), vec![contact])).await.unwrap();
        for query in ["phone=%2B4915123456789", "external_id=a%2Fb+c"] {
            let found = service.get(&format!("/v1/contacts:lookup?{query}")).await.json();
            assert_eq!(found["contact"]["externalId"], "a/b c");
            let id = found["contact"]["id"].as_str().unwrap();
            let by_id = service.get(&format!("/v1/contacts/{id}")).await.json();
            assert_eq!(by_id, found);
        }
        let query = "contact.phone=%2B4915123456789";
        let preferences = service.get(&format!("/v1/communication_preferences?{query}")).await;
        assert_eq!(preferences.json()["communicationPreferences"], json!([]));
    }

    async fn a_parameter_that_the_call_does_not_have_is_refused(service: Service) {
        let list = service.admin().create_list("One").await;
        for (method, path, body, problem) in [
            ("GET", format!("/v1/contact_lists/{list}?title=1"), "", "there is no parameter title"),
            ("GET", format!("/v1/contact_lists/{list}?id=1"), "", "id is given twice"),
            ("GET", "/v1/contact_lists?page_size=x".to_owned(), "", "page_size"),
            ("DELETE", format!("/v1/contact_lists/{list}"), "{}", "this call takes no body"),
        ] {
            let request = service.request(method, &path, JSON, body);
            let response = service.send_over(Version::HTTP_11, request).await;
            assert_eq!((response.status, response.reason().as_str()), (400, "MESSAGE_MALFORMED"));
            let message = response.json()["message"].as_str().unwrap().to_owned();
            assert!(problem == "page_size" || message.contains(problem), "{message}");
        }
    }
}
