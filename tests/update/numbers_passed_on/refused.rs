//! Numbers that are not passed on, as the contact that would give them up is rejected.

use super::*;

const TAKEN: &str = "PHONE_TAKEN";
const MISMATCH: &str = "EXTERNAL_ID_MISMATCH";
const CONFLICT: &str = "CONFLICTING_DUPLICATE";

/// Checks that an update rejects all of these contacts, for these reasons, and changes nothing.
async fn assert_rejected(caller: &Client, list: &str, contacts: Vec<Contact>, expected: &[&str]) {
    let members = caller.members(list).await;
    let outcome = try_add(caller, list, contacts.clone()).await;
    let expected: Vec<_> = (0..).zip(expected.iter().copied()).collect();
    assert_eq!(reasons(&outcome), expected);
    let refused = caller.update(header(list).add(), contacts).await;
    assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
    assert_eq!(caller.members(list).await, members);
}

on_both! {
    async fn a_contact_is_rejected_with_the_one_that_has_its_number_all_along_the_chain(service: Service) {
        let (admin, list) = with_list(&service).await;
        let stored = [(1, "a"), (2, "b"), (3, "c"), (4, "d")].map(|(n, id)| known_as(n, id));
        add(&admin, &list, stored.to_vec()).await;
        let chain = vec![
            known_as(1, "new"),
            known_as(2, "a"),
            known_as(3, "b"),
            known_as(4, "c"),
        ];
        assert_rejected(&admin, &list, chain, &[MISMATCH, TAKEN, TAKEN, TAKEN]).await;
    }

    async fn a_long_chain_is_rejected_from_its_end_and_another_one_applied(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, crowd(0)).await;
        add(&admin, &list, vec![known_as(MANY, "outside"), known_as(9000, "x"), known_as(9001, "y")]).await;
        let mut given = crowd(1);
        given.extend([known_as(9001, "x"), known_as(9002, "y")]);
        let outcome = try_add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), updated: 2, rejected: MANY as i32);
        assert!(reasons(&outcome).iter().all(|(_, reason)| *reason == TAKEN));
        assert_phones(&admin, [("id-0", 0), ("id-2499", 2499), ("x", 9001), ("y", 9002)]).await;
    }

    async fn a_ring_is_rejected_whole_with_any_of_its_contacts(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![property("plan", Type::Text).required(), property("vip", Type::Boolean)];
        admin.create_object("customer", properties).await;
        let stored = [(1, "a"), (2, "b"), (3, "c")].map(|(n, id)| known_as(n, id));
        add(&admin, &list, stored.to_vec()).await;
        let ring = vec![
            known_as(2, "a"),
            known_as(3, "b").properties(json!({"vip": true})),
            known_as(1, "c"),
        ];
        let outcome = try_add(&admin, &list, ring).await;
        let mut found = reasons(&outcome);
        found.sort_unstable();
        assert_eq!(found, [(0, TAKEN), (1, TAKEN), (1, "PROPERTY_REQUIRED"), (2, TAKEN)]);
        assert_phones(&admin, [("a", 1), ("b", 2), ("c", 3)]).await;
    }

    async fn a_number_is_given_up_though_the_contact_that_wants_it_is_rejected(service: Service) {
        let (admin, list) = with_list(&service).await;
        let properties = vec![property("plan", Type::Text).required(), property("vip", Type::Boolean)];
        admin.create_object("customer", properties).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let given = vec![known_as(3, "a"), known_as(1, "b").properties(json!({"vip": true}))];
        let outcome = try_add(&admin, &list, given).await;
        assert_eq!(reasons(&outcome), [(1, "PROPERTY_REQUIRED")]);
        assert_counts!(outcomes(&outcome), updated: 1, rejected: 1);
        assert_phones(&admin, [("a", 3), ("b", 2)]).await;
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn a_contact_that_is_not_valid_gives_no_number_up(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let given = vec![known_as(3, "a").email("no email"), known_as(1, "b"), known_as(2, "c")];
        let expected = ["EMAIL_INVALID", TAKEN, MISMATCH];
        assert_rejected(&admin, &list, given, &expected).await;
    }

    async fn a_number_without_an_external_id_is_the_contact_that_gives_it_up(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let given = vec![contact(&number(1)), known_as(3, "a")];
        assert_rejected(&admin, &list, given, &[CONFLICT, CONFLICT]).await;
        // That "b" could have the number of "a" does not help it.
        let given = vec![contact(&number(2)), known_as(1, "b"), known_as(3, "a")];
        let outcome = try_add(&admin, &list, given).await;
        assert_eq!(reasons(&outcome), [(0, CONFLICT), (1, CONFLICT)]);
        assert_phones(&admin, [("a", 3), ("b", 2)]).await;
    }

    async fn a_message_without_an_external_id_joins_the_group_that_takes_its_number(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
        let given = vec![known_as(3, "a"), known_as(1, "b"), contact(&number(1)).name("Grace")];
        let outcome = add(&admin, &list, given).await;
        assert_counts!(outcomes(&outcome), updated: 2, duplicate: 1);
        assert_eq!(stored(&admin, &number(1)).await.external_id.as_deref(), Some("b"));
    }

    async fn a_rejected_chain_removes_no_member_in_an_overwrite(service: Service) {
        let (admin, list) = with_list(&service).await;
        let stored = [(1, "a"), (2, "b"), (3, "c"), (4, "d")].map(|(n, id)| known_as(n, id));
        add(&admin, &list, stored.to_vec()).await;
        let given = vec![known_as(2, "a"), known_as(3, "b"), known_as(9, "new")];
        let overwrite = admin.update(header(&list).overwrite().skip(), given).await;
        let outcome = overwrite.unwrap();
        assert_eq!(reasons(&outcome), [(0, TAKEN), (1, TAKEN)]);
        assert_counts!(memberships(&outcome), added: 1, removed: 1, members: 4);
        assert_eq!(on_list(&admin, &list).await, numbers([1, 2, 3, 9]));
    }
}
