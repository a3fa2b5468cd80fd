//! A text as UTF-8, whatever its encoding.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding};

use super::CHUNK_BYTES;

/// A line that comes after the last one of a table, to show whether a quote is open there. No text has this character.
pub const END: &str = "\u{10FFFF}";

/// Reads bytes, and gives them as UTF-8, without a byte order mark. Bytes that are not of the encoding are an error.
pub struct Decoded<R> {
    bytes: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    /// What was read, and how much of it is decoded.
    raw: Vec<u8>,
    raw_at: usize,
    /// What was decoded, and how much of it was given.
    text: Vec<u8>,
    text_at: usize,
    is_at_end: bool,
    has_ended: bool,
    marks_end: bool,
    /// Whether the text ends with the end of a line, or is empty.
    ends_with_line_end: bool,
}

impl<R: Read> Decoded<R> {
    /// Decodes `bytes`. If it `marks_end`, a line [`END`] comes after the last one.
    pub fn new(bytes: R, encoding: &'static Encoding, marks_end: bool) -> Self {
        Self {
            bytes,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: Vec::new(),
            raw_at: 0,
            text: Vec::new(),
            text_at: 0,
            is_at_end: false,
            has_ended: false,
            marks_end,
            ends_with_line_end: true,
        }
    }

    /// Whether the text that was read ends with the end of a line, or is empty.
    pub fn ends_with_line_end(&self) -> bool {
        self.ends_with_line_end
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.text_at = 0;
        while self.text.is_empty() && !self.has_ended {
            if self.raw_at == self.raw.len() && !self.is_at_end {
                self.raw.resize(CHUNK_BYTES, 0);
                let count = self.bytes.read(&mut self.raw)?;
                self.raw.truncate(count);
                self.raw_at = 0;
                self.is_at_end = count == 0;
            }
            self.decode()?;
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        self.text.resize(2 * CHUNK_BYTES, 0);
        let raw = &self.raw[self.raw_at..];
        let (result, read, written, is_malformed) =
            self.decoder
                .decode_to_utf8(raw, &mut self.text, self.is_at_end);
        if is_malformed {
            let name = self.encoding.name();
            let message = format!(
                "there are bytes that are not {name}: the file is damaged or cut off there, or say --encoding"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.text.truncate(written);
        self.raw_at += read;
        if let Some(last) = self.text.last() {
            self.ends_with_line_end = matches!(last, b'\n' | b'\r');
        }
        if self.is_at_end && result == encoding_rs::CoderResult::InputEmpty {
            self.has_ended = true;
            if self.marks_end {
                if !self.ends_with_line_end {
                    self.text.push(b'\n');
                }
                self.text.extend_from_slice(END.as_bytes());
                self.text.push(b'\n');
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text_at == self.text.len() {
            self.fill()?;
        }
        let count = buffer.len().min(self.text.len() - self.text_at);
        buffer[..count].copy_from_slice(&self.text[self.text_at..self.text_at + count]);
        self.text_at += count;
        Ok(count)
    }
}
