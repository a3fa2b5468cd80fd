//! Custom properties: a contact's record of a custom object.

use contact_lists::proto::{Contact, custom_property::Type};
use prost_types::{ListValue, Value, value::Kind};

use super::*;

/// The first contact with these properties.
fn with(properties: serde_json::Value) -> Contact {
    contact(&number(1)).properties(properties)
}

/// The first contact with one property, on the wire.
fn with_value(key: &str, kind: Kind) -> Contact {
    let value = Value { kind: Some(kind) };
    with(json!({})).change(|contact| {
        let properties = contact.properties.get_or_insert_default();
        properties.fields.insert(key.to_owned(), value);
    })
}

/// The first contact's record of the only custom object, as JSON.
async fn record(caller: &Client) -> serde_json::Value {
    let contact = stored(caller, &number(1)).await;
    json_of(&contact.properties.expect("a record"))
}

/// A caller with an empty list, in an organization with a property of each type.
async fn with_each_type(service: &Service) -> (Client, String) {
    let (admin, list) = with_list(service).await;
    admin.create_customer_object().await;
    (admin, list)
}

/// Checks that a value is rejected, for its type.
async fn assert_mismatch(caller: &Client, list: &str, key: &str, contact: Contact) {
    let outcome = try_add(caller, list, vec![contact.clone()]).await;
    let field = format!("properties.{key}");
    let expected = [(0, field.as_str(), "PROPERTY_TYPE_MISMATCH")];
    assert_eq!(rejections(&outcome), expected, "{contact:?}");
}

