//! `ContactListService`: a file for each call but the main one, which has a folder of its own.

mod create;
mod delete;
mod export;
mod get;
mod list;
mod members;
mod recorded_updates;
mod update;

use contact_lists::proto::{
    ContactList, CreateContactListRequest, GetContactListRequest, ListContactListsRequest,
    ListContactListsResponse, contact_list::State,
};
use tonic::Status;

use test_support::*;

async fn create(caller: &Client, name: &str, color: Option<&str>) -> Result<ContactList, Status> {
    let request = CreateContactListRequest {
        name: name.to_owned(),
        color: color.map(str::to_owned),
    };
    let answer = caller.lists.clone().create_contact_list(request).await?;
    Ok(answer.into_inner().contact_list.expect("the list"))
}

async fn get(caller: &Client, id: &str) -> Result<ContactList, Status> {
    let request = GetContactListRequest { id: id.to_owned() };
    let answer = caller.lists.clone().get_contact_list(request).await?;
    Ok(answer.into_inner().contact_list.expect("the list"))
}

async fn find(
    caller: &Client,
    request: ListContactListsRequest,
) -> Result<ListContactListsResponse, Status> {
    caller
        .lists
        .clone()
        .list_contact_lists(request)
        .await
        .map(tonic::Response::into_inner)
}

fn names(lists: &[ContactList]) -> Vec<&str> {
    lists
        .iter()
        .map(|list| list.name.as_deref().expect("a name"))
        .collect()
}

/// An id that nothing has.
fn unknown_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
