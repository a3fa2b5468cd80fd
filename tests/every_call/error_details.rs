//! Every error as it is on the wire, as `tests/golden/errors.snap` has it: status, message, and details in order.

use std::fmt::Write;

use anyhow::anyhow;
use contact_lists::{
    domain::update_header::RemovalLimit,
    error::Error,
    proto::{
        Address, Channel, Contact, CreateChannelRequest, DeleteChannelRequest, ErrorReason,
        ListContactListsRequest, UpdateChannelRequest, UpdateContactListContactsHeader as Header,
        UpdateContactListContactsRequest as Message, channel, custom_property::Type,
    },
};
use prost::Message as _;
use prost_types::{Any, FieldMask};
use tonic::Status;
use tonic_types::pb;

use test_support::*;

/// More than the number of any reason.
const REASON_NUMBERS: i32 = 1000;

/// What the errors of a service are about.
struct Setup {
    admin: Client,
    list: String,
    channel: String,
}

impl Setup {
    async fn new(admin: Client) -> Self {
        let list = admin.create_list("Customers").await;
        let channel = admin.create_channel("+12025550100").await;
        Self {
            admin,
            list,
            channel,
        }
    }

    /// The status of an update that fails.
    async fn update(&self, header: Header, contacts: Vec<Contact>) -> Status {
        self.admin
            .update(header, contacts)
            .await
            .expect_err("a refused update")
    }

    /// The status of a stream that fails.
    async fn send(&self, messages: Vec<Message>) -> Status {
        self.admin
            .send(messages)
            .await
            .expect_err("a refused stream")
    }
}

/// Of a stream that is not well formed.
async fn stream_errors(setup: &Setup) -> Vec<Status> {
    let add = || header(&setup.list).add();
    let whole = || messages(add(), contacts([1]));
    let mut without_header = whole();
    without_header[0].header = None;
    let mut begun = whole();
    begun[0].footer = None;
    let mut unfinished = messages(header(&setup.list).overwrite(), contacts([1]));
    unfinished[0].footer = None;
    let mut short = whole();
    short[0].contacts.clear();
    let request_id = "6b1e9f0c-55d1-4d2f-9a3e-0d8c4f2b7a16";
    let recorded = setup
        .admin
        .update(add().request_id(request_id), contacts([1]))
        .await;
    recorded.expect("an applied update");
    vec![
        setup.send(without_header).await,
        setup.send([begun, whole()].concat()).await,
        setup.send([whole(), whole()].concat()).await,
        setup.send(unfinished).await,
        setup.send(short).await,
        setup.update(add(), vec![]).await,
        setup.update(add(), contacts(0..11)).await,
        setup
            .update(add().request_id(request_id), contacts([2]))
            .await,
        setup.update(header("no id"), contacts([1])).await,
        setup.update(add().expected_version(7), contacts([1])).await,
        setup
            .update(
                header(&setup.list).overwrite().max_removed_percent(12.5),
                contacts([2]),
            )
            .await,
    ]
}

/// Of contacts that are rejected: one for each reason that a field can have.
async fn contact_errors(setup: &Setup) -> Vec<Status> {
    let add = || header(&setup.list).add();
    let known = contact(&number(1)).external_id("crm-1");
    let stored = vec![known, contact(&number(2)).external_id("crm-2")];
    setup
        .admin
        .update(add(), stored)
        .await
        .expect("an applied update");
    let with_property = contact(&number(3)).properties(json!({"plan": "pro"}));
    let without_object = setup.update(add(), vec![with_property]).await;
    let properties = vec![
        property("plan", Type::Text).required(),
        property("visits", Type::Number),
    ];
    setup.admin.create_object("customer", properties).await;
    vec![
        without_object,
        setup.update(add(), contacts_with_bad_fields()).await,
        setup
            .update(
                add(),
                vec![
                    contact(&number(4)).properties(json!({"color": "red"})),
                    contact(&number(5)).properties(json!({"plan": "pro", "visits": "many"})),
                    contact(&number(6)).properties(json!({"visits": 1})),
                    contact(&number(7)).properties(json!({"plan": "x".repeat(70_000)})),
                    contact(&number(8)).properties(json!({"plan": "\u{1}".repeat(11_000)})),
                ],
            )
            .await,
        setup
            .update(
                add(),
                vec![
                    contact(&number(8)).external_id("one"),
                    contact(&number(8)).external_id("other"),
                    contact(&number(2)).external_id("crm-1"),
                    contact(&number(1)).external_id("crm-9"),
                ],
            )
            .await,
    ]
}

