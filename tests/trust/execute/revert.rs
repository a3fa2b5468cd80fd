//! Recorded updates: read, and reverted.

use contact_lists::proto::{
    ContactListUpdate, GetContactListUpdateRequest, RevertContactListUpdateRequest,
    RevertContactListUpdateResponse as Reverted, get_contact_list_update_request::Reference,
};
use test_support::Client;
use tonic::Status;

use crate::{answers::Recorded, calls::Revert, values::request_id};

/// `RevertContactListUpdate`, of the update that is recorded under a `request_id`.
pub async fn revert_update(caller: &Client, revert: Revert) -> Result<Reverted, Status> {
    let request = RevertContactListUpdateRequest {
        update_id: find(caller, revert.update).await?.id,
        request_id: Some(request_id(revert.request).to_string()),
        validate_only: false,
    };
    let mut lists = caller.lists.clone();
    let answer = lists.revert_contact_list_update(request).await?;
    Ok(answer.into_inner())
}

/// `GetContactListUpdate`, by `request_id`.
pub async fn read_update(caller: &Client, request: u32) -> Result<Recorded, Status> {
    let found = find(caller, request).await?;
    Ok(match found.revert {
        Some(reverted) => Recorded::Revert(reverted),
        None => Recorded::Update(found.outcome.expect("an outcome")),
    })
}

async fn find(caller: &Client, request: u32) -> Result<ContactListUpdate, Status> {
    let request_id = request_id(request).to_string();
    let request = GetContactListUpdateRequest {
        reference: Some(Reference::RequestId(request_id)),
    };
    let answer = caller.lists.clone().get_contact_list_update(request).await;
    Ok(answer?
        .into_inner()
        .contact_list_update
        .expect("the update"))
}
