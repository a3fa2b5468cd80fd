//! `AddCustomProperty`.

use super::*;

/// Properties with one bad field each, its path and the reason.
fn bad_properties() -> Vec<(CustomProperty, &'static str, &'static str)> {
    let labelled = |label: &str| CustomProperty {
        label: label.to_owned(),
        ..property("plan", Type::Text)
    };
    vec![
        (property("", Type::Text), "property.key", "FIELD_REQUIRED"),
        (
            property("Plan", Type::Text),
            "property.key",
            "FIELD_INVALID",
        ),
        (
            property("1plan", Type::Text),
            "property.key",
            "FIELD_INVALID",
        ),
        (
            property(&"a".repeat(65), Type::Text),
            "property.key",
            "FIELD_INVALID",
        ),
        (labelled(""), "property.label", "FIELD_REQUIRED"),
        (
            labelled(&"x".repeat(256)),
            "property.label",
            "FIELD_TOO_LONG",
        ),
        (labelled("a\0"), "property.label", "FIELD_HAS_NUL"),
        (
            CustomProperty {
                r#type: 0,
                ..property("plan", Type::Text)
            },
            "property.type",
            "FIELD_REQUIRED",
        ),
        (
            CustomProperty {
                r#type: 99,
                ..property("plan", Type::Text)
            },
            "property.type",
            "FIELD_INVALID",
        ),
        (
            property("plan", Type::Text).default_value(json!(1)),
            "property.default_value",
            "PROPERTY_TYPE_MISMATCH",
        ),
    ]
}

