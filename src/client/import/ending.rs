//! How an import ends: what it says, what it leaves beside the file, and its exit code.

use std::process::ExitCode;

use super::{
    calls::CallsError,
    contacts::Contacts,
    read_on_thread,
    rejected::Rejections,
    state::StateFile,
    summary::{Planned, Summary},
};
use crate::client::output::{note, print};

/// All was applied but the rejected contacts.
pub(super) const EXIT_REJECTED: u8 = 3;

/// A part may have been applied, and the same command ends what is missing.
pub(super) const EXIT_BROKEN_OFF: u8 = 4;

/// An import whose calls have ended.
pub struct Ending {
    /// What was sent.
    pub contacts: Contacts,
    /// The contacts that were rejected.
    pub rejections: Rejections,
    /// What is kept beside the file.
    pub state: Option<StateFile>,
    /// The name of the contact list that was created for the import.
    pub created_list: Option<String>,
    /// What a dry run was for.
    pub planned: Option<Planned>,
    /// How many contacts a call has at most.
    pub contacts_per_call: u64,
}

impl Ending {
    /// Says how the import ended. Once contacts are applied, nothing is an error any more.
    pub async fn finish(self, made: Result<Summary, CallsError>) -> anyhow::Result<ExitCode> {
        let (rejections, contacts) = (self.rejections, self.contacts);
        let rejected_count = rejections.count;
        let rejected = read_on_thread(move || rejections.write(&contacts)).await;
        let summary = match made {
            Ok(summary) => summary,
            Err(error) => {
                if let Ok(Some(path)) = rejected {
                    note(format_args!(
                        "{rejected_count} rejected rows are in {}",
                        path.display()
                    ));
                }
                return broken_off(error, self.state, self.created_list);
            }
        };
        if let Err(error) = self.state.map(StateFile::remove).transpose() {
            note(format_args!("error: the import has ended, but {error:#}"));
        }
        // Closing standard output does not take back what was applied.
        let _ = print(summary.headline(self.planned.as_ref(), self.contacts_per_call));
        let _ = print(summary.to_string().trim_end());
        match rejected {
            Ok(None) => {}
            Ok(Some(path)) => {
                let _ = print(format_args!(
                    "The rejected rows are in {}, with the reasons. Mend them there, and import that file.",
                    path.display()
                ));
            }
            Err(error) => note(format_args!("error: the import has ended, but {error:#}")),
        }
        if summary.unlisted_count > 0 {
            let _ = print(format_args!(
                "{} more were rejected and are not listed: once these are mended, import the whole file again to see them.",
                summary.unlisted_count
            ));
        }
        Ok(match summary.rejected_count {
            0 => ExitCode::SUCCESS,
            _ => EXIT_REJECTED.into(),
        })
    }
}

/// An error that comes after a contact list was created.
pub fn with_created(error: anyhow::Error, created_list: Option<&str>) -> anyhow::Error {
    match created_list {
        Some(name) => error.context(format!(
            "the contact list {name:?} was created, and nothing else was changed"
        )),
        None => error,
    }
}

fn broken_off(
    CallsError {
        error,
        is_unapplied,
    }: CallsError,
    state: Option<StateFile>,
    created_list: Option<String>,
) -> anyhow::Result<ExitCode> {
    let can_resume = state.is_some();
    if is_unapplied {
        state.map(StateFile::remove).transpose()?;
        return Err(match created_list {
            Some(name) => with_created(error, Some(&name)),
            None => error.context("nothing was changed"),
        });
    }
    note(format_args!("error: {error:#}"));
    if let Some(name) = created_list {
        note(format_args!("The contact list {name:?} was created."));
    }
    note(match can_resume {
        true => {
            "The import broke off. Run the same command again: what was applied is not applied twice."
        }
        false => {
            "The import broke off. Run again with the same --request-id, it is applied once; without, it is a new import."
        }
    });
    Ok(EXIT_BROKEN_OFF.into())
}
