//! Under REJECT_ALL one bad contact fails the call, and nothing is changed.

use super::*;

on_both! {
    async fn one_bad_contact_fails_the_call_by_default(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin.create_channel(&number(1_000_001)).await;
        let refused = admin.update(header(&list).add(), contacts(3, &[1])).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let expected = ("contacts[1].email".to_owned(), "EMAIL_INVALID".to_owned());
        assert_eq!(violations(&status), [expected]);
        assert_eq!(metadata(&status, "rejected_count"), "1");
        assert_eq!(metadata(&status, "received_count"), "3");
        assert_eq!(row_count(&service).await, 0);
    }

    async fn reject_all_can_be_asked_for(service: Service) {
        use contact_lists::proto::update_contact_list_contacts_header::RejectionPolicy;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let mut header = header(&list).add();
        header.set_rejection_policy(RejectionPolicy::RejectAll);
        let refused = admin.update(header.clone(), contacts(3, &[1])).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!(row_count(&service).await, 0);
        assert_eq!(
            admin
                .update(header, contacts(3, &[]))
                .await
                .unwrap()
                .created_count,
            3
        );
    }

    async fn a_failed_overwrite_changes_no_contact_and_no_member(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), contacts(3, &[]))
            .await
            .unwrap();
        let (members, rows) = (admin.members(&list).await, row_count(&service).await);
        let changed = vec![contact(&number(0)).name("Ada"), contact(&number(7)), bad(1)];
        let refused = admin.update(header(&list).overwrite(), changed).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!(admin.members(&list).await, members);
        assert_eq!(row_count(&service).await, rows);
    }

    async fn what_only_the_stored_contacts_show_fails_the_call_too(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(
                header(&list).add(),
                vec![contact(&number(1)).external_id("x")],
            )
            .await
            .unwrap();
        let rows = row_count(&service).await;
        let taken = vec![contact(&number(2)), contact(&number(1)).external_id("y")];
        let status = assert_refused(
            admin.update(header(&list).add(), taken).await,
            Code::InvalidArgument,
            "CONTACTS_REJECTED",
        );
        let found = violations(&status);
        assert_eq!(found.len(), 1);
        assert!(found[0].0.starts_with("contacts[1]"), "{found:?}");
        assert_eq!(found[0].1, "EXTERNAL_ID_MISMATCH");
        assert_eq!(row_count(&service).await, rows);
    }

    async fn a_violation_names_the_place_in_the_whole_stream(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let mut stream = contacts(250, &[]);
        stream[17] = contact("+4915");
        stream[217] = contact(&number(217)).birth_date(2000, 2, 30);
        let refused = admin.update(header(&list).add(), stream).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let expected = [
            ("contacts[17].phone", "PHONE_INVALID"),
            ("contacts[217].birth_date", "BIRTH_DATE_INVALID"),
        ];
        assert_eq!(
            violations(&status),
            expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }

    async fn the_violations_of_thousands_of_bad_contacts_fit_into_trailers(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let bad_ones: Vec<u32> = (0..4000).collect();
        let refused = admin
            .update(header(&list).add(), contacts(4000, &bad_ones))
            .await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!(metadata(&status, "rejected_count"), "4000");
        let listed = status
            .get_details_bad_request()
            .expect("violations")
            .field_violations;
        let text = |it: &tonic_types::FieldViolation| {
            it.field.len() + it.description.len() + it.reason.len()
        };
        let bytes: usize = listed.iter().map(text).sum();
        assert!(bytes <= MAX_VIOLATION_BYTES, "{bytes}");
        assert!(bytes > MAX_VIOLATION_BYTES / 2, "{bytes}");
        for (index, violation) in listed.iter().enumerate() {
            assert_eq!(violation.field, format!("contacts[{index}].email"));
        }
        let in_base64 = status.details().len() * 4 / 3;
        assert!(
            in_base64 + status.message().len() < 8 * 1024 - 512,
            "{in_base64}"
        );
    }
}