on_both! {
    async fn a_property_is_added_at_the_end(service: Service) {
        let admin = service.admin();
        let id = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        let new = [
            property("a", Type::Date),
            property("tier", Type::Number)
                .required()
                .default_value(json!(3)),
            property("b", Type::List).default_value(json!(["x", 1, true])),
        ];
        for property in new.clone() {
            add(&admin, &id, property).await.unwrap();
        }
        let object = get(&admin, &id).await.unwrap();
        assert_eq!(object.properties[0], property("plan", Type::Text));
        assert_eq!(object.properties[1..], new);
        assert_eq!(list(&admin).await, [object]);
    }

    async fn an_added_property_can_be_used_at_once(service: Service) {
        let admin = service.admin();
        let id = admin.create_object("customer", vec![]).await;
        add(&admin, &id, property("plan", Type::Text))
            .await
            .unwrap();
        store(
            &admin,
            vec![contact(&number(1)).properties(json!({"plan": "free"}))],
        )
        .await;
        assert_eq!(
            record(&admin, &number(1)).await,
            Some(json!({"plan": "free"}))
        );
    }

    async fn records_that_exist_get_the_default_of_a_required_property(service: Service) {
        let admin = service.admin();
        let id = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        one_of_two_with_a_record(&admin).await;
        for (key, kind, value) in [
            ("text", Type::Text, json!("it's \"\u{e4}\" \u{1f600}")),
            ("number", Type::Number, json!(9_007_199_254_740_991_i64)),
            ("float", Type::Float, json!(0.1)),
            ("flag", Type::Boolean, json!(false)),
            ("date", Type::Date, json!("2024-02-29")),
            ("list", Type::List, json!(["a", 1, true])),
            ("map", Type::Map, json!({"a": 1})),
        ] {
            add(
                &admin,
                &id,
                property(key, kind).required().default_value(value.clone()),
            )
            .await
            .unwrap();
            assert_eq!(record(&admin, &number(1)).await.unwrap()[key], value);
        }
        let whole = record(&admin, &number(1)).await.unwrap();
        assert_eq!(
            (whole.as_object().unwrap().len(), &whole["plan"]),
            (8, &json!("free"))
        );
        assert_eq!(record(&admin, &number(2)).await, None);
    }

    async fn records_that_exist_do_not_get_the_default_of_an_optional_property(service: Service) {
        let admin = service.admin();
        let id = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        one_of_two_with_a_record(&admin).await;
        add(
            &admin,
            &id,
            property("tier", Type::Text).default_value(json!("basic")),
        )
        .await
        .unwrap();
        assert_eq!(
            record(&admin, &number(1)).await,
            Some(json!({"plan": "free"}))
        );
        // New ones do.
        store(
            &admin,
            vec![contact(&number(3)).properties(json!({"plan": "gold"}))],
        )
        .await;
        assert_eq!(
            record(&admin, &number(3)).await,
            Some(json!({"plan": "gold", "tier": "basic"}))
        );
    }

    async fn a_required_property_needs_a_default(service: Service) {
        let admin = service.admin();
        let id = admin.create_object("customer", vec![]).await;
        for bad in [
            property("plan", Type::Text).required(),
            property("plan", Type::Text)
                .required()
                .default_value(json!(null)),
        ] {
            assert_invalid(
                add(&admin, &id, bad).await,
                "property.default_value",
                "FIELD_REQUIRED",
            );
        }
        assert_eq!(get(&admin, &id).await.unwrap().properties, []);
    }

    async fn each_bad_field_is_refused_by_its_path(service: Service) {
        let admin = service.admin();
        let id = admin.create_object("customer", vec![]).await;
        for (bad, field, reason) in bad_properties() {
            let case = format!("{bad:?}");
            let status = assert_refused(
                add(&admin, &id, bad).await,
                Code::InvalidArgument,
                "REQUEST_INVALID",
            );
            // The label of a property without a key is empty too.
            assert!(
                violations(&status).contains(&(field.to_owned(), reason.to_owned())),
                "{case}: {status:?}"
            );
        }
        assert_invalid(add(&admin, &id, None).await, "property", "FIELD_REQUIRED");
        assert_eq!(get(&admin, &id).await.unwrap().properties, []);
    }

    async fn no_default_makes_a_record_too_large(service: Service) {
        let admin = service.admin();
        let object = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        let long = json!("x".repeat(40_000));
        let large = contact(&number(1)).properties(json!({"plan": long}));
        store(&admin, vec![contact(&number(2)).properties(json!({"plan": "free"})), large]).await;
        let new = |key| property(key, Type::Text).default_value(long.clone());
        let refused = add(&admin, &object, new("notes").required()).await;
        assert_invalid(refused, "property.default_value", "RECORD_TOO_LARGE");
        assert_eq!(record(&admin, &number(2)).await, Some(json!({"plan": "free"})));
        // Records that exist do not get the default of a property that is not required.
        add(&admin, &object, new("notes")).await.unwrap();
        let refused = add(&admin, &object, new("more")).await;
        assert_invalid(refused, "property.default_value", "RECORD_TOO_LARGE");
        assert_eq!(get(&admin, &object).await.unwrap().properties.len(), 2);
    }

    async fn a_key_is_unique_in_its_object(service: Service) {
        let admin = service.admin();
        let id = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        let other = admin.create_object("other", vec![]).await;
        let refused = add(&admin, &id, property("plan", Type::Number)).await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(metadata(&status, "field"), "key");
        assert_eq!(
            get(&admin, &id).await.unwrap().properties,
            [property("plan", Type::Text)]
        );
        add(&admin, &other, property("plan", Type::Number))
            .await
            .unwrap();
    }

    async fn an_object_has_at_most_200_properties(service: Service) {
        let admin = service.admin();
        let properties = (0..199)
            .map(|n| property(&format!("key_{n}"), Type::Text))
            .collect();
        let id = admin.create_object("customer", properties).await;
        add(&admin, &id, property("last", Type::Text))
            .await
            .unwrap();
        let refused = add(&admin, &id, property("one_more", Type::Text)).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "RESOURCE_LIMIT_REACHED");
        assert_eq!(metadata(&status, "limit"), "200");
        assert_eq!(get(&admin, &id).await.unwrap().properties.len(), 200);
    }

    async fn two_callers_that_add_the_same_key_add_it_once(service: Service) {
        let (one, two) = (service.admin(), service.admin());
        let id = one.create_object("customer", vec![]).await;
        for n in 0..5 {
            let new = || property(&format!("key_{n}"), Type::Text);
            let (first, second) = tokio::join!(add(&one, &id, new()), add(&two, &id, new()));
            let refused = match (first, second) {
                (Ok(_), refused) | (refused, Ok(_)) => refused,
                both => panic!("neither: {both:?}"),
            };
            assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        }
        assert_eq!(get(&one, &id).await.unwrap().properties.len(), 5);
    }

    async fn only_an_admin_of_the_organization_adds_a_property(service: Service) {
        let admin = service.admin();
        let id = admin.create_object("customer", vec![]).await;
        let (writer, other) = (
            service.client_with(Scope::Write).await,
            service.other_admin().await,
        );
        let new = || property("plan", Type::Text);
        for (caller, code, reason) in [
            (writer, Code::PermissionDenied, "SCOPE_INSUFFICIENT"),
            (other, Code::NotFound, "RESOURCE_NOT_FOUND"),
        ] {
            assert_refused(add(&caller, &id, new()).await, code, reason);
        }
        assert_eq!(get(&admin, &id).await.unwrap().properties, []);
    }

    async fn an_object_that_does_not_exist_gets_no_property(service: Service) {
        let admin = service.admin();
        let unknown = uuid::Uuid::now_v7().to_string();
        let refused = add(&admin, &unknown, property("plan", Type::Text)).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        for (id, reason) in [("", "FIELD_REQUIRED"), ("x", "FIELD_INVALID")] {
            let refused = add(&admin, id, property("plan", Type::Text)).await;
            assert_invalid(refused, "custom_object_id", reason);
        }
    }
}
