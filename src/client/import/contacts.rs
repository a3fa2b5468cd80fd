//! The contacts of a file, read as often as it takes: once to look at them, once to send them.

use std::{collections::HashMap, sync::Arc};

use anyhow::bail;
use csv::{ReaderBuilder, StringRecord};

use super::{
    amounts::{self, DecimalSeparator, Reading},
    columns::Columns,
    contact::ContactReader,
    dates::{self, DateOrder},
    property,
    settings::RowSettings,
    source::{Format, Row, Rows, Source},
    spellings::is_like_phone,
};
use crate::{
    client::contact_columns::Field,
    domain::phone_number::PhoneNumber,
    proto::{CustomObject, custom_property::Type},
};

/// How many rows are shown before anything is sent.
const SHOWN_ROWS: usize = 3;

/// The contacts of a file. Clones are the same.
#[derive(Clone)]
pub struct Contacts {
    /// The file.
    pub source: Arc<Source>,
    /// How its rows are read.
    pub reader: Arc<ContactReader>,
}

impl Contacts {
    /// The rows of the contacts, from the first one on.
    pub fn rows(&self) -> anyhow::Result<ContactRows> {
        let has_header = self.reader.columns.as_ref().is_some_and(|it| it.has_header);
        ContactRows::open(self.source.rows()?, has_header)
    }

