//! How contacts said so, and when: what `OptIn` lifts, and what `OptOut` replaces.

use contact_lists::proto::{CommunicationPreference, Consent, KeptOptOut, OptInResponse};
use prost_types::Timestamp;

use super::*;

impl Setup {
    pub(super) async fn opt_in_on(
        &self,
        day: i64,
        names: &[&str],
        channel: Option<&str>,
    ) -> OptInResponse {
        let request = OptInRequest {
            contacts: people(names.iter().copied()),
            channels: channels(channel),
            all_channels: channel.is_none(),
            consent: Some(said_on(day)),
        };
        let answer = self.admin.preferences.clone().opt_in(request).await;
        answer.expect("an opt-in").into_inner()
    }

    pub(super) async fn opt_out_on(
        &self,
        day: i64,
        names: &[&str],
        channel: Option<&str>,
    ) -> Counts {
        let request = OptOutRequest {
            contacts: people(names.iter().copied()),
            channels: channels(channel),
            all_channels: channel.is_none(),
            consent: Some(said_on(day)),
        };
        send(&self.admin, false, request).await.expect("an opt-out")
    }

    pub(super) async fn preference(&self, n: u32, channel: &str) -> CommunicationPreference {
        let preferences = self.admin.preferences(&number(n)).await.into_iter();
        let mut found = preferences.filter(|it| it.channel_id == channel);
        found.next().expect("a preference")
    }
}

