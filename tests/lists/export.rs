//! `ExportContactListContacts`, and the filters that it shares with `ListContactListContacts`.

mod consent;
mod reading;

use std::time::Duration;

use contact_lists::proto::{
    Address, Contact, ContactListContact, ExportContactListContactsRequest as Request,
    ExportContactListContactsResponse as Batch, ListContactListContactsRequest,
};
use prost::Message;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use test_support::*;

/// More than a connection holds of a response that is not read.
const BULKY_COUNT: u32 = 4000;

/// Far more time than an undisturbed call takes.
const LIMIT: Duration = Duration::from_secs(60);

fn of(list: &str) -> Request {
    Request {
        contact_list_id: list.to_owned(),
        ..Request::default()
    }
}

async fn start(caller: &Client, request: Request) -> Result<Streaming<Batch>, Status> {
    let answer = caller
        .lists
        .clone()
        .export_contact_list_contacts(request)
        .await?;
    Ok(answer.into_inner())
}

async fn rest(mut stream: Streaming<Batch>) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(batch) = stream.message().await.expect("a message") {
        batches.push(batch);
    }
    batches
}

async fn batches(caller: &Client, request: Request) -> Result<Vec<Batch>, Status> {
    Ok(rest(start(caller, request).await?).await)
}

async fn export(caller: &Client, request: Request) -> Result<Vec<ContactListContact>, Status> {
    Ok(members(batches(caller, request).await?))
}

fn members(batches: Vec<Batch>) -> Vec<ContactListContact> {
    batches
        .into_iter()
        .flat_map(|batch| batch.contact_list_contacts)
        .collect()
}

/// The same request to `ListContactListContacts`.
async fn listed(caller: &Client, request: Request) -> Result<Vec<ContactListContact>, Status> {
    let request = ListContactListContactsRequest {
        contact_list_id: request.contact_list_id,
        custom_object_id: request.custom_object_id,
        custom_object_key: request.custom_object_key,
        opted_in_to_channel_id: request.opted_in_to_channel_id,
        opted_out_of_channel_id: request.opted_out_of_channel_id,
        include_preferences: request.include_preferences,
        page_size: 500,
        page_token: String::new(),
    };
    let answer = caller
        .lists
        .clone()
        .list_contact_list_contacts(request)
        .await?;
    Ok(answer.into_inner().contact_list_contacts)
}

async fn add(caller: &Client, list: &str, contacts: Vec<Contact>) {
    caller
        .update(header(list).add().no_opt_ins(), contacts)
        .await
        .expect("an update");
}

async fn overwrite(caller: &Client, list: &str, contacts: Vec<Contact>) {
    let overwrite = header(list).overwrite().no_opt_ins();
    caller.update(overwrite, contacts).await.expect("an update");
}

/// A contact of about 1.8 KB.
fn bulky(n: u32) -> Contact {
    let text = || "x".repeat(255);
    contact(&number(n)).name(&text()).address(Address {
        address_line_one: text(),
        address_line_two: text(),
        city: text(),
        state: text(),
        post_code: text(),
        country: text(),
    })
}

/// A list that is too long to be in flight completely while its reader waits.
async fn bulky_list(caller: &Client) -> String {
    let list = caller.create_list("Bulky").await;
    add(caller, &list, (0..BULKY_COUNT).map(bulky).collect()).await;
    list
}

/// Starts an export and reads its first message.
async fn half_read(caller: &Client, list: &str) -> (Batch, Streaming<Batch>) {
    let mut stream = start(caller, of(list)).await.expect("an export");
    let first = stream.message().await.expect("a message");
    (first.expect("a first message"), stream)
}

async fn in_time<T>(call: impl Future<Output = T>) -> T {
    timeout(LIMIT, call)
        .await
        .expect("a call that nobody holds up")
}

