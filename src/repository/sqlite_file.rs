//! The file of a SQLite database. SQLite goes on with a file that was moved or deleted, and what it writes there is gone at the
//! next start.

use std::{
    fs::{self, Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
    str::FromStr,
};

use anyhow::anyhow;
use sqlx::sqlite::SqliteConnectOptions;

use crate::error::{Error, Result};

/// The file that was opened.
#[derive(Debug, Clone)]
pub struct DatabaseFile {
    path: PathBuf,
    /// Its device and inode.
    identity: (u64, u64),
}

impl DatabaseFile {
    /// Makes the file of a database's URL, readable by its owner alone, if it does not exist. SQLite gives the files beside it the
    /// same permissions.
    pub fn create(url: &str) {
        let Some(path) = path(url) else { return };
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        if let Err(error) = made
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            // SQLite says so as well, when it opens the file.
            tracing::debug!(%error, "database.file_not_made");
        }
    }

    /// Returns the file that a database's URL leads to; `None` if it is in memory.
    pub fn opened(url: &str) -> Option<Self> {
        let path = path(url)?;
        let identity = identity(&fs::metadata(&path).ok()?);
        Some(Self { path, identity })
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

fn path(url: &str) -> Option<PathBuf> {
    let options = SqliteConnectOptions::from_str(url).ok()?;
    let path = options.get_filename();
    // A database in memory has a URI.
    (!path.starts_with("file:")).then(|| path.to_owned())
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
