//! `ContactListService`: a file for each call but the main one, which has a folder of its own.

mod clock_jumps;
mod create;
mod delete;
mod export;
mod get;
mod get_update;
mod limits;
mod list;
mod list_updates;
mod members;
mod memberships;
mod revert;
mod update;

use contact_lists::proto::{
    ContactList, ContactListUpdate, CreateContactListRequest, GetContactListRequest,
    ListContactListsRequest, ListContactListsResponse,
    UpdateContactListContactsResponse as Outcome, contact_list::State,
    get_contact_list_update_request::Reference,
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

/// Adds one contact and one that is rejected, under a `request_id`.
async fn add_one_of_two(caller: &Client, list: &str, request_id: &str) -> Outcome {
    let header = header(list).add().skip().request_id(request_id);
    let contacts = vec![contact(&number(1)), contact("+4915").email("no email")];
    caller.update(header, contacts).await.expect("an update")
}

async fn by_id(caller: &Client, id: &str) -> ContactListUpdate {
    caller
        .recorded_update(Reference::UpdateId(id.to_owned()))
        .await
        .expect("an update")
}
