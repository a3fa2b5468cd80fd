//! `contact-lists export`: the contacts on a list, as a file that `import` takes back.

use std::{
    fs::File,
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use csv::Writer;
use serde_json::Value as Json;
use strum::VariantArray;
use tempfile::NamedTempFile;
use tonic::Streaming;

use super::{
    connect::{Connection, ConnectionSettings},
    consent,
    contact_columns::{Column, Field},
    error::sentence,
    import::{amounts, dates, target},
    json, lists,
    output::{self, cannot_write},
};
use crate::proto::{
    Consent, Contact, ContactListContact, CustomObject, ExportContactListContactsRequest,
    ExportContactListContactsResponse,
};

/// The settings of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportSettings {
    /// The contact list: its id or name
    #[arg(long)]
    pub list: String,
    /// Where to write; by default to standard output. The file appears once it is complete
    #[arg(long, short)]
    pub output: Option<PathBuf>,
    /// The format; by default that of the output's name, or else CSV
    #[arg(long, value_enum)]
    pub format: Option<ExportFormat>,
    /// The custom object whose properties are exported: its key or id; by default the organization's default one
    #[arg(long)]
    pub custom_object: Option<String>,
    /// Only contacts that are opted in to this channel: its id, phone number or name
    #[arg(long, value_name = "CHANNEL", group = "said")]
    pub opted_in_to: Option<String>,
    /// Only contacts that are opted out of this channel, or of all channels
    #[arg(long, value_name = "CHANNEL", group = "said")]
    pub opted_out_of: Option<String>,
    /// Add where, by what evidence and when they said that, so that `import` takes it back
    #[arg(long, requires = "said")]
    pub consent: bool,
    /// Which server.
    #[command(flatten)]
    pub connection: ConnectionSettings,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Values separated by commas, in UTF-8
    Csv,
    /// A contact per line, as JSON
    Jsonl,
}

/// Exports a contact list.
pub async fn run(settings: ExportSettings) -> anyhow::Result<()> {
    let mut connection = Connection::open(&settings.connection).await?;
    let list = lists::find(&mut connection, &settings.list).await?;
    let object = target::custom_object(&mut connection, settings.custom_object.as_deref()).await?;
    let opted_in_to = channel(&mut connection, settings.opted_in_to.as_deref()).await?;
    let opted_out_of = channel(&mut connection, settings.opted_out_of.as_deref()).await?;
    let shown = Shown {
        columns: columns(object.as_ref(), settings.consent),
        consent_to: (opted_in_to.clone())
            .or(opted_out_of.clone())
            .filter(|_| settings.consent),
        format: settings.format(),
    };
    let request = ExportContactListContactsRequest {
        contact_list_id: list.id,
        custom_object_id: object.map(|object| object.id),
        opted_in_to_channel_id: opted_in_to,
        opted_out_of_channel_id: opted_out_of,
        include_preferences: settings.consent,
        ..ExportContactListContactsRequest::default()
    };
    let messages = connection.lists.export_contact_list_contacts(request).await;
    let messages = messages.map_err(sentence)?.into_inner();
    let Some(path) = &settings.output else {
        write(messages, &shown, &mut stdout().lock()).await?;
        return Ok(());
    };
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder);
    let mut file = file.with_context(|| format!("cannot write to {}", folder.display()))?;
    let mut output: BufWriter<&mut File> = BufWriter::new(file.as_file_mut());
    let count = write(messages, &shown, &mut output).await?;
    output.flush()?;
    drop(output);
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    output::note(format_args!("{count} contacts are in {}", path.display()));
    Ok(())
}

impl ExportSettings {
    fn format(&self) -> ExportFormat {
        let ending = self.output.as_ref().and_then(|path| path.extension());
        let is_jsonl = ending.is_some_and(|it| it == "jsonl" || it == "ndjson");
        self.format.unwrap_or(if is_jsonl {
            ExportFormat::Jsonl
        } else {
            ExportFormat::Csv
        })
    }
}

/// What is written of contacts.
struct Shown {
    /// The columns of a table.
    columns: Vec<Column>,
    /// The channel whose preference has the consent.
    consent_to: Option<String>,
    format: ExportFormat,
}

