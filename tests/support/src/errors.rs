//! What a refused call says.

use std::fmt::Debug;

use contact_lists::proto::{ErrorReason, RejectedContact, UpdateContactListContactsResponse};
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt};

/// Why the call was refused, as in `ErrorReason` without the prefix.
#[track_caller]
pub fn reason(status: &Status) -> String {
    info(status).reason
}

/// A value of the refusal's metadata; empty if it has no such value.
#[track_caller]
pub fn metadata(status: &Status, key: &str) -> String {
    info(status).metadata.remove(key).unwrap_or_default()
}

#[track_caller]
fn info(status: &Status) -> ErrorInfo {
    match status.get_details_error_info() {
        Some(info) => info,
        None => panic!("a refusal without a reason: {status:?}"),
    }
}

/// The fields that are wrong, each with its reason.
pub fn violations(status: &Status) -> Vec<(String, String)> {
    let details = status.get_details_bad_request();
    let violations = details
        .into_iter()
        .flat_map(|request| request.field_violations);
    violations
        .map(|violation| (violation.field, violation.reason))
        .collect()
}

/// Checks that a call was refused with this code, for this reason; returns the status.
#[track_caller]
pub fn assert_refused<T: Debug>(result: Result<T, Status>, code: Code, expected: &str) -> Status {
    let status = match result {
        Ok(answer) => panic!("{expected} was expected, and the answer is {answer:?}"),
        Err(status) => status,
    };
    let info = info(&status);
    assert_eq!(
        (status.code(), info.reason.as_str()),
        (code, expected),
        "{status:?}"
    );
    assert_eq!(info.domain, "contactlists");
    status
}

/// Checks that a call was refused for one bad field, which the refusal names by its path.
#[track_caller]
pub fn assert_invalid<T: Debug>(result: Result<T, Status>, field: &str, expected: &str) {
    let status = assert_refused(result, Code::InvalidArgument, "REQUEST_INVALID");
    assert_eq!(
        violations(&status),
        [(field.to_owned(), expected.to_owned())],
        "{status:?}"
    );
}

/// Everything that is wrong with the rejected contacts: (index in the stream, field, reason without the prefix).
pub fn rejections(outcome: &UpdateContactListContactsResponse) -> Vec<(i32, &str, &'static str)> {
    rejected(&outcome.rejected_contacts)
}

/// The same of a list of rejected contacts.
pub fn rejected(contacts: &[RejectedContact]) -> Vec<(i32, &str, &'static str)> {
    contacts
        .iter()
        .flat_map(|contact| {
            contact
                .violations
                .iter()
                .map(|violation| (contact.index, violation))
        })
        .map(|(index, violation)| {
            (
                index,
                violation.field.as_str(),
                reason_name(violation.reason()),
            )
        })
        .collect()
}

/// The reason's name without its prefix.
pub fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}
