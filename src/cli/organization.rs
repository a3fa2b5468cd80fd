//! `contact-lists organization`.

use anyhow::{Context, ensure};

use super::{args::OrganizationCommand, parse_name, shown, with_schema};
use crate::{
    client::output,
    domain::{OrganizationId, phone_number::DefaultRegion},
    repository::{Repository, organizations},
};

/// Creates, changes or lists organizations.
pub async fn run(command: OrganizationCommand) -> anyhow::Result<()> {
    match command {
        OrganizationCommand::Create {
            name,
            default_region,
            database,
        } => {
            let name = parse_name(&name)?;
            let region = default_region.as_deref().map(checked_region).transpose()?;
            let create = async |repository: &Repository| {
                Ok(organizations::create(repository, name.as_str(), region).await?)
            };
            let organization = with_schema(&database, true, create).await?;
            println!("{}", organization.id);
        }
        OrganizationCommand::Update {
            id,
            default_region,
            database,
        } => {
            let region = match default_region.as_str() {
                "" => None,
                code => Some(checked_region(code)?),
            };
            let change = async |repository: &Repository| {
                organizations::set_default_region(repository, OrganizationId(id), region)
                    .await
                    .context("cannot change the organization")
            };
            with_schema(&database, false, change).await?;
            println!("{id}");
        }
        OrganizationCommand::List { database } => {
            let all = async |repository: &Repository| Ok(organizations::all(repository).await?);
            for organization in with_schema(&database, false, all).await? {
                let region = organization.default_region_code.as_deref().unwrap_or("-");
                let name = shown(&organization.name);
                output::print(format_args!("{}\t{region}\t{name}", organization.id))?;
            }
        }
    }
    Ok(())
}

fn checked_region(code: &str) -> anyhow::Result<&str> {
    ensure!(
        DefaultRegion::parse(code).is_some(),
        "{code} is not a region: give an ISO 3166 alpha-2 code such as US"
    );
    Ok(code)
}
