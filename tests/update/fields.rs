//! Absent keeps, present sets, empty clears.

use contact_lists::proto::{Address, Contact};
use prost_types::Timestamp;
use uuid::Uuid;

use super::*;

fn plain() -> Contact {
    contact(&number(1))
}

fn london() -> Address {
    Address {
        address_line_one: "1 Main Street".to_owned(),
        address_line_two: "2nd floor".to_owned(),
        city: "London".to_owned(),
        state: "England".to_owned(),
        post_code: "N1".to_owned(),
        country: "GB".to_owned(),
    }
}

/// A contact that has every field.
fn whole(channel_id: &str) -> Contact {
    plain()
        .external_id("a")
        .email("ada@example.com")
        .name("Ada")
        .language("en")
        .default_channel(channel_id)
        .address(london())
        .birth_date(1815, 12, 10)
}

/// What a caller says about a contact, without what the service says.
fn as_sent(read: Contact) -> Contact {
    Contact {
        id: String::new(),
        create_time: None,
        update_time: None,
        properties: None,
        ..read
    }
}

fn when(time: Option<Timestamp>) -> (i64, i32) {
    let Timestamp { seconds, nanos } = time.expect("a time");
    (seconds, nanos)
}

/// A caller with a list, on which is a contact that has every field, and that contact as it is stored.
async fn with_whole(service: &Service) -> (Client, String, Contact) {
    let (admin, list) = with_list(service).await;
    let channel = admin.create_channel("+4930901820").await;
    add(&admin, &list, vec![whole(&channel)]).await;
    let before = stored(&admin, &number(1)).await;
    assert_eq!(as_sent(before.clone()), whole(&channel));
    (admin, list, before)
}

/// A change of a stored contact.
type Change = fn(Contact) -> Contact;

/// A clearing of each field.
const CLEARED: [Change; 7] = [
    |contact| contact.external_id(""),
    |contact| contact.email(""),
    |contact| contact.name(""),
    |contact| contact.language(""),
    |contact| contact.default_channel(""),
    |contact| contact.address(Address::default()),
    |contact| contact.birth_date(0, 0, 0),
];

/// What a contact is without each field, in the same order.
const WITHOUT: [Change; 7] = [
    |contact| contact.change(|it| it.external_id = None),
    |contact| contact.change(|it| it.email = None),
    |contact| contact.change(|it| it.name = None),
    |contact| contact.change(|it| it.language = None),
    |contact| contact.change(|it| it.default_channel_id = None),
    |contact| contact.change(|it| it.address = None),
    |contact| contact.change(|it| it.birth_date = None),
];

