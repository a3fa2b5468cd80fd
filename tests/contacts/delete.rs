//! `DeleteContact`: what remains of a person, and what happens when other calls use the contact meanwhile.

mod race;
mod waits;

use contact_lists::proto::{
    ChannelReference, Contact, ContactReference, DeleteContactRequest, GetContactRequest,
    OptOutRequest, channel_reference, contact_reference, get_contact_request,
};
use tonic::Status;

use test_support::*;

/// How often a call that lost a race is repeated.
const ATTEMPT_COUNT: usize = 50;

async fn delete(caller: &Client, id: &str) -> Result<(), Status> {
    let request = DeleteContactRequest { id: id.to_owned() };
    caller.contacts.clone().delete_contact(request).await?;
    Ok(())
}

async fn id_of(caller: &Client, phone: &str) -> Option<String> {
    let reference = get_contact_request::Reference::Phone(phone.to_owned());
    let request = GetContactRequest {
        reference: Some(reference),
    };
    let answer = caller.contacts.clone().get_contact(request).await;
    match answer {
        Ok(answer) => answer.into_inner().contact.map(|contact| contact.id),
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => panic!("{status:?}"),
    }
}

/// Puts contacts on a list without opting them in to anything.
async fn add(caller: &Client, list: &str, contacts: Vec<Contact>) {
    caller
        .update(header(list).add().no_opt_ins(), contacts)
        .await
        .expect("an update");
}

async fn erase(caller: &Client, phone: &str) {
    let id = id_of(caller, phone).await.expect("a contact");
    delete(caller, &id).await.expect("an erasure");
}

