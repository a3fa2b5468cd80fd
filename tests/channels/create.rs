//! `CreateChannel`.

use contact_lists::proto::{CreateChannelRequest, channel::Type};

use super::*;

on_both! {
    async fn a_channel_is_created_as_given(service: Service) {
        let request = request("  Front \t desk ", Type::Phone, Some(PHONE));
        let channel = send(&service.admin(), request).await.unwrap();
        assert_eq!(
            channel.id.parse::<uuid::Uuid>().unwrap().get_version_num(),
            7
        );
        assert_eq!(channel.name(), "Front desk");
        assert_eq!(channel.r#type(), Type::Phone);
        assert_eq!(channel.phone.as_deref(), Some(PHONE));
        assert!(channel.create_time.is_some());
        assert_eq!(channel.update_time, channel.create_time);
    }

    async fn a_phone_is_given_back_in_e164(service: Service) {
        let channel = create(&service.admin(), Type::Phone, Some("+49 (0151) 2345-6789"))
            .await
            .unwrap();
        assert_eq!(channel.phone.as_deref(), Some(PHONE));
    }

    async fn a_national_phone_is_read_in_the_default_region(service: Service) {
        let german = service.client(&service.organization_in("DE").await.admin_key);
        let channel = create(&german, Type::Phone, Some("0151 23456789"))
            .await
            .unwrap();
        assert_eq!(channel.phone.as_deref(), Some(PHONE));
    }

    async fn a_national_phone_needs_a_default_region(service: Service) {
        let refused = create(&service.admin(), Type::Phone, Some("0151 23456789")).await;
        assert_invalid(refused, "phone", "PHONE_WITHOUT_REGION");
    }

    async fn a_phone_is_valid(service: Service) {
        let admin = service.admin();
        for phone in [
            "+49",
            "+4915",
            "+999123456789",
            "+12025550123456",
            "+49\u{1f4cb}",
        ] {
            assert_invalid(
                create(&admin, Type::Phone, Some(phone)).await,
                "phone",
                "PHONE_INVALID",
            );
        }
    }

    async fn a_phone_has_no_extension(service: Service) {
        let refused = create(
            &service.admin(),
            Type::Phone,
            Some("+1 202-456-1111 ext. 5"),
        )
        .await;
        assert_invalid(refused, "phone", "PHONE_HAS_EXTENSION");
    }

    async fn a_phone_belongs_to_one_channel(service: Service) {
        let admin = service.admin();
        create(&admin, Type::Phone, Some(PHONE)).await.unwrap();
        for kind in [Type::Phone, Type::Fax, Type::Email] {
            let refused = create(&admin, kind, Some("+49 151 23456789")).await;
            let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
            assert_eq!(metadata(&status, "field"), "phone");
        }
    }

    async fn another_organization_can_use_the_same_phone(service: Service) {
        create(&service.admin(), Type::Phone, Some(PHONE))
            .await
            .unwrap();
        create(&service.other_admin().await, Type::Phone, Some(PHONE))
            .await
            .unwrap();
    }

    async fn a_phone_or_fax_channel_needs_a_phone(service: Service) {
        let admin = service.admin();
        for kind in [Type::Phone, Type::Fax] {
            assert_invalid(create(&admin, kind, None).await, "phone", "FIELD_REQUIRED");
        }
    }

    async fn email_channels_can_do_without_a_phone(service: Service) {
        let admin = service.admin();
        for _ in 0..2 {
            assert_eq!(create(&admin, Type::Email, None).await.unwrap().phone, None);
        }
    }

    async fn a_channel_has_a_type(service: Service) {
        let admin = service.admin();
        let none = create(&admin, Type::Unspecified, Some(PHONE)).await;
        assert_invalid(none, "type", "FIELD_REQUIRED");
        let unknown = send(
            &admin,
            CreateChannelRequest {
                r#type: 99,
                ..request("Desk", Type::Email, None)
            },
        )
        .await;
        assert_invalid(unknown, "type", "FIELD_INVALID");
    }

    async fn a_channel_has_a_name_of_at_most_255_characters(service: Service) {
        let admin = service.admin();
        assert_invalid(
            send(&admin, request(" \t", Type::Email, None)).await,
            "name",
            "FIELD_REQUIRED",
        );
        send(&admin, request(&"\u{e9}".repeat(255), Type::Email, None))
            .await
            .unwrap();
        let too_long = send(&admin, request(&"x".repeat(256), Type::Email, None)).await;
        assert_invalid(too_long, "name", "FIELD_TOO_LONG");
        let with_nul = send(&admin, request("Front\0desk", Type::Email, None)).await;
        assert_invalid(with_nul, "name", "FIELD_HAS_NUL");
    }

    async fn an_organization_has_at_most_1000_channels(service: Service) {
        let admin = service.admin();
        create_many(&admin, 1000).await;
        let refused = create(&admin, Type::Email, None).await;
        let status = assert_refused(refused, Code::FailedPrecondition, "RESOURCE_LIMIT_REACHED");
        assert_eq!(metadata(&status, "limit"), "1000");
        create(&service.other_admin().await, Type::Email, None)
            .await
            .unwrap();
    }

    async fn creating_a_channel_needs_the_admin_scope(service: Service) {
        for scope in [Scope::Read, Scope::Write] {
            let refused = create(&service.client_with(scope).await, Type::Email, None).await;
            assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        }
    }
}
