//! What can go wrong, and its one map to status, reason and details.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};
use uuid::Uuid;

use crate::{
    auth::Scope,
    domain::{
        contact_list::ListState,
        violation::{Reason, Violation},
    },
    update::outcome::RejectedContact,
};

/// The domain of the service's `google.rpc.ErrorInfo`.
pub const ERROR_DOMAIN: &str = "contactlists";

/// Common clients cut trailers off at 8 KiB; this much of them is for violations.
const MAX_VIOLATION_BYTES: usize = 4 * 1024;

/// What can go wrong with a call. The message is the caller's to see.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what the variants are.
pub enum Error {
    #[error("the request is invalid: {}", summary(.0))]
    RequestInvalid(Vec<Violation>),
    #[error("the first message has no header")]
    HeaderMissing,
    #[error("message {message_index} has a header; only the first one may")]
    HeaderRepeated { message_index: u64 },
    #[error("message {message_index} is empty")]
    MessageEmpty { message_index: u64 },
    #[error("message {message_index} came after the footer")]
    MessageAfterFooter { message_index: u64 },
    #[error(
        "the stream is incomplete: {received_count} contacts arrived, {}",
        footer_words(*.contact_count)
    )]
    StreamIncomplete {
        received_count: u64,
        contact_count: Option<i64>,
    },
    #[error("the stream has no contacts")]
    NoContacts,
    #[error("the stream has at least {value} contacts; the limit is {limit}")]
    ContactLimitExceeded { limit: u64, value: u64 },
    #[error("{rejected_count} of {received_count} contacts were rejected; nothing was changed")]
    ContactsRejected {
        rejected_count: u64,
        received_count: u64,
        contacts: Vec<RejectedContact>,
    },
    #[error("request_id {request_id} was used for another call")]
    RequestIdReused { request_id: Uuid },
    #[error(
        "the contacts have properties, the header names no custom object, and the organization has {custom_object_count} of them"
    )]
    CustomObjectRequired { custom_object_count: usize },
    #[error("the page token is not one of this call and filter")]
    PageTokenInvalid,
    #[error("the field mask has \"{path}\", which this call does not change")]
    FieldMaskInvalid { path: String },
    #[error("the API key is missing, malformed, unknown or disabled")]
    ApiKeyInvalid,
    #[error("the call needs the scope {}, the API key has {}", .required.name(), .actual.name())]
    ScopeInsufficient { required: Scope, actual: Scope },
    #[error("{resource_type} {resource_name} not found")]
    NotFound {
        resource_type: &'static str,
        resource_name: String,
    },
    #[error("another {resource_type} has this {field}")]
    AlreadyExists {
        resource_type: &'static str,
        field: &'static str,
    },
    #[error("contact list {contact_list_id} is {}, not active", .state.name())]
    ContactListNotActive {
        contact_list_id: Uuid,
        state: ListState,
    },
    #[error("the organization has {limit} of {resource_type}, and may not have more")]
    ResourceLimitReached {
        resource_type: &'static str,
        limit: usize,
    },
    #[error("{resource_type} {resource_name} is still in use by {used_by}")]
    ResourceInUse {
        resource_type: &'static str,
        resource_name: String,
        used_by: &'static str,
    },
    #[error("the call lost a race with other calls; nothing was changed; try again")]
    ConcurrentChange,
    #[error(
        "channels or custom properties changed while the contacts arrived; nothing was changed; try again"
    )]
    DefinitionsChanged,
    #[error("too many calls at once: the limit is {limit} for this {scope}")]
    TooManyCalls { limit: usize, scope: &'static str },
    #[error("the server has no room for more streamed contacts: the limit is {limit_bytes} bytes")]
    SpoolFull { limit_bytes: u64 },
    #[error("a message is over the limit of {limit_bytes} bytes")]
    MessageTooLarge { limit_bytes: usize },
    #[error("the database is out of reach; try again")]
    DatabaseUnavailable(#[source] anyhow::Error),
    #[error("the server is shutting down; try again")]
    ShuttingDown,
    #[error("the stream brought no message for {limit_seconds} seconds")]
    StreamIdle { limit_seconds: u64 },
    #[error("the stream broke before its end: {0}")]
    StreamBroken(String),
    #[error("the service failed")]
    Internal(#[source] anyhow::Error),
}

/// The result of what can fail so.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A defect of the service: logged whole, the caller sees an id.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(cause.into())
    }

    /// There is no such thing in the organization.
    pub fn not_found(resource_type: &'static str, resource_name: impl ToString) -> Self {
        Self::NotFound {
            resource_type,
            resource_name: resource_name.to_string(),
        }
    }

    /// One field of the request is bad.
    pub fn field(violation: Violation) -> Self {
        Self::RequestInvalid(vec![violation])
    }

    /// The status code, the reason and the reason's metadata.
    fn face(&self) -> (Code, Reason, Vec<(&'static str, String)>) {
        use Code as C;
        use Reason as R;
        match self {
            Self::RequestInvalid(_) => (C::InvalidArgument, R::RequestInvalid, vec![]),
            Self::HeaderMissing => (C::InvalidArgument, R::HeaderMissing, vec![]),
            Self::HeaderRepeated { message_index } => {
                let metadata = vec![("message_index", message_index.to_string())];
                (C::InvalidArgument, R::HeaderRepeated, metadata)
            }
            Self::MessageEmpty { message_index } => {
                let metadata = vec![("message_index", message_index.to_string())];
                (C::InvalidArgument, R::MessageEmpty, metadata)
            }
            Self::MessageAfterFooter { message_index } => {
                let metadata = vec![("message_index", message_index.to_string())];
                (C::InvalidArgument, R::MessageAfterFooter, metadata)
            }
            Self::StreamIncomplete {
                received_count,
                contact_count,
            } => {
                let mut metadata = vec![("received_count", received_count.to_string())];
                metadata.extend(contact_count.map(|count| ("contact_count", count.to_string())));
                (C::InvalidArgument, R::StreamIncomplete, metadata)
            }
            Self::NoContacts => (C::InvalidArgument, R::NoContacts, vec![]),
            Self::ContactLimitExceeded { limit, value } => {
                let metadata = vec![("limit", limit.to_string()), ("value", value.to_string())];
                (C::InvalidArgument, R::ContactLimitExceeded, metadata)
            }
            Self::ContactsRejected {
                rejected_count,
                received_count,
                ..
            } => {
                let metadata = vec![
                    ("rejected_count", rejected_count.to_string()),
                    ("received_count", received_count.to_string()),
                ];
                (C::InvalidArgument, R::ContactsRejected, metadata)
            }
            Self::RequestIdReused { request_id } => {
                let metadata = vec![("request_id", request_id.to_string())];
                (C::InvalidArgument, R::RequestIdReused, metadata)
            }
            Self::CustomObjectRequired {
                custom_object_count,
            } => {
                let metadata = vec![("custom_object_count", custom_object_count.to_string())];
                (C::InvalidArgument, R::CustomObjectRequired, metadata)
            }
            Self::PageTokenInvalid => (C::InvalidArgument, R::PageTokenInvalid, vec![]),
            Self::FieldMaskInvalid { path } => {
                let metadata = vec![("path", path.clone())];
                (C::InvalidArgument, R::FieldMaskInvalid, metadata)
            }
            Self::ApiKeyInvalid => (C::Unauthenticated, R::ApiKeyInvalid, vec![]),
            Self::ScopeInsufficient { required, actual } => {
                let metadata = vec![
                    ("required_scope", required.name().to_owned()),
                    ("scope", actual.name().to_owned()),
                ];
                (C::PermissionDenied, R::ScopeInsufficient, metadata)
            }
            Self::NotFound {
                resource_type,
                resource_name,
            } => {
                let metadata = vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("resource_name", resource_name.clone()),
                ];
                (C::NotFound, R::ResourceNotFound, metadata)
            }
            Self::AlreadyExists {
                resource_type,
                field,
            } => {
                let metadata = vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("field", (*field).to_owned()),
                ];
                (C::AlreadyExists, R::ResourceAlreadyExists, metadata)
            }
            Self::ContactListNotActive {
                contact_list_id,
                state,
            } => {
                let metadata = vec![
                    ("contact_list_id", contact_list_id.to_string()),
                    ("state", state.name().to_owned()),
                ];
                (C::FailedPrecondition, R::ContactListNotActive, metadata)
            }
            Self::ResourceLimitReached {
                resource_type,
                limit,
            } => {
                let metadata = vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("limit", limit.to_string()),
                ];
                (C::FailedPrecondition, R::ResourceLimitReached, metadata)
            }
            Self::ResourceInUse {
                resource_type,
                resource_name,
                used_by,
            } => {
                let metadata = vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("resource_name", resource_name.clone()),
                    ("used_by", (*used_by).to_owned()),
                ];
                (C::FailedPrecondition, R::ResourceInUse, metadata)
            }
            Self::ConcurrentChange | Self::DefinitionsChanged => {
                (C::Aborted, R::ConcurrentChange, vec![])
            }
            Self::TooManyCalls { limit, scope } => {
                let metadata = vec![("limit", limit.to_string()), ("scope", (*scope).to_owned())];
                (C::ResourceExhausted, R::TooManyCalls, metadata)
            }
            Self::SpoolFull { limit_bytes } => {
                let metadata = vec![("limit_bytes", limit_bytes.to_string())];
                (C::ResourceExhausted, R::SpoolFull, metadata)
            }
            Self::MessageTooLarge { limit_bytes } => {
                let metadata = vec![("limit_bytes", limit_bytes.to_string())];
                (C::ResourceExhausted, R::MessageTooLarge, metadata)
            }
            Self::DatabaseUnavailable(_) => (C::Unavailable, R::DatabaseUnavailable, vec![]),
            Self::ShuttingDown => (C::Unavailable, R::ShuttingDown, vec![]),
            Self::StreamIdle { limit_seconds } => {
                let metadata = vec![("limit_seconds", limit_seconds.to_string())];
                (C::DeadlineExceeded, R::StreamIdle, metadata)
            }
            Self::StreamBroken(_) => (C::Cancelled, R::StreamBroken, vec![]),
            Self::Internal(_) => {
                let metadata = vec![("error_id", Uuid::new_v4().to_string())];
                (C::Internal, R::Internal, metadata)
            }
        }
    }

    /// How long a caller should wait before a retry, where one can help.
    fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::ConcurrentChange | Self::DefinitionsChanged => Some(Duration::from_millis(100)),
            Self::TooManyCalls { .. } | Self::SpoolFull { .. } => Some(Duration::from_secs(1)),
            Self::DatabaseUnavailable(_) | Self::ShuttingDown => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason, metadata) = error.face();
        let name = reason
            .as_str_name()
            .trim_start_matches("ERROR_REASON_")
            .to_owned();
        match &error {
            Error::Internal(cause) => {
                let error_id = metadata.first().map_or("", |(_, id)| id.as_str());
                tracing::error!(error_id, cause = format!("{cause:#}"), "call.failed");
            }
            Error::DatabaseUnavailable(cause) => {
                tracing::warn!(cause = format!("{cause:#}"), "database.unavailable");
            }
            _ => {}
        }

        let mut details = ErrorDetails::new();
        let metadata: HashMap<_, _> = metadata
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        details.set_error_info(name.clone(), ERROR_DOMAIN, metadata);
        if let Some(delay) = error.retry_delay() {
            details.set_retry_info(Some(delay));
        }
        match &error {
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
                    name,
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
                    name,
                    format!("{resource_type}/{resource_name}"),
                    error.to_string(),
                );
            }
            Error::ResourceLimitReached { resource_type, .. } => {
                details.add_precondition_failure_violation(name, *resource_type, error.to_string());
            }
            _ => {}
        }
        Status::with_error_details(code, error.to_string(), details)
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
                field,
                description: violation.message.clone(),
                reason: violation
                    .reason
                    .as_str_name()
                    .trim_start_matches("ERROR_REASON_")
                    .to_owned(),
                localized_message: None,
            }
        })
        .take_while(|it| {
            bytes += it.field.len() + it.description.len() + it.reason.len() + 8;
            bytes <= MAX_VIOLATION_BYTES
        })
        .collect()
}

fn summary(violations: &[Violation]) -> Cow<'static, str> {
    match violations {
        [] => "no reason given".into(),
        [one] => format!("{} {}", one.field, one.message).into(),
        [first, ..] => format!(
            "{} {} (and {} more)",
            first.field,
            first.message,
            violations.len() - 1
        )
        .into(),
    }
}

fn footer_words(contact_count: Option<i64>) -> String {
    match contact_count {
        Some(count) => format!("the footer says {count}"),
        None => "and an overwrite needs a footer, which did not".to_owned(),
    }
}
