//! How many members an update may remove.

use contact_lists::{
    domain::{OrganizationId, percent::Percent},
    repository::organizations::{self, OrganizationChange},
};

use super::*;

/// A list with ten members.
async fn with_ten_members(service: &Service) -> (Client, String) {
    let (admin, list) = with_list(service).await;
    add(&admin, &list, contacts(0..10)).await;
    (admin, list)
}

/// Gives the organization a limit, or takes it away.
async fn limit_organization(service: &Service, percent: Option<f64>) {
    let change = OrganizationChange {
        max_removed_percent: Some(percent.map(|it| Percent::parse(it).expect("a percentage"))),
        ..OrganizationChange::default()
    };
    let organization = OrganizationId(service.organization_id());
    organizations::update(service.repository(), organization, change)
        .await
        .expect("a changed organization");
}

on_both! {
    async fn an_overwrite_that_removes_more_than_a_count_changes_nothing(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        let overwrite = || header(&list).overwrite();
        let before = service.state(&list).await;
        let refused = admin.update(overwrite().max_removed_count(3), contacts(4..20)).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        for (key, value) in [
            ("contact_list_id", list.as_str()),
            ("removed_count", "4"),
            ("contact_count", "10"),
            ("max_removed_count", "3"),
            ("max_removed_percent", ""),
        ] {
            assert_eq!(metadata(&status, key), value, "{key}");
        }
        assert_eq!(service.state(&list).await, before);
        assert!(!is_stored(&admin, &number(19)).await);
        let outcome = admin.update(overwrite().max_removed_count(4), contacts(4..20)).await.unwrap();
        assert_eq!((outcome.added_count, outcome.removed_count), (10, 4));
    }

    async fn an_overwrite_that_removes_more_than_a_percentage_of_the_members_before_changes_nothing(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        let overwrite = || header(&list).overwrite();
        let before = service.state(&list).await;
        // 100 new members don't make it a smaller part.
        let refused = admin.update(overwrite().max_removed_percent(39.5), contacts(4..110)).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        for (key, value) in [
            ("removed_count", "4"),
            ("contact_count", "10"),
            ("max_removed_percent", "39.5"),
            ("max_removed_count", ""),
        ] {
            assert_eq!(metadata(&status, key), value, "{key}");
        }
        assert_eq!(service.state(&list).await, before);
        let outcome = admin.update(overwrite().max_removed_percent(40.0), contacts(4..20)).await.unwrap();
        assert_eq!(outcome.removed_count, 4);
    }

    async fn a_remove_counts_only_the_members_that_it_really_removes(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        let remove = || header(&list).remove();
        for too_few in [remove().max_removed_count(1), remove().max_removed_percent(19.0)] {
            let refused = admin.update(too_few, contacts(8..30)).await;
            let status = assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
            assert_eq!(metadata(&status, "removed_count"), "2");
        }
        assert!(!is_stored(&admin, &number(29)).await, "contacts of a refused call are not created");
        let both = remove().max_removed_count(2).max_removed_percent(20.0);
        assert_eq!(admin.update(both, contacts(8..30)).await.unwrap().removed_count, 2);
    }

    async fn an_add_removes_no_member_whatever_the_limits_are(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        let limited = header(&list).add().max_removed_count(0).max_removed_percent(0.0);
        assert_eq!(admin.update(limited, contacts(5..15)).await.unwrap().added_count, 5);
    }

    async fn an_overwrite_that_removes_no_member_is_within_every_limit(service: Service) {
        let (admin, list) = with_list(&service).await;
        let limited = || header(&list).overwrite().max_removed_count(0).max_removed_percent(0.0);
        for numbers in [0..5, 0..10, 0..10] {
            assert_eq!(admin.update(limited(), contacts(numbers)).await.unwrap().removed_count, 0);
        }
        let refused = admin.update(limited(), contacts(1..10)).await;
        assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
    }

    async fn the_organizations_limit_binds_an_overwrite_and_no_remove(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        limit_organization(&service, Some(20.0)).await;
        let before = service.state(&list).await;
        let refused = admin.update(header(&list).overwrite(), contacts(3..10)).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        assert_eq!(metadata(&status, "max_removed_percent"), "20");
        assert_eq!(service.state(&list).await, before);
        let outcome = admin.update(header(&list).overwrite(), contacts(2..10)).await.unwrap();
        assert_eq!(outcome.removed_count, 2);
        let outcome = admin.update(header(&list).remove(), contacts(2..8)).await.unwrap();
        assert_eq!(outcome.removed_count, 6);
    }

    async fn a_percentage_in_the_header_replaces_the_organizations_limit(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        limit_organization(&service, Some(20.0)).await;
        let stricter = header(&list).overwrite().max_removed_percent(10.0);
        let refused = admin.update(stricter, contacts(2..10)).await;
        assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        // A count only adds to it.
        let counted = header(&list).overwrite().max_removed_count(10);
        let refused = admin.update(counted, contacts(3..10)).await;
        assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        let without = header(&list).overwrite().max_removed_percent(100.0);
        assert_eq!(admin.update(without, contacts([9])).await.unwrap().removed_count, 9);
    }

    async fn the_organizations_limit_is_the_one_at_the_time_of_the_update_and_can_be_taken_away(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        limit_organization(&service, Some(0.0)).await;
        let other = service.other_admin().await;
        let theirs = other.create_list("Customers").await;
        add(&other, &theirs, contacts(0..10)).await;
        let outcome = other.update(header(&theirs).overwrite(), contacts([1])).await.unwrap();
        assert_eq!(outcome.removed_count, 9, "it is another organization's");
        let refused = admin.update(header(&list).overwrite(), contacts(1..10)).await;
        assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        limit_organization(&service, None).await;
        let outcome = admin.update(header(&list).overwrite(), contacts([1])).await.unwrap();
        assert_eq!(outcome.removed_count, 9);
    }

    async fn allow_empty_does_not_lift_a_limit(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        limit_organization(&service, Some(50.0)).await;
        let empty = || header(&list).overwrite().change(|it| it.allow_empty = true);
        let refused = admin.update(empty(), vec![]).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        assert_eq!(metadata(&status, "removed_count"), "10");
        let meant = empty().max_removed_percent(100.0);
        assert_eq!(admin.update(meant, vec![]).await.unwrap().removed_count, 10);
    }

    async fn validate_only_fails_alike(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        let limited = header(&list).overwrite().max_removed_count(3).validate_only();
        let refused = admin.update(limited.clone(), contacts(4..20)).await;
        assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        assert_eq!(admin.update(limited, contacts(3..20)).await.unwrap().removed_count, 3);
    }

    async fn an_update_that_is_refused_records_nothing_and_its_request_id_can_be_sent_again(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        limit_organization(&service, Some(20.0)).await;
        let request_id = uuid::Uuid::new_v4().to_string();
        let overwrite = || header(&list).overwrite().request_id(&request_id);
        let refused = admin.update(overwrite(), contacts([1])).await;
        assert_refused(refused, Code::FailedPrecondition, "TOO_MANY_REMOVED");
        limit_organization(&service, None).await;
        let outcome = admin.update(overwrite(), contacts([1])).await.unwrap();
        assert_eq!((outcome.removed_count, outcome.replayed), (9, false));
        // What is recorded is returned, whatever the limit is by now.
        limit_organization(&service, Some(0.0)).await;
        assert!(admin.update(overwrite(), contacts([1])).await.unwrap().replayed);
    }

    async fn undo_has_no_limit(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcome = add(&admin, &list, contacts(0..10)).await;
        limit_organization(&service, Some(0.0)).await;
        let request = RevertContactListUpdateRequest {
            update_id: outcome.update_id,
            ..RevertContactListUpdateRequest::default()
        };
        admin.lists.clone().revert_contact_list_update(request).await.unwrap();
        assert_eq!(admin.list(&list).await.contact_count, 0);
    }

    async fn limits_are_numbers_from_0_on_and_percentages_up_to_100(service: Service) {
        let (admin, list) = with_ten_members(&service).await;
        for percent in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            let refused = admin.update(header(&list).add().max_removed_percent(percent), contacts([1])).await;
            assert_invalid(refused, "header.max_removed_percent", "FIELD_INVALID");
        }
        let refused = admin.update(header(&list).add().max_removed_count(-1), contacts([1])).await;
        assert_invalid(refused, "header.max_removed_count", "FIELD_INVALID");
        let refused = admin.update(header(&list).add().expected_version(-1), contacts([1])).await;
        assert_invalid(refused, "header.expected_version", "FIELD_INVALID");
    }
}
