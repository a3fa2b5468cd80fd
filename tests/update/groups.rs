//! Contacts of a call that have the same phone are one group.

mod claims;

use contact_lists::proto::{Address, Contact, custom_property::Type};

use super::*;

const CONFLICT: &str = "CONFLICTING_DUPLICATE";

/// A contact with the n-th number and this external_id.
fn known_as(n: u32, external_id: &str) -> Contact {
    contact(&number(n)).external_id(external_id)
}

fn plain(n: u32) -> Contact {
    contact(&number(n))
}

fn in_city(city: &str) -> Address {
    Address {
        city: city.to_owned(),
        ..Address::default()
    }
}

/// The record of a number's holder, as JSON.
async fn record(caller: &Client, phone: &str) -> serde_json::Value {
    json_of(&stored(caller, phone).await.properties.expect("a record"))
}

on_both! {
    async fn later_values_win_field_by_field(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![
            plain(1).name("Ada").email("ada@example.com"),
            plain(1).name("Grace").language("en"),
            plain(1).language("de"),
        ];
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), created: 1, duplicate: 2);
        let read = stored(&admin, &number(1)).await;
        assert_eq!(read.name.as_deref(), Some("Grace"));
        assert_eq!(read.email.as_deref(), Some("ada@example.com"));
        assert_eq!(read.language.as_deref(), Some("de"));
    }

    async fn a_later_empty_value_wins_and_a_later_absent_one_does_not(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(
            &admin,
            &list,
            vec![plain(1).name("Ada").email("ada@example.com")],
        )
        .await;
        let given = vec![
            plain(1).name("Grace").email("grace@example.com"),
            plain(1).name(""),
            plain(1),
        ];
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), updated: 1, duplicate: 2);
        let read = stored(&admin, &number(1)).await;
        assert_eq!(read.name, None);
        assert_eq!(read.email.as_deref(), Some("grace@example.com"));
    }

    async fn a_group_that_ends_as_stored_is_unchanged(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![plain(1).name("Ada")]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(
            &admin,
            &list,
            vec![plain(1).name("Grace"), plain(1).name("Ada")],
        )
        .await;
        assert_counts!(outcomes(&outcome), unchanged: 1, duplicate: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn an_address_and_a_birth_date_are_folded_whole(service: Service) {
        let (admin, list) = with_list(&service).await;
        let street = Address {
            address_line_one: "1 Main Street".to_owned(),
            ..in_city("London")
        };
        let given = vec![
            plain(1).address(street).birth_date(1984, 2, 3),
            plain(1).address(in_city("Paris")).birth_date(0, 5, 6),
        ];
        add(&admin, &list, given).await;
        let read = stored(&admin, &number(1)).await;
        assert_eq!(read.address, Some(in_city("Paris")));
        let date = read.birth_date.expect("a date");
        assert_eq!((date.year, date.month, date.day), (0, 5, 6));
    }

    async fn a_later_empty_address_and_birth_date_win(service: Service) {
        let (admin, list) = with_list(&service).await;
        let first = plain(1).address(in_city("London")).birth_date(1984, 2, 3);
        add(&admin, &list, vec![first.clone()]).await;
        let cleared = plain(1).address(Address::default()).birth_date(0, 0, 0);
        add(&admin, &list, vec![first, cleared]).await;
        let read = stored(&admin, &number(1)).await;
        assert_eq!((read.address, read.birth_date), (None, None));
    }

    async fn properties_are_folded_key_by_key_nulls_too(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        add(
            &admin,
            &list,
            vec![plain(1).properties(json!({"plan": "old", "score": 1.5}))],
        )
        .await;
        let given = vec![
            plain(1).properties(json!({"plan": "a", "visits": 1, "vip": null})),
            plain(1).properties(json!({"plan": null, "visits": 2})),
            plain(1).properties(json!({"vip": true})),
            plain(1),
        ];
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), updated: 1, duplicate: 3);
        let expected = json!({"score": 1.5, "visits": 2, "vip": true});
        assert_eq!(record(&admin, &number(1)).await, expected);
    }

    async fn a_lists_or_maps_later_value_replaces_the_earlier_one(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let given = vec![
            plain(1).properties(json!({"tags": ["a", "b"], "limits": {"a": 1}})),
            plain(1).properties(json!({"tags": ["c"], "limits": {"b": 2}})),
        ];
        add(&admin, &list, given).await;
        let expected = json!({"tags": ["c"], "limits": {"b": 2}});
        assert_eq!(record(&admin, &number(1)).await, expected);
    }

    async fn what_a_new_record_requires_can_come_from_any_contact_of_the_group(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![
            property("plan", Type::Text).required(),
            property("vip", Type::Boolean),
        ];
        admin.create_object("customer", properties).await;
        let given = vec![
            plain(1).properties(json!({"vip": true})),
            plain(1).properties(json!({"plan": "free"})),
        ];
        assert_counts!(outcomes(&add(&admin, &list, given).await), created: 1, duplicate: 1);
        let expected = json!({"plan": "free", "vip": true});
        assert_eq!(record(&admin, &number(1)).await, expected);
    }

    async fn order_matters_only_inside_a_group(service: Service) {
        let (admin, list) = with_list(&service).await;
        let orders = [[0, 1, 2, 3], [2, 0, 3, 1], [2, 3, 0, 1], [0, 2, 1, 3]];
        for (n, order) in (0..).zip(orders) {
            let (one, two) = (2 * n, 2 * n + 1);
            let all = [
                plain(one).name("Ada"),
                plain(one).name("Grace"),
                plain(two).name("Joan"),
                plain(two).name("Jean"),
            ];
            let given = order.map(|index| all[index].clone()).to_vec();
            assert_counts!(outcomes(&add(&admin, &list, given).await), created: 2, duplicate: 2);
            assert_eq!(
                stored(&admin, &number(one)).await.name.as_deref(),
                Some("Grace")
            );
            assert_eq!(
                stored(&admin, &number(two)).await.name.as_deref(),
                Some("Jean")
            );
        }
    }

    async fn one_number_in_two_formats_is_one_group(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![
            contact("+4915110000001"),
            contact("+49 (151) 1000-0001").name("Ada"),
        ];
        assert_counts!(outcomes(&add(&admin, &list, given).await), created: 1, duplicate: 1);
        assert_eq!(
            stored(&admin, "+4915110000001").await.name.as_deref(),
            Some("Ada")
        );
    }

    async fn a_group_spans_the_messages_of_a_stream(service: Service) {
        let (admin, list) = with_list(&service).await;
        let again = (0..150).map(|n| plain(n).name("Ada"));
        let given = contacts(0..150).into_iter().chain(again).collect();
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), created: 150, duplicate: 150);
        assert_counts!(memberships(&outcome), added: 150, members: 150);
        assert_eq!(
            stored(&admin, &number(149)).await.name.as_deref(),
            Some("Ada")
        );
    }

    async fn two_external_ids_in_a_group_reject_all_of_it(service: Service) {
        let (admin, list) = with_list(&service).await;
        for ids in [["a", "b"], ["a", "A"]] {
            let given = vec![
                plain(1),
                known_as(1, ids[0]),
                plain(2),
                known_as(1, ids[1]),
                plain(1),
            ];
            let outcome = try_add(&admin, &list, given).await;
            let expected = [0, 1, 3, 4].map(|index| (index, CONFLICT));
            assert_eq!(reasons(&outcome), expected);
            assert_eq!((outcome.duplicate_count, outcome.rejected_count), (0, 4));
            assert_eq!(on_list(&admin, &list).await, numbers([2]));
            assert!(!is_stored(&admin, &number(1)).await);
        }
    }

    async fn one_external_id_more_than_once_in_a_group_is_fine(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![known_as(1, "a"), plain(1), known_as(1, "a")];
        assert_counts!(outcomes(&add(&admin, &list, given).await), created: 1, duplicate: 2);
        assert_eq!(phone_of(&admin, "a").await, Some(number(1)));
    }

    async fn groups_that_share_an_external_id_are_rejected_whole(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![
            known_as(1, "a"),
            plain(2),
            plain(3),
            known_as(2, "a"),
            known_as(4, "A"),
            known_as(5, "a"),
        ];
        let outcome = try_add(&admin, &list, given).await;
        let expected = [0, 1, 3, 5].map(|index| (index, CONFLICT));
        assert_eq!(reasons(&outcome), expected);
        assert_counts!(outcomes(&outcome), created: 2, rejected: 4);
        assert_eq!(on_list(&admin, &list).await, numbers([3, 4]));
        assert_eq!(phone_of(&admin, "a").await, None);
    }

    async fn groups_that_share_a_stored_external_id_are_rejected_whole(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a").name("Ada")]).await;
        let before = stored(&admin, &number(1)).await;
        let given = vec![known_as(1, "a").name("Grace"), known_as(2, "a")];
        let outcome = try_add(&admin, &list, given).await;
        assert_eq!(reasons(&outcome), [(0, CONFLICT), (1, CONFLICT)]);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn a_stored_contact_found_by_external_id_and_by_phone_rejects_both_groups(
        service: Service,
    ) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a").name("Ada")]).await;
        let before = stored(&admin, &number(1)).await;
        for by_phone in [plain(1).name("Grace"), known_as(1, "")] {
            for given in [
                vec![known_as(2, "a"), by_phone.clone()],
                vec![by_phone, known_as(2, "a")],
            ] {
                let outcome = try_add(&admin, &list, given).await;
                assert_eq!(reasons(&outcome), [(0, CONFLICT), (1, CONFLICT)]);
            }
        }
        assert_eq!(stored(&admin, &number(1)).await, before);
        assert!(!is_stored(&admin, &number(2)).await);
    }

    async fn groups_far_apart_in_a_large_call_still_meet_in_a_stored_contact(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(0, "a")]).await;
        let given = contacts(0..3000)
            .into_iter()
            .chain([known_as(4000, "a")])
            .collect();
        let outcome = try_add(&admin, &list, given).await;
        assert_eq!(reasons(&outcome), [(0, CONFLICT), (3000, CONFLICT)]);
        assert_counts!(outcomes(&outcome), created: 2999, rejected: 2);
    }

    async fn groups_that_meet_conflict_whatever_else_is_wrong_with_them(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let before = admin.members(&list).await;
        // The first can't have the number, but is the same contact as the second.
        let given = vec![known_as(2, "a"), plain(1).name("Grace")];
        let outcome = try_add(&admin, &list, given).await;
        let found = reasons(&outcome);
        assert!(found.contains(&(0, CONFLICT)), "{found:?}");
        assert!(found.contains(&(0, "PHONE_TAKEN")), "{found:?}");
        assert!(found.contains(&(1, CONFLICT)), "{found:?}");
        assert_eq!(outcome.rejected_count, 2);
        assert_eq!(admin.members(&list).await, before);
    }

    async fn groups_that_conflict_already_match_no_stored_contact(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let shared = vec![known_as(2, "a"), known_as(3, "a"), plain(1).name("Ada")];
        let outcome = try_add(&admin, &list, shared).await;
        assert_eq!(reasons(&outcome), [(0, CONFLICT), (1, CONFLICT)]);
        assert_counts!(outcomes(&outcome), updated: 1, rejected: 2);
        let contradictory = vec![known_as(2, "a"), known_as(2, "b"), plain(1).name("Grace")];
        let outcome = try_add(&admin, &list, contradictory).await;
        assert_eq!(reasons(&outcome), [(0, CONFLICT), (1, CONFLICT)]);
        assert_eq!(
            stored(&admin, &number(1)).await.name.as_deref(),
            Some("Grace")
        );
    }

    async fn a_group_that_ends_with_an_empty_external_id_has_none(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        // Not looked up by "a", which it does not end with: the number decides.
        let outcome = add(&admin, &list, vec![known_as(2, "a"), known_as(2, "")]).await;
        assert_counts!(outcomes(&outcome), created: 1, duplicate: 1);
        assert_eq!(stored(&admin, &number(2)).await.external_id, None);
        assert_eq!(phone_of(&admin, "a").await, Some(number(1)));
        let outcome = add(&admin, &list, vec![known_as(1, "a"), known_as(1, "")]).await;
        assert_counts!(outcomes(&outcome), updated: 1, duplicate: 1);
        assert_eq!(phone_of(&admin, "a").await, None);
    }

    async fn an_empty_external_id_before_another_does_not_conflict_with_it(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, vec![known_as(1, ""), known_as(1, "a")]).await;
        assert_counts!(outcomes(&outcome), created: 1, duplicate: 1);
        assert_eq!(phone_of(&admin, "a").await, Some(number(1)));
    }

    async fn two_external_ids_conflict_though_an_empty_one_is_last(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![known_as(1, "a"), known_as(1, "b"), known_as(1, "")];
        let outcome = try_add(&admin, &list, given).await;
        assert_eq!(reasons(&outcome), [0, 1, 2].map(|index| (index, CONFLICT)));
    }

    async fn a_contact_that_is_not_valid_takes_no_part_in_a_group(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![
            plain(1).name("Ada"),
            known_as(1, "b").name("Grace").email("no email"),
            known_as(1, "a"),
            known_as(2, "a").language("no language"),
        ];
        let outcome = try_add(&admin, &list, given).await;
        let expected = [(1, "EMAIL_INVALID"), (3, "LANGUAGE_INVALID")];
        assert_eq!(reasons(&outcome), expected);
        assert_counts!(outcomes(&outcome), created: 1, duplicate: 1, rejected: 2);
        assert_eq!(
            stored(&admin, &number(1)).await.name.as_deref(),
            Some("Ada")
        );
        assert_eq!(phone_of(&admin, "a").await, Some(number(1)));
    }

    async fn every_contact_of_a_rejected_group_is_rejected_with_its_reasons(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let given = vec![plain(1), known_as(1, "b"), plain(1)];
        let outcome = try_add(&admin, &list, given).await;
        let expected = [0, 1, 2].map(|index| (index, "EXTERNAL_ID_MISMATCH"));
        assert_eq!(reasons(&outcome), expected);
        assert_counts!(outcomes(&outcome), rejected: 3);
    }

    async fn a_conflict_fails_a_call_that_rejects_all(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![known_as(1, "a"), plain(3), known_as(2, "a")];
        let refused = admin.update(header(&list).add(), given).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!(metadata(&status, "rejected_count"), "2");
        assert_eq!(metadata(&status, "received_count"), "3");
        let expected = [0, 2].map(|n| (format!("contacts[{n}]"), CONFLICT.to_owned()));
        assert_eq!(violations(&status), expected);
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }
}