on_both! {
    async fn an_export_has_every_member_in_the_order_of_their_ids(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let person = |n| {
            contact(&number(n))
                .name(&format!("Name {n}"))
                .properties(json!({"visits": n}))
        };
        add(&admin, &list, (0..20).map(person).collect()).await;
        add(&admin, &admin.create_list("Other").await, contacts(0..30)).await;
        let exported = export(&admin, of(&list)).await.unwrap();
        assert_eq!(phones(&exported), (0..20).map(number).collect::<Vec<_>>());
        let ids: Vec<_> = exported
            .iter()
            .map(|it| &it.contact.as_ref().unwrap().id)
            .collect();
        assert!(ids.is_sorted(), "{ids:?}");
        for member in &exported {
            let person = member.contact.as_ref().unwrap();
            let n: u32 = person
                .name
                .as_deref()
                .unwrap()
                .trim_start_matches("Name ")
                .parse()
                .unwrap();
            assert_eq!(person.phone(), number(n));
            assert_eq!(
                json_of(person.properties.as_ref().unwrap()),
                json!({"visits": n})
            );
        }
        assert_eq!(exported, admin.members(&list).await);
    }

    async fn an_export_says_when_each_member_joined(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, vec![contact(&number(1))]).await;
        let joined = export(&admin, of(&list)).await.unwrap()[0].join_time;
        assert!(joined.is_some());
        overwrite(
            &admin,
            &list,
            vec![contact(&number(1)), contact(&number(2))],
        )
        .await;
        let exported = export(&admin, of(&list)).await.unwrap();
        assert_eq!((exported[0].join_time, exported.len()), (joined, 2));
        assert!(exported[1].join_time.unwrap().seconds >= joined.unwrap().seconds);
        assert_ne!(exported[1].join_time, joined);
    }

    async fn the_export_of_an_empty_list_has_no_message(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        assert_eq!(batches(&admin, of(&list)).await.unwrap(), []);
    }

    async fn an_archived_list_can_be_exported(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        add(&admin, &list, contacts(0..2)).await;
        admin.archive_list(&list).await;
        assert_eq!(export(&admin, of(&list)).await.unwrap().len(), 2);
    }

    async fn a_key_that_may_read_may_export(service: Service) {
        let list = service.admin().create_list("List").await;
        let reader = service.client_with(Scope::Read).await;
        assert_eq!(batches(&reader, of(&list)).await.unwrap(), []);
    }

    async fn the_list_to_export_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let foreign = export(&service.other_admin().await, of(&list)).await;
        assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
        let unknown = export(&admin, of(&uuid::Uuid::now_v7().to_string())).await;
        assert_refused(unknown, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_invalid(
            export(&admin, of("")).await,
            "contact_list_id",
            "FIELD_REQUIRED",
        );
        assert_invalid(
            export(&admin, of("x")).await,
            "contact_list_id",
            "FIELD_INVALID",
        );
    }

    async fn a_sender_gets_only_contacts_that_are_opted_in_to_the_channel(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let (channel, other) = (
            admin.create_channel(&number(98)).await,
            admin.create_channel(&number(99)).await,
        );
        add(&admin, &list, contacts(0..5)).await;
        admin.opt_in(&number(1), &[&channel]).await;
        admin.opt_in(&number(2), &[&other]).await;
        admin.opt_in(&number(3), &[&channel, &other]).await;
        admin.opt_in(&number(4), &[&channel]).await;
        admin.opt_out(&number(4), &[&channel]).await;
        let request = Request {
            opted_in_to_channel_id: Some(channel),
            ..of(&list)
        };
        let exported = export(&admin, request.clone()).await.unwrap();
        assert_eq!(phones(&exported), [number(1), number(3)]);
        assert_eq!(listed(&admin, request).await.unwrap(), exported);
    }

    async fn a_contact_that_opted_out_of_all_channels_is_not_exported_for_sending(service: Service) {
        let admin = service.admin();
        let (list, channel) = (
            admin.create_list("List").await,
            admin.create_channel(&number(99)).await,
        );
        let opted_in = header(&list).add().opt_in_to([channel.as_str()]);
        admin.update(opted_in, contacts(0..2)).await.unwrap();
        admin.opt_out_of_all_channels(&number(0)).await;
        let request = Request {
            opted_in_to_channel_id: Some(channel),
            ..of(&list)
        };
        assert_eq!(
            phones(&export(&admin, request.clone()).await.unwrap()),
            [number(1)]
        );
        assert_eq!(phones(&listed(&admin, request).await.unwrap()), [number(1)]);
    }

    async fn the_channel_of_the_filter_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let (list, foreign) = (admin.create_list("List").await, service.other_admin().await);
        let foreign = foreign.create_channel(&number(99)).await;
        for id in [foreign, uuid::Uuid::now_v7().to_string()] {
            let request = Request {
                opted_in_to_channel_id: Some(id.clone()),
                ..of(&list)
            };
            for refused in [
                export(&admin, request.clone()).await,
                listed(&admin, request).await,
            ] {
                let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
                assert_eq!(metadata(&status, "resource_type"), "channel");
                assert_eq!(metadata(&status, "resource_name"), id);
            }
        }
        for (id, reason) in [("", "FIELD_REQUIRED"), ("x", "FIELD_INVALID")] {
            let request = Request {
                opted_in_to_channel_id: Some(id.to_owned()),
                ..of(&list)
            };
            assert_invalid(
                export(&admin, request.clone()).await,
                "opted_in_to_channel_id",
                reason,
            );
            assert_invalid(
                listed(&admin, request).await,
                "opted_in_to_channel_id",
                reason,
            );
        }
    }

    async fn properties_are_those_of_the_named_object_or_the_default_one(service: Service) {
        let admin = service.admin();
        let (list, customer) = (
            admin.create_list("List").await,
            admin.create_customer_object().await,
        );
        add(
            &admin,
            &list,
            vec![contact(&number(1)).properties(json!({"plan": "free"}))],
        )
        .await;
        let of_only = export(&admin, of(&list)).await.unwrap();
        assert_eq!(properties(&of_only), Some(json!({"plan": "free"})));
        let empty = admin.create_object("empty", vec![]).await;
        for (id, key, expected) in [
            (None, None, Some(json!({"plan": "free"}))),
            (Some(customer), None, Some(json!({"plan": "free"}))),
            (None, Some("customer"), Some(json!({"plan": "free"}))),
            (Some(empty), None, None),
            (None, Some("empty"), None),
        ] {
            let request = Request {
                custom_object_id: id,
                custom_object_key: key.map(str::to_owned),
                ..of(&list)
            };
            let exported = export(&admin, request.clone()).await.unwrap();
            assert_eq!(properties(&exported), expected, "{request:?}");
            assert_eq!(listed(&admin, request).await.unwrap(), exported);
        }
    }

    async fn the_custom_object_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let (list, foreign) = (admin.create_list("List").await, service.other_admin().await);
        let foreign = foreign.create_customer_object().await;
        for id in [foreign, uuid::Uuid::now_v7().to_string()] {
            let request = Request {
                custom_object_id: Some(id),
                ..of(&list)
            };
            for refused in [
                export(&admin, request.clone()).await,
                listed(&admin, request).await,
            ] {
                let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
                assert_eq!(metadata(&status, "resource_type"), "custom_object");
            }
        }
        let malformed = Request {
            custom_object_id: Some("x".to_owned()),
            ..of(&list)
        };
        assert_invalid(
            export(&admin, malformed).await,
            "custom_object_id",
            "FIELD_INVALID",
        );
        let unknown = Request {
            custom_object_key: Some("customer".to_owned()),
            ..of(&list)
        };
        let refused = export(&admin, unknown).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}

fn properties(members: &[ContactListContact]) -> Option<serde_json::Value> {
    let [member] = members else {
        panic!("not one member: {members:?}");
    };
    let contact = member.contact.as_ref().expect("the contact");
    contact.properties.as_ref().map(json_of)
}

/// Reads the first message of an export and hangs up. Waits for room, which earlier clients return some time after
/// they have left.
async fn leave_half_way(caller: &Client, list: &str) {
    loop {
        match start(caller, of(list)).await {
            Ok(mut stream) => {
                assert!(stream.message().await.expect("a message").is_some());
                return;
            }
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                tokio::task::yield_now().await;
            }
        }
    }
}
