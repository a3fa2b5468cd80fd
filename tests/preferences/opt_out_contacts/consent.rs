//! How people said so, and when.

use contact_lists::proto::{Consent, consent::Source};

use super::*;

fn header_on(day: i64, channels: &[&str]) -> contact_lists::proto::OptOutContactsHeader {
    opt_out_header(channels).consented(said_on(day))
}

on_both! {
    async fn a_persons_own_consent_wins_over_the_headers_as_a_whole(service: Service) {
        let it = set_up(&service).await;
        let own = Consent { source: Source::Phone.into(), ..Consent::default() };
        let named = vec![opted_out(&number(1)), opted_out_by(&number(2), own)];
        it.admin.opt_out_contacts(header_on(3, &[&it.a]), named).await.unwrap();
        let of = async |n| it.admin.preferences(&number(n)).await.pop().unwrap();
        assert_eq!(of(1).await.consent, Some(said_on(3)));
        let own = of(2).await;
        let consent = own.consent.unwrap();
        assert_eq!((consent.source(), consent.evidence.as_str()), (Source::Phone, ""));
        assert_eq!(consent.collect_time, own.change_time);
    }

    async fn a_later_word_replaces_an_earlier_one_and_an_earlier_one_changes_nothing(service: Service) {
        let it = set_up(&service).await;
        for (day, expected) in [(5, 5), (3, 5), (8, 8)] {
            let header = header_on(day, &[&it.a]);
            let outcome = it.admin.opt_out_contacts(header, by_numbers(1..2)).await.unwrap();
            assert_eq!(outcome.opted_out_count, i32::from(day == 5));
            let preference = it.admin.preferences(&number(1)).await.pop().unwrap();
            assert_eq!(preference.consent, Some(said_on(expected)));
        }
        // Each word that was replaced is kept.
        assert_eq!(service.rows("SELECT count(*) FROM preference_changes").await, 1);
        assert_eq!(service.rows("SELECT count(*) FROM consents").await, 2);
    }

    async fn of_several_words_of_a_person_the_latest_stays(service: Service) {
        let it = set_up(&service).await;
        let id = it.id(1).await;
        let named = vec![
            opted_out_by(&number(1), said_on(2)),
            opted_out_by(&id, said_on(9)),
            opted_out_by(&number(1), said_on(4)),
        ];
        it.admin.opt_out_contacts(opt_out_header(&[&it.a]), named).await.unwrap();
        let preference = it.admin.preferences(&number(1)).await.pop().unwrap();
        assert_eq!(preference.consent, Some(said_on(9)));
    }

    async fn an_opt_out_counts_whatever_its_time(service: Service) {
        let it = set_up(&service).await;
        it.change_one(true, 1, Some(&it.a)).await;
        let outcome = it.admin.opt_out_contacts(header_on(1, &[&it.a]), by_numbers(1..2)).await.unwrap();
        assert_eq!(outcome.opted_out_count, 1);
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), false)]);
    }

    async fn a_number_hands_its_word_on_with_its_consent(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_contacts(header_on(7, &[&it.a]), by_numbers(9..10)).await.unwrap();
        let list = it.admin.create_list("Later").await;
        let header = header(&list).add().opt_in_to([it.a.as_str()]);
        it.admin.update(header, contacts(9..10)).await.unwrap();
        let preference = it.admin.preferences(&number(9)).await.pop().unwrap();
        assert_eq!((preference.opted_in, preference.consent), (false, Some(said_on(7))));
    }
}