on_both! {
    async fn a_contact_reads_back_as_it_was_sent(service: Service) {
        let (_, _, read) = with_whole(&service).await;
        assert_eq!(read.id.parse::<Uuid>().unwrap().get_version_num(), 7);
        assert_eq!(read.create_time, read.update_time);
    }

    async fn a_contact_on_a_list_reads_back_whole(service: Service) {
        let (admin, list, read) = with_whole(&service).await;
        let member = admin.members(&list).await.remove(0).contact;
        assert_eq!(member.map(as_sent), Some(as_sent(read)));
    }

    async fn what_is_absent_is_kept(service: Service) {
        let (admin, list, before) = with_whole(&service).await;
        let outcome = add(&admin, &list, vec![plain()]).await;
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn each_field_is_set_by_itself(service: Service) {
        let (admin, list, mut expected) = with_whole(&service).await;
        let channel = admin.create_channel("+4930901821").await;
        let changes: [&dyn Fn(Contact) -> Contact; 7] = [
            &|contact| contact.email("grace@example.com"),
            &|contact| contact.name("Grace"),
            &|contact| contact.language("de"),
            &|contact| contact.default_channel(&channel),
            &|contact| {
                contact.address(Address {
                    city: "Paris".to_owned(),
                    ..Address::default()
                })
            },
            &|contact| contact.birth_date(0, 5, 6),
            &|contact| contact.name("grace"),
        ];
        for change in changes {
            let outcome = add(&admin, &list, vec![change(plain())]).await;
            assert_counts!(outcomes(&outcome), updated: 1);
            expected = change(expected);
            let read = stored(&admin, &number(1)).await;
            assert_eq!(as_sent(read), as_sent(expected.clone()));
        }
    }

    async fn an_empty_value_clears_its_field_and_no_other(service: Service) {
        let (admin, list, mut expected) = with_whole(&service).await;
        for (clear, without) in CLEARED.into_iter().zip(WITHOUT) {
            let outcome = add(&admin, &list, vec![clear(plain())]).await;
            assert_counts!(outcomes(&outcome), updated: 1);
            expected = without(expected);
            let read = stored(&admin, &number(1)).await;
            assert_eq!(as_sent(read), as_sent(expected.clone()));
        }
        assert_eq!(as_sent(expected), plain());
    }

    async fn clearing_what_is_empty_changes_nothing(service: Service) {
        let (admin, list) = with_list(&service).await;
        let empty = CLEARED
            .into_iter()
            .fold(plain(), |contact, clear| clear(contact));
        let outcome = add(&admin, &list, vec![empty.clone()]).await;
        assert_counts!(outcomes(&outcome), created: 1);
        let before = stored(&admin, &number(1)).await;
        assert_eq!(as_sent(before.clone()), plain());
        let outcome = add(&admin, &list, vec![empty]).await;
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn an_address_is_set_whole(service: Service) {
        let (admin, list, _) = with_whole(&service).await;
        let paris = Address {
            city: "Paris".to_owned(),
            ..Address::default()
        };
        add(&admin, &list, vec![plain().address(paris.clone())]).await;
        assert_eq!(stored(&admin, &number(1)).await.address, Some(paris));
    }

    async fn a_birth_date_is_set_whole(service: Service) {
        let (admin, list, _) = with_whole(&service).await;
        add(&admin, &list, vec![plain().birth_date(0, 5, 6)]).await;
        let read = stored(&admin, &number(1)).await.birth_date.expect("a date");
        assert_eq!((read.year, read.month, read.day), (0, 5, 6));
    }

    async fn an_unchanged_contact_keeps_its_update_time(service: Service) {
        let (admin, list, before) = with_whole(&service).await;
        let outcome = add(&admin, &list, vec![as_sent(before.clone())]).await;
        assert_counts!(outcomes(&outcome), unchanged: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn a_changed_contact_keeps_its_id_and_create_time_only(service: Service) {
        let (admin, list, before) = with_whole(&service).await;
        add(&admin, &list, vec![plain().name("Grace")]).await;
        let after = stored(&admin, &number(1)).await;
        assert_eq!(
            (&after.id, after.create_time),
            (&before.id, before.create_time)
        );
        assert!(when(after.update_time) > when(before.update_time));
    }

    async fn joining_and_leaving_a_list_do_not_change_the_contact(service: Service) {
        let (admin, list, before) = with_whole(&service).await;
        admin
            .update(header(&list).remove(), vec![plain()])
            .await
            .unwrap();
        assert_eq!(stored(&admin, &number(1)).await, before);
        add(&admin, &list, vec![plain()]).await;
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn what_is_output_only_is_ignored_on_input(service: Service) {
        let (admin, list, before) = with_whole(&service).await;
        let time = Some(Timestamp {
            seconds: 1,
            nanos: 2,
        });
        for id in [before.id.as_str(), "no id", &Uuid::now_v7().to_string()] {
            let phone = number(2);
            let given = contact(&phone).change(|contact| {
                contact.id = id.to_owned();
                (contact.create_time, contact.update_time) = (time, time);
            });
            add(&admin, &list, vec![given]).await;
            let read = stored(&admin, &phone).await;
            assert_ne!(read.id, id);
            assert_ne!((read.create_time, read.update_time), (time, time));
        }
        let same = plain().change(|contact| contact.update_time = time);
        assert_counts!(outcomes(&add(&admin, &list, vec![same]).await), unchanged: 1);
        assert_eq!(stored(&admin, &number(1)).await, before);
        assert_eq!(admin.list(&list).await.contact_count, 2);
    }

    async fn texts_are_stored_as_given(service: Service) {
        let (admin, list) = with_list(&service).await;
        for text in [
            " Ada  Lovelace ",
            "\u{e9}",
            "e\u{301}",
            "'; --",
            "\\x00",
            "a\nb\tc",
            "\u{1F600}",
            " ",
        ] {
            add(&admin, &list, vec![plain().name(text).external_id(text)]).await;
            let read = stored(&admin, &number(1)).await;
            let found = (read.name.as_deref(), read.external_id.as_deref());
            assert_eq!(found, (Some(text), Some(text)));
            add(&admin, &list, vec![plain().external_id("")]).await;
        }
    }
}