fn contacts_with_bad_fields() -> Vec<Contact> {
    let valid = || contact(&number(3));
    let country = Address {
        country: "x".repeat(256),
        ..Address::default()
    };
    vec![
        contact("").name("a\0b").address(country),
        contact("+49"),
        contact("+12025550101 ext. 5"),
        contact("0151 23456789"),
        valid()
            .email("nobody")
            .language("!")
            .birth_date(2001, 2, 29),
        valid().default_channel("00000000-0000-7000-8000-000000000000"),
    ]
}

/// Of lists, channels and pages.
async fn resource_errors(setup: &Setup) -> Vec<Status> {
    let admin = &setup.admin;
    let archived = admin.create_list("Archived").await;
    admin.archive_list(&archived).await;
    let unknown = header("00000000-0000-7000-8000-000000000000").add();
    admin
        .update(header(&setup.list).add(), contacts([1]))
        .await
        .expect("an applied update");
    admin.opt_in(&number(1), &[&setup.channel]).await;
    let again = CreateChannelRequest {
        name: "Again".to_owned(),
        r#type: channel::Type::Phone.into(),
        phone: Some("+12025550100".to_owned()),
    };
    let in_use = DeleteChannelRequest {
        id: setup.channel.clone(),
    };
    let mask = FieldMask {
        paths: vec!["color".to_owned()],
    };
    let masked = UpdateChannelRequest {
        channel: Some(Channel {
            id: setup.channel.clone(),
            ..Channel::default()
        }),
        update_mask: Some(mask),
    };
    let page = ListContactListsRequest {
        page_token: "x".to_owned(),
        ..Default::default()
    };
    let mut channels = admin.channels.clone();
    vec![
        setup.update(unknown, contacts([1])).await,
        setup.update(header(&archived).add(), contacts([1])).await,
        channels.create_channel(again).await.expect_err("a refusal"),
        channels
            .delete_channel(in_use)
            .await
            .expect_err("a refusal"),
        channels
            .update_channel(masked)
            .await
            .expect_err("a refusal"),
        admin
            .lists
            .clone()
            .list_contact_lists(page)
            .await
            .expect_err("a refusal"),
    ]
}

/// Of keys, of regions, and of bytes that are no message.
async fn request_errors(service: &Service, setup: &Setup) -> Vec<Status> {
    let stranger = service.client_authorized_by(Some("Bearer cl_x"));
    let reader = service.client_with(Scope::Read).await;
    let path = "/contactlists.v1.ContactListService/ListContactLists";
    let key = format!("Bearer {}", service.key(Scope::Admin).await);
    let forbidden = reader
        .update(header(&setup.list).add(), contacts([1]))
        .await;
    let german = service.organization_in("DE").await.admin_key;
    let german = Setup::new(service.client(&german)).await;
    let ambiguous = vec![contact("4915223456789")];
    vec![
        german.update(header(&german.list).add(), ambiguous).await,
        stranger
            .lists
            .clone()
            .list_contact_lists(ListContactListsRequest::default())
            .await
            .expect_err("a refusal"),
        forbidden.expect_err("a refusal"),
        service
            .call_raw(path, Some(&key), &[0xff; 4])
            .await
            .expect_err("a refusal"),
    ]
}

