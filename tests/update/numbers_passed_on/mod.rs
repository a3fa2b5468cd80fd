//! Numbers that pass from one contact to another within one update.

mod opt_outs;
mod refused;

use contact_lists::proto::{Contact, custom_property::Type};

use super::*;

/// More contacts than a chunk has on either database.
const MANY: u32 = 2500;

/// A contact with the n-th number and this external_id.
fn known_as(n: u32, external_id: &str) -> Contact {
    contact(&number(n)).external_id(external_id)
}

/// Contacts with ids of their own whose numbers begin with the n-th.
fn crowd(first: u32) -> Vec<Contact> {
    (0..MANY)
        .map(|n| known_as(first + n, &format!("id-{n}")))
        .collect()
}

/// The ids of the contacts with these external_ids.
async fn ids<const N: usize>(caller: &Client, external_ids: [&str; N]) -> [String; N] {
    let mut ids = [(); N].map(|()| String::new());
    for (id, external_id) in ids.iter_mut().zip(external_ids) {
        let reference = Reference::ExternalId(external_id.to_owned());
        *id = find(caller, reference).await.expect("the contact").id;
    }
    ids
}

async fn assert_phones<const N: usize>(caller: &Client, expected: [(&str, u32); N]) {
    for (external_id, n) in expected {
        let phone = phone_of(caller, external_id).await;
        assert_eq!(phone, Some(number(n)), "{external_id}");
    }
}

