//! `CreateCustomObject`.

use contact_lists::proto::{
    CreateCustomObjectRequest, CustomObject, CustomProperty, custom_property::Type,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use prost_types::value::Kind;
use tonic::Status;

use test_support::*;

async fn create(
    caller: &Client,
    key: &str,
    properties: Vec<CustomProperty>,
) -> Result<CustomObject, Status> {
    send(
        caller,
        CreateCustomObjectRequest {
            key: key.to_owned(),
            label: "Customer".to_owned(),
            properties,
        },
    )
    .await
}

async fn send(caller: &Client, request: CreateCustomObjectRequest) -> Result<CustomObject, Status> {
    let answer = caller.objects.clone().create_custom_object(request).await?;
    Ok(answer
        .into_inner()
        .custom_object
        .expect("the custom object"))
}

async fn labelled(caller: &Client, label: &str) -> Result<CustomObject, Status> {
    let label = label.to_owned();
    send(
        caller,
        CreateCustomObjectRequest {
            key: "customer".to_owned(),
            label,
            properties: vec![],
        },
    )
    .await
}

fn many_properties(count: usize) -> Vec<CustomProperty> {
    (0..count)
        .map(|n| property(&format!("key_{n}"), Type::Text))
        .collect()
}

on_both! {
    async fn all_defaults_together_fit_a_record(service: Service) {
        let admin = service.admin();
        let long = |key| property(key, Type::Text).default_value(json!("x".repeat(40_000)));
        let refused = create(&admin, "customer", vec![long("plan"), long("notes")]).await;
        assert_invalid(refused, "properties", "RECORD_TOO_LARGE");
        assert_eq!(crate::custom_objects::list(&admin).await, []);
        create(&admin, "customer", vec![long("plan")]).await.unwrap();
    }

    async fn an_object_is_created_as_given(service: Service) {
        let properties = vec![
            property("visits", Type::Number),
            property("plan", Type::Text)
                .required()
                .default_value(json!("free")),
            property("a", Type::Map),
        ];
        let object = create(&service.admin(), "customer", properties.clone())
            .await
            .unwrap();
        assert_eq!(
            object.id.parse::<uuid::Uuid>().unwrap().get_version_num(),
            7
        );
        assert_eq!(object.key, "customer");
        assert_eq!(object.label, "Customer");
        assert_eq!(object.properties, properties);
        assert!(object.create_time.is_some());
    }

    async fn an_object_can_be_without_properties(service: Service) {
        assert_eq!(
            create(&service.admin(), "customer", vec![])
                .await
                .unwrap()
                .properties,
            []
        );
    }

    async fn a_key_is_unique(service: Service) {
        let admin = service.admin();
        create(&admin, "customer", vec![]).await.unwrap();
        let refused = create(&admin, "customer", vec![]).await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(metadata(&status, "field"), "key");
    }

    async fn another_organization_can_use_the_same_key(service: Service) {
        create(&service.admin(), "customer", vec![]).await.unwrap();
        create(&service.other_admin().await, "customer", vec![])
            .await
            .unwrap();
    }

    async fn a_key_is_lower_case_letters_digits_and_underscores(service: Service) {
        let admin = service.admin();
        for key in [
            "Customer",
            "1customer",
            "_customer",
            "customer-1",
            "customer ",
            "k\u{fc}nde",
            "customer\n",
        ] {
            assert_invalid(create(&admin, key, vec![]).await, "key", "FIELD_INVALID");
            let refused = create(&admin, "customer", vec![property(key, Type::Text)]).await;
            assert_invalid(refused, "properties[0].key", "FIELD_INVALID");
        }
        for key in ["c", "customer_1", &"k".repeat(64)] {
            create(&admin, key, vec![property(key, Type::Text)])
                .await
                .unwrap();
        }
    }

    async fn a_key_is_required(service: Service) {
        let admin = service.admin();
        assert_invalid(create(&admin, "", vec![]).await, "key", "FIELD_REQUIRED");
        let mut nameless = property("plan", Type::Text);
        nameless.key.clear();
        let refused = create(&admin, "customer", vec![nameless]).await;
        assert_invalid(refused, "properties[0].key", "FIELD_REQUIRED");
    }

    async fn a_key_has_at_most_64_characters(service: Service) {
        let refused = create(&service.admin(), &"k".repeat(65), vec![]).await;
        let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
        assert_eq!(violations(&status)[0].0, "key");
    }

    async fn white_space_in_a_label_becomes_one_space(service: Service) {
        let object = labelled(&service.admin(), "  Good \t customer\n")
            .await
            .unwrap();
        assert_eq!(object.label, "Good customer");
    }

    async fn a_label_has_1_to_255_characters(service: Service) {
        let admin = service.admin();
        assert_invalid(labelled(&admin, " ").await, "label", "FIELD_REQUIRED");
        assert_invalid(
            labelled(&admin, &"x".repeat(256)).await,
            "label",
            "FIELD_TOO_LONG",
        );
        assert_invalid(
            labelled(&admin, "Cust\0mer").await,
            "label",
            "FIELD_HAS_NUL",
        );
        labelled(&admin, &"\u{fc}".repeat(255)).await.unwrap();
    }

    async fn an_object_has_each_property_key_once(service: Service) {
        let properties = vec![property("plan", Type::Text), property("plan", Type::Number)];
        let refused = create(&service.admin(), "customer", properties).await;
        let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
        assert_eq!(violations(&status)[0].0, "properties[1].key");
    }

    async fn an_object_has_at_most_200_properties(service: Service) {
        let admin = service.admin();
        let refused = create(&admin, "customer", many_properties(201)).await;
        assert_invalid(refused, "properties", "FIELD_TOO_LONG");
        create(&admin, "customer", many_properties(200))
            .await
            .unwrap();
    }

    async fn an_organization_has_at_most_100_objects(service: Service) {
        let admin = service.admin();
        let keys: Vec<String> = (0..100).map(|n| format!("object_{n}")).collect();
        let creations = keys.iter().map(|key| create(&admin, key, vec![]));
        stream::iter(creations)
            .buffer_unordered(8)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        let refused = create(&admin, "one_more", vec![]).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "RESOURCE_LIMIT_REACHED");
        assert_eq!(metadata(&status, "limit"), "100");
        create(&service.other_admin().await, "customer", vec![])
            .await
            .unwrap();
    }

    async fn a_property_has_a_type(service: Service) {
        let admin = service.admin();
        let none = create(
            &admin,
            "customer",
            vec![property("plan", Type::Unspecified)],
        )
        .await;
        assert_invalid(none, "properties[0].type", "FIELD_REQUIRED");
        let unknown = CustomProperty {
            r#type: 99,
            ..property("plan", Type::Text)
        };
        let refused = create(&admin, "customer", vec![unknown]).await;
        assert_invalid(refused, "properties[0].type", "FIELD_INVALID");
    }

    async fn a_default_is_of_its_propertys_type(service: Service) {
        let admin = service.admin();
        for (kind, value) in [
            (Type::Text, json!("")),
            (Type::Number, json!(-9_007_199_254_740_991_i64)),
            (Type::Float, json!(-0.5)),
            (Type::Boolean, json!(false)),
            (Type::Date, json!("2024-02-29")),
            (Type::List, json!(["a", 1, true])),
            (Type::Map, json!({"a": "b", "c": 1.5, "d": false})),
        ] {
            let properties = vec![property("plan", kind).default_value(value)];
            let key = format!("object_{}", kind as i32);
            let object = create(&admin, &key, properties.clone()).await.unwrap();
            assert_eq!(object.properties, properties);
        }
    }

    async fn a_default_of_another_type_is_refused(service: Service) {
        let admin = service.admin();
        for (kind, value) in [
            (Type::Text, json!(1)),
            (Type::Number, json!(1.5)),
            (Type::Number, json!(9_007_199_254_740_992_i64)),
            (Type::Number, json!("1")),
            (Type::Float, json!("1.5")),
            (Type::Boolean, json!("true")),
            (Type::Date, json!("2023-02-29")),
            (Type::Date, json!("29.02.2024")),
            (Type::List, json!([["a"]])),
            (Type::List, json!([null])),
            (Type::List, json!("a")),
            (Type::Map, json!({"a": {}})),
            (Type::Map, json!(["a"])),
        ] {
            let property = property("plan", kind).default_value(value);
            let refused = create(&admin, "customer", vec![property]).await;
            assert_invalid(
                refused,
                "properties[0].default_value",
                "PROPERTY_TYPE_MISMATCH",
            );
        }
    }

    async fn a_default_of_null_is_none(service: Service) {
        let property = property("plan", Type::Text).default_value(json!(null));
        let object = create(&service.admin(), "customer", vec![property])
            .await
            .unwrap();
        let default = object.properties[0]
            .default_value
            .as_ref()
            .and_then(|value| value.kind.as_ref());
        assert!(
            matches!(default, None | Some(Kind::NullValue(_))),
            "{default:?}"
        );
    }

    async fn creating_an_object_needs_the_admin_scope(service: Service) {
        for scope in [Scope::Read, Scope::Write] {
            let refused = create(&service.client_with(scope).await, "customer", vec![]).await;
            assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        }
    }
}
