//! `contact-lists lists`, `contact-lists list`, and how commands find a list.

use anyhow::bail;
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{
    connect::{Connection, ConnectionSettings},
    error::sentence,
    output,
};
use crate::{
    domain::name::Name,
    proto::{
        ContactList, CreateContactListRequest, GetContactListRequest, ListContactListsRequest,
        contact_list::State,
    },
};

/// How many items a page of a list call has.
pub const PAGE_SIZE: i32 = 500;

/// The settings of `lists`.
#[derive(Debug, Clone, Args)]
pub struct ListsSettings {
    /// Which server.
    #[command(flatten)]
    pub connection: ConnectionSettings,
}

/// What can be done with a contact list.
#[derive(Debug, Clone, Subcommand)]
pub enum ListCommand {
    /// Create an empty contact list, and print its id
    Create {
        /// Its name
        name: String,
        /// The color to show it in, such as #2f6f4f
        #[arg(long)]
        color: Option<String>,
        /// Which server.
        #[command(flatten)]
        connection: ConnectionSettings,
    },
    /// Show a contact list
    Show {
        /// Its id or name
        list: String,
        /// Which server.
        #[command(flatten)]
        connection: ConnectionSettings,
    },
}

/// Prints the contact lists that are not deleted: id, state, number of contacts, name.
pub async fn run(settings: ListsSettings) -> anyhow::Result<()> {
    let mut connection = Connection::open(&settings.connection).await?;
    let mut page_token = String::new();
    loop {
        let request = ListContactListsRequest {
            page_size: PAGE_SIZE,
            page_token,
            ..ListContactListsRequest::default()
        };
        let page = connection.lists.list_contact_lists(request).await;
        let page = page.map_err(sentence)?.into_inner();
        for list in page.contact_lists {
            let (id, state, count) = (&list.id, state(&list), list.contact_count);
            output::print(format_args!("{id}\t{state}\t{count}\t{}", list.name()))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// Creates or shows a contact list.
pub async fn run_one(command: ListCommand) -> anyhow::Result<()> {
    match command {
        ListCommand::Create {
            name,
            color,
            connection,
        } => {
            let mut connection = Connection::open(&connection).await?;
            output::print(format_args!(
                "{}",
                create(&mut connection, name, color).await?.id
            ))?;
        }
        ListCommand::Show { list, connection } => {
            let mut connection = Connection::open(&connection).await?;
            let list = find(&mut connection, &list).await?;
            output::print(format_args!("id        {}", list.id))?;
            output::print(format_args!("name      {}", list.name()))?;
            output::print(format_args!("state     {}", state(&list)))?;
            output::print(format_args!("contacts  {}", list.contact_count))?;
            output::print(format_args!("version   {}", list.version))?;
            if let Some(color) = &list.color {
                output::print(format_args!("color     {color}"))?;
            }
        }
    }
    Ok(())
}

fn state(list: &ContactList) -> &'static str {
    match list.state() {
        State::Unspecified => "unknown",
        State::Active => "active",
        State::Archived => "archived",
        State::Deleted => "deleted",
    }
}

/// Creates a list.
pub async fn create(
    connection: &mut Connection,
    name: String,
    color: Option<String>,
) -> anyhow::Result<ContactList> {
    let request = CreateContactListRequest { name, color };
    let response = connection.lists.create_contact_list(request).await;
    let response = response.map_err(sentence)?.into_inner();
    Ok(response.contact_list.unwrap_or_default())
}

/// Finds a list by its id or its name.
pub async fn find(connection: &mut Connection, id_or_name: &str) -> anyhow::Result<ContactList> {
    match find_if_there(connection, id_or_name).await? {
        Some(list) => Ok(list),
        None => {
            bail!("there is no contact list {id_or_name:?}: `contact-lists lists` shows them all")
        }
    }
}

/// Finds a list by its id or its name. Returns `None` if no list has the name; an unknown id is an error.
pub async fn find_if_there(
    connection: &mut Connection,
    id_or_name: &str,
) -> anyhow::Result<Option<ContactList>> {
    if Uuid::try_parse(id_or_name).is_ok() {
        let id = id_or_name.to_owned();
        let response = connection
            .lists
            .get_contact_list(GetContactListRequest { id })
            .await;
        return Ok(response.map_err(sentence)?.into_inner().contact_list);
    }
    let Ok(name) = Name::parse(id_or_name) else {
        bail!("{id_or_name:?} is neither an id nor a name of a contact list");
    };
    let mut page_token = String::new();
    loop {
        let request = ListContactListsRequest {
            page_size: PAGE_SIZE,
            page_token,
            name_prefix: Some(name.as_str().to_owned()),
            ..ListContactListsRequest::default()
        };
        let page = connection.lists.list_contact_lists(request).await;
        let page = page.map_err(sentence)?.into_inner();
        let mut lists = page.contact_lists.into_iter();
        if let Some(list) = lists.find(|list| list.name() == name.as_str()) {
            return Ok(Some(list));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(None);
        }
    }
}
