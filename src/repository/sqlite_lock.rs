//! Who may make and open a SQLite file: a lock on the file `-lock` beside it. A server holds it for as long as it runs, and
//! writes there which files it has opened. A command holds it while it makes and opens the file, or finds that the files are
//! those of the server that holds it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    connect_error::ConnectError,
    sqlite_file::{DatabaseFile, Identities},
};

/// How long a program waits while another makes and opens the file, or ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a second server waits: the lock may be a command's, which has yet to remove what a server wrote that was killed.
const SERVER_PATIENCE: Duration = Duration::from_millis(100);

/// How often it tries again.
const INTERVAL: Duration = Duration::from_millis(10);

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be served, by one server. It is made if it does not exist.
    Serve,
    /// For a command, which makes it if it does not exist.
    Make,
    /// For a command, which makes none.
    Open,
}

/// A claim to a file, until it is dropped or the process ends, however that may be.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Claims a file, and makes it if `purpose` says so. `None` for a command whose file a server has open. Fails where SQLite
    /// would make a file in the place of one that a server has open, or whose log is still there.
    pub async fn claim(
        file: &DatabaseFile,
        purpose: Purpose,
    ) -> Result<Option<Self>, ConnectError> {
        if purpose == Purpose::Open {
            file.refuse_remains()?;
            file.expect()?;
        }
        file.check_access()?;
        let lock = Self::lock(file, purpose).await?;
        if lock.is_some() {
            file.refuse_remains()?;
            if purpose != Purpose::Open {
                file.make()?;
            }
        }
        file.expect()?;
        Ok(lock)
    }

    async fn lock(file: &DatabaseFile, purpose: Purpose) -> Result<Option<Self>, ConnectError> {
        let path = file.beside("-lock");
        let failed = |error| ConnectError::of_file(&path, &error);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(failed)?;
        if let Ok(database) = fs::metadata(file.path()) {
            // As SQLite does with its own files, so that root's commands shut no server out. Others may not, and need not.
            let _ = fchown(&lock, Some(database.uid()), Some(database.gid()));
            let _ = lock.set_permissions(database.permissions());
        }
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    lock.set_len(0).map_err(failed)?;
                    return Ok(Some(Self(lock)));
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let text = fs::read_to_string(&path).map_err(failed)?;
            let served = Identities::parse(&text);
            let is_server = purpose == Purpose::Serve;
            if !is_server && served.is_some() && file.identities().ok() == served {
                return Ok(None);
            }
            let patience = match served {
                Some(_) if is_server => SERVER_PATIENCE,
                _ => PATIENCE,
            };
            if start.elapsed() > patience {
                return Err(refusal(file, served.is_some(), is_server));
            }
            sleep(INTERVAL).await;
        }
    }

    /// Writes down which files a server has opened.
    pub fn note(&mut self, files: &Identities) -> io::Result<()> {
        self.0.write_all(files.to_string().as_bytes())
    }
}

fn refusal(file: &DatabaseFile, is_served: bool, is_server: bool) -> ConnectError {
    match (is_served, is_server) {
        (true, true) => ConnectError::ServedByAnother {
            file: file.path().display().to_string(),
        },
        (true, false) => ConnectError::refused(
            file.path(),
            "a server runs on it, but the file, or its -wal or -shm, was moved, replaced or deleted since: \
             move it back, or stop that server",
        ),
        (false, _) => ConnectError::refused(file.path(), "another program is opening it"),
    }
}
