//! The flags of `contact-lists import`.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum, value_parser};
use encoding_rs::Encoding;
use uuid::Uuid;

use super::{
    amounts::DecimalSeparator,
    dates::DateOrder,
    mapping::Mapping,
    source::{Format, format_of},
};
use crate::{
    client::{connect::ConnectionSettings, consent::ConsentSettings},
    domain::{percent::Percent, phone_number::DefaultRegion},
};

/// What the help says after the flags.
const AFTER_HELP: &str = "\
Fields:
  phone, external_id, email, name, first_name, last_name, language, default_channel_id, birth_date, address.address_line_one,
  address.address_line_two, address.city, address.state, address.post_code, address.country, consent.source,
  consent.evidence, consent.collect_time, and properties.KEY for the keys of a custom object

Exit codes:
  0  all contacts were applied
  1  an error; what it says was not applied
  2  the command line is wrong
  3  applied, but for the rejected contacts, which are listed in FILE.rejected.csv: mend them there, and import that file
  4  broken off, perhaps after a part was applied: run the same command again, and it ends what is missing

Examples:
  contact-lists import contacts.csv --list Newsletter --create-list
  contact-lists import contacts.csv --list Newsletter --dry-run
  contact-lists import Kunden.xlsx --list Newsletter --map phone=Handy --map properties.plan=Tarif --region DE
  contact-lists import members.csv --list Members --action overwrite";

/// The settings of `import`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ImportSettings {
    /// Which file, and how it is read.
    #[command(flatten)]
    pub file: FileSettings,
    /// How its rows become contacts.
    #[command(flatten)]
    pub rows: RowSettings,
    /// What is done with the contacts.
    #[command(flatten)]
    pub update: UpdateSettings,
    /// How the contacts said so.
    #[command(flatten)]
    pub consent: ConsentSettings,
    /// Which server.
    #[command(flatten)]
    pub connection: ConnectionSettings,
}

/// Which file to import, and how it is read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "File")]
pub struct FileSettings {
    /// The file: .csv, .tsv, .jsonl or .xlsx. Its first row names the columns; without, a column of phones is enough. "-" reads standard input, as CSV unless --format says otherwise
    pub file: PathBuf,
    /// The format, if the name does not say it
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// The encoding of a text, such as windows-1252; by default it is found out
    #[arg(long)]
    pub encoding: Option<String>,
    /// What separates the cells of a CSV file, such as ";"; by default it is found out
    #[arg(long, value_parser = one_byte)]
    pub separator: Option<u8>,
    /// The sheet of a workbook; by default the first
    #[arg(long)]
    pub sheet: Option<String>,
}

/// How the rows of a file become contacts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Contacts")]
pub struct RowSettings {
    /// Which column is a field, as FIELD=COLUMN: phone=Telefon, properties.plan=Tarif; "name=" leaves a field out. May be
    /// repeated; by default columns are recognized by their header. The fields are listed below
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub map: Vec<Mapping>,
    /// The region (ISO 3166 alpha-2), such as DE, of phone numbers in national format; by default the organization's
    #[arg(long, value_parser = region)]
    pub region: Option<Region>,
    /// What phone numbers that consist of digits alone have lost in a spreadsheet, and get back
    #[arg(long, value_enum)]
    pub restore_phones: Option<LostPrefix>,
    /// Which comes first in dates such as 01/02/1980 (1980-12-31, 31.12.1980 and "31 Dec 1980" need no answer); by default the other dates of the file must show it
    #[arg(long, value_enum)]
    pub date_order: Option<DateOrder>,
    /// Which separates the fraction in numbers such as 1.234; by default the other numbers of the column must show it
    #[arg(long, value_enum)]
    pub decimal_separator: Option<DecimalSeparator>,
    /// The custom object, the organization's own record type, that the properties belong to: its key or id; by default the organization's default one
    #[arg(long)]
    pub custom_object: Option<String>,
}

