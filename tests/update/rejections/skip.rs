//! Under SKIP the good contacts are applied, and the bad ones change nothing.

use super::*;

on_both! {
    async fn skip_applies_the_good_contacts_and_reports_the_bad_ones(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), contacts(2, &[]))
            .await
            .unwrap();
        let mut stream = contacts(5, &[2, 4]);
        stream.push(contact(&number(3)));
        stream[1] = contact(&number(1)).name("Ada");
        let outcome = admin
            .update(header(&list).add().skip(), stream)
            .await
            .unwrap();
        assert_eq!(outcome.received_count, 6);
        assert_eq!(
            (
                outcome.created_count,
                outcome.updated_count,
                outcome.unchanged_count
            ),
            (1, 1, 1)
        );
        assert_eq!((outcome.duplicate_count, outcome.rejected_count), (1, 2));
        assert_eq!(
            rejections(&outcome),
            [(2, "email", "EMAIL_INVALID"), (4, "email", "EMAIL_INVALID")]
        );
        assert_eq!(
            phones(&admin.members(&list).await),
            [number(0), number(1), number(3)]
        );
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 3);
    }

    async fn all_problems_of_a_contact_are_reported(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let bad = contact("+4915")
            .email("nobody")
            .language("-")
            .birth_date(1, 13, 1);
        let outcome = admin
            .update(header(&list).add().skip(), vec![bad])
            .await
            .unwrap();
        let found: BTreeSet<_> = rejections(&outcome).into_iter().collect();
        let expected = [
            (0, "phone", "PHONE_INVALID"),
            (0, "email", "EMAIL_INVALID"),
            (0, "language", "LANGUAGE_INVALID"),
            (0, "birth_date", "BIRTH_DATE_INVALID"),
        ];
        assert_eq!(found, expected.into_iter().collect());
    }

    async fn an_overwrite_keeps_a_member_whom_a_rejected_contact_names_by_phone(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), contacts(3, &[]))
            .await
            .unwrap();
        let before = admin.members(&list).await;
        let outcome = admin
            .update(
                header(&list).overwrite().skip(),
                vec![contact(&number(0)), bad(1)],
            )
            .await
            .unwrap();
        assert_eq!(
            (
                outcome.added_count,
                outcome.removed_count,
                outcome.rejected_count
            ),
            (0, 1, 1)
        );
        let members = admin.members(&list).await;
        assert_eq!(phones(&members), [number(0), number(1)]);
        assert!(members.iter().all(|member| before.contains(member)));
        assert_eq!(outcome.contact_list.unwrap().contact_count, 2);
    }

    async fn an_overwrite_keeps_a_member_whom_a_rejected_contact_names_by_external_id(
        service: Service,
    ) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let stored = vec![
            contact(&number(0)),
            contact(&number(1)).external_id("x"),
            contact(&number(2)).external_id("y"),
        ];
        admin.update(header(&list).add(), stored).await.unwrap();
        let stream = vec![contact(&number(0)), contact("+4915").external_id("x")];
        let outcome = admin
            .update(header(&list).overwrite().skip(), stream)
            .await
            .unwrap();
        assert_eq!((outcome.removed_count, outcome.rejected_count), (1, 1));
        assert_eq!(phones(&admin.members(&list).await), [number(0), number(1)]);
    }

    async fn an_overwrite_keeps_both_members_whom_a_rejected_contact_names(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let stored = vec![
            contact(&number(0)),
            contact(&number(1)).external_id("x"),
            contact(&number(2)),
            contact(&number(3)),
        ];
        admin.update(header(&list).add(), stored).await.unwrap();
        let stream = vec![contact(&number(0)), contact(&number(2)).external_id("x")];
        let outcome = admin
            .update(header(&list).overwrite().skip(), stream)
            .await
            .unwrap();
        assert_eq!((outcome.removed_count, outcome.rejected_count), (1, 1));
        assert_eq!(
            outcome.rejected_contacts[0].violations[0]
                .reason()
                .as_str_name(),
            "ERROR_REASON_PHONE_TAKEN"
        );
        assert_eq!(
            phones(&admin.members(&list).await),
            [number(0), number(1), number(2)]
        );
    }

    async fn an_overwrite_keeps_a_member_whom_conflicting_duplicates_name(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), contacts(3, &[]))
            .await
            .unwrap();
        let stream = vec![
            contact(&number(0)),
            contact(&number(1)).external_id("x"),
            contact(&number(1)).external_id("y"),
        ];
        let outcome = admin
            .update(header(&list).overwrite().skip(), stream)
            .await
            .unwrap();
        assert_eq!((outcome.removed_count, outcome.rejected_count), (1, 2));
        assert_eq!(phones(&admin.members(&list).await), [number(0), number(1)]);
    }

    async fn a_rejected_contact_adds_no_member(service: Service) {
        let admin = service.admin();
        let (list, other) = (
            admin.create_list("Customers").await,
            admin.create_list("Others").await,
        );
        admin
            .update(header(&other).add(), contacts(2, &[]))
            .await
            .unwrap();
        let stream = vec![contact(&number(0)), bad(1)];
        admin
            .update(header(&list).overwrite().skip(), stream.clone())
            .await
            .unwrap();
        assert_eq!(phones(&admin.members(&list).await), [number(0)]);
        admin
            .update(header(&list).add().skip(), stream)
            .await
            .unwrap();
        assert_eq!(phones(&admin.members(&list).await), [number(0)]);
    }

    async fn a_remove_leaves_a_member_whom_a_rejected_contact_names(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), contacts(2, &[]))
            .await
            .unwrap();
        let outcome = admin
            .update(header(&list).remove().skip(), contacts(2, &[1]))
            .await
            .unwrap();
        assert_eq!((outcome.removed_count, outcome.rejected_count), (1, 1));
        assert_eq!(phones(&admin.members(&list).await), [number(1)]);
    }

    async fn where_all_are_rejected_the_list_stays_as_it_is_and_the_update_is_recorded(
        service: Service,
    ) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), contacts(3, &[]))
            .await
            .unwrap();
        let (members, rows) = (admin.members(&list).await, row_count(&service).await);
        for (count, header) in [
            header(&list).add(),
            header(&list).remove(),
            header(&list).overwrite(),
        ]
        .into_iter()
        .enumerate()
        {
            let outcome = admin
                .update(header.skip(), vec![bad(7), contact("+49")])
                .await
                .unwrap();
            assert_eq!((outcome.received_count, outcome.rejected_count), (2, 2));
            assert_eq!(
                (
                    outcome.added_count,
                    outcome.removed_count,
                    outcome.opted_in_count
                ),
                (0, 0, 0)
            );
            assert_eq!(outcome.contact_list, Some(admin.list(&list).await));
            assert!(!outcome.update_id.is_empty());
            assert_eq!(admin.members(&list).await, members);
            assert_eq!(row_count(&service).await, rows + count as i64 + 1);
        }
    }
}
