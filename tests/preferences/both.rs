//! What holds for `OptIn` and `OptOut` alike: each call's file runs all of it. `opt_in` says which call is tested.

use super::*;

pub async fn contacts_are_named_by_id_and_by_phone(service: Service, opt_in: bool) {
    let it = set_up(&service).await;
    let (id, phone) = (it.id(1).await, number(2));
    it.change_one(!opt_in, 1, Some(&it.a)).await;
    let people = people([id.as_str(), phone.as_str()]);
    let counts = change(&it.admin, opt_in, people, Some(channels([it.a.as_str()]))).await;
    assert_counts!(counts.unwrap(), changed: 2);
    assert_eq!(it.opt_states(1).await, [(it.a.clone(), opt_in)]);
    assert_eq!(it.opt_states(2).await, [(it.a.clone(), opt_in)]);
    assert_eq!(it.opt_states(3).await, []);
}

pub async fn channels_are_named_by_id_and_by_phone(service: Service, opt_in: bool) {
    let it = set_up(&service).await;
    let phone = number(PHONE_A);
    let both = channels([phone.as_str(), it.b.as_str()]);
    let counts = change(&it.admin, opt_in, people([number(1).as_str()]), Some(both)).await;
    assert_counts!(counts.unwrap(), changed: 2);
    assert_eq!(
        it.opt_states(1).await,
        [(it.a.clone(), opt_in), (it.b.clone(), opt_in)]
    );
}

pub async fn a_pair_that_is_named_twice_counts_once(service: Service, opt_in: bool) {
    let it = set_up(&service).await;
    let (id, phone, channel_phone) = (it.id(1).await, number(1), number(PHONE_A));
    let people = people([id.as_str(), phone.as_str(), id.as_str()]);
    let channels = channels([it.a.as_str(), channel_phone.as_str()]);
    let counts = change(&it.admin, opt_in, people, Some(channels))
        .await
        .unwrap();
    assert_counts!(counts, changed: 1);
}

pub async fn what_already_is_as_asked_stays_as_it_was_and_is_counted(
    service: Service,
    opt_in: bool,
) {
    let it = set_up(&service).await;
    assert_counts!(it.change_one(opt_in, 1, Some(&it.a)).await, changed: 1);
    let before = it.admin.preferences(&number(1)).await;
    let both = Some(channels([it.a.as_str()]));
    let other = service.client_with(Scope::Write).await;
    let counts = change(
        &other,
        opt_in,
        people([number(1).as_str(), number(2).as_str()]),
        both,
    )
    .await;
    assert_counts!(counts.unwrap(), changed: 1, unchanged: 1);
    let after = it.admin.preferences(&number(1)).await;
    if opt_in {
        assert_eq!(after, before);
    } else {
        // The later of two opt-outs stays.
        assert_eq!(it.opt_states(1).await, [(it.a.clone(), false)]);
        assert_ne!(after[0].api_key_id, before[0].api_key_id);
    }
}

pub async fn another_organizations_contacts_and_channels_are_unknown(
    service: Service,
    opt_in: bool,
) {
    let it = set_up(&service).await;
    let other = service.other_admin().await;
    let foreign = other.create_channel(&number(PHONE_A)).await;
    let id = it.id(1).await;
    let refused = change(
        &it.admin,
        opt_in,
        people([id.as_str()]),
        Some(channels([foreign.as_str()])),
    )
    .await;
    assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    let refused = change(&other, opt_in, people([id.as_str()]), None).await;
    assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(
        list(&other, &id, 0, "").await,
        Code::NotFound,
        "RESOURCE_NOT_FOUND",
    );
    assert_eq!(preference_count(&service).await, 0);
}

pub async fn one_to_a_thousand_contacts_and_channels_are_taken(service: Service, opt_in: bool) {
    let it = set_up(&service).await;
    let phones: Vec<String> = (0..1001).map(|n| number(n + 1000)).collect();
    let some = |count: usize| people(phones[..count].iter().map(String::as_str));
    let repeated = |count| channels(std::iter::repeat_n(it.a.as_str(), count));
    let refused = change(&it.admin, opt_in, some(0), Some(repeated(1))).await;
    assert_invalid(refused, "contacts", "FIELD_REQUIRED");
    let refused = change(&it.admin, opt_in, some(1001), Some(repeated(1))).await;
    assert_invalid(refused, "contacts", "FIELD_TOO_LONG");
    let refused = change(&it.admin, opt_in, some(1), Some(repeated(0))).await;
    assert_invalid(refused, "channels", "FIELD_REQUIRED");
    let refused = change(&it.admin, opt_in, some(1), Some(repeated(1001))).await;
    assert_invalid(refused, "channels", "FIELD_TOO_LONG");
    if opt_in {
        // Unassigned numbers can only be opted in to what they were opted out of.
        let opted_out = change(&it.admin, false, some(1000), Some(repeated(1))).await;
        assert_counts!(opted_out.unwrap(), changed: 1000);
    }
    let counts = change(&it.admin, opt_in, some(1000), Some(repeated(1000))).await;
    assert_counts!(counts.unwrap(), changed: 1000);
}

pub async fn all_channels_and_named_channels_exclude_each_other(service: Service, opt_in: bool) {
    let it = set_up(&service).await;
    let request = OptOutRequest {
        contacts: people([number(1).as_str()]),
        channels: channels([it.a.as_str()]),
        all_channels: true,
        ..Default::default()
    };
    assert_invalid(
        send(&it.admin, opt_in, request).await,
        "channels",
        "FIELD_INVALID",
    );
    assert_eq!(preference_count(&service).await, 0);
}
