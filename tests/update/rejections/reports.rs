//! What is reported about rejected contacts.

use super::*;

on_both! {
    async fn no_message_tells_the_contacts_values(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let object = admin.create_customer_object().await;
        admin
            .update(
                header(&list).add(),
                vec![contact(&number(1)).external_id("secret-a")],
            )
            .await
            .unwrap();
        let secret = format!("secret{}", "s".repeat(255));
        let field_by_field = contact("+49 secret")
            .external_id(&secret)
            .email("secret")
            .name(&secret)
            .language("secret!")
            .default_channel("secret")
            .address(Address {
                city: secret.clone(),
                ..Address::default()
            })
            .properties(
                json!({"visits": "secret", "vip": "secret", "since": "secret", "tags": "secret"}),
            );
        let stream = vec![
            field_by_field,
            contact(&number(1)).external_id("secret-b"),
            contact(&number(2)).external_id("secret-c"),
            contact(&number(2)).external_id("secret-d"),
            contact(&number(3)).name("secret\0"),
        ];
        let header = header(&list).add().custom_object(&object);
        let outcome = admin
            .update(header.clone().skip(), stream.clone())
            .await
            .unwrap();
        assert_eq!(outcome.rejected_count, 5);
        assert!(
            outcome.rejected_contacts[0].violations.len() >= 10,
            "{:?}",
            outcome.rejected_contacts[0]
        );
        let refused = admin.update(header, stream).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let details = String::from_utf8_lossy(status.details()).into_owned();
        for answer in [
            format!("{:?}", outcome.rejected_contacts),
            status.message().to_owned(),
            details,
        ] {
            assert!(!answer.contains("secret"), "{answer}");
            assert!(!answer.contains(&number(1)[3..]), "{answer}");
        }
    }

    async fn at_most_ten_thousand_rejected_contacts_are_listed_the_first_ones(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "20000"]).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        // The first two are found to be bad only after all others: they contradict each other.
        let mut stream = vec![
            contact(&number(1)).external_id("x"),
            contact(&number(1)).external_id("y"),
        ];
        stream.extend((2..12_000).map(|_| contact("+49")));
        stream.push(contact(&number(2)));
        let outcome = admin
            .update(header(&list).add().skip(), stream)
            .await
            .unwrap();
        assert_eq!((outcome.rejected_count, outcome.created_count), (12_000, 1));
        assert_eq!(
            indexes(&outcome),
            (0..MAX_REJECTED_CONTACTS).collect::<Vec<_>>()
        );
        let violations = rejections(&outcome);
        assert_eq!(violations[0].2, "CONFLICTING_DUPLICATE");
        assert_eq!(violations[2], (2, "phone", "PHONE_INVALID"));
    }

    async fn at_most_two_mebibytes_of_rejected_contacts_are_listed(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin.create_customer_object().await;
        // The path of each violation is long.
        let unknown = (0..100).map(|n| (format!("unknown_{n}_{}", "x".repeat(100)), json!(1)));
        let properties: serde_json::Value = unknown.collect::<serde_json::Map<_, _>>().into();
        let stream = (0..300)
            .map(|n| contact(&number(n)).properties(properties.clone()))
            .collect();
        let outcome = admin
            .update(header(&list).add().skip(), stream)
            .await
            .unwrap();
        assert_eq!(outcome.rejected_count, 300);
        let bytes: usize = outcome
            .rejected_contacts
            .iter()
            .map(|it| it.encoded_len())
            .sum();
        assert!(bytes <= MAX_REJECTED_BYTES, "{bytes}");
        assert!(bytes > MAX_REJECTED_BYTES * 3 / 4, "{bytes}");
        assert_eq!(
            indexes(&outcome),
            (0..outcome.rejected_contacts.len() as i32).collect::<Vec<_>>()
        );
        assert!(
            outcome
                .rejected_contacts
                .iter()
                .all(|it| it.violations.len() == 100)
        );
    }
}
