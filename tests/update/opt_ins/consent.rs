//! How the contacts of an update said that they want messages.

use contact_lists::proto::{
    CommunicationPreference, Consent, Contact, OptOutRequest, consent::Source,
};
use prost_types::Timestamp;

use super::*;

impl Setup {
    /// The n-th contact's preference for the first channel.
    async fn preference(&self, n: u32) -> CommunicationPreference {
        let preferences = self.admin.preferences(&number(n)).await.into_iter();
        let mut found = preferences.filter(|it| it.channel_id == self.a);
        found.next().expect("a preference")
    }

    /// Opts the n-th contact, or number, out: of the first channel or of all.
    async fn opt_out_on(&self, n: u32, day: i64, all_channels: bool) {
        let channel = contact_lists::proto::ChannelReference {
            reference: Some(contact_lists::proto::channel_reference::Reference::Id(
                self.a.clone(),
            )),
        };
        let contact = contact_lists::proto::ContactReference {
            reference: Some(contact_lists::proto::contact_reference::Reference::Phone(
                number(n),
            )),
        };
        let request = OptOutRequest {
            contacts: vec![contact],
            channels: (!all_channels).then_some(channel).into_iter().collect(),
            all_channels,
            consent: Some(said_on(day)),
        };
        let mut preferences = self.admin.preferences.clone();
        preferences.opt_out(request).await.expect("an opt-out");
    }

    fn to_a(&self) -> Header {
        self.add().opt_in_to([self.a.as_str()])
    }
}

fn with_consent(n: u32, consent: Consent) -> Contact {
    Contact {
        consent: Some(consent),
        ..contact(&number(n))
    }
}

