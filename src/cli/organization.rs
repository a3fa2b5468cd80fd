//! `contact-lists organization`.

use anyhow::{Context, ensure};

use super::{args::OrganizationCommand, parse_name, shown, with_schema, with_whole_schema};
use crate::{
    client::output,
    domain::{OrganizationId, percent::Percent, phone_number::DefaultRegion},
    repository::{Repository, organizations, organizations::OrganizationChange},
};

/// Creates, changes or lists organizations.
pub async fn run(command: OrganizationCommand) -> anyhow::Result<()> {
    match command {
        OrganizationCommand::Create {
            name,
            default_region,
            max_removed_percent,
            database,
        } => {
            let name = parse_name(&name)?;
            let region = default_region.as_deref().map(checked_region).transpose()?;
            let create = async |repository: &Repository| {
                let name = name.as_str();
                Ok(organizations::create(repository, name, region, max_removed_percent).await?)
            };
            let organization = with_schema(&database, true, create).await?;
            println!("{}", organization.id);
        }
        OrganizationCommand::Update {
            id,
            default_region,
            max_removed_percent,
            database,
        } => {
            let region = |code: &str| checked_region(code).map(str::to_owned);
            let percent = |text: &str| text.parse::<Percent>().map_err(anyhow::Error::msg);
            let change = OrganizationChange {
                default_region: unless_empty(default_region, region)?,
                max_removed_percent: unless_empty(max_removed_percent, percent)
                    .context("--max-removed-percent")?,
            };
            let change = async |repository: &Repository| {
                organizations::update(repository, OrganizationId(id), change)
                    .await
                    .context("cannot change the organization")
            };
            with_schema(&database, false, change).await?;
            println!("{id}");
        }
        OrganizationCommand::List { database } => {
            let all = async |repository: &Repository| Ok(organizations::all(repository).await?);
            for organization in with_whole_schema(&database, all).await? {
                let region = organization.default_region_code.as_deref().unwrap_or("-");
                let percent = organization.max_removed_percent;
                let percent = percent.map_or_else(|| "-".to_owned(), |it| it.to_string());
                let (id, name) = (organization.id, shown(&organization.name));
                output::print(format_args!("{id}\t{region}\t{name}\t{percent}"))?;
            }
        }
    }
    Ok(())
}

/// What a flag changes: a value that is given is parsed, and an empty one clears what is stored.
fn unless_empty<T>(
    given: Option<String>,
    parse: impl FnOnce(&str) -> anyhow::Result<T>,
) -> anyhow::Result<Option<Option<T>>> {
    match given.as_deref() {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(text) => parse(text).map(|value| Some(Some(value))),
    }
}

fn checked_region(code: &str) -> anyhow::Result<&str> {
    ensure!(
        DefaultRegion::parse(code).is_some(),
        "{code} is not a region: give an ISO 3166 alpha-2 code such as US"
    );
    Ok(code)
}
