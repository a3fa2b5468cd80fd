//! What can go wrong, and its one map to status, reason and details.

mod status;

use std::{borrow::Cow, time::Duration};

use thiserror::Error;
use tonic::Code;
use uuid::Uuid;

use crate::domain::{
    contact_list::ListState,
    scope::Scope,
    update_outcome::RejectedContact,
    violation::{Reason, Violation},
};

/// What can go wrong with a call. The message is the caller's to see.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what the variants are.
pub enum Error {
    #[error("the request is invalid: {}", summary(.0))]
    RequestInvalid(Vec<Violation>),
    #[error("a message is malformed: it is not what the call takes")]
    MessageMalformed,
    #[error(
        "a message has more than {limit} values: elements of lists, entries of maps, nested messages"
    )]
    MessageTooManyValues { limit: usize },
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
    Internal {
        error_id: Uuid,
        #[source]
        cause: anyhow::Error,
    },
}

/// What `ErrorInfo` carries beside the reason.
type Metadata = Vec<(&'static str, String)>;

/// The result of what can fail so.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A defect of the service. The caller is told an id only, under which the log has the cause.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal {
            error_id: Uuid::new_v4(),
            cause: cause.into(),
        }
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

    /// Logs what an operator must know of the error that a call ends with, and the caller must not.
    pub fn log(&self) {
        match self {
            Self::Internal { error_id, cause } => {
                tracing::error!(%error_id, cause = format!("{cause:#}"), "call.failed");
            }
            Self::DatabaseUnavailable(cause) => {
                tracing::warn!(cause = format!("{cause:#}"), "database.unavailable");
            }
            _ => {}
        }
    }

    /// The status code, the reason and the reason's metadata.
    pub(super) fn face(&self) -> (Code, Reason, Metadata) {
        use Code as C;
        use Reason as R;
        match self {
            Self::RequestInvalid(_) => (C::InvalidArgument, R::RequestInvalid, vec![]),
            Self::MessageMalformed => (C::InvalidArgument, R::MessageMalformed, vec![]),
            Self::MessageTooManyValues { limit } => (
                C::InvalidArgument,
                R::MessageTooManyValues,
                vec![("limit", limit.to_string())],
            ),
            Self::HeaderMissing => (C::InvalidArgument, R::HeaderMissing, vec![]),
            Self::HeaderRepeated { message_index } => (
                C::InvalidArgument,
                R::HeaderRepeated,
                vec![("message_index", message_index.to_string())],
            ),
            Self::MessageEmpty { message_index } => (
                C::InvalidArgument,
                R::MessageEmpty,
                vec![("message_index", message_index.to_string())],
            ),
            Self::MessageAfterFooter { message_index } => (
                C::InvalidArgument,
                R::MessageAfterFooter,
                vec![("message_index", message_index.to_string())],
            ),
            Self::StreamIncomplete {
                received_count,
                contact_count,
            } => {
                let mut metadata = vec![("received_count", received_count.to_string())];
                metadata.extend(contact_count.map(|count| ("contact_count", count.to_string())));
                (C::InvalidArgument, R::StreamIncomplete, metadata)
            }
            Self::NoContacts => (C::InvalidArgument, R::NoContacts, vec![]),
            Self::ContactLimitExceeded { limit, value } => (
                C::InvalidArgument,
                R::ContactLimitExceeded,
                vec![("limit", limit.to_string()), ("value", value.to_string())],
            ),
            Self::ContactsRejected {
                rejected_count,
                received_count,
                ..
            } => (
                C::InvalidArgument,
                R::ContactsRejected,
                vec![
                    ("rejected_count", rejected_count.to_string()),
                    ("received_count", received_count.to_string()),
                ],
            ),
            Self::RequestIdReused { request_id } => (
                C::InvalidArgument,
                R::RequestIdReused,
                vec![("request_id", request_id.to_string())],
            ),
            Self::CustomObjectRequired {
                custom_object_count,
            } => (
                C::InvalidArgument,
                R::CustomObjectRequired,
                vec![("custom_object_count", custom_object_count.to_string())],
            ),
            Self::PageTokenInvalid => (C::InvalidArgument, R::PageTokenInvalid, vec![]),
            Self::FieldMaskInvalid { path } => (
                C::InvalidArgument,
                R::FieldMaskInvalid,
                vec![("path", path.clone())],
            ),
            Self::ApiKeyInvalid => (C::Unauthenticated, R::ApiKeyInvalid, vec![]),
            Self::ScopeInsufficient { required, actual } => (
                C::PermissionDenied,
                R::ScopeInsufficient,
                vec![
                    ("required_scope", required.name().to_owned()),
                    ("scope", actual.name().to_owned()),
                ],
            ),
            Self::NotFound {
                resource_type,
                resource_name,
            } => (
                C::NotFound,
                R::ResourceNotFound,
                vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("resource_name", resource_name.clone()),
                ],
            ),
            Self::AlreadyExists {
                resource_type,
                field,
            } => (
                C::AlreadyExists,
                R::ResourceAlreadyExists,
                vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("field", (*field).to_owned()),
                ],
            ),
            Self::ContactListNotActive {
                contact_list_id,
                state,
            } => (
                C::FailedPrecondition,
                R::ContactListNotActive,
                vec![
                    ("contact_list_id", contact_list_id.to_string()),
                    ("state", state.name().to_owned()),
                ],
            ),
            Self::ResourceLimitReached {
                resource_type,
                limit,
            } => (
                C::FailedPrecondition,
                R::ResourceLimitReached,
                vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("limit", limit.to_string()),
                ],
            ),
            Self::ResourceInUse {
                resource_type,
                resource_name,
                used_by,
            } => (
                C::FailedPrecondition,
                R::ResourceInUse,
                vec![
                    ("resource_type", (*resource_type).to_owned()),
                    ("resource_name", resource_name.clone()),
                    ("used_by", (*used_by).to_owned()),
                ],
            ),
            Self::ConcurrentChange | Self::DefinitionsChanged => {
                (C::Aborted, R::ConcurrentChange, vec![])
            }
            Self::TooManyCalls { limit, scope } => (
                C::ResourceExhausted,
                R::TooManyCalls,
                vec![("limit", limit.to_string()), ("scope", (*scope).to_owned())],
            ),
            Self::SpoolFull { limit_bytes } => (
                C::ResourceExhausted,
                R::SpoolFull,
                vec![("limit_bytes", limit_bytes.to_string())],
            ),
            Self::MessageTooLarge { limit_bytes } => (
                C::ResourceExhausted,
                R::MessageTooLarge,
                vec![("limit_bytes", limit_bytes.to_string())],
            ),
            Self::DatabaseUnavailable(_) => (C::Unavailable, R::DatabaseUnavailable, vec![]),
            Self::ShuttingDown => (C::Unavailable, R::ShuttingDown, vec![]),
            Self::StreamIdle { limit_seconds } => (
                C::DeadlineExceeded,
                R::StreamIdle,
                vec![("limit_seconds", limit_seconds.to_string())],
            ),
            Self::StreamBroken(_) => (C::Cancelled, R::StreamBroken, vec![]),
            Self::Internal { error_id, .. } => (
                C::Internal,
                R::Internal,
                vec![("error_id", error_id.to_string())],
            ),
        }
    }

    /// How long a caller should wait before a retry, where one can help.
    pub(super) fn retry_delay(&self) -> Option<Duration> {
        match self {
            Self::ConcurrentChange | Self::DefinitionsChanged => Some(Duration::from_millis(100)),
            Self::TooManyCalls { .. } | Self::SpoolFull { .. } => Some(Duration::from_secs(1)),
            Self::DatabaseUnavailable(_)
            | Self::ShuttingDown
            | Self::StreamIdle { .. }
            | Self::StreamBroken(_) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
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
        None => "and no footer, which an overwrite needs".to_owned(),
    }
}
