//! `RevertContactListUpdate`: what comes back.

mod again;
mod refused;

use contact_lists::proto::{
    Contact, ContactListContact, DeleteContactRequest, GetContactRequest,
    RevertContactListUpdateRequest, RevertContactListUpdateResponse as Reverted,
    UpdateContactRequest, get_contact_request, skipped_restoration::Reason as SkipReason,
};

use super::*;

async fn try_revert(caller: &Client, update_id: &str) -> Result<Reverted, Status> {
    let request = RevertContactListUpdateRequest {
        update_id: update_id.to_owned(),
        ..Default::default()
    };
    send(caller, request).await
}

async fn send(
    caller: &Client,
    request: RevertContactListUpdateRequest,
) -> Result<Reverted, Status> {
    let mut lists = caller.lists.clone();
    let answer = lists.revert_contact_list_update(request).await?;
    Ok(answer.into_inner())
}

async fn revert(caller: &Client, update: &Outcome) -> Reverted {
    try_revert(caller, &update.update_id)
        .await
        .expect("a revert")
}

fn skipped(reverted: &Reverted) -> Vec<(SkipReason, i32)> {
    let skipped = reverted.skipped.iter();
    skipped.map(|it| (it.reason(), it.count)).collect()
}

/// The members, without the times at which they were changed.
async fn members(caller: &Client, list: &str) -> Vec<ContactListContact> {
    let mut members = caller.members(list).await;
    for member in &mut members {
        member.contact.as_mut().expect("a contact").update_time = None;
    }
    members
}

async fn is_known(caller: &Client, phone: &str) -> bool {
    let request = GetContactRequest {
        reference: Some(get_contact_request::Reference::Phone(phone.to_owned())),
    };
    caller.contacts.clone().get_contact(request).await.is_ok()
}

async fn rename(caller: &Client, phone: &str, name: &str) {
    let id = caller.contact(phone).await.contact.unwrap().id;
    let contact = Contact {
        id,
        name: Some(name.to_owned()),
        ..Contact::default()
    };
    let request = UpdateContactRequest {
        contact: Some(contact),
        ..Default::default()
    };
    caller
        .contacts
        .clone()
        .update_contact(request)
        .await
        .expect("an update");
}

async fn erase(caller: &Client, phone: &str) {
    let id = caller.contact(phone).await.contact.unwrap().id;
    let request = DeleteContactRequest { id };
    caller
        .contacts
        .clone()
        .delete_contact(request)
        .await
        .expect("an erasure");
}

fn named(numbers: impl IntoIterator<Item = u32>, name: &str) -> Vec<Contact> {
    contacts(numbers)
        .into_iter()
        .map(|it| it.name(name))
        .collect()
}

