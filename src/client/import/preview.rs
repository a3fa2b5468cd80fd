//! How a file is understood: found out and shown before anything is sent.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr},
    sync::Arc,
};

use anyhow::{Context, bail};
use csv::StringRecord;

use super::{
    columns::Columns,
    contact::ContactReader,
    contacts::{Contacts, Survey},
    dates::DateOrder,
    mapping::Content,
    read_on_thread,
    settings::RowSettings,
    source::{Format, Row, Source},
};
use crate::{
    client::{connect::Connection, contact_columns::Field, output::note},
    proto::{Consent, CustomObject},
};

/// How much of a cell is shown.
const SHOWN_CHARACTERS: usize = 30;

/// How many rows below the header are looked at for a question about it.
const QUESTIONED_ROWS: usize = 20;

/// Recognizes the columns, and reads the file once.
pub async fn look_at(
    rows: RowSettings,
    connection: &Connection,
    source: Arc<Source>,
    (content, object, consent): (Content, Option<CustomObject>, Option<Consent>),
) -> anyhow::Result<(Contacts, Survey)> {
    let max_bytes = usize::try_from(connection.limits.max_contact_bytes).unwrap_or(usize::MAX);
    let limit = usize::try_from(connection.limits.max_message_bytes).unwrap_or(usize::MAX);
    let reader = ContactReader {
        content,
        columns: None,
        order: DateOrder::DayFirst,
        separators: HashMap::new(),
        region: rows.region.clone(),
        restore: rows.restore_phones,
        consent,
        object,
        max_bytes: max_bytes.min(limit),
    };
    read_on_thread(move || {
        let name = source.name.clone();
        read_once(&rows, source, reader).context(name)
    })
    .await
}

fn read_once(
    rows: &RowSettings,
    source: Arc<Source>,
    mut reader: ContactReader,
) -> anyhow::Result<(Contacts, Survey)> {
    if source.format == Format::Jsonl {
        if !rows.map.is_empty() {
            bail!("--map is for tables: the lines of a JSONL file have the names of the fields");
        }
        let contacts = Contacts {
            source,
            reader: Arc::new(reader),
        };
        let survey = Survey::of_lines(&contacts)?;
        return Ok((contacts, survey));
    }
    let mut first = Row::default();
    let mut survey = Survey::default();
    let mut table = source.checked_rows()?;
    if table.read(&mut first)? {
        let (mut row, mut next) = (Row::default(), Vec::new());
        while next.len() < QUESTIONED_ROWS && table.read(&mut row)? {
            next.push(row.cells.clone());
        }
        let object = reader.object.as_ref();
        let columns = Columns::recognize(reader.content, &first.cells, &rows.map, object, &next)?;
        survey = Survey::of_table(&source, &columns, object, rows)?;
        reader.order = survey.date_order()?;
        reader.separators = survey.separators(&columns, rows.decimal_separator)?;
        reader.columns = Some(columns);
    }
    let contacts = Contacts {
        source,
        reader: Arc::new(reader),
    };
    Ok((contacts, survey))
}

/// Says how the file is understood, before anything is sent. Rows are shown in a terminal only: elsewhere they would go to a
/// log.
pub fn describe(contacts: &Contacts, survey: &Survey) {
    let source = &contacts.source;
    note(format_args!(
        "{}: {} contacts, {}",
        source.name,
        survey.contact_count,
        source.description()
    ));
    let Some(columns) = &contacts.reader.columns else {
        return;
    };
    for (column, index) in &columns.imported {
        note(format_args!(
            "  {:<26} {}",
            column.to_string(),
            &columns.header[*index]
        ));
    }
    let left_out: Vec<&str> = columns.left_out().collect();
    if !left_out.is_empty() {
        note(format_args!(
            "  {:<26} {}",
            "(not imported)",
            left_out.join(", ")
        ));
    }
    let has_numbers = columns
        .index_of(Field::Phone)
        .is_some_and(|index| source.has_numbers(index));
    if has_numbers && contacts.reader.restore.is_none() {
        note(format_args!(
            "note: the sheet has phones as numbers, which have lost a + or a 0 in front. --restore-phones plus puts the + \
             back, --restore-phones zero the 0; without, only what is valid as it stands is accepted"
        ));
    }
    for field in [Field::PostCode, Field::ExternalId] {
        let index = columns.index_of(field);
        if let Some(index) = index.filter(|index| source.has_numbers(*index)) {
            note(format_args!(
                "note: the sheet has numbers in {}, which have lost any 0 in front. If some had one, format the column as text \
                 in the spreadsheet and type it there",
                &columns.header[index]
            ));
        }
    }
    if let Some(row) = survey.unended_row {
        note(format_args!(
            "note: row {row}, the last one, has no line end, and the others have: if the file was cut off there, its last cell is \
             not complete and rows are missing. Compare the number of contacts"
        ));
    }
    if stderr().is_terminal() {
        for row in &survey.first_rows {
            note(format_args!("  | {}", shown(row, columns)));
        }
    }
}

/// The cells of a row that are imported.
fn shown(row: &StringRecord, columns: &Columns) -> String {
    let cells = columns.imported.iter().map(|(_, index)| {
        let cell = row.get(*index).unwrap_or_default();
        let printable = cell
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter });
        printable.take(SHOWN_CHARACTERS).collect::<String>()
    });
    cells.collect::<Vec<_>>().join(" | ")
}
