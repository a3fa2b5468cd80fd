//! `contact-lists updates`.

use clap::Args;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    connect::{Connection, ConnectionSettings},
    error::sentence,
    lists::{self, PAGE_SIZE},
    output,
};
use crate::proto::{
    ContactListUpdate, ListContactListUpdatesRequest, update_contact_list_contacts_header::Action,
};

/// The settings of `updates`.
#[derive(Debug, Clone, Args)]
pub struct UpdatesSettings {
    /// Only the updates of this contact list: its id or name
    #[arg(long)]
    pub list: Option<String>,
    /// Which server.
    #[command(flatten)]
    pub connection: ConnectionSettings,
}

/// Prints the recorded updates, the oldest first.
pub async fn run(settings: UpdatesSettings) -> anyhow::Result<()> {
    let mut connection = Connection::open(&settings.connection).await?;
    let contact_list_id = match &settings.list {
        Some(list) => Some(lists::find(&mut connection, list).await?.id),
        None => None,
    };
    let mut page_token = String::new();
    loop {
        let request = ListContactListUpdatesRequest {
            page_size: PAGE_SIZE,
            page_token,
            contact_list_id: contact_list_id.clone(),
            newest_first: false,
        };
        let page = connection.lists.list_contact_list_updates(request).await;
        let page = page.map_err(sentence)?.into_inner();
        for update in &page.contact_list_updates {
            output::print(format_args!("{}", line(update)))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn line(update: &ContactListUpdate) -> String {
    let seconds = update.create_time.as_ref().map_or(0, |time| time.seconds);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let time = time.and_then(|time| time.format(&Rfc3339).ok());
    let action = match update.action() {
        Action::Unspecified if update.revert.is_some() => "revert",
        Action::Unspecified => "unknown",
        Action::Add => "add",
        Action::Remove => "remove",
        Action::Overwrite => "overwrite",
    };
    let outcome = update.outcome.clone().unwrap_or_default();
    format!(
        "{}\t{}\t{}\t{action}\treceived {}, created {}, updated {}, unchanged {}, duplicate {}, rejected {}; added {}, removed {}",
        update.id,
        time.unwrap_or_default(),
        update.contact_list_id,
        outcome.received_count,
        outcome.created_count,
        outcome.updated_count,
        outcome.unchanged_count,
        outcome.duplicate_count,
        outcome.rejected_count,
        outcome.added_count,
        outcome.removed_count,
    )
}