    /// Whether one of the first `count` contacts has a phone that is valid in every region.
    pub fn has_valid_phone(&self, count: u64) -> anyhow::Result<bool> {
        let mut rows = self.rows()?;
        while rows.next() < count {
            let Some(row) = rows.read()? else {
                break;
            };
            let contact = self.reader.read(row)?.contact;
            if PhoneNumber::parse(contact.phone(), None).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads the rows of contacts one after another.
pub struct ContactRows {
    rows: Rows,
    row: Row,
    /// The index of the next contact in the file.
    next: u64,
}

impl ContactRows {
    fn open(rows: Rows, has_header: bool) -> anyhow::Result<Self> {
        let mut rows = Self {
            rows,
            row: Row::default(),
            next: 0,
        };
        if has_header {
            rows.rows.read(&mut rows.row)?;
        }
        Ok(rows)
    }

    /// Reads the next row. Returns `None` after the last one.
    pub fn read(&mut self) -> anyhow::Result<Option<&Row>> {
        if !self.rows.read(&mut self.row)? {
            return Ok(None);
        }
        self.next += 1;
        Ok(Some(&self.row))
    }

    /// The index of the next contact in the file.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Skips contacts up to the one with this index.
    pub fn skip_to(&mut self, index: u64) -> anyhow::Result<()> {
        while self.next < index && self.read()?.is_some() {}
        Ok(())
    }
}

/// What a first reading of a file shows.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many contacts it has.
    pub contact_count: u64,
    /// The first rows of a table.
    pub first_rows: Vec<StringRecord>,
    /// The number of the last row, if it alone has no line end.
    pub unended_row: Option<u64>,
    /// The order of day and month that its dates show.
    order: Option<DateOrder>,
    /// A date that shows none, with its row's number.
    ambiguous: Option<(u64, String)>,
    /// What the columns of numbers show, by their indexes.
    amounts: Vec<(usize, Amounts)>,
}

/// What a column of numbers shows.
#[derive(Debug, Default)]
struct Amounts {
    /// The separators of fractions that its numbers have.
    has_point: bool,
    has_comma: bool,
    /// A number that could be two, with its row's number.
    ambiguous: Option<(u64, String)>,
}

impl Amounts {
    fn look_at(&mut self, number: u64, cell: &str) {
        match amounts::read(cell) {
            Some(Reading::Shown(_, DecimalSeparator::Point)) => self.has_point = true,
            Some(Reading::Shown(_, DecimalSeparator::Comma)) => self.has_comma = true,
            Some(Reading::Ambiguous { .. }) if self.ambiguous.is_none() => {
                self.ambiguous = Some((number, cell.trim().to_owned()));
            }
            _ => {}
        }
    }
}

impl Survey {
    /// Reads the whole file. Fails where it is damaged or cut off, and if dates contradict each other while their order is not
    /// told.
    pub fn of_table(
        source: &Source,
        columns: &Columns,
        object: Option<&CustomObject>,
        settings: &RowSettings,
    ) -> anyhow::Result<Self> {
        let order = settings.date_order;
        let columns_of = |types: &[Type]| -> Vec<usize> {
            let imported = columns.imported.iter();
            let found =
                imported.filter(|(column, _)| types.contains(&property::type_of(column, object)));
            found.map(|(_, index)| *index).collect()
        };
        let dates = match order {
            Some(_) => Vec::new(),
            None => columns_of(&[Type::Date]),
        };
        let mut rows = ContactRows::open(source.checked_rows()?, columns.has_header)?;
        let mut survey = Self {
            order,
            ..Self::default()
        };
        for index in columns_of(&[Type::Number, Type::Float]) {
            survey.amounts.push((index, Amounts::default()));
        }
        while let Some(row) = rows.read()? {
            survey.contact_count += 1;
            if source.format != Format::Xlsx
                && has_row_inside(&row.cells, columns, source.separator())
            {
                bail!(
                    "row {}: a quote begins a cell there that goes on over lines which look like rows of their own. Remove \
                     the quote, or end it in its row",
                    row.number
                );
            }
            if survey.first_rows.len() < SHOWN_ROWS {
                survey.first_rows.push(row.cells.clone());
            }
            for index in &dates {
                survey.look_at_date(row.number, row.cells.get(*index).unwrap_or_default())?;
            }
            for (index, amounts) in &mut survey.amounts {
                if !row.numbers.contains(index) {
                    amounts.look_at(row.number, row.cells.get(*index).unwrap_or_default());
                }
            }
        }
        survey.unended_row = rows.rows.unended_row();
        Ok(survey)
    }

    /// The same of a JSONL file.
    pub fn of_lines(contacts: &Contacts) -> anyhow::Result<Self> {
        let mut rows = contacts.rows()?;
        let mut survey = Self::default();
        while let Some(row) = rows.read()? {
            contacts.reader.read(row)?;
            survey.contact_count += 1;
        }
        Ok(survey)
    }

    fn look_at_date(&mut self, number: u64, cell: &str) -> anyhow::Result<()> {
        let Ok(reading) = dates::read(cell) else {
            return Ok(());
        };
        match (reading.order(), self.order) {
            (Some(order), Some(other)) if order != other => bail!(
                "row {number} has the date {}, where other rows have day and month the other way round: \
                 make them the same, or say --date-order",
                cell.trim()
            ),
            (Some(order), _) => self.order = Some(order),
            (None, _) if self.ambiguous.is_none() && reading.is_ambiguous() => {
                self.ambiguous = Some((number, cell.trim().to_owned()));
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// What separates fractions in the columns whose numbers could be two, unless it is `told`. Fails with a question if a
    /// column does not show it.
    pub fn separators(
        &self,
        columns: &Columns,
        told: Option<DecimalSeparator>,
    ) -> anyhow::Result<HashMap<usize, DecimalSeparator>> {
        let mut separators = HashMap::new();
        for (index, amounts) in &self.amounts {
            let Some((number, amount)) = &amounts.ambiguous else {
                continue;
            };
            let separator = match (told, amounts.has_point, amounts.has_comma) {
                (Some(told), ..) => told,
                (None, true, false) => DecimalSeparator::Point,
                (None, false, true) => DecimalSeparator::Comma,
                (None, ..) => bail!(
                    "row {number}: is {amount} in {} a number with thousands, or with a fraction of three digits? The \
                     column does not show it. Say --decimal-separator point (1,234.5) or --decimal-separator comma (1.234,5)",
                    &columns.header[*index]
                ),
            };
            separators.insert(*index, separator);
        }
        Ok(separators)
    }

    /// Which of day and month comes first. Fails with a question if some dates could be two, and none shows the order.
    pub fn date_order(&self) -> anyhow::Result<DateOrder> {
        match (self.order, &self.ambiguous) {
            (Some(order), _) => Ok(order),
            (None, None) => Ok(DateOrder::DayFirst),
            (None, Some((number, date))) => bail!(
                "row {number}: is {date} the day first or the month first? No date of the file shows it. \
                 Say --date-order day-first or --date-order month-first"
            ),
        }
    }
}

/// Whether a cell has a line that looks like a row: as many cells as the header, with a phone where the phone is.
fn has_row_inside(cells: &StringRecord, columns: &Columns, separator: u8) -> bool {
    let is_line_end = |letter| letter == '\n' || letter == '\r';
    if !cells.as_slice().contains(is_line_end) {
        return false;
    }
    let Some(phone) = columns.index_of(Field::Phone) else {
        return false;
    };
    let looks_like_row = |before: usize, line: &str| {
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .from_reader(line.as_bytes());
        let row = reader.records().next().and_then(Result::ok);
        row.is_some_and(|row| {
            let cell = phone.checked_sub(before).and_then(|index| row.get(index));
            before + row.len() >= columns.header.len() && cell.is_some_and(is_like_phone)
        })
    };
    cells.iter().enumerate().any(|(index, cell)| {
        let mut lines = cell.split(is_line_end);
        // In the first line are the cells that the quote has joined.
        let first = lines.next().unwrap_or_default();
        let has_lines = cell.len() > first.len();
        has_lines && (looks_like_row(index, first) || lines.any(|line| looks_like_row(0, line)))
    })
}
