//! Sorted spools: any number of items, in memory up to a limit and then in an unlinked temporary file.

mod items;
mod quota;

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, BufReader, BufWriter, Seek, SeekFrom, Write},
    ops::Range,
};

use anyhow::Context;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use self::items::{FileRange, Run};
pub use self::{items::Items, quota::SpoolQuota};
use crate::{
    error::{Error, Result},
    long_work,
};

/// How many bytes of items a spool keeps in memory before it writes them to its file, unless it is given less.
const MEMORY_BYTES: u64 = 8 * 1024 * 1024;

/// How many of those every spool may take. Beyond that it takes memory that all spools share, while there is some.
const OWN_MEMORY_BYTES: u64 = 128 * 1024;

/// How much of the shared memory a spool takes at once.
const MEMORY_STEP_BYTES: u64 = 64 * 1024;

/// How many bytes of a spool's file are read ahead, over all its runs.
const READ_AHEAD_BYTES: usize = 1024 * 1024;

/// The overhead of a boxed item in memory: its pointer, and what the allocator adds.
const BOX_BYTES: usize = 24;

/// Fails if no temporary file can be made, with the folder that should have it.
pub fn check_folder() -> Result<(), anyhow::Error> {
    let folder = std::env::temp_dir();
    tempfile::tempfile().with_context(|| {
        format!(
            "cannot make temporary files in {}: set TMPDIR to a folder that can be written",
            folder.display()
        )
    })?;
    Ok(())
}

/// The error of a temporary file: one of encoding is a defect, others come from the system.
fn file_error(error: io::Error) -> Error {
    let is_of_encoding = error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none();
    if is_of_encoding {
        Error::internal(error)
    } else {
        Error::SpoolUnavailable(error.into())
    }
}

/// An item of a spool. Large items are boxed, since sorting moves them.
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

impl Item for Uuid {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
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
    /// This spool's share of the memory of all.
    shared_memory_bytes: u64,
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
            shared_memory_bytes: 0,
            file: None,
            runs: Vec::new(),
            len: 0,
        }
    }

    /// Returns whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns about how many bytes the items take.
    pub fn size_bytes(&self) -> u64 {
        self.taken_bytes
    }

    /// Adds an item. Fails if the quota or the disk is full.
    pub fn push(&mut self, item: T) -> Result<()> {
        let size_bytes = item.size_bytes() as u64;
        self.taken_bytes += size_bytes;
        self.quota.take(size_bytes)?;
        self.memory.push(item);
        self.memory_bytes += size_bytes;
        self.len += 1;
        if self.memory_bytes > self.max_memory_bytes || !self.has_memory() {
            long_work::aside(self.memory_bytes, || self.write_run()).map_err(
                |error| match error.kind() {
                    io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge => Error::SpoolFolderFull(error.into()),
                    _ => file_error(error),
                },
            )?;
        }
        Ok(())
    }

    /// Whether the items may stay in memory, if need be in memory that all spools share.
    fn has_memory(&mut self) -> bool {
        let needed = self.memory_bytes.saturating_sub(OWN_MEMORY_BYTES);
        let missing = needed.saturating_sub(self.shared_memory_bytes);
        if missing == 0 {
            return true;
        }
        let step = missing.max(MEMORY_STEP_BYTES);
        let is_taken = self.quota.try_take_memory(step);
        if is_taken {
            self.shared_memory_bytes += step;
        }
        is_taken
    }

    fn give_memory_back(&mut self) {
        self.quota.give_memory_back(self.shared_memory_bytes);
        self.shared_memory_bytes = 0;
    }

    /// Sorts the items: after a push, and before the next read.
    pub fn sort(&mut self) {
        self.memory.sort_by(|one, other| one.order(other));
    }

    /// Returns the items in order.
    pub fn iter(&self) -> Items<'_, T> {
        Items::new(self.file_runs(), Run::Borrowed(self.memory.iter()))
    }

    /// Returns the items in order, and moves those in memory out: they can't be read again.
    pub fn drain(&mut self) -> Items<'_, T> {
        let memory = std::mem::take(&mut self.memory);
        Items::new(self.file_runs(), Run::Owned(memory.into_iter()))
    }

    fn file_runs(&self) -> Vec<Run<'_, T>> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let buffer_bytes = READ_AHEAD_BYTES / self.runs.len().max(1);
        let buffer_bytes = buffer_bytes.clamp(4 * 1024, 64 * 1024);
        let run = |range: &Range<u64>| {
            Run::File(BufReader::with_capacity(
                buffer_bytes,
                FileRange {
                    file,
                    range: range.clone(),
                },
            ))
        };
        self.runs.iter().map(run).collect()
    }

    fn write_run(&mut self) -> io::Result<()> {
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
        self.memory.shrink_to_fit();
        self.give_memory_back();
        Ok(())
    }
}

impl<T> Drop for Spool<T> {
    fn drop(&mut self) {
        self.quota.give_memory_back(self.shared_memory_bytes);
        self.quota.give_back(self.taken_bytes);
        let memory = std::mem::take(&mut self.memory);
        if !memory.is_empty() {
            long_work::aside(self.memory_bytes, || drop(memory));
        }
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
    async fn spools_that_find_the_memory_of_all_taken_write_to_their_files() {
        let quota = SpoolQuota::new(u64::MAX);
        let filled = |bytes: u64| {
            let mut spool = Spool::new(&quota);
            for _ in 0..bytes / MEMORY_STEP_BYTES {
                spool.push(" ".repeat(MEMORY_STEP_BYTES as usize)).unwrap();
            }
            spool
        };
        let first: Vec<_> = (0..4).map(|_| filled(MEMORY_BYTES)).collect();
        assert!(first.iter().all(|spool| spool.runs.is_empty()));
        let late = filled(MEMORY_BYTES);
        assert!(!late.runs.is_empty());
        assert!(filled(OWN_MEMORY_BYTES).runs.is_empty());
        drop((first, late));
        assert!(filled(MEMORY_BYTES).runs.is_empty());
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
