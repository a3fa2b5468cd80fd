//! What a refusal carries: a reason for programs, words for people, and when a retry can help.

use contact_lists::proto::{
    Contact, CreateChannelRequest, GetContactListRequest, ListContactListsRequest, channel,
};
use tonic::Status;
use tonic_types::StatusExt;

use test_support::*;

/// Words that would reveal how the service is built.
const SECRETS: [&str; 10] = [
    "select ",
    "insert ",
    "sql",
    "constraint",
    "_pkey",
    "panicked",
    "src/",
    "postgres",
    "seaorm",
    "organization_id",
];

fn bad(count: u32) -> Vec<Contact> {
    (0..count)
        .map(|n| {
            contact(&format!("no number {n}"))
                .email("nobody")
                .language("!")
        })
        .collect()
}

/// One refusal of each kind that is easy to provoke, with its code and reason.
async fn refusals(service: &Service) -> Vec<Status> {
    let admin = service.admin();
    let list = admin.create_list("Errors").await;
    let archived = admin.create_list("Archived").await;
    admin.archive_list(&archived).await;
    admin.create_channel("+12025550100").await;
    let other = service.other_admin().await.create_list("Theirs").await;
    let one = || vec![contact(&number(1))];
    let page = ListContactListsRequest {
        page_token: "x".into(),
        ..Default::default()
    };
    let mut refusals = vec![
        assert_refused(
            admin.update(header(&list), one()).await,
            Code::InvalidArgument,
            "REQUEST_INVALID",
        ),
        assert_refused(
            admin.send(vec![]).await,
            Code::InvalidArgument,
            "HEADER_MISSING",
        ),
        assert_refused(
            admin.update(header(&list).add(), vec![]).await,
            Code::InvalidArgument,
            "NO_CONTACTS",
        ),
        assert_refused(
            admin.update(header(&list).add(), bad(5)).await,
            Code::InvalidArgument,
            "CONTACTS_REJECTED",
        ),
        assert_refused(
            admin.update(header(&other).add(), one()).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        assert_refused(
            admin.update(header(&archived).add(), one()).await,
            Code::FailedPrecondition,
            "CONTACT_LIST_NOT_ACTIVE",
        ),
        assert_refused(
            create_channel(&admin, "+12025550100").await,
            Code::AlreadyExists,
            "RESOURCE_ALREADY_EXISTS",
        ),
        assert_refused(
            admin.lists.clone().list_contact_lists(page).await,
            Code::InvalidArgument,
            "PAGE_TOKEN_INVALID",
        ),
    ];
    refusals.extend(refusals_of_keys(service).await);
    refusals
}

async fn refusals_of_keys(service: &Service) -> [Status; 2] {
    let reader = service.client_with(Scope::Read).await;
    let unknown_key = service.client_authorized_by(Some("Bearer cl_x"));
    [
        assert_refused(
            create_channel(&reader, "+12025550101").await,
            Code::PermissionDenied,
            "SCOPE_INSUFFICIENT",
        ),
        assert_refused(
            create_channel(&unknown_key, "+12025550101").await,
            Code::Unauthenticated,
            "API_KEY_INVALID",
        ),
    ]
}

async fn create_channel(caller: &Client, phone: &str) -> Result<(), Status> {
    let request = CreateChannelRequest {
        name: "Main".into(),
        r#type: channel::Type::Phone.into(),
        phone: Some(phone.into()),
    };
    caller
        .channels
        .clone()
        .create_channel(request)
        .await
        .map(|_| ())
}

on_both! {
    /// `assert_refused` looks for the reason and the domain of each.
    async fn no_error_shows_internals_or_another_organization(service: Service) {
        for status in refusals(&service).await {
            let shown = format!("{} {:?}", status.message(), status.get_error_details()).to_lowercase();
            for secret in SECRETS {
                assert!(!shown.contains(secret), "{secret:?} is in {shown}");
            }
            assert!(!shown.contains("theirs") && !shown.contains("umbrella"), "{shown}");
        }
    }

    async fn what_a_retry_cannot_help_does_not_ask_for_one(service: Service) {
        for status in refusals(&service).await {
            assert!(status.get_details_retry_info().is_none(), "{status:?}");
        }
    }

    async fn every_refusal_says_something_to_people(service: Service) {
        for status in refusals(&service).await {
            assert!(status.message().len() > 10, "{status:?}");
        }
    }

    async fn what_is_not_found_is_named(service: Service) {
        let id = uuid::Uuid::now_v7().to_string();
        let refused = service.admin().lists.clone().get_contact_list(GetContactListRequest { id: id.clone() }).await;
        let status = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(metadata(&status, "resource_type"), "contact_list");
        assert_eq!(metadata(&status, "resource_name"), id);
        let info = status.get_details_resource_info().expect("ResourceInfo");
        assert_eq!((info.resource_type.as_str(), info.resource_name), ("contact_list", id));
    }

    async fn what_is_there_already_is_named_by_its_field(service: Service) {
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        let status = assert_refused(
            create_channel(&admin, "+12025550100").await,
            Code::AlreadyExists,
            "RESOURCE_ALREADY_EXISTS",
        );
        assert_eq!(metadata(&status, "resource_type"), "channel");
        assert_eq!(metadata(&status, "field"), "phone");
        assert_eq!(status.get_details_resource_info().expect("ResourceInfo").resource_type, "channel");
    }

    async fn a_list_in_the_wrong_state_is_a_failed_precondition_that_says_which(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Put away").await;
        admin.archive_list(&list).await;
        for state in ["archived", "deleted"] {
            let refused = admin.update(header(&list).add(), vec![contact(&number(1))]).await;
            let status = assert_refused(refused, Code::FailedPrecondition, "CONTACT_LIST_NOT_ACTIVE");
            assert_eq!(metadata(&status, "contact_list_id"), list);
            assert_eq!(metadata(&status, "state"), state);
            let precondition = status.get_details_precondition_failure().expect("PreconditionFailure");
            assert_eq!(precondition.violations.len(), 1);
            assert_eq!(precondition.violations[0].r#type, "CONTACT_LIST_NOT_ACTIVE");
            assert!(precondition.violations[0].subject.contains(&list));
            admin.delete_list(&list).await;
        }
    }

    async fn rejected_contacts_are_named_by_their_index_in_the_whole_stream(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Errors").await;
        let mut contacts: Vec<_> = (0..300).map(|n| contact(&number(n))).collect();
        contacts[217] = contact("nonsense").email("nobody");
        let refused = admin.update(header(&list).add(), contacts).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        assert_eq!((metadata(&status, "rejected_count"), metadata(&status, "received_count")), ("1".into(), "300".into()));
        let mut violations = violations(&status);
        violations.sort();
        let expected = [("contacts[217].email", "EMAIL_INVALID"), ("contacts[217].phone", "PHONE_INVALID")];
        assert_eq!(violations, expected.map(|(field, reason)| (field.to_owned(), reason.to_owned())));
    }

    async fn a_refusal_never_shows_a_contacts_values(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Errors").await;
        let contact = contact("+1555secretnumber").email("secret-at-home").language("secret!")
            .birth_date(1, 99, 1).default_channel("secret-channel");
        let refused = admin.update(header(&list).add(), vec![contact]).await;
        let status = assert_refused(refused, Code::InvalidArgument, "CONTACTS_REJECTED");
        let shown = format!("{} {:?}", status.message(), status.get_error_details());
        assert!(violations(&status).len() >= 5, "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    async fn bytes_that_are_no_message_are_the_callers_error_in_every_call(service: Service) {
        let key = format!("Bearer {}", service.key(Scope::Admin).await);
        for call in ["ContactListService/GetContactList", "ChannelService/CreateChannel", "ContactService/GetContact"] {
            let path = format!("/contactlists.v1.{call}");
            let refused = service.call_raw(&path, Some(&key), b"\xff\xff\xff no message").await;
            assert_refused(refused, Code::InvalidArgument, "MESSAGE_MALFORMED");
        }
    }
}
