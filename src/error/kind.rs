//! What programs read of an error: one table of codes, reasons and retries, and one of what else varies.

use std::{collections::HashMap, fmt::Display, time::Duration};

use tonic::Code;

use super::Error;
use crate::domain::{update_header::RemovalLimit, violation::Reason};

/// The part of an error that its variant alone decides.
pub(super) struct Kind {
    pub code: Code,
    /// The stable reason. A code can have many.
    pub reason: Reason,
    /// How long a caller should wait before it tries again, where that can help.
    pub retry_delay: Option<Duration>,
}

/// A retry that waits for other calls to commit.
const AFTER_A_COMMIT: Option<Duration> = Some(Duration::from_millis(100));

/// A retry that waits for other calls to end.
const AFTER_A_CALL: Option<Duration> = Some(Duration::from_secs(1));

/// A retry that waits for the network, the database or another server.
const AFTER_AN_OUTAGE: Option<Duration> = Some(Duration::from_secs(2));

impl Error {
    /// Returns the error's code, reason and retry.
    #[rustfmt::skip] // A table: a row for each reason.
    pub(super) fn kind(&self) -> Kind {
        use Code as C;
        use Reason as R;
        let (code, reason, retry_delay) = match self {
            // The request is wrong, or its stream is.
            Self::RequestInvalid(_) => (C::InvalidArgument, R::RequestInvalid, None),
            Self::MessageMalformed { .. } | Self::BodyMalformed { .. } => (C::InvalidArgument, R::MessageMalformed, None),
            Self::MessageTooManyValues { .. } => (C::InvalidArgument, R::MessageTooManyValues, None),
            Self::CallUnknown => (C::Unimplemented, R::CallUnknown, None),
            Self::CompressionUnsupported { .. } => (C::Unimplemented, R::CompressionUnsupported, None),
            Self::HeaderMissing => (C::InvalidArgument, R::HeaderMissing, None),
            Self::HeaderRepeated { .. } => (C::InvalidArgument, R::HeaderRepeated, None),
            Self::MessageAfterFooter { .. } => (C::InvalidArgument, R::MessageAfterFooter, None),
            Self::StreamIncomplete { .. } => (C::InvalidArgument, R::StreamIncomplete, None),
            Self::NoContacts => (C::InvalidArgument, R::NoContacts, None),
            Self::ContactLimitExceeded { .. } => (C::InvalidArgument, R::ContactLimitExceeded, None),
            Self::ContactsRejected { .. } => (C::InvalidArgument, R::ContactsRejected, None),
            Self::RequestIdReused { .. } => (C::InvalidArgument, R::RequestIdReused, None),
            Self::CustomObjectRequired => (C::InvalidArgument, R::CustomObjectRequired, None),
            Self::PageTokenInvalid => (C::InvalidArgument, R::PageTokenInvalid, None),
            Self::FieldMaskInvalid { .. } | Self::FieldMaskEmpty => (C::InvalidArgument, R::FieldMaskInvalid, None),
            // The key does not allow the call.
            Self::ApiKeyInvalid => (C::Unauthenticated, R::ApiKeyInvalid, None),
            Self::ScopeInsufficient { .. } => (C::PermissionDenied, R::ScopeInsufficient, None),
            // What is stored does not allow it.
            Self::NotFound { .. } => (C::NotFound, R::ResourceNotFound, None),
            Self::AlreadyExists { .. } => (C::AlreadyExists, R::ResourceAlreadyExists, None),
            Self::ContactListNotActive { .. } => (C::FailedPrecondition, R::ContactListNotActive, None),
            Self::ResourceLimitReached { .. } => (C::FailedPrecondition, R::ResourceLimitReached, None),
            Self::ResourceInUse { .. } => (C::FailedPrecondition, R::ResourceInUse, None),
            Self::TooManyRemoved { .. } => (C::FailedPrecondition, R::TooManyRemoved, None),
            Self::VersionMismatch { .. } => (C::FailedPrecondition, R::VersionMismatch, None),
            Self::UpdateNotLatest { .. } => (C::FailedPrecondition, R::UpdateNotLatest, None),
            Self::UpdateNotRevertible { .. } => (C::FailedPrecondition, R::UpdateNotRevertible, None),
            Self::ConcurrentChange | Self::DefinitionsChanged => (C::Aborted, R::ConcurrentChange, AFTER_A_COMMIT),
            // A limit of the server is reached.
            Self::TooManyCalls { .. } => (C::ResourceExhausted, R::TooManyCalls, AFTER_A_CALL),
            Self::SpoolFull { .. } | Self::SpoolFolderFull(_) => (C::ResourceExhausted, R::SpoolFull, AFTER_A_CALL),
            Self::MemoryFull { .. } => (C::ResourceExhausted, R::MemoryFull, AFTER_A_CALL),
            Self::MessageTooLarge { .. } => (C::ResourceExhausted, R::MessageTooLarge, None),
            Self::MetadataTooLarge { .. } => (C::ResourceExhausted, R::MetadataTooLarge, None),
            // Something between the caller and the database is not there.
            Self::DatabaseUnavailable(_) => (C::Unavailable, R::DatabaseUnavailable, AFTER_AN_OUTAGE),
            Self::SpoolUnavailable(_) => (C::Unavailable, R::SpoolUnavailable, AFTER_AN_OUTAGE),
            Self::ShuttingDown => (C::Unavailable, R::ShuttingDown, AFTER_AN_OUTAGE),
            Self::StreamIdle { .. } => (C::DeadlineExceeded, R::StreamIdle, AFTER_AN_OUTAGE),
            Self::DeadlineExceeded => (C::DeadlineExceeded, R::DeadlineExceeded, None),
            Self::StreamBroken(_) => (C::Cancelled, R::StreamBroken, AFTER_AN_OUTAGE),
            Self::Internal { .. } => (C::Internal, R::Internal, None),
        };
        Kind { code, reason, retry_delay }
    }