on_both! {
    async fn two_contacts_swap_their_numbers(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let before = ids(&admin, ["a", "b"]).await;
        let swapped = vec![known_as(2, "a"), known_as(1, "b")];
        let outcome = try_add(&admin, &list, swapped.clone()).await;
        assert_counts!(outcomes(&outcome), updated: 2);
        assert_counts!(memberships(&outcome), members: 2);
        assert_phones(&admin, [("a", 2), ("b", 1)]).await;
        assert_eq!(ids(&admin, ["a", "b"]).await, before);
        assert_counts!(outcomes(&add(&admin, &list, swapped).await), unchanged: 2);
    }

    async fn a_contact_takes_the_number_that_another_gives_up(service: Service) {
        let (admin, list) = with_list(&service).await;
        // The new number comes before the one that is given up, and after it.
        for (given_up, free) in [(5, 9), (15, 11)] {
            let stored = vec![known_as(given_up, "a"), known_as(20, "b")];
            add(&admin, &list, stored).await;
            let given = vec![known_as(free, "a"), known_as(given_up, "b")];
            let overwrite = admin.update(header(&list).overwrite(), given).await;
            assert_counts!(outcomes(&overwrite.unwrap()), updated: 2);
            assert_phones(&admin, [("a", free), ("b", given_up)]).await;
            assert_eq!(on_list(&admin, &list).await.len(), 2);
        }
    }

    async fn a_new_contact_takes_the_number_that_another_gives_up(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(9, "b")]).await;
        let before = ids(&admin, ["a", "b"]).await;
        let given = vec![
            known_as(1, "new"),
            known_as(2, "a"),
            known_as(3, "b"),
            known_as(9, "newer").name("Ada"),
        ];
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), created: 2, updated: 2);
        assert_counts!(memberships(&outcome), added: 2, members: 4);
        assert_phones(&admin, [("new", 1), ("a", 2), ("b", 3), ("newer", 9)]).await;
        assert_eq!(ids(&admin, ["a", "b"]).await, before);
    }

    async fn numbers_are_passed_on_along_a_chain_over_many_chunks(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, crowd(1)).await;
        for first in [2, 1] {
            let outcome = add(&admin, &list, crowd(first)).await;
            assert_counts!(outcomes(&outcome), updated: MANY as i32);
            let all = numbers(first..first + MANY);
            assert_eq!(on_list(&admin, &list).await, all);
            assert_phones(&admin, [("id-0", first), ("id-2499", first + 2499)]).await;
        }
    }

    async fn numbers_are_passed_round_in_a_ring_over_many_chunks(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, crowd(0)).await;
        let turned = (0..MANY).map(|n| known_as((n + 1700) % MANY, &format!("id-{n}")));
        let overwrite = admin.update(header(&list).overwrite(), turned.collect()).await;
        let outcome = overwrite.unwrap();
        assert_counts!(outcomes(&outcome), updated: MANY as i32);
        assert_counts!(memberships(&outcome), members: MANY as i32);
        assert_phones(&admin, [("id-0", 1700), ("id-800", 0), ("id-2499", 1699)]).await;
        assert_eq!(on_list(&admin, &list).await, numbers(0..MANY));
    }

    async fn a_remove_passes_numbers_on_and_removes_their_contacts(service: Service) {
        let (admin, list) = with_list(&service).await;
        let stored = vec![known_as(1, "a"), known_as(2, "b"), known_as(3, "c")];
        add(&admin, &list, stored).await;
        let swapped = vec![known_as(2, "a"), known_as(1, "b")];
        let outcome = admin.update(header(&list).remove(), swapped).await.unwrap();
        assert_counts!(outcomes(&outcome), updated: 2);
        assert_counts!(memberships(&outcome), removed: 2, members: 1);
        assert_phones(&admin, [("a", 2), ("b", 1)]).await;
        assert_eq!(on_list(&admin, &list).await, numbers([3]));
    }

    async fn fields_and_records_stay_with_the_contact_and_not_with_its_number(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let stored = vec![
            known_as(1, "a").name("Ada").properties(json!({"plan": "free"})),
            known_as(2, "b").name("Grace").properties(json!({"plan": "pro"})),
        ];
        add(&admin, &list, stored).await;
        let given = vec![
            known_as(2, "a").properties(json!({"visits": 1})),
            known_as(1, "b").email("grace@example.com"),
        ];
        assert_counts!(outcomes(&add(&admin, &list, given).await), updated: 2);
        let (one, two) = (
            stored_with(&admin, 1).await,
            stored_with(&admin, 2).await,
        );
        assert_eq!(one, ("Grace".to_owned(), json!({"plan": "pro"})));
        assert_eq!(two, ("Ada".to_owned(), json!({"plan": "free", "visits": 1})));
    }

    async fn a_swap_that_is_only_validated_is_counted_and_changes_nothing(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let before = admin.members(&list).await;
        let swapped = vec![known_as(2, "a"), known_as(1, "b")];
        let header = header(&list).add().validate_only();
        let outcome = admin.update(header, swapped).await.unwrap();
        assert_counts!(outcomes(&outcome), updated: 2);
        assert_eq!(admin.members(&list).await, before);
    }

    async fn swaps_on_two_lists_at_once_leave_each_number_one_contact(service: Service) {
        let (admin, list) = with_list(&service).await;
        let other = admin.create_list("Others").await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let swaps = [list.clone(), other].map(|list| {
            let caller = service.admin();
            tokio::spawn(async move {
                for n in 0..20 {
                    let (a, b) = if n % 2 == 0 { (2, 1) } else { (1, 2) };
                    let swapped = vec![known_as(a, "a"), known_as(b, "b")];
                    let answer = caller.update(header(&list).add(), swapped).await;
                    let refused = answer.err().map(|status| status.code());
                    // A call that lost too many races has changed nothing.
                    assert!(matches!(refused, None | Some(Code::Aborted)), "{refused:?}");
                }
            })
        });
        for swap in swaps {
            swap.await.unwrap();
        }
        assert_eq!(on_list(&admin, &list).await, numbers([1, 2]));
        let of_a = phone_of(&admin, "a").await;
        let of_b = phone_of(&admin, "b").await;
        assert!(of_a.is_some() && of_b.is_some() && of_a != of_b);
    }
}

/// The name and the record of the contact with the n-th number.
async fn stored_with(caller: &Client, n: u32) -> (String, serde_json::Value) {
    let found = stored(caller, &number(n)).await;
    let record = found.properties.expect("a record");
    (found.name.expect("a name"), json_of(&record))
}
