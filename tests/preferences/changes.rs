//! `ListPreferenceChanges`: every change of a contact's or a number's preferences, in order.

mod erased;
mod numbers;
mod pages;

use contact_lists::proto::{
    DeleteChannelRequest, ListPreferenceChangesRequest, ListPreferenceChangesResponse,
    PreferenceChange, RevertContactListUpdateRequest, preference_change::Kind,
};

use super::*;

async fn page(
    caller: &Client,
    contact: &str,
    page_size: i32,
    page_token: &str,
) -> Result<ListPreferenceChangesResponse, Status> {
    let request = ListPreferenceChangesRequest {
        contact: people([contact]).pop(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let mut client = caller.preferences.clone();
    Ok(client.list_preference_changes(request).await?.into_inner())
}

/// The first changes of a contact or a number, up to 500.
async fn changes(caller: &Client, contact: &str) -> Vec<PreferenceChange> {
    let answer = page(caller, contact, 500, "").await.expect("changes");
    assert_eq!(answer.next_page_token, "");
    answer.preference_changes
}

/// Each change's kind, channel, and day of 2020 on which the person said so.
fn told(changes: &[PreferenceChange]) -> Vec<(Kind, &str, Option<i64>)> {
    let day_of = |it: &PreferenceChange| (1..365).find(|n| it.collect_time == Some(day(*n)));
    let tell = |it| {
        (
            PreferenceChange::kind(it),
            it.channel_id.as_str(),
            day_of(it),
        )
    };
    changes.iter().map(tell).collect()
}

impl Setup {
    async fn changes(&self, n: u32) -> Vec<PreferenceChange> {
        changes(&self.admin, &number(n)).await
    }

    /// Sends contacts to a new list, opting them in to the first channel.
    async fn update_on(&self, day: i64, contacts: Vec<contact_lists::proto::Contact>) -> String {
        let list = self.admin.create_list(&format!("Day {day}")).await;
        let header = header(&list).add().opt_in_to([self.a.as_str()]);
        let outcome = self
            .admin
            .update(header.consent(said_on(day)), contacts)
            .await;
        outcome.expect("an update").update_id
    }
}

on_both! {
    async fn every_change_is_listed_in_order_with_who_said_so_and_how(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        let update = it.update_on(1, vec![contact(&phone)]).await;
        it.opt_out_on(2, &[&phone], Some(&it.a)).await;
        it.opt_in_on(3, &[&phone], Some(&it.a)).await;
        it.opt_out_on(4, &[&phone], Some(&it.a)).await;
        let found = it.changes(1).await;
        assert_eq!(told(&found), [
            (Kind::OptedIn, it.a.as_str(), Some(1)),
            (Kind::OptedOut, &it.a, Some(2)),
            (Kind::OptedIn, &it.a, Some(3)),
            (Kind::OptedOut, &it.a, Some(4)),
        ]);
        for (item, n) in found.iter().zip(1..) {
            assert_eq!(item.consent, Some(said_on(n)));
            assert_eq!(item.current, n == 4);
            assert_eq!(item.update_id, (n == 1).then(|| update.clone()));
            assert_eq!(item.api_key_id, found[0].api_key_id);
        }
        assert!(found.is_sorted_by_key(|it| it.change_time.map(|it| (it.seconds, it.nanos))));
        assert_eq!(found[3].change_time, it.preference(1, &it.a).await.change_time);
    }

    async fn a_change_without_a_consent_has_the_time_at_which_it_was_recorded(service: Service) {
        let it = set_up(&service).await;
        it.change_one(false, 1, Some(&it.a)).await;
        let found = it.changes(1).await;
        assert_eq!((found.len(), &found[0].consent), (1, &None));
        assert_eq!(found[0].collect_time, found[0].change_time);
    }

    async fn a_contact_that_said_nothing_has_no_changes(service: Service) {
        let it = set_up(&service).await;
        assert_eq!(it.changes(1).await, []);
        assert_eq!(changes(&it.admin, &it.id(1).await).await, []);
    }

    async fn a_preference_that_is_said_again_is_one_change(service: Service) {
        let it = set_up(&service).await;
        it.opt_in_on(1, &[&number(1)], Some(&it.a)).await;
        it.opt_in_on(2, &[&number(1)], Some(&it.a)).await;
        it.update_on(3, vec![contact(&number(1))]).await;
        assert_eq!(told(&it.changes(1).await), [(Kind::OptedIn, it.a.as_str(), Some(1))]);
    }

    async fn an_opt_out_of_all_channels_that_was_lifted_is_shown(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        it.opt_out_on(1, &[&phone], None).await;
        it.opt_in_on(2, &[&phone], None).await;
        let found = it.changes(1).await;
        let (a, b) = (it.a.as_str(), it.b.as_str());
        assert_eq!(told(&found), [
            (Kind::OptedOut, "", Some(1)),
            (Kind::OptedOut, a, Some(1)),
            (Kind::OptedOut, b, Some(1)),
            (Kind::Lifted, "", Some(2)),
            (Kind::OptedIn, a, Some(2)),
            (Kind::OptedIn, b, Some(2)),
        ]);
        for item in &found {
            assert_eq!(item.all_channels, item.channel_id.is_empty());
            assert_eq!(item.current, item.kind() == Kind::OptedIn);
        }
        assert_eq!(found[3].consent, Some(said_on(2)));
    }

    async fn opt_ins_that_an_opt_out_kept_out_are_shown(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(9, &[&number(1)], Some(&it.a)).await;
        let own = contact_lists::proto::Consent { collect_time: None, ..said_on(6) };
        let contact_with = |consent| contact_lists::proto::Contact { consent, ..contact(&number(1)) };
        let first = it.update_on(5, vec![contact(&number(2)), contact_with(None)]).await;
        let second = it.update_on(7, vec![contact_with(Some(said_on(6)))]).await;
        let found = it.changes(1).await;
        let a = it.a.as_str();
        assert_eq!(told(&found), [(Kind::OptedOut, a, Some(9)), (Kind::KeptOut, a, Some(5)), (Kind::KeptOut, a, None)]);
        let kept: Vec<_> = found[1..].iter().map(|it| (it.update_id.clone(), it.consent.clone())).collect();
        assert_eq!(kept, [(Some(first), Some(said_on(5))), (Some(second), Some(own))]);
        assert!(found[1].api_key_id == found[0].api_key_id && found[0].current && !found[1].current);
        assert_eq!(told(&it.changes(2).await), [(Kind::OptedIn, a, Some(5))]);
    }

    async fn an_opt_in_that_was_taken_back_with_its_update_is_shown(service: Service) {
        let it = set_up(&service).await;
        let update_id = it.update_on(1, vec![contact(&number(1))]).await;
        let request = RevertContactListUpdateRequest { update_id, ..Default::default() };
        let revert = it.admin.lists.clone().revert_contact_list_update(request).await.unwrap().into_inner();
        let found = it.changes(1).await;
        assert_eq!(told(&found), [(Kind::OptedIn, it.a.as_str(), Some(1)), (Kind::Withdrawn, &it.a, None)]);
        assert_eq!(found[1].update_id, Some(revert.update_id));
        assert_eq!((&found[1].consent, found[1].collect_time), (&None, None));
        assert!(!found[0].current && !found[1].current);
    }

    async fn nothing_that_was_said_is_changed_or_left_out_later(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        let mut before: Vec<PreferenceChange> = Vec::new();
        for step in 1..12 {
            match step {
                1 | 4 => { it.update_on(step, vec![contact(&phone)]).await; }
                2 | 6 => { it.opt_out_on(step, &[&phone], None).await; }
                3 | 9 => { it.opt_in_on(step, &[&phone], Some(&it.a)).await; }
                5 | 10 => { it.opt_out_on(step, &[&phone], Some(&it.b)).await; }
                7 => { it.opt_in_on(step, &[&phone], None).await; }
                8 => { it.change_one(false, 1, Some(&it.a)).await; }
                _ => { it.change_one(true, 1, None).await; }
            }
            let now: Vec<_> = it.changes(1).await.into_iter().map(|it| PreferenceChange { current: false, ..it }).collect();
            assert!(before.iter().all(|old| now.contains(old)), "step {step}: {before:#?}\n{now:#?}");
            assert!([4, 9].contains(&step) || now.len() > before.len(), "step {step}");
            before = now;
        }
    }

    async fn the_changes_of_a_channel_end_with_it(service: Service) {
        let it = set_up(&service).await;
        let phone = number(1);
        it.opt_in_on(1, &[&phone], Some(&it.a)).await;
        it.opt_out_on(2, &[&phone], Some(&it.a)).await;
        it.opt_out_on(3, &[&phone], Some(&it.b)).await;
        it.update_on(1, vec![contact(&phone)]).await;
        assert_eq!(it.changes(1).await.len(), 4);
        let request = DeleteChannelRequest { id: it.a.clone() };
        it.admin.channels.clone().delete_channel(request).await.unwrap();
        assert_eq!(told(&it.changes(1).await), [(Kind::OptedOut, it.b.as_str(), Some(3))]);
    }

    async fn another_organizations_changes_are_not_found(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, &[&number(1), &number(50)], Some(&it.a)).await;
        let other = service.other_admin().await;
        assert_refused(page(&other, &it.id(1).await, 0, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
        for n in [1, 50] {
            assert_eq!(it.changes(n).await.len(), 1);
            assert_eq!(changes(&other, &number(n)).await, []);
        }
    }

    async fn an_unknown_contact_has_no_history(service: Service) {
        let it = set_up(&service).await;
        let id = uuid::Uuid::now_v7().to_string();
        assert_refused(page(&it.admin, &id, 0, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_invalid(page(&it.admin, "+4915", 0, "").await, "contact.phone", "PHONE_INVALID");
        let request = ListPreferenceChangesRequest::default();
        let refused = it.admin.preferences.clone().list_preference_changes(request).await;
        assert_invalid(refused, "contact", "FIELD_REQUIRED");
    }
}
