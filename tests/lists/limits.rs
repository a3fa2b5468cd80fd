//! `GetLimits`.

use contact_lists::proto::{GetLimitsRequest, Limits};

use super::*;

async fn limits(caller: &Client) -> Result<Limits, Status> {
    let answer = caller.lists.clone().get_limits(GetLimitsRequest {}).await?;
    Ok(answer.into_inner().limits.expect("the limits"))
}

fn seconds(duration: Option<prost_types::Duration>) -> i64 {
    duration.expect("a duration").seconds
}

on_both! {
    async fn the_limits_are_those_that_the_operator_sets(database: Database) {
        let args = [
            "--max-contacts", "70000", "--max-message-bytes", "100000", "--stream-idle-seconds", "7",
            "--retention-hours", "48",
        ];
        let service = Service::start_with(database, &args).await;
        let limits = limits(&service.admin()).await.unwrap();
        assert_eq!((limits.max_contacts, limits.max_message_bytes), (70_000, 100_000));
        assert_eq!(limits.max_contact_bytes, 64 * 1024);
        assert_eq!(seconds(limits.stream_idle), 7);
        assert_eq!(seconds(limits.request_id_retention), 48 * 60 * 60);
    }

    async fn a_call_takes_as_many_contacts_as_the_limit_says(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "3"]).await;
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let limit = limits(&admin).await.unwrap().max_contacts as u32;
        admin.update(header(&list).add(), contacts(0..limit)).await.unwrap();
        let refused = admin.update(header(&list).add(), contacts(0..=limit)).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACT_LIMIT_EXCEEDED");
    }

    async fn a_limit_that_the_field_cannot_hold_is_the_largest_that_it_can(database: Database) {
        let service = Service::start_with(database, &["--max-message-bytes", "4294967295"]).await;
        let limits = limits(&service.admin()).await.unwrap();
        assert_eq!(limits.max_message_bytes, i32::MAX);
    }

    async fn a_read_key_is_enough_to_get_the_limits(service: Service) {
        limits(&service.client_with(Scope::Read).await).await.unwrap();
    }
}
