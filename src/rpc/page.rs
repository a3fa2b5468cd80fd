//! Pages of responses: by key, never by offset, with a token that is valid for the same call and filter only.

use prost::Message;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::{
        caller::Caller,
        preference_history::HistoryKey,
        violation::{Reason, Violation},
    },
    error::{Error, Result},
    repository::{Repository, search::Found},
    telemetry,
};

const DEFAULT_SIZE: u64 = 50;
const MAX_SIZE: u64 = 500;

/// The most bytes of items that a page has, unless the first item alone has more: many clients take no message over 4 MiB.
const MAX_BYTES: usize = 1024 * 1024;

/// What the token ends with where pages are read from a copy of the database; no digit of the rest.
const OF_COPY: &str = "r";

/// The most bytes that an item's tag and length take in a message.
const FRAME_BYTES: usize = 8;

/// What rows are ordered by, as a token has it.
pub trait Key: Sized {
    /// Writes the key.
    fn to_text(&self) -> String;

    /// Reads what [`Self::to_text`] has written.
    fn from_text(text: &str) -> Option<Self>;
}

impl Key for Uuid {
    fn to_text(&self) -> String {
        self.simple().to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        Self::try_parse(text).ok()
    }
}

impl Key for HistoryKey {
    fn to_text(&self) -> String {
        let microseconds = self.change_time.unix_timestamp_nanos() / 1000;
        let mut bytes = (microseconds as i64).to_be_bytes().to_vec();
        bytes.extend_from_slice(self.channel_id.as_bytes());
        bytes.extend_from_slice(&self.rank.to_be_bytes());
        bytes.extend_from_slice(self.change_id.as_bytes());
        hex::encode(bytes)
    }

    fn from_text(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        let (microseconds, rest) = bytes.split_first_chunk()?;
        let (channel, rest) = rest.split_first_chunk()?;
        let (rank, change) = rest.split_first_chunk()?;
        let nanoseconds = i128::from(i64::from_be_bytes(*microseconds)) * 1000;
        Some(Self {
            change_time: OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?,
            channel_id: Uuid::from_bytes(*channel),
            rank: i16::from_be_bytes(*rank),
            change_id: Uuid::from_slice(change).ok()?,
        })
    }
}

/// The page that a request asks for.
pub struct Page<K = Uuid> {
    size: u64,
    after: Option<K>,
    binding: String,
    /// Whether the page may be read from a copy of the database.
    may_be_of_copy: bool,
    /// Whether it is, and so those that follow may be too.
    is_of_copy: bool,
}

impl<K: Key + Copy> Page<K> {
    /// Parses a request's `page_size` and `page_token`. `filter` is the call's name and whatever else the token is bound to.
    pub fn parse(caller: &Caller, size: i32, token: &str, filter: &[&str]) -> Result<Self> {
        let size = match u64::try_from(size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_) => {
                return Err(Error::field(Violation::new(
                    Reason::FieldInvalid,
                    "page_size",
                    "must not be negative",
                )));
            }
        };
        let binding = binding(caller, filter);
        // Pages that were begun on the database itself go on there.
        let may_be_of_copy = token.is_empty() || token.ends_with(OF_COPY);
        let after = match token {
            "" => None,
            token => {
                let key = token.strip_suffix(OF_COPY).unwrap_or(token);
                let key = key.strip_suffix(&binding).and_then(K::from_text);
                Some(key.ok_or(Error::PageTokenInvalid)?)
            }
        };
        Ok(Self {
            size,
            after,
            binding,
            may_be_of_copy,
            is_of_copy: false,
        })
    }

    /// Returns where to read the page: from the copy of the database if there is one, unless the pages were begun on the database
    /// itself.
    pub fn place(&mut self, repository: &Repository) -> Repository {
        let copy = self.may_be_of_copy.then(|| repository.copy()).flatten();
        self.is_of_copy = copy.is_some();
        copy.unwrap_or_else(|| repository.clone())
    }

    /// The last key of the previous page.
    pub fn after(&self) -> Option<K> {
        self.after
    }

    /// How many rows to read: one more than the page has, to see whether there is a next one.
    pub fn limit(&self) -> u64 {
        self.size + 1
    }

    /// Makes the page of the rows that were found, or of the first that fit in [`MAX_BYTES`], but at least of one. Returns the
    /// items, and the next page's token, which is empty if this is the last page. A search that ended early has a next page,
    /// even if it found nothing.
    pub fn fill<T, W: Message>(
        &self,
        found: impl Into<Found<T, K>>,
        key: impl Fn(&T) -> K,
        mut to_wire: impl FnMut(T) -> W,
    ) -> (Vec<W>, String) {
        let found = found.into();
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let (mut items, mut bytes) = (Vec::new(), 0);
        let (mut last, mut next) = (None, found.searched_to);
        for row in found.rows {
            let row_key = key(&row);
            let item = to_wire(row);
            bytes += item.encoded_len() + FRAME_BYTES;
            if items.len() == size || !items.is_empty() && bytes > MAX_BYTES {
                next = last;
                break;
            }
            items.push(item);
            last = Some(row_key);
        }
        telemetry::note(|call| call.returned_count = Some(items.len() as u64));
        let token = next.map_or_else(String::new, |last| self.token(last));
        (items, token)
    }

    fn token(&self, last: K) -> String {
        let copy = if self.is_of_copy { OF_COPY } else { "" };
        format!("{}{}{copy}", last.to_text(), self.binding)
    }
}

/// A digest of what a token is bound to.
fn binding(caller: &Caller, filter: &[&str]) -> String {
    let mut digest = Sha256::new();
    digest.update(caller.organization.id.0);
    for part in filter {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(&digest.finalize()[..8])
}
