//! Keys and scopes, for every call that is served.

use contact_lists::{FILE_DESCRIPTOR_SET, domain::now, proto::ListChannelsRequest};
use prost::Message;
use prost_types::FileDescriptorSet;
use sea_orm::Value;
use tonic::Status;

use test_support::*;

/// The scope that each call needs. A new call belongs here.
const SCOPES: [(&str, &str); 33] = [
    ("ContactListService/UpdateContactListContacts", "write"),
    ("ContactListService/CreateContactList", "write"),
    ("ContactListService/GetContactList", "read"),
    ("ContactListService/ListContactLists", "read"),
    ("ContactListService/UpdateContactList", "write"),
    ("ContactListService/DeleteContactList", "write"),
    ("ContactListService/ListContactListContacts", "read"),
    ("ContactListService/ExportContactListContacts", "read"),
    ("ContactListService/GetContactListUpdate", "read"),
    ("ContactListService/ListContactListUpdates", "read"),
    ("ContactListService/GetLimits", "read"),
    ("ContactListService/RevertContactListUpdate", "admin"),
    ("ContactService/GetContact", "read"),
    ("ContactService/ListContacts", "read"),
    ("ContactService/UpdateContact", "write"),
    ("ContactService/DeleteContact", "admin"),
    ("ChannelService/GetChannel", "read"),
    ("ChannelService/ListChannels", "read"),
    ("ChannelService/CreateChannel", "admin"),
    ("ChannelService/UpdateChannel", "admin"),
    ("ChannelService/DeleteChannel", "admin"),
    (
        "CommunicationPreferenceService/ListCommunicationPreferences",
        "read",
    ),
    (
        "CommunicationPreferenceService/ListPreferenceChanges",
        "read",
    ),
    ("CommunicationPreferenceService/OptIn", "write"),
    ("CommunicationPreferenceService/OptOut", "write"),
    ("CommunicationPreferenceService/OptOutContacts", "write"),
    ("CommunicationPreferenceService/GetRecordedOptOut", "read"),
    ("CustomObjectService/GetCustomObject", "read"),
    ("CustomObjectService/ListCustomObjects", "read"),
    ("CustomObjectService/CreateCustomObject", "admin"),
    ("CustomObjectService/UpdateCustomObject", "admin"),
    ("CustomObjectService/AddCustomProperty", "admin"),
    ("CustomObjectService/DeleteCustomObject", "admin"),
];

/// The calls of the package, such as "ContactListService/GetContactList".
fn calls() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a descriptor set");
    let files = set
        .file
        .iter()
        .filter(|file| file.package() == "contactlists.v1");
    let services = files.flat_map(|file| &file.service);
    services
        .flat_map(|service| {
            let methods = service.method.iter();
            methods.map(|method| format!("{}/{}", service.name(), method.name()))
        })
        .collect()
}

/// A call's path, and the scope that it needs.
fn path_and_scope(call: &str) -> (String, Scope) {
    let known = SCOPES.iter().find(|(known, _)| *known == call);
    let (_, scope) = known.unwrap_or_else(|| panic!("{call} has no scope in the table"));
    let scope = scope.parse().expect("a scope");
    (format!("/contactlists.v1.{call}"), scope)
}

async fn disabled_key(service: &Service, scope: Scope) -> String {
    let key = service.key(scope).await;
    let last = "UPDATE api_keys SET disabled = TRUE WHERE create_time = (SELECT max(create_time) FROM api_keys)";
    service.database().execute(last).await;
    key
}

async fn expired_key(service: &Service, scope: Scope) -> String {
    let key = service.key(scope).await;
    let last = "UPDATE api_keys SET expire_time = create_time WHERE create_time = (SELECT max(create_time) FROM api_keys)";
    service.database().execute(last).await;
    key
}

/// Keys that open nothing, as they are sent.
async fn bad_authorizations(service: &Service) -> Vec<Option<String>> {
    let key = service.key(Scope::Admin).await;
    let disabled = disabled_key(service, Scope::Admin).await;
    let expired = expired_key(service, Scope::Admin).await;
    let (prefix, secret) = key.rsplit_once('_').expect("a key of parts");
    let other_organization = uuid::Uuid::now_v7().simple();
    [
        "".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer nonsense".to_owned(),
        "Bearer cl_".to_owned(),
        "Bearer cl__".to_owned(),
        format!("Bearer {disabled}"),
        format!("Bearer {expired}"),
        format!("Basic {key}"),
        key.clone(),
        format!("Bearer{key}"),
        format!("Bearer {key}0"),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {prefix}_{}", "0".repeat(secret.len())),
        format!("Bearer cl_{other_organization}_{secret}"),
    ]
    .into_iter()
    .map(Some)
    .chain([None])
    .collect()
}

async fn list_channels(service: &Service, authorization: Option<&str>) -> Result<(), Status> {
    let mut caller = service.client_authorized_by(authorization);
    let request = ListChannelsRequest::default();
    caller.channels.list_channels(request).await.map(|_| ())
}

