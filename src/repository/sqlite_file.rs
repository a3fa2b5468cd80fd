//! The files of a SQLite database. SQLite goes on with files that were moved, replaced or deleted, and what it writes to them is
//! gone at the next start.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::anyhow;
use rustix::{
    fs::{Access, access},
    io::Errno,
};
use sqlx::sqlite::SqliteConnectOptions;

use super::connect_error::ConnectError;
use crate::error::{Error, Result};

/// What SQLite's files beside the database end with: the write-ahead log, which has what was committed last, and its index.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Where a database is.
#[derive(Debug, Clone)]
pub struct DatabaseFile {
    /// As the URL has it.
    path: PathBuf,
    /// Without symbolic links: the files beside it are named after it, whichever path leads to it.
    real: PathBuf,
}

impl DatabaseFile {
    /// Returns the file that a database's URL leads to; `None` if it is in memory.
    pub fn find(url: &str) -> Result<Option<Self>, ConnectError> {
        let Some(path) = path(url)? else {
            return Ok(None);
        };
        let parent = folder_of(&path);
        if !parent.is_dir() {
            let cause = format!("there is no folder {}", parent.display());
            return Err(ConnectError::refused(&path, cause));
        }
        if path.is_dir() {
            return Err(ConnectError::refused(&path, "it is a folder"));
        }
        let real = fs::canonicalize(&path).or_else(|_| {
            let folder = fs::canonicalize(parent)?;
            Ok(folder.join(path.file_name().unwrap_or_default()))
        });
        let real = real.map_err(|error| ConnectError::of_file(&path, &error))?;
        Ok(Some(Self { path, real }))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file beside it.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        let mut path = OsString::from(&self.real);
        path.push(ending);
        path.into()
    }

    /// Fails if there is no such file.
    pub(super) fn expect(&self) -> Result<(), ConnectError> {
        if fs::metadata(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            let cause = "there is no such file; contact-lists migrate makes one";
            return Err(ConnectError::refused(&self.path, cause));
        }
        Ok(())
    }

    /// Fails if the database is gone, or empty, and SQLite's files of it are still there: SQLite would delete them.
    pub(super) fn refuse_remains(&self) -> Result<(), ConnectError> {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() > 0) {
            return Ok(());
        }
        let remains = BESIDE.map(|ending| self.beside(ending));
        let Some(remains) = remains.iter().find(|file| file.exists()) else {
            return Ok(());
        };
        let cause = format!(
            "it is gone, but {}, a part of it, is there: move the database back, or that file away",
            remains.display()
        );
        Err(ConnectError::refused(&self.path, cause))
    }

    /// Makes it if it does not exist, readable by its owner alone. SQLite gives the files beside it the same permissions.
    pub(super) fn make(&self) -> Result<(), ConnectError> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        match options.open(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(ConnectError::of_file(&self.path, &error))
            }
            _ => Ok(()),
        }
    }

    /// Fails where SQLite could not open it, or make it, as SQLite's own errors don't have the cause.
    pub(super) fn check_access(&self) -> Result<(), ConnectError> {
        // It is not opened for that: closing it would end locks that SQLite has on it in this process.
        match access(&self.path, Access::READ_OK | Access::WRITE_OK) {
            Err(error) if error != Errno::NOENT => {
                return Err(ConnectError::of_file(&self.path, &error.into()));
            }
            _ => {}
        }
        let folder = folder_of(&self.real);
        access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| ConnectError::of_file(folder, &error.into()))
    }

    /// Returns which files are there now.
    pub(super) fn identities(&self) -> io::Result<Identities> {
        let [log, index] = BESIDE.map(|ending| self.beside(ending));
        let mut numbers = Vec::new();
        for path in [&self.path, &log, &index] {
            let metadata = fs::metadata(path)?;
            numbers.extend([metadata.dev(), metadata.ino()]);
        }
        Ok(Identities(numbers))
    }
}

/// Which files a database consists of: the device and inode of the database itself, of its log and of the log's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities(Vec<u64>);

impl fmt::Display for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|number| write!(f, "{number} "))?;
        f.write_str("\n")
    }
}

impl Identities {
    /// Parses what `Display` writes; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.strip_suffix(" \n")?.split(' ').map(str::parse);
        Some(Self(numbers.collect::<Result<_, _>>().ok()?))
    }
}

/// The files that were opened.
#[derive(Debug, Clone)]
pub struct OpenFiles {
    file: DatabaseFile,
    identities: Identities,
}

impl OpenFiles {
    /// Remembers which files those are that SQLite has opened.
    pub fn note(file: DatabaseFile) -> Result<Self, ConnectError> {
        let identities = file.identities();
        let identities = identities.map_err(|error| ConnectError::of_file(file.path(), &error))?;
        Ok(Self { file, identities })
    }

    /// The database's path.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Which they are.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Fails if the paths lead to other files by now, or to none.
    pub fn check(&self) -> Result<()> {
        match self.file.identities() {
            Ok(now) if now == self.identities => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::DatabaseUnavailable(error.into()))
            }
            _ => {
                let path = self.file.path.display();
                let moved = anyhow!(
                    "the database's file, or its -wal or -shm, was moved, replaced or deleted: {path}"
                );
                Err(Error::DatabaseUnavailable(moved))
            }
        }
    }
}

fn path(url: &str) -> Result<Option<PathBuf>, ConnectError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| ConnectError::UrlMalformed)?;
    let path = options.get_filename();
    if path.as_os_str().is_empty() {
        return Err(ConnectError::UrlMalformed);
    }
    let is_in_memory = path.as_os_str().as_bytes().starts_with(b"file:");
    Ok((!is_in_memory).then(|| path.to_owned()))
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
