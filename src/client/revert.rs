//! `contact-lists revert`.

use std::io::{BufRead, IsTerminal, stdin};

use anyhow::bail;
use clap::Args;

use super::{
    connect::{Connection, ConnectionSettings},
    error::sentence,
    output,
};
use crate::proto::{
    RevertContactListUpdateRequest, RevertContactListUpdateResponse, skipped_restoration::Reason,
};

/// The settings of `revert`.
#[derive(Debug, Clone, Args)]
pub struct RevertSettings {
    /// The id of the update to undo, as `updates` shows it: the list's latest that is not undone yet
    pub update_id: String,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Which server.
    #[command(flatten)]
    pub connection: ConnectionSettings,
}

/// Says what the revert would do, asks, and does it.
pub async fn run(settings: RevertSettings) -> anyhow::Result<()> {
    let mut connection = Connection::open(&settings.connection).await?;
    if settings.dry_run || !settings.yes {
        let would = call(&mut connection, &settings, true).await?;
        if would.replayed {
            output::print(format_args!("{}", summary("Undone before", &would)))?;
            return Ok(());
        }
        output::note(format_args!("{}", summary("It would be so", &would)));
    }
    if settings.dry_run {
        return Ok(());
    }
    if !settings.yes {
        if !stdin().is_terminal() {
            bail!("nothing was changed: without a terminal to ask in, say --yes");
        }
        eprint!("Undo the update? [y/N] ");
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer)?;
        if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            bail!("nothing was changed");
        }
    }
    let done = call(&mut connection, &settings, false).await?;
    let lead = if done.replayed {
        "Undone before"
    } else {
        "Undone"
    };
    output::print(format_args!("{}", summary(lead, &done)))?;
    Ok(())
}

async fn call(
    connection: &mut Connection,
    settings: &RevertSettings,
    validate_only: bool,
) -> anyhow::Result<RevertContactListUpdateResponse> {
    let request = RevertContactListUpdateRequest {
        update_id: settings.update_id.clone(),
        request_id: None,
        validate_only,
    };
    let answer = connection.lists.revert_contact_list_update(request).await;
    Ok(answer.map_err(sentence)?.into_inner())
}

fn summary(lead: &str, reverted: &RevertContactListUpdateResponse) -> String {
    let list = reverted.contact_list.clone().unwrap_or_default();
    let mut text = format!(
        "{lead}: {} members left {}, {} are back, it has {} contacts; {} opt-ins taken back, {} opt-outs in force again; {} contacts \
         as they were, {} erased",
        reverted.removed_count,
        list.name(),
        reverted.restored_member_count,
        list.contact_count,
        reverted.withdrawn_opt_in_count,
        reverted.restored_opt_out_count,
        reverted.restored_contact_count,
        reverted.erased_count,
    );
    for skipped in &reverted.skipped {
        let why = match skipped.reason() {
            Reason::Unspecified => "stayed as they are",
            Reason::ContactErased => "were erased since",
            Reason::ContactChanged => "have changed since, which stays",
            Reason::ContactInUse => {
                "were created, and are on a list or have spoken since: they stay"
            }
            Reason::PhoneTaken => "had a number that another contact has now",
            Reason::ExternalIdTaken => "had an external_id that another contact has now",
            Reason::ChannelDeleted => "had a default channel that is deleted",
            Reason::CustomObjectDeleted => "had properties of a custom object that is deleted",
        };
        text += &format!("\n  {} contacts {why}", skipped.count);
    }
    text
}
