//! What can go wrong with a call. What a caller is told of it, beside the message, is in `kind` and `status`.

mod kind;
mod status;

use std::borrow::Cow;

use thiserror::Error;
use uuid::Uuid;

pub use self::status::{code_name, reason_name, reason_of, source_of};

use crate::domain::{
    contact_list::ListState, scope::Scope, update_header::RemovalLimit,
    update_outcome::RejectedContact, violation::Violation,
};

/// What can go wrong with a call. Callers see the message.
#[derive(Debug, Error)]
#[allow(missing_docs)] // The messages say what the variants are.
pub enum Error {
    // The request is wrong, or its stream is.
    #[error("the request is invalid: {}", summary(.0))]
    RequestInvalid(Vec<Violation>),
    #[error("{} is malformed: it is not what the call takes", message_words(*.message_index))]
    MessageMalformed {
        /// Which message of a stream.
        message_index: Option<u64>,
    },
    #[error("the request's body is malformed: {problem}")]
    BodyMalformed { problem: String },
    #[error(
        "a message has more than {limit} values: elements of lists, entries of maps, nested messages"
    )]
    MessageTooManyValues { limit: usize },
    #[error("the service has no such call")]
    CallUnknown,
    #[error("messages compressed with \"{grpc_encoding}\" are not supported; gzip is")]
    CompressionUnsupported { grpc_encoding: String },
    #[error("the first message has no header")]
    HeaderMissing,
    #[error("message {message_index} has a header; only the first one may")]
    HeaderRepeated { message_index: u64 },
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
    #[error("the contacts have properties, and the organization has no custom object")]
    CustomObjectRequired,
    #[error("the page token is not one of this call and filter")]
    PageTokenInvalid,
    #[error("the field mask has \"{path}\", which this call does not change")]
    FieldMaskInvalid { path: String },
    #[error("the field mask is empty: name the fields to change, or leave it out")]
    FieldMaskEmpty,
    // The key does not allow the call.
    #[error("the API key is missing, malformed, unknown, disabled or expired")]
    ApiKeyInvalid,
    #[error("the call needs the scope {}, the API key has {}", .required.name(), .actual.name())]
    ScopeInsufficient { required: Scope, actual: Scope },
    // What is stored does not allow it.
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
    #[error(
        "the update would remove {removed_count} of the list's {contact_count} contacts, and may remove at most {limit}"
    )]
    TooManyRemoved {
        contact_list_id: Uuid,
        removed_count: u64,
        contact_count: u64,
        limit: RemovalLimit,
    },
    #[error("the list has version {version}, not {expected_version}: it was changed since")]
    VersionMismatch {
        contact_list_id: Uuid,
        expected_version: u64,
        version: i64,
    },
    #[error("update {update_id} is not the list's latest: {latest_update_id} is")]
    UpdateNotLatest {
        update_id: Uuid,
        latest_update_id: Uuid,
    },
    #[error("update {update_id} can't be taken back: {cause}")]
    UpdateNotRevertible {
        update_id: Uuid,
        cause: &'static str,
    },
    #[error("the call lost a race with other calls; nothing was changed; try again")]
    ConcurrentChange,
    #[error(
        "channels or custom properties changed while the contacts arrived; nothing was changed; try again"
    )]
    DefinitionsChanged,
    // A limit of the server is reached.
    #[error("too many calls at once: the limit is {limit} for this {scope}")]
    TooManyCalls { limit: usize, scope: &'static str },
    #[error("the server has no room for more streamed contacts: the limit is {limit_bytes} bytes")]
    SpoolFull { limit_bytes: u64 },
    #[error("the server's folder for temporary files has no room for more streamed contacts")]
    SpoolFolderFull(#[source] anyhow::Error),
    #[error(
        "the server's memory for large messages and records was in use for too long: the limit is {limit_bytes} bytes"
    )]
    MemoryFull { limit_bytes: u64 },
    #[error("a message is over the limit of {limit_bytes} bytes")]
    MessageTooLarge { limit_bytes: usize },
    #[error("the call's metadata has {value} bytes: the limit is {limit_bytes}")]
    MetadataTooLarge { limit_bytes: usize, value: usize },
    // Something between the caller and the database is not there.
    #[error("the database is out of reach; try again")]
    DatabaseUnavailable(#[source] anyhow::Error),
    #[error("the server cannot use its temporary files; try again")]
    SpoolUnavailable(#[source] anyhow::Error),
    #[error("the server is shutting down; try again")]
    ShuttingDown,
    #[error("the stream brought no message for {limit_seconds} seconds")]
    StreamIdle { limit_seconds: u64 },
    #[error("the call's deadline passed before the call ended")]
    DeadlineExceeded,
    #[error("the stream broke before its end: {0}")]
    StreamBroken(String),
    #[error("the service failed")]
    Internal {
        error_id: Uuid,
        #[source]
        cause: anyhow::Error,
    },
}

/// The result of what can fail with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Returns an error's text with its causes, each once: some errors have their cause in their own text.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl Error {
    /// A defect of the service. The caller is told an id only, under which the log has the cause.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal {
            error_id: Uuid::new_v4(),
            cause: cause.into(),
        }
    }

    /// The organization has no such thing.
    pub fn not_found(resource_type: &'static str, resource_name: impl ToString) -> Self {
        Self::NotFound {
            resource_type,
            resource_name: resource_name.to_string(),
        }
    }

    /// One field of the request is invalid.
    pub fn field(violation: Violation) -> Self {
        Self::RequestInvalid(vec![violation])
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

fn message_words(message_index: Option<u64>) -> String {
    match message_index {
        Some(index) => format!("message {index}"),
        None => "a message".to_owned(),
    }
}

fn footer_words(contact_count: Option<i64>) -> String {
    match contact_count {
        Some(count) => format!("the footer says {count}"),
        None => "and no footer, which this call needs".to_owned(),
    }
}
