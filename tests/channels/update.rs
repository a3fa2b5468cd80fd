//! `UpdateChannel`.

use contact_lists::proto::UpdateChannelRequest;
use prost_types::FieldMask;

use super::*;

async fn update(
    caller: &Client,
    channel: Option<Channel>,
    mask: Option<&[&str]>,
) -> Result<Channel, Status> {
    let request = UpdateChannelRequest {
        channel,
        update_mask: mask.map(|mask| FieldMask {
            paths: mask.iter().map(|&path| path.to_owned()).collect(),
        }),
    };
    let answer = caller.channels.clone().update_channel(request).await?;
    Ok(answer.into_inner().channel.expect("the channel"))
}

pub async fn change(caller: &Client, channel: Channel) -> Result<Channel, Status> {
    update(caller, Some(channel), None).await
}

async fn masked(caller: &Client, channel: Channel, mask: &[&str]) -> Result<Channel, Status> {
    update(caller, Some(channel), Some(mask)).await
}

/// An update of a channel that gives no field yet.
fn of(channel: &Channel) -> Channel {
    Channel {
        id: channel.id.clone(),
        ..Channel::default()
    }
}

pub fn named(channel: &Channel, name: &str) -> Channel {
    Channel {
        name: Some(name.to_owned()),
        ..of(channel)
    }
}

fn typed(channel: &Channel, kind: Type) -> Channel {
    Channel {
        r#type: kind.into(),
        ..of(channel)
    }
}

fn at(channel: &Channel, phone: &str) -> Channel {
    Channel {
        phone: Some(phone.to_owned()),
        ..of(channel)
    }
}

