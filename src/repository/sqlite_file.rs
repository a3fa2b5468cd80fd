//! The file of a SQLite database. SQLite goes on with a file that was moved or deleted, and what it writes there is gone at the
//! next start.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::anyhow;
use rustix::fs::{Access, access};
use sqlx::sqlite::SqliteConnectOptions;

use super::connect_error::ConnectError;
use crate::error::{Error, Result};

/// The file that was opened.
#[derive(Debug, Clone)]
pub struct DatabaseFile {
    path: PathBuf,
    /// Its device and inode.
    identity: (u64, u64),
}

/// A server's claim to a SQLite file, until it is dropped or the process ends, however that may be.
#[derive(Debug)]
pub struct ServerLock {
    _file: File,
}

impl DatabaseFile {
    /// Returns the file that a database's URL leads to; `None` if it is in memory. If it does not exist, it is made if `create` says
    /// so, readable by its owner alone. SQLite gives the files beside it the same permissions. Fails where SQLite could not open
    /// it, as SQLite's own errors don't have the cause.
    pub fn find(url: &str, create: bool) -> Result<Option<Self>, ConnectError> {
        let Some(path) = path(url)? else {
            return Ok(None);
        };
        let failed = |error: &io::Error| ConnectError::of_file(&path, error);
        let parent = folder_of(&path);
        if !parent.is_dir() {
            let cause = format!("there is no folder {}", parent.display());
            return Err(ConnectError::refused(&path, cause));
        }
        if create {
            make(&path).map_err(|error| failed(&error))?;
        }
        let metadata = fs::metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ConnectError::refused(
                &path,
                "there is no such file; contact-lists migrate makes one",
            ),
            _ => failed(&error),
        })?;
        if metadata.is_dir() {
            return Err(ConnectError::refused(&path, "it is a folder"));
        }
        // It is not opened for that: closing it would end locks that SQLite has on it in this process.
        access(&path, Access::READ_OK | Access::WRITE_OK).map_err(|error| failed(&error.into()))?;
        let real = fs::canonicalize(&path).map_err(|error| failed(&error))?;
        let folder = folder_of(&real);
        access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| ConnectError::of_file(folder, &error.into()))?;
        let identity = identity(&metadata);
        Ok(Some(Self { path, identity }))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Claims the file for a server, by a lock on another file beside it. Fails if another server has it.
    pub fn lock(&self) -> Result<ServerLock, ConnectError> {
        // Whichever path leads to the file, there is one lock.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mut lock = path.into_os_string();
        lock.push("-lock");
        let lock = PathBuf::from(lock);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&lock);
        let file = file.map_err(|error| ConnectError::of_file(&lock, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(ServerLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ConnectError::ServedByAnother {
                file: self.path.display().to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(ConnectError::of_file(&lock, &error)),
        }
    }

    /// Fails if its path leads to another file by now, or to none.
    pub fn check(&self) -> Result<()> {
        match fs::metadata(&self.path) {
            Ok(now) if identity(&now) == self.identity => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::DatabaseUnavailable(error.into()))
            }
            _ => {
                let path = self.path.display();
                let moved = anyhow!("the database's file was moved or deleted: {path}");
                Err(Error::DatabaseUnavailable(moved))
            }
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
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

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
