//! Who is the same contact.

use contact_lists::proto::Contact;

use super::*;

/// A contact with the n-th number and this external_id.
fn known_as(n: u32, external_id: &str) -> Contact {
    contact(&number(n)).external_id(external_id)
}

/// Checks that an update which rejects all of these contacts, for these reasons, changes nothing.
async fn assert_rejected(caller: &Client, list: &str, contacts: Vec<Contact>, expected: &[&str]) {
    let members = caller.members(list).await;
    let outcome = try_add(caller, list, contacts.clone()).await;
    let expected: Vec<_> = (0..).zip(expected.iter().copied()).collect();
    assert_eq!(reasons(&outcome), expected);
    assert_eq!((outcome.added_count, outcome.removed_count), (0, 0));
    let refused = caller.update(header(list).add(), contacts).await;
    assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
    assert_eq!(caller.members(list).await, members);
}

on_both! {
    async fn a_contact_whose_number_and_external_id_are_not_stored_is_new(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let outcome = add(&admin, &list, vec![known_as(2, "b"), contact(&number(3))]).await;
        assert_counts!(outcomes(&outcome), created: 2);
        assert_eq!(phone_of(&admin, "a").await, Some(number(1)));
        assert_eq!(phone_of(&admin, "b").await, Some(number(2)));
        assert_eq!(stored(&admin, &number(3)).await.external_id, None);
    }

    async fn a_contact_with_the_stored_external_id_and_phone_is_the_same(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(&admin, &list, vec![known_as(1, "a").name("Ada")]).await;
        assert_counts!(outcomes(&outcome), updated: 1);
        let after = stored(&admin, &number(1)).await;
        assert_eq!((after.id, after.name.as_deref()), (before.id, Some("Ada")));
    }

    async fn a_stored_external_id_with_another_phone_changes_the_number(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a").name("Ada")]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(&admin, &list, vec![known_as(2, "a")]).await;
        assert_counts!(outcomes(&outcome), updated: 1);
        assert_counts!(memberships(&outcome), members: 1);
        let after = stored(&admin, &number(2)).await;
        assert_eq!((after.id, after.name), (before.id, before.name));
        assert_eq!(after.create_time, before.create_time);
        assert!(!is_stored(&admin, &number(1)).await);
        assert_eq!(on_list(&admin, &list).await, numbers([2]));
    }

    async fn a_change_of_number_joins_the_list_under_the_new_number(service: Service) {
        let (admin, list) = with_list(&service).await;
        let other = admin.create_list("Others").await;
        add(&admin, &other, vec![known_as(1, "a")]).await;
        let outcome = admin
            .update(header(&list).overwrite(), vec![known_as(2, "a")])
            .await
            .unwrap();
        assert_counts!(memberships(&outcome), added: 1, members: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([2]));
        assert_eq!(on_list(&admin, &other).await, numbers([2]));
    }

    async fn removing_by_external_id_with_a_new_number_changes_it_and_removes(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let outcome = admin
            .update(header(&list).remove(), vec![known_as(2, "a")])
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), updated: 1);
        assert_counts!(memberships(&outcome), removed: 1);
        assert_eq!(phone_of(&admin, "a").await, Some(number(2)));
    }

    async fn a_stored_phone_is_the_same_contact_where_the_call_gives_no_external_id(
        service: Service,
    ) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), contact(&number(2))]).await;
        let named = [1, 2].map(|n| contact(&number(n)).name("Ada"));
        let outcome = add(&admin, &list, named.to_vec()).await;
        assert_counts!(outcomes(&outcome), updated: 2);
        let first = stored(&admin, &number(1)).await;
        assert_eq!(
            (first.name.as_deref(), first.external_id.as_deref()),
            (Some("Ada"), Some("a"))
        );
        let second = stored(&admin, &number(2)).await;
        assert_eq!(
            (second.name.as_deref(), second.external_id),
            (Some("Ada"), None)
        );
    }

    async fn an_external_id_is_set_on_a_stored_contact_without_one(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![contact(&number(1))]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(&admin, &list, vec![known_as(1, "a")]).await;
        assert_counts!(outcomes(&outcome), updated: 1);
        let after = stored(&admin, &number(1)).await;
        assert_eq!(
            (after.id, after.external_id.as_deref()),
            (before.id, Some("a"))
        );
        assert_eq!(phone_of(&admin, "a").await, Some(number(1)));
    }

    async fn a_number_of_another_contact_is_taken(service: Service) {
        let (admin, list) = with_list(&service).await;
        let taken = vec![known_as(1, "a"), known_as(2, "b"), contact(&number(3))];
        add(&admin, &list, taken).await;
        assert_rejected(&admin, &list, vec![known_as(2, "a")], &["PHONE_TAKEN"]).await;
        assert_rejected(&admin, &list, vec![known_as(3, "a")], &["PHONE_TAKEN"]).await;
    }

    async fn a_number_of_a_contact_with_another_external_id_is_a_mismatch(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        assert_rejected(
            &admin,
            &list,
            vec![known_as(1, "b")],
            &["EXTERNAL_ID_MISMATCH"],
        )
        .await;
        assert_eq!(phone_of(&admin, "b").await, None);
    }

    async fn an_external_id_freed_by_this_update_still_names_its_contact(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let given = vec![known_as(1, ""), known_as(2, "a")];
        let expected = ["CONFLICTING_DUPLICATE", "CONFLICTING_DUPLICATE"];
        assert_rejected(&admin, &list, given.clone(), &expected).await;
        add(&admin, &list, given[..1].to_vec()).await;
        let outcome = add(&admin, &list, given[1..].to_vec()).await;
        assert_counts!(outcomes(&outcome), created: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([1, 2]));
    }

    async fn an_external_id_set_by_this_update_is_not_looked_up_by_it(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1, 2])).await;
        let given = vec![known_as(1, "a"), known_as(2, "a")];
        let expected = ["CONFLICTING_DUPLICATE", "CONFLICTING_DUPLICATE"];
        assert_rejected(&admin, &list, given.clone(), &expected).await;
        add(&admin, &list, given[..1].to_vec()).await;
        assert_rejected(&admin, &list, given[1..].to_vec(), &["PHONE_TAKEN"]).await;
    }

    async fn an_empty_external_id_clears_it(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a")]).await;
        let before = stored(&admin, &number(1)).await;
        let outcome = add(&admin, &list, vec![known_as(1, "")]).await;
        assert_counts!(outcomes(&outcome), updated: 1);
        let after = stored(&admin, &number(1)).await;
        assert_eq!((after.id, after.external_id), (before.id, None));
        assert_eq!(phone_of(&admin, "a").await, None);
    }

    async fn an_empty_external_id_is_none_for_look_ups(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, vec![known_as(1, ""), known_as(2, "")]).await;
        assert_counts!(outcomes(&outcome), created: 2);
        let outcome = add(&admin, &list, vec![known_as(2, ""), known_as(3, "")]).await;
        assert_counts!(outcomes(&outcome), created: 1, unchanged: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([1, 2, 3]));
        assert_eq!(stored(&admin, &number(1)).await.external_id, None);
    }

    async fn external_ids_are_compared_byte_by_byte(service: Service) {
        let (admin, list) = with_list(&service).await;
        let ids = [
            "a", "A", "a ", " a", "\u{e9}", "e\u{301}", "a%", "a_", "0", "00",
        ];
        let given: Vec<_> = (1..).zip(ids).map(|(n, id)| known_as(n, id)).collect();
        let outcome = add(&admin, &list, given.clone()).await;
        assert_counts!(outcomes(&outcome), created: 10);
        for (n, id) in (1..).zip(ids) {
            assert_eq!(phone_of(&admin, id).await, Some(number(n)), "{id:?}");
        }
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), unchanged: 10);
        let other_case = vec![known_as(1, "A")];
        assert_rejected(&admin, &list, other_case, &["PHONE_TAKEN"]).await;
        assert_rejected(
            &admin,
            &list,
            vec![known_as(5, "\u{c9}")],
            &["EXTERNAL_ID_MISMATCH"],
        )
        .await;
    }

    async fn contacts_that_move_and_contacts_that_are_new_are_told_apart_in_one_update(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = vec![known_as(1, "a"), known_as(2, "b"), contact(&number(3))];
        add(&admin, &list, given).await;
        let given = vec![
            known_as(9, "a"),
            known_as(2, "b").name("Ada"),
            known_as(3, "c"),
            known_as(4, "d"),
            contact(&number(5)),
        ];
        let outcome = admin
            .update(header(&list).overwrite(), given)
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), created: 2, updated: 3);
        assert_counts!(memberships(&outcome), added: 2, members: 5);
        assert_eq!(on_list(&admin, &list).await, numbers([2, 3, 4, 5, 9]));
        assert_eq!(phone_of(&admin, "a").await, Some(number(9)));
        assert_eq!(phone_of(&admin, "c").await, Some(number(3)));
    }
}