on_both! {
    async fn opt_ins_and_opt_outs_return_how_the_contact_said_so(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        it.opt_in_on(1, &[&phone], Some(&it.a)).await;
        it.opt_out_on(2, &[&phone], Some(&it.b)).await;
        assert_eq!(it.preference(1, &it.a).await.consent, Some(said_on(1)));
        assert_eq!(it.preference(1, &it.b).await.consent, Some(said_on(2)));
        it.change_one(false, 1, Some(&it.a)).await;
        assert_eq!(it.preference(1, &it.a).await.consent, None);
    }

    async fn a_consent_without_a_time_has_that_of_the_change(service: Service) {
        let it = set_up(&service).await;
        let request = OptInRequest {
            contacts: people([number(1).as_str()]),
            channels: channels([it.a.as_str()]),
            consent: Some(Consent { evidence: "on the phone".to_owned(), ..Consent::default() }),
            ..OptInRequest::default()
        };
        it.admin.preferences.clone().opt_in(request).await.unwrap();
        let found = it.preference(1, &it.a).await;
        let consent = found.consent.unwrap();
        assert_eq!(consent.evidence, "on the phone");
        assert_eq!(consent.collect_time, found.change_time);
    }

    async fn a_consent_of_the_future_fails_the_call(service: Service) {
        let it = set_up(&service).await;
        let collect_time = Some(Timestamp { seconds: i64::from(u32::MAX), nanos: 0 });
        for opt_in in [true, false] {
            let request = OptOutRequest {
                contacts: people([number(1).as_str()]),
                all_channels: true,
                consent: Some(Consent { collect_time, ..Consent::default() }),
                ..OptOutRequest::default()
            };
            assert_invalid(send(&it.admin, opt_in, request).await, "consent.collect_time", "FIELD_INVALID");
        }
        assert_eq!(preference_count(&service).await, 0);
    }

    async fn an_opt_in_lifts_only_earlier_opt_outs_and_returns_the_others(service: Service) {
        let it = set_up(&service).await;
        let (one, two, id) = (number(1), number(2), it.id(3).await);
        it.opt_out_on(4, &[&one], Some(&it.a)).await;
        it.opt_out_on(5, &[&two], Some(&it.a)).await;
        it.opt_out_on(6, &[&id], Some(&it.a)).await;
        let answer = it.opt_in_on(5, &[&one, &two, &id, &two], Some(&it.a)).await;
        let kept = |contact_index, n| KeptOptOut {
            contact_index,
            channel_id: it.a.clone(),
            collect_time: Some(day(n)),
        };
        assert_eq!(answer, OptInResponse {
            opted_in_count: 1,
            unchanged_count: 0,
            kept_opt_out_count: 2,
            kept_opt_outs: vec![kept(1, 5), kept(2, 6)],
        });
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), true)]);
        assert_eq!(it.opt_states(2).await, [(it.a.clone(), false)]);
    }

    async fn a_later_opt_out_of_all_channels_keeps_every_channel_out(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        it.opt_out_on(2, &[&phone], Some(&it.a)).await;
        it.opt_out_on(6, &[&phone], None).await;
        let answer = it.opt_in_on(5, &[&phone], None).await;
        assert_eq!((answer.opted_in_count, answer.kept_opt_out_count), (0, 2));
        assert!(it.admin.preferences(&phone).await[0].all_channels);
        let answer = it.opt_in_on(7, &[&phone], None).await;
        assert_eq!((answer.opted_in_count, answer.kept_opt_out_count), (2, 0));
        assert!(it.admin.preferences(&phone).await.iter().all(|it| it.opted_in));
    }

    async fn an_unassigned_numbers_later_opt_out_is_kept_and_returned(service: Service) {
        let it = set_up(&service).await;
        let (early, late) = (number(50), number(51));
        it.opt_out_on(4, &[&early], Some(&it.a)).await;
        it.opt_out_on(6, &[&late], Some(&it.a)).await;
        let answer = it.opt_in_on(5, &[&late, &early], Some(&it.a)).await;
        assert_eq!((answer.opted_in_count, answer.unchanged_count), (1, 0));
        assert_eq!(answer.kept_opt_outs.len(), 1);
        assert_eq!(answer.kept_opt_outs[0].contact_index, 0);
        assert_eq!(service.rows("SELECT count(*) FROM opted_out_numbers").await, 1);
    }

    async fn an_opt_out_counts_whatever_its_time(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        it.opt_in_on(9, &[&phone], Some(&it.a)).await;
        assert_counts!(it.opt_out_on(1, &[&phone], Some(&it.a)).await, changed: 1);
        assert_eq!(it.preference(1, &it.a).await.consent, Some(said_on(1)));
    }

    async fn of_two_opt_outs_the_later_one_stays(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        it.opt_out_on(4, &[&phone], Some(&it.a)).await;
        assert_counts!(it.opt_out_on(2, &[&phone], Some(&it.a)).await, unchanged: 1);
        assert_eq!(it.preference(1, &it.a).await.consent, Some(said_on(4)));
        assert_counts!(it.opt_out_on(6, &[&phone], Some(&it.a)).await, unchanged: 1);
        assert_eq!(it.preference(1, &it.a).await.consent, Some(said_on(6)));
    }

    async fn a_later_opt_out_of_a_channel_outlives_one_of_all_channels(service: Service) {
        let it = set_up(&service).await;
        let (phone, unassigned) = (number(1), number(50));
        for who in [&phone, &unassigned] {
            it.opt_out_on(1, &[who], None).await;
            assert_counts!(it.opt_out_on(5, &[who], Some(&it.a)).await, unchanged: 1);
            let answer = it.opt_in_on(3, &[who], None).await;
            assert_eq!((answer.opted_in_count, answer.kept_opt_out_count), (1, 1));
        }
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), false), (it.b.clone(), true)]);
    }

    async fn what_an_update_opted_in_becomes_the_contacts_own_word(service: Service) {
        let it = set_up(&service).await;
        let list = it.admin.create_list("Others").await;
        it.admin.update(header(&list).add(), vec![contact(&number(1))]).await.unwrap();
        assert!(it.preference(1, &it.a).await.update_id.is_some());
        let answer = it.opt_in_on(3, &[&number(1)], Some(&it.a)).await;
        assert_eq!((answer.opted_in_count, answer.unchanged_count), (0, 1));
        let own = it.preference(1, &it.a).await;
        assert_eq!((own.update_id, own.consent), (None, Some(said_on(3))));
        it.opt_in_on(4, &[&number(1)], Some(&it.a)).await;
        assert_eq!(it.preference(1, &it.a).await.consent, Some(said_on(3)));
    }
}
