//! `CommunicationPreferenceService`: a file for each call.

mod both;
mod changes;
mod consent;
mod list;
mod locks;
mod opt_in;
mod opt_out;
mod opt_out_contacts;
mod partial_opt_out;

use contact_lists::proto::{
    ChannelReference, ContactReference, ListCommunicationPreferencesRequest,
    ListCommunicationPreferencesResponse, OptInRequest, OptOutRequest, channel_reference,
    contact_reference,
};
use tonic::Status;

use test_support::*;

/// What an opt-in or opt-out did, in pairs of a contact and a channel.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    /// Pairs that changed.
    changed: i64,
    /// Pairs that already were as requested.
    unchanged: i64,
}

fn people<'a>(references: impl IntoIterator<Item = &'a str>) -> Vec<ContactReference> {
    let references = references
        .into_iter()
        .map(|text| match text.parse::<uuid::Uuid>() {
            Ok(_) => contact_reference::Reference::Id(text.to_owned()),
            Err(_) => contact_reference::Reference::Phone(text.to_owned()),
        });
    references
        .map(|it| ContactReference {
            reference: Some(it),
        })
        .collect()
}

fn channels<'a>(references: impl IntoIterator<Item = &'a str>) -> Vec<ChannelReference> {
    let references = references
        .into_iter()
        .map(|text| match text.parse::<uuid::Uuid>() {
            Ok(_) => channel_reference::Reference::Id(text.to_owned()),
            Err(_) => channel_reference::Reference::Phone(text.to_owned()),
        });
    references
        .map(|it| ChannelReference {
            reference: Some(it),
        })
        .collect()
}

/// Opts in (true) or out (false). No channels at all asks for all of them.
async fn change(
    caller: &Client,
    opt_in: bool,
    contacts: Vec<ContactReference>,
    channels: Option<Vec<ChannelReference>>,
) -> Result<Counts, Status> {
    let (all_channels, channels) = (channels.is_none(), channels.unwrap_or_default());
    send(
        caller,
        opt_in,
        OptOutRequest {
            contacts,
            channels,
            all_channels,
            ..Default::default()
        },
    )
    .await
}

async fn send(caller: &Client, opt_in: bool, request: OptOutRequest) -> Result<Counts, Status> {
    let mut client = caller.preferences.clone();
    if opt_in {
        let OptOutRequest {
            contacts,
            channels,
            all_channels,
            consent,
        } = request;
        let request = OptInRequest {
            contacts,
            channels,
            all_channels,
            consent,
        };
        let answer = client.opt_in(request).await?.into_inner();
        Ok(Counts {
            changed: answer.opted_in_count,
            unchanged: answer.unchanged_count,
        })
    } else {
        let answer = client.opt_out(request).await?.into_inner();
        Ok(Counts {
            changed: answer.opted_out_count,
            unchanged: answer.unchanged_count,
        })
    }
}

async fn list(
    caller: &Client,
    contact: &str,
    page_size: i32,
    page_token: &str,
) -> Result<ListCommunicationPreferencesResponse, Status> {
    let request = ListCommunicationPreferencesRequest {
        contact: people([contact]).pop(),
        page_size,
        page_token: page_token.to_owned(),
    };
    let answer = caller
        .preferences
        .clone()
        .list_communication_preferences(request)
        .await?;
    Ok(answer.into_inner())
}

/// Two channels, and contacts 1 to 3 without preferences.
struct Setup {
    admin: Client,
    a: String,
    b: String,
}

const PHONE_A: u32 = 1_000_001;

async fn set_up(service: &Service) -> Setup {
    let admin = service.admin();
    let contacts = (1..4).map(|n| contact(&number(n))).collect();
    let list = admin.create_list("Customers").await;
    admin.update(header(&list).add(), contacts).await.unwrap();
    Setup {
        a: admin.create_channel(&number(PHONE_A)).await,
        b: admin.create_channel(&number(PHONE_A + 1)).await,
        admin,
    }
}

impl Setup {
    async fn id(&self, n: u32) -> String {
        self.admin.contact(&number(n)).await.contact.unwrap().id
    }

    /// The preferences of the n-th contact, as [`Client::opt_states`] returns them.
    async fn opt_states(&self, n: u32) -> Vec<(String, bool)> {
        self.admin.opt_states(&number(n)).await
    }

    async fn change_one(&self, opt_in: bool, n: u32, channel: Option<&str>) -> Counts {
        let channels = channel.map(|id| channels([id]));
        change(&self.admin, opt_in, people([number(n).as_str()]), channels)
            .await
            .unwrap()
    }
}

async fn preference_count(service: &Service) -> i64 {
    let contacts = service
        .rows("SELECT count(*) FROM communication_preferences")
        .await;
    contacts + service.rows("SELECT count(*) FROM opted_out_numbers").await
}
