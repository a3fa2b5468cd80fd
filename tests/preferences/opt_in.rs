//! `OptIn`.

use super::*;

const OPT_IN: bool = true;

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

    async fn an_unknown_contact_fails_the_call_and_nothing_changes(service: Service) {
        let it = set_up(&service).await;
        let (known, unknown) = (it.id(1).await, uuid::Uuid::now_v7().to_string());
        let people = people([known.as_str(), number(9).as_str(), unknown.as_str()]);
        let refused = change(&it.admin, OPT_IN, people, Some(channels([it.a.as_str()]))).await;
        let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(metadata(&status, "resource_type"), "contact");
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn an_unknown_channel_fails_the_call_and_nothing_changes(service: Service) {
        let it = set_up(&service).await;
        let unknown = uuid::Uuid::now_v7().to_string();
        for unknown in [unknown.as_str(), number(7).as_str()] {
            let channels = Some(channels([it.a.as_str(), unknown]));
            let refused = change(&it.admin, OPT_IN, people([number(1).as_str()]), channels).await;
            let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
            assert_eq!(metadata(&status, "resource_type"), "channel");
            assert_eq!(preference_count(&service).await, 0);
        }
    }

    async fn every_bad_reference_is_named_by_its_place(service: Service) {
        let it = set_up(&service).await;
        let people = people([number(1).as_str(), "+4915"]);
        let channels = channels([it.a.as_str(), it.b.as_str(), "0151 23456789"]);
        let refused = change(&it.admin, OPT_IN, people, Some(channels)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
        let expected = [
            ("contacts[1].phone", "PHONE_INVALID"),
            ("channels[2].phone", "PHONE_WITHOUT_REGION"),
        ];
        assert_eq!(
            violations(&status),
            expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn an_opt_in_to_all_channels_covers_those_that_are_there(service: Service) {
        let it = set_up(&service).await;
        assert_counts!(it.change_one(true, 1, None).await, changed: 2);
        it.admin.create_channel(&number(PHONE_A + 2)).await;
        assert_eq!(
            it.opt_states(1).await,
            [(it.a.clone(), true), (it.b.clone(), true)]
        );
    }

    async fn an_opt_in_to_all_channels_lifts_an_opt_out_of_all(service: Service) {
        let it = set_up(&service).await;
        it.change_one(false, 1, None).await;
        assert_counts!(it.change_one(true, 1, None).await, changed: 2);
        assert_eq!(
            it.opt_states(1).await,
            [(it.a.clone(), true), (it.b.clone(), true)]
        );
    }

    async fn an_opt_in_to_a_named_channel_keeps_an_opt_out_of_all_for_the_others(service: Service) {
        let it = set_up(&service).await;
        it.change_one(false, 1, None).await;
        assert_counts!(it.change_one(true, 1, Some(&it.a)).await, changed: 1);
        let states = it.opt_states(1).await;
        assert!(states.contains(&(String::new(), false)), "{states:?}");
        assert!(states.contains(&(it.a.clone(), true)), "{states:?}");
        assert!(!states.contains(&(it.b.clone(), true)), "{states:?}");
    }

    async fn an_opt_in_of_an_unassigned_number_makes_no_contact(service: Service) {
        let it = set_up(&service).await;
        assert_counts!(it.change_one(true, 9, Some(&it.a)).await, unchanged: 1);
        assert_counts!(it.change_one(false, 9, Some(&it.a)).await, changed: 1);
        assert_counts!(it.change_one(false, 9, Some(&it.a)).await, unchanged: 1);
        assert_counts!(it.change_one(true, 9, Some(&it.a)).await, changed: 1);
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 3);
    }
}
