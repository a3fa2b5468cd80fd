//! The rules for each field are those of an update.

use contact_lists::proto::custom_property::Type;
use time::{Duration, OffsetDateTime};

use super::*;

fn long() -> String {
    "x".repeat(256)
}

fn on(contact: Contact, date: OffsetDateTime) -> Contact {
    contact.birth_date(
        date.year(),
        u8::from(date.month()).into(),
        date.day().into(),
    )
}

/// Asserts that changes of one's own contact are refused, each by the path of its bad field, and that nothing changes.
async fn assert_each_refused(
    admin: &Client,
    before: &Contact,
    changes: Vec<(Contact, &str, &str)>,
) {
    for (bad, field, reason) in changes {
        let refused = change(admin, bad).await;
        assert_invalid(refused, &format!("contact.{field}"), reason);
    }
    assert_eq!(read(admin, &number(1)).await, *before);
}

on_both! {
    async fn each_bad_text_is_refused_by_its_path(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let of = || of(&before);
        let phone = |phone: &str| of().change(|it| it.phone = Some(phone.to_owned()));
        let city = |city: &str| {
            of().address(Address {
                city: city.to_owned(),
                ..home()
            })
        };
        let unknown = uuid::Uuid::now_v7().to_string();
        let changes = vec![
            (phone("+4915"), "phone", "PHONE_INVALID"),
            (
                phone("+1 202-456-1111 ext. 5"),
                "phone",
                "PHONE_HAS_EXTENSION",
            ),
            (phone("0151 23456789"), "phone", "PHONE_WITHOUT_REGION"),
            (of().external_id(&long()), "external_id", "FIELD_TOO_LONG"),
            (of().external_id("a\0"), "external_id", "FIELD_HAS_NUL"),
            (of().email("no email"), "email", "EMAIL_INVALID"),
            (
                of().email(&format!("{}@example.com", long())),
                "email",
                "FIELD_TOO_LONG",
            ),
            (of().email("a\0@example.com"), "email", "FIELD_HAS_NUL"),
            (of().name(&long()), "name", "FIELD_TOO_LONG"),
            (of().name("\0"), "name", "FIELD_HAS_NUL"),
            (
                of().language("not a language"),
                "language",
                "LANGUAGE_INVALID",
            ),
            (
                of().default_channel(&unknown),
                "default_channel_id",
                "CHANNEL_UNKNOWN",
            ),
            (city(&long()), "address.city", "FIELD_TOO_LONG"),
            (city("\0"), "address.city", "FIELD_HAS_NUL"),
        ];
        assert_each_refused(&admin, &before, changes).await;
    }

    async fn each_bad_date_and_property_is_refused_by_its_path(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let of = || of(&before);
        let changes = vec![
            (
                of().birth_date(2001, 2, 29),
                "birth_date",
                "BIRTH_DATE_INVALID",
            ),
            (
                of().birth_date(2001, 0, 1),
                "birth_date",
                "BIRTH_DATE_INVALID",
            ),
            (
                of().birth_date(2001, 1, 0),
                "birth_date",
                "BIRTH_DATE_INVALID",
            ),
            (
                of().birth_date(-1, 1, 1),
                "birth_date",
                "BIRTH_DATE_INVALID",
            ),
            (
                of().properties(json!({"color": "red"})),
                "properties.color",
                "PROPERTY_UNKNOWN",
            ),
            (
                of().properties(json!({"color": null})),
                "properties.color",
                "PROPERTY_UNKNOWN",
            ),
            (
                of().properties(json!({"plan": 1})),
                "properties.plan",
                "PROPERTY_TYPE_MISMATCH",
            ),
            (
                of().properties(json!({"visits": 1.5})),
                "properties.visits",
                "PROPERTY_TYPE_MISMATCH",
            ),
            (
                of().properties(json!({"since": "2001-02-29"})),
                "properties.since",
                "PROPERTY_TYPE_MISMATCH",
            ),
            (
                of().properties(json!({"plan": "\0"})),
                "properties.plan",
                "FIELD_HAS_NUL",
            ),
        ];
        assert_each_refused(&admin, &before, changes).await;
    }

    async fn all_problems_are_reported_at_once(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let bad = of(&before)
            .change(|it| it.phone = Some("+4915".to_owned()))
            .email("no email")
            .name("\0")
            .birth_date(2001, 13, 1)
            .properties(json!({"plan": 1, "color": "red"}));
        let status = assert_refused(
            change(&admin, bad).await,
            Code::InvalidArgument,
            "REQUEST_INVALID",
        );
        let mut found = violations(&status);
        found.sort();
        let expected = [
            ("contact.birth_date", "BIRTH_DATE_INVALID"),
            ("contact.email", "EMAIL_INVALID"),
            ("contact.name", "FIELD_HAS_NUL"),
            ("contact.phone", "PHONE_INVALID"),
            ("contact.properties.color", "PROPERTY_UNKNOWN"),
            ("contact.properties.plan", "PROPERTY_TYPE_MISMATCH"),
        ];
        assert_eq!(
            found,
            expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()))
        );
        assert_eq!(read(&admin, &number(1)).await, before);
    }

    async fn texts_have_at_most_255_characters_not_bytes(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let longest = "\u{1f600}".repeat(255);
        let after = change(&admin, of(&before).name(&longest).external_id(&longest))
            .await
            .unwrap();
        assert_eq!(
            (
                after.name.as_deref().unwrap(),
                after.external_id.as_deref().unwrap()
            ),
            (&longest[..], &longest[..])
        );
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn a_contact_has_at_most_64_kib(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let of_size = |bytes| of(&before).properties(json!({"plan": "x".repeat(bytes)}));
        assert_invalid(
            change(&admin, of_size(65_536)).await,
            "contact",
            "CONTACT_TOO_LARGE",
        );
        change(&admin, of_size(65_000)).await.unwrap();
    }

    async fn a_record_has_at_most_64_kib(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let long = "x".repeat(40_000);
        let first = of(&before).properties(json!({"plan": long}));
        let after = change(&admin, first).await.unwrap();
        let second = of(&before).properties(json!({"tags": [long]}));
        let refused = change(&admin, second).await;
        assert_invalid(refused, "contact.properties", "RECORD_TOO_LARGE");
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn an_address_and_a_birth_date_are_set_whole_and_cleared_when_empty(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let moved = Address {
            state: "Bavaria".to_owned(),
            ..Address::default()
        };
        let given = of(&before).address(moved.clone()).birth_date(0, 2, 29);
        let after = change(&admin, given).await.unwrap();
        assert_eq!(after.address, Some(moved));
        let date = after.birth_date.unwrap();
        assert_eq!((date.year, date.month, date.day), (0, 2, 29));
        let cleared = change(
            &admin,
            of(&before).address(Address::default()).birth_date(0, 0, 0),
        )
        .await
        .unwrap();
        assert_eq!((&cleared.address, &cleared.birth_date), (&None, &None));
        assert_eq!(read(&admin, &number(1)).await, cleared);
    }

    async fn a_birth_date_is_not_after_tomorrow(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        // Even if midnight passes, two days from now is after tomorrow, and today is not.
        let now = OffsetDateTime::now_utc();
        change(&admin, on(of(&before), now)).await.unwrap();
        let later = change(&admin, on(of(&before), now + Duration::days(3))).await;
        assert_invalid(later, "contact.birth_date", "BIRTH_DATE_INVALID");
    }

    async fn a_first_record_needs_its_required_keys_and_gets_the_defaults(service: Service) {
        let admin = service.admin();
        let properties = vec![
            property("plan", Type::Text).required(),
            property("tier", Type::Text)
                .required()
                .default_value(json!("basic")),
            property("note", Type::Text).default_value(json!("none")),
            property("visits", Type::Number),
        ];
        admin.create_object("customer", properties).await;
        let before = stored(&admin, contact(&number(1))).await;
        let without = change(&admin, of(&before).properties(json!({"visits": 1}))).await;
        assert_invalid(without, "contact.properties.plan", "PROPERTY_REQUIRED");
        for key in ["plan", "tier"] {
            let null = change(
                &admin,
                of(&before).properties(json!({"plan": "free", key: null})),
            )
            .await;
            assert_invalid(
                null,
                &format!("contact.properties.{key}"),
                "PROPERTY_REQUIRED",
            );
        }
        assert_eq!(read(&admin, &number(1)).await, before);
        let after = change(&admin, of(&before).properties(json!({"plan": "free"})))
            .await
            .unwrap();
        let expected = json!({"plan": "free", "tier": "basic", "note": "none"});
        assert_eq!(json_of(after.properties.as_ref().unwrap()), expected);
        let null = change(&admin, of(&before).properties(json!({"plan": null}))).await;
        assert_invalid(null, "contact.properties.plan", "PROPERTY_REQUIRED");
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn properties_need_a_custom_object(service: Service) {
        let admin = service.admin();
        let before = stored(&admin, contact(&number(1))).await;
        let refused = change(&admin, of(&before).properties(json!({"plan": "free"}))).await;
        assert_refused(refused, Code::InvalidArgument, "CUSTOM_OBJECT_REQUIRED");
        // An empty object counts as absent.
        assert_eq!(
            change(&admin, of(&before).properties(json!({})))
                .await
                .unwrap(),
            before
        );
    }

    async fn a_default_channel_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let before = stored(&admin, contact(&number(1))).await;
        let foreign = service
            .other_admin()
            .await
            .create_channel(&number(99))
            .await;
        let refused = change(&admin, of(&before).default_channel(&foreign)).await;
        assert_invalid(refused, "contact.default_channel_id", "CHANNEL_UNKNOWN");
        let own = admin.create_channel(&number(99)).await;
        let after = change(&admin, of(&before).default_channel(&own))
            .await
            .unwrap();
        assert_eq!(after.default_channel_id, Some(own));
        assert_eq!(read(&admin, &number(1)).await, after);
    }
}
