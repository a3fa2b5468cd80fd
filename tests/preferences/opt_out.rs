//! `OptOut`.

use super::*;

const OPT_IN: bool = false;

on_both! {
    async fn contacts_are_named_by_id_and_by_phone(service: Service) {
        both::contacts_are_named_by_id_and_by_phone(service, OPT_IN).await;
    }

    async fn channels_are_named_by_id_and_by_phone(service: Service) {
        both::channels_are_named_by_id_and_by_phone(service, OPT_IN).await;
    }

    async fn a_pair_that_is_named_twice_counts_once(service: Service) {
        both::a_pair_that_is_named_twice_counts_once(service, OPT_IN).await;
    }

    async fn what_already_is_as_asked_stays_as_it_was_and_is_counted(service: Service) {
        both::what_already_is_as_asked_stays_as_it_was_and_is_counted(service, OPT_IN).await;
    }

    async fn another_organizations_contacts_and_channels_are_unknown(service: Service) {
        both::another_organizations_contacts_and_channels_are_unknown(service, OPT_IN).await;
    }

    async fn one_to_a_thousand_contacts_and_channels_are_taken(service: Service) {
        both::one_to_a_thousand_contacts_and_channels_are_taken(service, OPT_IN).await;
    }

    async fn all_channels_and_named_channels_exclude_each_other(service: Service) {
        both::all_channels_and_named_channels_exclude_each_other(service, OPT_IN).await;
    }

    async fn an_opt_out_of_all_channels_comes_first_and_names_no_channel(service: Service) {
        let it = set_up(&service).await;
        it.change_one(true, 1, Some(&it.a)).await;
        assert_counts!(it.change_one(false, 1, None).await, changed: 2);
        let preferences = it.admin.preferences(&number(1)).await;
        assert!(preferences[0].all_channels);
        assert_eq!(preferences[0].channel_id, "");
        assert!(
            preferences
                .iter()
                .skip(1)
                .all(|it| !it.all_channels && !it.channel_id.is_empty())
        );
        assert!(preferences.iter().all(|it| !it.opted_in));
    }

    async fn an_opt_out_of_all_channels_works_without_channels(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        admin.opt_out_of_all_channels(&number(1)).await;
        admin.create_channel(&number(PHONE_A)).await;
        let outcome = admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_counts!(opt_ins(&outcome), kept_opt_outs: 1);
    }

    async fn a_contact_that_opted_out_of_all_channels_is_out_of_later_ones(service: Service) {
        let it = set_up(&service).await;
        // A contact, and an unassigned number.
        for n in [1, 9] {
            it.change_one(false, n, None).await;
            let later = it.admin.create_channel(&number(PHONE_A + 1 + n)).await;
            assert_counts!(it.change_one(false, n, Some(&later)).await, unchanged: 1);
            assert_counts!(it.change_one(true, n, Some(&later)).await, changed: 1);
            assert_counts!(it.change_one(false, n, Some(&later)).await, changed: 1);
        }
        // What was said last covers the third channel again, and the two that the contact was opted out of stay.
        assert_counts!(it.change_one(false, 1, None).await, unchanged: 4);
    }
}
