//! What an import goes to: the contact list, the custom object, and the channels.

use anyhow::bail;
use uuid::Uuid;

use super::settings::UpdateSettings;
use crate::{
    client::{
        connect::Connection,
        error::sentence,
        lists::{self, PAGE_SIZE},
    },
    proto::{
        Channel, ChannelReference, ContactList, CustomObject, ListChannelsRequest,
        ListContactListsRequest, ListCustomObjectsRequest,
        UpdateContactListContactsHeader as Header, channel_reference::Reference,
        contact_list::State,
    },
};

/// The contact list of an import.
pub enum TargetList {
    /// It is there.
    Found(ContactList),
    /// It is to be created.
    New {
        /// Its name.
        name: String,
        /// The id of another list on which a dry run tries the contacts; empty if there is none.
        other_id: String,
    },
}

impl TargetList {
    /// The id of the list that calls name; of a new list, until it is created, the other one's.
    pub fn id(&self) -> &str {
        match self {
            Self::Found(list) => &list.id,
            Self::New { other_id, .. } => other_id,
        }
    }
}

/// Finds the contact list, or that it is to be created.
pub async fn contact_list(
    connection: &mut Connection,
    update: &UpdateSettings,
) -> anyhow::Result<TargetList> {
    let name = &update.list;
    match lists::find_if_there(connection, name).await? {
        Some(list) => Ok(TargetList::Found(list)),
        None if update.create_list => {
            let other_id = any_list(connection).await?;
            if update.dry_run && other_id.is_none() {
                bail!(
                    "the organization has no contact list yet, and a dry run creates none: create it with \
                     `contact-lists list create`"
                );
            }
            Ok(TargetList::New {
                name: name.clone(),
                other_id: other_id.unwrap_or_default(),
            })
        }
        None => bail!(
            "there is no contact list {name:?}: --create-list creates it, and `contact-lists lists` shows those that there are"
        ),
    }
}

/// The id of some active list.
async fn any_list(connection: &mut Connection) -> anyhow::Result<Option<String>> {
    let mut request = ListContactListsRequest {
        page_size: 1,
        ..ListContactListsRequest::default()
    };
    request.set_state(State::Active);
    let page = connection.lists.list_contact_lists(request).await;
    let mut lists = page.map_err(sentence)?.into_inner().contact_lists;
    Ok(lists.pop().map(|list| list.id))
}

/// Finds a custom object by its key or id, or the organization's default one. Returns `None` if none is named, and there are
/// none.
pub async fn custom_object(
    connection: &mut Connection,
    name: Option<&str>,
) -> anyhow::Result<Option<CustomObject>> {
    let mut objects = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListCustomObjectsRequest {
            page_size: PAGE_SIZE,
            page_token,
        };
        let page = connection.objects.list_custom_objects(request).await;
        let page = page.map_err(sentence)?.into_inner();
        objects.extend(page.custom_objects);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let Some(name) = name else {
        return Ok(objects.into_iter().find(CustomObject::is_default));
    };
    let keys: Vec<String> = objects.iter().map(|object| object.key.clone()).collect();
    match objects
        .into_iter()
        .find(|object| object.key == name || object.id == name)
    {
        Some(object) => Ok(Some(object)),
        None => bail!(
            "there is no custom object {name}: there are {}",
            keys.join(", ")
        ),
    }
}

/// Sets what contacts are opted in to.
pub async fn set_opt_ins(
    connection: &mut Connection,
    header: &mut Header,
    names: &[String],
) -> anyhow::Result<()> {
    match names {
        [name] if name == "all" => {}
        [name] if name == "none" => header.opt_in_to_all_channels = Some(false),
        names if names.iter().any(|name| name == "all" || name == "none") => {
            bail!("--opt-in-to all and --opt-in-to none go with no other --opt-in-to");
        }
        names => header.opt_in_to = channel_references(connection, names).await?,
    }
    Ok(())
}

/// The channels that are named by their ids, phone numbers or names.
pub async fn channel_references(
    connection: &mut Connection,
    names: &[String],
) -> anyhow::Result<Vec<ChannelReference>> {
    let mut references = Vec::new();
    for name in names {
        let reference = Some(channel(connection, name).await?);
        references.push(ChannelReference { reference });
    }
    Ok(references)
}

async fn channel(connection: &mut Connection, name: &str) -> anyhow::Result<Reference> {
    if Uuid::try_parse(name).is_ok() {
        return Ok(Reference::Id(name.to_owned()));
    }
    if name.starts_with('+') {
        return Ok(Reference::Phone(name.to_owned()));
    }
    channel_id(connection, name).await.map(Reference::Id)
}

/// Finds a channel by its id, phone number or name. Returns its id.
pub async fn channel_id(connection: &mut Connection, name: &str) -> anyhow::Result<String> {
    let channels = channels(connection).await?;
    let is_named = |it: &&Channel| it.id == name || it.phone() == name || it.name() == name;
    match channels.iter().find(is_named) {
        Some(channel) => Ok(channel.id.clone()),
        None => {
            let names: Vec<&str> = channels.iter().map(Channel::name).collect();
            bail!(
                "there is no channel {name:?}: there are {}",
                names.join(", ")
            )
        }
    }
}

async fn channels(connection: &mut Connection) -> anyhow::Result<Vec<Channel>> {
    let mut channels = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListChannelsRequest {
            page_size: PAGE_SIZE,
            page_token,
        };
        let page = connection.channels.list_channels(request).await;
        let page = page.map_err(sentence)?.into_inner();
        channels.extend(page.channels);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(channels);
        }
    }
}
