//! `validate_only`: everything but the commit.

use contact_lists::proto::{
    Contact, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsResponse as Outcome,
};

use test_support::*;

const TABLES: [&str; 8] = [
    "channels",
    "communication_preferences",
    "contact_list_contacts",
    "contact_list_updates",
    "contact_lists",
    "contacts",
    "custom_object_records",
    "opted_out_numbers",
];

async fn row_counts(service: &Service) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(service.rows(&format!("SELECT count(*) FROM {table}")).await);
    }
    counts
}

/// A list of three, with every kind of thing that an update changes; returns the list's id.
async fn set_up(admin: &Client) -> String {
    let list = admin.create_list("Customers").await;
    admin.create_customer_object().await;
    let a = admin.create_channel(&number(1_000_001)).await;
    let stored = (1..4).map(|n| contact(&number(n)).external_id(&format!("x{n}")));
    admin
        .update(header(&list).add(), stored.collect())
        .await
        .unwrap();
    admin.create_channel(&number(1_000_002)).await;
    admin.opt_out(&number(1), &[&a]).await;
    admin.opt_out(&number(9), &[&a]).await;
    list
}

/// Contacts with each outcome but rejected: two created (one with an opted-out number), two updated (one changes number), one
/// unchanged, one a duplicate.
fn stream() -> Vec<Contact> {
    vec![
        contact(&number(8)).properties(json!({"plan": "free"})),
        contact(&number(9)),
        contact(&number(1)).name("Ada"),
        contact(&number(7)).external_id("x2"),
        contact(&number(3)),
        contact(&number(8)).name("Bob"),
    ]
}

/// What the real call responds, which `validate_only` must predict.
fn foreseen(outcome: &Outcome) -> Outcome {
    assert!(!outcome.update_id.is_empty());
    let mut foreseen = Outcome {
        update_id: String::new(),
        ..outcome.clone()
    };
    // A trial is not recorded, so the list keeps its version.
    foreseen.contact_list.as_mut().unwrap().version -= 1;
    foreseen
}

/// Tries a call, checks that nothing was written, makes the call, and checks that the trial predicted its response.
async fn try_and_call(service: &Service, header: Header, stream: Vec<Contact>) -> Outcome {
    let admin = service.admin();
    let list = header.contact_list_id.clone();
    let before = (
        row_counts(service).await,
        admin.members(&list).await,
        admin.list(&list).await,
    );
    let people = (
        admin.contact(&number(1)).await,
        admin.contact(&number(2)).await,
    );
    let tried = admin
        .update(header.clone().validate_only(), stream.clone())
        .await
        .unwrap();
    let after = (
        row_counts(service).await,
        admin.members(&list).await,
        admin.list(&list).await,
    );
    assert_eq!(after, before);
    assert_eq!(
        (
            admin.contact(&number(1)).await,
            admin.contact(&number(2)).await
        ),
        people
    );
    assert_eq!(tried.update_id, "");
    let done = admin.update(header, stream).await.unwrap();
    assert_eq!(tried, foreseen(&done));
    done
}

on_both! {
    async fn an_add_is_foreseen_and_not_done(service: Service) {
        let list = set_up(&service.admin()).await;
        let done = try_and_call(&service, header(&list).add(), stream()).await;
        assert_eq!(
            (
                done.created_count,
                done.updated_count,
                done.unchanged_count,
                done.duplicate_count
            ),
            (2, 2, 1, 1)
        );
        assert_eq!((done.added_count, done.removed_count), (2, 0));
        // Contacts 1, 2 and 3 lack the second channel, the new ones both; two opt-outs of the first one hold.
        assert_counts!(opt_ins(&done), opted_in: 6, kept_opt_outs: 2);
        assert_eq!(done.contact_list.unwrap().contact_count, 5);
    }

    async fn an_overwrite_is_foreseen_and_not_done(service: Service) {
        let list = set_up(&service.admin()).await;
        let stream = stream()
            .into_iter()
            .filter(|it| it.phone != Some(number(3)))
            .collect();
        let done = try_and_call(&service, header(&list).overwrite().resubscribe(), stream).await;
        assert_eq!(
            (
                done.added_count,
                done.removed_count,
                done.kept_opt_out_count
            ),
            (2, 1, 0)
        );
        assert_eq!(done.contact_list.unwrap().contact_count, 4);
    }

    async fn a_remove_is_foreseen_and_not_done(service: Service) {
        let list = set_up(&service.admin()).await;
        let done = try_and_call(&service, header(&list).remove(), stream()).await;
        assert_eq!(
            (done.created_count, done.removed_count, done.opted_in_count),
            (2, 3, 0)
        );
        assert_eq!(done.contact_list.unwrap().contact_count, 0);
    }

    async fn rejected_contacts_are_foreseen_under_skip(service: Service) {
        let list = set_up(&service.admin()).await;
        let mut stream = stream();
        stream[2] = contact(&number(1)).external_id("x2");
        stream.push(contact("+49").email("nobody"));
        let done = try_and_call(&service, header(&list).overwrite().skip(), stream).await;
        assert!(done.rejected_count >= 2, "{done:?}");
        assert_eq!(done.rejected_contacts.len(), done.rejected_count as usize);
        let found = rejections(&done);
        assert!(found.contains(&(6, "phone", "PHONE_INVALID")), "{found:?}");
        assert!(found.contains(&(6, "email", "EMAIL_INVALID")), "{found:?}");
    }

    async fn a_call_in_which_all_are_rejected_is_foreseen(service: Service) {
        let list = set_up(&service.admin()).await;
        let stream = vec![contact("+49"), contact(&number(1)).email("nobody")];
        let done = try_and_call(&service, header(&list).overwrite().skip(), stream).await;
        assert_eq!((done.rejected_count, done.removed_count), (2, 0));
    }

    async fn rejected_contacts_fail_the_trial_under_reject_all(service: Service) {
        let admin = service.admin();
        let list = set_up(&admin).await;
        let bad = vec![contact(&number(4)), contact("+49")];
        let refused = admin.update(header(&list).add().validate_only(), bad).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!(
            violations(&status),
            [("contacts[1].phone".to_owned(), "PHONE_INVALID".to_owned())]
        );
    }

    async fn a_list_that_is_not_active_fails_the_trial(service: Service) {
        let admin = service.admin();
        let list = set_up(&admin).await;
        admin.archive_list(&list).await;
        let refused = admin
            .update(header(&list).add().validate_only(), stream())
            .await;
        assert_refused(refused, Code::FailedPrecondition, "CONTACT_LIST_NOT_ACTIVE");
    }

    async fn an_overwrite_needs_its_footer_in_a_trial_too(service: Service) {
        let admin = service.admin();
        let list = set_up(&admin).await;
        let mut messages = messages(header(&list).overwrite().validate_only(), stream());
        messages[0].footer = None;
        assert_refused(
            admin.send(messages).await,
            Code::InvalidArgument,
            "STREAM_INCOMPLETE",
        );
    }

    async fn a_trial_needs_the_write_scope(service: Service) {
        let list = set_up(&service.admin()).await;
        let reader = service.client_with(Scope::Read).await;
        let refused = reader
            .update(header(&list).add().validate_only(), stream())
            .await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
    }
}
