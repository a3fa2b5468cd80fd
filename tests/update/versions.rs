//! The version of a list: it grows with every update, and a call can say which one it expects.

use contact_lists::proto::{DeleteContactRequest, get_contact_list_update_request::Reference};

use super::*;

on_both! {
    async fn a_version_grows_by_one_with_every_recorded_update(service: Service) {
        let (admin, list) = with_list(&service).await;
        assert_eq!(admin.list(&list).await.version, 0);
        let actions = [
            header(&list).add(),
            header(&list).remove(),
            header(&list).overwrite(),
            // Every contact is rejected, and the update recorded.
            header(&list).add().skip(),
        ];
        for (version, header) in (1..).zip(actions) {
            let person = if version == 4 { contact("+4915") } else { contact(&number(1)) };
            let outcome = admin.update(header, vec![person]).await.unwrap();
            assert_eq!(outcome.contact_list.unwrap().version, version);
            assert_eq!(admin.list(&list).await.version, version);
        }
        let tried = header(&list).add().validate_only();
        assert_eq!(admin.update(tried, contacts([2])).await.unwrap().contact_list.unwrap().version, 4);
        let refused = admin.update(header(&list).add(), vec![contact("+4915")]).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        admin.archive_list(&list).await;
        assert_eq!(admin.list(&list).await.version, 4);
    }

    async fn a_version_grows_by_one_with_the_erasure_of_a_member(service: Service) {
        let (admin, list) = with_list(&service).await;
        let other = admin.create_list("Others").await;
        add(&admin, &list, contacts([1, 2])).await;
        let id = admin.contact(&number(1)).await.contact.unwrap().id;
        admin.contacts.clone().delete_contact(DeleteContactRequest { id }).await.unwrap();
        assert_eq!(admin.list(&list).await.version, 2);
        assert_eq!(admin.list(&other).await.version, 0);
    }

    async fn the_record_of_an_update_has_the_version_after_it(service: Service) {
        let (admin, list) = with_list(&service).await;
        let outcomes = [add(&admin, &list, contacts([1])).await, add(&admin, &list, contacts([1])).await];
        for (version, outcome) in (1..).zip(outcomes) {
            let update = admin.recorded_update(Reference::UpdateId(outcome.update_id)).await.unwrap();
            assert_eq!(update.outcome.unwrap().contact_list.unwrap().version, version);
        }
    }

    async fn an_update_of_the_expected_version_is_applied(service: Service) {
        let (admin, list) = with_list(&service).await;
        for version in 0..3 {
            let expecting = header(&list).add().expected_version(version);
            let outcome = admin.update(expecting, contacts([1])).await.unwrap();
            assert_eq!(outcome.contact_list.unwrap().version, version + 1);
        }
    }

    async fn an_update_of_another_version_changes_nothing(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, contacts([1])).await;
        let before = service.state(&list).await;
        for expected in [0, 2] {
            for header in [header(&list).add(), header(&list).remove(), header(&list).overwrite()] {
                for header in [header.clone(), header.validate_only()] {
                    let refused = admin.update(header.expected_version(expected), contacts([2])).await;
                    let status = assert_refused(refused, Code::FailedPrecondition, "VERSION_MISMATCH");
                    assert_eq!(metadata(&status, "contact_list_id"), list);
                    assert_eq!(metadata(&status, "expected_version"), expected.to_string());
                    assert_eq!(metadata(&status, "version"), "1");
                }
            }
        }
        assert_eq!(service.state(&list).await, before);
    }

    async fn of_two_updates_that_expect_one_version_only_one_is_applied(service: Service) {
        let (admin, list) = with_list(&service).await;
        let expecting = |n| admin.update(header(&list).add().expected_version(0), contacts([n]));
        let (one, other) = tokio::join!(expecting(1), expecting(2));
        let (applied, refused) = if one.is_ok() { (one, other) } else { (other, one) };
        assert_eq!(applied.unwrap().added_count, 1);
        assert_refused(refused, Code::FailedPrecondition, "VERSION_MISMATCH");
        assert_eq!(admin.list(&list).await.contact_count, 1);
    }

    async fn the_version_is_compared_when_the_update_is_applied(service: Service) {
        let (admin, list) = with_list(&service).await;
        let stream = admin.open(header(&list).add().expected_version(0)).await;
        stream.send_contacts(contacts([1])).await;
        add(&admin, &list, contacts([2])).await;
        assert_refused(stream.finish().await, Code::FailedPrecondition, "VERSION_MISMATCH");
        assert!(!is_stored(&admin, &number(1)).await);
    }

    async fn a_recorded_request_id_is_answered_before_the_version_is_looked_at(service: Service) {
        let (admin, list) = with_list(&service).await;
        let request_id = uuid::Uuid::new_v4().to_string();
        let call = || header(&list).add().request_id(&request_id).expected_version(0);
        let first = admin.update(call(), contacts([1])).await.unwrap();
        let again = admin.update(call(), contacts([1])).await.unwrap();
        assert_eq!((again.replayed, again.update_id), (true, first.update_id));
        assert_eq!(admin.list(&list).await.version, 1);
        // Another expectation is another input.
        let refused = admin.update(call().expected_version(1), contacts([1])).await;
        assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");
    }
}