    /// Returns all that varies in the message, by name.
    #[rustfmt::skip] // A table: a row for each error.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        match self {
            Self::MessageTooManyValues { limit } => named([("limit", limit)]),
            Self::CompressionUnsupported { grpc_encoding } => named([("grpc_encoding", grpc_encoding)]),
            Self::MessageMalformed { message_index: Some(message_index) }
            | Self::HeaderRepeated { message_index }
            | Self::MessageAfterFooter { message_index } => named([("message_index", message_index)]),
            Self::StreamIncomplete { received_count, contact_count: None } =>
                named([("received_count", received_count)]),
            Self::StreamIncomplete { received_count, contact_count: Some(contact_count) } =>
                named([("received_count", received_count), ("contact_count", contact_count)]),
            Self::ContactLimitExceeded { limit, value } => named([("limit", limit), ("value", value)]),
            Self::ContactsRejected { rejected_count, received_count, .. } =>
                named([("rejected_count", rejected_count), ("received_count", received_count)]),
            Self::RequestIdReused { request_id } => named([("request_id", request_id)]),
            Self::FieldMaskInvalid { path } => named([("path", path)]),
            Self::ScopeInsufficient { required, actual } =>
                named([("required_scope", &required.name()), ("scope", &actual.name())]),
            Self::NotFound { resource_type, resource_name } =>
                named([("resource_type", resource_type), ("resource_name", resource_name)]),
            Self::AlreadyExists { resource_type, field } =>
                named([("resource_type", resource_type), ("field", field)]),
            Self::ContactListNotActive { contact_list_id, state } =>
                named([("contact_list_id", contact_list_id), ("state", &state.name())]),
            Self::ResourceLimitReached { resource_type, limit } =>
                named([("resource_type", resource_type), ("limit", limit)]),
            Self::ResourceInUse { resource_type, resource_name, used_by } => named([
                ("resource_type", resource_type), ("resource_name", resource_name), ("used_by", used_by),
            ]),
            Self::TooManyRemoved { contact_list_id, removed_count, contact_count, limit } => {
                let (name, limit): (_, &dyn Display) = match limit {
                    RemovalLimit::Count(count) => ("max_removed_count", count),
                    RemovalLimit::Percent(percent) => ("max_removed_percent", percent),
                };
                named([
                    ("contact_list_id", contact_list_id), ("removed_count", removed_count), ("contact_count", contact_count), (name, limit),
                ])
            }
            Self::VersionMismatch { contact_list_id, expected_version, version } => named([
                ("contact_list_id", contact_list_id), ("expected_version", expected_version), ("version", version),
            ]),
            Self::UpdateNotLatest { update_id, latest_update_id } =>
                named([("update_id", update_id), ("latest_update_id", latest_update_id)]),
            Self::UpdateNotRevertible { update_id, .. } => named([("update_id", update_id)]),
            Self::TooManyCalls { limit, scope } => named([("limit", limit), ("scope", scope)]),
            Self::SpoolFull { limit_bytes } | Self::MemoryFull { limit_bytes } =>
                named([("limit_bytes", limit_bytes)]),
            Self::MessageTooLarge { limit_bytes } => named([("limit_bytes", limit_bytes)]),
            Self::MetadataTooLarge { limit_bytes, value } =>
                named([("limit_bytes", limit_bytes), ("value", value)]),
            Self::StreamIdle { limit_seconds } => named([("limit_seconds", limit_seconds)]),
            Self::Internal { error_id, .. } => named([("error_id", error_id)]),
            Self::RequestInvalid(_) | Self::MessageMalformed { message_index: None } | Self::BodyMalformed { .. } | Self::CallUnknown | Self::HeaderMissing | Self::NoContacts
            | Self::CustomObjectRequired | Self::PageTokenInvalid | Self::FieldMaskEmpty | Self::ApiKeyInvalid | Self::ConcurrentChange | Self::DefinitionsChanged
            | Self::DatabaseUnavailable(_) | Self::SpoolFolderFull(_) | Self::SpoolUnavailable(_) | Self::ShuttingDown | Self::DeadlineExceeded | Self::StreamBroken(_) => HashMap::new(),
        }
    }
}

fn named<const COUNT: usize>(values: [(&str, &dyn Display); COUNT]) -> HashMap<String, String> {
    values
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .into()
}
