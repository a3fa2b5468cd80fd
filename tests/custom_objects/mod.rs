//! `CustomObjectService`: a file for each call.

mod add_property;
mod create;
mod delete;
mod get;
mod list;
mod update;

use contact_lists::proto::{
    AddCustomPropertyRequest, Contact, CustomObject, CustomProperty, GetCustomObjectRequest,
    ListCustomObjectsRequest, custom_property::Type,
};
use tonic::Status;

use test_support::*;

async fn get(caller: &Client, id: &str) -> Result<CustomObject, Status> {
    let request = GetCustomObjectRequest { id: id.to_owned() };
    let answer = caller.objects.clone().get_custom_object(request).await?;
    Ok(answer.into_inner().custom_object.expect("the object"))
}

async fn list(caller: &Client) -> Vec<CustomObject> {
    let request = ListCustomObjectsRequest::default();
    let answer = caller.objects.clone().list_custom_objects(request).await;
    answer.expect("a page").into_inner().custom_objects
}

async fn add(
    caller: &Client,
    id: &str,
    property: impl Into<Option<CustomProperty>>,
) -> Result<CustomObject, Status> {
    let request = AddCustomPropertyRequest {
        custom_object_id: id.to_owned(),
        property: property.into(),
    };
    let answer = caller.objects.clone().add_custom_property(request).await?;
    Ok(answer.into_inner().custom_object.expect("the object"))
}

async fn store(caller: &Client, contacts: Vec<Contact>) {
    let list = caller.create_list(&uuid::Uuid::now_v7().to_string()).await;
    caller
        .update(header(&list).add(), contacts)
        .await
        .expect("an update");
}

/// A contact with a record of the default object, and one without.
async fn one_of_two_with_a_record(caller: &Client) {
    let with = contact(&number(1)).properties(json!({"plan": "free"}));
    store(caller, vec![with, contact(&number(2))]).await;
}

async fn record(caller: &Client, phone: &str) -> Option<serde_json::Value> {
    let contact = caller.contact(phone).await.contact.expect("the contact");
    contact.properties.as_ref().map(json_of)
}
