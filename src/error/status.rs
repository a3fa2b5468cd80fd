//! Errors on the wire: a status with details in its trailers.
//!
//! Common clients cut trailers off at 8 KiB, so texts are shortened here until all of them fit, whatever they are. On the
//! wire a message is percent-encoded, up to three bytes for one, and the details, which repeat it, are in Base64, four
//! bytes for three.

use std::{collections::HashMap, error::Error as _, sync::Arc};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::{Error, kind::Kind};
use crate::domain::{
    text::MAX_CHARACTERS,
    violation::{Reason, Violation},
};

/// The domain of the service's `google.rpc.ErrorInfo`.
const ERROR_DOMAIN: &str = "contactlists";

/// What the names of reasons begin with in the contract, and nowhere else.
const REASON_PREFIX: &str = "ERROR_REASON_";

/// The most bytes of all violations.
const MAX_VIOLATION_BYTES: usize = 4 * 1024;

/// What a violation takes beside its texts: the tags and lengths of its fields.
const VIOLATION_OVERHEAD_BYTES: usize = 12;

/// The most bytes of a message, and of a violation's field and description.
const MAX_MESSAGE_BYTES: usize = 384;

/// The most bytes of a name or another value: those of the longest that a field can have.
const MAX_VALUE_BYTES: usize = 4 * MAX_CHARACTERS;

/// How much of the end of a text stays where its middle is left out.
const TAIL_BYTES: usize = 64;

/// The error is the status's source, so that a layer can log it.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let Kind {
            code,
            reason,
            retry_delay,
        } = error.kind();
        let mut details = ErrorDetails::new();
        let metadata = error.metadata().into_iter();
        let metadata: HashMap<_, _> = metadata
            .map(|(name, value)| (name, shortened(value, MAX_VALUE_BYTES)))
            .collect();
        details.set_error_info(reason_name(reason), ERROR_DOMAIN, metadata);
        if let Some(delay) = retry_delay {
            details.set_retry_info(Some(delay));
        }
        let message = shortened(error.to_string(), MAX_MESSAGE_BYTES);
        add_subject(&error, &message, &mut details);
        let mut status = Status::with_error_details(code, message, details);
        status.set_source(Arc::new(error));
        status
    }
}

/// Adds what the error is about: fields, or a resource.
fn add_subject(error: &Error, message: &str, details: &mut ErrorDetails) {
    let reason = reason_name(error.kind().reason);
    match error {
        Error::RequestInvalid(violations) => {
            let violations = violations.iter().map(|violation| (None, violation));
            details.set_bad_request(within_limit(violations));
        }
        Error::ContactsRejected { contacts, .. } => {
            let violations = contacts.iter().flat_map(|contact| {
                let index = Some(contact.index);
                contact.violations.iter().map(move |it| (index, it))
            });
            details.set_bad_request(within_limit(violations));
        }
        Error::NotFound {
            resource_type,
            resource_name,
        } => {
            let resource_name = shortened(resource_name.clone(), MAX_VALUE_BYTES);
            details.set_resource_info(*resource_type, resource_name, "", message);
        }
        Error::AlreadyExists { resource_type, .. } => {
            details.set_resource_info(*resource_type, "", "", message);
        }
        Error::ContactListNotActive {
            contact_list_id, ..
        }
        | Error::TooManyRemoved {
            contact_list_id, ..
        }
        | Error::VersionMismatch {
            contact_list_id, ..
        } => {
            details.add_precondition_failure_violation(
                reason,
                format!("contact_list/{contact_list_id}"),
                message,
            );
        }
        Error::ResourceInUse {
            resource_type,
            resource_name,
            ..
        } => {
            details.add_precondition_failure_violation(
                reason,
                format!("{resource_type}/{resource_name}"),
                message,
            );
        }
        Error::UpdateNotLatest { update_id, .. } | Error::UpdateNotRevertible { update_id, .. } => {
            let subject = format!("contact_list_update/{update_id}");
            details.add_precondition_failure_violation(reason, subject, message);
        }
        Error::ResourceLimitReached { resource_type, .. } => {
            details.add_precondition_failure_violation(reason, *resource_type, message);
        }
        _ => {}
    }
}

/// Returns the service's own error that has led to `status`, if one has.
pub fn source_of(status: &Status) -> Option<&Error> {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

/// Returns a reason's name, as callers get it.
pub fn reason_name(reason: Reason) -> &'static str {
    reason.as_str_name().trim_start_matches(REASON_PREFIX)
}

/// Returns the name of the reason that `status` gives, if it is one of the service's.
pub fn reason_of(status: &Status) -> Option<&'static str> {
    let info = status.get_details_error_info()?;
    let reason = Reason::from_str_name(&format!("{REASON_PREFIX}{}", info.reason))?;
    Some(reason_name(reason))
}

/// Returns a code's name, as the specification of gRPC has it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// As many violations as the trailers have room for, with the contact's index in the field's path.
fn within_limit<'a>(
    violations: impl Iterator<Item = (Option<u32>, &'a Violation)>,
) -> Vec<FieldViolation> {
    let mut bytes = 0;
    violations
        .map(|(index, violation)| {
            let field = match (index, violation.field.as_str()) {
                (None, field) => field.to_owned(),
                (Some(index), "") => format!("contacts[{index}]"),
                (Some(index), field) => format!("contacts[{index}].{field}"),
            };
            FieldViolation {
                field: shortened(field, MAX_MESSAGE_BYTES),
                description: shortened(violation.message.clone(), MAX_MESSAGE_BYTES),
                reason: reason_name(violation.reason).to_owned(),
                localized_message: None,
            }
        })
        .take_while(|it| {
            bytes +=
                it.field.len() + it.description.len() + it.reason.len() + VIOLATION_OVERHEAD_BYTES;
            bytes <= MAX_VIOLATION_BYTES
        })
        .collect()
}

/// The text, without its middle if it has more than `max_bytes`.
fn shortened(text: String, max_bytes: usize) -> String {
    const LEFT_OUT: &str = "…";
    if text.len() <= max_bytes {
        return text;
    }
    let head_end = text.floor_char_boundary(max_bytes - TAIL_BYTES - LEFT_OUT.len());
    let tail_start = text.ceil_char_boundary(text.len() - TAIL_BYTES);
    [&text[..head_end], LEFT_OUT, &text[tail_start..]].concat()
}