impl Shown {
    /// The contact of a member, with its consent if that is shown.
    fn contact(&self, member: ContactListContact) -> Option<Contact> {
        let mut contact = member.contact?;
        let channel = self.consent_to.as_deref();
        let mut preferences = member.communication_preferences.into_iter();
        // An opt-out of all channels comes first, and the channel's own preference wins.
        let said = channel.and_then(|channel| {
            preferences.rfind(|it| it.all_channels || it.channel_id == channel)
        });
        contact.consent = said.map(|said| {
            let unknown = Consent {
                collect_time: said.change_time,
                ..Consent::default()
            };
            said.consent.unwrap_or(unknown)
        });
        Some(contact)
    }
}

async fn channel(
    connection: &mut Connection,
    name: Option<&str>,
) -> anyhow::Result<Option<String>> {
    match name {
        Some(name) => target::channel_id(connection, name).await.map(Some),
        None => Ok(None),
    }
}

/// Writes the contacts of a stream, and returns how many there were.
async fn write(
    mut messages: Streaming<ExportContactListContactsResponse>,
    shown: &Shown,
    output: &mut impl Write,
) -> anyhow::Result<u64> {
    let columns = &shown.columns;
    let mut part = match shown.format {
        ExportFormat::Csv => csv_of([columns.iter().map(Column::to_string).collect()])?,
        ExportFormat::Jsonl => Vec::new(),
    };
    output.write_all(&part).map_err(cannot_write)?;
    let mut count = 0;
    while let Some(message) = messages.message().await.map_err(sentence)? {
        count += message.contact_list_contacts.len() as u64;
        let contacts = message
            .contact_list_contacts
            .into_iter()
            .filter_map(|member| shown.contact(member));
        part = match shown.format {
            ExportFormat::Csv => csv_of(contacts.map(|contact| cells(&contact, columns)))?,
            ExportFormat::Jsonl => contacts
                .flat_map(|it| format!("{}\n", json::object(it)).into_bytes())
                .collect(),
        };
        output.write_all(&part).map_err(cannot_write)?;
    }
    output.flush().map_err(cannot_write)?;
    Ok(count)
}

fn csv_of(rows: impl IntoIterator<Item = Vec<String>>) -> anyhow::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

/// The columns of an export: all fields but the parts of the name and the id, and the properties.
fn columns(object: Option<&CustomObject>, with_consent: bool) -> Vec<Column> {
    let is_shown = |field: &&Field| {
        let is_part = [Field::FirstName, Field::LastName, Field::Id].contains(field);
        !is_part && (with_consent || !field.is_of_consent())
    };
    let fields = Field::VARIANTS
        .iter()
        .filter(is_shown)
        .map(|field| Column::Field(*field));
    let properties = object.into_iter().flat_map(|object| &object.properties);
    fields
        .chain(properties.map(|property| Column::Property(property.key.clone())))
        .collect()
}

fn cells(contact: &Contact, columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| cell(contact, column)).collect()
}

fn cell(contact: &Contact, column: &Column) -> String {
    let address = contact.address.clone().unwrap_or_default();
    match column {
        Column::Field(field) => match field {
            Field::Id => contact.id.clone(),
            Field::Phone => contact.phone().to_owned(),
            Field::ExternalId => contact.external_id().to_owned(),
            Field::Email => contact.email().to_owned(),
            Field::Name => contact.name().to_owned(),
            Field::FirstName | Field::LastName => String::new(),
            Field::Language => contact.language().to_owned(),
            Field::DefaultChannelId => contact.default_channel_id().to_owned(),
            Field::AddressLineOne => address.address_line_one,
            Field::AddressLineTwo => address.address_line_two,
            Field::City => address.city,
            Field::State => address.state,
            Field::PostCode => address.post_code,
            Field::Country => address.country,
            Field::BirthDate => contact
                .birth_date
                .as_ref()
                .map_or_else(String::new, |date| dates::iso(*date)),
            Field::ConsentSource => {
                let consent = contact.consent.as_ref();
                consent.map_or_else(String::new, |it| consent::source_name(it.source()))
            }
            Field::ConsentEvidence => {
                let consent = contact.consent.clone();
                consent.unwrap_or_default().evidence
            }
            Field::CollectTime => {
                let time = contact.consent.as_ref().and_then(|it| it.collect_time);
                time.map_or_else(String::new, consent::time_text)
            }
        },
        Column::Property(key) => {
            let properties = contact.properties.as_ref();
            let value = properties.and_then(|properties| properties.fields.get(key));
            match value.cloned().map(json::json_of) {
                None | Some(Json::Null) => String::new(),
                Some(Json::String(text)) => text,
                Some(Json::Number(number)) => amounts::unambiguous(number.to_string()),
                Some(other) => other.to_string(),
            }
        }
    }
}
