//! `ChannelService`: a file for each call.

mod create;
mod delete;
mod get;
mod list;
mod update;

use contact_lists::proto::{Channel, CreateChannelRequest, GetChannelRequest, channel::Type};
use futures_util::{StreamExt, TryStreamExt, stream};
use tonic::Status;

use test_support::*;

/// A valid phone number.
const PHONE: &str = "+4915123456789";

async fn send(caller: &Client, request: CreateChannelRequest) -> Result<Channel, Status> {
    let answer = caller.channels.clone().create_channel(request).await?;
    Ok(answer.into_inner().channel.expect("the channel"))
}

fn request(name: &str, kind: Type, phone: Option<&str>) -> CreateChannelRequest {
    CreateChannelRequest {
        name: name.to_owned(),
        r#type: kind.into(),
        phone: phone.map(str::to_owned),
    }
}

async fn create(caller: &Client, kind: Type, phone: Option<&str>) -> Result<Channel, Status> {
    send(caller, request("Front desk", kind, phone)).await
}

/// Creates many channels without phone numbers.
async fn create_many(caller: &Client, count: usize) {
    let creations =
        (0..count).map(|n| send(caller, request(&format!("Channel {n}"), Type::Email, None)));
    stream::iter(creations)
        .buffer_unordered(8)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
}

/// An email channel "Desk" with the number 90.
async fn create_desk(caller: &Client) -> Channel {
    let desk = request("Desk", Type::Email, Some(&number(90)));
    send(caller, desk).await.expect("a channel")
}

async fn get(caller: &Client, id: &str) -> Result<Channel, Status> {
    let request = GetChannelRequest { id: id.to_owned() };
    let answer = caller.channels.clone().get_channel(request).await?;
    Ok(answer.into_inner().channel.expect("the channel"))
}

/// Puts a contact on a new list, opted in to nothing. Returns the list's id.
async fn store(caller: &Client, contact: contact_lists::proto::Contact) -> String {
    let list = caller.create_list(&uuid::Uuid::now_v7().to_string()).await;
    let add = header(&list).add().no_opt_ins();
    caller.update(add, vec![contact]).await.expect("an update");
    list
}
