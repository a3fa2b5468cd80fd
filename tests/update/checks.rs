//! What is checked on a contact before anything is looked up.

use contact_lists::proto::{Address, Contact};
use prost::Message as _;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::*;

fn plain() -> Contact {
    contact(&number(1))
}

/// Checks that a contact is rejected for one thing, and alone.
async fn assert_rejected(caller: &Client, list: &str, bad: Contact, field: &str, reason: &str) {
    let outcome = try_add(caller, list, vec![bad.clone()]).await;
    assert_eq!(rejections(&outcome), [(0, field, reason)], "{bad:?}");
}

/// A change of one text of a contact.
type SetText = fn(Contact, &str) -> Contact;

/// The texts of a contact that may have 255 characters of any kind.
const TEXTS: [(&str, SetText); 8] = [
    ("external_id", |contact, text| contact.external_id(text)),
    ("name", |contact, text| contact.name(text)),
    ("address.address_line_one", |contact, text| {
        in_address(contact, |address| address.address_line_one = text.into())
    }),
    ("address.address_line_two", |contact, text| {
        in_address(contact, |address| address.address_line_two = text.into())
    }),
    ("address.city", |contact, text| {
        in_address(contact, |address| address.city = text.into())
    }),
    ("address.state", |contact, text| {
        in_address(contact, |address| address.state = text.into())
    }),
    ("address.post_code", |contact, text| {
        in_address(contact, |address| address.post_code = text.into())
    }),
    ("address.country", |contact, text| {
        in_address(contact, |address| address.country = text.into())
    }),
];

fn in_address(contact: Contact, change: impl FnOnce(&mut Address)) -> Contact {
    contact.change(|contact| change(contact.address.get_or_insert_default()))
}

/// A contact of so many bytes, most of them in a property.
fn of_size(bytes: usize) -> Contact {
    let with = |length: usize| plain().properties(json!({"plan": "a".repeat(length)}));
    let length = bytes - 1000;
    let contact = with(length + bytes - with(length).encoded_len());
    assert_eq!(contact.encoded_len(), bytes);
    contact
}

