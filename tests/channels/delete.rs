//! `DeleteChannel`.

use contact_lists::proto::DeleteChannelRequest;

use super::{
    update::{change, named},
    *,
};

async fn delete(caller: &Client, id: &str) -> Result<(), Status> {
    let request = DeleteChannelRequest { id: id.to_owned() };
    caller.channels.clone().delete_channel(request).await?;
    Ok(())
}

on_both! {
    async fn a_channel_that_a_contact_is_opted_in_to_is_not_deleted(service: Service) {
        let admin = service.admin();
        let channel = create_desk(&admin).await;
        store(&admin, contact(&number(1))).await;
        admin.opt_in(&number(1), &[&channel.id]).await;
        let status = assert_refused(
            delete(&admin, &channel.id).await,
            Code::FailedPrecondition,
            "RESOURCE_IN_USE",
        );
        assert_eq!(
            (
                metadata(&status, "resource_type"),
                metadata(&status, "resource_name")
            ),
            ("channel".to_owned(), channel.id.clone())
        );
        assert_ne!(metadata(&status, "used_by"), "");
        assert_eq!(get(&admin, &channel.id).await.unwrap(), channel);
        admin.opt_out(&number(1), &[&channel.id]).await;
        delete(&admin, &channel.id).await.unwrap();
    }

    async fn a_channel_that_is_a_contacts_default_is_not_deleted(service: Service) {
        let admin = service.admin();
        let channel = create_desk(&admin).await;
        let list = store(&admin, contact(&number(1)).default_channel(&channel.id)).await;
        assert_refused(
            delete(&admin, &channel.id).await,
            Code::FailedPrecondition,
            "RESOURCE_IN_USE",
        );
        assert_eq!(get(&admin, &channel.id).await.unwrap(), channel);
        let add = header(&list).add().no_opt_ins();
        admin
            .update(add, vec![contact(&number(1)).default_channel("")])
            .await
            .unwrap();
        delete(&admin, &channel.id).await.unwrap();
    }

    async fn opt_outs_of_a_channel_are_deleted_with_it(service: Service) {
        let admin = service.admin();
        let (channel, other) = (create_desk(&admin).await, admin.create_channel(&number(91)).await);
        store(&admin, contact(&number(1))).await;
        // Of a contact, and of an unassigned number.
        for n in [1, 2] {
            admin.opt_out(&number(n), &[&channel.id, &other]).await;
        }
        delete(&admin, &channel.id).await.unwrap();
        let left: Vec<_> = admin
            .preferences(&number(1))
            .await
            .into_iter()
            .map(|it| it.channel_id)
            .collect();
        assert_eq!(left, [other]);
        assert_eq!(
            service
                .rows("SELECT count(*) FROM communication_preferences")
                .await,
            1
        );
        assert_eq!(
            service.rows("SELECT count(*) FROM opted_out_numbers").await,
            1
        );
    }

    async fn an_opt_out_of_all_channels_outlives_a_channel(service: Service) {
        let admin = service.admin();
        let channel = create_desk(&admin).await;
        store(&admin, contact(&number(1))).await;
        admin.opt_out_of_all_channels(&number(1)).await;
        delete(&admin, &channel.id).await.unwrap();
        assert!(
            admin
                .preferences(&number(1))
                .await
                .iter()
                .any(|it| it.all_channels)
        );
        create_desk(&admin).await;
        let list = store(&admin, contact(&number(2))).await;
        let outcome = admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_counts!(opt_ins(&outcome), kept_opt_outs: 1);
    }

    async fn a_change_and_a_deletion_at_once_have_an_order(service: Service) {
        let admin = service.admin();
        for _ in 0..30 {
            let channel = send(&admin, request("Desk", Type::Email, None)).await.unwrap();
            let renamed = change(&admin, named(&channel, "Reception"));
            let (renamed, deleted) = tokio::join!(renamed, delete(&admin, &channel.id));
            deleted.unwrap();
            if let Err(status) = renamed {
                assert_eq!(status.code(), Code::NotFound, "{status:?}");
            }
        }
    }

    async fn a_deleted_channel_is_unknown_and_its_phone_free(service: Service) {
        let admin = service.admin();
        let channel = create_desk(&admin).await;
        let list = store(&admin, contact(&number(1))).await;
        delete(&admin, &channel.id).await.unwrap();
        assert_refused(
            get(&admin, &channel.id).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_refused(
            delete(&admin, &channel.id).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        let refused = change(&admin, named(&channel, "Front")).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        for header in [
            header(&list).add().opt_in_to([channel.id.as_str()]),
            header(&list).add().opt_in_to_phones([number(90).as_str()]),
        ] {
            let refused = admin.update(header, vec![contact(&number(2))]).await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
        assert_ne!(create_desk(&admin).await.id, channel.id);
    }

    async fn an_id_to_delete_is_a_uuid(service: Service) {
        let admin = service.admin();
        assert_invalid(delete(&admin, "").await, "id", "FIELD_REQUIRED");
        assert_invalid(delete(&admin, "x").await, "id", "FIELD_INVALID");
    }
    async fn only_an_admin_of_the_organization_deletes_a_channel(service: Service) {
        let admin = service.admin();
        let channel = create_desk(&admin).await;
        let writer = service.client_with(Scope::Write).await;
        assert_refused(
            delete(&writer, &channel.id).await,
            Code::PermissionDenied,
            "SCOPE_INSUFFICIENT",
        );
        assert_refused(
            delete(&service.other_admin().await, &channel.id).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_eq!(get(&admin, &channel.id).await.unwrap(), channel);
    }
}
