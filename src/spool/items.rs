//! Reading a spool: its sorted runs, merged.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    ops::Range,
    os::unix::fs::FileExt,
    slice, vec,
};

use super::{Item, file_error};
use crate::error::{Error, Result};

/// A spool's items in order: a merge of its sorted runs.
pub struct Items<'a, T: Item> {
    runs: Vec<Run<'a, T>>,
    /// The next item of each run that has one, with the first in order at the top.
    heads: BinaryHeap<Head<'a, T>>,
    error: Option<Error>,
}

pub(super) enum Run<'a, T> {
    File(BufReader<FileRange<'a>>),
    Borrowed(slice::Iter<'a, T>),
    Owned(vec::IntoIter<T>),
}

struct Head<'a, T: Clone> {
    item: Cow<'a, T>,
    run: usize,
}

impl<'a, T: Item> Items<'a, T> {
    pub(super) fn new(mut runs: Vec<Run<'a, T>>, memory: Run<'a, T>) -> Self {
        runs.push(memory);
        let mut items = Self {
            heads: BinaryHeap::with_capacity(runs.len()),
            runs,
            error: None,
        };
        // A single run is in order by itself.
        if items.runs.len() > 1 {
            for run in 0..items.runs.len() {
                items.advance(run);
            }
        }
        items
    }

    fn advance(&mut self, run: usize) {
        match self.runs[run].next() {
            Ok(Some(item)) => self.heads.push(Head { item, run }),
            Ok(None) => {}
            Err(error) => self.error = Some(file_error(error)),
        }
    }
}

impl<'a, T: Item> Iterator for Items<'a, T> {
    type Item = Result<Cow<'a, T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let [only] = self.runs.as_mut_slice() {
            return only.next().map_err(file_error).transpose();
        }
        if let Some(error) = self.error.take() {
            self.heads.clear();
            return Some(Err(error));
        }
        let Head { item, run } = self.heads.pop()?;
        self.advance(run);
        Some(Ok(item))
    }
}

impl<'a, T: Item> Run<'a, T> {
    fn next(&mut self) -> io::Result<Option<Cow<'a, T>>> {
        match self {
            Self::Borrowed(items) => Ok(items.next().map(Cow::Borrowed)),
            Self::Owned(items) => Ok(items.next().map(Cow::Owned)),
            Self::File(reader) => {
                if reader.fill_buf()?.is_empty() {
                    return Ok(None);
                }
                let mut length = [0; 4];
                reader.read_exact(&mut length)?;
                let mut encoded = vec![0; u32::from_ne_bytes(length) as usize];
                reader.read_exact(&mut encoded)?;
                let item = postcard::from_bytes(&encoded).map_err(io::Error::other)?;
                Ok(Some(Cow::Owned(item)))
            }
        }
    }
}

impl<T: Item> Ord for Head<'_, T> {
    /// Reversed, since the top of the heap is its greatest item. Of equal items, the one from the earlier run comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .item
            .order(&self.item)
            .then_with(|| other.run.cmp(&self.run))
    }
}

impl<T: Item> PartialOrd for Head<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Item> PartialEq for Head<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Item> Eq for Head<'_, T> {}

/// Reads a range of a file, whose position stays as it is.
pub(super) struct FileRange<'a> {
    pub(super) file: &'a File,
    pub(super) range: Range<u64>,
}

impl Read for FileRange<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..most], self.range.start)?;
        self.range.start += read as u64;
        Ok(read)
    }
}
