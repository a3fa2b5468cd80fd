//! A copy of the database for reads. Here it is another database, which has nothing: so what a call finds says where it was read.

use contact_lists::proto::{
    CreateContactListRequest, ExportContactListContactsRequest, GetContactListRequest,
    GetContactListUpdateRequest, ListContactListsRequest,
    get_contact_list_update_request::Reference,
};
use tonic::Status;

use test_support::*;

use crate::helpers::{is_recorded, new_id};

/// A service with a list, which reads elsewhere once it is started again with the copy's URL.
async fn database_and_copy() -> Option<(Database, Database)> {
    let (database, copy) = (Database::postgres().await, Database::postgres().await);
    if database.is_none() {
        notice("read_elsewhere is skipped: PostgreSQL is not installed");
    }
    database.zip(copy)
}

async fn get(caller: &Client, id: &str) -> Result<(), Status> {
    let request = GetContactListRequest { id: id.to_owned() };
    let list = caller.lists.clone().get_contact_list(request).await;
    list.map(|_| ())
}

/// The names of a page of lists, and the next page's token.
async fn page(caller: &Client, token: &str) -> (Vec<String>, String) {
    let request = ListContactListsRequest {
        page_size: 1,
        page_token: token.to_owned(),
        ..Default::default()
    };
    let page = caller.lists.clone().list_contact_lists(request).await;
    let page = page.expect("a page").into_inner();
    let names = page.contact_lists.into_iter().filter_map(|list| list.name);
    (names.collect(), page.next_page_token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gets_lists_and_exports_are_read_from_the_copy() {
    let Some((database, copy)) = database_and_copy().await else {
        return;
    };
    let service = Service::start_with(database, &["--read-database-url", copy.url()]).await;
    let admin = service.admin();
    // `create_list` returns what the call itself does.
    let list = admin.create_list("Newsletter").await;
    let update = admin.update(header(&list).add(), vec![contact(&number(1))]);
    assert_eq!(update.await.expect("an update").added_count, 1);

    assert_refused(
        get(&admin, &list).await,
        Code::NotFound,
        "RESOURCE_NOT_FOUND",
    );
    assert_eq!(page(&admin, "").await, (vec![], String::new()));
    let request = ExportContactListContactsRequest {
        contact_list_id: list,
        ..Default::default()
    };
    let exported = admin
        .lists
        .clone()
        .export_contact_list_contacts(request)
        .await;
    assert_refused(exported.map(|_| ()), Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_an_update_was_applied_is_never_read_from_the_copy() {
    let Some((database, copy)) = database_and_copy().await else {
        return;
    };
    let service = Service::start_with(database, &["--read-database-url", copy.url()]).await;
    let admin = service.admin();
    let (list, request_id) = (admin.create_list("Newsletter").await, new_id());
    let header = || header(&list).add().request_id(&request_id);
    let update = admin.update(header(), vec![contact(&number(1))]).await;
    let update_id = update.expect("an update").update_id;
    assert!(is_recorded(&admin, &request_id).await);
    let request = GetContactListUpdateRequest {
        reference: Some(Reference::UpdateId(update_id)),
    };
    let found = admin.lists.clone().get_contact_list_update(request).await;
    found.expect("an update");
    // The same call again.
    let again = admin.update(header(), vec![contact(&number(1))]).await;
    assert!(again.expect("the recorded outcome").replayed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_disabled_is_refused_at_once_beside_a_copy() {
    let Some((database, copy)) = database_and_copy().await else {
        return;
    };
    let service = Service::start_with(database, &["--read-database-url", copy.url()]).await;
    let reader = service.client_with(Scope::Read).await;
    page(&reader, "").await;
    let disable = "UPDATE api_keys SET disabled = true WHERE scope = 'read'";
    service.database().execute(disable).await;
    let refused = get(&reader, &new_id()).await;
    assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_were_begun_on_the_database_itself_go_on_there() {
    let Some((database, copy)) = database_and_copy().await else {
        return;
    };
    let service = Service::start(database.clone()).await;
    let admin = service.admin();
    for name in ["one", "two"] {
        admin.create_list(name).await;
    }
    let (names, token) = page(&admin, "").await;
    assert_eq!(names, ["one"]);
    let key = service.key(Scope::Read).await;
    drop(service);
    let beside = Service::start_with(database, &["--read-database-url", copy.url()]).await;
    let caller = beside.client(&key);
    assert_eq!(page(&caller, "").await.0, [""; 0]);
    assert_eq!(page(&caller, &token).await.0, ["two"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_has_not_the_schema_yet_is_not_read() {
    let Some((database, copy)) = database_and_copy().await else {
        return;
    };
    let latest = "(SELECT max(version) FROM seaql_migrations)";
    copy.execute(&format!(
        "DELETE FROM seaql_migrations WHERE version = {latest}"
    ))
    .await;
    let service = Service::start_with(database, &["--read-database-url", copy.url()]).await;
    let admin = service.admin();
    let list = admin.create_list("Newsletter").await;
    get(&admin, &list).await.expect("the list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_copy_the_database_itself_is_read() {
    let Some((database, copy)) = database_and_copy().await else {
        return;
    };
    let url = copy.url().to_owned();
    let service = Service::start_with(database, &["--read-database-url", &url]).await;
    let admin = service.admin();
    let list = admin.create_list("Newsletter").await;
    assert_refused(
        get(&admin, &list).await,
        Code::NotFound,
        "RESOURCE_NOT_FOUND",
    );
    // It is dropped, with its sessions.
    drop(copy);
    until("the database itself is read", async || {
        get(&admin, &list).await.is_ok()
    })
    .await;
    let request = CreateContactListRequest {
        name: "Other".to_owned(),
        ..Default::default()
    };
    let created = admin.lists.clone().create_contact_list(request).await;
    created.expect("a list");
}