/// What is done with the contacts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Update")]
pub struct UpdateSettings {
    /// The contact list: its id or name
    #[arg(long)]
    pub list: String,
    /// Create the list if there is none of this name
    #[arg(long)]
    pub create_list: bool,
    /// What happens to the list
    #[arg(long, value_enum, default_value = "add")]
    pub action: ImportAction,
    /// What contacts are opted in to: "all" channels, "none", or a channel's id, phone number or name. May be repeated
    #[arg(long, value_name = "CHANNEL", default_value = "all")]
    pub opt_in_to: Vec<String>,
    /// Opt contacts back in that have opted out
    #[arg(long)]
    pub resubscribe: bool,
    /// Apply nothing if a contact is rejected; by default the others are applied
    #[arg(long)]
    pub all_or_nothing: bool,
    /// Let an overwrite with a file without contacts empty the list
    #[arg(long)]
    pub allow_empty: bool,
    /// Apply nothing if an overwrite or remove would take more than this out of the list, in percent of its contacts; 100 lifts
    /// the limit that the organization may have for overwrites. In several calls, each holds to it by itself
    #[arg(long, value_name = "PERCENT")]
    pub max_removed_percent: Option<Percent>,
    /// The same as a number of contacts
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(i64).range(0..))]
    pub max_removed_count: Option<i64>,
    /// Apply nothing if the list has another version than this, which `list show` shows. Of several calls, the first one holds
    /// to it
    #[arg(long, value_name = "VERSION", value_parser = value_parser!(i64).range(0..))]
    pub expected_version: Option<i64>,
    /// Do everything but apply it, and show what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Overwrite without asking
    #[arg(long, short)]
    pub yes: bool,
    /// A UUID that makes the import safe to repeat where no state can be kept beside the file, as for "-"
    #[arg(long)]
    pub request_id: Option<Uuid>,
    /// Where to list rejected contacts; by default FILE.rejected.csv, or FILE.rejected.jsonl
    #[arg(long, value_name = "PATH")]
    pub rejected: Option<PathBuf>,
}

/// What happens to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportAction {
    /// The contacts become members
    Add,
    /// The contacts stop being members
    Remove,
    /// The contacts become the only members
    Overwrite,
}

/// What a spreadsheet drops from a phone number that it takes for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LostPrefix {
    /// The + in front of the country code
    Plus,
    /// The 0 in front of a national number
    Zero,
}

/// A region by its code.
#[derive(Debug, Clone)]
pub struct Region {
    /// The code, such as "DE".
    pub code: String,
    /// The region.
    pub region: DefaultRegion,
}

impl FileSettings {
    /// Whether the file is standard input.
    pub fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    /// What to call the file.
    pub fn name(&self) -> String {
        match self.is_stdin() {
            true => "standard input".to_owned(),
            false => self.file.display().to_string(),
        }
    }

    /// The file's path with an ending after it. For standard input it is in the current folder.
    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut path = match self.is_stdin() {
            true => "stdin".into(),
            false => self.file.clone().into_os_string(),
        };
        path.push(ending);
        path.into()
    }

    /// The format.
    pub fn format(&self) -> anyhow::Result<Format> {
        match self.format {
            Some(format) => Ok(format),
            None if self.is_stdin() => Ok(Format::Csv),
            None => format_of(&self.file),
        }
    }

    /// The encoding, if it is given.
    pub fn encoding(&self) -> anyhow::Result<Option<&'static Encoding>> {
        let Some(label) = &self.encoding else {
            return Ok(None);
        };
        let encoding = Encoding::for_label(label.as_bytes());
        let encoding = encoding
            .ok_or_else(|| anyhow!("{label} is not an encoding: say windows-1252, for example"))?;
        Ok(Some(encoding))
    }
}

/// Parses the code of a region.
pub(super) fn region(code: &str) -> anyhow::Result<Region> {
    match DefaultRegion::parse(code) {
        Some(region) => Ok(Region {
            code: code.to_owned(),
            region,
        }),
        None => bail!("give an ISO 3166 alpha-2 code such as US"),
    }
}

fn one_byte(text: &str) -> anyhow::Result<u8> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => bail!("give one ASCII character"),
    }
}
