//! Quotes that are where none should be. A reader of tables takes all up to the next quote for one cell, and rows are lost in it.

use std::io::{self, Read};

/// Passes a text on. If it checks, it fails where text follows the quote that ends a cell.
pub struct Quotes<R> {
    text: R,
    separator: u8,
    checks: bool,
    at: At,
    /// The number of the row that is read.
    row: u64,
    after_return: bool,
    /// The row of a cell that goes on after its quote.
    misplaced: Option<u64>,
}

/// Where in a row a text is.
#[derive(Clone, Copy)]
enum At {
    CellStart,
    Plain,
    Quoted,
    /// After a quote in quotes: the end of the cell, or the first of two.
    SecondQuote,
    /// After the space behind a cell.
    Ended,
}

impl<R: Read> Quotes<R> {
    /// Passes `text` on, and `checks` its quotes or not.
    pub fn new(text: R, separator: u8, checks: bool) -> Self {
        Self {
            text,
            separator,
            checks,
            at: At::CellStart,
            row: 1,
            after_return: false,
            misplaced: None,
        }
    }

    /// The text.
    pub fn get_ref(&self) -> &R {
        &self.text
    }

    /// The number of the row in which a cell goes on after its quote.
    pub fn misplaced(&self) -> Option<u64> {
        self.misplaced
    }

    fn pass(&mut self, byte: u8) {
        let is_line_end = matches!(byte, b'\n' | b'\r');
        self.at = match (self.at, byte) {
            (At::Quoted, b'"') => At::SecondQuote,
            (At::Quoted, _) => At::Quoted,
            (At::SecondQuote, b'"') => At::Quoted,
            (_, separator) if separator == self.separator => At::CellStart,
            (_, b'\n') if self.after_return => At::CellStart,
            (_, _) if is_line_end => {
                self.row += 1;
                At::CellStart
            }
            (At::CellStart, b'"') => At::Quoted,
            (At::CellStart | At::Plain, _) => At::Plain,
            (At::SecondQuote | At::Ended, b' ' | b'\t') => At::Ended,
            (At::SecondQuote | At::Ended, _) => {
                self.misplaced = self.misplaced.or(Some(self.row));
                At::Plain
            }
        };
        self.after_return = byte == b'\r' && !matches!(self.at, At::Quoted);
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        if self.checks {
            buffer[..count].iter().for_each(|byte| self.pass(*byte));
            if self.misplaced.is_some() {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misplaced(text: &str) -> Option<u64> {
        let mut quotes = Quotes::new(text.as_bytes(), b',', true);
        let read = io::copy(&mut quotes, &mut io::sink());
        assert_eq!(read.is_err(), quotes.misplaced().is_some());
        quotes.misplaced()
    }

    #[test]
    fn text_behind_the_quote_that_ends_a_cell_is_found_with_its_row() {
        assert_eq!(misplaced("a,b\n1,\"x\"y\n"), Some(2));
        assert_eq!(misplaced("a,b\r\n\r\n1,\"x\n2,y\n3,\"z\"\n"), Some(3));
        assert_eq!(misplaced("a,b\n1,\"Ada \"Countess\" Lovelace\"\n"), Some(2));
        for right in [
            "a,b\n1,\"x\"\"y\"\n",
            "1,\"two\r\nlines\",3\n\"4\"\n",
            "1,5\" nails,\"\"\n",
            "\"1\" ,2\n",
            "\"1\"\r\"2\"\r",
        ] {
            assert_eq!(misplaced(right), None, "{right}");
        }
    }
}
