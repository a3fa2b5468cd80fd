//! `contact-lists api-key`.

use anyhow::Context;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{args::ApiKeyCommand, parse_name, shown, with_schema_as_it_is};
use crate::{
    client::output,
    domain::{
        OrganizationId,
        api_key::{ApiKey, NewApiKey},
        now,
    },
    repository::{Repository, api_keys},
    settings::DatabaseSettings,
};

/// Creates, lists, disables or enables API keys.
pub async fn run(command: ApiKeyCommand) -> anyhow::Result<()> {
    match command {
        ApiKeyCommand::Create {
            organization,
            scope,
            name,
            expires_in_days,
            database,
        } => {
            let name = name.as_deref().map(parse_name).transpose()?;
            let key = NewApiKey {
                scope,
                name,
                expire_time: expires_in_days.map(|days| now() + Duration::days(days)),
            };
            let create = async |repository: &Repository| {
                api_keys::create(repository, OrganizationId(organization), key)
                    .await
                    .context("cannot create the API key")
            };
            let (_, secret) = with_schema_as_it_is(&database, create).await?;
            println!("{}", secret.expose());
            Ok(())
        }
        ApiKeyCommand::List {
            organization,
            database,
        } => {
            let all = async |repository: &Repository| {
                let keys = api_keys::all(repository, OrganizationId(organization)).await;
                keys.context("cannot list the API keys")
            };
            for key in with_schema_as_it_is(&database, all).await? {
                output::print(line(&key)?)?;
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

/// The line of a key in the list: its fields, with tabs between them. The name is last, since it has spaces.
fn line(key: &ApiKey) -> anyhow::Result<String> {
    let state = match key {
        key if key.disabled => "disabled",
        key if key.has_expired(now()) => "expired",
        _ => "enabled",
    };
    let or_none = |time: Option<OffsetDateTime>| match time {
        Some(time) => time.format(&Rfc3339),
        None => Ok("-".to_owned()),
    };
    let fields = [
        &key.id.to_string(),
        key.scope.name(),
        state,
        &key.create_time.format(&Rfc3339)?,
        &or_none(key.expire_time)?,
        &or_none(key.last_use_time)?,
        &key.name.as_deref().map_or_else(|| "-".to_owned(), shown),
    ];
    Ok(fields.join("\t"))
}

async fn set_disabled(
    database: &DatabaseSettings,
    organization: Uuid,
    id: Uuid,
    disabled: bool,
) -> anyhow::Result<()> {
    let change = async |repository: &Repository| {
        api_keys::set_disabled(repository, OrganizationId(organization), id, disabled)
            .await
            .context("cannot change the API key")
    };
    with_schema_as_it_is(database, change).await?;
    println!("{id}");
    Ok(())
}
