//! The rows of a workbook's sheet.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::{Context, bail};
use calamine::{Data, ExcelDateTime, Range, Reader, Xlsx};

use super::Row;

/// A sheet, all of it in memory: it has at most 1,048,576 rows.
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// How many sheets the workbook has.
    pub count: usize,
    cells: Range<Data>,
}

impl Sheet {
    /// Reads the sheet with this name, or else the first one.
    pub fn open(path: &Path, name: Option<&str>) -> anyhow::Result<Self> {
        let file = File::open(path)?;
        let workbook = Xlsx::new(BufReader::new(file));
        let mut workbook = workbook.context("it is not an .xlsx workbook, or is cut off")?;
        let names = workbook.sheet_names();
        let found = match name {
            Some(name) => names.iter().find(|it| *it == name),
            None => names.first(),
        };
        let Some(name) = found.cloned() else {
            bail!(
                "there is no such sheet: the sheets are {}",
                names.join(", ")
            );
        };
        let cells = workbook.worksheet_range(&name);
        Ok(Self {
            cells: cells.with_context(|| format!("cannot read the sheet {name:?}"))?,
            count: names.len(),
            name,
        })
    }

    /// Whether a column has numbers below its header.
    pub fn has_numbers(&self, column: usize) -> bool {
        let mut rows = self.cells.rows().skip(1);
        rows.any(|row| row.get(column).is_some_and(is_number))
    }

    /// Reads the next row that is not empty, from the row `next` on. Returns false after the last one.
    pub fn read(&self, next: &mut usize, row: &mut Row) -> bool {
        let first_number = self
            .cells
            .start()
            .map_or(0, |(number, _)| u64::from(number) + 1);
        while *next < self.cells.height() {
            row.number = first_number + *next as u64;
            row.cells.clear();
            row.numbers.clear();
            for (index, cell) in self.cells[*next].iter().enumerate() {
                row.cells.push_field(&text(cell));
                if is_number(cell) {
                    row.numbers.push(index);
                }
            }
            *next += 1;
            if row.cells.iter().any(|cell| !cell.trim().is_empty()) {
                return true;
            }
        }
        false
    }
}

fn is_number(cell: &Data) -> bool {
    matches!(cell, Data::Float(_) | Data::Int(_))
}

/// A cell as text. Numbers are written without an exponent, and dates as in ISO 8601.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        Data::Float(number) => number.to_string(),
        Data::Int(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(date) => date_text(date),
        Data::Error(error) => error.to_string(),
    }
}

fn date_text(date: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (hour, minute, second) {
        (0, 0, 0) => date,
        _ => format!("{date} {hour:02}:{minute:02}:{second:02}"),
    }
}
