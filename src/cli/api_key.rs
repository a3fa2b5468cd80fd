//! `contact-lists api-key`.

use anyhow::Context;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{args::ApiKeyCommand, open_as_it_is};
use crate::{domain::OrganizationId, repository::api_keys, settings::DatabaseSettings};

/// Creates, lists, disables or enables API keys.
pub async fn run(command: ApiKeyCommand) -> anyhow::Result<()> {
    match command {
        ApiKeyCommand::Create {
            organization,
            scope,
            database,
        } => {
            let repository = open_as_it_is(&database).await?;
            let (_, secret) = api_keys::create(&repository, OrganizationId(organization), scope)
                .await
                .context("cannot create the API key")?;
            println!("{}", secret.expose());
            Ok(())
        }
        ApiKeyCommand::List {
            organization,
            database,
        } => {
            let repository = open_as_it_is(&database).await?;
            for key in api_keys::all(&repository, OrganizationId(organization)).await? {
                let state = if key.disabled { "disabled" } else { "enabled" };
                let created = key.create_time.format(&Rfc3339)?;
                println!("{}\t{}\t{state}\t{created}", key.id, key.scope.name());
            }
            Ok(())
        }
        ApiKeyCommand::Disable {
            id,
            organization,
            database,
        } => set_disabled(&database, organization, id, true).await,
        ApiKeyCommand::Enable {
            id,
            organization,
            database,
        } => set_disabled(&database, organization, id, false).await,
    }
}

async fn set_disabled(
    database: &DatabaseSettings,
    organization: Uuid,
    id: Uuid,
    disabled: bool,
) -> anyhow::Result<()> {
    let repository = open_as_it_is(database).await?;
    api_keys::set_disabled(&repository, OrganizationId(organization), id, disabled)
        .await
        .context("cannot change the API key")?;
    println!("{id}");
    Ok(())
}
