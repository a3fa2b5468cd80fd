//! Which encoding a text has.

use anyhow::bail;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::CHUNK_BYTES;

/// How many bytes with other characters than ASCII the guess is made from.
const MAX_GUESSED_BYTES: usize = 4 * 1024 * 1024;

/// What a file's bytes show about its encoding.
#[derive(Default)]
pub struct Evidence {
    /// The start of the file.
    pub start: Vec<u8>,
    byte_count: u64,
    /// The start of a character whose rest is in the next chunk.
    partial: Vec<u8>,
    /// How many characters are valid in UTF-8 only by intent, and how many bytes are not valid.
    utf8_count: u64,
    invalid_count: u64,
    detector: Option<EncodingDetector>,
    guessed_bytes: usize,
}

impl Evidence {
    /// Adds the next bytes of the file.
    pub fn add(&mut self, chunk: &[u8]) {
        self.byte_count += chunk.len() as u64;
        let room = CHUNK_BYTES.saturating_sub(self.start.len());
        self.start
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.is_ascii() && self.partial.is_empty() {
            return;
        }
        if self.guessed_bytes < MAX_GUESSED_BYTES {
            self.guessed_bytes += chunk.len();
            let detector = || EncodingDetector::new(Iso2022JpDetection::Deny);
            self.detector
                .get_or_insert_with(detector)
                .feed(chunk, false);
        }
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(chunk);
        self.count(&bytes);
    }

    fn count(&mut self, mut bytes: &[u8]) {
        while let Err(error) = str::from_utf8(bytes) {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            self.utf8_count += leads(valid);
            let Some(length) = error.error_len() else {
                self.partial = rest.to_vec();
                return;
            };
            self.invalid_count += 1;
            bytes = &rest[length..];
        }
        self.utf8_count += leads(bytes);
    }

    /// Whether [`Self::start`] is the whole file.
    pub fn is_complete(&self) -> bool {
        self.byte_count == self.start.len() as u64
    }

    /// The encoding: the one that a byte order mark tells, or else the one that is `told`, or else what the bytes show.
    pub fn encoding(&self, told: Option<&'static Encoding>) -> anyhow::Result<&'static Encoding> {
        let marked = Encoding::for_bom(&self.start).map(|(encoding, _)| encoding);
        if let Some(encoding) = marked.or(told) {
            return Ok(encoding);
        }
        if let Some(encoding) = self.utf16() {
            return Ok(encoding);
        }
        // Text in another encoding is hardly ever valid UTF-8: a few bytes that are not are a damage, which is reported
        // where it is read.
        if self.invalid_count == 0 || self.utf8_count > self.invalid_count {
            return Ok(UTF_8);
        }
        match &self.detector {
            Some(detector) => Ok(detector.guess(None, Utf8Detection::Deny)),
            None => bail!("what is the file's encoding? Say --encoding windows-1252, for example"),
        }
    }

    /// In UTF-16 every other byte of digits, separators and line ends is zero.
    fn utf16(&self) -> Option<&'static Encoding> {
        let zeros = |odd: usize| {
            let bytes = self.start.iter().skip(odd).step_by(2);
            bytes.filter(|byte| **byte == 0).count()
        };
        let (even, odd) = (zeros(0), zeros(1));
        let is_utf16 = (even + odd) * 16 > self.start.len();
        is_utf16.then_some(if odd >= even { UTF_16LE } else { UTF_16BE })
    }
}

/// How many characters of a valid text are not ASCII.
fn leads(valid: &[u8]) -> u64 {
    valid.iter().filter(|byte| **byte >= 0xC0).count() as u64
}
