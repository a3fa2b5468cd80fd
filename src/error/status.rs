//! Errors on the wire: a status with details in its trailers.

use std::sync::Arc;

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::{Error, kind::Kind};
use crate::domain::violation::{Reason, Violation};

/// The domain of the service's `google.rpc.ErrorInfo`.
const ERROR_DOMAIN: &str = "contactlists";

/// Common clients cut trailers off at 8 KiB; this much of them is for violations.
const MAX_VIOLATION_BYTES: usize = 4 * 1024;

/// The error is the status's source, so that a layer can log it.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let Kind {
            code,
            reason,
            retry_delay,
        } = error.kind();
        let mut details = ErrorDetails::new();
        details.set_error_info(reason_name(reason), ERROR_DOMAIN, error.metadata());
        if let Some(delay) = retry_delay {
            details.set_retry_info(Some(delay));
        }
        add_subject(&error, &mut details);
        let mut status = Status::with_error_details(code, error.to_string(), details);
        status.set_source(Arc::new(error));
        status
    }
}

/// Adds what the error is about: fields, or a resource.
fn add_subject(error: &Error, details: &mut ErrorDetails) {
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
            details.set_resource_info(*resource_type, resource_name, "", error.to_string());
        }
        Error::AlreadyExists { resource_type, .. } => {
            details.set_resource_info(*resource_type, "", "", error.to_string());
        }
        Error::ContactListNotActive {
            contact_list_id, ..
        } => {
            details.add_precondition_failure_violation(
                reason,
                format!("contact_list/{contact_list_id}"),
                error.to_string(),
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
                error.to_string(),
            );
        }
        Error::ResourceLimitReached { resource_type, .. } => {
            details.add_precondition_failure_violation(reason, *resource_type, error.to_string());
        }
        _ => {}
    }
}

fn reason_name(reason: Reason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
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
                field,
                description: violation.message.clone(),
                reason: reason_name(violation.reason).to_owned(),
                localized_message: None,
            }
        })
        .take_while(|it| {
            bytes += it.field.len() + it.description.len() + it.reason.len() + 8;
            bytes <= MAX_VIOLATION_BYTES
        })
        .collect()
}
