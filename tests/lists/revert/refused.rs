//! Reverts that are refused, repeated or recorded.

use contact_lists::proto::RevertContactListUpdateRequest;
use uuid::Uuid;

use super::*;

on_both! {
    async fn a_revert_is_recorded_and_cannot_be_reverted(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let update = admin.update(header(&list).add(), contacts([1])).await.unwrap();
        let request_id = Uuid::now_v7().to_string();
        let request = RevertContactListUpdateRequest {
            update_id: update.update_id.clone(),
            request_id: Some(request_id.clone()),
            validate_only: false,
        };
        let reverted = send(&admin, request.clone()).await.unwrap();
        let recorded = admin.recorded_update(Reference::RequestId(request_id.clone())).await.unwrap();
        assert_eq!(recorded.id, reverted.update_id);
        assert_eq!(recorded.revert, Some(reverted.clone()));
        assert_eq!(admin.list(&list).await.version, 2);
        assert_refused(
            try_revert(&admin, &reverted.update_id).await,
            Code::FailedPrecondition,
            "UPDATE_NOT_REVERTIBLE",
        );
        let other = admin.update(header(&list).add(), contacts([1])).await.unwrap();
        let reused = RevertContactListUpdateRequest { update_id: other.update_id, ..request };
        assert_refused(send(&admin, reused).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
        let reused = header(&list).add().request_id(&request_id);
        assert_refused(admin.update(reused, contacts([1])).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    }

    async fn an_update_that_is_too_old_is_not_reverted(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let update = admin.update(header(&list).add(), contacts([1])).await.unwrap();
        service.database().execute("UPDATE contact_list_updates SET create_time = '2020-01-01T00:00:00Z'").await;
        assert_refused(
            try_revert(&admin, &update.update_id).await,
            Code::FailedPrecondition,
            "UPDATE_NOT_REVERTIBLE",
        );
    }

    async fn what_an_older_program_did_is_a_wall(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let before = admin.update(header(&list).add(), contacts([1])).await.unwrap();
        let older = admin.update(header(&list).add(), contacts([2])).await.unwrap();
        let make_older = "UPDATE contact_list_updates SET list_version = NULL WHERE list_version = 2";
        service.database().execute(make_older).await;
        let after = admin.update(header(&list).add(), contacts([3])).await.unwrap();
        revert(&admin, &after).await;
        for update in [&older, &before] {
            assert_refused(
                try_revert(&admin, &update.update_id).await,
                Code::FailedPrecondition,
                "UPDATE_NOT_REVERTIBLE",
            );
        }
    }

    async fn a_revert_needs_the_scope_admin_and_an_update_of_the_organization(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let update = admin.update(header(&list).add(), contacts([1])).await.unwrap();
        let writer = service.client_with(Scope::Write).await;
        let refused = try_revert(&writer, &update.update_id).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        let other = service.other_admin().await;
        let refused = try_revert(&other, &update.update_id).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_invalid(try_revert(&admin, "x").await, "update_id", "FIELD_INVALID");
    }

    async fn the_same_update_again_returns_the_recorded_answer(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let first = admin.update(header(&list).add(), contacts([1])).await.unwrap();
        let second = admin.update(header(&list).add(), contacts([2])).await.unwrap();
        let reverted = revert(&admin, &second).await;
        let before = service.state(&list).await;
        let again = revert(&admin, &second).await;
        assert_eq!(again, Reverted { replayed: true, ..reverted });
        admin.archive_list(&list).await;
        assert_eq!(revert(&admin, &second).await, again);
        assert_refused(
            try_revert(&admin, &first.update_id).await,
            Code::FailedPrecondition,
            "CONTACT_LIST_NOT_ACTIVE",
        );
        assert_eq!(service.rows("SELECT count(*) FROM contact_list_contacts").await, 1);
        drop(before);
    }

    async fn an_update_whose_journal_is_purged_is_not_reverted_in_part(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.update(header(&list).add(), contacts([1, 2])).await.unwrap();
        let update = admin.update(header(&list).overwrite(), contacts([2, 3])).await.unwrap();
        service.database().execute("DELETE FROM journal WHERE kind = 'removed'").await;
        let before = service.state(&list).await;
        assert_refused(
            try_revert(&admin, &update.update_id).await,
            Code::FailedPrecondition,
            "UPDATE_NOT_REVERTIBLE",
        );
        assert_eq!(service.state(&list).await, before);
    }

    async fn what_undo_needs_is_purged_with_its_retention(database: Database) {
        let service = Service::start_with(database, &["--purge-interval-seconds", "1"]).await;
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let named = |name| vec![contact(&number(1)).name(name)];
        admin.update(header(&list).add(), named("Ada")).await.unwrap();
        let update = admin.update(header(&list).add(), named("Eve")).await.unwrap();
        let kept = "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM contact_changes)";
        assert_eq!(service.rows(kept).await, 3);
        for table in ["journal", "contact_list_updates"] {
            let age = format!("UPDATE {table} SET create_time = '2020-01-01T00:00:00Z'");
            service.database().execute(&age).await;
        }
        until("a purge", async || service.rows(kept).await == 0).await;
        assert_refused(
            try_revert(&admin, &update.update_id).await,
            Code::FailedPrecondition,
            "UPDATE_NOT_REVERTIBLE",
        );
    }
}
