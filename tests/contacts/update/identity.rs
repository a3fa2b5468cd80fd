//! Which contact is changed, and what a change of number or external_id does.

use super::*;

fn at(contact: &Contact, phone: &str) -> Contact {
    of(contact).change(|it| it.phone = Some(phone.to_owned()))
}

on_both! {
    async fn a_contact_can_change_its_number(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let after = change(&admin, at(&before, "+49 151 10000002"))
            .await
            .unwrap();
        let expected = before.clone().change(|it| it.phone = Some(number(2)));
        assert!(same_but_for_time(&after, &expected), "{after:?}");
        assert_eq!(read(&admin, &number(2)).await, after);
        // The old number is free.
        assert_ne!(stored(&admin, contact(&number(1))).await.id, before.id);
    }

    async fn a_contact_that_changes_number_keeps_its_lists(service: Service) {
        let admin = service.admin();
        let before = stored(&admin, contact(&number(1))).await;
        let lists = admin.contact(&number(1)).await.contact_lists;
        change(&admin, at(&before, &number(2))).await.unwrap();
        assert_eq!(lists.len(), 1);
        assert_eq!(admin.contact(&number(2)).await.contact_lists, lists);
    }

    async fn opt_outs_stay_behind_with_the_old_number(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel(&number(99)).await;
        let before = stored(&admin, contact(&number(1))).await;
        admin.opt_out(&number(1), &[&channel]).await;
        change(&admin, at(&before, &number(2))).await.unwrap();
        // The contact keeps its own, and the number keeps them for the next contact that has it.
        assert_eq!(admin.opt_states(&number(2)).await, [(channel.clone(), false)]);
        stored(&admin, contact(&number(1))).await;
        assert_eq!(admin.opt_states(&number(1)).await, [(channel, false)]);
    }

    async fn opt_outs_of_the_new_number_are_taken_over(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel(&number(99)).await;
        let before = stored(&admin, contact(&number(1))).await;
        admin.opt_in(&number(1), &[&channel]).await;
        admin.opt_out(&number(2), &[&channel]).await;
        change(&admin, at(&before, &number(2))).await.unwrap();
        assert_eq!(admin.opt_states(&number(2)).await, [(channel, false)]);
        // An opt-in is not passed on: the old number starts without a preference.
        stored(&admin, contact(&number(1))).await;
        assert_eq!(admin.opt_states(&number(1)).await, []);
    }

    async fn an_opt_out_of_all_channels_is_taken_over_with_the_number(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel(&number(99)).await;
        let before = stored(&admin, contact(&number(1))).await;
        admin.opt_in(&number(1), &[&channel]).await;
        admin.opt_out_of_all_channels(&number(2)).await;
        change(&admin, at(&before, &number(2))).await.unwrap();
        let preferences = admin.preferences(&number(2)).await;
        assert!(preferences[0].all_channels, "{preferences:?}");
        assert!(preferences.iter().all(|it| !it.opted_in), "{preferences:?}");
    }

    async fn an_opt_in_of_the_new_number_does_not_lift_the_contacts_own_opt_out_of_all(
        service: Service,
    ) {
        let admin = service.admin();
        let before = stored(&admin, contact(&number(1))).await;
        admin.opt_out_of_all_channels(&number(1)).await;
        admin.opt_out_of_all_channels(&number(2)).await;
        let later = admin.create_channel(&number(99)).await;
        admin.opt_in(&number(2), &[&later]).await;
        change(&admin, at(&before, &number(2))).await.unwrap();
        let preferences = admin.preferences(&number(2)).await;
        assert!(preferences[0].all_channels, "{preferences:?}");
        assert!(preferences.iter().all(|it| !it.opted_in), "{preferences:?}");
    }

    async fn a_phone_belongs_to_one_contact(service: Service) {
        let admin = service.admin();
        let (one, two) = (
            stored(&admin, contact(&number(1))).await,
            stored(&admin, contact(&number(2))).await,
        );
        let refused = change(&admin, at(&one, &number(2)).name("Ada")).await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(metadata(&status, "resource_type"), "contact");
        assert_eq!(metadata(&status, "field"), "phone");
        assert_eq!(read(&admin, &number(1)).await, one);
        assert_eq!(read(&admin, &number(2)).await, two);
    }

    async fn an_external_id_belongs_to_one_contact(service: Service) {
        let admin = service.admin();
        let one = stored(&admin, contact(&number(1)).external_id("e-1")).await;
        stored(&admin, contact(&number(2)).external_id("e-2")).await;
        let refused = change(&admin, of(&one).external_id("e-2").name("Ada")).await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(metadata(&status, "resource_type"), "contact");
        assert_eq!(metadata(&status, "field"), "external_id");
        assert_eq!(read(&admin, &number(1)).await, one);
        // An id in another letter case is a different id, and an unused id is free.
        assert_eq!(
            change(&admin, of(&one).external_id("E-2"))
                .await
                .unwrap()
                .external_id
                .as_deref()
                .unwrap(),
            "E-2"
        );
    }

    async fn two_contacts_without_external_id_do_not_collide(service: Service) {
        let admin = service.admin();
        stored(&admin, contact(&number(2))).await;
        let one = stored(&admin, contact(&number(1)).external_id("e-1")).await;
        assert_eq!(
            change(&admin, of(&one).external_id(""))
                .await
                .unwrap()
                .external_id,
            None
        );
    }

    async fn phone_and_external_id_of_another_organization_are_free(service: Service) {
        let (admin, other) = (service.admin(), service.other_admin().await);
        stored(&other, contact(&number(2)).external_id("e-2")).await;
        let one = stored(&admin, contact(&number(1))).await;
        let after = change(&admin, at(&one, &number(2)).external_id("e-2"))
            .await
            .unwrap();
        assert_eq!(
            (after.phone(), after.external_id.as_deref().unwrap()),
            (&number(2)[..], "e-2")
        );
    }

    async fn the_contact_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let before = stored(&admin, contact(&number(1))).await;
        let foreign = change(&service.other_admin().await, of(&before).name("Ada")).await;
        assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
        let unknown = Contact {
            id: uuid::Uuid::now_v7().to_string(),
            ..contact(&number(1))
        };
        let status = assert_refused(
            change(&admin, unknown.clone()).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_eq!(metadata(&status, "resource_name"), unknown.id);
        assert_eq!(metadata(&status, "resource_type"), "contact");
        for (id, reason) in [
            ("", "FIELD_REQUIRED"),
            ("1", "FIELD_INVALID"),
            ("\0", "FIELD_INVALID"),
        ] {
            let malformed = Contact {
                id: id.to_owned(),
                ..contact(&number(1))
            };
            assert_invalid(change(&admin, malformed).await, "contact.id", reason);
        }
        let nothing = send(&admin, UpdateContactRequest::default()).await;
        assert_invalid(nothing, "contact", "FIELD_REQUIRED");
        assert_eq!(read(&admin, &number(1)).await, before);
    }

    async fn a_key_that_may_only_read_changes_nothing(service: Service) {
        let admin = service.admin();
        let before = stored(&admin, contact(&number(1))).await;
        let reader = service.client_with(Scope::Read).await;
        let refused = change(&reader, of(&before).name("Ada")).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        let writer = service.client_with(Scope::Write).await;
        assert_eq!(
            change(&writer, of(&before).name("Ada"))
                .await
                .unwrap()
                .name
                .as_deref()
                .unwrap(),
            "Ada"
        );
    }
}
