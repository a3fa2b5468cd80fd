//! A pool whose connections are all in use: calls wait, and then fail in a way that a caller can act on.

use contact_lists::proto::{GetContactListRequest, ListChannelsRequest};
use tokio::task::JoinSet;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt;

use test_support::*;

use crate::{
    helpers::{assert_whole, health, numbered_contacts, until_health, within},
    sessions::{Outsider, assert_all_usable, until_waiting},
};

on_both! {
    /// All connections for reading wait for another client's lock, and the next calls wait for a connection.
    async fn calls_that_get_no_connection_are_refused_in_time(database: Database) {
        if !database.is_postgres() {
            // There readers don't wait for locks.
            return;
        }
        let args = ["--max-connections", "6", "--database-timeout-seconds", "7"];
        let service = Service::start_with(database.clone(), &args).await;
        let list = service.admin().create_list("Pool").await;
        until_health(&service, ServingStatus::Serving).await;
        let outsider = Outsider::lock_table(&database, "contact_lists").await;
        let mut calls = JoinSet::new();
        for _ in 0..6 {
            let (mut caller, id) = (service.client_with(Scope::Read).await, list.clone());
            calls.spawn(async move { caller.lists.get_contact_list(GetContactListRequest { id }).await });
        }
        until_waiting(&database, 2).await;
        for answer in within(60, "the calls end", calls.join_all()).await {
            let status = assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
            assert!(status.get_details_retry_info().is_some(), "a retry can help: {status:?}");
        }
        assert_eq!(health(&service).await, Some(ServingStatus::Serving), "health has connections of its own");
        outsider.release().await;
        assert_all_usable(&service, &list, 6).await;
    }

    /// The calls of one key wait for another client's lock. Those beyond its share wait for them, and those of others do not.
    async fn a_key_takes_at_most_half_of_the_connections_that_read(database: Database) {
        if !database.is_postgres() {
            // There readers don't wait for locks.
            return;
        }
        let service = Service::start_with(database.clone(), &["--max-connections", "6"]).await;
        let list = service.admin().create_list("Pool").await;
        let outsider = Outsider::lock_table(&database, "contact_lists").await;
        let greedy = service.client_with(Scope::Read).await;
        let calls: JoinSet<_> = (0..6).map(|_| {
            let (mut greedy, id) = (greedy.clone(), list.clone());
            async move { greedy.lists.get_contact_list(GetContactListRequest { id }).await }
        }).collect();
        until_waiting(&database, 1).await;
        let mut other = service.client_with(Scope::Read).await;
        for _ in 0..20 {
            let channels = other.channels.list_channels(ListChannelsRequest::default());
            within(5, "others are served", channels).await.expect("channels");
        }
        until_waiting(&database, 1).await;
        let mut greedy = greedy;
        let refused = greedy.channels.list_channels(ListChannelsRequest::default()).await;
        let status = assert_refused(refused, Code::ResourceExhausted, "TOO_MANY_CALLS");
        assert_eq!(metadata(&status, "scope"), "api_key");
        assert_eq!(metadata(&status, "limit"), "1");
        outsider.release().await;
        let answers = within(30, "the calls end", calls.join_all()).await;
        assert!(answers.iter().any(Result::is_ok), "the call that waited for the lock is answered");
    }

    async fn writers_that_wait_leave_connections_for_readers(database: Database) {
        let service = Service::start_with(database.clone(), &["--max-connections", "6"]).await;
        let admin = service.admin();
        let list = admin.create_list("Pool").await;
        let mut lists = Vec::new();
        for n in 0..6 {
            lists.push(admin.create_list(&format!("List {n}")).await);
        }
        let outsider = Outsider::lock_lists(&database).await;
        let mut updates = JoinSet::new();
        for (n, list) in lists.iter().chain(&lists).enumerate() {
            let (admin, header) = (service.admin(), header(list).add());
            updates.spawn(async move { admin.update(header, numbered_contacts(n as u32 * 20, 20)).await });
        }
        if database.is_postgres() {
            // The others wait in the server.
            until_waiting(&database, 2).await;
        }
        for _ in 0..5 {
            within(5, "readers are served", admin.list(&list)).await;
        }
        until_health(&service, ServingStatus::Serving).await;
        assert_eq!(updates.len(), 12, "all updates wait");
        assert!(updates.try_join_next().is_none(), "all updates wait");
        outsider.release().await;
        for outcome in within(60, "the updates are applied", updates.join_all()).await {
            assert_eq!(outcome.expect("an update").created_count, 20);
        }
        assert_eq!(health(&service).await, Some(ServingStatus::Serving));
        for list in lists {
            assert_eq!(admin.members(&list).await.len(), 40);
        }
    }

    /// Another client locks a list forever.
    async fn an_update_that_waits_for_a_lock_too_long_is_refused(database: Database) {
        if !database.is_postgres() {
            // There a writer is refused after the database's own 5 s, again and again, which would take a minute.
            return;
        }
        let service = Service::start_with(database.clone(), &["--database-timeout-seconds", "1"]).await;
        let admin = service.admin();
        let list = admin.create_list("Pool").await;
        let outsider = Outsider::lock_lists(&database).await;
        let updates: JoinSet<_> = (0..3).map(|n| {
            let (admin, header) = (service.admin(), header(&list).add());
            async move { admin.update(header, numbered_contacts(n * 20, 20)).await }
        }).collect();
        for answer in within(30, "the calls end", updates.join_all()).await {
            assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
        }
        outsider.release().await;
        assert_whole(&service, &list).await;
        admin.update(header(&list).add(), numbered_contacts(0, 20)).await.expect("no lock is in the way");
        assert_whole(&service, &list).await;
    }
}
