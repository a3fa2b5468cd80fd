//! Sorted spools: any number of items, in memory up to a limit and then in an unlinked temporary file.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
    os::unix::fs::FileExt,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering as AtomicOrdering},
    },
    vec,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// How many bytes of items a spool keeps in memory before it writes them to its file, unless it is given less.
const MEMORY_BYTES: u64 = 8 * 1024 * 1024;

/// The overhead of a boxed item in memory: its pointer, and what the allocator adds.
const BOX_BYTES: usize = 24;

/// An item of a spool. Large items are boxed, as sorting moves them.
pub trait Item: Serialize + DeserializeOwned + Clone {
    /// The order in which a spool returns its items; equal items come in the order in which they were pushed.
    fn order(&self, other: &Self) -> Ordering;

    /// Returns about how many bytes the item takes.
    fn size_bytes(&self) -> usize;
}

impl<T: Item> Item for Box<T> {
    fn order(&self, other: &Self) -> Ordering {
        T::order(self, other)
    }

    fn size_bytes(&self) -> usize {
        T::size_bytes(self) + BOX_BYTES
    }
}

/// The number of bytes that all spools of a server may take together.
#[derive(Debug, Clone)]
pub struct SpoolQuota {
    used_bytes: Arc<AtomicU64>,
    limit_bytes: u64,
}

impl SpoolQuota {
    /// Creates a quota of `limit_bytes`.
    pub fn new(limit_bytes: u64) -> Self {
        Self {
            used_bytes: Arc::default(),
            limit_bytes,
        }
    }

    fn full(&self) -> Error {
        Error::SpoolFull {
            limit_bytes: self.limit_bytes,
        }
    }
}

/// Items that are pushed in any order and read back sorted, as often as needed.
pub struct Spool<T> {
    quota: SpoolQuota,
    /// This spool's share of the quota.
    taken_bytes: u64,
    memory: Vec<T>,
    memory_bytes: u64,
    max_memory_bytes: u64,
    file: Option<File>,
    /// The sorted runs in the file.
    runs: Vec<Range<u64>>,
    len: u64,
}

impl<T: Item> Spool<T> {
    /// An empty spool under `quota`.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self::with_memory(quota, MEMORY_BYTES)
    }

    /// An empty spool under `quota` that keeps at most `max_memory_bytes` of items in memory.
    pub fn with_memory(quota: &SpoolQuota, max_memory_bytes: u64) -> Self {
        Self {
            quota: quota.clone(),
            taken_bytes: 0,
            memory: Vec::new(),
            memory_bytes: 0,
            max_memory_bytes,
            file: None,
            runs: Vec::new(),
            len: 0,
        }
    }

    /// Returns whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an item. Fails if the quota or the disk is full.
    pub fn push(&mut self, item: T) -> Result<()> {
        let size_bytes = item.size_bytes() as u64;
        let used = self
            .quota
            .used_bytes
            .fetch_add(size_bytes, AtomicOrdering::Relaxed);
        self.taken_bytes += size_bytes;
        if used + size_bytes > self.quota.limit_bytes {
            return Err(self.quota.full());
        }
        self.memory.push(item);
        self.memory_bytes += size_bytes;
        self.len += 1;
        if self.memory_bytes > self.max_memory_bytes {
            tokio::task::block_in_place(|| self.spill()).map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => self.quota.full(),
                _ => Error::internal(error),
            })?;
        }
        Ok(())
    }

    /// Sorts the items: after the last push, and before the first read.
    pub fn sort(&mut self) {
        self.memory.sort_by(|one, other| one.order(other));
    }

    /// Returns the items in order.
    pub fn iter(&self) -> Items<'_, T> {
        Items::new(self.file_runs(), Run::Borrowed(self.memory.iter()))
    }

    /// Returns the items in order, and gives those in memory away: they can't be read again.
    pub fn drain(&mut self) -> Items<'_, T> {
        let memory = std::mem::take(&mut self.memory);
        Items::new(self.file_runs(), Run::Owned(memory.into_iter()))
    }

    fn file_runs(&self) -> Vec<Run<'_, T>> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let run = |range: &Range<u64>| {
            Run::File(BufReader::with_capacity(
                64 * 1024,
                FileRange {
                    file,
                    range: range.clone(),
                },
            ))
        };
        self.runs.iter().map(run).collect()
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let start = file.seek(SeekFrom::End(0))?;
        let mut writer = BufWriter::with_capacity(64 * 1024, &mut *file);
        let mut encoded = Vec::new();
        for item in self.memory.drain(..) {
            encoded.clear();
            encoded = postcard::to_extend(&item, encoded).map_err(io::Error::other)?;
            let length = u32::try_from(encoded.len()).map_err(io::Error::other)?;
            writer.write_all(&length.to_ne_bytes())?;
            writer.write_all(&encoded)?;
        }
        writer.flush()?;
        drop(writer);
        let end = file.stream_position()?;
        self.runs.push(start..end);
        self.memory_bytes = 0;
        Ok(())
    }
}