/// Those that need more than a call: a fault, a limit or a race. Tests of their own show that calls get them.
fn other_errors() -> Vec<Status> {
    let errors = [
        Error::MessageTooManyValues { limit: 1000 },
        Error::BodyMalformed {
            problem: "the JSON ends before it is complete".to_owned(),
        },
        Error::CallUnknown,
        Error::FieldMaskEmpty,
        Error::CompressionUnsupported {
            grpc_encoding: "deflate".to_owned(),
        },
        Error::ResourceLimitReached {
            resource_type: "channel",
            limit: 1000,
        },
        Error::TooManyRemoved {
            contact_list_id: uuid::Uuid::nil(),
            removed_count: 950,
            contact_count: 1000,
            limit: RemovalLimit::Count(100),
        },
        Error::UpdateNotLatest {
            update_id: uuid::Uuid::nil(),
            latest_update_id: uuid::Uuid::max(),
        },
        Error::UpdateNotRevertible {
            update_id: uuid::Uuid::nil(),
            cause: "it is too old",
        },
        Error::TooManyCalls {
            limit: 64,
            scope: "API key",
        },
        Error::SpoolFull { limit_bytes: 1000 },
        Error::SpoolFolderFull(anyhow!("the cause, which is not shown")),
        Error::MemoryFull { limit_bytes: 1000 },
        Error::MessageTooLarge { limit_bytes: 1000 },
        Error::MetadataTooLarge {
            limit_bytes: 1000,
            value: 1001,
        },
        Error::ConcurrentChange,
        Error::DefinitionsChanged,
        Error::DatabaseUnavailable(anyhow!("the cause, which is not shown")),
        Error::SpoolUnavailable(anyhow!("the cause, which is not shown")),
        Error::ShuttingDown,
        Error::StreamIdle { limit_seconds: 30 },
        Error::DeadlineExceeded,
        Error::StreamBroken("why".to_owned()),
        Error::internal(anyhow!("the cause, which is not shown")),
    ];
    errors.map(Status::from).into()
}

/// A status as it is on the wire.
fn describe(status: &Status) -> String {
    let wire = pb::Status::decode(status.details()).expect("details");
    let mut text = format!("{:?}: {}\n", status.code(), status.message());
    assert_eq!(
        (wire.code, wire.message.as_str()),
        (status.code() as i32, status.message())
    );
    for detail in &wire.details {
        append_detail(detail, &mut text);
    }
    text
}

fn append_detail(detail: &Any, text: &mut String) {
    let name = detail
        .type_url
        .trim_start_matches("type.googleapis.com/google.rpc.");
    let mut lines = Vec::new();
    match name {
        "ErrorInfo" => {
            let info: pb::ErrorInfo = decode(detail);
            lines.push(format!("{} of {}", info.reason, info.domain));
            let mut metadata: Vec<_> = info.metadata.into_iter().collect();
            metadata.sort();
            lines.extend(
                metadata
                    .iter()
                    .map(|(key, value)| format!("  {key} = {value}")),
            );
        }
        "RetryInfo" => {
            let info: pb::RetryInfo = decode(detail);
            let delay = info.retry_delay.expect("a delay");
            lines.push(format!(
                "after {} ms",
                delay.seconds * 1000 + i64::from(delay.nanos / 1_000_000)
            ));
        }
        "BadRequest" => {
            let request: pb::BadRequest = decode(detail);
            let violations = request.field_violations.into_iter();
            lines.extend(
                violations.map(|it| format!("{}: {}: {}", it.field, it.reason, it.description)),
            );
        }
        "PreconditionFailure" => {
            let precondition: pb::PreconditionFailure = decode(detail);
            let violations = precondition.violations.into_iter();
            lines.extend(
                violations.map(|it| format!("{}: {}: {}", it.subject, it.r#type, it.description)),
            );
        }
        "ResourceInfo" => {
            let info: pb::ResourceInfo = decode(detail);
            lines.push(format!(
                "{} {:?}: {}",
                info.resource_type, info.resource_name, info.description
            ));
        }
        other => panic!("an unknown detail: {other}"),
    }
    for line in lines {
        writeln!(text, "  {name}: {line}").expect("a text");
    }
}

fn decode<T: prost::Message + Default>(detail: &Any) -> T {
    T::decode(detail.value.as_slice()).expect("a detail")
}

on_both! {
    async fn every_error_is_as_recorded(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "10"]).await;
        let setup = Setup::new(service.admin()).await;
        let errors = [
            request_errors(&service, &setup).await,
            stream_errors(&setup).await,
            contact_errors(&setup).await,
            resource_errors(&setup).await,
            other_errors(),
        ];
        let texts: Vec<String> = errors.iter().flatten().map(describe).collect();
        let all = texts.join("\n");
        for reason in (1..REASON_NUMBERS).filter_map(|number| ErrorReason::try_from(number).ok()) {
            let name = reason_name(reason);
            assert!(all.contains(name), "no error with the reason {name}");
        }
        assert_golden("errors", &redact_ids(&all));
    }
}
