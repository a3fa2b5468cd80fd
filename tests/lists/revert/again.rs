//! Reverts of updates on which others have built: numbers that carried opt-outs, and updates that were reverted in part.

use contact_lists::proto::UpdateContactRequest;

use super::*;

fn person(phone: u32) -> Contact {
    contact(&number(phone)).external_id("crm-1")
}

on_both! {
    async fn opt_ins_that_an_exception_of_a_number_allowed_are_taken_back(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        admin.update(header(&list).add().no_opt_ins(), vec![person(1)]).await.unwrap();
        admin.opt_out_of_all_channels(&number(2)).await;
        admin.opt_in(&number(2), &[&channel]).await;
        let update = admin.update(header(&list).add(), vec![person(2)]).await.unwrap();
        assert_counts!(opt_ins(&update), opted_in: 1);
        let reverted = revert(&admin, &update).await;
        assert_eq!(reverted.withdrawn_opt_in_count, 1);
        assert_eq!(admin.opt_states(&number(1)).await, []);
    }

    async fn of_two_opt_outs_that_a_resubscription_lifted_each_goes_to_its_number(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        admin.update(header(&list).add().no_opt_ins(), vec![person(1)]).await.unwrap();
        admin.opt_out(&number(1), &[&channel]).await;
        let before = admin.preferences(&number(1)).await;
        admin.opt_out(&number(2), &[&channel]).await;
        let update = admin.update(header(&list).add().resubscribe(), vec![person(2)]).await.unwrap();
        assert_counts!(opt_ins(&update), opted_in: 1);
        let reverted = revert(&admin, &update).await;
        assert_eq!((reverted.withdrawn_opt_in_count, skipped(&reverted)), (1, vec![]));
        assert_eq!(admin.preferences(&number(1)).await, before);
        admin.update(header(&list).add().no_opt_ins(), contacts([2])).await.unwrap();
        let of_number = admin.preferences(&number(2)).await;
        assert_eq!(admin.opt_states(&number(2)).await, [(channel, false)]);
        assert!(of_number[0].change_time.as_ref().map(|it| (it.seconds, it.nanos))
            > before[0].change_time.as_ref().map(|it| (it.seconds, it.nanos)));
    }

    async fn an_opt_in_that_gave_way_to_the_opt_out_of_a_new_number_does_not_return(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), vec![person(1)]).await.unwrap();
        admin.opt_out(&number(2), &[&channel]).await;
        let update = admin.update(header(&list).add(), vec![person(2)]).await.unwrap();
        let reverted = revert(&admin, &update).await;
        assert_eq!((reverted.restored_opt_out_count, skipped(&reverted)), (0, vec![]));
        assert_eq!(admin.opt_states(&number(1)).await, []);
    }

    async fn what_a_revert_could_not_bring_back_is_no_change_since_an_earlier_update(service: Service) {
        let admin = service.admin();
        let (list, other) = (admin.create_list("List").await, admin.create_list("Other").await);
        let first = admin.update(header(&list).add(), vec![person(1)]).await.unwrap();
        let second = admin.update(header(&list).add(), vec![person(2)]).await.unwrap();
        admin.update(header(&other).add(), contacts([1])).await.unwrap();
        let reverted = revert(&admin, &second).await;
        assert_eq!(skipped(&reverted), [(SkipReason::PhoneTaken, 1)]);
        let reverted = revert(&admin, &first).await;
        assert_eq!((reverted.erased_count, skipped(&reverted)), (1, vec![]));
        assert!(!is_known(&admin, &number(2)).await);
    }

    async fn opt_outs_that_came_with_a_number_keep_no_created_contact(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        admin.opt_out(&number(2), &[&channel]).await;
        let (list, other) = (admin.create_list("List").await, admin.create_list("Other").await);
        let first = admin.update(header(&list).add(), vec![person(1)]).await.unwrap();
        let second = admin.update(header(&list).add(), vec![person(2)]).await.unwrap();
        assert_eq!(admin.opt_states(&number(2)).await, [(channel.clone(), false)]);
        admin.update(header(&other).add(), contacts([1])).await.unwrap();
        revert(&admin, &second).await;
        let reverted = revert(&admin, &first).await;
        assert_eq!((reverted.erased_count, skipped(&reverted)), (1, vec![]));
        admin.update(header(&other).add(), contacts([2])).await.unwrap();
        assert_eq!(admin.opt_states(&number(2)).await, [(channel, false)]);
    }

    async fn a_contact_that_has_its_earlier_number_already_is_not_changed(service: Service) {
        let admin = service.admin();
        let (list, other) = (admin.create_list("List").await, admin.create_list("Other").await);
        admin.update(header(&list).add(), vec![person(1)]).await.unwrap();
        let away = admin.update(header(&list).add(), vec![person(2)]).await.unwrap();
        let back = admin.update(header(&other).add(), vec![person(1)]).await.unwrap();
        let third = admin.create_list("Third").await;
        admin.update(header(&third).add(), contacts([2])).await.unwrap();
        let reverted = revert(&admin, &back).await;
        assert_eq!(skipped(&reverted), [(SkipReason::PhoneTaken, 1)]);
        let before = admin.contact(&number(1)).await;
        let reverted = revert(&admin, &away).await;
        assert_eq!(reverted.restored_contact_count, 0);
        assert_eq!(admin.contact(&number(1)).await.contact, before.contact);
    }

    async fn a_contact_whose_properties_have_all_changed_since_is_not_changed(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let plan = |plan: &str| contact(&number(1)).properties(json!({"plan": plan}));
        admin.update(header(&list).add(), vec![plan("free")]).await.unwrap();
        let update = admin.update(header(&list).add(), vec![plan("pro")]).await.unwrap();
        let id = admin.contact(&number(1)).await.contact.unwrap().id;
        let request = UpdateContactRequest {
            contact: Some(Contact { id, phone: None, ..plan("team") }),
            ..Default::default()
        };
        let changed = admin.contacts.clone().update_contact(request).await.unwrap().into_inner();
        let reverted = revert(&admin, &update).await;
        assert_eq!(reverted.restored_contact_count, 0);
        assert_eq!(skipped(&reverted), [(SkipReason::ContactChanged, 1)]);
        assert_eq!(admin.contact(&number(1)).await.contact, changed.contact);
    }
}
