//! Which custom object properties belong to, and what a new record gets.

use contact_lists::proto::{Contact, custom_property::Type};

use super::*;

/// The first contact with these properties.
fn with(properties: serde_json::Value) -> Contact {
    contact(&number(1)).properties(properties)
}

/// The first contact's records, by their custom objects' ids.
async fn records(caller: &Client) -> Vec<(String, serde_json::Value)> {
    let records = caller.contact(&number(1)).await.custom_object_records;
    let of = |properties: Option<_>| properties.as_ref().map_or(json!({}), json_of);
    records
        .into_iter()
        .map(|record| (record.custom_object_id, of(record.properties)))
        .collect()
}

/// An object with one optional text, "plan".
async fn plan_object(caller: &Client, key: &str) -> String {
    caller
        .create_object(key, vec![property("plan", Type::Text)])
        .await
}

on_both! {
    async fn the_default_custom_object_need_not_be_named(service: Service) {
        let (admin, list) = with_list(&service).await;
        let id = plan_object(&admin, "customer").await;
        add(&admin, &list, vec![with(json!({"plan": "a"}))]).await;
        assert_eq!(records(&admin).await, [(id.clone(), json!({"plan": "a"}))]);
        // A second object changes nothing for callers that name none.
        plan_object(&admin, "employee").await;
        add(&admin, &list, vec![with(json!({"plan": "b"}))]).await;
        assert_eq!(records(&admin).await, [(id, json!({"plan": "b"}))]);
    }

    async fn properties_without_any_custom_object_fail_the_call(service: Service) {
        let (admin, list) = with_list(&service).await;
        for header in [
            header(&list).add(),
            header(&list).add().skip(),
            header(&list).remove(),
        ] {
            let given = vec![contact(&number(2)), with(json!({"plan": "a"}))];
            let refused = admin.update(header, given).await;
            assert_refused(refused, Code::InvalidArgument, "CUSTOM_OBJECT_REQUIRED");
        }
        assert!(!is_stored(&admin, &number(2)).await);
    }

    async fn properties_belong_to_the_custom_object_that_the_header_names_by_id_or_key(service: Service) {
        let (admin, list) = with_list(&service).await;
        let customer = plan_object(&admin, "customer").await;
        let employee = plan_object(&admin, "employee").await;
        let given = || vec![with(json!({"plan": "a"}))];
        let by_key = header(&list).add().custom_object_key("employee");
        admin.update(by_key, given()).await.unwrap();
        assert_eq!(
            records(&admin).await,
            [(employee.clone(), json!({"plan": "a"}))]
        );
        let by_id = header(&list).add().custom_object(&employee);
        let outcome = admin.update(by_id, given()).await.unwrap();
        assert_counts!(outcomes(&outcome), unchanged: 1);
        let other = header(&list).add().custom_object(&customer);
        let outcome = admin
            .update(other, vec![with(json!({"plan": "b"}))])
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), updated: 1);
        let mut expected = [
            (customer, json!({"plan": "b"})),
            (employee, json!({"plan": "a"})),
        ];
        expected.sort_by(|(one, _), (other, _)| one.cmp(other));
        assert_eq!(records(&admin).await, expected);
    }

    async fn contacts_without_properties_need_no_custom_object(service: Service) {
        let (admin, list) = with_list(&service).await;
        for n in 0..3 {
            let outcome = add(&admin, &list, contacts([10 + n])).await;
            assert_eq!(outcome.created_count, 1);
            plan_object(&admin, &format!("object_{n}")).await;
        }
    }

    async fn empty_properties_count_as_absent(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, vec![with(json!({}))]).await;
        assert_counts!(outcomes(&outcome), created: 1);
        let properties = vec![
            property("plan", Type::Text).required(),
            property("visits", Type::Number).default_value(json!(0)),
        ];
        let id = admin.create_object("customer", properties).await;
        let outcome = add(&admin, &list, vec![with(json!({}))]).await;
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_eq!(records(&admin).await, []);
        let header = header(&list).add().custom_object(&id);
        let outcome = admin.update(header, vec![with(json!({}))]).await.unwrap();
        assert_counts!(outcomes(&outcome), unchanged: 1);
        add(&admin, &list, vec![with(json!({"plan": "a"}))]).await;
        add(&admin, &list, vec![with(json!({}))]).await;
        let expected = json!({"plan": "a", "visits": 0});
        assert_eq!(records(&admin).await, [(id, expected)]);
    }

    async fn an_unknown_custom_object_is_not_found(service: Service) {
        let (admin, list) = with_list(&service).await;
        plan_object(&admin, "customer").await;
        let header = header(&list)
            .add()
            .custom_object(&uuid::Uuid::now_v7().to_string());
        let refused = admin.update(header, vec![with(json!({"plan": "a"}))]).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn a_custom_object_is_not_named_twice(service: Service) {
        let (admin, list) = with_list(&service).await;
        let id = plan_object(&admin, "customer").await;
        let both = header(&list).add().custom_object(&id).custom_object_key("customer");
        let refused = admin.update(both, contacts([1])).await;
        assert_invalid(refused, "header.custom_object_key", "FIELD_INVALID");
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn a_custom_object_key_is_one_that_an_object_of_the_organization_has(service: Service) {
        let (admin, list) = with_list(&service).await;
        plan_object(&admin, "customer").await;
        plan_object(&service.other_admin().await, "employee").await;
        for key in ["employee", "c"] {
            let header = header(&list).add().custom_object_key(key);
            let refused = admin.update(header, vec![with(json!({"plan": "a"}))]).await;
            let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
            assert_eq!(metadata(&status, "resource_type"), "custom_object");
            assert_eq!(metadata(&status, "resource_name"), key);
        }
        for (key, reason) in [("Customer", "FIELD_INVALID"), ("", "FIELD_REQUIRED")] {
            let header = header(&list).add().custom_object_key(key);
            let refused = admin.update(header, contacts([1])).await;
            assert_invalid(refused, "header.custom_object_key", reason);
        }
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn another_organizations_custom_object_is_not_found(service: Service) {
        let (admin, list) = with_list(&service).await;
        plan_object(&admin, "customer").await;
        let foreign = plan_object(&service.other_admin().await, "customer").await;
        let header = header(&list).add().custom_object(&foreign);
        let refused = admin.update(header, vec![with(json!({"plan": "a"}))]).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn another_organizations_custom_objects_do_not_count(service: Service) {
        let (admin, list) = with_list(&service).await;
        plan_object(&service.other_admin().await, "customer").await;
        let given = || vec![with(json!({"plan": "a"}))];
        let refused = admin.update(header(&list).add(), given()).await;
        assert_refused(refused, Code::InvalidArgument, "CUSTOM_OBJECT_REQUIRED");
        plan_object(&admin, "customer").await;
        add(&admin, &list, given()).await;
    }

    async fn a_custom_object_id_is_a_uuid(service: Service) {
        let (admin, list) = with_list(&service).await;
        for id in ["customer", ""] {
            let refused = admin
                .update(header(&list).add().custom_object(id), contacts([1]))
                .await;
            let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
            let fields: Vec<_> = violations(&status)
                .into_iter()
                .map(|(field, _)| field)
                .collect();
            assert_eq!(fields, ["header.custom_object_id"]);
        }
    }

    async fn a_new_record_gets_the_defaults_of_keys_that_are_not_sent(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("plan", Type::Text)
                .required()
                .default_value(json!("free")),
            property("visits", Type::Number).default_value(json!(0)),
            property("tags", Type::List).default_value(json!(["new"])),
            property("vip", Type::Boolean),
        ];
        let id = admin.create_object("customer", properties).await;
        add(&admin, &list, vec![with(json!({"visits": 3}))]).await;
        let expected = json!({"plan": "free", "visits": 3, "tags": ["new"]});
        assert_eq!(records(&admin).await, [(id, expected)]);
    }

    async fn a_default_applies_only_when_the_record_is_created(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("visits", Type::Number).default_value(json!(0)),
            property("vip", Type::Boolean),
        ];
        let id = admin.create_object("customer", properties).await;
        add(&admin, &list, vec![with(json!({"vip": true}))]).await;
        add(&admin, &list, vec![with(json!({"visits": null}))]).await;
        add(&admin, &list, vec![with(json!({"vip": false}))]).await;
        assert_eq!(records(&admin).await, [(id, json!({"vip": false}))]);
    }

    async fn a_record_exists_once_a_contact_sends_a_key_if_only_a_null(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("visits", Type::Number).default_value(json!(0)),
            property("vip", Type::Boolean),
        ];
        let id = admin.create_object("customer", properties).await;
        let outcome = add(&admin, &list, vec![with(json!({"vip": null}))]).await;
        assert_counts!(outcomes(&outcome), created: 1);
        assert_eq!(records(&admin).await, [(id, json!({"visits": 0}))]);
    }

    async fn a_null_for_a_required_key_is_rejected(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("plan", Type::Text)
                .required()
                .default_value(json!("free")),
            property("level", Type::Number).required(),
        ];
        let id = admin.create_object("customer", properties).await;
        // A new record is no exception, even where there is a default.
        let outcome = try_add(&admin, &list, vec![with(json!({"plan": null, "level": 1}))]).await;
        assert_eq!(
            rejections(&outcome),
            [(0, "properties.plan", "PROPERTY_REQUIRED")]
        );
        add(&admin, &list, vec![with(json!({"level": 1}))]).await;
        let outcome = try_add(&admin, &list, vec![with(json!({"level": null}))]).await;
        assert_eq!(
            rejections(&outcome),
            [(0, "properties.level", "PROPERTY_REQUIRED")]
        );
        let expected = json!({"plan": "free", "level": 1});
        assert_eq!(records(&admin).await, [(id, expected)]);
    }

    async fn a_contact_without_its_required_keys_does_not_stop_the_others(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("plan", Type::Text).required(),
            property("vip", Type::Boolean),
        ];
        admin.create_object("customer", properties).await;
        let fine = contact(&number(2)).properties(json!({"plan": "a"}));
        let given = vec![with(json!({"vip": true})), fine];
        let refused = admin.update(header(&list).add(), given.clone()).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let outcome = try_add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), created: 1, rejected: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([2]));
    }
}