on_both! {
    async fn an_erased_contact_is_found_by_nothing(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let person = contact(&number(1)).external_id("e-1");
        add(&admin, &list, vec![person, contact(&number(2))]).await;
        let id = id_of(&admin, &number(1)).await.unwrap();
        delete(&admin, &id).await.unwrap();
        for reference in [
            get_contact_request::Reference::Id(id),
            get_contact_request::Reference::Phone(number(1)),
            get_contact_request::Reference::ExternalId("e-1".to_owned()),
        ] {
            let request = GetContactRequest {
                reference: Some(reference),
            };
            let answer = admin.contacts.clone().get_contact(request).await;
            assert_refused(answer, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
        assert_eq!(phones(&admin.members(&list).await), [number(2)]);
    }

    async fn an_erased_contact_leaves_lists_in_every_state_with_exact_counts(service: Service) {
        let admin = service.admin();
        let mut lists = Vec::new();
        for name in ["Active", "Archived", "Deleted"] {
            let list = admin.create_list(name).await;
            add(
                &admin,
                &list,
                vec![contact(&number(1)), contact(&number(2))],
            )
            .await;
            lists.push(list);
        }
        admin.archive_list(&lists[1]).await;
        admin.delete_list(&lists[2]).await;
        erase(&admin, &number(1)).await;
        for list in &lists {
            assert_eq!(admin.list(list).await.contact_count, 1);
            assert_eq!(phones(&admin.members(list).await), [number(2)]);
        }
        assert_eq!(
            service
                .rows("SELECT count(*) FROM contact_list_contacts")
                .await,
            3
        );
    }

    async fn an_erasure_changes_no_list_but_its_count(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, vec![contact(&number(1))]).await;
        let before = admin.list(&list).await;
        erase(&admin, &number(1)).await;
        let after = admin.list(&list).await;
        assert_eq!((before.contact_count, after.contact_count), (1, 0));
        assert_eq!((after.state, after.name), (before.state, before.name));
        assert_eq!(after.update_time, before.update_time);
    }

    async fn nothing_that_was_said_about_an_erased_person_is_kept(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let values = [
            "secret-id",
            "secret@example.com",
            "Secret Name",
            "secret-plan",
            "Secret Street",
        ];
        let person = contact(&number(1))
            .external_id(values[0])
            .email(values[1])
            .name(values[2])
            .properties(json!({"plan": values[3]}))
            .address(contact_lists::proto::Address {
                address_line_one: values[4].to_owned(),
                ..Default::default()
            });
        add(&admin, &list, vec![person, contact(&number(2))]).await;
        for value in values {
            assert_ne!(
                tables_containing(&service, value).await,
                [""; 0],
                "{value} was stored"
            );
        }
        erase(&admin, &number(1)).await;
        for value in values {
            assert_eq!(tables_containing(&service, value).await, [""; 0], "{value}");
        }
        assert_eq!(
            service
                .rows("SELECT count(*) FROM custom_object_records")
                .await,
            0
        );
    }

    async fn of_an_opted_out_number_only_its_hash_is_kept(service: Service) {
        let admin = service.admin();
        let (channel, list) = (
            admin.create_channel(&number(9)).await,
            admin.create_list("List").await,
        );
        add(
            &admin,
            &list,
            vec![contact(&number(1)), contact(&number(2))],
        )
        .await;
        admin.opt_out(&number(1), &[&channel]).await;
        assert_eq!(tables_containing(&service, &number(1)).await, ["contacts"]);
        erase(&admin, &number(1)).await;
        // Also without the plus, and without the country code.
        for text in [&number(1)[..], &number(1)[1..], &number(1)[3..]] {
            assert_eq!(tables_containing(&service, text).await, [""; 0], "{text}");
        }
        assert_eq!(
            service.rows("SELECT count(*) FROM opted_out_numbers").await,
            1
        );
        assert_eq!(
            service
                .rows("SELECT count(*) FROM communication_preferences")
                .await,
            0
        );
    }

    async fn a_contact_without_opt_outs_leaves_no_hash(service: Service) {
        let admin = service.admin();
        let (channel, list) = (
            admin.create_channel(&number(9)).await,
            admin.create_list("List").await,
        );
        admin
            .update(
                header(&list).add().opt_in_to([channel.as_str()]),
                vec![contact(&number(1))],
            )
            .await
            .unwrap();
        assert_eq!(admin.opt_states(&number(1)).await, [(channel, true)]);
        erase(&admin, &number(1)).await;
        assert_eq!(
            service.rows("SELECT count(*) FROM opted_out_numbers").await,
            0
        );
        assert_eq!(
            service
                .rows("SELECT count(*) FROM communication_preferences")
                .await,
            0
        );
    }

    async fn a_new_contact_with_an_erased_number_starts_opted_out(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let (out, open) = (
            admin.create_channel(&number(8)).await,
            admin.create_channel(&number(9)).await,
        );
        add(&admin, &list, vec![contact(&number(1))]).await;
        let old = id_of(&admin, &number(1)).await;
        admin.opt_out(&number(1), &[&out]).await;
        erase(&admin, &number(1)).await;
        let outcome = admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_eq!(
            (
                outcome.created_count,
                outcome.opted_in_count,
                outcome.kept_opt_out_count
            ),
            (1, 1, 1)
        );
        assert_ne!(id_of(&admin, &number(1)).await, old);
        let mut expected = [(out, false), (open, true)];
        expected.sort();
        assert_eq!(admin.opt_states(&number(1)).await, expected);
    }

    async fn an_opt_out_of_all_channels_outlives_the_contact(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, vec![contact(&number(1))]).await;
        admin.opt_out_of_all_channels(&number(1)).await;
        erase(&admin, &number(1)).await;
        admin.create_channel(&number(9)).await;
        let outcome = admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_counts!(opt_ins(&outcome), kept_opt_outs: 1);
        let preferences = admin.preferences(&number(1)).await;
        assert!(
            preferences[0].all_channels && preferences.iter().all(|it| !it.opted_in),
            "{preferences:?}"
        );
    }

    async fn a_contact_is_erased_once(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(
            &admin,
            &list,
            vec![contact(&number(1)), contact(&number(2))],
        )
        .await;
        let id = id_of(&admin, &number(1)).await.unwrap();
        delete(&admin, &id).await.unwrap();
        let status = assert_refused(
            delete(&admin, &id).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_eq!(metadata(&status, "resource_type"), "contact");
        assert_eq!(metadata(&status, "resource_name"), id);
        assert_eq!(admin.list(&list).await.contact_count, 1);
    }

    async fn an_erasure_needs_the_scope_admin(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, vec![contact(&number(1))]).await;
        let id = id_of(&admin, &number(1)).await.unwrap();
        for scope in [Scope::Read, Scope::Write] {
            let refused = delete(&service.client_with(scope).await, &id).await;
            assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        }
        assert_eq!(id_of(&admin, &number(1)).await, Some(id));
    }

    async fn an_id_to_erase_is_a_contact_of_the_organization(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, vec![contact(&number(1))]).await;
        let id = id_of(&admin, &number(1)).await.unwrap();
        let foreign = delete(&service.other_admin().await, &id).await;
        assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
        let unknown = delete(&admin, &uuid::Uuid::now_v7().to_string()).await;
        assert_refused(unknown, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_invalid(delete(&admin, "").await, "id", "FIELD_REQUIRED");
        assert_invalid(delete(&admin, "7").await, "id", "FIELD_INVALID");
        assert_eq!(id_of(&admin, &number(1)).await, Some(id));
    }
}
