//! The rows of a text with separated values.

use std::fs::File;

use anyhow::{Context, anyhow, bail};
use csv::{Reader, ReaderBuilder, StringRecord};

use super::{
    CHUNK_BYTES, Row, TextForm,
    decoded::{Decoded, END},
    quotes::Quotes,
};

/// Reads rows. The empty ones are left out, but counted.
pub struct CellRows {
    reader: Reader<Quotes<Decoded<File>>>,
    /// The number of the row that was read last.
    number: u64,
    /// The line at its end.
    line: u64,
    /// How many cells the first and the last row have.
    first_length: usize,
    last_length: usize,
}

impl CellRows {
    /// Reads rows from the start of a text. If it `checks_quotes`, a quote that is where none should be is an error.
    pub fn new(text: Decoded<File>, form: TextForm, checks_quotes: bool) -> anyhow::Result<Self> {
        let reader = ReaderBuilder::new()
            .delimiter(form.separator)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(CHUNK_BYTES)
            .from_reader(Quotes::new(text, form.separator, checks_quotes));
        let mut rows = Self {
            line: reader.position().line(),
            reader,
            number: 0,
            first_length: 0,
            last_length: 0,
        };
        if form.has_separator_line {
            rows.next(&mut StringRecord::new())?;
        }
        Ok(rows)
    }

    /// Reads the next row that is not empty. Returns false after the last one. Fails if the text ends inside a row.
    pub fn read(&mut self, row: &mut Row) -> anyhow::Result<bool> {
        while self.next(&mut row.cells)? {
            row.number = self.number;
            if self.first_length == 0 {
                self.first_length = row.cells.len();
            }
            self.last_length = row.cells.len();
            if row.cells.iter().any(|cell| !cell.trim().is_empty()) {
                return Ok(true);
            }
        }
        let is_cut = self.last_length < self.first_length;
        if is_cut && self.lacks_line_end() {
            bail!(
                "row {} has {} of {} cells, and no line end: the file seems to be cut off there",
                self.number,
                self.last_length,
                self.first_length
            );
        }
        Ok(false)
    }

    /// The number of the last row, if it has no line end while the others have one. For after the last row.
    pub fn unended_row(&self) -> Option<u64> {
        (self.number > 1 && self.lacks_line_end()).then_some(self.number)
    }

    fn lacks_line_end(&self) -> bool {
        !self.reader.get_ref().get_ref().ends_with_line_end()
    }

    fn next(&mut self, cells: &mut StringRecord) -> anyhow::Result<bool> {
        let has_row = self.reader.read_record(cells);
        if let Some(row) = self.reader.get_ref().misplaced() {
            return Err(anyhow!(
                "row {row}: text follows the quote that ends a cell. A quote there is one too many, or one inside a cell that \
                 is not written twice; what comes after it would be misread"
            ));
        }
        if !has_row.with_context(|| format!("after row {}", self.number))? || &cells[0] == END {
            return Ok(false);
        }
        if cells
            .iter()
            .next_back()
            .is_some_and(|cell| cell.contains(END))
        {
            bail!(
                "a quote that begins in row {} has no end: the file seems to be cut off",
                self.number + 1
            );
        }
        // The reader skips empty lines, but counts them.
        let line = self.reader.position().line();
        let lines_inside = cells
            .as_slice()
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count() as u64;
        let empty_lines = (line - self.line).saturating_sub(1 + lines_inside);
        self.number += 1 + empty_lines;
        self.line = line;
        Ok(true)
    }
}