on_both! {
    async fn members_that_an_add_added_leave(service: Service) {
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        let (list, other) = (admin.create_list("List").await, admin.create_list("Other").await);
        admin.update(header(&other).add().no_opt_ins(), contacts([1])).await.unwrap();
        admin.update(header(&list).add(), contacts([2])).await.unwrap();
        let before = members(&admin, &list).await;
        let update = admin.update(header(&list).add(), contacts([1, 2, 3])).await.unwrap();
        assert_counts!(opt_ins(&update), opted_in: 2);

        let reverted = revert(&admin, &update).await;
        assert_eq!(members(&admin, &list).await, before);
        assert_eq!((reverted.removed_count, reverted.erased_count), (2, 1));
        assert_eq!(reverted.withdrawn_opt_in_count, 2);
        assert_eq!(reverted.reverted_update_id, update.update_id);
        assert_eq!(reverted.contact_list.as_ref().unwrap(), &admin.list(&list).await);
        assert_eq!(admin.opt_states(&number(1)).await, []);
        assert_eq!(admin.opt_states(&number(2)).await.len(), 1);
        assert!(!is_known(&admin, &number(3)).await);
    }

    async fn members_that_a_remove_removed_return_with_their_join_time(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), contacts([1, 2, 3])).await.unwrap();
        let before = members(&admin, &list).await;
        let update = admin.update(header(&list).remove(), contacts([1, 3, 4])).await.unwrap();
        let reverted = revert(&admin, &update).await;
        assert_eq!(members(&admin, &list).await, before);
        assert_eq!((reverted.restored_member_count, reverted.erased_count), (2, 1));
        assert!(!is_known(&admin, &number(4)).await);
    }

    async fn an_overwritten_list_is_as_it_was(service: Service) {
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), named(0..600, "Ada")).await.unwrap();
        let before = members(&admin, &list).await;
        let update = admin.update(header(&list).overwrite(), named(590..700, "Eve")).await.unwrap();
        assert_counts!(memberships(&update), added: 100, removed: 590, members: 110);

        let reverted = revert(&admin, &update).await;
        assert_eq!(members(&admin, &list).await, before);
        assert_eq!((reverted.removed_count, reverted.restored_member_count), (100, 590));
        assert_eq!((reverted.restored_contact_count, reverted.erased_count), (10, 100));
        assert_eq!(reverted.skipped, []);
    }

    async fn a_large_list_that_a_few_overwrote_is_as_it_was(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "100000"]).await;
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), contacts(0..25_000)).await.unwrap();
        let before = members(&admin, &list).await;
        let update = admin.update(header(&list).overwrite(), contacts(24_900..25_000)).await.unwrap();
        assert_counts!(memberships(&update), removed: 24_900, members: 100);
        let reverted = revert(&admin, &update).await;
        assert_eq!(reverted.restored_member_count, 24_900);
        assert_eq!(members(&admin, &list).await, before);
    }

    async fn fields_and_properties_have_their_earlier_values(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let person = |n| contact(&number(n)).external_id(&format!("crm-{n}"));
        let before = vec![
            person(1).name("Ada").email("ada@example.com").properties(json!({"plan": "pro", "visits": 3})),
            person(2),
        ];
        admin.update(header(&list).add(), before).await.unwrap();
        let before = members(&admin, &list).await;
        let changes = vec![
            person(1).name("Eve").email("").language("de").properties(json!({"plan": null, "visits": 4})),
            person(2).properties(json!({"plan": "free"})),
        ];
        let update = admin.update(header(&list).add(), changes).await.unwrap();
        assert_counts!(outcomes(&update), updated: 2);
        let reverted = revert(&admin, &update).await;
        assert_eq!(members(&admin, &list).await, before);
        assert_eq!((reverted.restored_contact_count, skipped(&reverted)), (2, vec![]));
    }

    async fn what_has_changed_since_stays(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let person = |name: &str, email: &str| vec![contact(&number(1)).name(name).email(email)];
        admin.update(header(&list).add(), person("Ada", "ada@example.com")).await.unwrap();
        let update = admin.update(header(&list).add(), person("Eve", "eve@example.com")).await.unwrap();
        rename(&admin, &number(1), "Eva").await;
        let reverted = revert(&admin, &update).await;
        let now = admin.contact(&number(1)).await.contact.unwrap();
        assert_eq!((now.name.as_deref(), now.email.as_deref()), (Some("Eva"), Some("ada@example.com")));
        assert_eq!(skipped(&reverted), [(SkipReason::ContactChanged, 1)]);
    }

    async fn a_created_contact_that_something_has_touched_stays(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        let (list, other) = (admin.create_list("List").await, admin.create_list("Other").await);
        let update = admin.update(header(&list).add(), contacts(1..=5)).await.unwrap();
        rename(&admin, &number(1), "Ada").await;
        admin.update(header(&other).add(), contacts([2])).await.unwrap();
        admin.opt_out(&number(3), &[&channel]).await;
        erase(&admin, &number(4)).await;
        let reverted = revert(&admin, &update).await;
        let known = [1, 2, 3, 4, 5].map(number);
        let mut stayed = Vec::new();
        for phone in &known {
            stayed.push(is_known(&admin, phone).await);
        }
        assert_eq!(stayed, [true, true, true, false, false]);
        assert_eq!(reverted.erased_count, 1);
        assert_eq!(
            skipped(&reverted),
            [(SkipReason::ContactErased, 1), (SkipReason::ContactChanged, 1), (SkipReason::ContactInUse, 2)]
        );
        assert_eq!(members(&admin, &list).await, []);
        assert_eq!(admin.opt_states(&number(3)).await, [(channel, false)]);
    }

    async fn a_removed_member_that_was_erased_since_is_skipped(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), contacts([1, 2])).await.unwrap();
        let update = admin.update(header(&list).remove(), contacts([1, 2])).await.unwrap();
        erase(&admin, &number(1)).await;
        let reverted = revert(&admin, &update).await;
        assert_eq!(reverted.restored_member_count, 1);
        assert_eq!(skipped(&reverted), [(SkipReason::ContactErased, 1)]);
        assert_eq!(admin.list(&list).await.contact_count, 1);
    }

    async fn numbers_that_were_passed_on_go_back(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let people = |numbers: [u32; 4]| -> Vec<Contact> {
            let known_as = |(n, of)| contact(&number(of)).external_id(&format!("crm-{n}"));
            (0..).zip(numbers).map(known_as).collect()
        };
        admin.update(header(&list).add(), people([1, 2, 3, 4])).await.unwrap();
        let before = members(&admin, &list).await;
        // A ring of three, a number that is free, and a new contact on the number that was given up.
        let mut stream = people([2, 3, 1, 5]);
        stream.push(contact(&number(4)).external_id("new"));
        let update = admin.update(header(&list).add(), stream).await.unwrap();
        assert_counts!(outcomes(&update), updated: 4, created: 1);
        let reverted = revert(&admin, &update).await;
        assert_eq!(members(&admin, &list).await, before);
        assert_eq!((reverted.restored_contact_count, reverted.erased_count), (4, 1));
    }

    async fn a_number_that_another_contact_has_taken_since_is_skipped_and_so_is_who_wants_the_next(service: Service) {
        let admin = service.admin();
        let (list, other) = (admin.create_list("List").await, admin.create_list("Other").await);
        let people = |numbers: [u32; 2]| -> Vec<Contact> {
            let known_as = |(n, of)| contact(&number(of)).external_id(&format!("crm-{n}")).name(&format!("{of}"));
            (0..).zip(numbers).map(known_as).collect()
        };
        admin.update(header(&list).add(), people([1, 2])).await.unwrap();
        let update = admin.update(header(&list).add(), people([3, 1])).await.unwrap();
        admin.update(header(&other).add(), contacts([2])).await.unwrap();
        let reverted = revert(&admin, &update).await;
        // The second contact can't have its 2 back, so it keeps 1, which the first one had.
        assert_eq!(skipped(&reverted), [(SkipReason::PhoneTaken, 2)]);
        for (phone, name) in [(3, "1"), (1, "2")] {
            assert_eq!(admin.contact(&number(phone)).await.contact.unwrap().name.as_deref(), Some(name));
        }
    }

    async fn several_updates_are_taken_back_one_call_each(service: Service) {
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        let (mut updates, mut states) = (Vec::new(), Vec::new());
        for (numbers, name) in [(0..4, "one"), (2..6, "two"), (3..9, "three")] {
            states.push(members(&admin, &list).await);
            let header = if name == "two" { header(&list).overwrite() } else { header(&list).add() };
            updates.push(admin.update(header, named(numbers, name)).await.unwrap());
        }
        let refused = try_revert(&admin, &updates[1].update_id).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "UPDATE_NOT_LATEST");
        assert_eq!(metadata(&status, "latest_update_id"), updates[2].update_id);
        for (update, before) in updates.iter().zip(&states).rev() {
            let reverted = revert(&admin, update).await;
            assert_eq!(skipped(&reverted), []);
            assert_eq!(members(&admin, &list).await, *before);
        }
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn opt_outs_that_a_resubscription_lifted_are_in_force_again(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), contacts([1, 2, 3])).await.unwrap();
        admin.opt_out(&number(1), &[&channel]).await;
        admin.opt_out_of_all_channels(&number(2)).await;
        let mut before = Vec::new();
        for n in 1..=3 {
            before.push(admin.preferences(&number(n)).await);
        }
        let update = admin.update(header(&list).add().resubscribe(), contacts([1, 2, 3])).await.unwrap();
        assert_counts!(opt_ins(&update), opted_in: 2);
        let reverted = revert(&admin, &update).await;
        for (n, before) in (1..=3).zip(before) {
            assert_eq!(admin.preferences(&number(n)).await, before, "{n}");
        }
        assert_eq!((reverted.withdrawn_opt_in_count, reverted.restored_opt_out_count), (2, 3));
    }

    async fn what_the_person_has_said_since_stays(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        admin.update(header(&list).add().no_opt_ins(), contacts([1, 2])).await.unwrap();
        admin.opt_out(&number(1), &[&channel]).await;
        let update = admin.update(header(&list).add().resubscribe(), contacts([1, 2])).await.unwrap();
        admin.opt_out(&number(2), &[&channel]).await;
        admin.opt_out(&number(1), &[&channel]).await;
        admin.opt_in(&number(1), &[&channel]).await;
        let reverted = revert(&admin, &update).await;
        assert_eq!(admin.opt_states(&number(1)).await, [(channel.clone(), true)]);
        assert_eq!(admin.opt_states(&number(2)).await, [(channel, false)]);
        assert_eq!((reverted.withdrawn_opt_in_count, reverted.restored_opt_out_count), (0, 0));
    }

    async fn validate_only_says_what_would_happen_and_changes_nothing(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let update = admin.update(header(&list).add(), contacts([1, 2])).await.unwrap();
        let before = service.state(&list).await;
        let request = RevertContactListUpdateRequest {
            update_id: update.update_id.clone(),
            validate_only: true,
            ..Default::default()
        };
        let tried = send(&admin, request).await.unwrap();
        assert_eq!(service.state(&list).await, before);
        assert_eq!((tried.update_id.as_str(), tried.removed_count, tried.erased_count), ("", 2, 2));
        let reverted = revert(&admin, &update).await;
        assert_eq!((reverted.removed_count, reverted.erased_count), (2, 2));
    }

    async fn what_an_older_program_changed_of_a_contact_stays(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), named([1], "Ada")).await.unwrap();
        let update = admin.update(header(&list).add(), named([1, 2], "Eve")).await.unwrap();
        let older = "UPDATE contacts SET email = 'new@example.com', update_time = '2040-01-01T00:00:00Z'";
        service.database().execute(older).await;
        let reverted = revert(&admin, &update).await;
        assert_eq!(admin.contact(&number(1)).await.contact.unwrap().name.as_deref(), Some("Eve"));
        assert!(is_known(&admin, &number(2)).await);
        assert_eq!(skipped(&reverted), [(SkipReason::ContactChanged, 2)]);
    }

    async fn reverts_and_updates_of_one_list_act_one_after_another(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        for round in 0..10 {
            let update = admin.update(header(&list).add(), contacts([1, 2])).await.unwrap();
            let (reverted, added) = tokio::join!(
                try_revert(&admin, &update.update_id),
                admin.update(header(&list).add(), contacts([2, 3])),
            );
            let added = added.unwrap();
            let expected = if reverted.is_ok() { vec![2, 3] } else { vec![1, 2, 3] };
            let mut phones: Vec<String> = admin.members(&list).await.into_iter()
                .map(|it| it.contact.unwrap().phone.unwrap()).collect();
            phones.sort();
            assert_eq!(phones, numbers(expected), "round {round}: {reverted:?}");
            revert(&admin, &added).await;
            if reverted.is_err() {
                revert(&admin, &update).await;
            }
            assert_eq!(admin.members(&list).await, []);
        }
    }
}
