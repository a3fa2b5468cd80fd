//! What a call records, and when two calls meet.

use super::*;

on_both! {
    async fn a_call_that_fails_records_nothing(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let id = new_id();
        let header = header(&list).add().request_id(&id);
        let bad = vec![contact(&number(1)), contact("+49")];
        let refused = admin.update(header.clone(), bad).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let found = admin.recorded_update(Reference::RequestId(id)).await;
        assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        let outcome = admin.update(header, contacts(1..3)).await.unwrap();
        assert_eq!((outcome.replayed, outcome.created_count), (false, 2));
    }

    async fn validate_only_does_not_record_the_request_id(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        let tried = admin
            .update(header.clone().validate_only(), contacts(1..4))
            .await
            .unwrap();
        assert!(!tried.replayed);
        assert_eq!(update_count(&service).await, 0);
        let real = admin.update(header, contacts(5..7)).await.unwrap();
        assert_eq!((real.replayed, real.created_count), (false, 2));
    }

    async fn validate_only_does_not_look_the_request_id_up(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        admin.update(header.clone(), contacts(1..4)).await.unwrap();
        let tried = admin
            .update(header.validate_only(), contacts(3..6))
            .await
            .unwrap();
        assert_eq!(
            (tried.replayed, tried.created_count, tried.unchanged_count),
            (false, 2, 1)
        );
        assert_eq!(tried.update_id, "");
    }

    async fn a_concurrent_duplicate_call_waits_and_gets_the_recorded_answer(service: Service) {
        let (one, two) = (service.admin(), service.admin());
        let list = one.create_list("Customers").await;
        for n in 0..MEETINGS {
            let header = header(&list).add().request_id(&new_id());
            let stream = contacts(n * 10..n * 10 + 10);
            let (a, b) = tokio::join!(
                one.update(header.clone(), stream.clone()),
                two.update(header, stream)
            );
            let (a, b) = (a.unwrap(), b.unwrap());
            let (first, second) = if a.replayed { (b, a) } else { (a, b) };
            assert_eq!(first.created_count, 10);
            assert_eq!(second, replay_of(&first));
        }
        assert_eq!(update_count(&service).await, i64::from(MEETINGS));
        assert_eq!(one.list(&list).await.contact_count, MEETINGS as i32 * 10);
    }

    async fn of_two_concurrent_calls_with_one_request_id_and_different_input_one_is_refused(
        service: Service,
    ) {
        let (one, two) = (service.admin(), service.admin());
        let lists = [
            one.create_list("Customers").await,
            one.create_list("Others").await,
        ];
        for n in 0..MEETINGS {
            let id = new_id();
            // On one list in the even rounds, on two lists in the odd ones.
            let other = &lists[n as usize % 2];
            let (a, b) = tokio::join!(
                one.update(
                    header(&lists[0]).add().request_id(&id),
                    contacts(n * 10..n * 10 + 5)
                ),
                two.update(
                    header(other).add().request_id(&id),
                    contacts(n * 10 + 5..n * 10 + 10)
                ),
            );
            let (applied, refused) = if a.is_ok() { (a, b) } else { (b, a) };
            assert!(!applied.unwrap().replayed);
            assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");
        }
        assert_eq!(
            service.rows("SELECT count(*) FROM contacts").await,
            i64::from(MEETINGS) * 5
        );
    }

    async fn a_request_id_is_unique_in_its_organization_only(service: Service) {
        let (admin, other) = (service.admin(), service.other_admin().await);
        let id = new_id();
        let list = admin.create_list("Customers").await;
        let first = admin
            .update(header(&list).add().request_id(&id), contacts(1..4))
            .await
            .unwrap();
        let found = other.recorded_update(Reference::RequestId(id.clone())).await;
        assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        let found = other.recorded_update(Reference::UpdateId(first.update_id)).await;
        assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        let others = other.create_list("Customers").await;
        let outcome = other
            .update(header(&others).add().request_id(&id), contacts(1..3))
            .await
            .unwrap();
        assert_eq!((outcome.replayed, outcome.created_count), (false, 2));
    }

    async fn a_request_id_is_a_uuid(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        for id in [
            "today",
            "0190f0b0-0000-7000-8000-00000000000",
            "0190f0b000007000800000000000000a",
        ] {
            let refused = admin
                .update(header(&list).add().request_id(id), contacts(1..2))
                .await;
            assert_invalid(refused, "header.request_id", "FIELD_INVALID");
        }
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn an_update_without_a_request_id_is_recorded_without_one(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let outcome = admin
            .update(header(&list).add(), contacts(1..4))
            .await
            .unwrap();
        let update = admin.recorded_update(Reference::UpdateId(outcome.update_id.clone()))
            .await
            .unwrap();
        assert_eq!((update.request_id, update.outcome), (None, Some(outcome)));
    }
}