on_both! {
    async fn without_a_mask_the_fields_that_are_present_change(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        let after = change(&admin, named(&before, "  Front \t desk "))
            .await
            .unwrap();
        assert_eq!(after.name.as_deref(), Some("Front desk"));
        assert_eq!(
            (after.r#type, &after.phone, after.create_time),
            (before.r#type, &before.phone, before.create_time)
        );
        assert_ne!(after.update_time, before.update_time);
        let after = change(&admin, at(&before, "+49 151 10000091"))
            .await
            .unwrap();
        assert_eq!(
            (after.r#type, after.phone.as_ref()),
            (before.r#type, Some(&number(91)))
        );
        let after = change(&admin, typed(&before, Type::Fax)).await.unwrap();
        assert_eq!(after.r#type(), Type::Fax);
        assert_eq!(get(&admin, &before.id).await.unwrap(), after);
    }

    async fn only_what_the_mask_names_changes(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        let given = Channel {
            name: Some("Front".to_owned()),
            ..at(&before, &number(91))
        };
        let after = masked(&admin, given.clone(), &["phone"]).await.unwrap();
        assert_eq!(
            (&after.name, after.phone.as_ref()),
            (&before.name, Some(&number(91)))
        );
        let given = Channel {
            r#type: Type::Phone.into(),
            ..given
        };
        let after = masked(&admin, given, &["*"]).await.unwrap();
        assert_eq!(
            (after.name.as_deref(), after.r#type()),
            (Some("Front"), Type::Phone)
        );
        assert_eq!(get(&admin, &before.id).await.unwrap(), after);
    }

    async fn a_mask_names_fields_that_can_be_changed(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        for path in [
            "id",
            "create_time",
            "update_time",
            "colour",
            "channel.name",
            "",
        ] {
            let refused = masked(&admin, named(&before, "Front"), &["name", path]).await;
            let status = assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
            assert_eq!(metadata(&status, "path"), path);
        }
        assert_eq!(get(&admin, &before.id).await.unwrap(), before);
    }

    async fn an_email_channel_can_lose_its_phone(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        assert_eq!(change(&admin, at(&before, "")).await.unwrap().phone, None);
        change(&admin, at(&before, &number(91))).await.unwrap();
        assert_eq!(
            masked(&admin, of(&before), &["phone"]).await.unwrap().phone,
            None
        );
        assert_eq!(get(&admin, &before.id).await.unwrap().phone, None);
    }

    async fn a_phone_or_fax_channel_keeps_a_phone(service: Service) {
        let admin = service.admin();
        let email = create_desk(&admin).await;
        change(&admin, at(&email, "")).await.unwrap();
        let id = admin.create_channel(&number(92)).await;
        let phone = get(&admin, &id).await.unwrap();
        for kind in [Type::Phone, Type::Fax] {
            assert_invalid(
                change(&admin, typed(&email, kind)).await,
                "channel.phone",
                "FIELD_REQUIRED",
            );
            change(&admin, typed(&phone, kind)).await.unwrap();
            assert_invalid(
                change(&admin, at(&phone, "")).await,
                "channel.phone",
                "FIELD_REQUIRED",
            );
            assert_invalid(
                masked(&admin, of(&phone), &["phone"]).await,
                "channel.phone",
                "FIELD_REQUIRED",
            );
        }
        assert_eq!(get(&admin, &email.id).await.unwrap().r#type(), Type::Email);
        let both = Channel {
            phone: Some(number(91)),
            ..typed(&email, Type::Phone)
        };
        assert_eq!(change(&admin, both).await.unwrap().phone, Some(number(91)));
        assert_eq!(get(&admin, &id).await.unwrap().phone, Some(number(92)));
    }

    async fn each_bad_field_is_refused_by_its_path(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        for (bad, field, reason) in [
            (named(&before, ""), "channel.name", "FIELD_REQUIRED"),
            (named(&before, " \t "), "channel.name", "FIELD_REQUIRED"),
            (
                named(&before, &"x".repeat(256)),
                "channel.name",
                "FIELD_TOO_LONG",
            ),
            (named(&before, "a\0"), "channel.name", "FIELD_HAS_NUL"),
            (at(&before, "+49"), "channel.phone", "PHONE_INVALID"),
            (
                at(&before, "0151 23456789"),
                "channel.phone",
                "PHONE_WITHOUT_REGION",
            ),
            (
                Channel {
                    r#type: 99,
                    ..of(&before)
                },
                "channel.type",
                "FIELD_INVALID",
            ),
            (
                Channel {
                    id: String::new(),
                    ..named(&before, "A")
                },
                "channel.id",
                "FIELD_REQUIRED",
            ),
            (
                Channel {
                    id: "x".to_owned(),
                    ..named(&before, "A")
                },
                "channel.id",
                "FIELD_INVALID",
            ),
        ] {
            assert_invalid(change(&admin, bad).await, field, reason);
        }
        for (path, field) in [("name", "channel.name"), ("type", "channel.type")] {
            assert_invalid(
                masked(&admin, of(&before), &[path]).await,
                field,
                "FIELD_REQUIRED",
            );
        }
        assert_invalid(update(&admin, None, None).await, "channel", "FIELD_REQUIRED");
        assert_eq!(get(&admin, &before.id).await.unwrap(), before);
    }

    async fn all_bad_fields_are_refused_at_once(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        let status = assert_refused(
            change(
                &admin,
                Channel {
                    r#type: 99,
                    phone: Some("+49".to_owned()),
                    ..named(&before, "")
                },
            )
            .await,
            Code::InvalidArgument,
            "REQUEST_INVALID",
        );
        assert_eq!(violations(&status).len(), 3);
        assert_eq!(get(&admin, &before.id).await.unwrap(), before);
    }

    async fn a_phone_belongs_to_one_channel(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        admin.create_channel(&number(91)).await;
        let refused = change(
            &admin,
            Channel {
                phone: Some(number(91)),
                ..named(&before, "Front")
            },
        )
        .await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(
            (
                metadata(&status, "resource_type"),
                metadata(&status, "field")
            ),
            ("channel".to_owned(), "phone".to_owned())
        );
        assert_eq!(get(&admin, &before.id).await.unwrap(), before);
        // Its own number is not another channel's.
        assert_eq!(
            change(&admin, at(&before, &number(90))).await.unwrap(),
            before
        );
    }

    async fn what_would_not_change_is_not_written(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        assert_eq!(
            masked(&admin, before.clone(), &["*"]).await.unwrap(),
            before
        );
        assert_eq!(change(&admin, of(&before)).await.unwrap(), before);
        assert_eq!(get(&admin, &before.id).await.unwrap(), before);
    }

    async fn only_an_admin_of_the_organization_changes_a_channel(service: Service) {
        let admin = service.admin();
        let before = create_desk(&admin).await;
        let writer = service.client_with(Scope::Write).await;
        let refused = change(&writer, named(&before, "Front")).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        let other = service.other_admin().await;
        let refused = change(&other, named(&before, "Front")).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(get(&admin, &before.id).await.unwrap(), before);
    }
}