on_both! {
    async fn values_of_every_type_read_back_as_they_were_sent(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let values = [
            json!({"plan": "free", "visits": 3, "score": 1.5, "vip": true, "since": "2024-02-29"}),
            json!({"tags": ["a", 1, 2.5, true, ""], "limits": {"a": "b", "c": 1, "d": false}}),
            json!({"plan": "", "visits": 0, "score": -0.25, "vip": false, "since": "0001-01-01"}),
            json!({"tags": [], "limits": {}}),
            json!({"plan": "\u{1F600} \u{e9}\n\"\\", "visits": -7, "score": 7, "since": "9999-12-31"}),
            json!({"limits": {"": 1, "Any key": 2, "\u{e9}": 3}, "tags": ["b", "a", "b"]}),
            json!({"plan": "null", "tags": ["true", true, "1", 1]}),
        ];
        let mut expected = json!({});
        for value in values {
            add(&admin, &list, vec![with(value.clone())]).await;
            for (key, value) in value.as_object().expect("an object") {
                expected[key] = value.clone();
            }
            assert_eq!(record(&admin).await, expected);
        }
    }

    async fn a_value_of_another_type_is_rejected(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let mismatches = [
            ("plan", json!([1, true, ["a"], {"a": "b"}])),
            ("visits", json!([1.5, "1", true, [1], {}, 1e300])),
            ("score", json!(["1", false, [1.5], {}])),
            ("vip", json!([1, 0, "true", [true], {}])),
            ("tags", json!(["a", 1, true, {}])),
            ("limits", json!(["a", 1, true, [], ["a"]])),
        ];
        for (key, values) in mismatches {
            for value in values.as_array().expect("values") {
                assert_mismatch(&admin, &list, key, with(json!({key: value}))).await;
            }
        }
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn a_date_is_a_real_one_of_four_two_and_two_digits(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let mismatches = json!([
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "20240101",
            "2024-01-01T00:00:00Z",
            " 2024-01-01",
            "+2024-01-01",
            "-024-01-01",
            "12024-01-01",
            "01.01.2024",
            "2024-01",
            20240101,
            true,
            ["2024-01-01"],
            {}
        ]);
        for value in mismatches.as_array().expect("values") {
            assert_mismatch(&admin, &list, "since", with(json!({"since": value}))).await;
        }
    }

    async fn lists_and_maps_hold_strings_numbers_and_booleans_only(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        for item in [
            json!(null),
            json!([]),
            json!({}),
            json!(["a"]),
            json!({"a": 1}),
        ] {
            assert_mismatch(&admin, &list, "tags", with(json!({"tags": ["a", item]}))).await;
            let contact = with(json!({"limits": {"a": 1, "b": item}}));
            assert_mismatch(&admin, &list, "limits", contact).await;
        }
    }

    async fn a_whole_number_is_below_two_to_the_53(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        for limit in [9_007_199_254_740_992_i64, -9_007_199_254_740_992, i64::MAX] {
            assert_mismatch(&admin, &list, "visits", with(json!({"visits": limit}))).await;
        }
        for largest in [9_007_199_254_740_991_i64, -9_007_199_254_740_991] {
            add(&admin, &list, vec![with(json!({"visits": largest}))]).await;
            assert_eq!(record(&admin).await, json!({"visits": largest}));
        }
    }

    async fn a_number_is_finite(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let kind = Kind::NumberValue(number);
            for key in ["score", "visits"] {
                assert_mismatch(&admin, &list, key, with_value(key, kind.clone())).await;
            }
            let values = vec![Value { kind: Some(kind) }];
            let tags = with_value("tags", Kind::ListValue(ListValue { values }));
            assert_mismatch(&admin, &list, "tags", tags).await;
        }
    }

    async fn floats_read_back_exactly(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let known = [
            0.1,
            1.0 / 3.0,
            1e23,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            9_007_199_254_740_993.0,
        ];
        let odd = (1..500_u64).map(|n| f64::from_bits(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let numbers: Vec<f64> = known
            .into_iter()
            .chain(odd.filter(|n| n.is_finite()))
            .collect();
        let values = numbers
            .iter()
            .map(|&n| Value {
                kind: Some(Kind::NumberValue(n)),
            })
            .collect();
        let tags = with_value("tags", Kind::ListValue(ListValue { values }));
        add(&admin, &list, vec![tags.clone()]).await;
        let read = stored(&admin, &number(1))
            .await
            .properties
            .expect("a record");
        let Some(Kind::ListValue(read)) = &read.fields["tags"].kind else {
            panic!("not a list: {read:?}");
        };
        let read = read.values.iter().map(|value| match value.kind {
            Some(Kind::NumberValue(n)) => n.to_bits(),
            _ => panic!("not a number: {value:?}"),
        });
        let sent: Vec<u64> = numbers.iter().map(|n| n.to_bits()).collect();
        assert_eq!(read.collect::<Vec<_>>(), sent);
        assert_counts!(outcomes(&add(&admin, &list, vec![tags]).await), unchanged: 1);
    }

    async fn a_text_has_no_u0000(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        for (key, value) in [
            ("plan", json!("a\0b")),
            ("tags", json!(["a", "\0"])),
            ("limits", json!({"a": "\0"})),
            ("limits", json!({"a\0": 1})),
        ] {
            let outcome = try_add(&admin, &list, vec![with(json!({key: value}))]).await;
            let field = format!("properties.{key}");
            assert_eq!(rejections(&outcome), [(0, field.as_str(), "FIELD_HAS_NUL")]);
        }
    }

    async fn keys_that_are_not_sent_are_kept_and_a_null_clears(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        add(
            &admin,
            &list,
            vec![with(json!({"plan": "free", "visits": 1, "vip": true}))],
        )
        .await;
        let outcome = add(
            &admin,
            &list,
            vec![with(json!({"visits": 2, "plan": null}))],
        )
        .await;
        assert_counts!(outcomes(&outcome), updated: 1);
        assert_eq!(record(&admin).await, json!({"visits": 2, "vip": true}));
    }

    async fn a_merge_patch_does_not_reach_into_maps(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        add(
            &admin,
            &list,
            vec![with(json!({"limits": {"a": 1, "b": 2}}))],
        )
        .await;
        add(&admin, &list, vec![with(json!({"limits": {"c": 3}}))]).await;
        assert_eq!(record(&admin).await, json!({"limits": {"c": 3}}));
    }

    async fn clearing_a_key_that_has_no_value_changes_nothing(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        add(&admin, &list, vec![with(json!({"visits": 1}))]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(&admin, &list, vec![with(json!({"plan": null}))]).await;
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn a_change_of_the_record_counts_as_an_update(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        add(&admin, &list, contacts([1])).await;
        let mut before = stored(&admin, &number(1)).await;
        for value in [
            json!({"visits": 1}),
            json!({"visits": 2}),
            json!({"visits": null}),
        ] {
            let outcome = add(&admin, &list, vec![with(value)]).await;
            assert_counts!(outcomes(&outcome), updated: 1);
            let after = stored(&admin, &number(1)).await;
            let time = |contact: &Contact| contact.update_time.map(|it| (it.seconds, it.nanos));
            assert!(time(&after) > time(&before));
            before = after;
        }
    }

    async fn the_same_properties_again_change_nothing(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let properties = json!({
            "plan": "a", "visits": 1, "score": 0.1, "vip": true, "since": "2024-01-01",
            "tags": ["a", 1], "limits": {"a": 1, "b": 2}
        });
        add(&admin, &list, vec![with(properties.clone())]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(&admin, &list, vec![with(properties)]).await;
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn the_order_of_a_list_is_part_of_its_value(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        add(&admin, &list, vec![with(json!({"tags": ["a", "b"]}))]).await;
        let outcome = add(&admin, &list, vec![with(json!({"tags": ["b", "a"]}))]).await;
        assert_counts!(outcomes(&outcome), updated: 1);
        assert_eq!(record(&admin).await, json!({"tags": ["b", "a"]}));
    }

    async fn an_unknown_key_is_rejected_with_a_null_too(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        for value in [json!({"unknown": 1}), json!({"unknown": null, "visits": 1})] {
            let outcome = try_add(&admin, &list, vec![with(value)]).await;
            assert_eq!(
                rejections(&outcome),
                [(0, "properties.unknown", "PROPERTY_UNKNOWN")]
            );
        }
        for key in ["Plan", "", "plan ", "pl\0an"] {
            let outcome = try_add(&admin, &list, vec![with(json!({key: "a"}))]).await;
            assert_eq!(reasons(&outcome), [(0, "PROPERTY_UNKNOWN")], "{key:?}");
        }
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn every_bad_property_is_reported(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let bad = with(json!({"visits": "1", "vip": 1, "unknown": 1, "plan": "fine"}));
        let outcome = try_add(&admin, &list, vec![bad]).await;
        let mut found = rejections(&outcome);
        found.sort();
        let expected = [
            (0, "properties.unknown", "PROPERTY_UNKNOWN"),
            (0, "properties.vip", "PROPERTY_TYPE_MISMATCH"),
            (0, "properties.visits", "PROPERTY_TYPE_MISMATCH"),
        ];
        assert_eq!(found, expected);
    }

    async fn a_property_is_named_by_its_path_where_all_is_rejected(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let refused = admin
            .update(
                header(&list).add(),
                vec![contact(&number(2)), with(json!({"vip": 1}))],
            )
            .await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let field = "contacts[1].properties.vip".to_owned();
        assert_eq!(
            violations(&status),
            [(field, "PROPERTY_TYPE_MISMATCH".to_owned())]
        );
        assert!(!is_stored(&admin, &number(2)).await);
    }

    async fn properties_move_with_a_change_of_number(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        add(
            &admin,
            &list,
            vec![with(json!({"plan": "a"})).external_id("a")],
        )
        .await;
        let moved = contact(&number(2))
            .external_id("a")
            .properties(json!({"visits": 1}));
        assert_counts!(outcomes(&add(&admin, &list, vec![moved]).await), updated: 1);
        let read = stored(&admin, &number(2))
            .await
            .properties
            .expect("a record");
        assert_eq!(json_of(&read), json!({"plan": "a", "visits": 1}));
    }

    async fn removing_writes_properties_too(service: Service) {
        let (admin, list) = with_each_type(&service).await;
        let given = vec![with(json!({"plan": "a"}))];
        admin.update(header(&list).remove(), given).await.unwrap();
        assert_eq!(record(&admin).await, json!({"plan": "a"}));
    }

    async fn a_first_record_without_a_required_key_is_rejected(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("plan", Type::Text).required(),
            property("vip", Type::Boolean),
        ];
        admin.create_object("customer", properties).await;
        for known in [false, true] {
            let outcome = try_add(&admin, &list, vec![with(json!({"vip": true}))]).await;
            let expected = [(0, "properties.plan", "PROPERTY_REQUIRED")];
            assert_eq!(rejections(&outcome), expected, "known: {known}");
            // Without a key there is no record, so nothing is required.
            add(&admin, &list, contacts([1])).await;
        }
        add(&admin, &list, vec![with(json!({"plan": "a"}))]).await;
        add(&admin, &list, vec![with(json!({"vip": true}))]).await;
        assert_eq!(record(&admin).await, json!({"plan": "a", "vip": true}));
    }
}