on_both! {
    async fn an_email_has_the_syntax_of_one_and_its_letters_are_stored_as_given(service: Service) {
        let (admin, list) = with_list(&service).await;
        for email in [
            "ada@example.com",
            "Ada.L+lists@Mail.Example.CO.UK",
            "a_b-c@xn--bcher-kva.example",
        ] {
            add(&admin, &list, vec![plain().email(email)]).await;
            assert_eq!(
                stored(&admin, &number(1)).await.email.as_deref(),
                Some(email)
            );
        }
        for email in [
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@example..com",
            "ada@@example.com",
            "Ada <ada@example.com>",
            "ada@-example.com",
        ] {
            assert_rejected(
                &admin,
                &list,
                plain().email(email),
                "email",
                "EMAIL_INVALID",
            )
            .await;
        }
    }

    async fn two_contacts_can_have_the_same_email(service: Service) {
        let (admin, list) = with_list(&service).await;
        let given = [1, 2].map(|n| contact(&number(n)).email("ada@example.com"));
        assert_counts!(outcomes(&add(&admin, &list, given.to_vec()).await), created: 2);
    }

    async fn a_language_is_a_well_formed_tag(service: Service) {
        let (admin, list) = with_list(&service).await;
        for tag in [
            "de",
            "pt-BR",
            "zh-Hant-TW",
            "sl-rozaj-biske",
            "es-419",
            "en-x-private",
        ] {
            add(&admin, &list, vec![plain().language(tag)]).await;
            assert_eq!(
                stored(&admin, &number(1)).await.language.as_deref(),
                Some(tag)
            );
        }
        for tag in [
            "e",
            "de DE",
            "123",
            "-de",
            "de-",
            "abcdefghi",
            "German (DE)",
            " de",
            " ",
        ] {
            let bad = plain().language(tag);
            assert_rejected(&admin, &list, bad, "language", "LANGUAGE_INVALID").await;
        }
    }

    async fn a_birth_date_is_real(service: Service) {
        let (admin, list) = with_list(&service).await;
        for (year, month, day) in [(1984, 2, 29), (0, 2, 29), (1, 1, 1), (2000, 12, 31)] {
            add(&admin, &list, vec![plain().birth_date(year, month, day)]).await;
            let read = stored(&admin, &number(1)).await.birth_date.expect("a date");
            assert_eq!((read.year, read.month, read.day), (year, month, day));
        }
        for (year, month, day) in [
            (1984, 2, 30),
            (2023, 2, 29),
            (1900, 2, 29),
            (0, 2, 30),
            (1984, 13, 1),
            (1984, 4, 31),
            (1984, 0, 0),
            (1984, 5, 0),
            (1984, 0, 5),
            (0, 5, 0),
            (0, 0, 5),
            (-1, 1, 1),
            (10_000, 1, 1),
            (1984, -1, 1),
            (1984, 257, 1),
            (1984, 1, 257),
        ] {
            let bad = plain().birth_date(year, month, day);
            assert_rejected(&admin, &list, bad, "birth_date", "BIRTH_DATE_INVALID").await;
        }
    }

    async fn a_birth_date_is_not_after_tomorrow(service: Service) {
        let (admin, list) = with_list(&service).await;
        let on = |date: time::Date| {
            plain().birth_date(
                date.year(),
                u8::from(date.month()).into(),
                date.day().into(),
            )
        };
        // Once more where midnight came in between.
        loop {
            let today = OffsetDateTime::now_utc().date();
            add(&admin, &list, vec![on(today + Duration::DAY)]).await;
            let bad = vec![on(today + 2 * Duration::DAY)];
            let outcome = try_add(&admin, &list, bad).await;
            if OffsetDateTime::now_utc().date() == today {
                assert_eq!(
                    rejections(&outcome),
                    [(0, "birth_date", "BIRTH_DATE_INVALID")]
                );
                break;
            }
        }
    }

    async fn a_default_channel_is_one_of_the_organization(service: Service) {
        let (admin, list) = with_list(&service).await;
        let channel = admin.create_channel("+4930901820").await;
        add(&admin, &list, vec![plain().default_channel(&channel)]).await;
        let foreign = service
            .other_admin()
            .await
            .create_channel("+4930901820")
            .await;
        for unknown in [foreign, Uuid::now_v7().to_string()] {
            let bad = plain().default_channel(&unknown);
            assert_rejected(&admin, &list, bad, "default_channel_id", "CHANNEL_UNKNOWN").await;
        }
        let outcome = try_add(&admin, &list, vec![plain().default_channel("no id")]).await;
        assert_eq!(rejections(&outcome)[0].1, "default_channel_id");
        let read = stored(&admin, &number(1)).await;
        assert_eq!(read.default_channel_id, Some(channel));
    }

    async fn a_text_has_at_most_255_characters_however_many_bytes(service: Service) {
        let (admin, list) = with_list(&service).await;
        for (field, set) in TEXTS {
            let long = "\u{1F600}".repeat(255);
            add(&admin, &list, vec![set(plain(), &long)]).await;
            let outcome = add(&admin, &list, vec![set(plain(), &long)]).await;
            assert_counts!(outcomes(&outcome), unchanged: 1; "{field} is stored");
            for longer in ["\u{1F600}".repeat(256), "a".repeat(256)] {
                let bad = set(plain(), &longer);
                assert_rejected(&admin, &list, bad, field, "FIELD_TOO_LONG").await;
            }
        }
    }

    async fn an_email_and_a_language_have_at_most_255_characters(service: Service) {
        let (admin, list) = with_list(&service).await;
        let email = |last: usize| {
            let label = "b".repeat(63);
            format!(
                "{}@{label}.{label}.{}.com",
                "a".repeat(64),
                "c".repeat(last)
            )
        };
        assert_eq!(email(57).len(), 254);
        add(&admin, &list, vec![plain().email(&email(57))]).await;
        assert_rejected(
            &admin,
            &list,
            plain().email(&email(59)),
            "email",
            "FIELD_TOO_LONG",
        )
        .await;
        let language =
            |length: usize| format!("{:a<length$}", "en-x-".to_owned() + &"abc-".repeat(61));
        add(&admin, &list, vec![plain().language(&language(255))]).await;
        let bad = plain().language(&language(256));
        assert_rejected(&admin, &list, bad, "language", "FIELD_TOO_LONG").await;
    }

    async fn no_text_has_u0000(service: Service) {
        let (admin, list) = with_list(&service).await;
        for (field, set) in TEXTS {
            for text in ["\0", "a\0b"] {
                assert_rejected(&admin, &list, set(plain(), text), field, "FIELD_HAS_NUL").await;
            }
        }
        let email = plain().email("a\0@example.com");
        assert_rejected(&admin, &list, email, "email", "FIELD_HAS_NUL").await;
        let language = plain().language("de\0");
        assert_rejected(&admin, &list, language, "language", "FIELD_HAS_NUL").await;
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn an_encoded_contact_has_at_most_64_kib(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        assert_rejected(&admin, &list, of_size(65_537), "", "CONTACT_TOO_LARGE").await;
        let outcome = add(&admin, &list, vec![of_size(65_536)]).await;
        assert_counts!(outcomes(&outcome), created: 1);
    }

    async fn all_problems_of_a_contact_are_reported_at_once(service: Service) {
        let (admin, list) = with_list(&service).await;
        admin.create_customer_object().await;
        let bad = contact("+49")
            .external_id(&"a".repeat(256))
            .email("no email")
            .name("\0")
            .language("no language")
            .default_channel(&Uuid::now_v7().to_string())
            .birth_date(1984, 2, 30)
            .properties(json!({"vip": 1, "unknown": 1}));
        let bad = in_address(bad, |address| {
            (address.city, address.state) = ("\0".to_owned(), "a".repeat(256));
        });
        let outcome = try_add(&admin, &list, vec![plain(), bad.clone()]).await;
        let mut found = rejections(&outcome);
        found.sort();
        let expected = [
            ("address.city", "FIELD_HAS_NUL"),
            ("address.state", "FIELD_TOO_LONG"),
            ("birth_date", "BIRTH_DATE_INVALID"),
            ("default_channel_id", "CHANNEL_UNKNOWN"),
            ("email", "EMAIL_INVALID"),
            ("external_id", "FIELD_TOO_LONG"),
            ("language", "LANGUAGE_INVALID"),
            ("name", "FIELD_HAS_NUL"),
            ("phone", "PHONE_INVALID"),
            ("properties.unknown", "PROPERTY_UNKNOWN"),
            ("properties.vip", "PROPERTY_TYPE_MISMATCH"),
        ];
        assert_eq!(found, expected.map(|(field, reason)| (1, field, reason)));
        assert_counts!(outcomes(&outcome), created: 1, rejected: 1);
        let refused = admin.update(header(&list).add(), vec![plain(), bad]).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let mut found = violations(&status);
        found.sort();
        let expected =
            expected.map(|(field, reason)| (format!("contacts[1].{field}"), reason.to_owned()));
        assert_eq!(found, expected);
    }

    async fn a_violation_never_holds_the_contacts_values(service: Service) {
        let (admin, list) = with_list(&service).await;
        let bad = contact("+49 secret")
            .email("secret")
            .language("secret_")
            .name("secret\0");
        let outcome = try_add(&admin, &list, vec![bad]).await;
        assert_eq!(outcome.rejected_contacts[0].violations.len(), 4);
        assert!(!format!("{outcome:?}").contains("secret"), "{outcome:?}");
    }
}
