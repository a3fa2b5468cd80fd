//! What the program says when a call fails.

use std::{error::Error, fmt::Write as _};

use anyhow::anyhow;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Says in a sentence why a call failed.
pub fn sentence(status: Status) -> anyhow::Error {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    let mut text = match (status.code(), reason) {
        (Code::Unauthenticated, Some("API_KEY_INVALID")) => {
            "the server refuses the API key: it is unknown, disabled or expired".to_owned()
        }
        (Code::Unimplemented, _) => {
            "the server does not know the call: it is older than this program".to_owned()
        }
        (_, Some(reason @ "TOO_MANY_REMOVED")) => format!(
            "{} ({reason}). Look whether the file is the right and whole one. If it is, allow it: with \
             --max-removed-percent, where 100 allows all, or a larger --max-removed-count where one is given",
            status.message()
        ),
        (_, Some(reason @ "VERSION_MISMATCH")) => format!(
            "{} ({reason}). `contact-lists updates` shows by what. If the file still fits, give that version",
            status.message()
        ),
        (_, Some(reason)) => format!("{} ({reason})", status.message()),
        (code, None) if status.message().is_empty() => format!("the call failed with {code:?}"),
        (_, None) => match status.source() {
            Some(source) => format!("the connection to the server broke: {}", root(source)),
            None => status.message().to_owned(),
        },
    };
    let violations = details
        .bad_request()
        .map(|request| &request.field_violations);
    for violation in violations.into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {}: {}", violation.field, violation.description);
    }
    anyhow!(text)
}

/// Whether sending the call again can help: the server says so, or its response was lost.
pub fn is_temporary(status: &Status) -> bool {
    status.get_details_retry_info().is_some() || status.get_details_error_info().is_none()
}

/// Whether it is certain that the call has changed nothing. With these codes it may have been committing.
pub fn has_changed_nothing(status: &Status) -> bool {
    let is_from_server = status.get_details_error_info().is_some();
    is_from_server
        && !matches!(
            status.code(),
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::Internal
                | Code::Unknown
        )
}

/// Whether the call fails for its rejected contacts.
pub fn is_for_rejected_contacts(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.reason == "CONTACTS_REJECTED")
}

/// The innermost cause of an error, which says most.
pub fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
