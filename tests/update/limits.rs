//! What an update may ask for: each limit at its value and one past it.

use std::time::Duration;

use contact_lists::proto::{CreateContactListRequest, UpdateContactListContactsRequest as Message};
use tonic::Status;
use tonic_types::StatusExt;

use test_support::*;

const MEBIBYTE: usize = 1024 * 1024;

/// Checks that a retry can help, and that the refusal says when.
#[track_caller]
fn assert_retry_can_help(status: &Status) {
    let retry = status.get_details_retry_info().expect("RetryInfo");
    assert!(
        retry
            .retry_delay
            .is_some_and(|delay| delay > Duration::ZERO)
    );
}

async fn try_list(caller: &Client, name: String) -> Result<(), Status> {
    let request = CreateContactListRequest { name, color: None };
    caller.lists.clone().create_contact_list(request).await?;
    Ok(())
}

/// Holds a stream open, and makes calls until one is refused because of it. Returns both.
async fn held_stream(holder: &Client, caller: &Client) -> (OpenStream, Status) {
    let list = holder.create_list("Held").await;
    let mut held = holder.open(header(&list).add()).await;
    for _ in 0..1000 {
        // The stream itself is refused where it arrives during the other call.
        if held.has_ended() {
            held = holder.open(header(&list).add()).await;
        }
        let other = try_list(caller, uuid::Uuid::now_v7().to_string()).await;
        if other.is_err() {
            let status = assert_refused(other, Code::ResourceExhausted, "TOO_MANY_CALLS");
            return (held, status);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no call is refused while a stream is open");
}

on_both! {
    async fn one_contact_over_4000_is_refused_and_4000_are_not(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let before = service.state(&list).await;
        let refused = admin.update(header(&list).add(), contacts(0..4001)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACT_LIMIT_EXCEEDED");
        assert_eq!((metadata(&status, "limit"), metadata(&status, "value")), ("4000".into(), "4001".into()));
        assert!(status.message().contains("4000") && status.message().contains("4001"), "{status:?}");
        assert!(status.get_details_retry_info().is_none(), "the same call will never do");
        assert_eq!(service.state(&list).await, before);
        let outcome = admin.update(header(&list).add(), contacts(0..4000)).await.unwrap();
        assert_eq!(outcome.created_count, 4000);
        assert_eq!(admin.members(&list).await.len(), 4000);
    }

    async fn the_operator_sets_the_most_contacts(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "3"]).await;
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let refused = admin.update(header(&list).add(), contacts(0..4)).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACT_LIMIT_EXCEEDED");
        assert_eq!((metadata(&status, "limit"), metadata(&status, "value")), ("3".into(), "4".into()));
        assert_eq!(admin.list(&list).await.contact_count, 0);
        assert_eq!(admin.update(header(&list).add(), contacts(0..3)).await.unwrap().added_count, 3);
    }

    /// Duplicates count too: while contacts arrive it is not known that they are duplicates.
    async fn the_most_contacts_are_counted_as_they_are_sent(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "3"]).await;
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let refused = admin.update(header(&list).add().skip(), vec![contact(&number(1)); 4]).await;
        assert_refused(refused, Code::InvalidArgument, "CONTACT_LIMIT_EXCEEDED");
        assert_eq!(admin.list(&list).await.contact_count, 0);
    }

    async fn a_streamed_message_over_4_mib_is_refused(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let before = service.state(&list).await;
        let huge = contact(&number(1)).name(&"x".repeat(4 * MEBIBYTE));
        let refused = admin.update(header(&list).add(), vec![huge]).await;
        let status = assert_refused(refused, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert_eq!(metadata(&status, "limit_bytes"), "4194304");
        assert!(status.get_details_retry_info().is_none(), "the same call will never do");
        assert_eq!(service.state(&list).await, before);
    }

    async fn a_message_over_4_mib_is_refused_after_good_ones(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let mut messages = messages(header(&list).add(), contacts(0..300));
        messages[1].contacts[0].name = Some("x".repeat(5 * MEBIBYTE));
        let refused = admin.send(messages).await;
        assert_refused(refused, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn a_message_of_nearly_4_mib_is_taken(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let mut contacts = contacts(0..70);
        for contact in &mut contacts {
            contact.name = Some("x".repeat(58 * 1024));
        }
        let message = Message {
            header: Some(header(&list).add().skip()),
            contacts,
            footer: None,
        };
        // The names are too long for a contact, not the message for the service.
        assert_eq!(admin.send(vec![message]).await.unwrap().rejected_count, 70);
    }

    async fn a_message_of_any_other_call_over_4_mib_is_refused(service: Service) {
        let refused = try_list(&service.admin(), "x".repeat(5 * MEBIBYTE)).await;
        let status = assert_refused(refused, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert_eq!(metadata(&status, "limit_bytes"), "4194304");
    }

    async fn the_operator_sets_the_most_bytes_of_a_message(database: Database) {
        let service = Service::start_with(database, &["--max-message-bytes", "1000"]).await;
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let refused = admin.update(header(&list).add(), contacts(0..90)).await;
        let status = assert_refused(refused, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert_eq!(metadata(&status, "limit_bytes"), "1000");
        assert_eq!(admin.update(header(&list).add(), contacts(0..20)).await.unwrap().added_count, 20);
    }

    async fn a_stream_that_falls_silent_is_ended(database: Database) {
        let service = Service::start_with(database, &["--stream-idle-seconds", "1"]).await;
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let before = service.state(&list).await;
        let mut stream = admin.open(header(&list).add()).await;
        stream.send_contacts(contacts(0..10)).await;
        let status = assert_refused(stream.answer().await, Code::DeadlineExceeded, "STREAM_IDLE");
        assert_eq!(metadata(&status, "limit_seconds"), "1");
        assert_eq!(service.state(&list).await, before);
    }

    async fn a_stream_that_never_says_anything_is_ended(database: Database) {
        let service = Service::start_with(database, &["--stream-idle-seconds", "1"]).await;
        let mut stream = service.admin().open_silent();
        assert_refused(stream.answer().await, Code::DeadlineExceeded, "STREAM_IDLE");
    }

    async fn a_full_spool_refuses_contacts_until_other_calls_end(database: Database) {
        let service = Service::start_with(database, &["--max-spool-bytes", "200000"]).await;
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let long = |n| contact(&number(n)).name(&"x".repeat(200));
        let send = || admin.update(header(&list).add(), (0..100).map(long).collect());
        send().await.expect("alone there is room");
        let mut held = Vec::new();
        let status = loop {
            assert!(held.len() < 40, "the spool is never full");
            let stream = admin.open(header(&list).add()).await;
            stream.send_contacts((100..200).map(long).collect()).await;
            held.push(stream);
            if let Err(status) = send().await {
                break status;
            }
        };
        let status = assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "SPOOL_FULL");
        assert_eq!(metadata(&status, "limit_bytes"), "200000");
        assert_retry_can_help(&status);
        drop(held);
        until("the room is free again", async || send().await.is_ok()).await;
        assert_eq!(phones(&admin.members(&list).await).len(), 100);
    }

    async fn a_call_opts_in_to_at_most_1000_named_channels(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let channel = admin.create_channel("+12025550100").await;
        let named = |count| header(&list).add().opt_in_to(vec![channel.as_str(); count]);
        let refused = admin.update(named(1001), contacts(0..1)).await;
        assert_invalid(refused, "header.opt_in_to", "FIELD_TOO_LONG");
        assert_eq!(admin.list(&list).await.contact_count, 0);
        assert_eq!(admin.update(named(1000), contacts(0..1)).await.unwrap().opted_in_count, 1);
    }

    /// 16 MiB of contacts; the second 20,000 fold into the first.
    async fn a_stream_larger_than_the_spools_memory_is_applied_and_folded_exactly(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "60000"]).await;
        let admin = service.admin();
        let list = admin.create_list("Limits").await;
        let (early, late) = ("a".repeat(255), "b".repeat(255));
        let first = (0..40_000).map(|n| contact(&number(n)).name(&early).language("de"));
        let second = (0..20_000).rev().map(|n| contact(&number(n)).name(&late));
        let contacts = first.chain(second).collect();
        let outcome = admin.update(header(&list).overwrite(), contacts).await.unwrap();
        assert_eq!(
            (outcome.created_count, outcome.duplicate_count, outcome.added_count),
            (40_000, 20_000, 40_000)
        );
        assert_eq!(admin.list(&list).await.contact_count, 40_000);
        let count = async |of: String| service.rows(&format!("SELECT count(*) FROM {of}")).await;
        assert_eq!(count("contact_list_contacts".into()).await, 40_000);
        assert_eq!(count(format!("contacts WHERE name = '{late}' AND language = 'de'")).await, 20_000);
        assert_eq!(count(format!("contacts WHERE name = '{early}' AND language = 'de'")).await, 20_000);
        for (n, name) in [(0, &late), (19_999, &late), (20_000, &early), (39_999, &early)] {
            let stored = admin.contact(&number(n)).await.contact.unwrap();
            assert_eq!(stored.name.as_ref(), Some(name), "contact {n}");
        }
    }

    async fn a_key_has_at_most_so_many_calls_at_once(database: Database) {
        let service = Service::start_with(database, &["--max-calls-per-key", "1"]).await;
        let (admin, other) = (service.admin(), service.client_with(Scope::Write).await);
        let (held, status) = held_stream(&admin, &admin).await;
        assert_eq!((metadata(&status, "limit"), metadata(&status, "scope")), ("1".into(), "api_key".into()));
        assert_retry_can_help(&status);
        try_list(&other, "By another key".into()).await.expect("another key has calls of its own");
        held.send_contacts(contacts(0..1)).await;
        assert_eq!(held.finish().await.unwrap().added_count, 1);
        try_list(&admin, "Afterwards".into()).await.expect("the first call has ended");
    }

    async fn a_server_has_at_most_so_many_calls_at_once(database: Database) {
        let service = Service::start_with(database, &["--max-calls", "1"]).await;
        let (admin, other) = (service.admin(), service.client_with(Scope::Write).await);
        let (held, status) = held_stream(&admin, &other).await;
        assert_eq!((metadata(&status, "limit"), metadata(&status, "scope")), ("1".into(), "server".into()));
        assert_retry_can_help(&status);
        held.send_contacts(contacts(0..1)).await;
        assert_eq!(held.finish().await.unwrap().added_count, 1);
        try_list(&other, "Afterwards".into()).await.expect("the first call has ended");
    }

    async fn a_call_with_an_unknown_key_asks_for_no_place_of_those_that_run(database: Database) {
        let service = Service::start_with(database, &["--max-calls", "1"]).await;
        let unknown = service.client(&format!("{}0", service.key(Scope::Write).await));
        let (held, _) = held_stream(&service.admin(), &service.client_with(Scope::Write).await).await;
        let refused = try_list(&unknown, "Full".into()).await;
        assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
        held.finish().await.unwrap_err();
    }

    async fn a_caller_that_left_gives_its_permit_back(database: Database) {
        let service = Service::start_with(database, &["--max-calls-per-key", "1"]).await;
        let admin = service.admin();
        let (held, _) = held_stream(&admin, &admin).await;
        drop(held);
        until("the permit is free", async || {
            try_list(&admin, uuid::Uuid::now_v7().to_string()).await.is_ok()
        })
        .await;
    }
}
