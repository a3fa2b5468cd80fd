//! The command line: the commands and their arguments.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum, builder::PossibleValue};
use clap_complete::Shell;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    client::{
        export::ExportSettings,
        health::HealthSettings,
        import::{ImportSettings, opt_out::OptOutSettings},
        lists::{ListCommand, ListsSettings},
        revert::RevertSettings,
        updates::UpdatesSettings,
    },
    domain::{percent::Percent, scope::Scope},
    repository::Pooler,
    settings::{DatabaseSettings, ServeSettings},
    telemetry::LogFormat,
};

/// What the help of `serve` ends with.
const EXAMPLES: &str = "\
Examples:
  Try it, with a SQLite file in this folder and on loopback:
    contact-lists

  Serve others, from PostgreSQL and over TLS:
    contact-lists serve --listen 0.0.0.0:50051 --database-url postgres://app:PASSWORD@db/contacts \\
        --tls-certificate tls.crt --tls-key tls.key";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "contact-lists",
    version,
    about,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub struct CommandLine {
    /// What to do; without it, serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings of `serve`.
    #[command(flatten)]
    pub serve: ServeSettings,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API (the default)
    #[command(after_help = EXAMPLES)]
    Serve(Box<ServeSettings>),
    /// Bring the database's schema up to date
    Migrate {
        /// Change nothing, and list the schema's migrations: name, and whether the database has it
        #[arg(long)]
        status: bool,
        /// Then distribute the tables of a database of Citus over its nodes, by organization; those that are stay as they are
        #[arg(long, conflicts_with = "status")]
        distribute: bool,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// Create, change and list organizations
    Organization {
        /// What to do.
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// Create, list, disable and enable API keys
    ApiKey {
        /// What to do.
        #[command(subcommand)]
        command: ApiKeyCommand,
    },
    /// Carry opt-outs and erasures over to a restored back-up, which lacks those since it was made
    Suppression {
        /// What to do.
        #[command(subcommand)]
        command: SuppressionCommand,
    },
    /// Import a file of contacts into a contact list, over the API
    Import(Box<ImportSettings>),
    /// Opt the people of a file out of channels, whether they are contacts or not, over the API
    OptOut(Box<OptOutSettings>),
    /// Export the contacts on a contact list to a file that `import` takes back, over the API
    Export(ExportSettings),
    /// List the contact lists: id, state, number of contacts, name
    Lists(ListsSettings),
    /// Create or show a contact list
    List {
        /// What to do.
        #[command(subcommand)]
        command: ListCommand,
    },
    /// List the recorded updates, the oldest first: id, time, contact list, action, counts
    Updates(UpdatesSettings),
    /// Undo a contact list's latest update: members, opt-ins, fields and created contacts, but for what has changed since
    Revert(RevertSettings),
    /// Ask a server whether it serves; the exit code is 0 only if it does
    Health(HealthSettings),
    /// Print the descriptor set of the API, which tools read in place of the .proto files
    Descriptor,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What can be done with organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Create an organization, and print its id
    Create {
        /// Its name
        name: String,
        /// The region (ISO 3166 alpha-2) whose national phone formats are accepted, such as US; without it, only
        /// international formats are
        #[arg(long)]
        default_region: Option<String>,
        /// How many percent of a list's members an overwrite may remove, such as 20, unless the call gives a limit of its own;
        /// without it, all of them
        #[arg(long, value_name = "PERCENT")]
        max_removed_percent: Option<Percent>,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// Change an organization
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(["default_region", "max_removed_percent"]))]
    Update {
        /// Its id
        id: Uuid,
        /// The region (ISO 3166 alpha-2) whose national phone formats are accepted; empty for none
        #[arg(long)]
        default_region: Option<String>,
        /// How many percent of a list's members an overwrite may remove, unless the call gives a limit of its own; empty for
        /// all of them
        #[arg(long, value_name = "PERCENT")]
        max_removed_percent: Option<String>,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// List the organizations: id, default region, name, how many percent of a list an overwrite may remove
    List {
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum ApiKeyCommand {
    /// Create an API key, and print nothing else: it is shown only once
    Create {
        /// The organization's id
        #[arg(long)]
        organization: Uuid,
        /// What the key may do; each scope includes the ones before it
        #[arg(long, value_enum, default_value = "write")]
        scope: Scope,
        /// What to tell it apart by, such as the program that uses it; at most 255 characters
        #[arg(long)]
        name: Option<String>,
        /// In how many days it expires: from then on it is refused; without this, it does not expire
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=36_500))]
        expires_in_days: Option<i64>,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// List an organization's API keys: id, scope, state, time of creation, of expiry and of the last use to the hour, name
    List {
        /// The organization's id
        #[arg(long)]
        organization: Uuid,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// Disable an API key: from now on it is refused
    Disable {
        /// The key's id
        id: Uuid,
        /// The organization's id
        #[arg(long)]
        organization: Uuid,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// Enable an API key again
    Enable {
        /// The key's id
        id: Uuid,
        /// The organization's id
        #[arg(long)]
        organization: Uuid,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
}

/// What can be done with opt-outs and erasures.
#[derive(Debug, Subcommand)]
pub enum SuppressionCommand {
    /// Print the opt-outs in force and the erasures since a time, as JSON lines: numbers are under their keyed hashes
    Export {
        /// Since when, such as 2026-11-29T03:00:00Z: a time before the back-up began by more than the longest update takes
        #[arg(long, value_parser = parse_time)]
        since: OffsetDateTime,
        /// The organization's id; without it, all organizations
        #[arg(long)]
        organization: Option<Uuid>,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// Erase the contacts and opt out the contacts and numbers that an export has, and print counts
    ///
    /// A file that is malformed or incomplete changes nothing. Contacts, channels and organizations that the database does not have
    /// are counted. Applied again, a file changes nothing. An opt-out wins over any opt-in, so apply it before the server starts.
    Apply {
        /// What `suppression export` printed; - for standard input
        file: PathBuf,
        /// Which database.
        #[command(flatten)]
        database: DatabaseSettings,
    },
}

fn parse_time(text: &str) -> Result<OffsetDateTime, time::error::Parse> {
    Ok(OffsetDateTime::parse(text, &Rfc3339)?.to_offset(UtcOffset::UTC))
}

impl ValueEnum for Scope {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Read, Self::Write, Self::Admin]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Read => "Read everything",
            Self::Write => "Change contacts, lists and preferences",
            Self::Admin => "Set up the organization, and do what can't be undone",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Human, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Human => PossibleValue::new("human").help("For people"),
            Self::Json => PossibleValue::new("json").help("For machines: a JSON object per line"),
        })
    }
}

impl ValueEnum for Pooler {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::None, Self::Session, Self::Transaction]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let name = match self {
            Self::None => "none",
            Self::Session => "session",
            Self::Transaction => "transaction",
        };
        Some(PossibleValue::new(name))
    }
}
