//! What is opted out, and how it is counted.

use super::*;

on_both! {
    async fn people_are_named_by_id_phone_and_external_id(service: Service) {
        let it = set_up(&service).await;
        let list = it.admin.create_list("Known").await;
        let known = contact(&number(3)).external_id("crm-3");
        it.admin.update(header(&list).add().no_opt_ins(), vec![known]).await.unwrap();
        let (id, phone) = (it.id(1).await, number(2));
        let named = everyone([id.as_str(), phone.as_str(), "crm-3"]);
        let outcome = it.admin.opt_out_contacts(opt_out_header(&[&it.a]), named).await.unwrap();
        let expected = Outcome {
            received_count: 3,
            opted_out_count: 3,
            opted_out_pair_count: 3,
            ..Outcome::default()
        };
        assert_eq!(outcome, expected);
        for n in 1..4 {
            assert_eq!(it.opt_states(n).await, [(it.a.clone(), false)]);
        }
    }

    async fn a_contact_that_gets_an_opted_out_number_later_starts_opted_out(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.b]);
        let outcome = it.admin.opt_out_contacts(header, by_numbers(2..6)).await.unwrap();
        assert_eq!((outcome.opted_out_count, outcome.unassigned_number_count), (4, 2));
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 3);
        let list = it.admin.create_list("Later").await;
        let later = it.admin.update(test_support::header(&list).add(), contacts(4..7)).await.unwrap();
        assert_counts!(opt_ins(&later), opted_in: 4, kept_opt_outs: 2);
        assert_eq!(it.opt_states(5).await, [(it.a.clone(), true), (it.b.clone(), false)]);
    }

    async fn an_opt_out_of_all_channels_holds_for_later_ones(service: Service) {
        let it = set_up(&service).await;
        let outcome = it.admin.opt_out_contacts(opt_out_header(&[]), by_numbers(1..10)).await.unwrap();
        assert_eq!((outcome.opted_out_count, outcome.opted_out_pair_count), (9, 18));
        let later = it.admin.create_channel(&number(PHONE_A + 2)).await;
        let list = it.admin.create_list("Later").await;
        let header = test_support::header(&list).add().opt_in_to([later.as_str()]);
        let updated = it.admin.update(header, contacts(1..10)).await.unwrap();
        assert_counts!(opt_ins(&updated), kept_opt_outs: 9);
    }

    async fn an_opt_out_of_all_channels_works_without_channels(service: Service) {
        let admin = service.admin();
        let first = admin.opt_out_contacts(opt_out_header(&[]), by_numbers(1..3)).await.unwrap();
        assert_eq!((first.opted_out_count, first.opted_out_pair_count), (2, 0));
        let again = admin.opt_out_contacts(opt_out_header(&[]), by_numbers(1..3)).await.unwrap();
        assert_eq!((again.opted_out_count, again.unchanged_count), (0, 2));
    }

    async fn those_who_are_opted_out_already_are_counted_and_stay_so(service: Service) {
        let it = set_up(&service).await;
        it.change_one(false, 1, Some(&it.a)).await;
        it.change_one(false, 9, None).await;
        let (id, header) = (it.id(1).await, opt_out_header(&[&it.a, &it.b]));
        let named = everyone([id.as_str(), &number(9), &number(2)]);
        let outcome = it.admin.opt_out_contacts(header, named).await.unwrap();
        let expected = Outcome {
            received_count: 3,
            opted_out_count: 2,
            unchanged_count: 1,
            unassigned_number_count: 1,
            opted_out_pair_count: 3,
            unchanged_pair_count: 3,
            ..Outcome::default()
        };
        assert_eq!(outcome, expected);
    }

    async fn a_person_who_is_named_twice_in_whatever_way_counts_once(service: Service) {
        let it = set_up(&service).await;
        let (id, phone) = (it.id(1).await, number(1));
        let unassigned = number(9);
        let names = [&id, &phone, &unassigned, &id, &unassigned, &phone];
        let named = everyone(names.map(String::as_str));
        let outcome = it.admin.opt_out_contacts(opt_out_header(&[&it.a]), named).await.unwrap();
        assert_eq!((outcome.opted_out_count, outcome.duplicate_count), (2, 4));
    }

    async fn channels_are_named_by_id_and_by_phone(service: Service) {
        let it = set_up(&service).await;
        let header = contact_lists::proto::OptOutContactsHeader {
            channels: channels([it.b.as_str(), &number(PHONE_A)]),
            ..Default::default()
        };
        it.admin.opt_out_contacts(header, by_numbers(1..2)).await.unwrap();
        let mut states = it.opt_states(1).await;
        states.sort();
        let mut expected = vec![(it.a.clone(), false), (it.b.clone(), false)];
        expected.sort();
        assert_eq!(states, expected);
    }

    async fn validate_only_says_what_would_happen_and_changes_nothing(service: Service) {
        let it = set_up(&service).await;
        let header = opt_out_header(&[&it.a]).identified(&new_id());
        let checked = contact_lists::proto::OptOutContactsHeader { validate_only: true, ..header.clone() };
        let checked = it.admin.opt_out_contacts(checked, by_numbers(2..6)).await.unwrap();
        assert_eq!(preference_count(&service).await + recorded_count(&service).await, 0);
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 3);
        let applied = it.admin.opt_out_contacts(header, by_numbers(2..6)).await.unwrap();
        assert_eq!(checked, applied);
    }

    /// More than one chunk on both databases, of every kind of name.
    async fn thousands_are_opted_out_in_one_call(database: Database) {
        let count = setting("CONTACT_LISTS_OPT_OUTS", 9000);
        let service = Service::start_with(database, &["--max-contacts", "100000000"]).await;
        let admin = service.admin();
        let (list, channel) = (admin.create_list("Many").await, admin.create_channel(&number(PHONE_A)).await);
        let known = (0..4500).map(|n| contact(&number(n)).external_id(&format!("crm-{n}")));
        admin.update(header(&list).add(), known.collect()).await.unwrap();
        let mut named: Vec<_> = (0..4500).step_by(2).map(|n| opted_out(&format!("crm-{n}"))).collect();
        named.extend(by_numbers((1..4500).step_by(2)));
        named.extend(by_numbers(2_000_000..2_000_000 + count - 4500));
        let outcome = admin.opt_out_contacts(opt_out_header(&[&channel]), named).await.unwrap();
        let unassigned = outcome.unassigned_number_count;
        assert_eq!((outcome.opted_out_count as u32, unassigned as u32), (count, count - 4500));
        assert_eq!(outcome.opted_out_pair_count, i64::from(count));
        assert_eq!(service.rows("SELECT count(*) FROM communication_preferences WHERE opted_in").await, 0);
        assert_eq!(service.rows("SELECT count(*) FROM opted_out_numbers").await, i64::from(count - 4500));
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 4500);
    }
}
