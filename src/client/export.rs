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
    contact_columns::{Column, Field},
    error::sentence,
    import::{amounts, dates, target},
    json, lists,
    output::{self, cannot_write},
};
use crate::proto::{
    Contact, CustomObject, ExportContactListContactsRequest, ExportContactListContactsResponse,
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
    let request = ExportContactListContactsRequest {
        contact_list_id: list.id,
        custom_object_id: object.as_ref().map(|object| object.id.clone()),
        ..ExportContactListContactsRequest::default()
    };
    let messages = connection.lists.export_contact_list_contacts(request).await;
    let messages = messages.map_err(sentence)?.into_inner();
    let format = settings.format();
    let Some(path) = &settings.output else {
        write(messages, format, object, &mut stdout().lock()).await?;
        return Ok(());
    };
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder);
    let mut file = file.with_context(|| format!("cannot write to {}", folder.display()))?;
    let mut output: BufWriter<&mut File> = BufWriter::new(file.as_file_mut());
    let count = write(messages, format, object, &mut output).await?;
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

/// Writes the contacts of a stream, and returns how many there were.
async fn write(
    mut messages: Streaming<ExportContactListContactsResponse>,
    format: ExportFormat,
    object: Option<CustomObject>,
    output: &mut impl Write,
) -> anyhow::Result<u64> {
    let columns = columns(object);
    let mut part = match format {
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
            .filter_map(|it| it.contact);
        part = match format {
            ExportFormat::Csv => csv_of(contacts.map(|contact| cells(&contact, &columns)))?,
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

/// The columns of an export: all fields but the parts of the name, and the properties.
fn columns(object: Option<CustomObject>) -> Vec<Column> {
    let is_whole = |field: &&Field| ![Field::FirstName, Field::LastName].contains(field);
    let fields = Field::VARIANTS
        .iter()
        .filter(is_whole)
        .map(|field| Column::Field(*field));
    let properties = object.into_iter().flat_map(|object| object.properties);
    fields
        .chain(properties.map(|property| Column::Property(property.key)))
        .collect()
}

fn cells(contact: &Contact, columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| cell(contact, column)).collect()
}

fn cell(contact: &Contact, column: &Column) -> String {
    let address = contact.address.clone().unwrap_or_default();
    match column {
        Column::Field(field) => match field {
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
