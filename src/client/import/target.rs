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
        ListCustomObjectsRequest, UpdateContactListContactsHeader as Header,
        channel_reference::Reference,
    },
};

/// Finds the contact list, or creates it.
pub async fn contact_list(
    connection: &mut Connection,
    update: &UpdateSettings,
) -> anyhow::Result<ContactList> {
    let name = &update.list;
    match lists::find_if_there(connection, name).await? {
        Some(list) => Ok(list),
        None if update.create_list && update.dry_run => {
            bail!("there is no contact list {name:?} yet, and a dry run creates none")
        }
        None if update.create_list => lists::create(connection, name.clone(), None).await,
        None => bail!(
            "there is no contact list {name:?}: --create-list creates it, and `contact-lists lists` shows those that there are"
        ),
    }
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
        names => {
            for name in names {
                header.opt_in_to.push(ChannelReference {
                    reference: Some(channel(connection, name).await?),
                });
            }
        }
    }
    Ok(())
}

async fn channel(connection: &mut Connection, name: &str) -> anyhow::Result<Reference> {
    if Uuid::try_parse(name).is_ok() {
        return Ok(Reference::Id(name.to_owned()));
    }
    if name.starts_with('+') {
        return Ok(Reference::Phone(name.to_owned()));
    }
    let channels = channels(connection).await?;
    match channels.iter().find(|channel| channel.name() == name) {
        Some(channel) => Ok(Reference::Id(channel.id.clone())),
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
