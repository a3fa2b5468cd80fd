//! What an update makes of the preferences that are there.

use super::*;

on_both! {
    async fn an_opt_in_says_who_said_so_and_when(service: Service) {
        let it = set_up(&service).await;
        let outcome = it
            .admin
            .update(it.add(), vec![contact(&number(1))])
            .await
            .unwrap();
        let read = it.admin.contact(&number(1)).await;
        let preferences = it.admin.preferences(&number(1)).await;
        assert_eq!(read.communication_preferences, preferences);
        assert_eq!(preferences.len(), 2);
        for preference in preferences {
            assert_eq!(
                Some(preference.contact_id),
                read.contact.as_ref().map(|it| it.id.clone())
            );
            assert_eq!(preference.update_id.as_ref(), Some(&outcome.update_id));
            assert!(!preference.api_key_id.is_empty());
            assert!(preference.change_time.is_some());
            assert!(!preference.all_channels);
        }
    }

    async fn a_contact_that_is_opted_in_is_left_untouched(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_counts!(it.counts(it.add(), [1]).await);
        assert_counts!(it.counts(it.add().resubscribe(), [1]).await);
        let named = it.add().resubscribe().opt_in_to([it.a.as_str()]);
        assert_counts!(it.counts(named, [1]).await);
        assert_eq!(it.admin.preferences(&number(1)).await, before);
    }

    async fn a_stored_contact_is_opted_in_to_the_channels_it_has_no_preference_for(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.counts(it.add().opt_in_to([it.a.as_str()]), [1]).await;
        assert_counts!(it.counts(it.add(), [1]).await, opted_in: 1);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
    }

    async fn a_contact_that_has_opted_out_stays_out_and_is_counted(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_counts!(it.counts(it.add(), [1]).await, kept_opt_outs: 1);
        assert_eq!(it.admin.preferences(&number(1)).await, before);
        assert_eq!(it.opt_states(1).await, it.about(Some(false), Some(true)));
    }

    async fn kept_opt_outs_are_counted_in_pairs(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1, 2, 3]).await;
        it.admin.opt_out(&number(1), &[&it.a, &it.b]).await;
        it.admin.opt_out(&number(2), &[&it.a]).await;
        assert_counts!(it.counts(it.add(), [1, 2, 3, 4]).await, opted_in: 5, kept_opt_outs: 3);
        assert_eq!(it.opt_states(1).await, it.about(Some(false), Some(false)));
        assert_eq!(it.opt_states(2).await, it.about(Some(false), Some(true)));
    }

    async fn an_opt_out_of_a_channel_that_is_not_asked_for_is_not_counted(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(it.add().no_opt_ins(), [1]).await);
        assert_counts!(it.counts(it.add().opt_in_to([it.b.as_str()]), [1]).await, opted_in: 1);
    }

    async fn resubscribe_opts_contacts_back_in_that_have_opted_out(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        assert_counts!(it.counts(it.add().resubscribe(), [1, 2]).await, opted_in: 3);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
    }

    async fn resubscribe_opts_back_in_to_the_named_channels_only(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        it.admin.opt_out(&number(1), &[&it.a, &it.b]).await;
        let header = it.add().resubscribe().opt_in_to([it.b.as_str()]);
        assert_counts!(it.counts(header, [1]).await, opted_in: 1);
        assert_eq!(it.opt_states(1).await, it.about(Some(false), Some(true)));
    }

    async fn resubscribe_without_opt_ins_lifts_nothing(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_counts!(it.counts(it.add().no_opt_ins().resubscribe(), [1]).await);
        assert_eq!(it.admin.preferences(&number(1)).await, before);
    }

    async fn an_opt_out_of_all_channels_holds_for_channels_made_later(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        let later = it.admin.create_channel(&number(PHONE_LATER)).await;
        assert_counts!(it.counts(it.add(), [1]).await, kept_opt_outs: 3);
        assert_counts!(it.counts(it.add().opt_in_to([later.as_str()]), [1]).await, kept_opt_outs: 1);
        assert!(it.opt_states(1).await.iter().all(|(_, opted_in)| !opted_in));
    }

    async fn resubscribing_to_all_channels_lifts_an_opt_out_of_all_for_later_ones_too(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        assert_counts!(it.counts(it.add().resubscribe(), [1]).await, opted_in: 2);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
        it.admin.create_channel(&number(PHONE_LATER)).await;
        assert_counts!(it.counts(it.add(), [1]).await, opted_in: 1);
    }

    async fn resubscribing_lifts_an_opt_out_of_all_before_there_is_a_channel(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let stored = || vec![contact(&number(1))];
        admin.update(header(&list).add(), stored()).await.unwrap();
        // A contact, and an unassigned number.
        admin.opt_out_of_all_channels(&number(1)).await;
        admin.opt_out_of_all_channels(&number(2)).await;
        let both = || vec![contact(&number(1)), contact(&number(2))];
        let back = header(&list).add().resubscribe();
        admin.update(back, both()).await.unwrap();
        admin.create_channel(&number(PHONE_LATER)).await;
        let outcome = admin.update(header(&list).add(), both()).await.unwrap();
        assert_counts!(opt_ins(&outcome), opted_in: 2);
    }

    async fn resubscribing_to_named_channels_keeps_an_opt_out_of_all_for_the_others(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        let header = it.add().resubscribe().opt_in_to([it.a.as_str()]);
        assert_counts!(it.counts(header, [1]).await, opted_in: 1);
        it.admin.create_channel(&number(PHONE_LATER)).await;
        assert_counts!(it.counts(it.add(), [1]).await, kept_opt_outs: 2);
    }

    async fn resubscribing_to_every_channel_by_name_keeps_an_opt_out_of_all_for_later_ones(
        service: Service,
    ) {
        let it = set_up(&service).await;
        it.counts(it.add(), [1]).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        let header = it
            .add()
            .resubscribe()
            .opt_in_to([it.a.as_str(), it.b.as_str()]);
        assert_counts!(it.counts(header, [1]).await, opted_in: 2);
        it.admin.create_channel(&number(PHONE_LATER)).await;
        assert_counts!(it.counts(it.add(), [1]).await, kept_opt_outs: 1);
    }
}
