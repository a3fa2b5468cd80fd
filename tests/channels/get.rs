//! `GetChannel`.

use super::*;

on_both! {
    async fn a_channel_is_read_by_its_id(service: Service) {
        let admin = service.admin();
        let channel = create_desk(&admin).await;
        assert_eq!(
            get(&service.client_with(Scope::Read).await, &channel.id)
                .await
                .unwrap(),
            channel
        );
        let foreign = get(&service.other_admin().await, &channel.id).await;
        assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
        let unknown = uuid::Uuid::now_v7().to_string();
        let status = assert_refused(
            get(&admin, &unknown).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_eq!(
            (
                metadata(&status, "resource_type"),
                metadata(&status, "resource_name")
            ),
            ("channel".to_owned(), unknown)
        );
        assert_invalid(get(&admin, "").await, "id", "FIELD_REQUIRED");
        assert_invalid(get(&admin, "x").await, "id", "FIELD_INVALID");
    }
}
