//! Which phone numbers are accepted.

use contact_lists::proto::Contact;

use super::*;

fn plain() -> Contact {
    contact(&number(1))
}

/// Checks that a contact is rejected for one thing, and alone.
async fn assert_rejected(caller: &Client, list: &str, bad: Contact, field: &str, reason: &str) {
    let outcome = try_add(caller, list, vec![bad.clone()]).await;
    assert_eq!(rejections(&outcome), [(0, field, reason)], "{bad:?}");
}

on_both! {
    async fn a_phone_is_taken_with_punctuation_and_given_back_in_e164(service: Service) {
        let (admin, list) = with_list(&service).await;
        let formats = [
            "+4915110000001",
            "+49 151 1000 0001",
            "+49 (151) 1000-0001",
            " +49.151.10000001 ",
        ];
        for phone in formats {
            let outcome = add(&admin, &list, vec![contact(phone)]).await;
            assert_eq!(outcome.received_count, 1);
            assert_eq!(
                on_list(&admin, &list).await,
                ["+4915110000001"],
                "{phone:?}"
            );
        }
    }

    async fn a_national_phone_is_one_of_the_default_region(service: Service) {
        let german = service.organization_in("DE").await;
        let admin = service.client(&german.admin_key);
        let list = admin.create_list("Customers").await;
        let given = vec![
            contact("0151 10000001"),
            contact("+1 212 555 2368"),
            contact("030 901820"),
        ];
        add(&admin, &list, given).await;
        let expected = ["+12125552368", "+4915110000001", "+4930901820"];
        assert_eq!(on_list(&admin, &list).await, expected);
        for phone in ["no number", "12", "0151 1000000100000"] {
            assert_rejected(&admin, &list, contact(phone), "phone", "PHONE_INVALID").await;
        }
    }

    async fn a_national_phone_needs_a_default_region(service: Service) {
        let (admin, list) = with_list(&service).await;
        for phone in ["0151 10000001", "2125552368"] {
            assert_rejected(
                &admin,
                &list,
                contact(phone),
                "phone",
                "PHONE_WITHOUT_REGION",
            )
            .await;
        }
    }

    async fn a_phone_is_valid_by_googles_metadata(service: Service) {
        let (admin, list) = with_list(&service).await;
        for phone in [
            "+49",
            "+1234",
            "+999123456789",
            "+1 212 555",
            "+4915110000001234567",
            "+",
        ] {
            assert_rejected(&admin, &list, contact(phone), "phone", "PHONE_INVALID").await;
        }
    }

    async fn a_phone_has_no_extension(service: Service) {
        let (admin, list) = with_list(&service).await;
        for phone in [
            "+49 30 901820 ext. 12",
            "+4930901820;ext=12",
            "+1 212 555 2368 x5",
        ] {
            assert_rejected(
                &admin,
                &list,
                contact(phone),
                "phone",
                "PHONE_HAS_EXTENSION",
            )
            .await;
        }
    }

    async fn a_phone_is_required_and_cannot_be_cleared(service: Service) {
        let (admin, list) = with_list(&service).await;
        add(&admin, &list, vec![plain().external_id("a")]).await;
        let before = stored(&admin, &number(1)).await;
        for bad in [plain().without_phone(), contact("")] {
            let bad = bad.external_id("a");
            assert_rejected(&admin, &list, bad, "phone", "FIELD_REQUIRED").await;
        }
        assert_eq!(stored(&admin, &number(1)).await, before);
    }

    async fn a_phone_has_no_u0000(service: Service) {
        let (admin, list) = with_list(&service).await;
        for phone in ["\0+4915110000001", "+491511\x000000001", "+4915110000001\0"] {
            let outcome = try_add(&admin, &list, vec![contact(phone)]).await;
            assert_eq!(outcome.rejected_count, 1, "{phone:?}");
            assert_eq!(rejections(&outcome)[0].1, "phone");
        }
    }
}