impl<T> Drop for Spool<T> {
    fn drop(&mut self) {
        self.quota
            .used_bytes
            .fetch_sub(self.taken_bytes, AtomicOrdering::Relaxed);
    }
}

/// A spool's items in order: a merge of its sorted runs.
pub struct Items<'a, T: Item> {
    runs: Vec<Run<'a, T>>,
    /// The next item of each run that has one, the first in order at the top.
    heads: BinaryHeap<Head<'a, T>>,
    error: Option<Error>,
}

enum Run<'a, T> {
    File(BufReader<FileRange<'a>>),
    Borrowed(slice::Iter<'a, T>),
    Owned(vec::IntoIter<T>),
}

struct Head<'a, T: Clone> {
    item: Cow<'a, T>,
    run: usize,
}

impl<'a, T: Item> Items<'a, T> {
    fn new(mut runs: Vec<Run<'a, T>>, memory: Run<'a, T>) -> Self {
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
            Err(error) => self.error = Some(Error::internal(error)),
        }
    }
}

impl<'a, T: Item> Iterator for Items<'a, T> {
    type Item = Result<Cow<'a, T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let [only] = self.runs.as_mut_slice() {
            return only.next().map_err(Error::internal).transpose();
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
    /// Reversed, as the top of the heap is its greatest item. Of equal items, the one of the earlier run comes first.
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
struct FileRange<'a> {
    file: &'a File,
    range: Range<u64>,
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

#[cfg(test)]
mod tests {
    use super::*;

    impl Item for String {
        fn order(&self, other: &Self) -> Ordering {
            self.cmp(other)
        }

        fn size_bytes(&self) -> usize {
            self.len()
        }
    }

    fn spool_of(count: u32, padding: usize) -> Spool<String> {
        let mut spool = Spool::new(&SpoolQuota::new(u64::MAX));
        for n in 0..count {
            // 7 and the count have no common factor, so every number comes once, in no order.
            let number = n * 7 % count;
            spool
                .push(format!("{number:08}{}", " ".repeat(padding)))
                .unwrap();
        }
        spool.sort();
        spool
    }

    fn numbers(items: Items<'_, String>) -> Vec<u32> {
        items
            .map(|item| item.unwrap()[..8].parse().unwrap())
            .collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn items_come_back_sorted_from_memory_and_from_the_file() {
        for (padding, spills) in [(0, false), (10_000, true)] {
            let mut spool = spool_of(3000, padding);
            assert_eq!(!spool.runs.is_empty(), spills);
            let expected: Vec<u32> = (0..3000).collect();
            assert_eq!(numbers(spool.iter()), expected);
            assert_eq!(numbers(spool.iter()), expected);
            assert_eq!(numbers(spool.drain()), expected);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_quota_refuses_items_until_a_spool_ends() {
        let quota = SpoolQuota::new(10);
        let mut first = Spool::new(&quota);
        first.push("12345678".to_owned()).unwrap();
        let mut second = Spool::new(&quota);
        assert!(matches!(
            second.push("1234".to_owned()),
            Err(Error::SpoolFull { limit_bytes: 10 })
        ));
        drop((first, second));
        Spool::new(&quota).push("12345678".to_owned()).unwrap();
    }
}