/// All that a caller sees of a refusal.
fn shown(status: &Status) -> (Code, String, Vec<u8>) {
    (
        status.code(),
        status.message().to_owned(),
        status.details().to_vec(),
    )
}

#[test]
fn every_call_that_is_served_has_a_scope_here() {
    let calls = calls();
    assert!(calls.len() >= 15, "{calls:?}");
    for call in calls {
        path_and_scope(&call);
    }
}

on_both! {
    async fn keys_that_open_nothing_are_indistinguishable(service: Service) {
        let mut all_shown = Vec::new();
        for authorization in bad_authorizations(&service).await {
            let refused = list_channels(&service, authorization.as_deref()).await;
            let status = assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
            all_shown.push((shown(&status), authorization));
        }
        for (shown, authorization) in &all_shown {
            assert_eq!(*shown, all_shown[0].0, "{authorization:?}");
        }
    }

    async fn a_good_key_opens(service: Service) {
        let key = service.key(Scope::Read).await;
        for scheme in ["Bearer", "bearer", "BEARER"] {
            list_channels(&service, Some(&format!("{scheme} {key}"))).await.expect("an answer");
        }
    }

    async fn a_disabled_key_opens_again_when_it_is_enabled(service: Service) {
        let key = format!("Bearer {}", disabled_key(&service, Scope::Read).await);
        let refused = list_channels(&service, Some(&key)).await;
        assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
        service.database().execute("UPDATE api_keys SET disabled = FALSE").await;
        list_channels(&service, Some(&key)).await.expect("an answer");
    }

    async fn the_last_use_of_a_key_is_noted_in_the_background(service: Service) {
        let used = "SELECT count(*) FROM api_keys WHERE last_use_time IS NOT NULL";
        let (key, _unused) = (service.key(Scope::Read).await, service.key(Scope::Read).await);
        assert_eq!(service.rows(used).await, 0);
        list_channels(&service, Some(&format!("Bearer {key}"))).await.expect("a response");
        until("the use is noted", async || service.rows(used).await == 1).await;
    }

    async fn the_last_use_of_a_key_is_noted_to_the_hour_before_the_server_stops(service: Service) {
        let mut service = service;
        let key = service.key(Scope::Read).await;
        let before = now().truncate_to_hour();
        list_channels(&service, Some(&format!("Bearer {key}"))).await.expect("a response");
        service.shutdown().await;
        let after = now().truncate_to_hour();
        let times: Vec<Value> = [before, after].map(Value::from).to_vec();
        let used = "SELECT count(*) FROM api_keys WHERE last_use_time IN ($1, $2)";
        assert_eq!(service.database().rows_with(used, times).await, 1);
    }

    async fn a_running_callers_key_is_refused_from_the_moment_that_it_is_disabled(service: Service) {
        let mut caller = service.client_with(Scope::Read).await;
        caller.channels.list_channels(ListChannelsRequest::default()).await.expect("an answer");
        service.database().execute("UPDATE api_keys SET disabled = TRUE").await;
        let refused = caller.channels.list_channels(ListChannelsRequest::default()).await;
        assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
    }

    async fn every_call_needs_a_key(service: Service) {
        let wrong = format!("Bearer {}0", service.key(Scope::Admin).await);
        let disabled = format!("Bearer {}", disabled_key(&service, Scope::Admin).await);
        let expired = format!("Bearer {}", expired_key(&service, Scope::Admin).await);
        for call in calls() {
            let (path, _) = path_and_scope(&call);
            for authorization in [None, Some(wrong.as_str()), Some(disabled.as_str()), Some(expired.as_str())] {
                let refused = service.call_raw(&path, authorization, b"").await;
                assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
            }
        }
    }

    async fn every_call_refuses_the_scopes_below_its_own_and_no_other(service: Service) {
        for has in [Scope::Read, Scope::Write, Scope::Admin] {
            let key = format!("Bearer {}", service.key(has).await);
            for call in calls() {
                let (path, needs) = path_and_scope(&call);
                let answer = service.call_raw(&path, Some(&key), b"").await;
                if has < needs {
                    let status = assert_refused(answer, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
                    assert_eq!(metadata(&status, "required_scope"), needs.name(), "{call}");
                    assert_eq!(metadata(&status, "scope"), has.name(), "{call}");
                } else if let Err(status) = answer {
                    assert_ne!(status.code(), Code::PermissionDenied, "{call}: {status:?}");
                    assert_ne!(status.code(), Code::Unauthenticated, "{call}: {status:?}");
                }
            }
        }
    }

    async fn a_refused_scope_changes_nothing(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Kept").await;
        let before = service.state(&list).await;
        let reader = service.client_with(Scope::Read).await;
        let refused = reader.update(header(&list).add(), vec![contact(&number(1))]).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        assert_eq!(service.state(&list).await, before);
    }

    async fn an_unknown_call_of_a_good_key_is_unimplemented(service: Service) {
        let key = format!("Bearer {}", service.key(Scope::Admin).await);
        let answer = service.call_raw("/contactlists.v1.ChannelService/Nothing", Some(&key), b"").await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    }
}