on_both! {
    async fn the_headers_consent_belongs_to_every_opt_in(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.to_a().no_opt_ins().change(|it| it.opt_in_to.clear()), [1]).await;
        it.counts(it.to_a().consent(said_on(1)), [1, 2]).await;
        for n in [1, 2] {
            assert_eq!(it.preference(n).await.consent, Some(said_on(1)));
        }
        let read = it.admin.contact(&number(1)).await;
        assert_eq!(read.communication_preferences, it.admin.preferences(&number(1)).await);
    }

    async fn a_contacts_own_consent_wins_whole(service: Service) {
        let it = set_up(&service).await;
        let own = Consent { collect_time: None, ..said_on(7) };
        let before = seconds_now();
        let contacts = vec![with_consent(1, own.clone()), with_consent(2, said_on(2)), contact(&number(3))];
        it.admin.update(it.to_a().consent(said_on(1)), contacts).await.unwrap();
        assert_eq!(it.preference(2).await.consent, Some(said_on(2)));
        assert_eq!(it.preference(3).await.consent, Some(said_on(1)));
        let found = it.preference(1).await.consent.unwrap();
        let time = found.collect_time.unwrap();
        assert!((before..=seconds_now()).contains(&time.seconds), "the header's arrival: {time:?}");
        assert_eq!(Consent { collect_time: None, ..found }, own);
    }

    async fn stored_contacts_keep_their_own_consents_too(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1, 2]).await;
        let contacts = vec![with_consent(1, said_on(3)), contact(&number(2))];
        it.admin.update(it.to_a(), contacts).await.unwrap();
        assert_eq!(it.preference(1).await.consent, Some(said_on(3)));
        assert_eq!(it.preference(2).await.consent, None);
    }

    async fn of_the_consents_of_one_contact_the_last_counts_as_a_whole(service: Service) {
        let it = set_up(&service).await;
        let last = Consent { source: Source::Paper.into(), collect_time: Some(day(4)), ..Consent::default() };
        let empty = Consent::default();
        let contacts = vec![with_consent(1, said_on(9)), with_consent(1, last.clone()), with_consent(1, empty)];
        it.admin.update(it.to_a(), contacts).await.unwrap();
        assert_eq!(it.preference(1).await.consent, Some(last));
    }

    async fn a_consent_that_is_not_valid_fails_the_call_or_rejects_the_contact(service: Service) {
        let it = set_up(&service).await;
        let ahead = Timestamp { seconds: seconds_now() + 360, nanos: 0 };
        let allowed = Timestamp { seconds: seconds_now() + 240, nanos: 0 };
        let at = |time| Consent { collect_time: Some(time), ..Consent::default() };
        let evidence = |count| Consent { evidence: "ü".repeat(count), ..Consent::default() };
        for (wrong, field, reason) in [
            (at(ahead), "collect_time", "FIELD_INVALID"),
            (at(Timestamp { seconds: 0, nanos: -1 }), "collect_time", "FIELD_INVALID"),
            (at(Timestamp { seconds: i64::MIN, nanos: 0 }), "collect_time", "FIELD_INVALID"),
            (Consent { source: 99, ..Consent::default() }, "source", "FIELD_INVALID"),
            (evidence(1025), "evidence", "FIELD_TOO_LONG"),
            (Consent { evidence: "a\0".to_owned(), ..Consent::default() }, "evidence", "FIELD_HAS_NUL"),
        ] {
            let refused = it.admin.update(it.to_a().consent(wrong.clone()), vec![contact(&number(1))]).await;
            assert_invalid(refused, &format!("header.consent.{field}"), reason);
            let outcome = it.admin.update(it.to_a().skip(), vec![with_consent(1, wrong)]).await.unwrap();
            let path = format!("consent.{field}");
            assert_eq!(rejections(&outcome), [(0, path.as_str(), reason)]);
        }
        let taken = Consent { source: Source::Other.into(), collect_time: Some(allowed), ..evidence(1024) };
        it.admin.update(it.to_a(), vec![with_consent(1, taken.clone())]).await.unwrap();
        assert_eq!(it.preference(1).await.consent, Some(taken));
    }

    async fn resubscribe_lifts_only_opt_outs_that_are_earlier(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.to_a().consent(said_on(1)), [1, 2, 3]).await;
        for (n, day) in [(1, 4), (2, 5), (3, 6)] {
            it.opt_out_on(n, day, false).await;
        }
        let again = it.to_a().resubscribe().consent(said_on(5));
        assert_counts!(it.counts(again, [1, 2, 3]).await, opted_in: 1, kept_opt_outs: 2);
        assert!(it.preference(1).await.opted_in);
        assert_eq!(it.preference(2).await.consent, Some(said_on(5)));
        assert!(!it.preference(2).await.opted_in);
        assert!(!it.preference(3).await.opted_in);
    }

    async fn a_contacts_own_time_decides_what_it_lifts(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.to_a(), [1, 2]).await;
        it.opt_out_on(1, 5, false).await;
        it.opt_out_on(2, 5, false).await;
        let contacts = vec![with_consent(1, said_on(4)), with_consent(2, said_on(6))];
        let header = it.to_a().resubscribe();
        let outcome = it.admin.update(header, contacts).await.unwrap();
        assert_counts!(opt_ins(&outcome), opted_in: 1, kept_opt_outs: 1);
        assert!(!it.preference(1).await.opted_in);
        assert_eq!(it.preference(2).await.consent, Some(said_on(6)));
    }

    async fn importing_an_old_file_again_is_harmless(service: Service) {
        let it = set_up(&service).await;
        let file = || it.add().resubscribe().consent(said_on(1));
        it.counts(file(), [1]).await;
        it.opt_out_on(1, 5, true).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_counts!(it.counts(file(), [1]).await, kept_opt_outs: 2);
        assert_eq!(it.admin.preferences(&number(1)).await, before);
    }

    async fn an_opt_out_of_all_channels_that_is_later_keeps_all_of_them_out(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        it.opt_out_on(1, 3, false).await;
        it.opt_out_on(1, 6, true).await;
        let both = it.add().resubscribe().consent(said_on(5));
        assert_counts!(it.counts(both, [1]).await, kept_opt_outs: 2);
        let later = it.add().resubscribe().consent(said_on(7));
        assert_counts!(it.counts(later, [1]).await, opted_in: 2);
        it.admin.create_channel(&number(PHONE_LATER)).await;
        assert_counts!(it.counts(it.add(), [1]).await, opted_in: 1);
    }

    async fn a_later_opt_out_of_a_channel_stays_where_one_of_all_is_lifted(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        it.opt_out_on(1, 1, true).await;
        it.opt_out_on(1, 5, false).await;
        let between = it.add().resubscribe().consent(said_on(3));
        assert_counts!(it.counts(between, [1]).await, opted_in: 1, kept_opt_outs: 1);
        assert_eq!(it.opt_states(1).await, it.about(Some(false), Some(true)));
    }

    async fn a_numbers_later_opt_out_stays_too(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, 3, false).await;
        it.opt_out_on(2, 6, false).await;
        let header = it.to_a().resubscribe().consent(said_on(5));
        assert_counts!(it.counts(header, [1, 2]).await, opted_in: 1, kept_opt_outs: 1);
        assert_eq!(it.preference(2).await.consent, Some(said_on(6)));
    }

    async fn an_opt_out_during_an_upload_wins(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.to_a(), [1]).await;
        let stream = it.admin.open(it.to_a().resubscribe()).await;
        // More than the server takes before it reads the header.
        for message in 0..8 {
            let filler = (0..100).map(|n| large_contact(1000 + message * 100 + n));
            stream.send_contacts(filler.collect()).await;
        }
        it.admin.opt_out(&number(1), &[&it.a]).await;
        stream.send_contacts(vec![contact(&number(1))]).await;
        let outcome = stream.finish().await.unwrap();
        assert_counts!(opt_ins(&outcome), opted_in: 800, kept_opt_outs: 1);
        assert!(!it.preference(1).await.opted_in);
    }

    async fn the_erasure_of_a_contact_forgets_its_consents(service: Service) {
        let it = set_up(&service).await;
        it.admin.update(it.to_a(), vec![with_consent(1, said_on(3))]).await.unwrap();
        it.opt_out_on(1, 4, false).await;
        assert_eq!(service.rows("SELECT count(*) FROM consents").await, 2);
        let id = it.admin.contact(&number(1)).await.contact.unwrap().id;
        let request = contact_lists::proto::DeleteContactRequest { id };
        it.admin.contacts.clone().delete_contact(request).await.unwrap();
        assert_eq!(service.rows("SELECT count(*) FROM consents").await, 0);
        assert_eq!(service.rows("SELECT count(*) FROM preference_changes").await, 0);
        it.admin.update(it.to_a().resubscribe().consent(said_on(4)), vec![contact(&number(1))]).await.unwrap();
        let kept = it.preference(1).await;
        assert!(!kept.opted_in, "the number keeps the opt-out and its time");
        assert_eq!(kept.consent, None);
    }
}

fn large_contact(n: u32) -> Contact {
    let mut large = contact(&number(n));
    let part = || "x".repeat(250);
    large.address = Some(contact_lists::proto::Address {
        address_line_one: part(),
        address_line_two: part(),
        city: part(),
        state: part(),
        post_code: part(),
        country: part(),
    });
    (large.name, large.email) = (Some(part()), None);
    large
}

fn seconds_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a time after 1970").as_secs() as i64
}
