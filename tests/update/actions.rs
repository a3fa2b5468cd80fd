//! What the actions do to the list.

use prost_types::Timestamp;
use uuid::Uuid;

use super::*;

/// When the holder of a number became a member.
async fn joined(caller: &Client, list: &str, phone: &str) -> (i64, i32) {
    let members = caller.members(list).await;
    let mut members = members.into_iter();
    let member = members.find(|member| {
        let contact = member.contact.as_ref().expect("a contact");
        contact.phone.as_deref() == Some(phone)
    });
    let Timestamp { seconds, nanos } = member.expect("a member").join_time.expect("a time");
    (seconds, nanos)
}

on_both! {
    async fn adding_creates_the_contacts_and_makes_them_members(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, contacts([1, 2])).await;
        assert_counts!(outcomes(&outcome), created: 2);
        assert_counts!(memberships(&outcome), added: 2, members: 2);
        assert_eq!(on_list(&admin, &list).await, numbers([1, 2]));
    }

    async fn adding_keeps_the_other_members(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let outcome = add(&admin, &list, contacts([2])).await;
        assert_counts!(memberships(&outcome), added: 1, members: 2);
        assert_eq!(on_list(&admin, &list).await, numbers([1, 2]));
    }

    async fn adding_a_member_again_adds_nothing_and_keeps_the_day_of_joining(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let before = joined(&admin, &list, &number(1)).await;
        let outcome = add(&admin, &list, contacts([1, 2])).await;
        assert_counts!(outcomes(&outcome), created: 1, unchanged: 1);
        assert_counts!(memberships(&outcome), added: 1, members: 2);
        assert_eq!(joined(&admin, &list, &number(1)).await, before);
    }

    async fn a_contact_that_is_sent_twice_is_added_once(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, contacts([1, 1, 1])).await;
        assert_counts!(outcomes(&outcome), created: 1, duplicate: 2);
        assert_counts!(memberships(&outcome), added: 1, members: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([1]));
    }

    async fn removing_takes_members_out_and_keeps_them_as_contacts(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1, 2, 3])).await;
        let outcome = admin
            .update(header(&list).remove(), contacts([1, 3]))
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), unchanged: 2);
        assert_counts!(memberships(&outcome), removed: 2, members: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([2]));
        assert!(is_stored(&admin, &number(1)).await);
        assert_eq!(admin.contact(&number(1)).await.contact_lists, []);
    }

    async fn removing_an_unknown_contact_creates_it_and_it_is_no_member(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let unknown = contact(&number(2)).name("Ada");
        let outcome = admin
            .update(header(&list).remove(), vec![unknown])
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), created: 1);
        assert_counts!(memberships(&outcome), members: 1);
        assert_eq!(
            stored(&admin, &number(2)).await.name.as_deref(),
            Some("Ada")
        );
        assert_eq!(on_list(&admin, &list).await, numbers([1]));
    }

    async fn removing_updates_the_contacts(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let renamed = contact(&number(1)).name("Ada");
        let outcome = admin
            .update(header(&list).remove(), vec![renamed])
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), updated: 1);
        assert_counts!(memberships(&outcome), removed: 1);
        assert_eq!(
            stored(&admin, &number(1)).await.name.as_deref(),
            Some("Ada")
        );
    }

    async fn removing_a_contact_that_is_no_member_removes_nothing(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1, 2])).await;
        let remove = || admin.update(header(&list).remove(), contacts([1]));
        assert_counts!(memberships(&remove().await.unwrap()), removed: 1, members: 1);
        assert_counts!(memberships(&remove().await.unwrap()), members: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([2]));
    }

    async fn a_contact_that_is_removed_and_added_again_joins_again(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let before = joined(&admin, &list, &number(1)).await;
        admin
            .update(header(&list).remove(), contacts([1]))
            .await
            .unwrap();
        assert_counts!(memberships(&add(&admin, &list, contacts([1])).await), added: 1, members: 1);
        assert!(joined(&admin, &list, &number(1)).await > before);
    }

    async fn overwriting_leaves_the_given_contacts_as_the_only_members(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1, 2, 3])).await;
        let outcome = admin
            .update(header(&list).overwrite(), contacts([3, 4]))
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), created: 1, unchanged: 1);
        assert_counts!(memberships(&outcome), added: 1, removed: 2, members: 2);
        assert_eq!(on_list(&admin, &list).await, numbers([3, 4]));
    }

    async fn a_contact_that_stays_in_an_overwrite_keeps_the_day_of_joining(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1, 2])).await;
        let before = joined(&admin, &list, &number(2)).await;
        let changed = contact(&number(2)).name("Ada");
        let given = vec![changed, contact(&number(3))];
        let outcome = admin
            .update(header(&list).overwrite(), given)
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), created: 1, updated: 1);
        assert_eq!(joined(&admin, &list, &number(2)).await, before);
        assert!(joined(&admin, &list, &number(3)).await > before);
    }

    async fn a_contact_that_leaves_in_an_overwrite_is_still_a_contact(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![contact(&number(1)).name("Ada")]).await;
        let before = stored(&admin, &number(1)).await;
        admin
            .update(header(&list).overwrite(), contacts([2]))
            .await
            .unwrap();
        assert_eq!(stored(&admin, &number(1)).await, before);
        assert_eq!(admin.contact(&number(1)).await.contact_lists, []);
    }

    async fn overwriting_with_the_same_contacts_changes_no_membership(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1, 2])).await;
        let before = admin.members(&list).await;
        let outcome = admin
            .update(header(&list).overwrite(), contacts([2, 1]))
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), unchanged: 2);
        assert_counts!(memberships(&outcome), members: 2);
        assert_eq!(admin.members(&list).await, before);
    }

    async fn overwriting_adds_contacts_that_were_no_members(service: Service) {
        let (admin, list) = with_list(&service).await;
        let other = admin.create_list("Others").await;
        add(&admin, &other, contacts([1])).await;
        let outcome = admin
            .update(header(&list).overwrite(), contacts([1]))
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_counts!(memberships(&outcome), added: 1, members: 1);
        assert_eq!(on_list(&admin, &list).await, numbers([1]));
    }

    async fn an_action_leaves_the_other_lists_alone(service: Service) {
        let (admin, list) = with_list(&service).await;
        let other = admin.create_list("Others").await;
        add(&admin, &list, contacts([1, 2])).await;
        add(&admin, &other, contacts([1, 2])).await;
        let before = (admin.list(&other).await, admin.members(&other).await);
        admin
            .update(header(&list).remove(), contacts([1]))
            .await
            .unwrap();
        admin
            .update(header(&list).overwrite(), contacts([3]))
            .await
            .unwrap();
        assert_eq!(
            (admin.list(&other).await, admin.members(&other).await),
            before
        );
    }

    async fn the_list_is_answered_as_it_is_after_the_update(service: Service) {
        let (admin, list) = with_list(&service).await;
        let before = admin.list(&list).await;
        for header in [
            header(&list).add(),
            header(&list).overwrite(),
            header(&list).remove(),
        ] {
            let outcome = admin.update(header, contacts([1, 2])).await.unwrap();
            let read = admin.list(&list).await;
            assert_eq!(outcome.contact_list, Some(read.clone()));
            assert_eq!(read.update_time, before.update_time);
        }
    }

    async fn an_update_has_an_id(service: Service) {
        let (admin, list) = with_list(&service).await;
        let first = add(&admin, &list, contacts([1])).await.update_id;
        let second = add(&admin, &list, contacts([1])).await.update_id;
        assert_eq!(first.parse::<Uuid>().unwrap().get_version_num(), 7);
        assert_ne!(first, second);
    }

    async fn the_counts_of_many_contacts_are_exact(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, contacts(0..1500)).await;
        assert_counts!(outcomes(&outcome), created: 1500);
        assert_counts!(memberships(&outcome), added: 1500, members: 1500);
        let outcome = admin
            .update(header(&list).remove(), contacts(1400..1700))
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), created: 200, unchanged: 100);
        assert_counts!(memberships(&outcome), removed: 100, members: 1400);
        let outcome = admin
            .update(header(&list).overwrite(), contacts(1000..2500))
            .await
            .unwrap();
        assert_counts!(outcomes(&outcome), created: 800, unchanged: 700);
        assert_counts!(memberships(&outcome), added: 1100, removed: 1000, members: 1500);
        let expected: Vec<String> = (1000..2500).map(number).collect();
        assert_eq!(on_list(&admin, &list).await, expected);
        assert_eq!(admin.list(&list).await.contact_count, 1500);
    }

    async fn an_unknown_list_is_not_found(service: Service) {
        let id = Uuid::now_v7().to_string();
        let refused = service
            .admin()
            .update(header(&id).add(), contacts([1]))
            .await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn another_organizations_list_is_not_found(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let other = service.other_admin().await;
        for header in [
            header(&list).add(),
            header(&list).overwrite(),
            header(&list).remove(),
        ] {
            let refused = other.update(header, contacts([1])).await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
        assert_eq!(on_list(&admin, &list).await, numbers([1]));
        assert!(!is_stored(&other, &number(1)).await);
    }

    async fn a_list_that_is_not_active_is_not_updated_whatever_the_action(service: Service) {
        let admin = service.admin();
        let archived = admin.create_list("Archived").await;
        add(&admin, &archived, contacts([1])).await;
        admin.archive_list(&archived).await;
        let deleted = admin.create_list("Deleted").await;
        admin.delete_list(&deleted).await;
        for (list, state) in [(&archived, "archived"), (&deleted, "deleted")] {
            for header in [
                header(list).add(),
                header(list).overwrite(),
                header(list).remove(),
            ] {
                let refused = admin.update(header, contacts([2])).await;
                let status =
                    assert_refused(refused, Code::FailedPrecondition, "CONTACT_LIST_NOT_ACTIVE");
                assert_eq!(metadata(&status, "contact_list_id"), *list);
                assert_eq!(metadata(&status, "state"), state);
            }
        }
        assert_eq!(on_list(&admin, &archived).await, numbers([1]));
        assert!(!is_stored(&admin, &number(2)).await);
    }

    async fn organizations_have_contacts_of_their_own_with_the_same_number(service: Service) {
        let (admin, list) = with_list(&service).await;
        let other = service.other_admin().await;
        let other_list = other.create_list("Customers").await;
        let theirs = contact(&number(1)).name("Grace").external_id("a");
        add(&other, &other_list, vec![theirs]).await;
        let ours = contact(&number(1)).name("Ada").external_id("a");
        let outcome = add(&admin, &list, vec![ours]).await;
        assert_counts!(outcomes(&outcome), created: 1);
        assert_eq!(
            stored(&admin, &number(1)).await.name.as_deref(),
            Some("Ada")
        );
        assert_eq!(
            stored(&other, &number(1)).await.name.as_deref(),
            Some("Grace")
        );
        assert_eq!(admin.list(&list).await.contact_count, 1);
    }
}
