//! What is kept beside a file while it is imported: enough to run a broken import again, so that it is applied exactly once.

use std::{fs, io, io::Write, path::Path, path::PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::client::output::note;

/// An import that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The server.
    pub server: String,
    /// The id of the contact list.
    pub contact_list_id: String,
    /// The SHA-256 of the file's bytes.
    pub sha256: String,
    /// The flags that change what is sent.
    pub options: String,
    /// What the calls' request_ids are derived from.
    pub request_id: Uuid,
    /// How many contacts a call has.
    pub contacts_per_call: u64,
    /// When the import began.
    #[serde(with = "time::serde::rfc3339")]
    pub start_time: OffsetDateTime,
}

/// The state and the file that it is in.
pub struct StateFile {
    path: PathBuf,
    /// The state.
    pub state: State,
    /// Whether an earlier run left it.
    pub is_resumed: bool,
}

impl StateFile {
    /// Takes up the import that an earlier run left, if it is the same one; else `new` is to be written down. Fails if the
    /// server, which keeps request_ids for `retention`, can have forgotten what the earlier run applied.
    pub fn open(path: PathBuf, new: State, retention: time::Duration) -> anyhow::Result<Self> {
        let state = match read(&path)? {
            Some(left) if left.is_same_import(&new) => {
                let age = new.start_time - left.start_time;
                if age >= retention {
                    bail!(
                        "an import of this file broke off at {}, and the server keeps request_ids only for {} hours: \
                         it is not known any more what was applied. Look at `contact-lists updates`, remove {}, and \
                         import again",
                        left.start_time.format(&Rfc3339)?,
                        retention.whole_hours(),
                        path.display()
                    );
                }
                return Ok(Self {
                    path,
                    state: left,
                    is_resumed: true,
                });
            }
            Some(left) => {
                note(format_args!(
                    "note: an import that began at {} broke off; this one has another file, list, server or flags, and is new",
                    left.start_time.format(&Rfc3339)?
                ));
                new
            }
            None => new,
        };
        Ok(Self {
            path,
            state,
            is_resumed: false,
        })
    }

    /// Writes the state down, before anything is sent.
    pub fn write(&self) -> anyhow::Result<()> {
        match self.is_resumed {
            true => Ok(()),
            false => write(&self.path, &self.state),
        }
    }

    /// Removes the file, if there is one: the import has ended, and run again it is a new one.
    pub fn remove(self) -> anyhow::Result<()> {
        let removed = match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        removed.with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

impl State {
    fn is_same_import(&self, other: &Self) -> bool {
        let of = |state: &Self| {
            let State {
                server,
                contact_list_id,
                sha256,
                options,
                ..
            } = state.clone();
            (server, contact_list_id, sha256, options)
        };
        of(self) == of(other)
    }
}

fn read(path: &Path) -> anyhow::Result<Option<State>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let state = serde_json::from_str(&text);
    state.with_context(|| {
        format!(
            "{} is damaged: look at `contact-lists updates`, and remove it",
            path.display()
        )
    })
}

/// Writes the state, all of it or nothing, so that it survives what the import does not.
fn write(path: &Path, state: &State) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(state)?;
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let written = NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    });
    written.with_context(|| {
        format!(
            "cannot write {}; where that is not possible, --request-id does without",
            path.display()
        )
    })
}
